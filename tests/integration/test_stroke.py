"""The short way of the usual entries: the same rows as the long way, all or nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from consent import StoreError
from consent.ledger import Database, Entry, Event, KeptNotice, Revocation, Store, stroke, tables
from tests import databases
from tests.entries import NOW, SITE, entry

WORDS = KeptNotice(digest="d" * 64, language="en", revision="12345678", text="{}", html="<p>")
ALL = (tables.record, tables.pending, tables.submission, tables.notice, tables.revocation)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An empty store, on each engine."""
    database = Database(database_url)
    database.upgrade()
    yield Store(database, SITE)
    database.close()


def the_long_way(store: Store, entries: list[Entry]) -> None:
    """As the store keeps what is not usual."""
    store.database.transact(lambda connection: store._append(connection, entries, NOW, acknowledged=False))


def rows(store: Store) -> dict[str, list[Any]]:
    """All that is in the store."""
    with store.database.read() as connection:
        return {table.name: sorted(map(repr, connection.execute(sa.select(table)))) for table in ALL}


def some_of_each() -> list[Entry]:
    """First grants and refusals, in several languages."""
    grants = [entry(number, language="de", jurisdiction="Ü") for number in range(20)]
    refusals = [entry(number, event=Event.REFUSED, purposes={}, services=()) for number in range(20, 30)]
    return grants + [
        dataclasses.replace(one, record=dataclasses.replace(one.record, subject=None), first=False) for one in refusals
    ]


@pytest.mark.parametrize("size", [1, 7, 30])
def test_both_ways_lead_to_the_same_rows(store: Store, size: int) -> None:
    """Whatever comes together."""
    entries = some_of_each()
    assert all(map(stroke.is_usual, entries))
    for begin in range(0, len(entries), size):
        stroke.keep(store.database, entries[begin : begin + size], now=NOW)
    kept = rows(store)
    assert len(kept["consent_record"]) == 30
    for table in ALL:
        with store.database.write() as connection:
            connection.execute(sa.delete(table))
    the_long_way(store, entries)
    assert rows(store) == kept


def test_it_is_all_or_nothing(store: Store) -> None:
    """One entry that is there already keeps the others out; the store finds its way round it."""
    store.append(entry(5), now=NOW)
    before = rows(store)
    with pytest.raises(StoreError):
        stroke.keep(store.database, [entry(number) for number in range(10)], now=NOW)
    assert rows(store) == before
    store.append_many([entry(number) for number in range(10)], now=NOW)
    assert len(list(store.records())) == 10


def test_the_connection_is_as_it_was(store: Store) -> None:
    """After success, after a repetition and after an error the pool's connections still run transactions."""
    store.append(entry(0), now=NOW)
    for _ in range(3):
        store.append(entry(1), now=NOW)
        store.append(entry(1), now=NOW)
        with pytest.raises(ValueError, match="salt"):
            store.append(dataclasses.replace(entry(2), salt=b""), now=NOW)
        with suppress(ZeroDivisionError), store.database.write() as connection:
            connection.execute(sa.delete(tables.record))
            raise ZeroDivisionError
    assert len(list(store.records())) == 2


def test_the_pool_gets_back_what_runs_transactions(store: Store) -> None:
    """Of several connections that were borrowed at once, too: what fails in a transaction is undone."""
    store.append(entry(0), now=NOW)
    with store.database.driver(), store.database.driver(), store.database.driver():
        pass
    for _ in range(4):
        with suppress(ZeroDivisionError), store.database.write() as one, store.database.read() as _other:
            one.execute(sa.delete(tables.record))
            raise ZeroDivisionError
    assert len(list(store.records())) == 1


def test_what_needs_a_look_is_not_usual() -> None:
    """An earlier record to name, an answer that changes nothing, a grant to end."""
    revokes = Revocation(subject=b"s" * 16, not_before=NOW, until=NOW + timedelta(days=1))
    assert stroke.is_usual(entry(1))
    assert not stroke.is_usual(entry(1, subject=b"s" * 16))
    assert not stroke.is_usual(dataclasses.replace(entry(1), unchanged=True))
    assert not stroke.is_usual(dataclasses.replace(entry(1), revokes=revokes))


def test_words_are_kept_with_the_first_record_that_needs_them(store: Store) -> None:
    """The first goes the long way, the others the short one."""
    for number in range(3):
        one = dataclasses.replace(entry(number, notice=WORDS.digest), notice=WORDS)
        store.append(one, now=NOW)
    assert [notice["digest"] for notice in store.notices()] == [WORDS.digest]
    assert len(list(store.records())) == 3


def test_a_partitioned_table_takes_it_too(postgres: databases.Server) -> None:
    """Monthly partitions change nothing for it."""
    with databases.database(postgres.url) as url:
        database = Database(url)
        database.upgrade()
        stroke.keep(database, [entry(1)], now=NOW)
        database.upgrade("partitions@head")
        stroke.keep(database, [entry(2)], now=NOW)
        assert len(list(Store(database, SITE).records())) == 2
        database.close()
