"""The database itself: what it says of a wrong URL, a closed folder or missing tables, and how it fails and recovers."""

from __future__ import annotations

import logging
import multiprocessing
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from consent import ConfigError, StoreError
from consent.ledger import Database, Store, tables
from consent.ledger.database import _ATTEMPTS
from consent.ledger.migrations import VERSION_TABLE, newest
from tests.databases import Server, connected, database
from tests.entries import NOW, SITE, entry
from tests.ledgers import Ledger, opened, sent

ROOT = Path(__file__).parents[2]
#: What must be in no message.
SECRET = "geheim"
WHO = b"s" * 16


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """An empty ledger, on each engine."""
    with opened(database_url) as made:
        yield made


@pytest.fixture
def fresh(postgres: Server) -> Iterator[str]:
    """The URL of an empty PostgreSQL database."""
    with database(postgres.url) as url:
        yield url


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the machine can reach."""
    made = Path(tempfile.mkdtemp(prefix="consentry-open-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user without rights, where the tests run as root, whom no mode of a file stops."""
    if os.geteuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def told(call: Callable[[], object], kind: type[Exception] = ConfigError) -> str:
    """What *call* fails with: one line, without the secret, nor has the traceback that a log would show."""
    with pytest.raises(kind) as caught:
        call()
    assert type(caught.value) is kind
    shown = "".join(traceback.format_exception(caught.value))
    said = str(caught.value)
    assert "\n" not in said
    assert SECRET not in said
    assert SECRET not in shown.replace(f'"{SECRET}"', "")  # our own line of source may be quoted
    return said


def changed(url: str, **parts: Any) -> str:
    """*url* with other parts."""
    return sa.make_url(url).set(**parts).render_as_string(hide_password=False)


# What it is told


@pytest.mark.parametrize(
    "url",
    [
        "",
        "records.sqlite3",
        "/var/lib/records.sqlite3",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:records.sqlite3?mode=ro&uri=true",
        "sqlite+aiosqlite:///records.sqlite3",
        "sqlite+none:///records.sqlite3",
        f"mysql://user:{SECRET}@host/database",
        f"postgres://user:{SECRET}@host/database",
        f"postgresql+asyncpg://user:{SECRET}@host/database",
        f"postgresql+none://user:{SECRET}@host/database",
        f"postgresql://user:{SECRET}@host:{SECRET}/database",
        f"postgresql://user:a@b:{SECRET}@host/database",
        f"none://user:{SECRET}@host",
    ],
)
def test_a_url_of_no_usable_database_is_a_setting_to_mend(url: str) -> None:
    """The message names the setting and what to write; a password in it, or what could be a part of one, it does not."""
    said = told(lambda: Database(url))
    assert said.startswith("CONSENT_STORE_URL: write sqlite:////var/lib/site/consent.sqlite3 or postgresql://")


def test_postgresql_needs_its_driver(tmp_path: Path) -> None:
    """Where it is not installed, the message says what to run; SQLite works without it."""
    program = f"""
import sys
sys.modules["psycopg"] = None
from consent.ledger import Database
Database("sqlite:///{tmp_path}/records.sqlite3").upgrade()
Database("postgresql://user:{SECRET}@host/database")
"""
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "flask_ext")])}
    run = subprocess.run([sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False)
    last = run.stderr.splitlines()[-1]
    assert 'needs psycopg 3, which is not here. Run: pip install "flask-consentry[postgresql]"' in last
    assert SECRET not in last


def test_a_name_never_shows_the_password() -> None:
    """Not where it belongs, nor in the query, where libpq takes it, too; what tells databases apart is shown."""
    url = (
        f"postgresql://user:{SECRET}@host/database?password={SECRET}&sslpassword={SECRET}&host=/run/a&passfile={SECRET}"
    )
    name = Database(url).name
    assert SECRET not in name
    assert "user" in name
    assert "/database" in name
    assert "%2Frun%2Fa" in name


# What it finds, SQLite


def test_a_place_where_a_file_can_be_made_is_fine_and_stays_empty(tmp_path: Path) -> None:
    """Also in folders that are not there yet; an empty file is a database, too."""
    for path in (tmp_path / "records.sqlite3", tmp_path / "a" / "b%20 c" / "records.sqlite3"):
        Database(f"sqlite:///{path}").check()
        assert list(tmp_path.iterdir()) == []
    empty = tmp_path / "empty"
    empty.touch()
    Database(f"sqlite:///{empty}").check()


def test_a_place_where_no_file_can_be_is_a_setting_to_mend(tmp_path: Path) -> None:
    """A folder, a place below a file, a file of something else; when used all the same, it is a StoreError."""
    (tmp_path / "file").write_bytes(b"not a database" * 100)
    for path, said in (
        (tmp_path, "is no place for a file"),
        (tmp_path / "file" / "records.sqlite3", "is no place for a file"),
        (tmp_path / "file", "is not a database"),
    ):
        database = Database(f"sqlite:///{path}")
        message = told(database.check)
        assert said in message
        assert message.startswith("CONSENT_STORE_URL: ")
        store = Store(database, SITE)
        told(lambda store=store: store.append(entry(1), now=NOW), StoreError)  # type: ignore[misc]
        told(lambda store=store: list(store.records()), StoreError)  # type: ignore[misc]
        database.close()
    assert (tmp_path / "file").read_bytes() == b"not a database" * 100


def test_a_damaged_database_is_a_store_error(tmp_path: Path) -> None:
    """It begins like one. The start goes on, as it does with a server that is away; the cause is chained."""
    path = tmp_path / "records.sqlite3"
    path.write_bytes(b"SQLite format 3\0" + b"damaged" * 1000)
    broken = Database(f"sqlite:///{path}")
    told(broken.check, StoreError)
    with pytest.raises(StoreError) as caught:
        Store(broken, SITE).append(entry(1), now=NOW)
    assert caught.value.__cause__ is not None
    broken.close()


def test_a_folder_that_cannot_be_made(open_folder: Path) -> None:
    """Behind one that is closed, and in one that cannot be written."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    for path, said in (
        (open_folder / "new" / "records.sqlite3", f"{open_folder} cannot be written"),
        (closed / "records.sqlite3", "closed to this user" if not os.geteuid() else "cannot be written"),
        (closed / "new" / "records.sqlite3", "closed to this user" if not os.geteuid() else "cannot be written"),
    ):
        if os.geteuid():
            open_folder.chmod(0o555)
            closed.chmod(0o000)
        database = Database(f"sqlite:///{path}")
        with as_nobody():
            assert said in told(database.check)
            told(lambda database=database: database.read().__enter__(), StoreError)  # type: ignore[misc]
        open_folder.chmod(0o755)
    closed.chmod(0o700)


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_file_or_folder_that_cannot_be_written(open_folder: Path, what: str) -> None:
    """SQLite writes its log beside the file, so that the folder counts, too."""
    path = open_folder / "records.sqlite3"
    with opened(f"sqlite:///{path}") as ledger:
        ledger.append(1)
    path.chmod(0o666 if what == "folder" else 0o444)
    open_folder.chmod(0o777 if what == "file" else 0o555)
    database = Database(f"sqlite:///{path}")
    with as_nobody():
        assert f"{path if what == 'file' else open_folder} cannot be written. Make it writable" in told(database.check)
        told(lambda: Store(database, SITE).append(entry(2), now=NOW), StoreError)
    open_folder.chmod(0o755)
    database.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount; the modes of files stop everybody else")
def test_a_disk_that_is_read_only_or_full(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As root, whom no file's mode stops: the start names the remedy; a full disk is a StoreError that says so."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        path = place / "records.sqlite3"
        database = Database(f"sqlite:///{path}")
        store = Store(database, SITE)
        kept: list[int] = []

        def fill() -> None:
            for number in range(100_000):
                store.append(entry(number), now=NOW)
                kept.append(number)

        assert told(fill, StoreError).endswith("cannot be written (database or disk is full)")
        assert 10 < len(kept) == len(list(store.records()))
        database.close()
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        for url in (f"sqlite:///{path}", f"sqlite:///{place}/new/records.sqlite3"):
            assert "cannot be written. Make it writable, or name another file" in told(Database(url).check)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_tables_of_a_newer_version(ledger: Ledger) -> None:
    """After a downgrade of the package: the start says so, and nothing is written over them."""
    with ledger.database.write() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))  # noqa: S608
    ledger.database.close()
    assert "has tables of a newer version (9999). Update flask-consentry" in told(ledger.database.check)
    assert "Update flask-consentry" in told(ledger.database.upgrade, StoreError)
    if not ledger.database.is_postgresql:
        told(lambda: ledger.append(1), StoreError)


def test_opening_it_takes_nobodys_lock(tmp_path: Path) -> None:
    """While another writes, a process can start, and see that all is well."""
    url = f"sqlite:///{tmp_path}/records.sqlite3"
    with opened(url) as ledger, ledger.database.write():
        other = Database(url, timeout=0.1)
        other.check()
        assert newest() in other.current()
        assert list(Store(ledger.database, SITE).records()) == []
        other.close()


# What it finds, PostgreSQL


def test_postgresql_without_tables_or_with_old_ones(fresh: str) -> None:
    """The start names the command that makes them."""
    database = Database(fresh)
    assert told(database.check).endswith("has no tables yet. Run: flask consent db upgrade")
    told(lambda: Store(database, SITE).append(entry(1), now=NOW), StoreError)
    database.upgrade("0002")
    assert told(database.check).endswith(
        f"has tables of an older version (0002, not {newest()}). Run: flask consent db upgrade"
    )
    database.upgrade()
    database.check()
    Store(database, SITE).append(entry(1), now=NOW)
    database.close()


def test_postgresql_that_is_away(fresh: str, caplog: pytest.LogCaptureFixture) -> None:
    """A port where nobody answers: a StoreError at once, with the system's word."""
    for url, reason in (
        (changed(fresh, port=1, password=SECRET), "refused"),
        (changed(fresh, host=None, password=SECRET, query={"host": "/nowhere"}), "No such file"),
    ):
        database = Database(url)
        store = Store(database, SITE)
        begin = time.monotonic()
        for call in (
            database.check,
            database.upgrade,
            store.count_revocations,
            lambda store=store: [*store.revocations()],
        ):
            said = told(call, StoreError)
            assert reason in said
            assert database.name in said
        assert time.monotonic() - begin < 10


def test_postgresql_that_turns_us_away_stops_the_start(fresh: str) -> None:
    """A wrong password, no such database: that does not mend itself. While the site runs it is a StoreError."""
    for url in (changed(fresh, username="nobody", password=SECRET), changed(fresh, database="none")):
        database = Database(url)
        assert "turns" in told(database.check, ConfigError)
        told(Store(database, SITE).count_revocations, StoreError)


def test_postgresql_whose_tables_are_closed_to_the_user(fresh: str) -> None:
    """It can be reached, and not be used."""
    with opened(fresh):
        pass
    role = f"consent_{secrets.token_hex(4)}"
    with connected(fresh) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{SECRET}'")
    try:
        database = Database(changed(fresh, username=role, password=SECRET))
        assert "is closed to this user. Grant it all rights on the tables" in told(database.check)
        told(lambda: Store(database, SITE).append(entry(1), now=NOW), StoreError)
        database.close()
    finally:
        with connected(fresh) as connection:
            connection.execute(f"DROP ROLE {role}")


def test_options_in_the_url_of_postgresql_count(fresh: str) -> None:
    """The schema, the name, and a longer wait; what Consentry sets beside them stays."""
    with connected(fresh) as connection:
        connection.execute("CREATE SCHEMA apart")
        connection.execute(
            f"ALTER DATABASE {sa.make_url(fresh).database} SET default_transaction_isolation = serializable"
        )
    query = {"options": "-c search_path=apart -c lock_timeout=7s", "application_name": "shop"}
    database = Database(changed(fresh, query=query))
    database.upgrade()
    with database.read() as connected_:
        asked = ("search_path", "lock_timeout", "application_name", "timezone", "transaction_isolation")
        shown = ["apart", "7s", "shop", "UTC", "repeatable read"]
        assert [connected_.scalar(sa.text(f"SHOW {name}")) for name in asked] == shown
        assert sa.inspect(connected_).get_table_names("public") == []
    with database.write() as connected_:
        assert connected_.scalar(sa.text("SHOW transaction_isolation")) == "read committed"
    database.close()


# How it works


def test_sqlite_is_durable(tmp_path: Path) -> None:
    """Write-ahead log, synced in full at every commit, deleted bytes overwritten."""
    with opened(f"sqlite:///{tmp_path}/records.sqlite3") as ledger, ledger.database.read() as connection:
        asked = ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked] == ["wal", 2, 1, 1]


def test_a_locked_database_is_a_store_error_in_bounded_time(tmp_path: Path) -> None:
    """Another process that holds the lock makes the write fail, not wait for ever; reading and later writing works."""
    with opened(f"sqlite:///{tmp_path}/records.sqlite3", timeout=0.2) as ledger:
        ledger.append(1)
        other = sqlite3.connect(ledger.database.path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        begin = time.monotonic()
        assert told(lambda: ledger.append(2), StoreError).endswith("cannot be written (database is locked)")
        assert time.monotonic() - begin < 5
        assert len(list(ledger.store.records())) == 1
        other.execute("ROLLBACK")
        other.close()
        ledger.append(2)
        assert len(list(ledger.store.records())) == 2


def test_the_first_to_open_a_file_wait_for_each_other(tmp_path: Path) -> None:
    """SQLite itself lets nobody wait who makes a file one with a write-ahead log."""
    path = tmp_path / "records.sqlite3"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (n)")
    for begin in ("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN"):
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute(begin)
        other.execute("SELECT * FROM theirs").fetchall()
        end = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        end.start()
        database = Database(f"sqlite:///{path}")
        Store(database, SITE).append(entry(len(begin)), now=NOW)
        database.close()
        end.join()
    other.close()


def test_a_locked_row_is_a_store_error_in_bounded_time(fresh: str) -> None:
    """As with SQLite: somebody else has claimed the same form and does not end."""
    with opened(fresh, timeout=0.2) as ledger, connected(fresh) as other:
        row = (SITE, "form", "", "0" * 32, 1)
        other.execute("BEGIN")
        other.execute("INSERT INTO consent_submission VALUES (%s, %s, %s, %s, %s)", row)
        begin = time.monotonic()
        said = told(lambda: ledger.store.append(sent(entry(1), "form"), now=NOW), StoreError)
        assert "cannot be written (canceling statement due to lock timeout)" in said
        assert time.monotonic() - begin < 5
        other.execute("ROLLBACK")
        ledger.store.append(sent(entry(1), "form"), now=NOW)


def test_one_look_sees_one_state(ledger: Ledger) -> None:
    """However long it lasts, and whatever is written meanwhile."""
    ledger.append(1)
    with ledger.database.read() as connection:
        count = sa.select(sa.func.count()).select_from(tables.record)
        assert connection.scalar(count) == 1
        ledger.append(2)
        assert connection.scalar(count) == 1
    assert len(list(ledger.store.records())) == 2


def test_what_a_reader_does_wrong_is_not_the_databases_fault(ledger: Ledger) -> None:
    """An export that cannot be written to its file says so itself."""

    def export() -> None:
        with ledger.database.read() as connection:
            connection.execute(sa.text("SELECT 1"))
            raise OSError("the disk of the export is full")

    with pytest.raises(OSError, match="full"):
        export()


def test_messages_and_logs_tell_nothing_of_a_record(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """A statement that fails takes its values along in SQLAlchemy's texts, if it is let."""
    one = entry(1, subject=WHO)
    theirs = replace(one, record=replace(one.record, site="other"))
    Store(ledger.database, "other").append(theirs, now=NOW)
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StoreError) as caught:
        ledger.store.append(sent(one, "form"), now=NOW)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "IntegrityError" in shown
    for private in (WHO.hex(), repr(WHO), repr(one.salt), one.salt.hex(), "matomo"):
        assert private not in shown


def test_closed_it_opens_again(ledger: Ledger) -> None:
    """By itself, when it is used."""
    ledger.append(1)
    ledger.database.close()
    ledger.database.close()
    assert len(list(ledger.store.records())) == 1


def test_many_threads_may_open_it_at_once(database_url: str) -> None:
    """Each its own or one in common; the tables are made once."""
    if database_url.startswith("postgresql"):
        with opened(database_url):
            pass
    common = Database(database_url, timeout=20.0)
    barrier, failed = threading.Barrier(8), list[BaseException]()

    def work(number: int) -> None:
        mine = common if number % 2 else Database(database_url, timeout=20.0)
        try:
            barrier.wait()
            Store(mine, SITE).append(entry(number), now=NOW)
        except BaseException as error:  # noqa: BLE001  # shown below
            failed.append(error)
        finally:
            if mine is not common:
                mine.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    assert len(list(Store(common, SITE).records())) == 8
    common.close()


def test_many_databases_may_be_made_at_once_in_one_process(tmp_path: Path) -> None:
    """Two applications under one server: Alembic itself can do one thing at a time."""
    barrier, failed = threading.Barrier(8), list[BaseException]()

    def work(number: int) -> None:
        mine = Database(f"sqlite:///{tmp_path}/{number}.sqlite3")
        try:
            barrier.wait()
            mine.upgrade()
            mine.check()
            assert mine.current() == (newest(),)
        except BaseException as error:  # noqa: BLE001  # shown below
            failed.append(error)
        finally:
            mine.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []


def _in_a_child(common: Database, number: int) -> None:
    Store(common, SITE).append(entry(number), now=NOW)
    common.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system starts processes in another way")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_process_that_forked_has_a_connection_of_its_own(ledger: Ledger) -> None:
    """The parent's stays whole, in whichever order the two use theirs."""
    context = multiprocessing.get_context("fork")
    ledger.append(1)
    with ledger.database.write() as connection:
        connection.execute(sa.select(tables.record.c.record_id))
    for number in (2, 3):
        child = context.Process(target=_in_a_child, args=(ledger.database, number))
        child.start()
        child.join(timeout=60)
        assert child.exitcode == 0
        ledger.append(10 + number)
    assert len(list(ledger.store.records())) == 5
    ledger.check()


# What is begun again


@pytest.fixture
def numbers(fresh: str) -> Iterator[Database]:
    """Two rows with a number each, and a server that orders every transaction."""
    with connected(fresh) as connection:
        connection.execute("CREATE TABLE numbers (name text primary key, value int)")
        connection.execute("INSERT INTO numbers VALUES ('a', 0), ('b', 0)")
    made = Database(changed(fresh, query={"options": "-c default_transaction_isolation=serializable"}), timeout=20.0)
    yield made
    made.close()


_READ = sa.text("SELECT value FROM numbers WHERE name = :name")
_ADD = sa.text("UPDATE numbers SET value = :value + 1 WHERE name = :name")


def test_what_cannot_be_ordered_is_begun_again(numbers: Database) -> None:
    """SQLSTATE 40001: another changed what was read; done anew, it is right."""
    attempts: list[int] = []

    def work(connection: sa.Connection) -> int:
        value = connection.scalar(_READ, {"name": "a"}) or 0
        attempts.append(value)
        if len(attempts) < 3:
            with numbers.write() as other:
                other.execute(_ADD, {"name": "a", "value": value})
        connection.execute(_ADD, {"name": "a", "value": value})
        return value + 1

    assert numbers.transact(work) == 3
    assert attempts == [0, 1, 2]
    with numbers.read() as connection:
        assert connection.scalar(_READ, {"name": "a"}) == 3


def test_what_can_never_be_ordered_is_a_store_error(numbers: Database) -> None:
    """After a bounded number of attempts, and within bounded time."""
    attempts: list[int] = []

    def work(connection: sa.Connection) -> None:
        value = connection.scalar(_READ, {"name": "a"}) or 0
        attempts.append(value)
        with numbers.write() as other:
            other.execute(_ADD, {"name": "a", "value": value})
        connection.execute(_ADD, {"name": "a", "value": value})

    begin = time.monotonic()
    assert "could not serialize access" in told(lambda: numbers.transact(work), StoreError)
    assert time.monotonic() - begin < 10
    assert len(attempts) == _ATTEMPTS


def test_a_deadlock_is_begun_again(numbers: Database) -> None:
    """SQLSTATE 40P01: two that wait for each other; the server ends one, and both are done in the end."""
    barrier, attempts, failed = threading.Barrier(2), list[str](), list[BaseException]()

    def both(first: str, second: str) -> None:
        def work(connection: sa.Connection) -> None:
            connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
            attempts.append(first)
            for name in (first, second):
                connection.execute(sa.text("UPDATE numbers SET value = value + 1 WHERE name = :name"), {"name": name})
                if name == first and attempts.count(first) == 1:
                    barrier.wait(timeout=20)

        try:
            numbers.transact(work)
        except BaseException as error:  # noqa: BLE001  # shown below
            failed.append(error)

    threads = [threading.Thread(target=both, args=names) for names in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    assert sorted(attempts) in (["a", "a", "b"], ["a", "b", "b"])
    with numbers.read() as connection:
        assert [connection.scalar(_READ, {"name": name}) for name in "ab"] == [2, 2]


def test_what_is_wrong_in_itself_is_not_begun_again(ledger: Ledger) -> None:
    """One attempt; and what is no error of the database comes out as it is."""
    attempts: list[int] = []

    def wrong(connection: sa.Connection) -> None:
        attempts.append(1)
        connection.execute(sa.text("SELECT nothing FROM nowhere"))

    told(lambda: ledger.database.transact(wrong), StoreError)
    assert len(attempts) == 1
    with pytest.raises(ZeroDivisionError):
        ledger.database.transact(lambda _: 1 // 0)


# Nothing is ever half done


@contextmanager
def breaking(database: Database, at: int) -> Iterator[list[str]]:
    """The connection breaks before the statement number *at*, and before the commit if there are fewer; what was sent.

    In PostgreSQL the server really ends it. SQLite has no connection to end: there the disk fails.
    """
    engine, statements = database._engine(), list[str]()

    def end(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        if not database.is_postgresql:
            raise sqlite3.OperationalError("disk I/O error")
        with connected(changed(database._url.render_as_string(hide_password=False))) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (driver.info.backend_pid,))
            while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (driver.info.backend_pid,)).fetchone():
                time.sleep(0.005)

    def before(connection: sa.Connection, _: object, statement: str, *__: object) -> None:
        if not connection.get_execution_options().get("read_only") and not statement.startswith("BEGIN"):
            statements.append(statement)
            if len(statements) == at:
                end(connection)

    def committing(connection: sa.Connection) -> None:
        statements.append("COMMIT")
        if len(statements) == at:
            end(connection)

    sa.event.listen(engine, "before_cursor_execute", before)
    sa.event.listen(engine, "commit", committing)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", before)
        sa.event.remove(engine, "commit", committing)


_WORK: dict[str, Callable[[Ledger], object]] = {
    "append": lambda ledger: ledger.store.append_many([entry(n, subject=WHO) for n in (101, 102)], now=NOW),
    "repeat": lambda ledger: ledger.store.append(sent(entry(103), "form", unchanged=True), now=NOW),
    "seal": lambda ledger: ledger.sequencer.seal(NOW),
    "erase": lambda ledger: ledger.eraser.erase_subject(WHO, now=NOW),
    "purge": lambda ledger: ledger.eraser.purge((NOW + timedelta(days=1)).date(), now=NOW + timedelta(days=200)),
    "publish": lambda ledger: ledger.store.publish(b"{}", "digest", [], now=NOW),
}


@pytest.mark.parametrize("name", _WORK)
def test_a_connection_that_breaks_leaves_nothing_half(ledger: Ledger, name: str) -> None:
    """Before each statement in turn, and before the commit: all is as it was, then done anew it is done once."""
    ledger.append(0, subject=b"o" * 16)
    ledger.store.append(sent(entry(1, subject=WHO), "form"), now=NOW)
    ledger.sequencer.seal_all(NOW)
    ledger.store.append_many([entry(number, subject=WHO) for number in (2, 3)], now=NOW)
    kinds = [tables.record, tables.pending, tables.leaf, tables.head, tables.revocation, tables.submission]
    at = 0
    while True:
        at += 1
        if name == "purge":
            ledger.sequencer.seal_all(NOW)  # it does so itself, which is another transaction
        before = [ledger.rows(table) for table in kinds]
        with breaking(ledger.database, at) as statements:
            try:
                _WORK[name](ledger)
            except StoreError:
                broke = True
            else:
                broke = False
        ledger.check()
        if not broke:
            break
        assert [ledger.rows(table) for table in kinds] == before, statements
        assert at < 100
    assert at > 2, statements
    assert [ledger.rows(table) for table in kinds] != before or name in ("repeat", "publish")


_KILLED = """
import os, signal, sys
import sqlalchemy as sa
from consent.ledger import Database, Store
from tests.entries import NOW, SITE, entry
database = Database(sys.argv[1])
store = Store(database, SITE)
store.append(entry(1), now=NOW)
def look(statement):
    if statement.startswith("INSERT INTO consent_pending"):
        os.kill(os.getpid(), signal.SIGKILL)
with database.read() as connection:
    engine, driver = connection.engine, connection.connection.driver_connection
    if not database.is_postgresql:
        driver.set_trace_callback(look)
sa.event.listen(engine, "before_cursor_execute", lambda _, __, statement, *___: look(statement))
store.append(entry(2, subject=b"s" * 16 if sys.argv[2] == "known" else None), now=NOW)
"""


def test_a_process_killed_between_two_statements_leaves_nothing_half(ledger: Ledger) -> None:
    """The record was written, the row that says it waits was not: neither is there. Both ways to keep an entry.

    In PostgreSQL a first answer is one statement.
    """
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "flask_ext")])}
    for who in ["known"] if ledger.database.is_postgresql else ["known", "new"]:
        python = [sys.executable, "-c", _KILLED, ledger.url, who]
        run = subprocess.run(python, env=environ, capture_output=True, text=True, check=False)
        assert run.returncode == -signal.SIGKILL, run.stderr
        assert [record.record_id for record in ledger.store.records()] == [entry(1).record.record_id]
        ledger.check()
    ledger.append(2)
    ledger.check()
