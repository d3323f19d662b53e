"""The writer with real stores that work, are slow, hang, are killed, locked or full: nothing lost, nobody kept waiting."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from consent import StoreError
from consent.ledger import Database, Entry, Record, Store, breaker, desk
from consent.ledger.breaker import Breaker
from consent.ledger.shipper import Shipper
from consent.ledger.spool import Spool
from consent.ledger.writer import Kept, Writer
from tests import databases
from tests.entries import NOW, SITE, entry, ids
from tests.postgres import PostgresServer
from tests.postgres_programs import find
from tests.servers import ROOT

#: A request waits so long for the store, and so much longer at most on a busy machine.
TIMEOUT, SLACK = 0.25, 1.0


class CountingStore(Store):
    """The store, and how many entries each of its transactions took."""

    def __init__(self, database: Database, site: str) -> None:
        super().__init__(database, site)
        self.batches: list[int] = []

    def append_many(self, entries: Sequence[Entry], *, now: datetime, acknowledged: bool = False) -> list[Record]:
        self.batches.append(len(entries))
        return super().append_many(entries, now=now, acknowledged=acknowledged)


class Desk:
    """A writer with all that it needs, and what it told."""

    def __init__(self, url: str, folder: Path, **options: Any) -> None:
        self.database = Database(url)
        self.store = CountingStore(self.database, SITE)
        self.spool = Spool(folder / "spool.sqlite3")
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.writer = Writer(
            self.store,
            self.spool,
            clock=lambda: NOW,
            on_event=lambda name, **facts: self.told.append((name, facts)),
            **{"timeout": TIMEOUT} | options,
        )

    def events(self, *names: str) -> list[str]:
        """What was told, of *names* only if any."""
        return [name for name, _ in self.told if not names or name in names]

    def keep(self, number: int) -> Kept:
        """Keep an entry; it must not take longer than it may."""
        begin = time.monotonic()
        try:
            return self.writer.keep(entry(number))
        finally:
            assert time.monotonic() - begin < TIMEOUT + SLACK

    def ship(self) -> int:
        """Bring what waits to the store."""
        return Shipper(self.spool, self.store, clock=lambda: NOW).ship(10_000)

    def wait_for(self, name: str, seconds: float = 20.0) -> None:
        """Until the event was told."""
        end = time.monotonic() + seconds
        while name not in self.events():
            assert time.monotonic() < end, self.events()
            time.sleep(0.01)

    def close(self) -> None:
        """Let go of everything."""
        self.writer.close()
        self.spool.close()
        self.database.close()


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    """Makes writers on a database."""
    all_made: list[Desk] = []

    def make(url: str, **options: Any) -> Desk:
        all_made.append(Desk(url, tmp_path / f"spool{len(all_made)}", **options))
        all_made[-1].database.upgrade()
        return all_made[-1]

    yield make
    for one in all_made:
        one.close()


@pytest.fixture
def at(made: Callable[..., Desk], database_url: str) -> Desk:
    """A writer on an empty database, on each engine."""
    return made(database_url)


@pytest.fixture
def on_sqlite(made: Callable[..., Desk], tmp_path: Path) -> Desk:
    """A writer on SQLite."""
    return made(f"sqlite:///{tmp_path / 'records.sqlite3'}")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that may be stopped and killed."""
    made = PostgresServer(find())
    made.start()
    yield made
    made.close()


@contextmanager
def locked(desk: Desk) -> Iterator[None]:
    """Another program holds the SQLite database."""
    other = sqlite3.connect(desk.database.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def kept_ids(store: Store) -> list[str]:
    """Of all records, sorted."""
    return sorted(str(record.record_id) for record in store.records())


def expected(numbers: Sequence[int]) -> list[str]:
    """Ids of these entries, sorted."""
    return sorted(str(one) for one in ids([entry(number) for number in numbers]))


def test_an_entry_goes_to_the_store(at: Desk) -> None:
    """And is there on return, with the record before it named; nothing touches the spool."""
    first = at.writer.keep(entry(1, subject=b"s" * 16))
    second = at.writer.keep(entry(2, subject=b"s" * 16))
    assert not first.spooled
    assert second.record.supersedes == first.record.record_id
    assert list(at.store.records()) == [first.record, second.record]
    assert at.told == [("recorded", {"record": first.record}), ("recorded", {"record": second.record})]
    assert not at.spool.path.exists()


def test_a_repeated_submission_is_answered_with_the_earlier_record(at: Desk) -> None:
    """Also when both come at once."""
    again = dataclasses.replace(entry(2), submission=entry(1).submission)
    with ThreadPoolExecutor(2) as pool:
        kept = list(pool.map(at.writer.keep, [entry(1), again] * 5))
    assert len({one.record.record_id for one in kept}) == 1
    assert len(list(at.store.records())) == 1


def test_many_at_once_share_transactions(at: Desk) -> None:
    """Sixteen threads cause fewer commits than entries, and each gets its own record back."""

    def keep(number: int) -> None:
        assert at.writer.keep(entry(number)).record.record_id == entry(number).record.record_id

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(keep, range(400)))
    shipped = at.ship()
    assert kept_ids(at.store) == expected(range(400))
    assert sum(at.store.batches) >= 400 - shipped
    assert len(at.store.batches) < 300
    assert threading.active_count() < 40


def test_one_bad_entry_spoils_no_other(
    made: Callable[..., Desk], database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The store takes the rest of the batch; the bad one is not lost either, and the store does not count as down."""
    at = made(database_url, timeout=5.0)
    bad = dataclasses.replace(entry(0), salt=b"short")
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(at.writer.keep, [bad, *map(entry, range(1, 40))]))
    assert kept[0].spooled
    assert at.spool.batch(50)[0].record == bad.record
    assert "store_failed" not in at.events()
    at.ship()
    assert kept_ids(at.store) == expected(range(1, 40))
    assert at.spool.status().refused == 1


def test_what_a_database_calls_bad_data_is_the_entrys_fault(made: Callable[..., Desk], postgres: Any) -> None:
    """A NUL character, which PostgreSQL's text cannot hold, opens no breaker."""
    with databases.database(postgres.url) as url:
        desk = made(url)
        bad = entry(0)
        bad = dataclasses.replace(bad, submission=dataclasses.replace(bad.submission, request="nul\0"))
        assert desk.writer.keep(bad).spooled
        assert not desk.keep(1).spooled
        assert desk.ship() == 0
        assert desk.spool.status().refused == 1
        desk.close()


def test_an_answer_waits_behind_the_one_before_it(at: Desk) -> None:
    """Though the store is well: each record names the one before, so they come to the store in their order."""
    who, other = b"w" * 16, b"o" * 16
    chain = [entry(n, subject=who) for n in range(1, 5)]
    at.writer.keep(chain[0])
    at.spool.put(chain[1])  # as another process did while the store was away
    assert at.writer.keep(chain[2]).spooled
    assert at.writer.keep(chain[2]).record == chain[2].record, "sent again"
    assert not at.writer.keep(entry(10, subject=other)).spooled
    assert not at.writer.keep(entry(11)).spooled, "a visitor's first answer follows none"
    assert not at.writer.keep(entry(12, subject=None)).spooled
    assert at.ship() == 2
    assert not at.writer.keep(chain[3]).spooled
    kept = [record for record, _ in at.store.records_of(who)]
    assert [record.record_id for record in kept] == [one.record.record_id for one in chain]
    assert [record.supersedes for record in kept] == [None, *(record.record_id for record in kept[:-1])]
    assert at.events("spooled") == ["spooled"] * 2


def test_an_answer_that_waits_behind_another_is_not_what_tries_the_store(
    on_sqlite: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store is thought to be down: the try is left to the next visitor, and the order holds."""
    monkeypatch.setattr(breaker, "_FIRST", 0.0)
    desk, who = on_sqlite, b"w" * 16
    chain = [entry(n, subject=who) for n in range(1, 4)]
    desk.writer.keep(chain[0])
    desk.spool.put(chain[1])
    desk.writer._breaker().failed()
    assert desk.writer.keep(chain[2]).spooled
    assert desk.keep(9).spooled
    desk.wait_for("store_back")
    assert len(desk.store.records_of(who)) == 1
    desk.ship()
    kept = [record for record, _ in desk.store.records_of(who)]
    assert [record.supersedes for record in kept] == [None, kept[0].record_id, kept[1].record_id]


def test_a_spool_that_cannot_be_read_keeps_no_answer_from_the_store(at: Desk) -> None:
    """Nor one that has no more room: better out of order than nowhere."""
    who = b"w" * 16
    at.spool.path.parent.mkdir()
    at.spool.path.write_bytes(b"not a database" * 1000)
    assert not at.writer.keep(entry(1, subject=who)).spooled
    at.spool.path.unlink()
    at.spool.put(entry(2, subject=who))
    with at.spool._file.writing() as connection:
        connection.execute("CREATE TRIGGER no_room BEFORE INSERT ON entry BEGIN SELECT RAISE(FAIL, 'no room'); END")
    assert not at.writer.keep(entry(3, subject=who)).spooled
    assert at.events() == ["recorded", "recorded"]


def test_a_locked_store_costs_only_the_first_requests_their_wait(on_sqlite: Desk) -> None:
    """Then answers go to the spool at once; when the lock is gone the store is used again, and has everything once."""
    desk = on_sqlite
    desk.keep(0)
    with locked(desk):
        begin = time.monotonic()
        for number in range(1, 100):
            assert desk.keep(number).spooled
        assert time.monotonic() - begin < TIMEOUT + SLACK
        assert desk.events("store_failed", "store_back") == ["store_failed"]
    end = time.monotonic() + 15
    number = 100
    while desk.keep(number).spooled:
        assert time.monotonic() < end
        number += 1
        time.sleep(0.05)
    assert desk.events("store_failed", "store_back") == ["store_failed", "store_back"]
    desk.ship()
    assert kept_ids(desk.store) == expected(range(number + 1))
    assert desk.spool.status().rows == 0


def test_a_frozen_postgresql_holds_up_no_request(
    made: Callable[..., Desk], server: PostgresServer, report: Callable[[str], None]
) -> None:
    """All its processes are stopped in the middle of the work of eight threads. Each waits its quarter second at most."""
    with databases.database(server.url) as url:
        desk = made(url)
        desk.keep(0)
        times: list[float] = []

        def keep(number: int) -> bool:
            begin = time.monotonic()
            spooled = desk.writer.keep(entry(number)).spooled
            times.append(time.monotonic() - begin)
            return spooled

        with ThreadPoolExecutor(8) as pool:
            before = [pool.submit(keep, number) for number in range(1, 200)]
            while not before[20].done():
                time.sleep(0.001)
            with server.frozen():
                assert sum(pool.map(keep, range(200, 600))) >= 380
        assert max(times) < TIMEOUT + SLACK
        long = sum(one > 0.2 for one in times)
        report(
            f"PostgreSQL frozen: of {len(times)} answers {long} waited for it, the longest {max(times) * 1000:.0f} ms"
        )
        assert long <= 30
        desk.wait_for("store_back")
        desk.ship()
        assert kept_ids(desk.store) == expected(range(600))
        assert desk.events("lost") == []
        desk.close()


def test_a_killed_postgresql_loses_nothing(made: Callable[..., Desk], server: PostgresServer) -> None:
    """SIGKILL to all its processes under load, and a new start: every answer is in the ledger once."""
    with databases.database(server.url) as url:
        desk = made(url)
        with ThreadPoolExecutor(4) as pool:
            going = [pool.submit(desk.keep, number) for number in range(600)]
            while not going[100].done():
                time.sleep(0.001)
            server.kill()
            for one in going:
                one.result()
            server.start()
        end = time.monotonic() + 20
        number = 600
        while desk.keep(number).spooled:
            assert time.monotonic() < end
            number += 1
            time.sleep(0.05)
        desk.ship()
        assert kept_ids(desk.store) == expected(range(number + 1))
        desk.close()


def test_when_neither_takes_it_the_caller_is_told(on_sqlite: Desk, tmp_path: Path) -> None:
    """A locked store and a spool that cannot be made: an error in bounded time, and nothing is said to be kept."""
    desk = on_sqlite
    desk.keep(0)
    desk.spool.path.parent.write_text("a file where the folder should be")
    with locked(desk):
        for number in (1, 2, 3):
            with pytest.raises(StoreError, match="spool"):
                desk.keep(number)
    assert desk.events() == ["recorded", "store_failed", "lost", "lost", "lost"]
    assert desk.told[2][1]["record"] == entry(1).record


def test_a_broken_spool_does_not_keep_a_store_away_that_works_again(on_sqlite: Desk) -> None:
    """With the spool full, the store is tried as soon as it is time to."""
    desk = on_sqlite
    desk.keep(0)
    desk.spool.path.parent.write_text("a file where the folder should be")
    with locked(desk), pytest.raises(StoreError):
        desk.keep(1)
    end = time.monotonic() + 15
    while True:
        try:
            assert not desk.keep(1).spooled
        except StoreError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            break
    assert kept_ids(desk.store) == expected([0, 1])


def test_who_listens_cannot_break_it(on_sqlite: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """What a site's own code raises is logged by its type, without what is in it."""

    def listen(name: str, **facts: Any) -> None:
        raise KeyError("a secret")

    writer = Writer(on_sqlite.store, on_sqlite.spool, clock=lambda: NOW, on_event=listen)
    assert not writer.keep(entry(1)).spooled
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text
    writer.close()


def test_half_a_spool_is_told_of(tmp_path: Path) -> None:
    """Once."""
    told: list[str] = []
    spool = Spool(tmp_path / "spool.sqlite3", cap_bytes=400_000)
    (tmp_path / "records.sqlite3").mkdir()
    database = Database(f"sqlite:///{tmp_path / 'records.sqlite3'}")
    writer = Writer(Store(database, SITE), spool, clock=lambda: NOW, on_event=lambda name, **_: told.append(name))
    for number in range(150):
        writer.keep(entry(number))
    assert told.count("spool_half_full") == 1
    assert told.count("spooled") == 150
    writer.close()
    spool.close()
    database.close()


def test_a_child_writes_with_a_thread_of_its_own(tmp_path: Path) -> None:
    """After a fork the parent's thread is not there, and is not waited for; nor are its connections used."""
    script = f"""
        import os
        from pathlib import Path
        from tests.integration.test_writer import Desk
        desk = Desk("sqlite:///{tmp_path / "records.sqlite3"}", Path({str(tmp_path)!r}))
        desk.database.upgrade()
        assert not desk.keep(0).spooled
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if not desk.keep(1).spooled else 3)
            finally:
                os._exit(4)
        print(os.waitpid(child, 0)[1], desk.keep(2).spooled)
        desk.close()
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout == "0 False\n", done.stderr
    store = Store(Database(f"sqlite:///{tmp_path / 'records.sqlite3'}"), SITE)
    assert kept_ids(store) == expected(range(3))
    store.database.close()


def test_the_thread_comes_and_goes(
    made: Callable[..., Desk], server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It starts with the first entry, ends on close and when there is nothing to do, and starts anew."""
    monkeypatch.setattr(desk, "_IDLE", 0.2)
    threads = Threads()
    with databases.database(server.url) as url:
        writer = made(url)
        writer.keep(0)
        assert threads.new
        writer.writer.close()
        assert not threads.new
        writer.keep(1)
        assert threads.new
        time.sleep(0.6)
        assert not threads.new
        assert not writer.keep(2).spooled
        assert all(thread.daemon for thread in threads.new)
        writer.close()


class Threads:
    """The threads of writers that were not there before."""

    def __init__(self) -> None:
        self._others = set(threading.enumerate())

    @property
    def new(self) -> list[threading.Thread]:
        """Those that are there now."""
        return [one for one in set(threading.enumerate()) - self._others if one.name == "consentry-writer"]


def test_who_comes_alone_writes_into_a_file_himself(on_sqlite: Desk) -> None:
    """That takes less time than a change of threads and back."""
    threads = Threads()
    for number in range(3):
        assert not on_sqlite.keep(number).spooled
    assert not threads.new


def test_who_comes_meanwhile_shares_one_transaction(on_sqlite: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread takes over what has come in while somebody did his own; then it is as if it had always been there."""
    on_sqlite.keep(0)
    batches: list[int] = []
    own, go_on = threading.Event(), threading.Event()
    keep = on_sqlite.store.append_many

    def append_many(entries: Sequence[Entry], **options: Any) -> list[Record]:
        batches.append(len(entries))
        if len(batches) == 1:
            own.set()
            go_on.wait(TIMEOUT / 2)
        return keep(entries, **options)

    monkeypatch.setattr(on_sqlite.store, "append_many", append_many)
    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(on_sqlite.keep, 1)
        own.wait()
        others = [pool.submit(on_sqlite.keep, number) for number in range(2, 6)]
        while len(on_sqlite.writer._desk()._jobs) < 4:
            time.sleep(0.001)
        go_on.set()
        assert not any(one.result().spooled for one in (first, *others))
    assert batches == [1, 4]
    assert kept_ids(on_sqlite.store) == expected(range(6))


def test_who_is_stuck_in_his_own_holds_up_no_other(on_sqlite: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs: the others go to the spool, and after a while another tries."""
    on_sqlite.keep(0)
    monkeypatch.setattr(desk, "_STUCK", 0.5)
    monkeypatch.setattr(breaker, "_FIRST", 0.2)
    keep, hangs, go_on = on_sqlite.store.append_many, threading.Event(), threading.Event()

    def append_many(entries: Sequence[Entry], **options: Any) -> list[Record]:
        if not hangs.is_set():
            hangs.set()
            go_on.wait()
        return keep(entries, **options)

    monkeypatch.setattr(on_sqlite.store, "append_many", append_many)
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(on_sqlite.writer.keep, entry(1))
        hangs.wait()
        assert on_sqlite.keep(2).spooled
        end, number = time.monotonic() + 10, 3
        while on_sqlite.keep(number).spooled:
            assert time.monotonic() < end
            number += 1
            time.sleep(0.05)
        go_on.set()
        assert stuck.result().record.record_id == entry(1).record.record_id
    on_sqlite.ship()
    assert kept_ids(on_sqlite.store) == expected(range(number + 1))


def test_a_thread_that_is_stuck_is_given_up_for_another(
    made: Callable[..., Desk], server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection hangs for good; the store is used again over another, and nothing is there twice."""
    monkeypatch.setattr(desk, "_STUCK", 0.5)
    monkeypatch.setattr(breaker, "_FIRST", 0.2)
    with databases.database(server.url) as url:
        writer = made(url)
        writer.keep(0)
        assert server._process is not None
        stopped = _backend(writer)
        os.kill(stopped, signal.SIGSTOP)
        try:
            assert writer.keep(1).spooled
            end = time.monotonic() + 10
            number = 2
            while writer.keep(number).spooled:
                assert time.monotonic() < end, writer.events()
                number += 1
                time.sleep(0.05)
        finally:
            os.kill(stopped, signal.SIGCONT)
        writer.ship()
        time.sleep(0.3)
        assert kept_ids(writer.store) == expected(range(number + 1))
        writer.close()


def _backend(desk: Desk) -> int:
    """The process that serves the one connection of *desk*."""
    with desk.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def test_a_flood_is_turned_to_the_spool(on_sqlite: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """More entries than may wait: those beyond go to the spool at once."""
    monkeypatch.setattr(desk, "_QUEUE", 3)
    on_sqlite.keep(0)
    with locked(on_sqlite), ThreadPoolExecutor(16) as pool:
        kept = list(pool.map(on_sqlite.keep, range(1, 17)))
    assert all(one.spooled for one in kept)


def test_the_breaker_waits_longer_and_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """One try after 1, 2, 4, 8, 10, 10 seconds, for one caller each; closed again by a success."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    one = Breaker()
    assert not one.is_open
    assert not one.wants_a_try()
    assert one.failed()
    assert not one.failed()
    for pause in (1, 2, 4, 8, 10, 10):
        now[0] += pause - 0.01
        assert not one.wants_a_try()
        now[0] += 0.01
        assert one.wants_a_try()
        assert not one.wants_a_try()
        assert not one.failed()
    assert one.worked()
    assert not one.worked()
    assert not one.is_open
    assert one.failed()
    now[0] += 1
    assert one.wants_a_try()
