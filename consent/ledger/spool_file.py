"""The SQLite file of a spool: made for its owner alone, recognised, written durably, shared by threads and processes.

A file that is broken or of something else is never touched: it may hold the only copy of something. Knows no entry; the
tables are its caller's. Not for network file systems, on which SQLite's locks do not hold.

Sources: SQLite, "Write-Ahead Logging", PRAGMA synchronous (FULL), secure_delete, application_id, max_page_count.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import SpoolFull, StoreError
from .per_process import PerProcess
from .sqlite_file import Identity, identity

#: What a message about a wrong file ends with.
REMEDY = "CONSENT_SPOOL: name a file of its own on a local disk that the site may write"

#: "CnSp" in the header of the file.
_OURS = 0x436E5370
_VERSION = 2
_PAGE = 4096
#: Seconds that a call waits for other processes and threads.
_PATIENCE = 1.0


class _Own:
    """What one process has of the file."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connection: sqlite3.Connection | None = None
        self.file: Identity | None = None

    def drop(self) -> None:
        """Close the connection."""
        if self.connection is not None:
            self.connection.close()
        self.connection = self.file = None


class SpoolFile:
    """See the module.

    :param tables: SQL that makes the tables where they are missing.
    :param cap_bytes: The most bytes that the file may have.
    """

    def __init__(self, path: Path, *, tables: str, cap_bytes: int) -> None:
        self.path = path
        self.cap_bytes = cap_bytes
        self._tables = tables
        self._own = PerProcess(_Own)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection, or ``None`` where there is no file yet.

        :raises StoreError: the file cannot be read.
        """
        with self._reported("read"), self._connected(create=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection within a transaction, durable at the end.

        :raises SpoolFull: nothing was written; the cap is reached.
        :raises StoreError: nothing was written.
        """
        with self._reported("written"), self._connected(create=True) as connection:
            assert connection is not None  # noqa: S101  # told to mypy
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException as error:
                is_full = _code(error) == sqlite3.SQLITE_FULL and _is_at_cap(connection)
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if is_full:
                    raise SpoolFull(f"the spool {self.path} has reached its {self.cap_bytes} bytes") from error
                raise

    def used(self, connection: sqlite3.Connection) -> int:
        """Bytes that rows take up."""
        return (_number(connection, "page_count") - _number(connection, "freelist_count")) * _PAGE

    def forget_deleted(self, *, shrink: bool = False, wait: bool = True) -> bool:
        """Leave nothing of deleted rows in the write-ahead log (``secure_delete`` cleans the file itself).

        :param shrink: Also give free room back to the disk.
        :param wait: Whether to wait for others who read; who writes waits meanwhile.
        :return: Whether nothing is left, as nobody was reading.
        :raises StoreError: it could not be done.
        """
        with self.reading() as connection:
            if connection is None:
                return True
            if shrink:
                connection.executescript("PRAGMA incremental_vacuum;")  # execute() would stop at the first page
            if not wait:
                connection.execute("PRAGMA busy_timeout = 0")  # the next use has one of its own
            (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not is_busy

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        own = self._own.made
        if own is not None:
            with own.lock:
                own.drop()

    @contextmanager
    def _connected(self, *, create: bool) -> Iterator[sqlite3.Connection | None]:
        own, end = self._own(), time.monotonic() + _PATIENCE
        if not own.lock.acquire(timeout=_PATIENCE):
            raise StoreError(f"the spool {self.path} is busy")
        try:
            if own.connection is not None and identity(self.path) != own.file:
                own.drop()  # it was deleted or replaced: what were written now would be lost
            if own.connection is None and (create or self.path.exists()):
                own.connection = self._open(end)
                own.file = identity(self.path)
            if own.connection is not None:
                left = max(1, int((end - time.monotonic()) * 1000))
                own.connection.execute(f"PRAGMA busy_timeout = {left}")
            yield own.connection
        finally:
            own.lock.release()

    @contextmanager
    def _reported(self, done: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the spool {self.path} cannot be {done}: {error}") from error

    def _open(self, end: float) -> sqlite3.Connection:
        _create(self.path)
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_PATIENCE,
            isolation_level=None,
            check_same_thread=False,  # one at a time, by a lock
        )
        try:
            if not self.path.stat().st_size:  # these two must come before anything is read
                connection.execute(f"PRAGMA page_size = {_PAGE}")
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            self._recognise(connection)
            self._prepare(connection, end)
        except BaseException:
            connection.close()
            raise
        return connection

    def _recognise(self, connection: sqlite3.Connection) -> None:
        whose = _number(connection, "application_id")
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if whose != _OURS and (whose or tables):
            raise StoreError(f"{self.path} is a database of something else. {REMEDY}")
        if _number(connection, "user_version") > _VERSION:
            raise StoreError(f"{self.path} was written by a newer version of Consentry. {REMEDY}")

    def _prepare(self, connection: sqlite3.Connection, end: float) -> None:
        """Make settings and tables, which another process may be doing just now."""
        while True:
            try:
                for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
                    connection.execute(f"PRAGMA {pragma}").fetchall()
                self._make_tables(connection)
                # After the tables: what a newer version adds goes into a file that has reached its cap, too.
                connection.execute(f"PRAGMA max_page_count = {max(1, self.cap_bytes // _PAGE)}").fetchall()
            except sqlite3.OperationalError as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if _code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() > end:
                    raise
                time.sleep(0.01)  # SQLite does not wait by itself for a change of the journal's mode
            else:
                return

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        version = _number(connection, "user_version")
        if version == _VERSION:
            return
        marks = f"PRAGMA application_id = {_OURS}; PRAGMA user_version = {_VERSION};"
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {self._tables} {marks} COMMIT;")
        except sqlite3.OperationalError as error:
            if not version or _code(error) != sqlite3.SQLITE_FULL:
                raise
            # An older file on a full disk can be emptied as it is: it lacks no more than an index.
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (number,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(number)


def _is_at_cap(connection: sqlite3.Connection) -> bool:
    """Whether it was the cap that was in the way, and not the disk: one entry may need a few pages."""
    return _number(connection, "page_count") + 16 > _number(connection, "max_page_count")


def _code(error: BaseException) -> int:
    """SQLite's primary result code."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _create(path: Path) -> None:
    """An empty file for its owner alone, unless there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    if hasattr(os, "O_DIRECTORY"):  # where a folder can be opened, its new entry is made durable, too
        folder = os.open(path.parent, os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
