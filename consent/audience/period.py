"""Which closed days a report is about, and the steps in which it shows them. Dates only; the day is that of UTC.

Source: ISO 8601 (weeks begin on Monday).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from .view import last_closed

#: Days of a report that nobody named a period for: four whole weeks, so that each weekday is in it as often.
USUAL = 28
#: Days of the longest one: 25 months, after which nothing is kept anyway.
LONGEST = 775
_DAY = timedelta(days=1)
#: Days up to which each step is a day, or a week.
_BY_DAY, _BY_WEEK = 92, 366
#: Days that are read at once.
_PART = 14


class PeriodError(ValueError):
    """These days make no period; the text says why and what would."""


class Unit(enum.Enum):
    """How long a step is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Step:
    """Some days of a period that are shown as one. The first and the last step may be shorter than the others."""

    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Period:
    """Days from *since* to *until*, both included.

    :raises PeriodError: *until* is before *since*, or more than :data:`LONGEST` days after it.
    """

    since: date
    until: date

    def __post_init__(self) -> None:
        if self.until < self.since:
            raise PeriodError(f"{self.until} is before {self.since}: name the earlier day first")
        if self.days > LONGEST:
            raise PeriodError(f"{self.days} days are too many: a report is of {LONGEST} days at most")

    @property
    def days(self) -> int:
        """How many."""
        return (self.until - self.since).days + 1

    @property
    def unit(self) -> Unit:
        """Days up to three months, weeks up to a year, then months."""
        if self.days <= _BY_DAY:
            return Unit.DAY
        return Unit.WEEK if self.days <= _BY_WEEK else Unit.MONTH

    @property
    def steps(self) -> tuple[Step, ...]:
        """The days, step by step; each day is in one."""
        return self._cut(lambda day: _last(day, self.unit))

    @property
    def parts(self) -> tuple[Step, ...]:
        """The days, two weeks at a time: for reading them so."""
        return self._cut(lambda day: day + timedelta(days=_PART - 1))

    def _cut(self, last: Callable[[date], date]) -> tuple[Step, ...]:
        found, first = [], self.since
        while first <= self.until:
            step = Step(first, min(last(first), self.until))
            found.append(step)
            first = step.until + _DAY
        return tuple(found)


def _last(day: date, unit: Unit) -> date:
    """The last day of the step that *day* is in."""
    if unit is Unit.DAY:
        return day
    if unit is Unit.WEEK:
        return day + timedelta(days=6 - day.weekday())
    following = day.replace(day=28) + timedelta(days=4)
    return following.replace(day=1) - _DAY


def period(since: str | None, until: str | None, *, now: datetime) -> Period:
    """The period from *since* to *until*, as somebody wrote them (``2026-11-22``); :data:`USUAL` days, where not said.

    :param now: Aware, in UTC.
    :raises PeriodError: they are no days, not over yet, or no period.
    """
    newest = last_closed(now)
    first, end = _day(since) if since else None, _day(until) if until else newest
    for day in (first, end):
        if day is not None and day > newest:
            raise PeriodError(f"{day} is not over: the newest day that can be shown is {newest}")
    if first is not None:
        return Period(first, end)
    if end.toordinal() < USUAL:
        raise PeriodError(f"{end} is too early")
    return Period(end - (USUAL - 1) * _DAY, end)


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
        if found.isoformat() == text:
            return found
    except ValueError:
        pass
    shown = text if len(text) <= 40 and text.isprintable() else "this"
    raise PeriodError(f'{shown} is no day: write it as in "2026-11-22"')
