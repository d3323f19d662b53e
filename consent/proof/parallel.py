"""The parts of an export checked by several processes, and handed back in the order of the file.

Processes are spawned, never forked: they start clean on every platform, and whatever threads run here. Few parts are
under way at a time, so that memory does not grow with the file.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing import get_context

from .part import Claim, Part, check
from .reading import Source
from .verdict import NotCheckedError

#: Bytes of a part: some 8,000 records, a fifth of a second.
PART_BYTES = 8 << 20
#: Below this a process is not worth starting.
_ALONE_BYTES = 4 * PART_BYTES
#: Parts under way for each process, so that none waits for work.
_AHEAD = 2
#: As many as Windows can wait for.
_MOST_JOBS = 61


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def checked(source: Source, begin: int, end: int, claim: Claim, *, jobs: int) -> Generator[Part]:
    """The parts of *source* from byte *begin* to *end*, one after the other.

    :param jobs: How many processes to use; small files are checked in this one.
    :raises NotCheckedError: the file changed, or a process was ended from outside.
    """
    bounds = source.parts(begin, end, PART_BYTES)
    if jobs <= 1 or source.path is None or end - begin < _ALONE_BYTES:
        for first, last in bounds:
            yield check(source, first, last, claim)
        return
    under_way: deque[Future[Part]] = deque()
    jobs = min(jobs, _MOST_JOBS, -(-(end - begin) // PART_BYTES))
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_leave_interrupts)
    try:
        with closing(bounds):
            for first, last in bounds:
                under_way.append(pool.submit(check, source, first, last, claim))
                if len(under_way) > jobs * _AHEAD:
                    yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool:
        remedy = "Was memory short? Try --jobs 1"
        raise NotCheckedError(f"a process of the verifier was ended from outside. {remedy}") from None
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the one that started the others answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
