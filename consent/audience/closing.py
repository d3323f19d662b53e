"""What is published of a day that is over: every dimension judged by the rule of :mod:`.view` that fits it.

- Pages, regions, browsers, devices, languages and campaigns are ``closed`` together: they count the same hits.
- Exempt regions, links and opened mails are ``closed`` each alone: no hit is in two of them, or in those above.
- Answers are shown ``whole``, purpose by purpose.
- A withdrawal is a refusal as well. It is shown ``beside`` all refusals of the purpose, if those are: only if the
  refusals of who took nothing back are k of k, too, which are counted for this and never shown.
- Visitors are ``estimated``; not where noise was asked for, since one visitor may change the estimate by more than one.

Nothing else is ever shown, whatever was counted. Regions fold into their continent, a subdivision (``DE-BY``) as well:
a row ``DE`` beside it is of those whose subdivision the database does not know, a value like any other.

Pure: chance comes as an argument. Nothing in here knows a database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

from ..lifetime import Lifetime
from ..policy.audience import Audience
from . import dimensions, noise, view
from .continents import continent
from .view import Cell, Day, Row

#: What was counted on one day: cells by dimension.
Raw = Mapping[str, Sequence[Cell]]
#: The order of each dimension's rows, from days published before. See :func:`.view.closed`.
Order = Mapping[str, Sequence[str]]
#: What may be read of a day, by dimension: those of which anything is shown.
Published = Mapping[str, Day]
Judge = Callable[[Raw, Order], Published]

_ALONE = (dimensions.EXEMPT_REGION, dimensions.LINK, dimensions.OPEN, dimensions.OPEN_PROXY)
_GROUPS = dict.fromkeys((dimensions.REGION, dimensions.EXEMPT_REGION), continent)


def judge(audience: Audience, purposes: Collection[str]) -> Judge:
    """How days are judged: :func:`close`, with the noise that the policy asks for.

    :param purposes: Those that the policy declares.
    :raises ConfigError: it asks for noise, and what makes it is not installed.
    """
    chance = None if audience.epsilon is None else noise.maker()
    return lambda raw, order: close(raw, audience, order, purposes, chance)


def close(
    raw: Raw, audience: Audience, order: Order, purposes: Collection[str], chance: noise.Maker | None = None
) -> Published:
    """What may be read of one day, for ever.

    :param raw: All that was counted on it.
    :param purposes: Those whose answers may be shown, of which how many there are is no secret: the policy's. Were they
        those that somebody answered on the day, the share of the noise would tell that one visitor did.
    :param chance: Makes the noise; needed where *audience* has an ``epsilon``.
    :raises ValueError: a cell cannot be, or *chance* is missing.
    """
    answers = _answers(raw, audience, sorted(purposes))
    shown = dict([*_of_pages(raw, audience, order), *_alone(raw, audience, order), *answers])
    if audience.epsilon is None:
        shown |= _visitors(raw, audience)
    elif chance is None:
        raise ValueError("an epsilon, and nothing to make noise with")
    else:
        shown = dict(_noised(shown, audience.epsilon, len(purposes), chance))
    return {dimension: day for dimension, day in shown.items() if day.rows}


def kept_since(retention: Lifetime, *, now: datetime) -> date:
    """The first day that is still kept at *now* (aware): each is for *retention*, counted from its beginning."""
    today = datetime.combine(now.astimezone(UTC), time(), UTC)
    day = today - timedelta(seconds=retention.total_seconds, days=5)  # months are longer or shorter than their mean
    while day < today and retention.after(day) <= now:
        day += timedelta(days=1)
    return day.date()


def _of_pages(raw: Raw, audience: Audience, order: Order) -> Iterator[tuple[str, Day]]:
    known = max((cell.contributors for name in dimensions.OF_A_PAGE for cell in raw.get(name, ())), default=0)
    for name in dimensions.OF_A_PAGE:
        yield name, _closed(name, raw, audience, order, known)


def _alone(raw: Raw, audience: Audience, order: Order) -> Iterator[tuple[str, Day]]:
    for name in _ALONE:
        yield name, _closed(name, raw, audience, order)


def _closed(name: str, raw: Raw, audience: Audience, order: Order, contributors: int = 0) -> Day:
    return view.closed(
        raw.get(name, ()),
        k=audience.k,
        order=order.get(name, ()),
        group=_GROUPS.get(name, view.ungrouped),
        contributors=contributors,
    )


def _answers(raw: Raw, audience: Audience, purposes: Sequence[str]) -> Iterator[tuple[str, Day]]:
    """The answers about each purpose, and what was taken back of those of which they are shown."""
    k = audience.k
    taken = {cell.value: cell for cell in raw.get(dimensions.WITHDRAWAL, ())}
    left = {cell.value: cell for cell in raw.get(dimensions.REFUSAL, ())}
    parts = []
    for purpose in purposes:
        name = dimensions.answer(purpose)
        day = view.whole(raw.get(name, ()), k=k, values=(dimensions.ACCEPTED, dimensions.REFUSED))
        yield name, day
        if day.rows and purpose in taken and purpose in left:
            parts.append((taken[purpose], left[purpose]))
    yield dimensions.WITHDRAWAL, view.beside(parts, k=k)


def _visitors(raw: Raw, audience: Audience) -> dict[str, Day]:
    """The greatest estimate of any process, under the dimension's own name."""
    cells = raw.get(dimensions.VISITORS, ())
    if not audience.visitors or not cells:
        return {}
    largest = Cell(dimensions.VISITORS, max(c.count for c in cells), max(c.contributors for c in cells))
    return {dimensions.VISITORS: view.estimated(largest, k=audience.k)}


def _noised(shown: Mapping[str, Day], epsilon: float, purposes: int, chance: noise.Maker) -> Iterator[tuple[str, Day]]:
    """The same rows with noise. What one hit is counted in shares the *epsilon* of the day.

    That is six dimensions of a page hit. An answer is in the dimension of every purpose once, and in that of what was
    taken back as often: each of these rows has the same share.
    """
    answers = epsilon / max(1, 2 * purposes)
    for name, day in shown.items():
        is_withdrawal = name == dimensions.WITHDRAWAL
        if name in dimensions.OF_A_PAGE:
            share = epsilon / len(dimensions.OF_A_PAGE)
        else:
            share = answers if is_withdrawal or dimensions.answered(name) is not None else epsilon
        counts = chance([row.count for row in day.rows], share)
        rows = [Row(row.label, row.kind, max(0, n)) for row, n in zip(day.rows, counts, strict=True)]
        yield name, Day(day.k, rows, share * purposes if is_withdrawal else share)
