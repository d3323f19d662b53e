"""Durable decisions a second, and what a bare database would do on the same disk, side by side.

``make bench`` runs it, on SQLite and on PostgreSQL. *Bare* is SQLAlchemy Core inserting one row of the shape of
``consent_record`` and committing it, one after the other: what any record of a decision costs at least. Ours goes through
the writer, and also keeps what makes the record provable and the answer idempotent: the row that waits for its index, and
the submission. With one thread nothing can be shared; with eight, answers that come in together share one commit.

Bare and ours take turns within a round, so that a noisy machine disturbs both alike. Figures: medians over rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from consent import Duration, Method
from consent.ledger import Database, Entry, Event, Record, Store, Submission, Surface, body, tables
from consent.ledger.moments import milliseconds
from consent.ledger.record import new_id
from consent.ledger.spool import Spool
from consent.ledger.writer import Writer
from tests import databases

THREADS = 8
ONE_GOAL, MANY_GOAL = 0.75, 2.0
SITE = "example"


def entry() -> Entry:
    """A first-time visitor's grant."""
    now = datetime.now(UTC)
    record = Record(
        record_id=new_id(now, os.urandom(10)),
        site=SITE,
        subject=os.urandom(16),
        event=Event.GIVEN,
        purposes={"statistics": True, "marketing": False, "social": True},
        services=("matomo", "youtube"),
        duration=Duration.PERSISTENT,
        valid_until=now.replace(microsecond=0) + timedelta(days=180),
        revision="12345678",
        policy_hash="0" * 64,
        notice="1" * 64,
        language="en",
        method=Method.CUSTOM,
        surface=Surface.BANNER,
        gpc=False,
        gpc_conflict=False,
        gpc_overridden=False,
        sdk_version="0.4.0",
    )
    key = uuid.uuid4().hex * 2
    return Entry(record=record, salt=os.urandom(32), submission=Submission(key, "2" * 64), first=True)


class Bare:
    """One row a commit, and nothing else."""

    def __init__(self, url: str) -> None:
        self._engine = sa.create_engine(url)
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _durable)
        metadata = sa.MetaData()
        self._table = tables.record.to_metadata(metadata, name="bare_record")
        for index in self._table.indexes:
            index.name = sa.quoted_name(f"bare_{index.name}", quote=None)
        metadata.create_all(self._engine)

    def rows(self, count: int) -> list[dict[str, object]]:
        """What is to be inserted, drawn up beforehand."""
        return [_row(entry()) for _ in range(count)]

    def insert(self, row: dict[str, object]) -> None:
        """One row, durable."""
        with self._engine.begin() as connection:
            connection.execute(sa.insert(self._table), row)

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()


def _durable(connection: object, _: object) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def _row(made: Entry) -> dict[str, object]:
    record = made.record
    return {
        "record_id": record.record_id,
        "recorded_at": milliseconds(record.recorded_at),
        "site": record.site,
        "subject": record.subject,
        "event": record.event.value,
        "valid_until": milliseconds(record.valid_until),
        "body": body.encode(record).decode(),
        "salt": made.salt,
    }


@dataclass(frozen=True, slots=True)
class Rates:
    """A second, of one engine."""

    bare: float
    store: float
    one: float
    many: float


def rate(work: Callable[[Any], object], things: Sequence[Any]) -> float:
    """How many of *things* a second *work* does, one after the other."""
    begin = time.perf_counter()
    for thing in things:
        work(thing)
    return len(things) / (time.perf_counter() - begin)


def rate_at_once(work: Callable[[Any], object], things: Sequence[Any]) -> float:
    """The same of several threads together."""
    shares = [things[number::THREADS] for number in range(THREADS)]
    threads = [threading.Thread(target=rate, args=(work, share)) for share in shares]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(things) / (time.perf_counter() - begin)


def measure(url: str, bare_url: str, folder: Path, *, rounds: int, count: int) -> Rates:
    """Medians on one engine."""
    bare, database = Bare(bare_url), Database(url)
    database.upgrade()
    store = Store(database, SITE)
    spooled: list[str] = []
    spool = Spool(folder / "spool.sqlite3")
    writer = Writer(
        store,
        spool,
        clock=lambda: datetime.now(UTC),
        timeout=5.0,
        on_event=lambda name, **_: spooled.append(name) if name != "recorded" else None,
    )
    results: list[Rates] = []
    try:
        for number in range(rounds + 1):
            rows = bare.rows(count)
            alone, one, many = ([entry() for _ in range(size)] for size in (count, count, 4 * count))
            measured = Rates(
                bare=rate(bare.insert, rows),
                store=rate(lambda this: store.append(this, now=datetime.now(UTC)), alone),
                one=rate(writer.keep, one),
                many=rate_at_once(writer.keep, many),
            )
            if number:  # the first warms up
                results.append(measured)
    finally:
        writer.close()
        database.close()
        bare.close()
    if spooled:
        raise SystemExit(f"not everything went to the store: {spooled[:3]}")
    return Rates(*(statistics.median(getattr(one, name) for one in results) for name in Rates.__slots__))


@contextmanager
def engines() -> Iterator[Iterator[tuple[str, str, str]]]:
    """Name and two URLs of each engine."""
    with tempfile.TemporaryDirectory() as folder:
        server = databases.start()
        try:
            with databases.database(server.url) as url:
                sqlite = f"sqlite:///{folder}"
                yield iter([("SQLite", f"{sqlite}/a.sqlite3", f"{sqlite}/b.sqlite3"), (server.described, url, url)])
        finally:
            server.close()


def judged(ratio: float, goal: float) -> str:
    """A ratio and whether it is enough."""
    return f"{ratio:5.2f} x bare (goal >= {goal:g}: {'met' if ratio >= goal else 'MISSED'})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--count", type=int, default=400, help="decisions of one thread in a round")
    options = parser.parse_args()
    with engines() as each, tempfile.TemporaryDirectory() as folder:
        for number, (name, url, bare_url) in enumerate(each):
            place = Path(folder) / str(number)
            found = measure(url, bare_url, place, rounds=options.rounds, count=options.count)
            print(f"durable decisions on {name}")
            print(f"  bare insert, one thread      {found.bare:7.0f} /s")
            print(f"  the store alone              {found.store:7.0f} /s   {found.store / found.bare:5.2f} x bare")
            print(f"  one thread                   {found.one:7.0f} /s   {judged(found.one / found.bare, ONE_GOAL)}")
            print(
                f"  {THREADS} threads                    {found.many:7.0f} /s   {judged(found.many / found.bare, MANY_GOAL)}"
            )


if __name__ == "__main__":
    main()
