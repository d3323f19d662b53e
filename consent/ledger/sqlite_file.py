"""Which SQLite file it is that a process has open, and what to do when another one stands in its place.

Somebody may restore a backup while the site runs. Whoever had the old file open would go on writing into it, although
it has no name any more. And whoever opens the new one finds the old one's write-ahead log beside it, which SQLite takes
for the new one's own: what was restored would be overwritten with what was there before. So the log goes first.

Sources: SQLite, "How To Corrupt An SQLite Database File" §4 (files that are replaced while they are open), "WAL-mode
File Format".
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from ..errors import StoreError
from .lock_file import locked

#: Device and number of a file: no other has the same two while anybody has it open.
Identity = tuple[int, int]


def identity(path: Path) -> Identity | None:
    """Which file stands at *path*, if any. Takes a microsecond or two."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class SqliteFile:
    """The file that the connections of one engine have open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Identity | None = None
        self._log: dict[Path, Identity | None] = {}

    @property
    def stands(self) -> bool:
        """Whether it is still the one at its path; so it is as long as nobody has opened it."""
        return self._file is None or identity(self.path) == self._file

    def open(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        """A connection of *connect*, which opens the file and reads nothing of it yet.

        :raises sqlite3.OperationalError: another file stands in its place; nothing was read of that.
        """
        before = identity(self.path)
        if self._file is not None and self._file != before:
            raise sqlite3.OperationalError("the file was replaced")
        connection = connect()
        here = identity(self.path)
        if before not in (None, here):
            connection.close()
            raise sqlite3.OperationalError("the file was replaced")
        self._file = here
        return connection

    def read(self) -> None:
        """Remember which log it has, now that it was read."""
        self._file = self._file or identity(self.path)
        # The index before the log: SQLite makes a missing index out of a log, and believes one that is there.
        self._log = {path: identity(path) for path in (self._beside("-shm"), self._beside("-wal"))}

    def part(self, connection: sqlite3.Connection | None) -> None:
        """Take away the log of this file, beside which another one stands now. Its own connections stay whole.

        :param connection: One that has this file open, so that the log can be brought into it first: it may have been
            put aside, and not deleted. ``None`` where there is none.
        :raises StoreError: somebody is using the log at this moment; or there is no file at all.
        """
        if identity(self.path) is None:
            raise StoreError(f"{self.path} is not there any more")
        with locked(self._beside("-replaced")) as is_alone:  # a log that another process has made anew must stay
            ours = [path for path, log in self._log.items() if log is not None and identity(path) == log]
            if ours and not (is_alone and _is_written_back(connection)):
                raise StoreError(f"{self.path} was replaced, and the one before it is in use")
            for path in ours:
                path.unlink(missing_ok=True)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)


def _is_written_back(connection: sqlite3.Connection | None) -> bool:
    if connection is None:
        return True  # nothing can be done for it
    (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy
