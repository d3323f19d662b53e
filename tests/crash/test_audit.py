"""That the crash tests would notice: every rule they check is broken once, by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from consent.ledger import Database, Sequencer, Store, tables
from consent.proof.leaf import commitment
from consent.proof.note import SigningKey
from tests.crash.audit import SITE, Log, Watch, compare
from tests.crash.visitors import Visitor
from tests.entries import NOW, entry

KEY = SigningKey.generate(f"{SITE}/consent", bytes(32))
SUBJECT = b"s" * 16


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Ten records in the log, three that wait; a checkpoint of ten, and before it one of four."""
    made = Database(f"sqlite:///{tmp_path / 'records.sqlite3'}")
    store, sequencer = Store(made, SITE), Sequencer(made, SITE, lambda: [KEY])
    entries = [entry(number) for number in range(13)]
    for begin, end in ((0, 4), (4, 10), (10, 13)):
        store.append_many(entries[begin:end], now=NOW)
        if end < 13:
            sequencer.seal_all(NOW)
            sequencer.mark_anchored(end, "test", NOW)
    yield made
    made.close()


def _change(database: Database, statement: str) -> Log:
    with database.write() as connection:
        connection.execute(sa.text(statement))
    return Log.read(database)


def test_a_whole_ledger_passes(database: Database) -> None:
    """The control of all that follow."""
    watch = Watch(database)
    watch.look()
    assert [size for size, _ in watch.seen] == [4, 10]
    log = watch.finish()
    assert (len(log.leaves), len(log.pending), len(log.decoded())) == (10, 3, 13)


@pytest.mark.parametrize(
    ("broken", "statement"),
    [
        ("is missing", "DELETE FROM consent_record WHERE record_id IN (SELECT record_id FROM consent_leaf LIMIT 1)"),
        ("is missing", "DELETE FROM consent_record WHERE record_id IN (SELECT record_id FROM consent_pending LIMIT 1)"),
        ("in neither", "DELETE FROM consent_pending WHERE record_id IN (SELECT record_id FROM consent_pending LIMIT 1)"),
        ("in neither", "UPDATE consent_leaf SET record_id = NULL WHERE position = 5"),
        ("waits and is in the log", ("UPDATE consent_pending SET record_id = (SELECT record_id FROM consent_leaf LIMIT 1)"
          " WHERE record_id = (SELECT max(record_id) FROM consent_pending)")),
        ("gap", "UPDATE consent_leaf SET position = 10 WHERE position = 9"),
        ("root", "UPDATE consent_leaf SET public = (SELECT public FROM consent_leaf WHERE position = 2) WHERE position = 3"),
        ("root", "UPDATE consent_head SET root = zeroblob(32)"),
        ("not of its record", "UPDATE consent_record SET salt = zeroblob(32)"),
        ("not of its record", "UPDATE consent_record SET body = replace(body, 'true', 'false')"),
        ("not what it was at 4", ("UPDATE consent_checkpoint SET note = replace(note, substr(note, 20, 4), 'AAAA')"
          " WHERE size = 4")),
    ],
)  # fmt: skip
def test_each_broken_rule_is_noticed(database: Database, broken: str, statement: str) -> None:
    """One change in the database, and the check fails for the right reason."""
    with pytest.raises(AssertionError, match=broken):
        _change(database, statement).check()


def test_a_log_that_is_begun_anew_is_noticed(database: Database) -> None:
    """Whoever saw a checkpoint sees that the leaves of then are others now, although all fits together."""
    watch = Watch(database)
    watch.look()
    first, *rest = Log.read(database).records.values()
    waiting = [
        {
            "site": SITE,
            "record_id": row.record_id,
            "recorded_at": row.recorded_at,
            "commitment": commitment(row.salt, row.body.encode()),
            "added_at": 0,
        }
        for row in rest
    ]
    with database.write() as connection:
        for table in (tables.leaf, tables.node, tables.head, tables.checkpoint, tables.pending):
            connection.execute(sa.delete(table))
        connection.execute(sa.delete(tables.record).where(tables.record.c.record_id == first.record_id))
        connection.execute(sa.insert(tables.pending), waiting)
    Sequencer(database, SITE, lambda: [KEY]).seal_all(NOW)
    Log.read(database).check()
    with pytest.raises(AssertionError, match="not what it was at 4"):
        watch.finish()


def test_what_is_lost_and_what_is_doubled_is_counted() -> None:
    """A record less, one more, one of nobody, and refusals, which can only be counted."""
    purposes = {"statistics": True, "social": False}
    record = entry(1, subject=SUBJECT, purposes=purposes).record
    refusal = dataclasses.replace(record, subject=None, purposes={"statistics": False})
    yes, no = frozenset({"statistics"}), frozenset[str]()
    visitor = Visitor(0, subject=SUBJECT, acknowledged=[yes])
    refuser = Visitor(1, acknowledged=[no])

    def counts(*records: object) -> tuple[int, int, int]:
        found = compare([visitor, refuser], records)  # type: ignore[arg-type]
        return found.acknowledged, len(found.lost), len(found.duplicates)

    assert counts(record, refusal) == (2, 0, 0)
    assert counts(refusal) == (2, 1, 0)
    assert counts(record) == (2, 1, 0)
    assert counts(record, record, refusal) == (2, 0, 1)
    assert counts(record, refusal, refusal) == (2, 0, 1)
    assert counts(record, refusal, entry(2).record) == (2, 0, 1)
    other = dataclasses.replace(record, purposes={"statistics": True, "social": True})
    assert counts(other, refusal) == (2, 1, 1)
