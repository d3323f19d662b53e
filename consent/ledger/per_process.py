"""What every process has for itself: connections, threads and locks, none of which survive a fork.

A lock that another thread held while the process forked stays locked in the child for ever, and an SQLite connection
must not even be closed there. So a child makes its own and leaves the parent's alone.

Sources: POSIX.1-2017 ``fork``; SQLite, "How To Corrupt An SQLite Database File" §2.6.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerProcess(Generic[T]):
    """Call it for this process's own.

    :param make: Makes one and does nothing else: two threads may both call it at first, and one of these is forgotten.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[int, T] = {}  # no lock: it could be held during a fork

    def __call__(self) -> T:
        """The one of this process, made on first use."""
        process = os.getpid()
        own = self._made.get(process)
        return self._made.setdefault(process, self._make()) if own is None else own

    @property
    def made(self) -> T | None:
        """The one of this process, if it has one."""
        return self._made.get(os.getpid())
