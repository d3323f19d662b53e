"""Entries of many requests on their way to one thread, which takes all that wait at once. Knows no store.

The thread starts with the first entry and ends when none comes. One that is stuck in its work is given up for another.
Where several came together the last time, the thread gives those of this time a millisecond to come together, too.

Whoever comes to an empty desk may also do his own, and saves two changes of threads. Others wait for him as for the
thread, which takes over what has come in meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from .entry import Entry
from .record import Record

#: Entries taken at once, and waiting to be.
_BATCH, _QUEUE = 200, 1000
#: Seconds to wait for as many entries as came together the last time.
_GATHER = 0.001
#: Seconds without work after which the thread ends.
_IDLE = 30.0
#: Seconds in one batch after which the thread is given up.
_STUCK = 30.0


class Job:
    """One entry, and what became of it: *record* or *error* is set by :meth:`finish`."""

    __slots__ = ("_finished", "entry", "error", "record")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.record: Record | None = None
        self.error: Exception | None = None
        self._finished = threading.Lock()
        self._finished.acquire()

    def finish(self, record: Record | None, error: Exception | None) -> None:
        """Tell who waits."""
        self.record, self.error = record, error
        self._finished.release()

    def wait(self, seconds: float) -> bool:
        """Whether it was finished within *seconds*. To be called by one thread, and again only after ``False``."""
        return self._finished.acquire(timeout=seconds)


class _Seat:
    """A thread at the desk, and how to wake it."""

    def __init__(self, sit: Callable[[_Seat], None], name: str) -> None:
        self.thread = threading.Thread(target=sit, args=(self,), name=name, daemon=True)
        #: When it began the batch that it is at.
        self.began: float | None = None
        #: How many jobs came together the last time.
        self.usual = 1
        #: How many jobs it sleeps for; 0 while it is awake.
        self.sleeps_for = 0
        self._wake = threading.Lock()
        self._wake.acquire()

    def sleep(self, seconds: float) -> bool:
        """Until :meth:`wake`, at most so long; whether it was woken."""
        return self._wake.acquire(timeout=seconds)

    def wake(self) -> None:
        """To be called once for each sleep, by whoever sets :attr:`sleeps_for` back to 0."""
        self.sleeps_for = 0
        self._wake.release()


class Desk:
    """See the module.

    :param work: Does the jobs of a batch and finishes each; raises nothing.
    """

    def __init__(self, work: Callable[[Sequence[Job]], None], *, name: str) -> None:
        self._work = work
        self._name = name
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._seat: _Seat | None = None
        #: When somebody began his own job.
        self._own_began: float | None = None

    @property
    def is_free(self) -> bool:
        """Whether nobody is at work here, and none came together with another the last time."""
        seat = self._seat
        is_busy = seat is not None and (seat.usual > 1 or not seat.sleeps_for)
        return not (is_busy or self._jobs or self._is_own_being_done())

    def do_own(self, job: Job) -> bool:
        """Do *job* in this thread if the desk is free; whether it was."""
        with self._lock:
            if not self.is_free:
                return False
            began = self._own_began = time.monotonic()
        try:
            self._work([job])
        finally:
            with self._lock:
                if self._own_began == began:
                    self._own_began = None
                    self._call_for_the_rest()
        return True

    def take_in(self, job: Job) -> bool:
        """Lay *job* on the desk, and see to it that somebody sits there; ``False`` if either cannot be."""
        with self._lock:
            seat = self._seat
            if seat is None or (seat.began is not None and time.monotonic() - seat.began > _STUCK):
                seat = self._seat = self._staffed()
            if seat is None or len(self._jobs) >= _QUEUE:
                return False
            self._jobs.append(job)
            if 0 < seat.sleeps_for <= len(self._jobs) and not self._is_own_being_done():
                seat.wake()
            return True

    def give_up(self, job: Job) -> bool:
        """Wait for *job* no more; whether it has been finished just now."""
        with self._lock:
            if job in self._jobs:
                self._jobs.remove(job)
                return False
        return job.wait(0)

    def dismiss(self) -> threading.Thread | None:
        """End the thread after its batch; the thread, if there is one."""
        with self._lock:
            seat, self._seat = self._seat, None
            if seat is not None and seat.sleeps_for:
                seat.wake()
        return None if seat is None else seat.thread

    def _is_own_being_done(self) -> bool:
        """Whether somebody does his own job, and is not stuck in it."""
        return self._own_began is not None and time.monotonic() - self._own_began <= _STUCK

    def _call_for_the_rest(self) -> None:
        """See to what has come in while somebody did his own."""
        if self._jobs:
            seat = self._seat = self._seat or self._staffed()
            if seat is not None and seat.sleeps_for:
                seat.wake()

    def _staffed(self) -> _Seat | None:
        seat = _Seat(self._sit, self._name)
        try:
            seat.thread.start()
        except RuntimeError:  # the interpreter ends, or there are too many threads
            return None
        return seat

    def _sit(self, seat: _Seat) -> None:
        while batch := self._next_batch(seat):
            self._work(batch)

    def _next_batch(self, seat: _Seat) -> Sequence[Job]:
        """The jobs that wait, as soon as there is one; none when the thread is to end."""
        while True:
            with self._lock:
                seat.began = None
                waiting = 0 if self._is_own_being_done() else len(self._jobs)
                if self._seat is not seat:
                    return []  # dismissed, or given up for another
                if waiting and waiting >= seat.usual:
                    seat.began = time.monotonic()
                    seat.usual = min(_BATCH, waiting)
                    return [self._jobs.popleft() for _ in range(seat.usual)]
                seat.sleeps_for = seat.usual if waiting else 1
            if seat.sleep(_GATHER if waiting else _IDLE):
                continue
            with self._lock:
                if not seat.sleeps_for:
                    seat.sleep(_IDLE)  # it was woken just now
                    continue
                seat.sleeps_for = 0
                seat.usual = max(1, len(self._jobs))  # who has not come by now is not waited for
                if not waiting and self._seat is seat:
                    self._seat = None
