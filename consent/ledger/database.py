"""One database for the records of one or several sites: SQLite, or PostgreSQL for several hosts. Knows no record.

An engine belongs to the process that made it, so that a database may be named before a server forks. A transaction is
durable when it ends. What a driver can throw comes out as one :class:`~consent.errors.StoreError`, and so does what
takes longer than whoever asks has :mod:`.patience` for.

Of SQLite it is the file at the path that counts: another one that is put there is opened, and what went into the one
before it at that moment has failed.

Nothing here needs a sequence, a trigger or an advisory lock, and a transaction that the engine could not order against
another (SQLSTATE 40001, 40P01) is begun again, so that engines that speak PostgreSQL's protocol can take its place.

Sources: PostgreSQL, "Transaction Isolation"; SQLite, PRAGMA wal_checkpoint, secure_delete.
"""

from __future__ import annotations

import os
import random
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from ..errors import ConfigError, StoreError
from . import engines, migrations, patience
from .engines import Opened
from .per_process import PerProcess
from .sqlite_file import Identity, identity

T = TypeVar("T")

_REMEDY = "CONSENT_STORE_URL: write sqlite:////var/lib/site/consent.sqlite3 or postgresql://user@host/database"
#: Serialisation failure and deadlock: begin again (PostgreSQL, "Appendix A. Error Codes").
_AGAIN = ("40001", "40P01")
#: Insufficient privilege.
_NO_RIGHT = "42501"
_ATTEMPTS = 8
#: The site's own random numbers, which it may have seeded, are left alone.
_CHANCE = random.SystemRandom()
#: Seconds for each thing that is asked of a new connection: while one thread asks, all others wait that need one.
_GREETING = 2.0
#: What a server says to whom it never lets in. libpq gives no code for it; in other languages the start goes on.
_TURNED_AWAY = r"password authentication failed|(?:database|role) \".*\" does not exist|no pg_hba.conf entry"
#: What an SQLite file begins with (SQLite, "Database File Format" §1.2).
_MAGIC = b"SQLite format 3\0"


class _Own:
    """What one process has of the database."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opened: Opened | None = None


class Database:
    """See the module.

    :param url: SQLAlchemy URL, ``sqlite:///PATH`` or ``postgresql://…``.
    :param timeout: Seconds that a transaction waits for another's lock.
    :raises ConfigError: *url* is not one of a database that can be used.
    """

    def __init__(self, url: str, *, timeout: float = 2.0) -> None:
        try:
            parsed = sa.make_url(url)
        except (sa.exc.ArgumentError, ValueError):  # whose texts may hold a part of the password
            raise ConfigError(f"{_REMEDY}; this is not a database URL") from None
        self._url = _usable(parsed)
        self._path = Path(str(self._url.database))
        self._is_postgresql = self._url.get_backend_name() == "postgresql"
        self._timeout = timeout
        self._own = PerProcess(_Own)

    @property
    def is_postgresql(self) -> bool:
        """Whether it is a server that several hosts may share."""
        return self._is_postgresql

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return self._path

    @property
    def exists(self) -> bool:
        """Whether there is anything to read: an SQLite file is made with the first write."""
        return self.is_postgresql or self.path.exists()

    @property
    def identity(self) -> Identity | None:
        """Which SQLite file it is now; ``None`` of a server, or where there is no file."""
        return None if self.is_postgresql else identity(self.path)

    @property
    def name(self) -> str:
        """What to call it in a message: never with a password, which may also stand in the URL's query."""
        if not self.is_postgresql:
            return str(self.path)
        secret = [name for name in self._url.query if "pass" in name]
        return self._url.difference_update_query(secret).render_as_string(hide_password=True)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One write transaction, durable at the end.

        :raises StoreError: nothing was written; or all was, and the connection broke before it could be told.
        """
        with self._reported("written"), self._opened() as opened:
            with self._connected(opened) as connection, connection.begin():
                yield connection
            self._confirm(opened)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that sees one state of the database, however long it lasts.

        :raises StoreError: the database cannot be read.
        """
        options = {"isolation_level": "REPEATABLE READ"} if self.is_postgresql else {}
        with self._reported("read"), self._opened() as opened, self._connected(opened) as connection:
            yield connection.execution_options(read_only=True, **options)

    def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """What *work* returns, done in a write transaction; done anew where the engine asks for it.

        :raises StoreError: see :meth:`write`.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.write() as connection:
                    return work(connection)
            except StoreError as error:
                if not _wants_another_attempt(error) or attempt == _ATTEMPTS:
                    raise
                time.sleep(_CHANCE.uniform(0, 0.01 * 2**attempt))  # so that two do not meet again
        raise AssertionError("unreachable")

    @contextmanager
    def driver(self) -> Iterator[Any]:
        """A connection of the driver's own, outside any transaction, for statements that it can run as they are.

        :raises StoreError: a transaction that was not ended by then has done nothing.
        """
        with self._reported("written"), self._opened() as opened:
            dialect = opened.engine.dialect
            errors = dialect.loaded_dbapi
            try:
                with self._borrowed(opened) as driver:
                    yield driver
            except errors.Error as error:
                raise sa.exc.DBAPIError.instance(None, None, error, errors.Error, dialect=dialect) from error
            self._confirm(opened)

    def upgrade(self, target: str = migrations.LEDGER) -> None:
        """Bring the tables up to the newest version.

        :raises StoreError: they could not be.
        """
        try:
            with (
                self._reported("written"),
                self._opened(upgrade=False) as opened,
                self._connected(opened) as connection,
                connection.begin(),
            ):
                migrations.upgrade(connection, target)
        except StoreError:
            if migrations.newest() not in self.current():  # else another host did it at the same time
                raise

    def current(self) -> tuple[str, ...]:
        """The versions of the tables, one of each branch; empty where there are none.

        :raises StoreError: the database cannot be read.
        """
        if not self.is_postgresql and not self.path.exists():
            return ()
        with (
            self._reported("read"),
            self._opened(upgrade=False) as opened,
            self._connected(opened) as connection,
        ):
            return migrations.current(connection.execution_options(read_only=True))

    def check(self) -> None:
        """Do nothing if records can be kept here.

        :raises ConfigError: the database can be reached and cannot be used.
        :raises StoreError: it cannot be reached.
        """
        if not self.is_postgresql:
            self._check_place()
        try:
            self._check_tables(self.current())
        except StoreError as error:
            if re.search(_TURNED_AWAY, str(error.__cause__)):
                remedy = "Correct the user, the password or the database in it"
                raise ConfigError(f"CONSENT_STORE_URL: the server turns {self.name} away. {remedy}") from None
            if _sqlstate(error) != _NO_RIGHT:
                raise
            remedy = "Grant it all rights on the tables whose names begin with consent_"
            raise ConfigError(f"CONSENT_STORE_URL: {self.name} is closed to this user. {remedy}") from None
        finally:
            self.close()  # a server may fork now

    def close(self) -> None:
        """Let go of the database; the next use opens it again."""
        own = self._own.made
        if own is not None:
            with own.lock:
                opened, own.opened = own.opened, None
            if opened is not None:
                opened.close()

    def forget_deleted(self, *, wait: bool = True) -> bool:
        """Leave nothing of deleted rows in SQLite's write-ahead log; its ``secure_delete`` cleans the file itself.

        Of the file's indexes, not quite: a key may have been copied within a page before; ``VACUUM`` removes that, too.

        :param wait: Whether to wait for others who read; who writes waits meanwhile.
        :return: Whether nothing is left. Something is where somebody still reads what was there before.
        :raises StoreError: the database cannot be written.
        """
        if self.is_postgresql:
            return True
        with self._reported("written"), self._opened() as opened, self._connected(opened) as connection:
            driver: Any = connection.connection.driver_connection
            if not wait:
                driver.wait_for_locks(0)
            (is_busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not is_busy

    def _check_place(self) -> None:
        """That SQLite's file is one, or can be made, and can be written; so must its folder, where its log stands."""
        try:
            folder = next((p for p in self.path.absolute().parents if p.exists()), Path("/"))
            if self.path.is_dir() or not folder.is_dir():
                raise ConfigError(f"{_REMEDY}; {self.path} is no place for a file")
            is_there = self.path.exists()
        except OSError:
            raise ConfigError(f"{_REMEDY}; {self.path} is behind a folder that is closed to this user") from None
        for place in [folder, self.path] if is_there else [folder]:
            if not os.access(place, os.W_OK):
                raise ConfigError(f"{_REMEDY}; {place} cannot be written. Make it writable, or name another file")
        if is_there:
            with self.path.open("rb") as file:
                if file.read(len(_MAGIC)) not in (b"", _MAGIC):
                    raise ConfigError(f"{_REMEDY}; {self.path} is not a database. Name another file")

    def _check_tables(self, found: tuple[str, ...]) -> None:
        newest = migrations.newest()
        if unknown := migrations.unknown(found):
            state = f"has tables of a newer version ({', '.join(unknown)}). Update flask-consentry"
        elif newest in found or not self.is_postgresql:  # SQLite's are brought up to date when they are used
            return
        elif found:
            state = f"has tables of an older version ({', '.join(found)}, not {newest}). Run: flask consent db upgrade"
        else:
            state = "has no tables yet. Run: flask consent db upgrade"
        raise ConfigError(f"CONSENT_STORE_URL: {self.name} {state}")

    @contextmanager
    def _reported(self, done: str) -> Iterator[None]:
        try:
            if patience.is_over():
                raise StoreError(f"there is no time left in which the records in {self.name} can be {done}")
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            reason = " (it took too long)" if patience.is_over() else _reason(error)
            raise StoreError(f"the records in {self.name} cannot be {done}{reason}") from error

    def _confirm(self, opened: Opened) -> None:
        """That what was written is in the file that stands at the path."""
        if not opened.stands:
            raise StoreError(f"{self.name} was taken away while it was written")

    @contextmanager
    def _opened(self, *, upgrade: bool = True) -> Iterator[Opened]:
        """What this process has open; opened on first use, and SQLite's tables brought up to date."""
        own = self._own()
        left = patience.end() - time.monotonic()
        if not own.lock.acquire(timeout=max(0.0, left) if left < threading.TIMEOUT_MAX else -1):
            raise StoreError(f"{self.name} is being opened")
        try:
            opened = own.opened = self._current(own)
            if upgrade and not opened.is_upgraded:
                self._bring_up_to_date(opened)
                opened.is_upgraded = True
            opened.users += 1
        finally:
            own.lock.release()
        try:
            yield opened
        finally:
            with own.lock:
                opened.users -= 1
                if opened is not own.opened and not opened.users:
                    opened.close()

    def _engine(self, *, upgrade: bool = True) -> sa.Engine:
        with self._opened(upgrade=upgrade) as opened:
            return opened.engine

    def _current(self, own: _Own) -> Opened:
        """What is open, if it stands at the path; else what does, as soon as nobody here uses the one before it."""
        before = own.opened
        if before is not None:
            if before.stands:
                return before
            if not self.path.exists():
                raise StoreError(f"{self.path} is not there any more")
            if before.users:
                raise StoreError(f"{self.path} was replaced, and the one before it is in use")
            own.opened = None
            before.part()
        return engines.opened(self._url, self.path, timeout=self._timeout)

    def _bring_up_to_date(self, opened: Opened) -> None:
        with self._connected(opened) as connection:  # a look, which needs nobody's lock
            if migrations.newest() in migrations.current(connection.execution_options(read_only=True)):
                return
        with self._connected(opened) as connection, connection.begin():
            migrations.upgrade(connection, migrations.LEDGER)

    @contextmanager
    def _connected(self, opened: Opened) -> Iterator[sa.Connection]:
        """A connection of the pool, or a new one; one that took too long never goes back."""
        with patience.answered_within(_GREETING):
            connection = opened.engine.connect()
        with connection, engines.limited(connection.connection.driver_connection, self._timeout):
            try:
                yield connection
            finally:
                if patience.is_over():
                    connection.invalidate()

    @contextmanager
    def _borrowed(self, opened: Opened) -> Iterator[Any]:
        """The connection that was used last, or one of the pool; kept for the next time if nothing is wrong with it."""
        engine, spare = opened.engine, opened.spare
        try:
            connection = spare.pop()
        except IndexError:
            with patience.answered_within(_GREETING):
                connection = engine.raw_connection()
        driver: Any = connection.driver_connection
        try:
            if self.is_postgresql:
                driver.autocommit = True
            with engines.limited(driver, self._timeout):
                yield driver
        except engine.dialect.loaded_dbapi.IntegrityError:
            driver.rollback()
            raise
        except BaseException:
            connection.invalidate()
            engine.dispose()  # those that lie in the pool are not better
            raise
        finally:
            if connection.is_valid and not spare and self._own().opened is opened:
                spare.append(connection)
            else:
                if self.is_postgresql and connection.is_valid:
                    driver.autocommit = False  # or the pool's next user would have no transaction
                connection.close()


def _usable(url: sa.URL) -> sa.URL:
    backend = url.get_backend_name()
    if backend == "sqlite":
        if url.drivername not in ("sqlite", "sqlite+pysqlite"):
            raise ConfigError(f"{_REMEDY}, not {url.drivername}")
        if url.database in (None, "", ":memory:") or str(url.database).startswith("file:"):
            raise ConfigError(f"{_REMEDY}, not {url.drivername} without a file")
        return url
    if backend != "postgresql":
        raise ConfigError(f"{_REMEDY}, not {url.drivername}")
    if url.get_driver_name() not in ("psycopg", "psycopg2"):  # psycopg2 is what SQLAlchemy takes where none is named
        raise ConfigError(f"{_REMEDY}, not {url.drivername}")
    try:
        import psycopg  # noqa: F401, PLC0415  # an extra: only sites with PostgreSQL have it
    except ImportError:
        remedy = 'Run: pip install "flask-consentry[postgresql]"'
        raise ConfigError(f"CONSENT_STORE_URL: PostgreSQL needs psycopg 3, which is not here. {remedy}") from None
    return url.set(drivername="postgresql+psycopg")


def _wants_another_attempt(error: StoreError) -> bool:
    return _sqlstate(error) in _AGAIN


def _sqlstate(error: StoreError) -> str | None:
    return getattr(getattr(error.__cause__, "orig", None), "sqlstate", None)


def _reason(error: Exception) -> str:
    """What the engine says of itself, in brackets. What it says of a statement may be about a record."""
    told = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    is_broken = getattr(told, "sqlite_errorcode", None) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    if not (is_broken or isinstance(error, sa.exc.OperationalError) or isinstance(told, sqlite3.OperationalError)):
        return ""
    first, _, _ = str(told).strip().partition("\n")
    return f" ({first})" if first else ""
