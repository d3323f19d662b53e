"""The tables: as declared on both engines, and made of older ones without losing or changing an answer."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from consent import StoreError
from consent.audience.closing import judge
from consent.audience.counters import Tallied
from consent.audience.view import closes_at
from consent.ledger import Counts, Database, Event, Record, Store, snapshot, tables
from consent.ledger.export.selection import Selection
from consent.ledger.migrations import VERSION_TABLE, newest
from consent.ledger.moments import milliseconds
from consent.policy.audience import Audience
from tests.entries import NOW, SITE, entry
from tests.ledgers import Ledger, at_once, notice

_OLD = {
    "record_id": sa.Uuid,
    "recorded_at": sa.BigInteger,
    "site": sa.Text,
    "subject": sa.LargeBinary,
    "event": sa.Text,
    "purposes": sa.Text,
    "services": sa.Text,
    "duration": sa.Text,
    "valid_until": sa.BigInteger,
    "revision": sa.Text,
    "policy_hash": sa.Text,
    "notice": sa.Text,
    "language": sa.Text,
    "method": sa.Text,
    "surface": sa.Text,
    "gpc": sa.Boolean,
    "gpc_conflict": sa.Boolean,
    "gpc_overridden": sa.Boolean,
    "jurisdiction": sa.Text,
    "device_class": sa.Text,
    "browser": sa.Text,
    "supersedes": sa.Uuid,
    "sdk_version": sa.Text,
}
OLD_RECORD = sa.table("consent_record", *(sa.column(name, kind()) for name, kind in _OLD.items()))
OLD_NOTICE = sa.table(
    "consent_notice", *map(sa.column, ["site", "digest", "language", "revision", "first_shown", "text", "html"])
)
WHO = b"\0\xff" * 8


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """A ledger on a database that is still empty."""
    made = Ledger(database_url)
    yield made
    made.database.close()


def old_records() -> list[Record]:
    """What a site with the tables of version 0002 had kept: of every kind, many within one millisecond, and old."""
    chance = random.Random(2)
    records = [entry(n, at=NOW + timedelta(milliseconds=n // 700)).record for n in range(2500)]
    records += [
        entry(3000, at=datetime(1999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC), services=(), purposes={}).record,
        entry(3001, subject=WHO, notice=notice().digest, language="en").record,
        replace(
            entry(3002, subject=WHO, gpc=True, gpc_conflict=True, gpc_overridden=True).record,
            supersedes=entry(3001).record.record_id,
            jurisdiction="DE",
            device_class="phone",
            browser="Firefox",
            event=Event.WITHDRAWN,
            services=("b", "a-c", "d_1"),
            purposes={"z": True, "a": False, "m-1": True},
        ),
        replace(entry(3003).record, subject=None, event=Event.REFUSED, purposes={"statistics": False}, services=()),
        replace(entry(3004).record, site="other"),
    ]
    chance.shuffle(records)
    return records


def insert_as_before(connection: sa.Connection, records: Sequence[Record]) -> None:
    """Write *records* as version 0002 did."""
    as_it_is = ("record_id", "site", "subject", "revision", "policy_hash", "notice", "language", "gpc", "gpc_conflict")
    as_it_is += ("gpc_overridden", "jurisdiction", "device_class", "browser", "supersedes", "sdk_version")  # type: ignore[assignment]
    rows = [
        {name: getattr(record, name) for name in as_it_is}
        | {
            "recorded_at": milliseconds(record.recorded_at),
            "valid_until": milliseconds(record.valid_until),
            "purposes": json.dumps(dict(record.purposes), sort_keys=True),
            "services": json.dumps(list(record.services)),
            "event": record.event.value,
            "duration": record.duration.value,
            "method": record.method.value,
            "surface": record.surface.value,
        }
        for record in records
    ]
    connection.execute(sa.insert(OLD_RECORD), rows)
    words = notice()
    row = {name: getattr(words, name) for name in ("digest", "language", "revision", "text", "html")}
    connection.execute(sa.insert(OLD_NOTICE), [row | {"site": SITE, "first_shown": milliseconds(NOW)}])
    for table, values in (
        ("consent_audience", (SITE, "2026-03-03", "page", "/", 7)),
        ("consent_sighting", (SITE, "cookie", "_ga", "", "/", "2026-03-03", "2026-03-03", 3)),
    ):
        names = ", ".join(f":v{n}" for n in range(len(values)))
        connection.execute(sa.text(f"INSERT INTO {table} VALUES ({names})"), {f"v{n}": v for n, v in enumerate(values)})  # noqa: S608


def make_old(ledger: Ledger, records: Sequence[Record]) -> None:
    """The database as version 0002 left it."""
    ledger.database.upgrade("0002")
    with ledger.database._engine(upgrade=False).begin() as connection:
        insert_as_before(connection, records)
    ledger.database.close()


def test_the_migrations_make_the_tables_that_the_code_knows(ledger: Ledger) -> None:
    """Alembic finds no difference; nor is there one in keys and in what may be empty, at which it does not look."""
    ledger.database.upgrade()
    with ledger.database.read() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []
        found = sa.inspect(connection)
        assert set(found.get_table_names()) == {*tables.metadata.tables, VERSION_TABLE}
        for table in tables.metadata.sorted_tables:
            assert found.get_pk_constraint(table.name)["constrained_columns"] == [c.name for c in table.primary_key]
            assert {c["name"]: c["nullable"] for c in found.get_columns(table.name)} == {
                c.name: bool(c.nullable) for c in table.columns
            }
            indexes = {(i["name"], tuple(i["column_names"]), bool(i["unique"])) for i in found.get_indexes(table.name)}
            assert indexes == {(i.name, tuple(i.columns.keys()), bool(i.unique)) for i in table.indexes}
        if not ledger.database.is_postgresql:
            without = sa.text("SELECT name FROM sqlite_master WHERE sql LIKE '%WITHOUT ROWID%'")
            declared = {
                name
                for name, one in tables.metadata.tables.items()
                if one.dialect_options["sqlite"].get("with_rowid") is False
            }
            assert set(connection.scalars(without)) == declared


def test_answers_of_the_version_before_read_as_they_were_given(ledger: Ledger) -> None:
    """Every field of every one; on SQLite by itself, when it is first used."""
    records = old_records()
    make_old(ledger, records)
    if ledger.database.is_postgresql:
        ledger.database.upgrade()
    mine = sorted((one for one in records if one.site == SITE), key=lambda one: one.record_id)
    found = list(ledger.store.records())
    assert sorted(found, key=lambda one: one.record_id) == mine
    assert [one.recorded_at for one in found] == sorted(one.recorded_at for one in mine)
    assert list(Store(ledger.database, "other").records()) == [one for one in records if one.site == "other"]
    assert [one for one, _ in ledger.store.records_of(WHO)] == [one for one in mine if one.subject == WHO]
    ledger.check()
    assert ledger.database.current() == (newest(),)
    (words,) = ledger.store.notices()
    assert (words["digest"], words["html"], words["first_shown"]) == (notice().digest, notice().html, NOW)
    assert [row["count"] for row in ledger.rows(tables.audience)] == [7]
    assert [row["count"] for row in ledger.rows(tables.sighting)] == [3]


def test_answers_of_the_version_before_come_into_the_log_in_their_order(ledger: Ledger) -> None:
    """Each under a salt of its own; then they can be exported, verified, followed and erased like any other."""
    records = old_records()
    make_old(ledger, records)
    ledger.database.upgrade()
    assert ledger.sequencer.status().waiting_since == datetime(1999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)
    ledger.sequencer.seal_all(NOW)
    signed = ledger.note
    ledger.check()
    with snapshot(ledger.database, SITE) as seen:
        assert list(seen.unsequenced()) == []
        entries = [one for one in seen.entries() if one.body]
        times = [json.loads(one.body or b"")["recorded_at"] for one in entries]
        assert times == sorted(times)
        assert len({one.salt for one in entries}) == len(entries) == len(records) - 1
    assert ledger.kinds == ["notice"] + ["record"] * len(entries)
    report = ledger.verify()
    assert report.reasons == ()
    assert report.counts
    assert report.counts.records == len(entries)
    later = ledger.append(4000, subject=WHO)
    assert later.supersedes == entry(3002).record.record_id
    assert ledger.eraser.erase_subject(WHO, now=NOW).records == 3
    assert ledger.verify(signed).anchors == (len(entries) + 1,)
    assert ledger.verify(selection=Selection(subject=b"x" * 16)).exit_code == 0


def test_counters_of_the_version_before_go_on_and_show_nothing(ledger: Ledger) -> None:
    """Of what was counted before, nobody knows how many contributed. On SQLite by itself, when it is first used."""
    ledger.database.upgrade("0003")
    old = [
        (SITE, "2026-03-03", "page", "/", 700),
        (SITE, "2026-03-03", "page", "/a", 2**40),
        ("b", "2026-03-03", "", "", 1),
    ]
    with ledger.database._engine(upgrade=False).begin() as connection:
        for values in old:
            given = {f"v{n}": value for n, value in enumerate(values)}
            connection.execute(sa.text("INSERT INTO consent_audience VALUES (:v0, :v1, :v2, :v3, :v4)"), given)
    ledger.database.close()
    if ledger.database.is_postgresql:
        ledger.database.upgrade()
    counts, day = Counts(ledger.database, SITE), date(2026, 3, 3)
    counts.add({(day, "page", "/"): Tallied(1, 4)})
    found = [(row["value"], row["count"], row["contributors"]) for row in ledger.rows(tables.audience)]
    assert found == [("/", 701, 4), ("/a", 2**40, 0)]
    with pytest.raises(StoreError), ledger.database.write() as connection:  # the default was for the old ones alone
        connection.execute(
            sa.text("INSERT INTO consent_audience (site, day, dimension, value, count) VALUES ('', '', '', '', 1)")
        )
    assert counts.close(judge(Audience(), ()), now=closes_at(day)) == 1
    assert counts.days(since=day, until=day) == {}
    assert [row["dimension"] for row in ledger.rows(tables.audience_day)] == [""]
    assert ledger.database.current() == (newest(),)


def test_an_upgrade_that_breaks_off_has_changed_nothing(ledger: Ledger) -> None:
    """The next one does all of it."""
    records = old_records()
    make_old(ledger, records)
    engine, inserts = ledger.database._engine(upgrade=False), list[str]()

    def fail(_: object, __: object, statement: str, *___: object) -> None:
        inserts.extend([statement] if statement.startswith("INSERT INTO consent_pending") else [])
        if len(inserts) == 2:
            raise sqlite3.OperationalError("disk I/O error")

    sa.event.listen(engine, "before_cursor_execute", fail)
    with pytest.raises(StoreError, match="disk I/O error"):
        ledger.database.upgrade()
    sa.event.remove(engine, "before_cursor_execute", fail)
    assert ledger.database.current() == ("0002",)
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(OLD_RECORD)) == len(records)
        assert "consent_pending" not in sa.inspect(connection).get_table_names()
    ledger.database.upgrade()
    assert len(list(ledger.store.records())) == len(records) - 1
    ledger.check()


def _upgrade(barrier: Barrier, url: str) -> tuple[str, ...]:
    mine = Database(url, timeout=60.0)
    barrier.wait()
    try:
        mine.upgrade()
        return mine.current()
    finally:
        mine.close()


@pytest.mark.parametrize("is_empty", [True, False])
def test_several_processes_may_upgrade_at_once(ledger: Ledger, is_empty: bool) -> None:
    """Hosts that start together, each with the command in its script: one of them does it."""
    records = [] if is_empty else old_records()
    if records:
        make_old(ledger, records)
    assert at_once(_upgrade, [(ledger.url,)] * 4) == [(newest(),)] * 4
    assert len(list(ledger.store.records())) == max(0, len(records) - 1)
    ledger.check()


def test_an_upgrade_of_what_is_up_to_date_does_nothing(ledger: Ledger) -> None:
    """Also beside tables of the site's own."""
    ledger.database.upgrade()
    with ledger.database.write() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num text)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('theirs')"))
    ledger.append(1)
    before: Any = ledger.rows(tables.record)
    ledger.database.upgrade()
    ledger.database.check()
    assert ledger.rows(tables.record) == before
    with ledger.database.read() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "theirs"
