"""Counters in memory, handed on in batches: day, dimension, value, and how often. No event, no visitor, no order.

What is not handed on yet is lost if the process is killed: at most what came in since the last hand-over, plus whatever
no later hit pushed out. A clean exit loses nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

Counts = Mapping[tuple[date, str, str], int]

#: Distinct values held at once; more are counted together, so that a flood of made-up ones stays bounded.
_MOST = 10_000
OTHER = "other"


class Counters:
    """Adds up hits and hands them to *keep*.

    :param keep: Takes a batch; what it raises leaves the batch here for the next time.
    :param every: How often a hit does so; ``None``: none does, since somebody else flushes, and a hit never waits.
    """

    def __init__(self, keep: Callable[[Counts], None], *, every: timedelta | None = timedelta(seconds=5)) -> None:
        self._keep = keep
        self._every = every
        self._lock = threading.Lock()
        self._counts: Counter[tuple[date, str, str]] = Counter()
        self._last: datetime | None = None

    def add(self, dimension: str, value: str, *, now: datetime) -> None:
        """Count one hit on the day of *now*, UTC."""
        key = (now.date(), dimension, value)
        with self._lock:
            if key not in self._counts and len(self._counts) >= _MOST:
                key = (now.date(), dimension, OTHER)
            self._counts[key] += 1
            due = self._every is not None and (self._last is None or now - self._last >= self._every)
            if due:
                self._last = now
        if due:
            self.flush()

    def flush(self) -> None:
        """Hand over all that was counted since the last time."""
        with self._lock:
            batch, self._counts = self._counts, Counter()
        if not batch:
            return
        try:
            self._keep(batch)
        except Exception:
            with self._lock:
                self._counts.update(batch)
            raise
