"""The PostgreSQL server itself dies while visitors answer, and is away for a while: pages go on, answers wait and arrive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa

from consent import StoreError
from consent.ledger import Database, tables
from tests.crash.audit import Watch, compare
from tests.crash.site import Site
from tests.crash.visitors import TRACKER, Readers, Visitors, page
from tests.databases import database
from tests.postgres import PostgresServer
from tests.postgres_programs import NoServerError, find

KILLS = 8
#: Seconds that the store is away in the longer test.
AWAY = 60


@pytest.fixture
def mortal(report: Callable[[str], None]) -> Iterator[PostgresServer]:
    """A server of this test's own, because it dies; whatever server the other tests use."""
    try:
        server = PostgresServer(find())
        server.start()
    except NoServerError as error:
        pytest.fail(str(error), pytrace=False)
    yield server
    server.close()


def _until_it_writes(store: Database) -> None:
    """Wait until records come in, from visitors or from the spool."""
    first, end = None, time.monotonic() + 30
    while True:
        try:
            with store.read() as connection:
                count = connection.scalar(sa.select(sa.func.count()).select_from(tables.record))
        except StoreError:
            count = first  # it is not back yet
        first = count if first is None else first
        if count != first:
            return
        assert time.monotonic() < end, "nothing is written"
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_while_writing(mortal: PostgresServer, tmp_path: Path, report: Callable[[str], None]) -> None:
    """Eight times all of its processes at once; whatever was acknowledged is in the ledger once, and the log is whole."""
    chance, restarts = Random(8), []
    with database(mortal.url) as url:
        store = Database(url)
        store.upgrade()
        with Site(tmp_path / "a site", CONSENT_STORE_URL=url) as site:
            visitors, readers, watch = Visitors(site.port), Readers(site.port), Watch(store)
            with watch.watching(), visitors.coming(), readers.coming():
                for _ in range(KILLS):
                    _until_it_writes(store)
                    time.sleep(chance.uniform(0, 0.3))
                    mortal.kill()
                    time.sleep(chance.uniform(0, 0.3))
                    mortal.start()
                    restarts.append(mortal.start_time)
                time.sleep(1)
            took = site.ship_all()
        site.verdict([note for _, note in watch.seen[:8]])
        log = watch.finish()
        store.close()
    found = compare(visitors.visitors, log.decoded())
    report(
        f"PostgreSQL: {KILLS} SIGKILLs of the server: {found}; sent again: {dict(visitors.again)}; {len(readers.waits)} pages "
        f"meanwhile; back after {max(restarts):.1f} s at most; spool empty after {took:.1f} s; looks: {watch.looks}"
    )
    assert found.lost == []
    assert found.duplicates == []
    assert found.acknowledged > 100
    assert watch.looks > 1  # the server is away for much of the time


@pytest.mark.slow
def test_away_for_a_minute(mortal: PostgresServer, tmp_path: Path, report: Callable[[str], None]) -> None:
    """Every page is served and tracks nobody, every answer is taken at once, and all are in the ledger once later."""
    with database(mortal.url) as url:
        store = Database(url)
        store.upgrade()
        with Site(tmp_path / "a site", CONSENT_STORE_URL=url) as site:
            visitors, readers = Visitors(site.port, pause=0.05), Readers(site.port)
            member = visitors.one(frozenset({"statistics"}))
            with visitors.coming(), readers.coming():
                time.sleep(1)
                before = visitors.acknowledged
                mortal.stop()
                gone = time.monotonic()
                time.sleep(AWAY)
                during = visitors.acknowledged - before
                spooled = site.spooled
                assert TRACKER in page(site.port, member.receipt), "who allowed it before is still taken at their word"
                mortal.start()
                away = time.monotonic() - gone
                time.sleep(1)
            took = site.ship_all()
        store.close()  # its connections were those of the server before
        log = Watch(store).finish()
        store.close()
    found = compare(visitors.visitors, log.decoded())
    slowest = max(visitors.waits)
    report(
        f"PostgreSQL away for {away:.0f} s: {during} answers acknowledged meanwhile, {spooled} in the spool, slowest "
        f"{slowest:.2f} s; {len(readers.waits)} pages served, slowest {max(readers.waits):.2f} s; in the end {found}; spool empty after {took:.1f} s"
    )
    assert found.lost == []
    assert found.duplicates == []
    assert during > AWAY
    assert slowest < 2
    assert max(readers.waits) < 2
