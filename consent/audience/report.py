"""The audience report as values: what the closed days of a period show, what they do not, and why.

Everything here is a sum of rows as they were published (:mod:`.view`); no counter and no clock is read. Sums of
published rows tell nothing that the rows do not, so none of them needs a look of its own.

A row is rarely shown on every day: on the others what it counts is within a larger row. So what it is a share of is the
total of its own days, and of no others: divided by all days, half of three days would read as a twentieth of a month.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Protocol

from . import dimensions, naming
from .dimensions import ACCEPTED, REFUSED
from .period import Period
from .view import Kind, Table

#: The dimensions of a report besides the answers, in the order in which they are told.
ORDER = (
    dimensions.REGION,
    dimensions.EXEMPT_REGION,
    dimensions.PAGE,
    dimensions.CAMPAIGN,
    dimensions.LINK,
    dimensions.OPEN,
    dimensions.OPEN_PROXY,
    dimensions.BROWSER,
    dimensions.DEVICE,
    dimensions.LANGUAGE,
    dimensions.VISITORS,
    dimensions.WITHDRAWAL,
)

#: A count for each step of a period; ``None``: nothing is shown of any of its days.
OverTime = tuple[int | None, ...]


class Days(Protocol):
    """Reads closed days, by dimension: :meth:`consent.ledger.counts.Counts.days`."""

    def __call__(self, *, since: date, until: date) -> Mapping[str, Table]:
        """Those from *since* to *until*, both included."""


@dataclass(frozen=True, slots=True)
class Part:
    """A row over several days.

    :param count: Hits on the days on which the row is shown; on the others they are in a row that holds more.
    :param days: How many days those are, from 1.
    :param of: All hits of those days.
    """

    label: str
    kind: Kind
    count: int
    days: int
    of: int

    @property
    def share(self) -> float:
        """Which part it is of all hits of its own days, 0 to 1."""
        return self.count / self.of if self.of else 0.0

    @property
    def mean(self) -> float:
        """Hits of one of its days."""
        return self.count / self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One dimension over a period.

    :param rows: Values and groups, the largest first, then the rest, with the days on which each is shown.
    :param over_time: All hits of each step.
    :param days_over_time: Days of each step of which something is shown.
    :param days: Days of the period since there are numbers of anything.
    :param ks: How many distinct contributors a value had at least, in any of the days.
    :param epsilons: What noise was added; empty: the counts are exact.
    """

    dimension: str
    rows: tuple[Part, ...]
    over_time: OverTime
    days_over_time: tuple[int, ...]
    days: int
    ks: tuple[int, ...]
    epsilons: tuple[float, ...]

    @property
    def adds_up(self) -> bool:
        """Whether a sum of rows or days says anything: not of visitors, who come again, nor of what overlaps."""
        return self.dimension not in (dimensions.VISITORS, dimensions.WITHDRAWAL)

    @property
    def total(self) -> int:
        """All hits of the days whose total is shown."""
        return sum(row.count for row in self.rows)

    @property
    def shown(self) -> int:
        """Days of which something is shown."""
        return sum(self.days_over_time)

    @property
    def empty(self) -> int:
        """Days of which nothing is shown."""
        return self.days - self.shown

    @property
    def mean(self) -> int | None:
        """Hits of one day, of those that are shown; ``None`` if none is."""
        return round(self.total / self.shown) if self.shown else None

    @property
    def means(self) -> OverTime:
        """Hits of one day of each step, of those days that are shown."""
        steps = zip(self.over_time, self.days_over_time, strict=True)
        return tuple(None if count is None else round(count / days) for count, days in steps)

    @property
    def names_nothing(self) -> bool:
        """Whether all that is shown is the rest."""
        return all(row.kind is Kind.OTHER for row in self.rows)

    def held(self, kind: Kind) -> int:
        """Hits in rows of *kind*."""
        return sum(row.count for row in self.rows if row.kind is kind)

    @property
    def said(self) -> tuple[str, ...]:
        """What is not shown, and why, in whole sentences."""
        return tuple(_said(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What visitors answered about one purpose. Yes and no are shown of the same days.

    :param accepted: How often it was a yes; ``None``: that is shown of no day. Likewise *refused*.
    :param taken_back: How often a yes was taken back, on the days of which that is shown; they may be others.
    :param taken_back_days: How many those are.
    :param over_time: The three of each step.
    """

    purpose: str
    section: Section
    accepted: int | None
    refused: int | None
    taken_back: int | None
    taken_back_days: int
    over_time: tuple[tuple[int | None, int | None, int | None], ...]

    @property
    def rate(self) -> float | None:
        """Share of yes among the answers, 0 to 1."""
        if self.accepted is None or self.refused is None or not self.accepted + self.refused:
            return None
        return self.accepted / (self.accepted + self.refused)


@dataclass(frozen=True, slots=True)
class Region:
    """One row of both populations of visitors: who agreed to be counted, and whom the law lets a site count unasked.

    They have nobody in common, so that their sum counts nobody twice. It is no share of anything: of some countries it
    has those who were not asked, of others it has not.

    :param agreed: ``None``: of them the region is shown on no day. Likewise *exempt*.
    """

    label: str
    kind: Kind
    agreed: Part | None
    exempt: Part | None

    @property
    def count(self) -> int:
        """Hits of both."""
        return sum(part.count for part in (self.agreed, self.exempt) if part is not None)

    @property
    def mean(self) -> float:
        """Hits of one day of both, each of the days on which the region is shown of it."""
        return sum(part.mean for part in (self.agreed, self.exempt) if part is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """See the module.

    :param since: The first day of which anything is shown; ``None``: there is none.
    :param sections: By dimension, in the order of :data:`ORDER`, those of which a day is known.
    :param answers: By purpose, in the order of the policy, then those that are asked about no more.
    """

    period: Period
    since: date | None
    sections: Mapping[str, Section]
    answers: tuple[Answers, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "sections", MappingProxyType(dict(self.sections)))

    def section(self, dimension: str) -> Section:
        """That section; an empty one where nothing is shown of any day."""
        return self.sections.get(dimension) or _Sums(self.period).section(dimension, since=self.since)

    @property
    def all(self) -> tuple[Section, ...]:
        """Every section, answers first."""
        return (*(one.section for one in self.answers), *self.sections.values())

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions of both populations, the largest first, then the rest."""
        agreed, exempt = (
            {(row.kind, row.label): row for row in self.section(dimension).rows}
            for dimension in (dimensions.REGION, dimensions.EXEMPT_REGION)
        )
        rows = [Region(key[1], key[0], agreed.get(key), exempt.get(key)) for key in agreed | exempt]
        return tuple(sorted(rows, key=lambda row: (row.kind is Kind.OTHER, -row.count, row.label)))


def report(days: Days, period: Period, *, purposes: Sequence[str] = ()) -> Report:
    """What *days* shows of *period*.

    :param purposes: Those that visitors are asked about, in the order of the policy; others may be known from before.
    """
    found: dict[str, _Sums] = {}
    for part in period.parts:  # two years at once would take longer, too: so much in memory has to be looked through
        _take(days(since=part.since, until=part.until), found, period)
    known = [purpose for purpose in map(dimensions.answered, found) if purpose is not None]
    asked = [*purposes, *sorted(set(known) - set(purposes))]
    nothing = _Sums(period)
    taken_back = found.get(dimensions.WITHDRAWAL, nothing)
    since = min((sums.first for sums in found.values() if sums.first is not None), default=None)
    return Report(
        period=period,
        since=since,
        sections={name: found[name].section(name, since=since) for name in ORDER if name in found},
        answers=tuple(_answers(one, found.get(dimensions.answer(one), nothing), taken_back, since) for one in asked),
    )


def _take(tables: Mapping[str, Table], found: dict[str, _Sums], period: Period) -> None:
    for dimension, table in tables.items():
        if dimension not in found:
            has_few = dimension == dimensions.WITHDRAWAL or dimensions.answered(dimension) is not None
            found[dimension] = _Sums(period, apart=has_few)
        found[dimension].add(table)


def _answers(purpose: str, sums: _Sums, taken_back: _Sums, since: date | None) -> Answers:
    accepted, refused, back = sums.value(ACCEPTED), sums.value(REFUSED), taken_back.value(purpose)
    return Answers(
        purpose=purpose,
        section=sums.section(dimensions.answer(purpose), since=since),
        over_time=tuple(zip(accepted, refused, back, strict=True)),
        accepted=_sum(accepted),
        refused=_sum(refused),
        taken_back=_sum(back),
        taken_back_days=taken_back.days(purpose),
    )


class _Sums:
    """One dimension, added up day by day.

    :param apart: Whether each value is wanted over time, too.
    """

    def __init__(self, period: Period, *, apart: bool = False) -> None:
        #: The first day of which anything is shown.
        self.first: date | None = None
        self._period = period
        self._apart = apart
        self._starts = [step.since for step in period.steps]
        self._over_time: list[int | None] = [None] * len(self._starts)
        self._days: list[int] = [0] * len(self._starts)
        #: Of each row by turns its count of a day and the total of that day.
        self._counts: tuple[tuple[Kind, defaultdict[str, list[int]]], ...] = tuple(
            (kind, defaultdict(list)) for kind in Kind
        )
        self._values: dict[str, list[int | None]] = {}
        self._ks: set[int] = set()
        self._epsilons: set[float] = set()

    def add(self, table: Table) -> None:
        """Add the days of *table*; none of them may have been added before."""
        (value, values), (group, groups), (_, rest) = self._counts
        for day, shown in table.days.items():  # hundreds of thousands of rows in all: what is left out here is time won
            total = sum([sum(column.values()) for column in shown.columns.values()])
            for kind, column in shown.columns.items():
                counts = values if kind is value else groups if kind is group else rest
                for label, count in column.items():
                    both = counts[label]
                    both.append(count)
                    both.append(total)
                if self._apart and kind is value:
                    self._add_apart(day, column)
            if shown.columns:
                at = bisect(self._starts, day) - 1
                self._days[at] += 1
                _add(self._over_time, at, total)
                self.first = day if self.first is None else min(day, self.first)
            self._ks.add(shown.k)
            self._epsilons.update(() if shown.epsilon is None else (shown.epsilon,))

    def _add_apart(self, day: date, column: Mapping[str, int]) -> None:
        at = bisect(self._starts, day) - 1
        for label, count in column.items():
            _add(self._values.setdefault(label, [None] * len(self._starts)), at, count)

    def value(self, label: str) -> OverTime:
        """One value over time."""
        return tuple(self._values.get(label, [None] * len(self._starts)))

    def days(self, label: str) -> int:
        """Days on which one value is shown."""
        return len(self._counts[0][1].get(label, ())) // 2

    def section(self, dimension: str, *, since: date | None) -> Section:
        """What was added.

        :param since: The first day of which anything is known of any dimension.
        """
        parts = (
            Part(label, kind, sum(both[::2]), len(both) // 2, sum(both[1::2]))
            for kind, found in self._counts
            for label, both in found.items()
        )
        return Section(
            dimension=dimension,
            rows=tuple(sorted(parts, key=lambda row: (row.kind is Kind.OTHER, -row.count, row.label))),
            over_time=tuple(self._over_time),
            days_over_time=tuple(self._days),
            days=(self._period.until - (since or self._period.since)).days + 1,
            ks=tuple(sorted(self._ks)),
            epsilons=tuple(sorted(self._epsilons)),
        )


def _add(steps: list[int | None], at: int, count: int) -> None:
    steps[at] = (steps[at] or 0) + count


def _sum(steps: OverTime) -> int | None:
    known = [count for count in steps if count is not None]
    return sum(known) if known else None


def _said(section: Section) -> Iterator[str]:
    unit = naming.unit(section.dimension)
    is_answer = dimensions.answered(section.dimension) is not None
    who = naming.who(section.dimension)
    least = " to ".join(dict.fromkeys(f"{k:,}" for k in (*section.ks[:1], *section.ks[-1:])))
    if not section.shown:
        yield f"Nothing is shown of {_days(section.days)}: there were too few {unit}, or none."
        return
    if section.empty:
        why = f"there were too few {unit}, or none"
        if is_answer:
            why = f"fewer than {least} {who} said yes, or fewer said no, and one would give the other away"
        yield f"Of {section.empty:,} of {_days(section.days)} nothing is shown: {why}."
    if section.dimension == dimensions.VISITORS:
        yield f"Estimates are cut off to multiples of {least}."
    other, grouped = section.held(Kind.OTHER), section.held(Kind.GROUP)
    if grouped:
        yield (
            f"By continent only: {_share(grouped, section.total, unit)}. These are countries of which too few came, if "
            "any, and in each continent one at least, on purpose, that was large enough."
        )
    if other:
        yield (
            f"In “Other”: {_share(other, section.total, unit)}. It is what fewer than {least} {who} did on a day, if "
            "anything, and as a rule something on purpose that was large enough."
        )
    if section.epsilons:
        spent = " and ".join(f"{one:g}" for one in section.epsilons)
        yield f"Noise was added once, when each day was closed (epsilon {spent}): counts are near the truth, not exact."


def _days(count: int) -> str:
    return "the one day" if count == 1 else f"the {count:,} days"


def _share(part: int, whole: int, unit: str) -> str:
    return f"{part:,} of {whole:,} {unit} ({percent(part, whole)})"


def percent(part: float, whole: float) -> str:
    """A share for people: ``37 %``, and never ``0 %`` of something or ``100 %`` of less than all."""
    if not whole:
        return "–"
    share = 100 * part / whole
    if 0 < share < 1:
        return "under 1 %"
    return f"{min(round(share), 99) if part < whole else 100} %"
