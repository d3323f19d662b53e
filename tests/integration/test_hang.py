"""A store that hangs: it takes what is sent, says nothing, and breaks nothing. Whoever asks it is let go in time."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent import StoreError
from consent.ledger import Database, Revocation, Store
from consent.ledger import database as databases_of_the_ledger
from consent.ledger import revocations as revocations_of_the_ledger
from consent.ledger.patience import answered_within, within
from consent.ledger.revocations import EVER, Revocations
from flask_consentry import jobs
from tests.databases import Server, database
from tests.entries import NOW, SITE, entry
from tests.integration.conftest import Site
from tests.ledgers import Ledger, opened
from tests.proxy import Proxy, before

WHO, OTHER = b"s" * 16, b"o" * 16
#: Seconds of patience in these tests, and how soon after that everything is over on a busy machine.
SHORT, SOON = 0.2, 1.5

# Of a connection that broke, SQLAlchemy closes no cursor; psycopg notes that where such notes are wanted.
pytestmark = pytest.mark.filterwarnings("ignore:.*ServerCursor:ResourceWarning")

_PID = sa.text("SELECT pg_backend_pid()")


@pytest.fixture(autouse=True)
def _now_and_not_later() -> Iterator[None]:
    """What a test leaves is cleared away while the mark above still holds."""
    yield
    gc.collect()


@pytest.fixture
def server_url(postgres: Server) -> Iterator[str]:
    """A ledger's tables on a server."""
    with database(postgres.url) as url:
        with opened(url):
            pass
        yield url


@pytest.fixture
def proxy(server_url: str) -> Iterator[Proxy]:
    """A proxy before it."""
    with before(server_url) as made:
        yield made


@pytest.fixture
def ledger(proxy: Proxy) -> Iterator[Ledger]:
    """A ledger behind the proxy, whose connections are open."""
    made = Ledger(proxy.url)
    made.append(1)
    assert len(list(made.store.records())) == 1
    yield made
    made.database.close()


@contextmanager
def let_go(seconds: float = SHORT, *, match: str = "took too long") -> Iterator[None]:
    """What is done in the block fails as a store does, after *seconds* and not much later."""
    begin = time.monotonic()
    with pytest.raises(StoreError, match=match):
        yield
    assert seconds * 0.9 < time.monotonic() - begin < seconds + SOON


def revoke(store: Store, subject: bytes, number: int) -> None:
    """Take back, as another host does."""
    ends = Revocation(subject=subject, not_before=EVER, until=EVER)
    now = datetime.now(UTC)
    store.append(replace(entry(number, subject=subject), revokes=ends), now=now)


def test_a_look_at_the_revocations_ends_and_the_next_one_works(proxy: Proxy, ledger: Ledger, server_url: str) -> None:
    """What was known stays known meanwhile; what was taken back elsewhere is learnt as soon as the store is well."""
    elsewhere = Database(server_url)
    revoke(Store(elsewhere, SITE), WHO, 2)
    revocations = Revocations(
        lambda since: ledger.store.revocations(added_since=since), lambda: datetime.now(UTC), alone=True
    )
    revocations.refresh()
    with proxy.hanging():
        with answered_within(SHORT), let_go():
            revocations.refresh()
        assert revocations.void(WHO, 0)
        revoke(Store(elsewhere, SITE), OTHER, 3)
        assert not revocations.void(OTHER, 0)
    revocations.refresh()
    assert revocations.void(OTHER, 0)
    elsewhere.close()


@pytest.mark.parametrize(("alone", "patience"), [(False, "_PATIENCE"), (True, "_PATIENCE_IN_A_REQUEST")])
def test_a_look_has_a_bound_of_its_own(
    proxy: Proxy, ledger: Ledger, alone: bool, patience: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the background one, in a request that waits for it another; the store is not asked again at once."""
    monkeypatch.setattr(revocations_of_the_ledger, patience, SHORT)
    revocations = Revocations(
        lambda since: ledger.store.revocations(added_since=since), lambda: datetime.now(UTC), alone=alone
    )
    with proxy.hanging():
        with let_go():
            revocations.refresh()
        if alone:
            assert not revocations.known
            begin = time.monotonic()
            assert not revocations.known
            assert time.monotonic() - begin < SHORT / 2


@pytest.mark.parametrize("bound", [within, answered_within])
def test_every_transaction_can_be_cut_off(
    proxy: Proxy, ledger: Ledger, bound: Callable[[float], object], caplog: pytest.LogCaptureFixture
) -> None:
    """Reading and writing; its connection is never used again, and nothing is said of it but by the error."""
    read = lambda: list(ledger.store.records())  # noqa: E731  # one of two calls
    write = lambda: ledger.store.append(entry(2, subject=WHO), now=NOW)  # noqa: E731
    for call in (read, write):
        with ledger.database.read() as connection:
            before_it = connection.scalar(_PID)
        with proxy.hanging(), bound(SHORT), let_go():  # type: ignore[attr-defined]
            call()
        with ledger.database.read() as connection:
            assert connection.scalar(_PID) != before_it
    assert len(list(ledger.store.records())) == 1
    ledger.check()
    assert caplog.records == []


def test_all_in_all_or_each_answer(ledger: Ledger) -> None:
    """A server that answers is not cut off for the number of its answers, unless there is no time left at all."""

    def sleep_thrice() -> None:
        with ledger.database.read() as connection:
            for _ in range(3):
                connection.execute(sa.text("SELECT pg_sleep(0.15)"))

    with answered_within(0.3):
        sleep_thrice()
    with within(0.3):
        with let_go(0.3):
            sleep_thrice()
        begin = time.monotonic()
        with pytest.raises(StoreError, match="no time left"):
            sleep_thrice()
        assert time.monotonic() - begin < 0.1
    sleep_thrice()


def test_a_reader_that_takes_its_time_has_what_it_read(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    """All came in time, and what it does with that is its own affair; its connection is not used again, silently."""
    with within(SHORT), ledger.database.read() as connection:
        its_own = connection.scalar(_PID)
        time.sleep(SHORT + 0.05)
    with ledger.database.read() as connection:
        assert connection.scalar(_PID) != its_own
    assert caplog.records == []


@pytest.mark.parametrize("needle", [b"pg_catalog.version", b"current_schema", b"hstore"])
def test_a_connection_that_hangs_while_it_is_made(proxy: Proxy, needle: bytes) -> None:
    """It is greeted with questions, of which one may hang; nobody who has no time waits for that."""
    fresh = Database(proxy.url)
    with proxy.hanging(needle), within(SHORT), let_go(), fresh.read() as connection:
        connection.execute(sa.text("SELECT pg_type.* FROM pg_type LIMIT 1"))
    with fresh.read() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    fresh.close()


def test_nobody_waits_for_ever_for_a_new_connection(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where nothing is said: all who need the first one of a process wait for whoever makes it."""
    monkeypatch.setattr(databases_of_the_ledger, "_GREETING", SHORT)
    fresh = Database(proxy.url)

    def ask() -> None:
        with let_go(), fresh.read():
            pass

    with proxy.hanging(b"pg_catalog.version"):
        patient = [threading.Thread(target=ask) for _ in range(3)]
        for thread in patient:
            thread.start()
        for thread in patient:
            thread.join(5)
            assert not thread.is_alive()
    fresh.close()


def test_a_server_that_does_not_answer_at_all(proxy: Proxy) -> None:
    """It listens; the driver's own two seconds count, whatever the URL says, where somebody waits."""
    fresh = Database(proxy.url + "&connect_timeout=60")
    with proxy.hanging(), within(1), let_go(2.0), fresh.read():
        pass
    fresh.close()


def test_a_statement_of_sqlite_that_takes_long(tmp_path: Path) -> None:
    """It is cut off as well; nothing of its transaction stays, and the next has as long as it takes."""
    long = sa.text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400000000) SELECT count(*) FROM n"
    )
    short = sa.text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 400000) SELECT count(*) FROM n"
    )
    with opened(f"sqlite:///{tmp_path}/records.sqlite3") as made:
        with within(SHORT), let_go(), made.database.read() as connection:
            connection.scalar(long)
        with within(SHORT), let_go(), made.database.write() as connection:
            connection.execute(sa.text("DELETE FROM consent_head"))
            made_it = connection.execute(sa.text("INSERT INTO consent_head VALUES ('x', 0, x'', x'')"))
            assert made_it.rowcount == 1
            connection.scalar(long)
        with made.database.write() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM consent_head")) == 0
            assert connection.scalar(short) == 400_000


# A site


@pytest.fixture
def behind(proxy: Proxy, build: Callable[..., Site]) -> Site:
    """A site behind the proxy, with a visitor who accepted all."""
    site = build(CONSENT_STORE_URL=proxy.url, CONSENT_STORE_TIMEOUT=0.5)
    site.accept()
    assert len(site.records) == 1
    return site


def test_the_visitors_own_receipt_is_shown_in_time(proxy: Proxy, behind: Site) -> None:
    """What the cookie says is shown, without what was recorded."""
    with proxy.hanging():
        begin = time.monotonic()
        shown = behind.client.get("/consent/receipt")
        assert 1.9 < time.monotonic() - begin < 2 + SOON
        assert shown.status_code == 200
    assert behind.client.get("/consent/receipt", headers={"Accept": "application/json"}).json is not None


def test_erasing_is_answered_in_time(proxy: Proxy, behind: Site) -> None:
    """It is taken back, and has to be asked for again; all that is asked of the store has one bound."""
    code = (behind.client.get("/consent/receipt", headers={"Accept": "application/json"}).json or {})["code"]
    with proxy.hanging(), within(SHORT):
        begin = time.monotonic()
        answer = behind.client.post("/consent/receipt", json={"action": "erase", "code": code})
        assert time.monotonic() - begin < SHORT + SOON
        assert answer.status_code == 503
    assert "TUBE" not in behind.get().text
    answer = behind.client.post("/consent/receipt", json={"action": "erase", "code": code})
    assert answer.status_code == 200
    assert {record.subject for record in behind.records} <= {None}


def test_sealing_that_hangs_holds_up_no_revocation(
    proxy: Proxy, server_url: str, build: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was taken back elsewhere is learnt all the same, and so it is again and again."""
    monkeypatch.setattr(jobs, "EVERY", timedelta(seconds=0.1))
    elsewhere = Database(server_url)
    with proxy.hanging(b"consent_pending"):
        site = build(CONSENT_STORE_URL=proxy.url, CONSENT_BACKGROUND=True)
        site.clock.now = datetime.now(UTC)
        site.get()
        for number, subject in enumerate([WHO, OTHER]):
            time.sleep(0.3)
            revoke(Store(elsewhere, "example"), subject, number)
            end = time.monotonic() + 10
            while not site.state.ledger.revocations.void(subject, 0):
                assert time.monotonic() < end
                time.sleep(0.01)
    elsewhere.close()
