"""Entries of many requests on their way to one thread, which takes all that wait at once. Knows no store.

The thread starts with the first entry and ends when none comes. One that is stuck in its work is given up for another.
Where several came together the last time, the thread gives those of this time a millisecond to come together, too.
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


class Desk:
    """See the module.

    :param work: Does the jobs of a batch and finishes each; raises nothing.
    """

    def __init__(self, work: Callable[[Sequence[Job]], None], *, name: str) -> None:
        self._work = work
        self._name = name
        self._changed = threading.Condition(threading.Lock())
        self._jobs: deque[Job] = deque()
        self._enough = self._usual = 1
        self._thread: threading.Thread | None = None
        self._began: float | None = None

    def take_in(self, job: Job) -> bool:
        """Lay *job* on the desk, and see to it that somebody sits there; ``False`` if either cannot be."""
        with self._changed:
            if len(self._jobs) >= _QUEUE or not self._is_staffed():
                return False
            self._jobs.append(job)
            if len(self._jobs) >= self._enough:
                self._changed.notify_all()
            return True

    def give_up(self, job: Job) -> bool:
        """Wait for *job* no more; whether it has been finished just now."""
        with self._changed:
            if job in self._jobs:
                self._jobs.remove(job)
                return False
        return job.wait(0)

    def dismiss(self) -> threading.Thread | None:
        """End the thread after its batch; the thread, if there is one."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
            return thread

    def _is_staffed(self) -> bool:
        is_stuck = self._began is not None and time.monotonic() - self._began > _STUCK
        if self._thread is None or is_stuck:
            thread = threading.Thread(target=self._sit, name=self._name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter ends, or there are too many threads
                return False
            self._thread, self._began, self._enough = thread, None, 1
        return True

    def _sit(self) -> None:
        while batch := self._next_batch():
            self._work(batch)

    def _next_batch(self) -> Sequence[Job]:
        """The jobs that wait, as soon as there is one; none when this thread is to end."""
        me = threading.current_thread()
        with self._changed:
            if self._thread is me:
                self._began = None
            while self._thread is me:  # else dismissed, or given up for another
                if not self._jobs:
                    if not self._changed.wait(_IDLE) and not self._jobs and self._thread is me:
                        self._thread = None
                elif len(self._jobs) < self._usual:
                    self._enough = self._usual
                    self._changed.wait(_GATHER)
                    self._enough = 1
                    self._usual = len(self._jobs)  # who has not come by now is not waited for
                else:
                    self._began = time.monotonic()
                    self._usual = min(_BATCH, len(self._jobs))
                    return [self._jobs.popleft() for _ in range(self._usual)]
            return []
