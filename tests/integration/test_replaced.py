"""An SQLite file in whose place another one is put while the site runs: a backup, restored by somebody in a hurry."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent import StoreError
from consent.ledger import Database, Store, tables
from consent.ledger.revocations import Revocations
from flask_consentry import jobs
from tests.entries import SITE, entry
from tests.integration.conftest import Site
from tests.ledgers import NOW, Ledger, notice, opened
from tests.servers import ROOT

WHO = b"s" * 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file stands."""
    return tmp_path / "records.sqlite3"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    """A ledger with one record, of which there is a backup, and with more since, not all of them in the file itself."""
    with opened(f"sqlite:///{path}") as made:
        made.append(1)
        save(path)
        made.append(2)
        made.append(3, subject=WHO)
        yield made


def save(path: Path) -> None:
    """Make a backup, as SQLite's own program does."""
    with sqlite3.connect(path) as source, sqlite3.connect(path.with_name("backup")) as target:
        source.backup(target)
    source.close()
    target.close()


def restore(path: Path) -> Path:
    """Put the file aside, and its backup in its place; where it is now. Its log stays where it was."""
    aside = path.with_name("aside")
    path.rename(aside)
    path.with_name("backup").rename(path)
    return aside


def kept(path: Path, *, least: int = 30) -> list[int]:
    """Which entries, of the first *least*, are in a file, by whoever comes new."""
    database = Database(f"sqlite:///{path}")
    ids = {record.record_id for record in Store(database, SITE).records()}
    database.close()
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return [number for number in range(least) if entry(number).record.record_id in ids]


@pytest.mark.parametrize("how", ["usual", "known"])
def test_the_next_answer_is_in_the_new_file(ledger: Ledger, path: Path, how: str) -> None:
    """In both ways to keep one; with what was restored, and nothing of what came after it. The old file is whole."""
    aside = restore(path)
    ledger.append(10, subject=None if how == "usual" else WHO)
    assert len(list(ledger.store.records())) == 2
    ledger.check()
    ledger.database.close()
    assert kept(path) == [1, 10]
    assert kept(aside) == [1, 2, 3]


def test_a_file_that_was_moved_over_the_old_one(ledger: Ledger, path: Path) -> None:
    """The old one has no name any more; also read first, and restored twice."""
    for number in (10, 11):
        save(path)
        ledger.append(20)
        path.with_name("backup").replace(path)
        assert len(list(ledger.store.records())) == 3 + number - 10
        ledger.append(number)
    assert kept(path) == [1, 2, 3, 10, 11]


def test_the_words_of_an_answer_are_in_the_new_file(ledger: Ledger, path: Path) -> None:
    """They had been kept before, and that was after the backup."""
    ledger.store.append(replace(entry(9), notice=notice()), now=NOW)
    restore(path)
    ledger.store.append(replace(entry(10), notice=notice()), now=NOW)
    assert [kept["digest"] for kept in ledger.store.notices()] == [notice().digest]


def test_a_file_without_tables_gets_them(ledger: Ledger, path: Path) -> None:
    """It may be older than the tables, or empty."""
    path.with_name("backup").write_bytes(b"")
    restore(path)
    ledger.append(10)
    assert kept(path) == [10]


def test_an_answer_on_its_way_into_the_old_file_has_failed(ledger: Ledger, path: Path) -> None:
    """It is acknowledged to nobody, and comes to the new file from the spool."""

    def replaced_meanwhile(use: Callable[[], None]) -> None:
        save(path)
        with pytest.raises(StoreError, match="taken away while it was written"):
            use()

    def usual() -> None:
        with ledger.database.driver() as driver:
            driver.execute("BEGIN IMMEDIATE")
            path.with_name("backup").replace(path)
            driver.execute("COMMIT")

    def known() -> None:
        with ledger.database.write() as connection:
            connection.execute(sa.delete(tables.pending))
            path.with_name("backup").replace(path)

    for use in (usual, known):
        replaced_meanwhile(use)
        ledger.append(10)
        ledger.check()


def test_whoever_still_reads_the_old_file_reads_it(path: Path) -> None:
    """An export that has begun. Nothing is written meanwhile: the old file's log would be taken for the new one's."""
    with opened(f"sqlite:///{path}", timeout=0.1) as ledger:
        ledger.append(1)
        save(path)
        with ledger.database.read() as connection:
            count = sa.select(sa.func.count()).select_from(tables.record)
            assert connection.scalar(count) == 1
            ledger.append(2)
            aside = restore(path)
            with pytest.raises(StoreError, match="the one before it is in use"):
                ledger.append(10)
            assert connection.scalar(count) == 1
        ledger.append(11)
    assert kept(path) == [1, 11]
    assert kept(aside) == [1, 2]


def test_a_file_that_is_gone_is_a_store_that_is_away(ledger: Ledger, path: Path) -> None:
    """No other is begun in its place; when it is back, it goes on, and so does the one that was on its way."""
    aside = path.with_name("aside")
    path.rename(aside)
    for use in (lambda: ledger.append(10), lambda: ledger.append(10, subject=WHO), lambda: [*ledger.store.records()]):
        with pytest.raises(StoreError, match="not there any more"):
            use()
    assert not path.exists()
    aside.rename(path)
    ledger.append(11)
    assert kept(path) == [1, 2, 3, 11]


_OTHER = """
import sys
from consent.ledger import Database, Store
from tests.entries import NOW, SITE, entry
store = Store(Database(sys.argv[1]), SITE)
for line in sys.stdin:
    try:
        store.append(entry(int(line)), now=NOW)
        print("kept", flush=True)
    except Exception as error:
        print(error, flush=True)
"""


class Other:
    """Another process with the same database."""

    def __init__(self, url: str) -> None:
        environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "flask_ext")])}
        command = [sys.executable, "-c", _OTHER, url]
        self.process = subprocess.Popen(command, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def append(self, number: int) -> str:
        """Keep an entry; ``kept``, or what is in the way."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(number, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def end(self, *, by: int | None = None) -> None:
        """Let it end, or kill it."""
        if by is not None:
            self.process.send_signal(by)
        self.process.communicate()


@pytest.fixture
def other(ledger: Ledger) -> Iterator[Callable[[], Other]]:
    """Starts one."""
    started: list[Other] = []

    def start() -> Other:
        started.append(Other(ledger.url))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.end()


def test_several_processes_follow(ledger: Ledger, path: Path, other: Callable[[], Other]) -> None:
    """None opens the new file while another has the old one; each lets go of that when it is next asked."""
    second = other()
    assert second.append(4) == "kept"
    aside = restore(path)
    with pytest.raises(StoreError, match="was replaced, and the one before it is in use"):
        ledger.append(10)
    assert second.append(11) == "kept"
    ledger.append(12)
    second.end()
    ledger.database.close()
    assert kept(path) == [1, 11, 12]
    assert kept(aside) == [1, 2, 3, 4]


def test_a_process_that_begins_in_between_waits(ledger: Ledger, path: Path, other: Callable[[], Other]) -> None:
    """It would take the old file's log for the new one's; what it acknowledges is in the new file to the end."""
    aside = restore(path)
    late = other()
    assert "in use" in late.append(30)
    ledger.append(50)
    for number in range(31, 36):
        assert late.append(number) == "kept"
    ledger.append(51)
    late.end(by=signal.SIGKILL)
    ledger.database.close()
    assert kept(path, least=100) == [1, *range(31, 36), 50, 51]
    assert kept(aside) == [1, 2, 3]


def test_a_process_that_made_the_file_follows(tmp_path: Path, other: Callable[[], Other]) -> None:
    """It has never seen the file's log when it opens it."""
    path = tmp_path / "new" / "records.sqlite3"
    with opened(f"sqlite:///{path}") as ledger:
        ledger.append(1)
        save(path)
        ledger.append(2)
        restore(path)
        ledger.append(3)
        ledger.database.close()
    assert kept(path) == [1, 3]


def test_a_deleted_file_is_made_anew_by_whoever_comes_when_all_have_let_go(
    ledger: Ledger, path: Path, other: Callable[[], Other]
) -> None:
    """Not before: two that each have another file must not meet in one log."""
    path.unlink()
    late = other()
    assert "not there any more" in late.append(30)
    with pytest.raises(StoreError, match="not there any more"):
        ledger.append(10)
    ledger.database.close()
    assert late.append(31) == "kept"
    ledger.append(11)
    late.end()
    ledger.database.close()
    assert kept(path, least=100) == [11, 31]


def test_many_threads_follow(ledger: Ledger, path: Path) -> None:
    """Under load, what is acknowledged after the file was replaced is in the new one."""
    start, acknowledged = threading.Barrier(5), list[int]()

    def work(mine: int) -> None:
        start.wait()
        for number in range(mine, mine + 4):
            try:
                ledger.append(number)
            except StoreError:
                continue
            if is_restored.is_set():
                acknowledged.append(number)

    is_restored = threading.Event()
    threads = [threading.Thread(target=work, args=(10 + 4 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    restore(path)
    is_restored.set()
    for thread in threads:
        thread.join()
    ledger.append(9)
    ledger.database.close()
    assert set(kept(path)) >= {1, 9, *acknowledged}


def test_what_was_known_to_be_revoked_stays_known(ledger: Ledger, path: Path) -> None:
    """The backup may be older; what it has, is learnt."""
    revocations = Revocations(
        lambda since: ledger.store.revocations(added_since=since), lambda: datetime.now(UTC), alone=True
    )
    ledger.eraser.erase_subject(WHO, now=datetime.now(UTC))
    revocations.refresh()
    restore(path)
    revocations.refresh()
    assert revocations.void(WHO, 0)
    ledger.eraser.erase_subject(b"o" * 16, now=datetime.now(UTC))
    revocations.refresh()
    assert revocations.void(b"o" * 16, 0)


def test_what_the_site_says_is_kept_in_the_new_file_too(build: Callable[..., Site]) -> None:
    """A record refers to it, and the file of before may not have it."""
    site = build()
    publish = next(job for lane in jobs.background(site.app, site.state).lanes for job in lane if job.name == "publish")
    for _ in range(2):
        publish.work()
    path = site.state.ledger.database.path
    path.with_name("backup").write_bytes(b"")
    restore(path)
    publish.work()
    assert len(site.state.ledger.store.editions()) == 1
