"""The audience report as a page: pictures, the table behind each, and what is not shown. Contexts for the template.

Whatever a visitor could have made up (paths, campaigns) is text here and is escaped by the template.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import render_template, url_for
from markupsafe import Markup

from consent import Policy
from consent.audience import dimensions, naming
from consent.audience.period import LONGEST, USUAL
from consent.audience.report import Answers, Region, Report, Section, percent
from consent.audience.view import Kind
from consent.wording import wording

from . import audience_notes as notes
from . import charts, render, world
from .charts import Series
from .state import State
from .world import Map

#: Rows of a list that are seen at once, and all that a page has; a file has the rest.
_FIRST, _MOST = 10, 200
#: Periods that one click shows: days, and what they are called.
_PERIODS = ((USUAL, "4 weeks"), (91, "3 months"), (364, "12 months"), (LONGEST, "25 months"))
_LISTS = (dimensions.PAGE, dimensions.CAMPAIGN, dimensions.LINK)
_TECHNICAL = (dimensions.BROWSER, dimensions.DEVICE, dimensions.LANGUAGE)
_MAIL = (dimensions.OPEN, dimensions.OPEN_PROXY)
#: The dash of what is not known.
NOT_SHOWN = "–"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a list.

    :param cells: What stands beside the name, as text.
    :param share: Length of its bar, 0 to 100, next to the longest.
    :param kind: ``value``, ``group`` or ``other``.
    """

    name: str
    cells: tuple[str, ...]
    share: str
    kind: str


@dataclass(frozen=True, slots=True)
class List:
    """A list with bars: the first lines, and more that are folded away.

    :param noun: What a line is about.
    :param left: How many lines the page does not have at all.
    """

    id: str
    title: str
    noun: str
    head: tuple[str, ...]
    first: Sequence[Line]
    more: Sequence[Line]
    left: int
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture over time with the table behind it.

    :param legend: Class and words of what is drawn.
    :param rows: What each step is called, and its cells.
    """

    id: str
    title: str
    picture: Markup
    summary: str
    legend: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: Sequence[tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Purpose:
    """What was answered about one purpose.

    :param rate: Share of yes, in words.
    """

    chart: Chart
    rate: str
    said: tuple[str, ...]


def page(state: State, shown: Report, *, newest: date) -> str:
    """*shown* as a page.

    :param newest: The newest day that can be asked for.
    """
    policy = state.policy
    pages = shown.section(dimensions.PAGE)
    return _render(
        state,
        period=shown.period,
        newest=newest,
        when=naming.span(shown.period.since, shown.period.until),
        unit=shown.period.unit.value,
        empty=not any(section.shown for section in shown.all),
        figures=list(_figures(policy, shown)),
        views=_views(shown, pages) if pages.shown else None,
        visitors=_visitors(shown),
        purposes=[_purpose(policy, shown, one) for one in shown.answers if one.section.shown],
        unanswered=[notes.label(policy, one.purpose) for one in shown.answers if not one.section.shown],
        regions=_regions(shown),
        lists=[_list(shown.section(name)) for name in _LISTS if name in shown.sections],
        mail=[_list(shown.section(name)) for name in _MAIL if name in shown.sections],
        technical=[_list(shown.section(name)) for name in _TECHNICAL if name in shown.sections],
        how=list(notes.how(policy)),
        source=notes.source(state),
    )


def problem(state: State, error: str, *, newest: date, since: str = "", until: str = "") -> str:
    """The page without a report, and why: days that make no period, a store that cannot be read."""
    return _render(state, error=error, newest=newest, since=_day(since), until=_day(until))


def _day(text: str) -> str:
    """*text* if it is a day, else nothing: a field for a day shows no other text."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return ""


def _render(state: State, *, newest: date, **context: Any) -> str:
    here = url_for("consentry.audience")
    periods = [
        (name, f"{here}?from={newest - timedelta(days=days - 1)}&until={newest}", days) for days, name in _PERIODS
    ]
    return render_template(
        "consentry/report.html",
        site=state.policy.controller.name or state.policy.site,
        css_url=render.asset("report.css"),
        here=here,
        periods=periods,
        newest=newest,
        **context,
    )


def _figures(policy: Policy, shown: Report) -> Iterator[tuple[str, str, str]]:
    """The numbers at the top: what, how many, and what that is a part of."""
    pages, visitors = shown.section(dimensions.PAGE), shown.section(dimensions.VISITORS)
    if pages.shown:
        yield "Page views", f"{pages.total:,}", f"{_number(pages.mean)} a day"
    if visitors.shown:
        yield "Visitors a day", f"about {_number(visitors.mean)}", "an estimate, each day anew"
    first = next((one for one in shown.answers if one.purpose == policy.audience.purpose), None)
    if first is not None and first.rate is not None and first.accepted is not None and first.refused is not None:
        answers = first.accepted + first.refused
        yield (
            f"Yes to “{notes.label(policy, first.purpose)}”",
            percent(first.accepted, answers),
            f"of {answers:,} answers",
        )
    countries = {row.label.partition("-")[0] for row in shown.regions if row.kind is Kind.VALUE} - {"unknown"}
    if countries:
        yield "Countries shown", f"{len(countries):,}", "others are told by continent"


def _views(shown: Report, pages: Section) -> Chart:
    exempt = shown.section(dimensions.EXEMPT_REGION)
    said = _extremes(shown, pages.over_time)
    if exempt.shown:
        said += f" Besides, {exempt.total:,} of visitors who need not be asked: they are in the regions only."
    return _single(shown, "views", "Page views", pages, said)


def _visitors(shown: Report) -> Chart | None:
    visitors = shown.section(dimensions.VISITORS)
    if not visitors.shown:
        return None
    said = "An estimate of different visitors on one day. Who comes on two days counts twice, so days are not added up."
    return _single(shown, "visitors", "Visitors a day, estimated", visitors, said, visitors.means)


def _single(
    shown: Report, key: str, title: str, section: Section, said: str, counts: Sequence[int | None] | None = None
) -> Chart:
    counts = section.over_time if counts is None else counts
    return Chart(
        key,
        title,
        charts.columns(
            _labels(shown),
            [Series("r-all", counts)],
            described_by=f"r-{key}-name r-{key}-said",
            width=charts.WIDE,
        ),
        said,
        (),
        (naming.unit(section.dimension).capitalize(),),
        _rows(shown, [(count,) for count in counts]),
    )


def _purpose(policy: Policy, shown: Report, answers: Answers) -> Purpose:
    key = f"purpose-{shown.answers.index(answers) + 1}"
    accepted, refused, taken = ([row[place] for row in answers.over_time] for place in range(3))
    both = [None if yes is None or no is None else yes + no for yes, no in zip(accepted, refused, strict=True)]
    upto = [None if yes is None or not back else yes + back for yes, back in zip(accepted, taken, strict=True)]
    picture = charts.columns(  # each in front of the one before, so that what is seen of them is no, taken back and yes
        _labels(shown),
        [Series("r-no", both), Series("r-back", upto), Series("r-yes", accepted)],
        described_by=f"r-{key}-name r-{key}-said",
    )
    counted = (
        ("r-yes", "Yes", answers.accepted),
        ("r-no", "No", answers.refused),
        ("r-back", "of these taken back", answers.taken_back),
    )
    chart = Chart(
        key,
        notes.label(policy, answers.purpose),
        picture,
        _extremes(shown, both, of="answers"),
        tuple((style, f"{words}: {_number(count)}") for style, words, count in counted),
        ("Yes", "No", "of these taken back"),
        _rows(shown, answers.over_time),
    )
    return Purpose(chart, percent(answers.accepted or 0, sum(one or 0 for one in both)), answers.section.said)


@dataclass(frozen=True, slots=True)
class Regions:
    """The map and the list of regions."""

    map: Map
    summary: str
    list: List
    has_exempt: bool


def _regions(shown: Report) -> Regions | None:
    rows = shown.regions
    if not rows:
        return None
    counts: dict[str, int] = {}
    for row in rows:
        if row.kind is Kind.VALUE:
            country = row.label.partition("-")[0]
            counts[country] = counts.get(country, 0) + row.count
    unknown = counts.pop("unknown", 0)
    agreed, exempt = (shown.section(name) for name in (dimensions.REGION, dimensions.EXEMPT_REGION))
    drawn = world.draw(counts, described_by="r-map-name r-map-said")
    words = wording("en")
    total = sum(row.count for row in rows)
    largest = ", ".join(
        f"{naming.region(code, words)} ({percent(counts[code], total)})"
        for code in sorted(counts, key=lambda code: -counts[code])[:3]
    )
    said = [f"{len(counts):,} countries are shown by themselves" + (f", most of all {largest}." if largest else ".")]
    if unknown:
        said.append(f"Of {percent(unknown, total)} the country is unknown.")
    if drawn.off:
        names = ", ".join(naming.region(code, words) for code in drawn.off)
        said.append(f"Too small for this map: {names}.")
    has_exempt = bool(exempt.shown)
    head = ("Agreed", "Exempt", "Both", "Share") if has_exempt else ("Page views", "Share")
    lines = list(_region_lines(rows, total, has_exempt=has_exempt))
    notes = agreed.said + tuple(f"Of those who need not be asked: {one}" for one in exempt.said if has_exempt)
    return Regions(drawn, " ".join(said), _cut("regions", "Regions", "Region", head, lines, notes), has_exempt)


def _region_lines(rows: Iterable[Region], total: int, *, has_exempt: bool) -> Iterator[Line]:
    longest = max((row.count for row in rows), default=1)
    for row in rows:
        parts = (_number(row.agreed or None), _number(row.exempt or None)) if has_exempt else ()
        cells = (*parts, f"{row.count:,}", percent(row.count, total))
        name = naming.name(dimensions.REGION, row.label, row.kind)
        yield Line(name, cells, _bar(row.count, longest), row.kind.value)


def _list(section: Section) -> List:
    longest = max((row.count for row in section.rows), default=1)
    with_days = any(row.days < section.shown for row in section.rows)
    lines = [
        Line(
            naming.name(section.dimension, row.label, row.kind),
            (f"{row.count:,}", percent(row.count, section.total), *((f"{row.days:,}",) if with_days else ())),
            _bar(row.count, longest),
            row.kind.value,
        )
        for row in section.rows
    ]
    head = (naming.unit(section.dimension).capitalize(), "Share", *(("Days",) if with_days else ()))
    name = section.dimension
    return _cut(name.replace("_", "-"), naming.title(name), naming.noun(name), head, lines, section.said)


def _cut(key: str, title: str, noun: str, head: tuple[str, ...], lines: Sequence[Line], said: tuple[str, ...]) -> List:
    """The rest is always seen: it says how much is not told."""
    rest = [line for line in lines if line.kind == Kind.OTHER.value]
    named = [line for line in lines if line.kind != Kind.OTHER.value]
    if len(named) <= _FIRST + 2:  # nobody opens a drawer for two
        return List(key, title, noun, head, [*named, *rest], [], 0, said)
    return List(key, title, noun, head, [*named[:_FIRST], *rest], named[_FIRST:_MOST], max(0, len(named) - _MOST), said)


def _labels(shown: Report) -> list[str]:
    return [naming.short(step, shown.period.unit) for step in shown.period.steps]


def _rows(shown: Report, counts: Iterable[Sequence[int | None]]) -> list[tuple[str, tuple[str, ...]]]:
    steps = (naming.long(step, shown.period.unit) for step in shown.period.steps)
    return [(step, tuple(map(_number, some))) for step, some in zip(steps, counts, strict=True)]


def _extremes(shown: Report, counts: Sequence[int | None], *, of: str = "") -> str:
    """Most and least, in a sentence."""
    known = [(count, step) for count, step in zip(counts, shown.period.steps, strict=True) if count is not None]
    unit = shown.period.unit
    if not known:
        return "Nothing can be shown."
    most, least = max(known, key=lambda one: one[0]), min(known, key=lambda one: one[0])
    if len(known) == 1 or most[0] == least[0]:
        return f"By {unit.value}: {most[0]:,} {of}".rstrip() + f" ({naming.long(most[1], unit)})."
    busiest = f"{naming.long(most[1], unit)} ({most[0]:,})"
    quietest = f"{naming.long(least[1], unit)} ({least[0]:,})"
    total = f"{sum(count for count, _ in known):,} {of} in all. " if of else ""
    return f"{total}Most: {busiest}; fewest: {quietest}."


def _bar(count: int, longest: int) -> str:
    return f"{100 * count / longest:.3g}" if longest > 0 else "0"


def _number(count: int | None) -> str:
    return NOT_SHOWN if count is None else f"{count:,}"
