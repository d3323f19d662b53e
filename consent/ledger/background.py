"""Work beside the requests: one thread per process, which does a few jobs again and again.

It starts with the first request of a process: never at import, and never before a server forks; a child that is forked
later starts its own. It keeps neither the process nor the application alive.

Not a scheduler: the jobs run one after the other, and one that takes long holds up the rest.
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

_LOG = logging.getLogger("consentry")

#: Seconds that the end of the process waits for the job that is running.
_FAREWELL = 2.0


@dataclass(frozen=True, slots=True)
class Job:
    """Work to do again and again.

    :param period: Seconds between two beginnings at most, and four fifths of that at least, so that processes that
        began together do not stay together.
    :param work: What it raises is logged by its type, and it is tried again when its time comes.
    """

    name: str
    period: float
    work: Callable[[], object]


class Background:
    """See the module. Every job runs at once when the thread starts, in the order given."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = tuple(jobs)
        self._process: int | None = None
        self._threads: dict[int, _Thread] = {}

    def wake(self) -> None:
        """See to it that this process has its thread. Costs next to nothing when it has."""
        if self._process != os.getpid():
            self._start()

    def stop(self) -> None:
        """End this process's thread after the job that is running; the next :meth:`wake` starts another."""
        thread = self._threads.pop(os.getpid(), None)
        self._process = None
        if thread is not None:
            thread.stop()

    def _start(self) -> None:
        process = os.getpid()
        thread = _Thread(self)
        if self._threads.setdefault(process, thread) is not thread:  # no lock: it could be held during a fork
            return
        try:
            thread.start()
        except RuntimeError:  # the interpreter ends, or there are too many threads: the next request tries again
            self._threads.pop(process, None)
        else:
            self._process = process


class _Thread:
    """The thread of one process. It holds on to the jobs only while it does them, lest it keep an application alive."""

    def __init__(self, background: Background) -> None:
        self._process = os.getpid()
        self._over = threading.Event()
        self._background = weakref.ref(background, lambda _: self._over.set())
        self._thread = threading.Thread(target=self._run, name="consentry-background", daemon=True)
        self._due: dict[str, float] = {}
        self._failing: set[str] = set()

    def start(self) -> None:
        self._thread.start()
        atexit.register(self.stop)

    def stop(self) -> None:
        if self._process != os.getpid():
            return  # a child's copy of its parent's thread
        self._over.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_FAREWELL)
        atexit.unregister(self.stop)

    def _run(self) -> None:
        while self._take_a_turn():
            self._over.wait(max(0.0, min(self._due.values(), default=_FAREWELL) - time.monotonic()))
        atexit.unregister(self.stop)

    def _take_a_turn(self) -> bool:
        """Do what is due; whether there is to be another turn."""
        background = self._background()
        if background is None or self._over.is_set():
            return False
        for job in background.jobs:
            if self._over.is_set():
                return False
            if self._due.get(job.name, 0.0) <= time.monotonic():
                self._do(job)
        return True

    def _do(self, job: Job) -> None:
        begin, span = time.monotonic(), job.period * random.uniform(0.8, 1.0)  # noqa: S311  # no secret
        try:
            job.work()
        except Exception as error:  # noqa: BLE001  # a job that fails must not end the others
            if job.name not in self._failing:  # said once, not all through an outage
                _LOG.error("background job %r fails: %s", job.name, type(error).__name__)
                self._failing.add(job.name)
        else:
            if job.name in self._failing:
                _LOG.warning("background job %r works again", job.name)
                self._failing.discard(job.name)
        self._due[job.name] = max(begin + span, time.monotonic() + span / 10)
