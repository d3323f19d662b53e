"""The spool on a real disk: durable, bounded, shared, private, and gone once shipped."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import ConfigError, StoreError
from consent.ledger import Database, Entry, KeptNotice, Revocation, Store
from consent.ledger.shipper import Shipper
from consent.ledger.spool import Spool, SpoolFull, SpoolStatus
from tests.entries import NOW, SITE, entry, ids
from tests.servers import ROOT

WORDS = KeptNotice(digest="d" * 64, language="en", revision="12345678", text='{"q":"?"}', html="<p>Ünïcode</p>" * 50)


def with_words(number: int) -> Entry:
    """An entry that knows what was shown."""
    return dataclasses.replace(entry(number, notice=WORDS.digest, language="en"), notice=WORDS)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An empty spool in a folder that does not exist yet, with a space and a percent sign in its name."""
    made = Spool(tmp_path / "a b%20?#" / "spool.sqlite3")
    yield made
    made.close()


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store, on each engine."""
    database = Database(database_url)
    database.upgrade()
    yield Store(database, SITE)
    database.close()


def shipper(spool: Spool, store: Store) -> Shipper:
    """Between the two."""
    return Shipper(spool, store, clock=lambda: NOW)


def test_what_was_put_comes_back_in_order_until_it_is_done(spool: Spool) -> None:
    """Entries are equal to those put, notice and revocation included, oldest first, as often as one asks."""
    revokes = Revocation(subject=b"s" * 16, not_before=NOW, until=NOW + timedelta(days=200))
    put = [with_words(1), dataclasses.replace(entry(2), revokes=revokes, unchanged=True), entry(0), with_words(3)]
    for one in put:
        assert spool.put(one) == one.record
    assert spool.batch(10) == put
    assert spool.batch(10) == put
    assert spool.batch(2) == put[:2]
    spool.done(one.record for one in put[:2])
    assert spool.batch(10) == put[2:]


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5),
    flags=st.tuples(st.booleans(), st.booleans()),
    salt=st.binary(min_size=32, max_size=32),
)
def test_any_entry_survives_the_disk(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], flags: tuple[bool, bool], salt: bytes
) -> None:
    """Whatever text a record holds."""
    made = Spool(tmp_path_factory.mktemp("spool") / "spool.sqlite3")
    one = entry(1, purposes=dict.fromkeys(texts, True), services=tuple(texts), jurisdiction=texts[0])
    one = dataclasses.replace(one, salt=salt, unchanged=flags[0], first=flags[1])
    made.put(one)
    assert made.batch(1) == [one]
    made.close()


def test_nothing_is_made_until_something_is_put(spool: Spool) -> None:
    """Looking makes no file."""
    assert spool.batch(5) == []
    assert spool.status() == SpoolStatus(rows=0, refused=0, bytes=0, oldest=None, cap=256 * 2**20)
    spool.check()
    assert spool.try_again() == 0
    with spool.shipping() as is_alone:
        assert is_alone
    assert not spool.path.parent.exists()
    spool.path.parent.mkdir()
    with spool.shipping() as is_alone, spool.shipping() as is_second_alone:
        assert (is_alone, is_second_alone) == (True, False)
    assert list(spool.path.parent.iterdir()) == []


def test_its_files_are_its_owners_alone(spool: Spool) -> None:
    """Mode 0600 from the first byte, whatever the umask; the write-ahead log, too."""
    before = os.umask(0)
    try:
        spool.put(entry(1))
    finally:
        os.umask(before)
    files = [path for path in spool.path.parent.iterdir() if path.is_file()]
    assert {path.name for path in files} >= {"spool.sqlite3", "spool.sqlite3-wal"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_it_is_durable(spool: Spool) -> None:
    """Write-ahead log, synced in full at every commit; deleted rows are overwritten."""
    spool.put(entry(1))
    with spool._file.reading() as connection:
        assert connection is not None
        found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
        assert found == {"journal_mode": "wal", "synchronous": 2}
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """A process that dies by SIGKILL right after ``put`` returned leaves the entry there."""
    script = f"""
        import os, signal, sys
        from consent.ledger.spool import Spool
        from tests.entries import entry
        spool = Spool({str(tmp_path / "spool.sqlite3")!r})
        for number in range(20):
            spool.put(entry(number))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    assert _run(script).returncode == -9
    assert ids(Spool(tmp_path / "spool.sqlite3").batch(100)) == ids([entry(number) for number in range(20)])


def test_words_are_kept_once_and_go_with_the_last_entry(spool: Spool) -> None:
    """A thousand answers to one notice hold it once."""
    for number in range(50):
        spool.put(with_words(number))
    with spool._file.reading() as connection:
        assert connection is not None
        assert connection.execute("SELECT count(*) FROM notice").fetchone() == (1,)
    spool.set_aside(entry(0).record, "Test")
    spool.done(entry(number).record for number in range(1, 50))
    assert spool.try_again() == 1
    assert spool.batch(10) == [with_words(0)]
    spool.done([entry(0).record])
    with spool._file.reading() as connection:
        assert connection is not None
        assert connection.execute("SELECT count(*) FROM notice").fetchone() == (0,)


def test_a_repeated_submission_is_kept_once(spool: Spool) -> None:
    """A double click while the store is down is one decision: the second is answered with the first record."""
    first, second = entry(1), dataclasses.replace(entry(2), submission=entry(1).submission)
    assert spool.put(first) == first.record
    assert spool.put(second) == first.record
    assert spool.put(first) == first.record
    other_receipt = dataclasses.replace(second, submission=dataclasses.replace(second.submission, before="x"))
    assert spool.put(other_receipt) == second.record
    assert spool.put(dataclasses.replace(entry(3), submission=first.submission, unchanged=True)) == second.record
    late = dataclasses.replace(entry(4, at=NOW + timedelta(minutes=11)), submission=first.submission)
    assert spool.put(late) == late.record
    assert spool.batch(10) == [first, other_receipt, late]


def test_sites_may_share_it(spool: Spool) -> None:
    """Each is handed its own entries."""
    mine, other = entry(1), entry(2, site="other")
    spool.put(mine)
    spool.put(other)
    assert spool.batch(10, site=SITE) == [mine]
    assert spool.batch(10, site="other") == [other]
    assert spool.batch(10) == [mine, other]


def test_nothing_of_a_shipped_entry_is_left_on_the_disk(spool: Spool) -> None:
    """Neither in the file nor in its write-ahead log: subject, id and words are gone, also beside what still waits."""
    for number in range(200):
        spool.put(with_words(number))
    gone = [entry(number).record for number in range(199)]
    traces = [record.record_id.hex.encode() for record in gone] + [str(r.record_id).encode() for r in gone]
    traces += [record.subject.hex().encode() for record in gone if record.subject]
    assert any(trace in _bytes(spool) for trace in traces)
    spool.done(gone)
    left = _bytes(spool)
    assert not any(trace in left for trace in traces)
    assert entry(199).record.record_id.hex.encode() in left
    spool.done([entry(199).record])
    assert WORDS.html[:200].encode() not in _bytes(spool)


def test_the_disk_gets_its_room_back(spool: Spool) -> None:
    """After an outage the file is small again."""
    for number in range(300):
        spool.put(entry(number))
    assert spool.status().bytes > 200_000
    spool.done(entry(number).record for number in range(300))
    assert spool.path.stat().st_size < 60_000
    assert spool.status().bytes < 60_000


def test_status_tells_how_full_it_is(tmp_path: Path) -> None:
    """Rows, those set aside, bytes, since when."""
    moments = iter([NOW, NOW + timedelta(seconds=5), NOW + timedelta(seconds=9)])
    spool = Spool(tmp_path / "spool.sqlite3", cap_bytes=10**6, clock=lambda: next(moments))
    for number in range(3):
        spool.put(entry(number))
    spool.set_aside(entry(0).record, "Test")
    status = spool.status()
    assert (status.rows, status.refused, status.oldest, status.cap) == (2, 1, NOW + timedelta(seconds=5), 10**6)
    assert 10_000 < status.bytes < 100_000
    spool.close()


def test_the_cap_holds(tmp_path: Path) -> None:
    """When it is reached, ``put`` says so, keeps what is there, and takes entries again as soon as some have gone."""
    alarms: list[SpoolStatus] = []
    spool = Spool(tmp_path / "spool.sqlite3", cap_bytes=300_000)
    spool.on_half_full = alarms.append
    put, error = _fill(spool)
    assert isinstance(error, SpoolFull)
    assert "300000 bytes" in str(error)
    assert 100 < len(put) < 400
    assert len(alarms) == 1
    assert 0.5 <= alarms[0].bytes / 300_000 < 0.6
    assert spool.path.stat().st_size <= 300_000
    assert spool.batch(10_000) == put
    spool.done(one.record for one in put[:50])
    spool.put(entry(20_000))
    assert len(alarms) == 1
    spool.done(one.record for one in put[50:])
    for number in range(30_000, 30_000 + len(put) - 20):
        spool.put(entry(number))
    assert len(alarms) == 2
    spool.close()


@pytest.mark.parametrize("content", [b"not a database" * 1000, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_broken_file_is_an_error_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """It may be the only copy of something."""
    path = tmp_path / "spool.sqlite3"
    path.write_bytes(content)
    spool = Spool(path)
    with pytest.raises(StoreError, match=r"spool\.sqlite3"):
        spool.put(entry(1))
    with pytest.raises(StoreError):
        spool.status()
    with pytest.raises(ConfigError, match="CONSENT_SPOOL: name a file of its own"):
        spool.check()
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    """Named by mistake, the store itself for one."""
    path = tmp_path / "app.sqlite3"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE entry (id)")
    other.close()
    before = path.read_bytes()
    spool = Spool(path)
    with pytest.raises(StoreError, match="database of something else"):
        spool.put(entry(1))
    with pytest.raises(ConfigError, match="CONSENT_SPOOL"):
        spool.check()
    assert path.read_bytes() == before


def test_a_newer_versions_file_is_left_as_it_is(spool: Spool) -> None:
    """After a downgrade."""
    spool.put(entry(1))
    with spool._file.writing() as connection:
        connection.execute("PRAGMA user_version = 3")
    spool.close()
    with pytest.raises(StoreError, match="newer version"):
        spool.put(entry(2))


def make_older(spool: Spool) -> None:
    """Make the file what version 1 would have written."""
    with spool._file.writing() as connection:
        connection.execute("DROP INDEX entry_by_subject")
        connection.execute("PRAGMA user_version = 1")


def test_an_older_versions_file_is_brought_up_to_date(spool: Spool) -> None:
    """After an upgrade, with all that waits in it, also what is no JSON; and what it lacked is there."""
    put = [entry(1), with_words(2), entry(3, subject=b"s" * 16)]
    for one in put:
        spool.put(one)
    with spool._file.writing() as connection:
        connection.execute("UPDATE entry SET body = 'no JSON' WHERE record_id = ?", (put[0].record.record_id.hex,))
    make_older(spool)
    spool.close()
    assert spool.holds(b"s" * 16, site=SITE)
    assert spool.batch(10) == put[1:]
    with spool._file.reading() as connection:
        assert connection is not None
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert "entry_by_subject" in str(connection.execute("SELECT name FROM sqlite_master").fetchall())


def test_an_older_file_at_its_cap_is_brought_up_to_date(tmp_path: Path) -> None:
    """What it lacked goes in beyond the cap: else nothing would ever come out again."""
    spool = Spool(tmp_path / "spool.sqlite3", cap_bytes=300_000)
    spool.put(entry(0))
    make_older(spool)
    put, _ = _fill(spool)
    spool.close()
    assert spool.batch(10_000) == put
    assert spool.status().bytes > 300_000
    assert spool.holds(put[-1].record.subject or b"", site=SITE)
    with pytest.raises(SpoolFull):
        spool.put(entry(99_999))
    spool.close()


def test_it_knows_whose_entries_wait(spool: Spool) -> None:
    """In order, of one site, and not of those that were set aside."""
    who, other = b"w" * 16, b"o" * 16
    assert not spool.holds(who, site=SITE)
    assert not spool.path.parent.exists()
    mine = [entry(1, subject=who), entry(3, subject=who)]
    for one in (mine[0], entry(2, subject=other), mine[1], entry(4, subject=who, site="another"), entry(5)):
        spool.put(one)
    assert spool.holds(who, site=SITE)
    assert spool.batch(10, site=SITE, subject=who) == mine
    assert spool.batch(1, site=SITE, subject=who) == mine[:1]
    for one in mine:
        assert spool.holds(who, site=SITE)
        spool.set_aside(one.record, "Test")
    assert not spool.holds(who, site=SITE)
    assert spool.holds(who, site="another")
    assert spool.subjects_set_aside(site=SITE) == {who}


def test_what_is_erased_leaves_nothing_behind(spool: Spool) -> None:
    """Whether it waited or was set aside: no byte of it stands in any file, and all else stays."""
    who = b"w" * 16
    assert spool.erase([who], site=SITE) == (0, True)
    assert spool.forget_deleted()
    assert not spool.path.parent.exists(), "no file is made to delete from"
    mine = [entry(n, subject=who, notice=WORDS.digest) for n in (1, 2, 3)]
    mine = [dataclasses.replace(one, notice=WORDS) for one in mine]
    others = [entry(4), entry(5, subject=who, site="another"), entry(6)]
    for one in [*mine, *others]:
        spool.put(one)
    spool.set_aside(mine[0].record, "Test")
    spool.set_aside(others[2].record, "Test")
    traces = [one.record.record_id.hex.encode() for one in mine]
    assert all(trace in _bytes(spool) for trace in [*traces, who.hex().encode()])
    assert spool.erase([who, b"x" * 16], site=SITE) == (3, True)
    assert not any(trace in _bytes(spool) for trace in traces)
    assert spool.batch(10) == others[:2]
    assert (spool.status().rows, spool.status().refused) == (2, 1)
    assert spool.erase([who], site="another") == (1, True)
    assert who.hex().encode() not in _bytes(spool)


def test_what_was_set_aside_and_is_nobodys_can_be_looked_through(spool: Spool) -> None:
    """What is no JSON, or of another version's shape, has no subject that is known here."""
    for number, text in enumerate(['{"record": {"subject": 7}}', '{"record": {"subject": "x"}}', "{}", "no JSON"]):
        spool.put(entry(number))
        with spool._file.writing() as connection:
            values = (text, entry(number).record.record_id.hex)
            connection.execute("UPDATE entry SET body = ? WHERE record_id = ?", values)
        spool.set_aside(entry(number).record, "Test")
    assert spool.subjects_set_aside(site=SITE) == set()
    assert spool.erase([b"w" * 16], site=SITE) == (0, True)
    assert spool.status().refused == 4


def test_a_corrupt_page_is_an_error_not_a_loss(spool: Spool) -> None:
    """A damaged file is reported at each use and stays."""
    for number in range(100):
        spool.put(entry(number))
    spool.close()
    with spool.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 20_000)
    with pytest.raises(StoreError):
        spool.batch(100)
    assert spool.path.exists()


def test_a_file_that_was_deleted_is_made_anew(spool: Spool) -> None:
    """Somebody tidied up: what comes then is not written to a file that no longer has a name."""
    spool.put(entry(1))
    for path in list(spool.path.parent.iterdir()):
        path.unlink()
    spool.put(entry(2))
    assert Spool(spool.path).batch(10) == [entry(2)]


@pytest.mark.parametrize("place", ["folder", "file/spool.sqlite3"])
def test_a_place_that_cannot_be_is_an_error(tmp_path: Path, place: str) -> None:
    """A folder, or below a file."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    spool = Spool(tmp_path / place)
    with pytest.raises(ConfigError, match="CONSENT_SPOOL"):
        spool.check()
    with pytest.raises(StoreError):
        spool.put(entry(1))


def test_a_read_only_folder_is_an_error(tmp_path: Path) -> None:
    """At start-up and at run time; root would be allowed to, so this runs as nobody."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o555)
    with ThreadPoolExecutor(1) as pool:  # file rights are a thread's own on Linux, and this thread ends

        def attempt() -> None:
            _become_nobody(tmp_path)
            with pytest.raises(StoreError, match="cannot be written"):
                Spool(folder / "spool.sqlite3").put(entry(1))

        pool.submit(attempt).result()
    assert list(folder.iterdir()) == []


def test_a_lock_is_waited_for_only_so_long(spool: Spool) -> None:
    """Another program that holds the file makes it fail within a second or so for any number of threads."""
    spool.put(entry(0))
    other = sqlite3.connect(spool.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    def attempt(number: int) -> float:
        begin = time.monotonic()
        with pytest.raises(StoreError):
            spool.put(entry(number))
        return time.monotonic() - begin

    with ThreadPoolExecutor(6) as pool:
        assert max(pool.map(attempt, range(1, 7))) < 2.0
    other.execute("ROLLBACK")
    other.close()
    spool.put(entry(7))
    assert spool.batch(10) == [entry(0), entry(7)]


def test_a_full_disk_is_an_error_and_no_loss(tmp_path: Path) -> None:
    """A file that may not grow: what was acknowledged before stays, what was not is not there."""
    script = f"""
        import resource
        from consent import StoreError
        from consent.ledger.spool import Spool
        from tests.entries import entry
        spool = Spool({str(tmp_path / "spool.sqlite3")!r})
        spool.put(entry(0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        put = 1
        try:
            while True:
                spool.put(entry(put))
                put += 1
        except StoreError as error:
            print(put, type(error).__name__)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        spool.put(entry(100_000))
    """
    done = _run(script)
    put, kind = done.stdout.split()
    assert kind == "StoreError"
    assert Spool(tmp_path / "spool.sqlite3").batch(100_000) == [*map(entry, range(int(put))), entry(100_000)]


def test_no_space_left_is_an_error_and_no_loss(tmp_path: Path) -> None:
    """The same with ENOSPC, on a small file system of its own, where this machine lets us make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a file system here; the test before this one bounds a file instead")
    try:
        spool = Spool(folder / "spool.sqlite3")
        put, error = _fill(spool)
        assert "full" in str(error) or "I/O" in str(error)
        assert put
        assert spool.batch(10_000) == put
        spool.close()
        assert Spool(folder / "spool.sqlite3").batch(10_000) == put
    finally:
        spool.close()
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _put_range(path: Path, begin: int, go: Any) -> None:
    spool = Spool(path)
    go.wait()
    for number in range(begin, begin + 40):
        spool.put(entry(number))


def test_processes_and_threads_share_it_from_the_first_moment(tmp_path: Path) -> None:
    """Four processes that make it at once, two threads each by fork, lose nothing and make it once."""
    context = multiprocessing.get_context("spawn")
    go = context.Event()
    workers = [context.Process(target=_put_range, args=(tmp_path / "s", 100 * n, go)) for n in range(4)]
    for worker in workers:
        worker.start()
    go.set()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    found = Spool(tmp_path / "s").batch(1000)
    assert len(found) == 160
    assert ids(found) == ids([entry(100 * n + k) for n in range(4) for k in range(40)])


def test_a_child_does_not_use_its_parents_connection(tmp_path: Path) -> None:
    """Not even to close it, and not its lock, which is held during the fork here."""
    script = f"""
        import os
        from consent.ledger.spool import Spool
        from tests.entries import entry
        spool = Spool({str(tmp_path / "spool.sqlite3")!r})
        spool.put(entry(0))
        with spool._file.reading():
            child = os.fork()
            if child == 0:
                spool.put(entry(1))
                spool.close()
                os._exit(0)
            print(os.waitpid(child, 0)[1])
        spool.put(entry(2))
    """
    assert _run(script).stdout == "0\n"
    assert Spool(tmp_path / "spool.sqlite3").batch(10) == [entry(0), entry(1), entry(2)]


def test_one_ships_at_a_time(spool: Spool) -> None:
    """Of all threads and processes; and whoever is killed holds up nobody."""
    spool.put(entry(1))
    with spool.shipping() as first, spool.shipping() as second:
        assert (first, second) == (True, False)
    script = f"""
        import sys
        from consent.ledger.spool import Spool
        with Spool({str(spool.path)!r}).shipping() as is_alone:
            print(is_alone, flush=True)
            sys.stdin.read()
    """
    other = _start(script)
    assert other.stdout is not None
    assert other.stdin is not None
    assert other.stdout.readline() == "True\n"
    with spool.shipping() as mine:
        assert not mine
    other.kill()
    other.communicate()
    with spool.shipping() as mine:
        assert mine


def test_shipping_brings_everything_to_the_store_once(spool: Spool, store: Store) -> None:
    """In order, so that a subject's records form a chain; a second time brings nothing."""
    chain = [entry(number, subject=b"s" * 16) for number in range(3)]
    for one in [*chain, *map(with_words, range(10, 500))]:
        spool.put(one)
    assert shipper(spool, store).ship(at_most=300) == 300
    assert shipper(spool, store).ship() == 193
    assert shipper(spool, store).ship() == 0
    kept = list(store.records())
    assert len(kept) == 493
    assert [record.supersedes for record in kept[:3]] == [None, kept[0].record_id, kept[1].record_id]
    assert [notice["html"] for notice in store.notices()] == [WORDS.html]
    assert spool.status().rows == 0


def test_what_the_store_has_already_is_only_taken_out(spool: Spool, store: Store) -> None:
    """A shipper that died between the two, or a request that gave up on a store that was only slow."""
    for number in range(10):
        spool.put(entry(number))
    store.append_many([entry(number) for number in range(5)], now=NOW)
    assert shipper(spool, store).ship() == 10
    assert len(list(store.records())) == 10
    for number in range(10):
        spool.put(entry(number))
    later = Shipper(spool, store, clock=lambda: NOW + timedelta(days=9))
    later.ship()
    store.append(entry(99, at=NOW + timedelta(days=9)), now=NOW + timedelta(days=9))
    for number in range(10):
        spool.put(entry(number))
    assert later.ship() == 10
    assert len(list(store.records())) == 11
    assert spool.status().refused == 0


def test_what_was_acknowledged_keeps_its_own_id(spool: Spool, store: Store) -> None:
    """Though the store has another answer to the same form: the visitor holds the receipt of this one."""
    store.append(entry(1), now=NOW)
    spool.put(dataclasses.replace(entry(2), submission=entry(1).submission))
    assert shipper(spool, store).ship() == 1
    assert {record.record_id for record in store.records()} == ids([entry(1), entry(2)])


def test_one_subjects_entries_are_brought_at_once(spool: Spool, store: Store) -> None:
    """Whatever waits before them, and while somebody else is shipping; what the store has already stays once."""
    who = b"w" * 16
    mine = [entry(1, subject=who), entry(3, subject=who), dataclasses.replace(entry(5, subject=who), salt=b"short")]
    for one in (entry(0), mine[0], entry(2), mine[1], entry(4), mine[2]):
        spool.put(one)
    store.append(mine[0], now=NOW)
    with spool.shipping() as is_alone:
        assert is_alone
        assert shipper(spool, store).ship_all_of(who) == 2
    assert [(record.record_id, at) for record, at in store.records_of(who)] == [
        (one.record.record_id, None) for one in mine[:2]
    ]
    assert spool.batch(10) == [entry(0), entry(2), entry(4)]
    assert spool.subjects_set_aside(site=SITE) == {who}
    assert shipper(spool, store).ship_all_of(who) == 0


def test_a_store_that_is_down_leaves_everything_where_it_is(spool: Spool, tmp_path: Path) -> None:
    """Nothing is set aside: it is not the entries' fault."""
    for number in range(5):
        spool.put(entry(number))
    (tmp_path / "records.sqlite3").write_bytes(b"not a database" * 100)
    store = Store(Database(f"sqlite:///{tmp_path / 'records.sqlite3'}"), SITE)
    with pytest.raises(StoreError):
        shipper(spool, store).ship()
    status = spool.status()
    assert (status.rows, status.refused) == (5, 0)


def test_an_entry_that_the_store_will_not_have_holds_up_no_other(
    spool: Spool, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It is set aside, counted, and told of once, without what is in it; it can be tried again."""
    poisoned = [dataclasses.replace(entry(n), salt=b"short") for n in (0, 1, 2, 5)]
    for one in [*poisoned, entry(3), entry(4), entry(6)]:
        spool.put(one)
    assert shipper(spool, store).ship() == 3
    assert shipper(spool, store).ship() == 0
    assert {record.record_id for record in store.records()} == ids([entry(3), entry(4), entry(6)])
    status = spool.status()
    assert (status.rows, status.refused) == (0, 4)
    assert len(caplog.records) == 4
    assert not any(str(one.record.record_id) in caplog.text for one in poisoned)
    assert spool.try_again() == 4
    assert spool.batch(10) == poisoned


def test_an_entry_that_cannot_be_read_is_set_aside(spool: Spool) -> None:
    """Of a version that is not ours any more, or damaged."""
    spool.put(entry(1))
    spool.put(entry(2))
    with spool._file.writing() as connection:
        connection.execute("UPDATE entry SET body = '{}' WHERE record_id = ?", (entry(1).record.record_id.hex,))
    assert spool.batch(10) == [entry(2)]
    status = spool.status()
    assert (status.rows, status.refused) == (1, 1)


def _fill(spool: Spool) -> tuple[list[Entry], StoreError]:
    """Put entries until there is no more room; those that were, and what was said then."""
    put: list[Entry] = []
    while True:
        try:
            spool.put(entry(len(put)))
        except StoreError as error:
            return put, error
        put.append(entry(len(put)))


def _bytes(spool: Spool) -> bytes:
    return b"".join(path.read_bytes() for path in spool.path.parent.iterdir())


def _start(script: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONPATH": path},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _run(script: str) -> subprocess.CompletedProcess[str]:
    process = _start(script)
    output, _ = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, output)


def _become_nobody(reachable: Path) -> None:
    """Make this thread alone lose root's rights to files, as setfsuid(2) does."""
    if os.geteuid() != 0:
        return
    import ctypes

    for folder in (reachable, *reachable.parents[:2]):  # pytest's own, which others may not enter
        folder.chmod(folder.stat().st_mode | 0o055)
    ctypes.CDLL(None).setfsuid(65534)
