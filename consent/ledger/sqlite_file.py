"""Which SQLite file it is that a process has open, and what happens when another one is put in its place.

Somebody may restore a backup while the site runs. Whoever has the old file open would go on writing into it, although
it has no name any more. And whoever opens the new one finds the write-ahead log of the old one beside it, which SQLite
takes for the new one's own. So all who have a file open hold a lock beside it, in which stands which file it is. A new
one is opened only when nobody has the one before it open any more, and each has brought the log into that before he let
go. Until then the store is away.

A log that a killed process left behind is SQLite's to take up, and nothing tells it from one of an older file.

Sources: SQLite, "How To Corrupt An SQLite Database File" §4 (files that are replaced while they are open), "WAL-mode
File Format"; Linux, flock(2).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from weakref import WeakSet

from ..errors import StoreError

try:
    import fcntl
except ImportError:  # Windows, where nobody can replace a file that is open
    _HAS_LOCKS = False
else:
    _HAS_LOCKS = True

#: Device and number of a file: no other has the same two while anybody has it open.
Identity = tuple[int, int]

#: Seconds to wait for others who open it at the same moment.
_PATIENCE = 0.2

_AWAY = "is not there any more"
_IN_USE = "was replaced, and the one before it is in use"

_held: WeakSet[SqliteFile] = WeakSet()


def identity(path: Path) -> Identity | None:
    """Which file stands at *path*, if any. Takes a microsecond or two."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class SqliteFile:
    """The file that the connections of one engine have open; made, for its owner alone, if there is none.

    :raises StoreError: it cannot be made; or another process still has open what was at its path before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._hold: int | None = None
        self._file: Identity | None = None
        try:
            self._take(time.monotonic() + _PATIENCE)
        except OSError as error:
            self.release()
            raise StoreError(f"{path} cannot be opened ({error.strerror})") from error
        except StoreError:
            self.release()
            raise
        _held.add(self)

    @property
    def stands(self) -> bool:
        """Whether it is still the one at its path."""
        return identity(self.path) == self._file

    def open(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        """A connection of *connect*, which opens the file and reads nothing of it yet.

        :raises sqlite3.OperationalError: another file stands in its place; nothing was read of that.
        """
        if self._hold is not None and identity(self.path) == self._file:
            connection = connect()
            if identity(self.path) == self._file:
                return connection
            connection.close()
        raise sqlite3.OperationalError("the file was replaced")

    def release(self) -> None:
        """Let others open what stands at the path now. To be called when no connection is open any more."""
        hold, self._hold = self._hold, None
        if hold is not None:
            os.close(hold)

    def _take(self, end: float) -> None:
        """Have the lock, together with all who have the same file open."""
        self._hold = os.open(self._lock_path, os.O_CREAT | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600)
        while True:
            if self._is_locked(alone=True):
                self._file = _made(self.path)
                os.lseek(self._hold, 0, os.SEEK_SET)
                os.write(self._hold, f"{self._file}".ljust(_WIDTH).encode())
            else:
                self._file = identity(self.path)
            # Somebody may have had it alone between these two: then it says what he found.
            if self._is_locked(alone=False) and self._file is not None and self._said() == f"{self._file}":
                return
            if time.monotonic() > end:
                raise StoreError(f"{self.path} {_AWAY if self._file is None else _IN_USE}")
            time.sleep(0.01)

    def _is_locked(self, *, alone: bool) -> bool:
        if not _HAS_LOCKS or self._hold is None:
            return True
        try:
            fcntl.flock(self._hold, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without such locks
            return True
        return True

    def _said(self) -> str:
        if self._hold is None:
            return ""
        os.lseek(self._hold, 0, os.SEEK_SET)
        return os.read(self._hold, _WIDTH).decode("ascii", "replace").strip()

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(self.path.name + "-open")


#: Bytes of the lock's text.
_WIDTH = 64


def _made(path: Path) -> Identity:
    """Which file stands at *path*, made if there is none."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    found = path.stat()
    return found.st_dev, found.st_ino


def _release_all() -> None:
    """A child has none of its parent's connections, and must not keep others out for them."""
    for file in list(_held):
        file.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_release_all)
