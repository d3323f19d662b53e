"""How long something lasts, as a policy declares it: ``"13 months"``, ``"P6M"``, ``"session"``.

Calendar months and seconds are kept apart, because the law counts in months ("13 months") and a month has no
fixed number of seconds. Not a general ISO 8601 library: weeks and fractions are refused.

Source: ISO 8601-1:2019 §5.5.2 (durations); CNIL deliberation 2020-091 (13 and 6 months).
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

_WORDS = re.compile(r"(\d{1,4})\s+(minute|hour|day|week|month|year)s?")
_ISO = re.compile(r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?(?:T(?=.)(?:(\d{1,5})H)?(?:(\d{1,6})M)?)?")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86400, "week": 604800}

#: Mean length of a Gregorian month, used only to compare and to cap, never to compute an end date.
_MEAN_MONTH = 2_629_746


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A length of time: *months* on the calendar, then *seconds*. The end is exclusive.

    >>> Lifetime.parse("13 months")
    Lifetime(months=13, seconds=0)
    >>> Lifetime.parse("PT24H") == Lifetime.parse("24 hours") == Lifetime.parse("1 day")
    True

    :param months: Calendar months, 0 or more.
    :param seconds: Seconds after those, 0 or more; not both 0.
    :raises ValueError: nothing, or less than nothing, is left of it.
    """

    months: int = 0
    seconds: int = 0

    def __post_init__(self) -> None:
        if self.months < 0 or self.seconds < 0 or not (self.months or self.seconds):
            raise ValueError("a lifetime is longer than nothing")

    @classmethod
    def parse(cls, text: str) -> Lifetime:
        """Read words (``"6 months"``) or an ISO 8601 duration (``"P6M"``).

        :raises ValueError: *text* is neither.
        """
        if words := _WORDS.fullmatch(text.strip()):
            number, unit = int(words[1]), words[2]
            if unit in ("month", "year"):
                return cls(months=number * (12 if unit == "year" else 1))
            return cls(seconds=number * _SECONDS[unit])
        if iso := _ISO.fullmatch(text.strip()):
            years, months, days, hours, minutes = (int(part or 0) for part in iso.groups())
            return cls(months=years * 12 + months, seconds=days * 86400 + hours * 3600 + minutes * 60)
        raise ValueError('not a length of time; write "13 months", "30 days", "24 hours" or "P6M"')

    def after(self, moment: datetime) -> datetime:
        """First instant past this lifetime, counted from *moment*; 31 January plus a month is the end of February."""
        month = moment.month - 1 + self.months
        year, month = moment.year + month // 12, month % 12 + 1
        day = min(moment.day, calendar.monthrange(year, month)[1])
        return moment.replace(year=year, month=month, day=day) + timedelta(seconds=self.seconds)

    @property
    def total_seconds(self) -> int:
        """Length in seconds with mean months: for comparing and for ``Max-Age``."""
        return self.months * _MEAN_MONTH + self.seconds

    @property
    def iso(self) -> str:
        """ISO 8601 form, the way it is kept and exported."""
        days, rest = divmod(self.seconds, 86400)
        hours, minutes = rest // 3600, rest % 3600 // 60
        date = (f"{self.months}M" if self.months else "") + (f"{days}D" if days else "")
        time = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
        return "P" + date + (f"T{time}" if time else "")

    @property
    def parts(self) -> tuple[int, str]:
        """Number and unit for people, in the largest unit that divides it: ``(13, "month")``."""
        if self.months and not self.seconds:
            return (self.months // 12, "year") if self.months % 12 == 0 else (self.months, "month")
        total = self.total_seconds
        for unit in ("day", "hour"):
            if total % _SECONDS[unit] == 0:
                return total // _SECONDS[unit], unit
        return max(1, total // 60), "minute"

    def __lt__(self, other: Lifetime) -> bool:
        return self.total_seconds < other.total_seconds
