"""A lock between the processes of one host, which ends with the process that holds it, however it ends.

For saving work, not for being right: where there are no such locks, everybody has it.

Source: POSIX.1-2017 ``fcntl`` (record locks: not inherited by a child, gone with the process).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Whether this process alone holds the lock *path*, an empty file, until the end of the block.

    Two threads of a process are not kept apart.
    """
    if not _HAS_LOCKS or not path.parent.exists():
        yield True
        return
    try:
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        yield True
        return
    try:
        yield _lock(file)
    finally:
        os.close(file)


def _lock(file: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
