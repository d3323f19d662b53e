"""One database for the records of one or several sites: SQLite, or PostgreSQL for several hosts. Knows no record.

An engine belongs to the process that made it, so that a database may be named before a server forks. A transaction is
durable when it ends. What a driver can throw comes out as one :class:`~consent.errors.StoreError`.

Nothing here needs a sequence, a trigger or an advisory lock, and a transaction that the engine could not order against
another (SQLSTATE 40001, 40P01) is begun again, so that engines that speak PostgreSQL's protocol can take its place.

Sources: SQLite, "Write-Ahead Logging" and PRAGMA synchronous (FULL: durable against power loss); PostgreSQL,
"Transaction Isolation", "Client Connection Defaults".
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
from . import migrations

T = TypeVar("T")

_REMEDY = "CONSENT_STORE_URL: write sqlite:////var/lib/site/consent.sqlite3 or postgresql://user@host/database"
#: Serialisation failure and deadlock: begin again (PostgreSQL, "Appendix A. Error Codes").
_AGAIN = ("40001", "40P01")
#: Insufficient privilege.
_NO_RIGHT = "42501"
_ATTEMPTS = 8
#: What a server says to whom it never lets in. libpq gives no code for it; in other languages the start goes on.
_TURNED_AWAY = r"password authentication failed|(?:database|role) \".*\" does not exist|no pg_hba.conf entry"
#: What an SQLite file begins with (SQLite, "Database File Format" §1.2).
_MAGIC = b"SQLite format 3\0"


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
        self._timeout = timeout
        self._lock = threading.Lock()
        self._owner: tuple[int, sa.Engine] | None = None
        #: By process: the connection that :meth:`driver` used last, past the pool, which takes longer than its use.
        self._spare: dict[int, list[sa.PoolProxiedConnection]] = {}
        self._upgraded = False

    @property
    def is_postgresql(self) -> bool:
        """Whether it is a server that several hosts may share."""
        return self._url.get_backend_name() == "postgresql"

    @property
    def path(self) -> Path:
        """The file of an SQLite database."""
        return Path(str(self._url.database))

    @property
    def exists(self) -> bool:
        """Whether there is anything to read: an SQLite file is made with the first write."""
        return self.is_postgresql or self.path.exists()

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

        :raises StoreError: nothing was written.
        """
        with self._reported("written"), self._engine().begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One transaction that sees one state of the database, however long it lasts.

        :raises StoreError: the database cannot be read.
        """
        with self._reported("read"):
            options = {"isolation_level": "REPEATABLE READ"} if self.is_postgresql else {}
            with self._engine().connect().execution_options(read_only=True, **options) as connection:
                yield connection

    def transact(self, work: Callable[[sa.Connection], T]) -> T:
        """What *work* returns, done in a write transaction; done anew where the engine asks for it.

        :raises StoreError: nothing was written.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with self.write() as connection:
                    return work(connection)
            except StoreError as error:
                if not _wants_another_attempt(error) or attempt == _ATTEMPTS:
                    raise
                time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  # so that two do not meet again
        raise AssertionError("unreachable")

    @contextmanager
    def driver(self) -> Iterator[Any]:
        """A connection of the driver's own, outside any transaction, for statements that it can run as they are.

        :raises StoreError: a transaction that was not ended by then has done nothing.
        """
        engine = self._engine()
        errors = engine.dialect.loaded_dbapi
        with self._reported("written"):
            try:
                with self._borrowed(engine) as driver:
                    yield driver
            except errors.Error as error:
                raise sa.exc.DBAPIError.instance(None, None, error, errors.Error, dialect=engine.dialect) from error

    def upgrade(self, target: str = migrations.LEDGER) -> None:
        """Bring the tables up to the newest version.

        :raises StoreError: they could not be.
        """
        try:
            with self._reported("written"), self._engine(upgrade=False).begin() as connection:
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
        with self._reported("read"), self._engine(upgrade=False).connect() as connection:
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
        for connection in self._spare.pop(os.getpid(), []):
            connection.invalidate()
        with self._lock:
            if self._owner is not None and self._owner[0] == os.getpid():
                self._owner[1].dispose()
            self._owner = None

    def forget_deleted(self, *, wait: bool = True) -> bool:
        """Leave nothing of deleted rows in SQLite's write-ahead log; its ``secure_delete`` cleans the file itself.

        Of the file's indexes, not quite: a key may have been copied within a page before; ``VACUUM`` removes that, too.

        :param wait: Whether to wait for others who read; who writes waits meanwhile.
        :return: Whether nothing is left. Something is where somebody still reads what was there before.
        :raises StoreError: the database cannot be written.
        """
        if self.is_postgresql:
            return True
        with self._reported("written"), self._engine().connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:
                driver.execute(f"PRAGMA busy_timeout={int(self._timeout * 1000) if wait else 0}")
                (is_busy, _, _) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                driver.execute(f"PRAGMA busy_timeout={int(self._timeout * 1000)}")
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
            yield
        except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
            raise StoreError(f"the records in {self.name} cannot be {done}{_reason(error)}") from error

    def _engine(self, *, upgrade: bool = True) -> sa.Engine:
        """This process's engine; made on first use, and SQLite's tables brought up to date."""
        with self._lock:
            if self._owner is None or self._owner[0] != os.getpid():
                self._owner = (os.getpid(), self._postgresql() if self.is_postgresql else self._sqlite())
                self._upgraded = self.is_postgresql  # there it is an operator's act: flask consent db upgrade
            engine = self._owner[1]
            if upgrade and not self._upgraded:
                with engine.connect().execution_options(read_only=True) as connection:  # which needs nobody's lock
                    is_newest = migrations.newest() in migrations.current(connection)
                if not is_newest:
                    with engine.begin() as connection:
                        migrations.upgrade(connection, migrations.LEDGER)
                self._upgraded = True
            return engine

    @contextmanager
    def _borrowed(self, engine: sa.Engine) -> Iterator[Any]:
        """The connection that was used last, or one of the pool; kept for the next time if nothing is wrong with it."""
        spare = self._spare.setdefault(os.getpid(), [])
        try:
            connection = spare.pop()
        except IndexError:
            connection = engine.raw_connection()
        driver: Any = connection.driver_connection
        try:
            if self.is_postgresql:
                driver.autocommit = True
            yield driver
        except engine.dialect.loaded_dbapi.IntegrityError:
            driver.rollback()
            raise
        except BaseException:
            connection.invalidate()
            engine.dispose()  # those that lie in the pool are not better
            raise
        finally:
            if connection.is_valid and not spare:
                spare.append(connection)
            else:
                if self.is_postgresql and connection.is_valid:
                    driver.autocommit = False  # or the pool's next user would have no transaction
                connection.close()

    def _sqlite(self) -> sa.Engine:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"the folder of {self.path} cannot be made ({error.strerror})") from error
        engine = sa.create_engine(self._url, connect_args={"timeout": self._timeout}, hide_parameters=True)
        sa.event.listen(engine, "connect", self._on_connect)
        sa.event.listen(engine, "begin", _on_begin)
        return engine

    def _on_connect(self, connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        end = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                break
            except sqlite3.OperationalError as error:  # of several that make the file, SQLite lets none wait here
                if "locked" not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.01)
        # With a log of four times the usual size, the file is written and synced a quarter as often.
        for pragma in ("synchronous=FULL", "wal_autocheckpoint=4000", "foreign_keys=ON", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}")

    def _postgresql(self) -> sa.Engine:
        given = self._url.normalized_query
        ours = {
            "lock_timeout": max(1, int(self._timeout * 1000)),
            "timezone": "UTC",
            "default_transaction_isolation": r"read\ committed",  # all that is needed, whatever else the server is for
        }
        arguments: dict[str, Any] = {"connect_timeout": 2, "application_name": "consentry"}
        # A host that is gone says nothing: without these a thread waits for it for many minutes.
        arguments |= {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
        arguments = {name: value for name, value in arguments.items() if name not in given}
        options = [*(f"-c {name}={value}" for name, value in ours.items()), *given.get("options", ())]
        arguments["options"] = " ".join(options)
        return sa.create_engine(
            self._url, connect_args=arguments, pool_size=4, max_overflow=8, pool_timeout=2, hide_parameters=True
        )


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
    if not isinstance(error, sa.exc.OperationalError) and not isinstance(told, sqlite3.OperationalError):
        return ""
    first, _, _ = str(told).strip().partition("\n")
    return f" ({first})" if first else ""


def _on_begin(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
