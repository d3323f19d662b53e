"""The store on a real disk."""

from __future__ import annotations

import dataclasses
import os
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from consent import Duration, Method, StoreError
from consent.ledger import Event, Record, Store, Submission, Surface, tables
from consent.ledger.migrations import VERSION_TABLE
from consent.ledger.record import new_id

NOW = datetime(2026, 3, 3, 12, 34, 56, 789000, tzinfo=UTC)


def record(number: int = 0, **changes: object) -> Record:
    """A grant."""
    made = Record(
        record_id=new_id(NOW + timedelta(seconds=number), os.urandom(10)),
        site="example",
        subject=b"s" * 16,
        event=Event.GIVEN,
        purposes={"statistics": True, "social": False},
        services=("matomo",),
        duration=Duration.PERSISTENT,
        valid_until=datetime(2026, 9, 3, tzinfo=UTC),
        revision="12345678",
        policy_hash="0" * 64,
        notice=None,
        language=None,
        method=Method.CUSTOM,
        surface=Surface.BANNER,
        gpc=False,
        gpc_conflict=False,
        gpc_overridden=False,
        sdk_version="0",
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in a folder that does not exist yet, with a space and a percent sign in its name."""
    made = Store(f"sqlite:///{tmp_path / 'a b%20' / 'records.sqlite3'}", site="example", timeout=0.2)
    yield made
    made.close()


def test_a_record_reads_back(store: Store) -> None:
    """What was kept is what is exported, and its time is in its id."""
    kept = store.append(record(), submission=Submission("a", "b"))
    assert list(store.records()) == [kept]
    assert kept.recorded_at == NOW
    assert kept.record_id.version == 7


def test_a_subjects_records_form_a_chain(store: Store) -> None:
    """Each names the one before it."""
    first, second, other = (
        store.append(record(n, subject=subject), submission=Submission(str(n), ""))
        for n, subject in enumerate([b"s" * 16, b"s" * 16, b"o" * 16])
    )
    assert (first.supersedes, second.supersedes, other.supersedes) == (None, first.record_id, None)


def test_the_migrations_make_the_tables_that_the_code_knows(store: Store) -> None:
    """Alembic finds no difference between a migrated database and the declared tables."""
    store.append(record(), submission=Submission("a", "b"))
    engine = sa.create_engine(f"sqlite:///{store.path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, tables.metadata) == []
    engine.dispose()


def test_it_is_durable(store: Store) -> None:
    """Write-ahead log, synced in full at every commit."""
    store.append(record(), submission=Submission("a", "b"))
    with store._engine().connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_a_locked_database_is_a_store_error_in_bounded_time(store: Store) -> None:
    """Another process that holds the lock makes the write fail, not wait for ever; later it works."""
    store.append(record(), submission=Submission("a", "b"))
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begin = datetime.now(UTC)
    with pytest.raises(StoreError):
        store.append(record(1), submission=Submission("c", "d"))
    assert datetime.now(UTC) - begin < timedelta(seconds=5)
    other.execute("ROLLBACK")
    other.close()
    store.append(record(1), submission=Submission("c", "d"))
    assert len(list(store.records())) == 2


def test_a_file_that_is_no_database_is_a_store_error(store: Store) -> None:
    """The cause is chained."""
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError) as caught:
        store.append(record(), submission=Submission("a", "b"))
    assert caught.value.__cause__ is not None
    with pytest.raises(StoreError):
        list(store.records())


def test_sites_in_one_store_do_not_see_each_other(store: Store) -> None:
    """A store may hold several sites."""
    store.append(record(), submission=Submission("a", "b"))
    other = Store(f"sqlite:///{store.path}", site="other")
    assert list(other.records()) == []
    assert other.append(record(site="other"), submission=Submission("a", "b")).site == "other"
    other.close()


def test_a_repetition_is_one_record_and_a_later_act_another(store: Store) -> None:
    """Within ten minutes the same form says the same thing; after that, or once its answer ended, it is a new answer."""
    first = store.append(record(), submission=Submission("a", "b"))
    assert store.append(record(60), submission=Submission("a", "b")) == first
    assert store.append(record(60), submission=Submission("a", "other"), unchanged=True) == first
    second = store.append(record(120), submission=Submission("a", "other"))
    third = store.append(record(900), submission=Submission("a", "b"))
    assert store.append(record(960), submission=Submission("a", "b")) == third
    ending = record(2000, valid_until=NOW + timedelta(seconds=2030))
    store.append(ending, submission=Submission("once", ""))
    store.append(record(2040), submission=Submission("once", ""), unchanged=True)
    assert len(list(store.records())) == 5
    assert len({first.record_id, second.record_id, third.record_id}) == 3


def test_an_old_form_is_forgotten(store: Store) -> None:
    """What tells a repetition from a new answer is kept for two days, not for ever."""
    store.append(record(), submission=Submission("a", "b"))
    store.append(record(3 * 86400), submission=Submission("c", "d"))
    with store._engine().connect() as connection:
        assert connection.execute(sa.select(tables.submission.c.request)).scalars().all() == ["c"]
    assert len(list(store.records())) == 2
