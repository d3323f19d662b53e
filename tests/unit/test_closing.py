"""What is published of a day that is over: which rule for which dimension, and what all of them say together."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

import pytest

from consent.audience import closing, dimensions
from consent.audience.closing import Published
from consent.audience.dimensions import ACCEPTED, REFUSAL, REFUSED, WITHDRAWAL, answer
from consent.audience.view import Cell, Day, Kind, Row, beside, closed, estimated, whole
from consent.lifetime import Lifetime
from consent.policy.audience import Audience
from tests.unit.test_view_attacks import Equation, _most

_AUDIENCE = Audience()
#: Declared; answers about others are never shown.
PURPOSES = ("statistics", "marketing", "social", "preferences", "a", "b", "p", "q")
Raw = dict[str, list[Cell]]


def _rows(published: Published, dimension: str) -> dict[str, int]:
    return {row.label: row.count for row in published[dimension].rows} if dimension in published else {}


def _cells(**counts: int) -> list[Cell]:
    """Cells in which every hit has a visitor of its own."""
    return [Cell(value, count, min(count, 10)) for value, count in counts.items()]


def _answered(accepted: int, refused: int, taken_back: int = 0, purpose: str = "statistics") -> Raw:
    """Every one by a visitor of its own."""
    return {
        answer(purpose): _cells(**{ACCEPTED: accepted, REFUSED: refused}),
        WITHDRAWAL: _cells(**{purpose: taken_back}),
        REFUSAL: _cells(**{purpose: refused - taken_back}),
    }


def _close(raw: Mapping[str, Sequence[Cell]], **changes: object) -> Published:
    return closing.close(raw, Audience(**changes), {}, PURPOSES)  # type: ignore[arg-type]


# Which rule for which dimension.


def test_what_one_page_dimension_saw_is_known_of_all() -> None:
    """Or a dimension in which each value is small would say so by having no total."""
    spread = [Cell(f"page {number}", 5, 5) for number in range(20)]
    published = _close({dimensions.PAGE: spread, dimensions.DEVICE: _cells(phone=60, desktop=40)})
    assert _rows(published, dimensions.PAGE) == {"other": 100}
    assert _rows(published, dimensions.DEVICE) == {"desktop": 40, "other": 60}


def test_dimensions_of_their_own_know_nothing_of_each_other() -> None:
    few = [Cell("spring", 90, 9)]
    published = _close({dimensions.LINK: few, dimensions.OPEN: few, dimensions.PAGE: _cells(a=60, b=40)})
    assert set(published) == {dimensions.PAGE}


def test_regions_fold_into_their_continent_and_subdivisions_as_well() -> None:
    counts = {"DE-BY": 500, "DE-BE": 300, "DE-HB": 4, "DE": 30, "FR": 200, "US": 90, "US-CA": 80, "unknown": 40}
    order = {dimensions.REGION: ["DE-BY", "DE-BE", "FR", "US", "150", "019", "DE", "US-CA", "unknown"]}
    published = closing.close({dimensions.REGION: _cells(**counts)}, _AUDIENCE, order, PURPOSES)
    assert _rows(published, dimensions.REGION) == {
        "DE-BY": 500,
        "DE-BE": 300,
        "FR": 200,
        "US": 90,
        "150": 34,
        "019": 80,
        "other": 40,
    }


def test_nothing_is_published_that_is_not_known_to_be_harmless() -> None:
    raw = {"address": _cells(a=900, b=900), "": _cells(a=900, b=900), REFUSAL: _cells(statistics=900)}
    assert _close(raw) == {}


def test_what_shows_nothing_is_not_there() -> None:
    """An empty table would say that somebody was counted."""
    assert _close({dimensions.OPEN: [Cell("spring", 3, 1)], dimensions.PAGE: [Cell("/", 1_000, 9)]}) == {}


def test_the_order_is_that_of_days_before() -> None:
    raw = {dimensions.BROWSER: _cells(Chrome=50, Edge=40, Firefox=30)}
    assert _rows(closing.close(raw, _AUDIENCE, {}, PURPOSES), dimensions.BROWSER) == {
        "Chrome": 50,
        "Edge": 40,
        "other": 30,
    }
    order = {dimensions.BROWSER: ["Firefox", "Edge", "Chrome"]}
    assert _rows(closing.close(raw, _AUDIENCE, order, PURPOSES), dimensions.BROWSER) == {
        "Firefox": 30,
        "Edge": 40,
        "other": 50,
    }


def test_answers_are_shown_where_both_have_k_of_k() -> None:
    assert _rows(_close(_answered(30, 12)), answer("statistics")) == {ACCEPTED: 30, REFUSED: 12}
    assert _close(_answered(30, 9)) == _close(_answered(9, 30)) == _close(_answered(30, 0)) == {}
    assert _close({answer("statistics"): [Cell(ACCEPTED, 30, 10), Cell(REFUSED, 30, 9)]}) == {}


def test_answers_in_which_something_has_no_name_are_not_shown() -> None:
    assert _close({answer("statistics"): _cells(accepted=90, refused=80, other=70)}) == {}


@pytest.mark.parametrize(
    ("accepted", "refused", "taken_back", "shown"),
    [
        (50, 30, 12, {"statistics": 12}),
        (50, 30, 9, {}),  # too few
        (50, 30, 21, {}),  # 30 - 21 would be too few
        (9, 30, 12, {}),  # 12 of the refusals are known, and those are not
    ],
)
def test_withdrawals_are_shown_where_the_other_refusals_may_be(
    accepted: int, refused: int, taken_back: int, shown: dict[str, int]
) -> None:
    assert _rows(_close(_answered(accepted, refused, taken_back)), WITHDRAWAL) == shown


def test_one_visitor_who_refuses_a_thousand_times_is_not_told_from_withdrawals() -> None:
    raw = _answered(50, 1_012, 12)
    raw[REFUSAL] = [Cell("statistics", 1_000, 1)]
    assert _rows(_close(raw), WITHDRAWAL) == {}
    del raw[REFUSAL]
    assert _rows(_close(raw), WITHDRAWAL) == {}


def test_withdrawals_of_several_purposes() -> None:
    raw: Raw = defaultdict(list)
    for purpose, numbers in {"statistics": (50, 30, 12), "marketing": (40, 90, 70), "social": (50, 30, 2)}.items():
        for dimension, cells in _answered(*numbers, purpose=purpose).items():
            raw[dimension] += cells
    assert _rows(_close(raw), WITHDRAWAL) == {"statistics": 12, "marketing": 70}


def test_visitors_are_shown_only_where_asked_for_and_cut_off() -> None:
    raw = {dimensions.VISITORS: [Cell("all", 239, 10), Cell("other", 237, 7)]}
    assert _close(raw) == {}
    assert _rows(_close(raw, visitors=True), dimensions.VISITORS) == {dimensions.VISITORS: 230}
    assert _rows(_close(raw, visitors=True, k=11), dimensions.VISITORS) == {}


@pytest.mark.parametrize(
    ("count", "shown"), [(9, None), (10, 10), (19, 10), (109, 100), (999, 990), (1_099, 1_000), (123_456, 120_000)]
)
def test_an_estimate_is_cut_to_two_digits_and_k(count: int, shown: int | None) -> None:
    rows = estimated(Cell("visitors", count, 10), k=10).rows
    assert rows == (() if shown is None else (Row("visitors", Kind.VALUE, shown),))
    assert estimated(Cell("visitors", count, 9), k=10).rows == ()


def test_an_estimate_is_a_multiple_of_k() -> None:
    for count in range(15, 3_000, 7):
        (row,) = estimated(Cell("visitors", count, 15), k=15).rows
        assert row.count % 15 == 0
        assert 0 <= count - row.count <= max(14, count // 10)


@pytest.mark.parametrize("cells", [[Cell("a", 1, 1), Cell("a", 2, 1)], [Cell("a", -1, 1)], [Cell("a", 1, -1)]])
def test_what_cannot_be_is_refused(cells: list[Cell]) -> None:
    with pytest.raises(ValueError, match=r"twice|start at 0"):
        whole(cells, k=10, values=("a", "b"))
    with pytest.raises(ValueError, match=r"twice|start at 0"):
        beside([(cell, Cell(str(n), 1, 1)) for n, cell in enumerate(cells)], k=10)
    with pytest.raises(ValueError, match="k starts at 2"):
        estimated(Cell("a", 1, 1), k=1)


def test_a_day_is_kept_for_as_long_as_the_policy_says() -> None:
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)
    months = {25: date(2024, 3, 1), 13: date(2025, 3, 1), 1: date(2026, 3, 1)}  # 29 February and 25 months: 29 March
    for number, first in months.items():
        assert closing.kept_since(Lifetime(months=number), now=now) == first
    assert closing.kept_since(Lifetime(seconds=40 * 86_400), now=now) == date(2026, 2, 20)
    assert closing.kept_since(Lifetime(seconds=60), now=now) == date(2026, 3, 31)


# Everything that there can be, for a small k: no reading excludes a number below k. See test_view_attacks.

Reading = Hashable


def _excluded(days: Iterator[tuple[Reading, Mapping[str, Cell]]], k: int) -> int:
    """How many readings exclude some number below k of something that is small on a day that reads so."""
    possible: defaultdict[tuple[Reading, str], set[int]] = defaultdict(set)
    small: set[tuple[Reading, str]] = set()
    for reading, cells in days:
        for name, cell in cells.items():
            possible[reading, name].add(cell.count)
            if min(cell.count, cell.contributors) < k:
                small.add((reading, name))
    assert small
    return sum(1 for found in small if not possible[found] >= set(range(k)))


def _cell(value: str, count: int, k: int) -> Iterator[Cell]:
    """With every number of contributors that so many hits can have."""
    for contributors in range(1, min(count, k) + 1) if count else (0,):
        yield Cell(value, count, contributors)


def _purpose(name: str, k: int, counts: Sequence[int]) -> Iterator[tuple[Raw, dict[str, Cell]]]:
    """Answers about one purpose: so many accepted, refused who had not allowed it, and took it back."""
    accepted, first, taken = counts
    for yes, no, back in itertools.product(_cell(ACCEPTED, accepted, k), _cell(name, first, k), _cell(name, taken, k)):
        # Who refuses is at least as many as in either part, and at most as many as in both.
        for distinct in {max(no.contributors, back.contributors), min(k, no.contributors + back.contributors)}:
            refused = Cell(REFUSED, first + taken, distinct)
            raw = {answer(name): [yes, refused], REFUSAL: [no], WITHDRAWAL: [back]}
            yield raw, {f"{name} accepted": yes, f"{name} refused": refused, f"{name} first": no, f"{name} back": back}


def _parts(total: int, number: int) -> Iterator[tuple[int, ...]]:
    if number == 1:
        yield (total,)
        return
    for first in range(total + 1):
        for rest in _parts(total - first, number - 1):
            yield (first, *rest)


def _frozen(published: Published) -> Reading:
    return tuple(sorted((name, tuple(day.rows)) for name, day in published.items()))


def _all_answers(k: int, totals: Sequence[int], close: Callable[[Raw], Published]) -> Iterator[tuple]:
    """Every day of so many answers about a purpose. The attacker knows how many, as from another purpose.

    No more is known from others: any answer to one purpose may go with any to another.
    """
    for total in totals:
        for counts in _parts(total, 3):
            for raw, cells in _purpose("p", k, counts):
                yield (total, _frozen(close(raw))), cells


def _withdrawals_alone(raw: Raw, k: int) -> Published:
    """The weaker rule: what was taken back is shown if it is k of k, whatever else there is."""
    published = closing.close(
        {name: cells for name, cells in raw.items() if name != WITHDRAWAL}, Audience(k=k), {}, PURPOSES
    )
    shown = [Row(cell.value, Kind.VALUE, cell.count) for cell in raw[WITHDRAWAL] if cell.contributors >= k]
    return {**published, WITHDRAWAL: Day(k, shown)}


def _withdrawals_closed(raw: Raw, k: int) -> Published:
    """Another: they are closed like pages, beside the answers."""
    published = closing.close(
        {name: cells for name, cells in raw.items() if name != WITHDRAWAL}, Audience(k=k), {}, PURPOSES
    )
    return {**published, WITHDRAWAL: closed(raw[WITHDRAWAL], k=k)}


@pytest.mark.parametrize(("k", "totals"), [(2, range(2, 9)), (3, (7, 9, 10))])
def test_of_all_answers_no_reading_excludes_a_number_below_k(k: int, totals: Sequence[int]) -> None:
    """Not even where the number of all answers is known, as from another purpose; nor by subtraction of withdrawals."""
    audience = Audience(k=k)
    assert _excluded(_all_answers(k, totals, lambda raw: closing.close(raw, audience, {}, PURPOSES)), k) == 0


@pytest.mark.parametrize("rule", [_withdrawals_alone, _withdrawals_closed])
def test_all_answers_tell_where_withdrawals_are_shown_by_a_weaker_rule(rule: Callable) -> None:
    assert _excluded(_all_answers(2, range(2, 9), lambda raw: rule(raw, 2)), 2) > 0


# Answers as the joint table that nobody keeps: what the rows say of it, whatever answer goes with whatever other.

_STATES = ("yes", "no", "back", "left out")


def _joint(chance: random.Random, purposes: str, *, may_leave_out: bool) -> dict[tuple[str, ...], int]:
    """How often each combination of answers was given. Somebody new each time, or one who does so again and again."""
    states = _STATES if may_leave_out else _STATES[:3]
    weights = {purpose: [chance.choice((0, 1, 5, 60)) for _ in states] for purpose in purposes}
    for each in weights.values():
        each[0] += 1
    drawn = [
        tuple(chance.choices(states, weights[purpose])[0] for purpose in purposes)
        for _ in range(chance.randint(10, 150))
    ]
    return {pattern: drawn.count(pattern) for pattern in set(drawn)}


def _raw_of(chance: random.Random, joint: Mapping[tuple[str, ...], int], purposes: str) -> Raw:
    raw: Raw = defaultdict(list)
    for at, purpose in enumerate(purposes):
        counts = {state: sum(n for pattern, n in joint.items() if pattern[at] == state) for state in _STATES}
        who = {state: min(10, chance.choice((n, n, max(1, n // 20)))) if n else 0 for state, n in counts.items()}
        refused = counts["no"] + counts["back"]
        raw[answer(purpose)] = [
            Cell(ACCEPTED, counts["yes"], who["yes"]),
            Cell(REFUSED, refused, max(who["no"], who["back"])),
        ]
        raw[REFUSAL].append(Cell(purpose, counts["no"], who["no"]))
        raw[WITHDRAWAL].append(Cell(purpose, counts["back"], who["back"]))
    return raw


def _small(raw: Raw, k: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Purpose and states of every cell that is small."""
    for name, states in ((WITHDRAWAL, ("back",)), (REFUSAL, ("no",))):
        yield from ((cell.value, states) for cell in raw[name] if min(cell.count, cell.contributors) < k)
    for name, cells in raw.items():
        for cell in cells:
            purpose = dimensions.answered(name)
            if purpose and min(cell.count, cell.contributors) < k:
                yield purpose, ("yes",) if cell.value == ACCEPTED else ("no", "back")


def _said(published: Published, purposes: str, patterns: Sequence[tuple[str, ...]]) -> Iterator[Equation]:
    """What the rows say of the joint table."""
    for name, day in published.items():
        for row in day.rows:
            purpose = dimensions.answered(name) or row.label
            states = {ACCEPTED: ("yes",), REFUSED: ("no", "back")}.get(row.label, ("back",))
            at = purposes.index(purpose)
            yield {pattern: 1 for pattern in patterns if pattern[at] in states}, row.count


@pytest.mark.parametrize("may_leave_out", [False, True])
@pytest.mark.parametrize("number", [40, pytest.param(1_000, marks=pytest.mark.slow)])
def test_no_answers_to_other_purposes_bound_a_small_number(may_leave_out: bool, number: int) -> None:
    """A linear programme over the joint table: every small number can be nothing, and anything below k."""
    chance, tried = random.Random(7), 0
    for _ in range(number):
        purposes = "pq"
        joint = _joint(chance, purposes, may_leave_out=may_leave_out)
        raw = _raw_of(chance, joint, purposes)
        published = closing.close(raw, _AUDIENCE, {}, PURPOSES)
        states = _STATES if may_leave_out else _STATES[:3]
        patterns = list(itertools.product(states, repeat=len(purposes)))
        equations = list(_said(published, purposes, patterns))
        if not equations:
            continue
        for purpose, small in _small(raw, _AUDIENCE.k):
            at = purposes.index(purpose)
            counted: dict[Hashable, int] = {pattern: -1 for pattern in patterns if pattern[at] in small}
            assert _most([*equations, ({**counted, "small": 1}, 0)], "small", -1) == 0
            assert _most([*equations, ({**counted, "small": 1}, 0), _BOUND], "small", 1) >= _AUDIENCE.k - 1
            tried += 1
    assert tried > number / 3


#: What the programme is asked for has to have an end.
_BOUND: Equation = ({"small": 1, "rest": 1}, 1_000)


# Visitors, beside the totals.


def _visited(values: Sequence[str], k: int, total: int, everybody: bool) -> Iterator[tuple]:
    """Every day of so many hits in one dimension, each visitor in one value of it; cells with all visitors."""
    for counts in _parts(total, len(values)):
        for visitors in itertools.product(*(range(1, count + 1) if count else (0,) for count in counts)):
            cells = [
                Cell(value, count, min(k, who)) for value, count, who in zip(values, counts, visitors, strict=True)
            ]
            known = min(k, sum(visitors)) if everybody else 0
            day = closed(cells, k=k, contributors=known)
            number = sum(visitors)
            contributors = max(known, *(cell.contributors for cell in cells))
            yield day, Cell("visitors", number, contributors), {cell.value: cell for cell in cells}


@pytest.mark.parametrize("everybody", [False, True])
@pytest.mark.parametrize(
    ("values", "k", "totals"), [("abc", 2, range(1, 9)), ("abcd", 2, range(1, 8)), ("abc", 3, range(1, 11))]
)
def test_of_all_days_no_estimate_of_visitors_excludes_a_number_below_k(
    values: str, k: int, totals: Sequence[int], everybody: bool
) -> None:
    """Also where no visitor is in two values, as of regions, so that their numbers add up."""
    days = [day for total in totals for day in _visited(values, k, total, everybody)]
    assert _excluded((((day, estimated(seen, k=k)), cells) for day, seen, cells in days), k) == 0


def test_exact_visitors_exclude_some() -> None:
    days = [day for total in (6, 7, 8) for day in _visited("abc", 2, total, everybody=False)]
    assert _excluded((((day, seen.count), cells) for day, seen, cells in days if day.rows), 2) > 0
