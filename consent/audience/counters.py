"""Counters in memory, handed on in batches: day, dimension, value, how often, and how many there were at least.

No event, no visitor, no order. Who was counted is kept as a keyed digest of 8 bytes, under a key that this process made
for the day and tells nobody: at most k of them for one counter. None of them stays when the day is over, nor does the
key: the first hit or hand-over after it drops them.

What is not handed on yet is lost if the process is killed: at most what came in since the last hand-over. A clean exit
loses nothing, if its last act is :meth:`Counters.flush`. A process that is forked off begins with nothing.

Source: RFC 7693 (BLAKE2, with a key: who does not have it cannot try all networks).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

from .dimensions import VISITORS
from .view import OTHER, closes_at
from .visitors import Visitors

#: Distinct values of one dimension and day; more are counted together, so that a flood of made-up ones stays bounded.
MOST_VALUES = 2_000
#: Distinct tokens of one day that :meth:`Counters.first` knows, in 20 MB.
MOST_TOKENS = 200_000
_DIGEST = 8
_A_DAY = timedelta(days=1)


class Tallied(NamedTuple):
    """What is handed over for one counter.

    :param count: Hits since the last time. Of :data:`~.dimensions.VISITORS`: how many there were all day.
    :param contributors: Distinct contributors of the whole day that this process knows of, at most k; never more than
        the truth.
    """

    count: int  # type: ignore[assignment]  # nobody asks how often something is in it
    contributors: int


#: By day, dimension and value.
Batch = Mapping[tuple[date, str, str], Tallied]


class Counters:
    """Adds up hits and hands them to *keep*. Any number of threads may.

    :param keep: Takes a batch; what it raises leaves the batch here for the next time.
    :param k: How many contributors of one counter are worth knowing, from 1.
    :param entropy: Gives that many random bytes: 32 a day.
    :param every: How often a hit does so; ``None``: none does, since somebody else flushes, and a hit never waits.
    :param forget: Called when a day is over: drops what others remember of those who came.
    """

    def __init__(
        self,
        keep: Callable[[Batch], None],
        *,
        k: int,
        entropy: Callable[[int], bytes],
        every: timedelta | None = timedelta(seconds=5),
        forget: Callable[[], object] = bool,
    ) -> None:
        self._keep = keep
        self._forget = forget
        self._k = k
        self._entropy = entropy
        self._every = every
        self._begin()
        _EVERYWHERE.add(self)

    def add(
        self, values: Iterable[tuple[str, str]], who: bytes, *, now: datetime, visitor: bytes | None = None
    ) -> None:
        """Count one hit on the day of *now*, or on a later one if there was one already.

        :param values: Dimension and value, each dimension once.
        :param who: Whose hit it is: two that are the same are one contributor. Not kept.
        :param now: UTC.
        :param visitor: Whom to estimate the number of visitors by; ``None``: not at all. Not kept.
        """
        tally = self._tally
        today = now.date()
        with tally.lock:
            if tally.is_over(today):
                self._turn(tally, today)
            digest = None
            cells = tally.cells
            for value in values:
                cell = cells.get(value) or tally.cell(value)
                cell.count += 1
                seen = cell.seen
                if seen is not None:
                    if digest is None:
                        digest = blake2b(who, digest_size=_DIGEST, key=tally.key).digest()
                    seen.add(digest)
                    if len(seen) >= tally.k:
                        cell.seen = None
            if visitor is not None:
                tally.visitors.add(blake2b(visitor, digest_size=_DIGEST, key=tally.key, person=b"visitor").digest())
        if self._every is not None and tally.due(now, self._every):
            self.flush(now=now)

    def first(self, token: bytes, *, now: datetime) -> bool:
        """Whether this process sees *token* for the first time today. Not kept: a digest is.

        After :data:`MOST_TOKENS` tokens of a day the answer is no: what may have been counted is not counted again.
        """
        tally = self._tally
        with tally.lock:
            if tally.is_over(now.date()):
                self._turn(tally, now.date())
            digest = blake2b(token, digest_size=_DIGEST, key=tally.key, person=b"token").digest()
            if digest in tally.tokens or len(tally.tokens) >= MOST_TOKENS:
                return False
            tally.tokens.add(digest)
            return True

    def _turn(self, tally: _Tally, today: date) -> None:
        tally.turn(today, self._entropy(32))
        self._forget()

    def flush(self, *, now: datetime) -> None:
        """Hand over all that was counted since the last time, but days that may be read by now: they are dropped.

        Whatever *keep* raises, the batch waits for the next time.
        """
        tally = self._tally
        with tally.lock:
            if tally.day > date.min and tally.is_over(now.date()):
                self._turn(tally, now.date())
            batch = {key: tallied for key, tallied in tally.taken().items() if now < closes_at(key[0])}
        if not batch:
            return
        try:
            self._keep(batch)
        except BaseException:
            with tally.lock:
                tally.put_back(batch)
            raise

    def _begin(self) -> None:
        self._tally = _Tally(self._k)


#: What has to begin anew in a child. It would hand over what its parent does, and another thread may have had a lock.
_EVERYWHERE: weakref.WeakSet[Counters] = weakref.WeakSet()


def _forked() -> None:
    for counters in _EVERYWHERE:
        counters._begin()  # noqa: SLF001


if hasattr(os, "register_at_fork"):  # there is no fork elsewhere; a question for each hit would cost more than counting
    os.register_at_fork(after_in_child=_forked)


class _Cell:
    """One counter of today: hits since the last hand-over, and who, until there are enough."""

    __slots__ = ("count", "seen")

    def __init__(self) -> None:
        self.count = 0
        self.seen: set[bytes] | None = set()


class _Tally:
    """What one process counts. Whoever calls a method but :meth:`due` holds the lock."""

    def __init__(self, k: int) -> None:
        self.k = k
        self.lock = threading.Lock()
        self.day = date.min
        self.key = b""
        self.cells: dict[tuple[str, str], _Cell] = {}
        self.tokens: set[bytes] = set()
        self.visitors = Visitors()
        self._values: dict[str, int] = {}
        self._waiting: dict[tuple[date, str, str], Tallied] = {}
        self._last: datetime | None = None

    def due(self, now: datetime, every: timedelta) -> bool:
        with self.lock:
            due = self._last is None or not timedelta() <= now - self._last < every  # a clock may be set back
            if due:
                self._last = now
            return due

    def is_over(self, today: date) -> bool:
        """Whether another day has begun; or the clock was days ahead and is not any more. An hour back is none."""
        return today > self.day or self.day - today > _A_DAY

    def cell(self, value: tuple[str, str]) -> _Cell:
        dimension = value[0]
        cell = self.cells.get(value)
        if cell is None:
            values = self._values.get(dimension, 0)
            if values >= MOST_VALUES and value[1] != OTHER:
                return self.cell((dimension, OTHER))
            self._values[dimension] = values + 1
            cell = self.cells[value] = _Cell()
        return cell

    def turn(self, day: date, key: bytes) -> None:
        """Begin *day*: of the one before, nothing stays but numbers."""
        self._waiting = self.taken()
        self.day, self.key = day, key
        self.cells, self._values, self.tokens, self.visitors = {}, {}, set(), Visitors()

    def taken(self) -> dict[tuple[date, str, str], Tallied]:
        """What waits, by day; it waits no longer."""
        batch, self._waiting = self._waiting, {}
        for (dimension, value), cell in self.cells.items():
            if cell.count:
                seen = self.k if cell.seen is None else len(cell.seen)
                count = self.visitors.estimate() if dimension == VISITORS else cell.count
                self._add(batch, (self.day, dimension, value), Tallied(count, seen))
                cell.count = 0
        return batch

    def put_back(self, batch: Batch) -> None:
        for key, tallied in batch.items():
            self._add(self._waiting, key, tallied)

    @staticmethod
    def _add(batch: dict[tuple[date, str, str], Tallied], key: tuple[date, str, str], more: Tallied) -> None:
        count, contributors = batch.get(key, (0, 0))
        total = max(count, more.count) if key[1] == VISITORS else count + more.count
        batch[key] = Tallied(total, max(contributors, more.contributors))
