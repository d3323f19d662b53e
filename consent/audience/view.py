"""What may be read of the counters: a table for each closed day and dimension. No clock, no database, no visitor.

- A cell is *showable* with k hits of k distinct contributors. All others are held back, and always, needed or not, some
  that are showable: those last in an order that no count of the day decides. So a row of what is held back is no proof
  of anything small in it, and its size gives nothing away either, as "the smallest goes too" would.
- Rows never overlap: shown cells; per group (continent) at most one of 2k hits or more held back there; `other` of 3k.
  A day's total is their sum. Dimensions count the same hits (then the totals are equal) or none in common.
- Proof: take any day as read and a value v below k. For every x in 0 … k - 1 another day reads the same: v has x hits,
  the last cell given up has the rest of its row, nothing else is held back, and every hit has a visitor of its own. So
  it is for all dimensions and days at once: nobody finds out v, nor that somebody was there. Weeks, months and exports
  are sums of days as read and add nothing.
- It holds for one reading of a day: keep what :func:`closed` gave, and drop the counts. Another k or order, or a late
  hit, makes a second reading to subtract. Who knows the rest of a row can subtract it; only noise would help there.
- Answers have few values, and a row of the rest would say little: they are shown :func:`whole` or not at all. One for
  each purpose, and the same answers in all of them, so their number N may be known from another purpose. Proof: let
  nothing be shown of a purpose, and v be one of its values. For every x in 0 … k - 1 another day reads the same: v has
  x hits, another value has the N - x others. It shows nothing either, whatever N is, and no other purpose changes, as
  any yes to one may go with any yes or no to another. Where answers leave purposes out, N is not even known.
- What is a part of something shown may be shown :func:`beside` it if what is left has k hits of k contributors as well.
  Else the part may have any x in 0 … k - 1 hits and the rest all others, or the other way round: neither is shown.
- :func:`estimated` gives a number of visitors as a multiple of k, cut off. For every x in 0 … k - 1 hits, one visitor
  more or less, or none, makes the other day above: one more where all others had only as many as their rows need,
  which is a multiple of k and so does not show; one fewer where it was not needed; none where all have one hit each.

Sources: Cox, JASA 75 (1980); Willenborg and de Waal, Elements of Statistical Disclosure Control (2001); Hundepool and
others, Handbook on Statistical Disclosure Control (Eurostat, 2010) §4; Wong and others, Minimality Attack, VLDB 2007.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import NamedTuple, overload

#: The row of all that is held back and in no group's row. A counted value of this name is always held back.
OTHER = "other"
#: How long after a day's end (UTC) its counts may still come in. Writers drop what is later.
GRACE = timedelta(hours=1)


def closes_at(day: date) -> datetime:
    """First moment (UTC) at which *day* may be read, and from which on nothing may be counted for it any more."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1) + GRACE


def last_closed(now: datetime) -> date:
    """The last day that may be read at *now*, aware: see :func:`closes_at`."""
    return (now.astimezone(UTC) - GRACE).date() - timedelta(days=1)


class Kind(enum.Enum):
    """What a row is. Values are what exports say: never reuse one."""

    VALUE = "value"
    GROUP = "group"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Cell:
    """One counter of one day, as stored. Not to be shown.

    :param count: Hits, from 0.
    :param contributors: Distinct contributors at least; never more than the truth.
    """

    value: str
    count: int
    contributors: int


@dataclass(frozen=True, slots=True)
class Row:
    """A count that may be shown.

    :param label: A value, a group or :data:`OTHER`.
    :param count: Hits: of a value from k, of a group from 2k, of the rest from 3k.
    """

    label: str
    kind: Kind
    count: int


class Rows(Sequence[Row]):
    """Rows in the order in which they are read: values and groups, the largest first, then the rest. Kept as columns.

    Two years of days have hundreds of thousands of rows, of which few are looked at one by one.

    :param columns: Counts by label, of each kind; in that order.
    """

    __slots__ = ("columns",)

    def __init__(self, columns: Mapping[Kind, Mapping[str, int]]) -> None:
        self.columns = columns

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Rows:
        """The same as *rows*, in order."""
        columns: dict[Kind, dict[str, int]] = {}
        for row in sorted(rows, key=_place):
            columns.setdefault(row.kind, {})[row.label] = row.count
        return cls(columns)

    def __len__(self) -> int:
        return sum(map(len, self.columns.values()))

    def __iter__(self) -> Iterator[Row]:
        rows = [Row(label, kind, n) for kind, column in self.columns.items() for label, n in column.items()]
        return iter(sorted(rows, key=_place) if Kind.GROUP in self.columns else rows)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, place: int | slice) -> Row | tuple[Row, ...]:
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Rows):
            return self.columns == other.columns
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


@dataclass(frozen=True, slots=True)
class Day:
    """One dimension of one closed day, as it may be read by anybody.

    :param k: Distinct contributors that a shown value had at least.
    :param rows: Values and groups, the largest first, then the rest. Empty: too few, or nobody; that is not told apart.
    :param epsilon: What was spent on noise; ``None``: the counts are exact.
    """

    k: int
    rows: Sequence[Row]
    epsilon: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.rows, Rows):
            object.__setattr__(self, "rows", Rows.of(self.rows))

    @property
    def columns(self) -> Mapping[Kind, Mapping[str, int]]:
        """The rows as counts by label, of each kind that there is."""
        assert isinstance(self.rows, Rows)  # noqa: S101  # told to mypy
        return self.rows.columns

    @property
    def total(self) -> int | None:
        """All hits, which is the sum of the rows; ``None`` if that may not be shown."""
        return sum(sum(column.values()) for column in self.columns.values()) if self.rows else None


@dataclass(frozen=True, slots=True)
class Sum:
    """A row over several days.

    :param count: Hits on the days on which the row is shown; on the others they are in a row that holds more.
    :param days: How many days those are.
    """

    label: str
    kind: Kind
    count: int
    days: int


@dataclass(frozen=True, slots=True)
class Table:
    """Any closed days of one dimension: days by rows, and what they add up to. Nothing in it but what the days show.

    :param days: By date; copied, in order, then read-only.
    """

    days: Mapping[date, Day]

    def __post_init__(self) -> None:
        object.__setattr__(self, "days", MappingProxyType(dict(sorted(self.days.items()))))

    @property
    def sums(self) -> tuple[Sum, ...]:
        """The rows over all days: values and groups, the largest first, then the rest."""
        sums = []
        for kind in Kind:
            counts: dict[str, int] = {}
            seen: Counter[str] = Counter()
            for day in self.days.values():
                column = day.columns.get(kind, {})
                seen.update(column.keys())
                for label, count in column.items():
                    counts[label] = counts.get(label, 0) + count
            sums += [Sum(label, kind, count, seen[label]) for label, count in counts.items()]
        return tuple(sorted(sums, key=_place))

    @property
    def total(self) -> int:
        """All hits of the days whose total is shown."""
        return sum(day.total or 0 for day in self.days.values())

    @property
    def empty(self) -> tuple[date, ...]:
        """The days of which nothing is shown."""
        return tuple(day for day, read in self.days.items() if not read.rows)

    @property
    def order(self) -> tuple[str, ...]:
        """An order for the days *after* these: what was shown most comes first. Made of nothing but what is public."""
        return tuple(row.label for row in self.sums if row.kind is not Kind.OTHER)

    def __iter__(self) -> Iterator[tuple[date, Row]]:
        for day, read in self.days.items():
            for row in read.rows:
                yield day, row


def ungrouped(_value: str) -> str | None:
    """No value belongs to a group."""
    return None


def closed(
    cells: Iterable[Cell],
    *,
    k: int,
    order: Sequence[str] = (),
    group: Callable[[str], str | None] = ungrouped,
    contributors: int = 0,
) -> Day:
    """What may be read of one dimension of a day that is over (:func:`closes_at`), for ever.

    :param cells: Every counter of the dimension on the day; each hit in exactly one of them.
    :param k: From 2.
    :param order: Values and groups, first those to give up last. Unnamed ones are given up after all of them, Z before
        A: else what was given up once would never be shown, and so never be named. It may come from the policy, or from
        days read before (:attr:`Table.order`): never from the counts of this day.
    :param group: The group of a value, such as its continent; ``None``: it has none.
    :param contributors: What any dimension that counts the same hits knows of the day's distinct contributors.
    :raises ValueError: *k* is below 2, a value comes twice, or a number is negative.
    """
    given = list(cells)
    _check(given, k)
    seen = [cell.contributors for cell in given]
    if max(seen, default=0) < k and min(contributors, sum(seen)) < k:
        return Day(k, ())

    places = {label: place for place, label in enumerate(order)}

    def place(label: str) -> tuple[int, str]:
        return places.get(label, -1), label

    alone = _Part()
    groups: dict[str, _Part] = {}
    for cell in sorted(given, key=lambda cell: place(cell.value)):
        label = group(cell.value)
        part = alone if label is None or cell.value == OTHER else groups.setdefault(label, _Part())
        part.add(cell, showable=_showable(cell, k) and cell.value not in (OTHER, label))
    ordered = {label: groups[label] for label in sorted(groups, key=place)}
    return Day(k, _rows(alone, ordered, k))


def whole(cells: Iterable[Cell], *, k: int, values: Collection[str]) -> Day:
    """What may be read of a dimension with few values of which each says something of the others, as yes and no do.

    :param cells: As for :func:`closed`. What has no hits may be missing.
    :param k: From 2.
    :param values: All that there are. They are shown if each has k hits of k contributors; else nothing is.
    :raises ValueError: *k* is below 2, a value comes twice, or a number is negative.
    """
    given = list(cells)
    _check(given, k)
    if {cell.value for cell in given} != set(values) or not all(_showable(cell, k) for cell in given):
        return Day(k, ())
    return Day(k, [Row(cell.value, Kind.VALUE, cell.count) for cell in given])


def beside(parts: Iterable[tuple[Cell, Cell]], *, k: int) -> Day:
    """What may be read of parts of what is shown elsewhere. They may overlap, and their sum means nothing.

    :param parts: The part, and what is left of the whole without it. The whole is shown.
    :param k: From 2.
    :raises ValueError: *k* is below 2, a value comes twice, or a number is negative.
    """
    given = list(parts)
    for cells in zip(*given, strict=True):
        _check(cells, k)
    shown = [part for part, left in given if _showable(part, k) and _showable(left, k)]
    return Day(k, [Row(part.value, Kind.VALUE, part.count) for part in shown])


def estimated(cell: Cell, *, k: int) -> Day:
    """What may be read of an estimate of how many different ones there were.

    :param cell: Of the dimension that has no other; its count is the estimate.
    :param k: From 2. The estimate is cut off to a multiple of k, and to two digits of that.
    :raises ValueError: *k* is below 2, or a number is negative.
    """
    _check([cell], k)
    if not _showable(cell, k):
        return Day(k, ())
    step = k * 10 ** max(0, len(str(cell.count // k)) - 2)
    return Day(k, [Row(cell.value, Kind.VALUE, cell.count // step * step)])


def _showable(cell: Cell, k: int) -> bool:
    return min(cell.count, cell.contributors) >= k


def _check(cells: Sequence[Cell], k: int) -> None:
    if k < 2:
        raise ValueError(f"k starts at 2, got {k}")
    if len({cell.value for cell in cells}) < len(cells):
        raise ValueError("a value is counted twice")
    if any(cell.count < 0 or cell.contributors < 0 for cell in cells):
        raise ValueError("counts and contributors start at 0")


def _rows(alone: _Part, groups: Mapping[str, _Part], k: int) -> list[Row]:
    """The rows of a day, of the values in no group and of the groups in their order."""
    whole = {label: part for label, part in groups.items() if part.fold(2 * k).filled}
    rest = alone.fold(3 * k, sum(part.size for label, part in groups.items() if label not in whole))
    while not rest.filled and whole:
        _, last = whole.popitem()
        rest = last.fold(3 * k, rest.held)
    if rest.held < 3 * k:
        return []
    rows = [*rest.shown, Row(OTHER, Kind.OTHER, rest.held)]
    for label, part in whole.items():
        own = part.fold(2 * k)
        rows += [*own.shown, Row(label, Kind.GROUP, own.held)]
    return rows


class _Part:
    """The cells that fold into one row, added in their order."""

    def __init__(self) -> None:
        self.size = 0
        self._showable: list[Cell] = []

    def add(self, cell: Cell, *, showable: bool) -> None:
        self.size += cell.count
        if showable:
            self._showable.append(cell)

    def fold(self, least: int, more: int = 0) -> _Fold:
        """Give up showable cells, one at least, until what is held back, *more* included, reaches *least*."""
        left = list(self._showable)
        held = more + self.size - sum(cell.count for cell in left)
        filled = False
        while left and not filled:
            held += left.pop().count
            filled = held >= least
        return _Fold([Row(cell.value, Kind.VALUE, cell.count) for cell in left], held, filled)


class _Fold(NamedTuple):
    """What stays, how much is held back, and whether that fills a row."""

    shown: list[Row]
    held: int
    filled: bool


def _place(row: Row | Sum) -> tuple[bool, int, str]:
    return row.kind is Kind.OTHER, -row.count, row.label
