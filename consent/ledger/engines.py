"""The engines beneath a database, set as the ledger needs them: how durable, and how long to wait for whom.

Each belongs to the process that made it. Whoever waits says how long, see :mod:`.patience`.

Sources: SQLite, "Write-Ahead Logging", PRAGMA synchronous (FULL: durable against power loss), sqlite3_progress_handler;
PostgreSQL, "Client Connection Defaults"; libpq, "Parameter Key Words".
"""

from __future__ import annotations

import math
import selectors
import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

from ..errors import StoreError
from . import patience
from .sqlite_file import SqliteFile

if TYPE_CHECKING:
    import psycopg

T = TypeVar("T")

#: Instructions of SQLite's between two looks at the clock: some ten milliseconds.
_INSTRUCTIONS = 100_000


class Opened:
    """An engine of one process, and what hangs on it.

    :param file: SQLite's.
    """

    def __init__(self, engine: sa.Engine, file: SqliteFile | None) -> None:
        self.engine = engine
        self.file = file
        #: The connection that was used last past the pool, which takes longer than its use.
        self.spare: list[sa.PoolProxiedConnection] = []
        self.is_upgraded = file is None  # of a server's it is an operator's act: flask consent db upgrade
        #: How many are using it.
        self.users = 0

    @property
    def stands(self) -> bool:
        """Whether its file is still the one at its path."""
        return self.file is None or self.file.stands

    def part(self) -> None:
        """Let go of a file that does not stand at its path any more.

        Its log goes back into it first: it may have been put aside, and the log would be taken for the new file's. For
        a file that was moved, SQLite does not do this by itself.
        """
        with suppress(sa.exc.SQLAlchemyError, sqlite3.Error):  # no connection is open, or somebody else still reads
            connection = self.spare.pop() if self.spare else self.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.invalidate()
        self.close()

    def close(self) -> None:
        """Close its connections, but for those in use."""
        while self.spare:
            self.spare.pop().invalidate()
        self.engine.dispose()
        if self.file is not None and not self.users:
            self.file.release()


def opened(url: sa.URL, path: Path, *, timeout: float) -> Opened:
    """An engine for *url*, not connected yet.

    :param path: SQLite's file.
    :param timeout: Seconds to wait for another's lock.
    :raises StoreError: the folder of an SQLite file cannot be made.
    """
    if url.get_backend_name() == "postgresql":
        return Opened(_postgresql(url, timeout), None)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder of {path} cannot be made ({error.strerror})") from error
    file = SqliteFile(path)
    return Opened(_sqlite(url, file, timeout), file)


def _sqlite(url: sa.URL, file: SqliteFile, timeout: float) -> sa.Engine:
    """For one SQLite file, and for no other that may take its place."""

    def connect(_: sa.Dialect, __: Any, arguments: list[Any], options: dict[str, Any]) -> sqlite3.Connection:
        connection = file.open(lambda: sqlite3.connect(*arguments, **options, factory=SqliteConnection))
        try:
            _prepare(connection, time.monotonic() + timeout)
        except BaseException:
            connection.close()
            raise
        return connection

    # As many connections as threads: who has to be answered in time does not wait for another's.
    engine = sa.create_engine(url, connect_args={"timeout": timeout}, max_overflow=-1, hide_parameters=True)
    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "begin", _on_begin)
    return engine


def _prepare(connection: sqlite3.Connection, end: float) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
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


def _on_begin(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


@contextmanager
def limited(driver: Any, timeout: float) -> Iterator[None]:
    """Let no statement of *driver* go on, or wait for a lock, when its thread's time is over.

    For SQLite; a server's answers are timed.

    :param timeout: Seconds to wait for another's lock where there is more time than that.
    """
    if not isinstance(driver, SqliteConnection):
        yield
        return
    if patience.end() == math.inf:
        driver.wait_for_locks(timeout)
        yield
        return
    driver.wait_for_locks(min(timeout, patience.end() - time.monotonic()))
    driver.set_progress_handler(patience.is_over, _INSTRUCTIONS)
    try:
        yield
    finally:
        with suppress(sqlite3.ProgrammingError):  # it was closed
            driver.set_progress_handler(None, 0)


class SqliteConnection(sqlite3.Connection):
    """A connection that knows how long it waits for other writers."""

    _waits: int | None = None

    def wait_for_locks(self, seconds: float) -> None:
        """Wait so long from now on, to a hundredth of a second."""
        hundredths = max(0, math.ceil(seconds * 100))
        if self._waits != hundredths:  # saying it takes longer than it should, once for every answer
            self.execute(f"PRAGMA busy_timeout={hundredths * 10}")
            self._waits = hundredths


def _postgresql(url: sa.URL, timeout: float) -> sa.Engine:
    given = url.normalized_query
    ours = {
        "lock_timeout": max(1, int(timeout * 1000)),
        "timezone": "UTC",
        "default_transaction_isolation": r"read\ committed",  # all that is needed, whatever else the server is for
    }
    arguments: dict[str, Any] = {"connect_timeout": 2, "application_name": "consentry"}
    # A host that is gone says nothing: without these a thread waits for it for many minutes.
    arguments |= {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
    arguments = {name: value for name, value in arguments.items() if name not in given}
    options = [*(f"-c {name}={value}" for name, value in ours.items()), *given.get("options", ())]
    arguments["options"] = " ".join(options)
    engine = sa.create_engine(
        url, connect_args=arguments, pool_size=4, max_overflow=8, pool_timeout=2, hide_parameters=True
    )
    sa.event.listen(engine, "do_connect", _connect_to_server)
    return engine


def _connect_to_server(_: sa.Dialect, __: Any, arguments: list[Any], options: dict[str, Any]) -> Any:
    if patience.end() < math.inf:
        left = max(1, math.ceil(patience.end() - time.monotonic()))
        with suppress(ValueError):  # the driver says so better
            if not 0 < int(options["connect_timeout"]) <= left:
                options = options | {"connect_timeout": left}
    return _patient().connect(*arguments, **options)


@cache
def _patient() -> type[psycopg.Connection]:
    """A connection of the driver's that waits for its server as long as its thread says, and not longer."""
    import psycopg  # noqa: PLC0415  # an extra: only sites with PostgreSQL have it

    class Connection(psycopg.Connection):
        def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
            """All that is sent and received goes through here."""
            end, silence = patience.end(), patience.silence()
            if end == silence == math.inf:
                return super().wait(gen, *args, **kwargs)
            try:
                return _done(gen, self.pgconn.socket, end, silence)
            except TimeoutError as error:
                self.close()  # what it says later would be taken for the answer to something else
                raise psycopg.OperationalError("it took too long") from error
            except (KeyboardInterrupt, SystemExit):
                self.close()
                raise

    return Connection


def _done(gen: Generator[Any, Any, T], socket: int, end: float, silence: float) -> T:
    """What *gen* returns, which tells what it waits for on *socket*, and is told what of that has come.

    :raises TimeoutError: nothing came for *silence* seconds, or until *end*.
    """
    try:
        wants = next(gen)
        with selectors.DefaultSelector() as selector:
            selector.register(socket, wants)
            while ready := selector.select(min(end - time.monotonic(), silence)):
                wants = gen.send(ready[0][1])
                selector.modify(socket, wants)
    except StopIteration as stop:
        value: T = stop.value
        return value
    raise TimeoutError
