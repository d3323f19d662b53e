"""Work beside the requests: a few threads per process, each of which does its jobs again and again.

They start with the first request of a process: never at import, and never before a server forks; a child that is forked
later starts its own. They keep neither the process nor the application alive.

Not a scheduler: the jobs of one lane run one after the other, and one that takes long holds up the rest of them. It
holds up no other lane.
"""

from __future__ import annotations

import atexit
import logging
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import ConsentError

_LOG = logging.getLogger("consentry")

#: The site's own random numbers, which it may have seeded, are left alone.
_CHANCE = random.SystemRandom()

#: Seconds that the end of the process waits for the jobs that are running.
_FAREWELL = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """Work to do again and again.

    :param name: No other job of the same background has it.
    :param period: Seconds between two beginnings at most, and four fifths of that at least, so that processes that
        began together do not stay together.
    :param work: What it raises is logged, and it is tried again when its time comes: an error of the core with its
        text, which never has personal data in it, any other by its type alone.
    """

    name: str
    period: float
    work: Callable[[], object]


class Background:
    """See the module. Every job runs at once when its thread starts, in the order given.

    :param lanes: Jobs that share a thread.
    """

    def __init__(self, *lanes: Sequence[Job]) -> None:
        self.lanes = tuple(map(tuple, lanes))
        self._process: int | None = None
        self._crews: dict[int, _Crew] = {}

    def wake(self) -> None:
        """See to it that this process has its threads. Costs next to nothing when it has."""
        if self._process != os.getpid():
            self._start()

    def stop(self) -> None:
        """End this process's threads after the jobs that are running; the next :meth:`wake` starts others."""
        crew = self._crews.pop(os.getpid(), None)
        self._process = None
        if crew is not None:
            crew.stop()

    def _start(self) -> None:
        process = os.getpid()
        crew = _Crew(self)
        if self._crews.setdefault(process, crew) is not crew:  # no lock: it could be held during a fork
            return
        try:
            crew.start()
        except RuntimeError:  # the interpreter ends, or there are too many threads: the next request tries again
            self._crews.pop(process, None)
        else:
            self._process = process


class _Crew:
    """The threads of one process. They hold on to the jobs only while they do them: else they keep the application."""

    def __init__(self, background: Background) -> None:
        self._process = os.getpid()
        self._over = threading.Event()
        self._background = weakref.ref(background, lambda _: self._over.set())
        self._threads = [
            threading.Thread(target=self._run, args=(lane,), name=f"consentry-background-{lane}", daemon=True)
            for lane in range(len(background.lanes))
        ]
        self._failing: set[str] = set()

    def start(self) -> None:
        """Start all, or none.

        :raises RuntimeError: there can be no more threads.
        """
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError:
            self._over.set()
            raise
        atexit.register(self.stop)

    def stop(self) -> None:
        if self._process != os.getpid():
            return  # a child's copy of its parent's threads
        self._over.set()
        end = time.monotonic() + _FAREWELL
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, end - time.monotonic()))
        atexit.unregister(self.stop)

    def _run(self, lane: int) -> None:
        due: dict[str, float] = {}
        while self._take_a_turn(lane, due):
            self._over.wait(max(0.0, min(due.values(), default=_FAREWELL) - time.monotonic()))
        atexit.unregister(self.stop)

    def _take_a_turn(self, lane: int, due: dict[str, float]) -> bool:
        """Do what is due; whether there is to be another turn."""
        background = self._background()
        if background is None or self._over.is_set():
            return False
        for job in background.lanes[lane]:
            if self._over.is_set():
                return False
            if due.get(job.name, 0.0) <= time.monotonic():
                due[job.name] = self._do(job)
        return True

    def _do(self, job: Job) -> float:
        """Do *job*; when to do it again."""
        begin, span = time.monotonic(), job.period * _CHANCE.uniform(0.8, 1.0)
        try:
            job.work()
        except Exception as error:  # noqa: BLE001  # a job that fails must not end the others
            if job.name not in self._failing:  # said once, not all through an outage
                text = f": {error}" if isinstance(error, ConsentError) else ""
                _LOG.error("background job %r fails: %s%s", job.name, type(error).__name__, text)
                self._failing.add(job.name)
        else:
            if job.name in self._failing:
                _LOG.warning("background job %r works again", job.name)
                self._failing.discard(job.name)
        return max(begin + span, time.monotonic() + span / 10)
