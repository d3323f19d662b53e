"""Which beacons of pages were seen lately, so that each counts once in this process. Knows nothing but random numbers.

Two spans of the time for which a beacon counts are kept, and no lock: one could be held while the process is forked.
"""

from __future__ import annotations

from datetime import datetime, timedelta

#: Numbers of one span; of a flood of more, none is taken for new: it may have been counted.
MOST = 500_000


class Seen:
    """Any number of threads may ask.

    :param lasts: How long a number that was seen is known at least, and twice that at most.
    """

    def __init__(self, lasts: timedelta, *, most: int = MOST) -> None:
        self._lasts = lasts.total_seconds()
        self._most = most
        self._spans: dict[int, dict[bytes, object]] = {}

    def first(self, number: bytes, *, now: datetime) -> bool:
        """Whether *number* is seen for the first time."""
        at = int(now.timestamp() // self._lasts)
        span = self._spans.get(at)
        if span is None:
            span = self._spans.setdefault(at, {})
            for old in [one for one in list(self._spans) if one < at - 1]:
                self._spans.pop(old, None)
        before = self._spans.get(at - 1)
        if (before is not None and number in before) or len(span) >= self._most:
            return False
        mine = object()
        return span.setdefault(number, mine) is mine
