"""Attacks on the anonymity view, by somebody who knows the rule, every table that can be asked for, and what folds into what.

Each attack is tried on a weaker rule, too: there it has to succeed.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction

import pytest

from consent.audience.view import OTHER, Cell, Day, Kind, Row, Table, closed

#: Of a group "A", "B" or none ("u").
_VALUES = ("a1", "a2", "a3", "a4", "b1", "b2", "b3", "u1", "u2")
_ORDER = ("a1", "b1", "a2", "u1", "b2", "A", "B")
_K = 5

Rule = Callable[[Sequence[Cell], int], Day]
#: Coefficients of unknowns, and what they add up to.
Equation = tuple[Mapping[Hashable, int], int]


def _group(value: str) -> str | None:
    return None if value[0] in "uo" else value[0].upper()


def _alone(value: str) -> str | None:
    return None


def _hidden_alone(cells: Sequence[Cell], k: int) -> Day:
    """The weaker rule: hide what is below k, show the total. One hidden cell is the total less the others."""
    shown = tuple(Row(cell.value, Kind.VALUE, cell.count) for cell in cells if cell.contributors >= k)
    rest = sum(cell.count for cell in cells) - sum(row.count for row in shown)
    return Day(k, (*shown, Row(OTHER, Kind.OTHER, rest)))


def _smallest_too(cells: Sequence[Cell], k: int) -> Day:
    """The usual rule: the smallest goes too, if one is hidden. Who knows that, knows how large it can have been."""
    counted = sorted((cell for cell in cells if cell.count), key=lambda cell: (cell.count, cell.value))
    held = [cell for cell in counted if cell.contributors < k]
    shown = [cell for cell in counted if cell.contributors >= k]
    if held and shown:
        held.append(shown.pop(0))
    rows = [Row(cell.value, Kind.VALUE, cell.count) for cell in shown]
    return Day(k, (*rows, Row(OTHER, Kind.OTHER, sum(cell.count for cell in held))))


def _ours(group: Callable[[str], str | None] = _alone, *, seen: int = 0) -> Rule:
    def rule(cells: Sequence[Cell], k: int) -> Day:
        return closed(cells, k=k, order=_ORDER, group=group, contributors=seen)

    return rule


# What the attacker can do.


def _pinned(equations: Iterable[Equation]) -> dict[Hashable, int]:
    """Every unknown that the equations determine, and its value: Gauss and Jordan, over the rationals."""
    pivots: dict[Hashable, tuple[dict[Hashable, Fraction], Fraction]] = {}
    for coefficients, constant in equations:
        row = {unknown: Fraction(factor) for unknown, factor in coefficients.items() if factor}
        value = Fraction(constant)
        for unknown in [unknown for unknown in row if unknown in pivots]:
            row, value = _less(row, value, row[unknown], *pivots[unknown])
        if not row:
            assert value == 0, "what is read contradicts itself"
            continue
        chosen = next(iter(row))
        scale = row[chosen]
        row, value = {unknown: factor / scale for unknown, factor in row.items()}, value / scale
        for other, (known, sums) in list(pivots.items()):
            if chosen in known:
                pivots[other] = _less(known, sums, known[chosen], row, value)
        pivots[chosen] = row, value
    return {unknown: int(value) for unknown, (row, value) in pivots.items() if len(row) == 1}


def _less(
    row: Mapping[Hashable, Fraction],
    value: Fraction,
    times: Fraction,
    other: Mapping[Hashable, Fraction],
    sums: Fraction,
) -> tuple[dict[Hashable, Fraction], Fraction]:
    left = dict(row)
    for unknown, factor in other.items():
        left[unknown] = left.get(unknown, Fraction(0)) - times * factor
        if not left[unknown]:
            del left[unknown]
    return left, value - times * sums


def _most(equations: Sequence[Equation], wanted: Hashable, sign: int) -> Fraction:
    """The most that *sign* times an unknown can be if none is negative: the simplex method, Bland's rule, two phases."""
    unknowns = list({unknown: None for coefficients, _ in equations for unknown in coefficients})
    width, height = len(unknowns), len(equations)
    table = [
        [Fraction(c.get(u, 0)) for u in unknowns] + [Fraction(int(i == j)) for j in range(height)] + [Fraction(b)]
        for i, (c, b) in enumerate(equations)
    ]
    basis = list(range(width, width + height))

    def improve(goal: list[Fraction], columns: int) -> Fraction:
        while True:
            gain = (j for j in range(columns) if goal[j] > sum(goal[basis[i]] * table[i][j] for i in range(height)))
            enters = next(gain, None)
            if enters is None:
                return sum((goal[basis[i]] * table[i][-1] for i in range(height)), Fraction(0))
            ratios = [(table[i][-1] / table[i][enters], basis[i], i) for i in range(height) if table[i][enters] > 0]
            _, _, leaves = min(ratios)
            pivot = table[leaves][enters]
            table[leaves] = [x / pivot for x in table[leaves]]
            for i in range(height):
                if i != leaves and table[i][enters]:
                    times = table[i][enters]
                    table[i] = [x - times * y for x, y in zip(table[i], table[leaves], strict=True)]
            basis[leaves] = enters

    nothing = [Fraction(0)] * (width + height)
    assert improve(nothing[:width] + [Fraction(-1)] * height, width) == 0, "what is read contradicts itself"
    return improve([Fraction(sign * int(u == wanted)) for u in unknowns] + nothing[width:], width)


def _read(name: Hashable, cells: Sequence[Cell], day: Day) -> Iterator[Equation]:
    """What the rows of a day say of its cells. The attacker is told which values fold into which row."""
    rows = {row.label: row for row in day.rows}
    members: dict[str, dict[Hashable, int]] = {label: {} for label in rows}
    for cell in cells:
        label = next((label for label in (cell.value, _group(cell.value)) if label in rows), OTHER)
        if label in rows:
            members[label][name, cell.value] = 1
    for label, row in rows.items():
        yield members[label], row.count


# The tables.


def _cell(chance: random.Random, value: str, k: int) -> Cell:
    size = chance.choice(("none", "one", "few", "edge", "many", "many"))
    if size == "none":
        return Cell(value, 0, 0)
    if size == "one":  # a single visitor, with any number of hits
        return Cell(value, chance.choice((1, 2, k, 1_000)), 1)
    if size == "few":
        contributors = chance.randint(1, k - 1)
        return Cell(value, contributors + chance.randint(0, 30), contributors)
    if size == "edge":
        return Cell(value, k + chance.randint(0, 2), k)
    return Cell(value, k + chance.randint(0, 300), k)


def _cells(chance: random.Random, values: Sequence[str] = _VALUES) -> list[Cell]:
    return [_cell(chance, value, _K) for value in chance.sample(values, chance.randint(2, len(values)))]


def _one_way(chance: random.Random, rule: Rule) -> Iterator[tuple[list[Equation], dict[Hashable, Cell]]]:
    """A day in two dimensions that count the same hits, so that their totals are equal."""
    while True:
        first, second = _cells(chance), _cells(chance, ("u1", "u2", "u3", "u4"))
        missing = sum(cell.count for cell in first) - sum(cell.count for cell in second)
        short = second if missing > 0 else first
        short[-1] = Cell(short[-1].value, short[-1].count + abs(missing), short[-1].contributors or 1)
        equations = [*_read(1, first, rule(first, _K)), *_read(2, second, rule(second, _K))]
        cells: dict[Hashable, Cell] = {(n, cell.value): cell for n, of in ((1, first), (2, second)) for cell in of}
        same: dict[Hashable, int] = {(n, cell.value): 3 - 2 * n for n, of in ((1, first), (2, second)) for cell in of}
        yield [*equations, (same, 0)], cells


def _two_way(chance: random.Random, rule: Rule) -> Iterator[tuple[list[Equation], dict[Hashable, Cell]]]:
    """Three days and their sums, as two overlapping periods and one of all three give them."""
    monday = date(2030, 1, 7)
    while True:
        days = {monday + timedelta(days=n): _cells(chance, _VALUES[:6]) for n in range(3)}
        read = {day: rule(cells, _K) for day, cells in days.items()}
        equations = [equation for day, cells in days.items() for equation in _read(day, cells, read[day])]
        of_row = {
            (day, row.label): coefficients
            for day, cells in days.items()
            for row, (coefficients, _) in zip(read[day].rows, _read(day, cells, read[day]), strict=True)
        }
        for period in (list(days), list(days)[:2], list(days)[1:]):
            table = Table({day: read[day] for day in period})
            for summed in table.sums:
                terms = (of_row.get((day, summed.label), {}) for day in period)
                equations.append(({unknown: 1 for term in terms for unknown in term}, summed.count))
            everything = {u: 1 for day in period for row in read[day].rows for u in of_row[day, row.label]}
            equations.append((everything, table.total))
        yield equations, {(day, cell.value): cell for day, cells in days.items() for cell in cells}


def _recovered(tables: Iterator[tuple[list[Equation], dict[Hashable, Cell]]], number: int) -> int:
    """In how many tables the attacker finds out a cell with somebody in it, but fewer than k."""
    found = 0
    for equations, cells in itertools.islice(tables, number):
        known = _pinned(equations)
        hit = [name for name in known if 0 < cells[name].contributors < _K and cells[name].count]
        assert all(known[name] == cells[name].count for name in hit)
        found += bool(hit)
    return found


_TABLES = pytest.mark.parametrize("tables", [_one_way, _two_way])
_NUMBERS = pytest.mark.parametrize("number", [300, pytest.param(5_000, marks=pytest.mark.slow)])
_GROUPS = pytest.mark.parametrize("group", [_alone, _group])


@_GROUPS
@_TABLES
@_NUMBERS
def test_no_system_of_equations_gives_a_small_cell(tables: Callable, group: Callable, number: int) -> None:
    assert _recovered(tables(random.Random(5), _ours(group)), number) == 0


@_TABLES
def test_the_same_equations_give_small_cells_of_a_weaker_rule(tables: Callable) -> None:
    assert _recovered(tables(random.Random(5), _hidden_alone), 300) > 50


@_GROUPS
@_TABLES
def test_a_linear_programme_leaves_every_small_cell_between_nothing_and_more_than_k(
    tables: Callable, group: Callable
) -> None:
    chance = random.Random(7)
    tried = 0
    for equations, cells in itertools.islice(tables(chance, _ours(group)), 25):
        unknowns = {unknown for coefficients, _ in equations for unknown in coefficients}
        small = [name for name, cell in cells.items() if cell.contributors < _K and name in unknowns]
        for name in chance.sample(small, min(2, len(small))):
            if any(name in coefficients and min(coefficients.values()) > 0 for coefficients, _ in equations):
                assert _most(equations, name, -1) == 0
                assert _most(equations, name, 1) >= 2 * _K
                tried += 1
    assert tried > 15


def test_the_linear_programme_finds_bounds_where_there_are_some() -> None:
    equations: list[Equation] = [({"a": 1, "b": 1}, 10), ({"b": 1, "c": 1}, 4)]
    assert _most(equations, "a", 1) == 10
    assert -_most(equations, "a", -1) == 6


# Another day that reads the same: the strongest thing that can be said.


def _another(cells: Sequence[Cell], day: Day, value: str, hits: int, given_up: Mapping[str, str]) -> list[Cell]:
    """A day of single-hit visitors in which *value* has so many hits, and *given_up* the rest of each row."""
    labels = {row.label for row in day.rows}
    counts = {row.label: row.count for row in day.rows if row.kind is Kind.VALUE}
    group = _group(value)
    its_row = group if group in labels else OTHER
    for row in day.rows:
        if row.kind is not Kind.VALUE:
            counts[given_up[row.label]] = row.count - (hits if row.label == its_row else 0)
    counts[value] = hits
    return [Cell(value, count, count) for value, count in counts.items() if count]


def _indistinguishable(chance: random.Random, group: Callable[[str], str | None], number: int) -> int:
    tried = 0
    for _ in range(number):
        cells = _cells(chance)
        day = closed(cells, k=_K, order=_ORDER, group=group, contributors=_K)  # as another dimension saw
        if not day.rows:
            continue
        labels = {row.label for row in day.rows}
        held = [cell.value for cell in cells if cell.value not in labels and cell.count]
        wanted = [cell.value for cell in cells if cell.contributors < _K] or ["u9"]
        value, hits = chance.choice(wanted), chance.choice((0, 1, _K - 1))
        rows = [row.label for row in day.rows if row.kind is not Kind.VALUE]
        choices = [
            [
                other
                for other in held
                if other != value and (group(other) == label or (label == OTHER and group(other) not in labels))
            ]
            for label in rows
        ]
        assert any(
            closed(another, k=_K, order=_ORDER, group=group) == day
            for chosen in itertools.product(*choices)
            for another in [_another(cells, day, value, hits, dict(zip(rows, chosen, strict=True)))]
        ), (cells, day, value, hits)
        tried += 1
    return tried


@_GROUPS
@pytest.mark.parametrize("number", [1_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_another_day_without_the_visitor_reads_the_same(group: Callable, number: int) -> None:
    """For a small cell and any number below k there is a day with that number, which nobody can tell from the real one."""
    assert _indistinguishable(random.Random(11), group, number) > 0.8 * number


def _days(values: Sequence[str], k: int, total: int) -> Iterator[list[Cell]]:
    """Every day of so many hits: each way to share them out among the values, and each number of contributors."""
    for cuts in itertools.combinations(range(total + len(values) - 1), len(values) - 1):
        edges = [-1, *cuts, total + len(values) - 1]
        counts = [after - before - 1 for before, after in itertools.pairwise(edges)]
        ways = (range(1, min(k, count) + 1) if count else (0,) for count in counts)
        for contributors in itertools.product(*ways):
            yield [Cell(*cell) for cell in zip(values, counts, contributors, strict=True)]


def _told(rule: Rule, values: Sequence[str], k: int, totals: Iterable[int]) -> int:
    """How many readings exclude some number below k for a value that is small on a day that reads so."""
    told = 0
    for total in totals:
        possible: defaultdict[tuple[Day, str], set[int]] = defaultdict(set)
        small: set[tuple[Day, str]] = set()
        for cells in _days(values, k, total):
            day = rule(cells, k)
            for cell in cells:
                possible[day, cell.value].add(cell.count)
                if cell.contributors < k:
                    small.add((day, cell.value))
        told += sum(1 for read in small if read[0].rows and not possible[read] >= set(range(k)))
    return told


@pytest.mark.parametrize(
    ("values", "k", "totals"),
    [
        (("u1", "u2"), 2, range(6, 11)),
        (("u1", "u2", "u3"), 2, range(6, 11)),
        (("u1", "u2", "u3", OTHER), 2, (6, 8)),
        (("a1", "a2", "b1", "u1"), 2, (6, 7, 8)),
        (("a1", "a2", "b1"), 3, (9, 10, 11)),
        (("a1", "a2", "b1", "u1"), 2, (12,)),
        pytest.param(("a1", "a2", "b1", "b2"), 2, (12, 14), marks=pytest.mark.slow),
        pytest.param(("a1", "a2", "b1", "b2", "u1"), 2, (12,), marks=pytest.mark.slow),
        pytest.param(("a1", "a2", "b1", "b2", "c1"), 2, (13,), marks=pytest.mark.slow),
    ],
)
def test_of_all_days_there_are_no_reading_excludes_a_number_below_k(
    values: Sequence[str], k: int, totals: Sequence[int]
) -> None:
    for group, seen in itertools.product((_alone, _group), (0, k)):
        assert _told(_ours(group, seen=seen), values, k, totals) == 0


def test_all_days_tell_where_the_smallest_goes_too() -> None:
    assert _told(_smallest_too, ("u1", "u2", "u3"), 2, (6, 8)) > 0
    assert _told(_hidden_alone, ("u1", "u2", "u3"), 2, (6, 8)) > 0


# The attacks by name.


def test_a_day_added_changes_no_day_before_it() -> None:
    """Two exports differ by the rows of the day that came between, and by nothing else."""
    chance = random.Random(3)
    days = {date(2030, 1, n): closed(_cells(chance), k=_K, order=_ORDER, group=_group) for n in range(1, 9)}
    before, after = Table(dict(list(days.items())[:7])), Table(days)
    assert list(after)[: len(list(before))] == list(before)
    sums = {summed.label: summed.count for summed in after.sums}
    for summed in before.sums:
        sums[summed.label] -= summed.count
    last = {row.label: row.count for row in days[date(2030, 1, 8)].rows}
    assert {label: count for label, count in sums.items() if count} == last


def test_one_visitor_from_a_rare_country_with_a_thousand_hits_may_not_have_been_there() -> None:
    common = [Cell("a1", 900, 10), Cell("a2", 300, 10)]
    there = closed([*common, Cell("b2", 120, 10), Cell("b3", 1_000, 1)], k=10, order=_ORDER, group=_group)
    elsewhere = closed([*common, Cell("b2", 1_120, 10)], k=10, order=_ORDER, group=_group)
    assert there == elsewhere
    assert {row.label: row.count for row in there.rows} == {"a1": 900, "A": 300, OTHER: 1_120}


def test_nobody_else_on_the_day_shows_nothing() -> None:
    assert closed([Cell("b3", 1_000, 1)], k=10, contributors=10).rows == ()
