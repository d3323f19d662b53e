"""An answer whose acknowledgement never arrived is sent again, and may meet the other of the two places that keep answers.

Each time it meets a new process, which knows of no trouble: the one before has died.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from consent.ledger import Database, Record, Store
from consent.ledger.shipper import Shipper
from consent.ledger.spool import Spool
from flask_consentry import Consentry
from flask_consentry.state import State
from tests.crash.audit import SITE, Log
from tests.crash.site import SECRET
from tests.crash.visitors import COOKIE, RECEIPTS
from tests.policies import SMALL

#: What one visitor says, answer by answer; each is sent several times.
_STORIES = {
    "grant": ["accept_all"],
    "refusal": ["reject_all"],
    "withdrawal": ["accept_all", "withdraw"],
}
_PLACES = [
    ("store", "store"),
    ("store", "spool"),
    ("spool", "store"),
    ("store", "spool", "store", "spool"),
]


@contextmanager
def _process(folder: Path, url: str) -> Iterator[Flask]:
    """The application as a new process has it, without its background work."""
    (folder / "consent.toml").write_text(SMALL, encoding="utf-8")
    app = Flask("sent_again", root_path=str(folder), instance_path=str(folder / "instance"))
    app.config.update(SECRET_KEY=SECRET, CONSENT_STORE_URL=url, CONSENT_BACKGROUND=False)
    Consentry(app)
    state = app.extensions["consentry"]
    assert isinstance(state, State)
    yield app
    writing = [thread for thread in threading.enumerate() if thread.name == "consentry-writer"]
    state.ledger.writer.close()
    for thread in writing:
        thread.join(10)  # it may have waited for the lock
    state.ledger.close()


@contextmanager
def _locked(database: Database) -> Iterator[None]:
    """Nobody else can write the ledger."""
    with database.write() as connection:
        if database.is_postgresql:
            connection.execute(sa.text("LOCK TABLE consent_record, consent_pending IN ACCESS EXCLUSIVE MODE"))
        yield


def _shipped(folder: Path, database: Database) -> list[Record]:
    """Bring all that waits to the store; what is there then."""
    spool = Spool(folder / "instance" / "consent-spool.sqlite3")
    shipper = Shipper(spool, Store(database, SITE), clock=lambda: datetime.now(UTC))
    while shipper.ship():
        pass
    assert spool.status().rows == spool.status().refused == 0
    spool.close()
    log = Log.read(database)
    log.check()
    return log.decoded()


@pytest.mark.slow
@pytest.mark.parametrize("places", _PLACES, ids=", ".join)
@pytest.mark.parametrize("story", _STORIES)
def test_it_is_recorded_once(database_url: str, tmp_path: Path, story: str, places: tuple[str, ...]) -> None:
    """Wherever each attempt went, there is one record of each answer, and every receipt is that record's."""
    database = Database(database_url)
    database.upgrade()
    receipts: list[str | None] = [None]
    token = ""
    for step, answer in enumerate(_STORIES[story]):
        before = receipts[-1]
        for place in places:
            with _process(tmp_path, database_url) as app, _locked(database) if place == "spool" else nullcontext():
                client = app.test_client(use_cookies=False)
                token = (
                    token or app.test_client().get("/consent/preferences").text.partition('name="notice" value="')[2]
                )
                sent = client.post(
                    "/consent/decision",
                    json={"answer": answer, "key": f"the-same-each-time-{step}", "notice": token.partition('"')[0]},
                    headers={"Origin": "http://localhost"} | ({"Cookie": f"{COOKIE}={before}"} if before else {}),
                )
                assert (sent.status_code, sent.get_json()["recorded"]) == (200, True)
                (receipt,) = (
                    line.partition(";")[0].removeprefix(f"{COOKIE}=")
                    for line in sent.headers.getlist("Set-Cookie")
                    if line.startswith(f"{COOKIE}=")
                )
                receipts.append(receipt)
    records = _shipped(tmp_path, database)
    database.close()
    assert [record.event.value for record in records] == {
        "grant": ["given"],
        "refusal": ["refused"],
        "withdrawal": ["given", "withdrawn"],
    }[story]
    subjects = {subject for receipt in receipts if receipt and (subject := RECEIPTS.open(receipt).subject)}
    assert subjects == {record.subject for record in records if record.subject}
