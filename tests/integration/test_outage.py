"""The store is away for a while under load, in every way a store can be: pages are served, nobody is tracked, and every
answer is in the ledger in the end, once.

``CONSENT_TEST_OUTAGE`` is for how many seconds; a minute is what the design promises to survive.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consent.audience.beacons import Beacons
from consent.ledger import Database
from consent.policy import parse
from tests import databases
from tests.crash.audit import Watch, compare
from tests.crash.site import SECRET, Site
from tests.crash.visitors import COOKIE, TRACKER, Readers, Visitors, notice_token, page, post
from tests.policies import SMALL
from tests.postgres import PostgresServer
from tests.postgres_programs import find

SECONDS = float(os.environ.get("CONSENT_TEST_OUTAGE", "15"))
#: What a request may take on a busy machine of two cores: a quarter of a second for the store, and the rest.
BOUND = 2.0

_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

Outage = Callable[[], AbstractContextManager[None]]


@contextmanager
def stopped(server: PostgresServer) -> Iterator[None]:
    """Nobody listens."""
    server.stop()
    yield
    server.start()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else has the file, and keeps it."""
    other = sqlite3.connect(path, isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.fixture(params=["PostgreSQL stopped", "PostgreSQL frozen", "SQLite locked"])
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str, Outage]]:
    """What happens, the URL of the store that it happens to, and how to make it happen."""
    with ExitStack() as stack:
        if request.param == "SQLite locked":
            path = tmp_path / "records.sqlite3"
            yield request.param, f"sqlite:///{path}", lambda: locked(path)
            return
        server = PostgresServer(find())
        stack.callback(server.close)
        server.start()
        url = stack.enter_context(databases.database(server.url))
        yield request.param, url, server.frozen if request.param == "PostgreSQL frozen" else lambda: stopped(server)


class Members:
    """Somebody who allowed statistics, before: their pages go on with the tracker, and their visits are counted."""

    def __init__(self, port: int, receipt: str) -> None:
        token = Beacons(parse(SMALL), [SECRET], os.urandom).for_page("/", now=datetime.now(UTC))
        self._beacon = urllib.request.Request(
            f"http://127.0.0.1:{port}/consent/beacon/{token}.gif",
            headers={"Cookie": f"{COOKIE}={receipt}", "User-Agent": _BROWSER},
        )
        self._port, self._receipt = port, receipt
        self.waits: list[float] = []
        self.failures: list[str] = []

    @contextmanager
    def coming(self) -> Iterator[None]:
        """They read while the block runs."""
        over = threading.Event()

        def read() -> None:
            while not over.wait(0.05):
                begin = time.monotonic()
                try:
                    assert TRACKER in page(self._port, self._receipt)
                    with urllib.request.urlopen(self._beacon, timeout=30) as answer:
                        assert answer.status == 200
                except (OSError, AssertionError) as error:
                    self.failures.append(f"{type(error).__name__} after {time.monotonic() - begin:.1f} s")
                self.waits.append(time.monotonic() - begin)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def of_100(times: list[float]) -> str:
    """The slowest of a hundred, and of all."""
    return f"p99 {statistics.quantiles(times, n=100)[98] * 1000:.0f} ms, slowest {max(times) * 1000:.0f} ms"


@pytest.mark.slow
def test_the_store_is_away(outage: tuple[str, str, Outage], tmp_path: Path, report: Callable[[str], None]) -> None:
    """Under load all the time; see the module."""
    what, url, happens = outage
    store = Database(url)
    store.upgrade()
    with Site(tmp_path / "a site", CONSENT_STORE_URL=url) as site:
        visitors = Visitors(site.port, crowd=4, pause=0.02)
        readers = [Readers(site.port) for _ in range(2)]
        member = visitors.one(frozenset({"statistics"}))
        assert member.receipt
        members = Members(site.port, member.receipt)
        with ExitStack() as crowd:
            for come in (visitors.coming, members.coming, *(one.coming for one in readers)):
                crowd.enter_context(come())
            time.sleep(2)
            store.close()  # its connections would be of a server that is gone
            before = visitors.acknowledged
            with happens():
                time.sleep(SECONDS)
                during, spooled = visitors.acknowledged - before, site.spooled
            time.sleep(2)
        took = site.ship_all()
        site.verdict()
    log = Watch(store).finish()
    store.close()
    found = compare(visitors.visitors, log.decoded())
    waits = [wait for one in readers for wait in one.waits]
    report(
        f"{what} for {SECONDS:g} s: {during} answers acknowledged meanwhile ({of_100(visitors.waits)}), {spooled} of them in "
        f"the spool; {len(waits)} pages ({of_100(waits)}), of members with a beacon {of_100(members.waits)}; in the end "
        f"{found}; spool empty after {took:.1f} s"
    )
    assert found.lost == found.duplicates == []
    assert not visitors.again, "an answer was not acknowledged at once"
    assert members.failures == []
    assert during > SECONDS
    assert spooled > during / 2
    assert max(visitors.waits) < BOUND
    assert max(waits) < BOUND
    assert max(members.waits) < BOUND
    assert "Traceback" not in site.said


def test_store_and_spool_are_both_away(tmp_path: Path) -> None:
    """Refusals take effect, grants are answered with 503 and track nobody, pages are served; and then all is well again."""
    url = f"sqlite:///{tmp_path / 'records.sqlite3'}"
    store = Database(url)
    store.upgrade()
    store.close()
    with Site(tmp_path / "a site", workers=1, CONSENT_STORE_URL=url, CONSENT_BACKGROUND=False) as site:
        visitors = Visitors(site.port)
        member = visitors.one(frozenset({"statistics"}))
        token = notice_token(site.port)
        with locked(tmp_path / "records.sqlite3"):
            visitors.one(frozenset({"social"}))  # this one is in the spool
            assert site.spooled == 1
            with locked(site.instance / "consent-spool.sqlite3"):
                for number in range(3):
                    begin = time.monotonic()
                    grant = {"answer": "accept_all", "notice": token, "key": f"both-are-away-{number:06}"}
                    assert post(site.port, json.dumps(grant).encode(), None)[::2] == (503, None)
                    assert time.monotonic() - begin < BOUND
                    assert TRACKER not in page(site.port)
                refusal = {"answer": "reject_all", "notice": token, "key": "both-are-away-refusal"}
                assert TRACKER in page(site.port, member.receipt)
                status, said, receipt = post(site.port, json.dumps(refusal).encode(), member.receipt)
                assert (status, said["recorded"], said["purposes"]) == (200, False, ["necessary"])
                assert TRACKER not in page(site.port, receipt)
        again = visitors.one(frozenset({"social"}), frozenset())
        assert again.acknowledged == [frozenset({"social"}), frozenset()]
        assert "Traceback" not in site.said
