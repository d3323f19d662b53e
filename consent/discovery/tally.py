"""Sightings counted in memory and handed on in batches, so that no request waits for a database.

Reports come from outside and may be made up, any number of them. So everything here is bounded: how many bodies are
read in a minute, how many new sightings are taken in one, how many are known at once, and how many pages each thing is
told for. What goes beyond is counted as *dropped* and forgotten.

What is not handed on yet is lost if the process is killed; a clean exit loses nothing.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from .sighting import Sighting

_LOG = logging.getLogger("consentry")

#: Distinct sightings known at once; they are forgotten with the day.
MOST = 2_000
#: Pages kept for one thing that came in one way. The first few tell where to look.
PAGES = 10
#: Bodies read in a minute; a busy site sends more, and a sample of them tells as much.
READ = 600
#: Sightings not known yet that are taken in a minute, and at once after a pause: one crowded page.
NEW, AT_ONCE = 60, 240

#: Takes what was counted, how many were dropped, and the day.
Keep = Callable[[Mapping[Sighting, int], int, date], None]
#: Calls a function once, some seconds later.
Later = Callable[[float, Callable[[], None]], None]


def in_a_thread(seconds: float, call: Callable[[], None]) -> None:
    """Call in a thread of its own, which keeps no process alive."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()


@dataclass(slots=True)
class _Bucket:
    """Lets *rate* a minute through, and *size* at once after a pause."""

    rate: int
    size: int
    left: float = 0
    at: datetime | None = None

    def take(self, now: datetime) -> bool:
        passed = (now - self.at).total_seconds() if self.at is not None else float("inf")
        self.left, self.at = min(self.size, self.left + max(passed, 0) * self.rate / 60), now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Tally:
    """The sightings of one application.

    :param keep: Takes a batch; what it raises is logged, and the batch stays here for the next time.
    :param every: Seconds between the first sighting of a batch and its hand-over.
    :param later: How to wait for that.
    """

    def __init__(self, keep: Keep, *, every: float = 5.0, later: Later = in_a_thread) -> None:
        self._keep, self._every, self._later = keep, every, later
        self._lock = threading.Lock()
        self._counts: Counter[Sighting] = Counter()
        self._dropped = 0
        self._day: date | None = None
        self._known: set[Sighting] = set()
        self._pages: Counter[Sighting] = Counter()
        self._bodies = _Bucket(READ, READ)
        self._new = _Bucket(NEW, AT_ONCE)
        #: The process that has a hand-over under way; a fork has none.
        self._due_in: int | None = None

    def admits(self, *, now: datetime) -> bool:
        """Whether one more body may be read; counts it as dropped if not."""
        with self._lock:
            self._turn(now.date())
            if self._bodies.take(now):
                return True
            self._dropped += 1
            self._schedule()
            return False

    def add(self, sighting: Sighting, now: datetime, *, only_new: bool = False) -> None:
        """Count one sighting on the day of *now*, UTC.

        :param only_new: Do nothing if it was counted already: a browser may tell the same in two ways.
        """
        with self._lock:
            self._turn(now.date())
            if only_new and (sighting in self._known or replace(sighting, page="") in self._known):
                return
            known = self._recognise(sighting, now)
            if known is None:
                self._dropped += 1
            else:
                self._counts[known] += 1
            self._schedule()

    def flush(self) -> None:
        """Hand over what was counted since the last time. Raises nothing."""
        with self._lock:
            batch, self._counts = self._counts, Counter()
            dropped, self._dropped = self._dropped, 0
            day, self._due_in = self._day, None
        if day is None or not (batch or dropped):
            return
        try:
            self._keep(batch, dropped, day)
        except Exception as error:  # noqa: BLE001  # nobody waits here who could handle it
            _LOG.error("what was seen on pages was not kept: %s", type(error).__name__)
            with self._lock:
                if len(self._counts) + len(batch) <= MOST:
                    self._counts.update(batch)
                else:
                    dropped += batch.total()
                self._dropped += dropped

    def _turn(self, day: date) -> None:
        if self._day != day:
            self._day = day
            self._known.clear()
            self._pages.clear()

    def _recognise(self, sighting: Sighting, now: datetime) -> Sighting | None:
        """*sighting*, without its page if too many are told for it; ``None`` if it is new and there is no room."""
        if sighting in self._known:
            return sighting
        anywhere = replace(sighting, page="")
        if self._pages[anywhere] >= PAGES:
            sighting = anywhere
            if sighting in self._known:
                return sighting
        if len(self._known) >= MOST or not self._new.take(now):
            return None
        self._known.add(sighting)
        self._pages[anywhere] += 1
        return sighting

    def _schedule(self) -> None:
        if self._due_in == os.getpid():
            return
        try:
            self._later(self._every, self.flush)
        except RuntimeError:  # no thread can be started: the exit hands it over
            return
        self._due_in = os.getpid()
