"""Monthly partitions of the records, on a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from consent import ConfigError
from consent.ledger import Database, Eraser, Sequencer, Store, tables
from consent.ledger.migrations import current
from consent.ledger.partitions import Month, Partitioned, partition, unpartition
from tests.databases import Server, connected, database
from tests.entries import SITE, entry

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
#: Edges of months, a leap day, a clock that stood still, and one that runs ahead.
TIMES = [
    datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999000, tzinfo=UTC),
    datetime(2026, 9, 30, 23, 59, 59, 999000, tzinfo=UTC),
    datetime(2026, 10, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2026, 11, 22, 12, tzinfo=UTC),
    datetime(2099, 12, 31, tzinfo=UTC),
]


@pytest.fixture
def fresh(postgres: Server) -> Iterator[str]:
    """The URL of an empty database."""
    with database(postgres.url) as url:
        yield url


@pytest.fixture
def db(fresh: str) -> Iterator[Database]:
    """A database with records of the above times."""
    made = Database(fresh)
    made.upgrade()
    Store(made, SITE).append_many([entry(number, at=at) for number, at in enumerate(TIMES)], now=NOW)
    yield made
    made.close()


def _rows(db: Database) -> list[tuple[Any, ...]]:
    with db.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(tables.record).order_by(tables.record.c.record_id))]


def _parts(db: Database) -> dict[str, list[datetime]]:
    """The times in each partition, by what its name ends in."""
    rows = "SELECT tableoid::regclass::text, recorded_at FROM consent_record ORDER BY recorded_at"
    parts = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'consent_record'::regclass"
    with db.read() as connection:
        found: dict[str, list[datetime]] = {
            name.removeprefix("consent_record_"): [] for name in connection.scalars(sa.text(parts))
        }
        for part, at in connection.execute(sa.text(rows)):
            found[part.removeprefix("consent_record_")].append(datetime.fromtimestamp(at / 1000, UTC))
    return found


def _shape(db: Database) -> tuple[Any, ...]:
    """Columns, key and indexes of the table of records, as the database says."""
    with db.read() as connection:
        looked = sa.inspect(connection)
        columns = [(c["name"], str(c["type"]), c["nullable"]) for c in looked.get_columns("consent_record")]
        indexes = (
            "SELECT indexname, replace(indexdef, ' ONLY ', ' ') FROM pg_indexes WHERE tablename = 'consent_record'"
        )
        return columns, sorted(map(tuple, connection.execute(sa.text(indexes))))


def _partition(db: Database, *, now: datetime = NOW, ahead: int = 3) -> Partitioned:
    return db.transact(lambda connection: partition(connection, ahead, now=now))


def test_every_row_is_as_it_was_and_lies_in_its_month(db: Database) -> None:
    """Months of existing rows, this one and three coming ones; what lies farther ahead is in the default part."""
    rows, shape = _rows(db), _shape(db)
    done = _partition(db)
    assert _rows(db) == rows
    assert _shape(db) == shape
    assert _parts(db) == {
        "1970_01": TIMES[:1],
        "2024_02": TIMES[1:2],
        "2026_09": TIMES[2:3],
        "2026_10": TIMES[3:5],
        "2026_11": TIMES[5:6],
        "2026_12": [],
        "2027_01": [],
        "2027_02": [],
        "default": TIMES[6:],
    }
    assert done.moved == 6
    assert [str(month) for month in done.months][-4:] == ["2026-11", "2026-12", "2027-01", "2027-02"]


def test_again_it_adds_the_coming_months_and_takes_their_rows_out_of_the_default_part(db: Database) -> None:
    """Nothing in the same month; later the new ones, with rows that came in before anybody added them."""
    _partition(db, ahead=0)
    assert _partition(db, ahead=0) == Partitioned(months=(), moved=0)
    store = Store(db, SITE)
    late = [datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC), datetime(2027, 3, 1, tzinfo=UTC)]
    store.append_many([entry(100 + number, at=at) for number, at in enumerate(late)], now=NOW)
    assert _parts(db)["default"] == [*late, TIMES[6]]
    rows = _rows(db)
    done = _partition(db, now=datetime(2027, 1, 5, tzinfo=UTC), ahead=1)
    assert done == Partitioned(months=(Month(2027, 1), Month(2027, 2)), moved=1)
    assert _rows(db) == rows
    assert _parts(db)["2027_01"] == late[:1]
    assert _parts(db)["default"] == [late[1], TIMES[6]]


def test_new_records_lie_in_the_part_of_their_time(db: Database) -> None:
    """The store writes as before; the first and the last millisecond of a month are its own."""
    _partition(db)
    edges = [datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)]
    far = datetime(2030, 1, 1, tzinfo=UTC)
    entries = [entry(100 + number, at=at) for number, at in enumerate([*edges, far])]
    store = Store(db, SITE)
    kept = store.append_many(entries, now=NOW)
    assert store.append_many(entries, now=NOW) == kept, "sent again, they are the same records"
    parts = _parts(db)
    assert parts["2026_12"] == edges
    assert parts["default"] == [far, TIMES[6]]
    assert len(list(store.records())) == len(TIMES) + 3


def test_a_key_is_refused_twice(db: Database) -> None:
    """The key of the whole table holds in every part, old and new."""
    _partition(db)
    for row in _rows(db):
        with pytest.raises(sa.exc.IntegrityError), db._engine().begin() as connection:
            connection.execute(sa.insert(tables.record).values(row))


def test_a_purge_deletes_from_the_parts(db: Database) -> None:
    """Old months are empty, the rest is there, and the log goes on."""
    _partition(db)
    sequencer = Sequencer(db, SITE, list)
    eraser = Eraser(Store(db, SITE), sequencer, entropy=lambda count: b"r" * count)
    assert eraser.purge(date(2026, 10, 1), now=datetime(2027, 6, 1, tzinfo=UTC)) == 3
    parts = _parts(db)
    assert sorted(part for part, times in parts.items() if times) == ["2026_10", "2026_11", "default"]
    assert sequencer.status().size == len(TIMES) + 1
    with db.write() as connection:
        connection.execute(sa.text("DROP TABLE consent_record_2024_02"))
    assert len(_rows(db)) == 4


def test_it_can_be_undone(db: Database) -> None:
    """One table again, with the same rows, columns, key and indexes; and then partitioned once more."""
    rows, shape = _rows(db), _shape(db)
    for _ in range(2):
        _partition(db)
        assert len(db.current()) == 2
        with db.write() as connection:
            unpartition(connection)
            unpartition(connection)
            assert sa.inspect(connection).get_table_names().count("consent_record_default") == 0
        assert (_rows(db), _shape(db)) == (rows, shape)
        assert len(db.current()) == 1


def test_the_store_starts_on_partitions_and_its_tables_can_be_upgraded(db: Database) -> None:
    """Whoever looks at the versions of the tables finds both, and the newest of the ledger's among them."""
    _partition(db)
    db.check()
    db.upgrade()
    db.check()
    with db.read() as connection:
        assert set(current(connection)) > {"partitions_0001"}


def test_owner_and_rights_stay(fresh: str, postgres: Server) -> None:
    """A site may let its administrator make the tables and its server only use them."""
    with connected(fresh) as admin:
        admin.execute("DROP ROLE IF EXISTS consent_test_server")
        admin.execute("CREATE ROLE consent_test_server")
        admin.execute("CREATE SCHEMA apart")
        name = sa.make_url(fresh).database
        admin.execute(f"ALTER DATABASE {name} SET search_path TO apart, public")
    db = Database(fresh)
    try:
        db.upgrade()
        with connected(fresh) as admin:
            admin.execute("GRANT USAGE ON SCHEMA apart TO consent_test_server")
            admin.execute("GRANT SELECT, INSERT ON consent_record TO consent_test_server")
            for step in (_partition, lambda db: db.transact(unpartition)):
                step(db)
                admin.execute("SET ROLE consent_test_server")
                admin.execute("INSERT INTO consent_record SELECT * FROM consent_record")
                with pytest.raises(Exception, match="permission denied"):
                    admin.execute("DELETE FROM consent_record")
                admin.execute("RESET ROLE")
                found = admin.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename ~ '^consent_'")
                assert found.fetchall() == [("apart",)]
    finally:
        db.close()
        with connected(fresh) as admin:
            admin.execute("DROP OWNED BY consent_test_server")
            admin.execute("DROP ROLE consent_test_server")


def test_writers_wait_and_lose_nothing(db: Database) -> None:
    """Records that are written while the table is taken apart are all there."""
    import threading

    stop, kept = threading.Event(), []
    store = Store(db, SITE)

    def write() -> None:
        number = 1000
        while not stop.is_set():
            kept.append(store.append(entry(number, at=NOW - timedelta(days=number % 90)), now=NOW))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            _partition(db)
            db.transact(unpartition)
    finally:
        stop.set()
        writer.join()
    found = {record.record_id for record in store.records()}
    assert len(kept) > 0
    assert {record.record_id for record in kept} <= found
    assert len(found) == len(TIMES) + len(kept)


def test_sqlite_says_that_it_has_none(tmp_path: Path) -> None:
    """A plain sentence, and nothing is changed."""
    db = Database(f"sqlite:///{tmp_path / 'records.sqlite3'}")
    db.upgrade()
    for step in (_partition, lambda db: db.transact(unpartition), lambda db: db.upgrade("partitions@head")):
        with pytest.raises(ConfigError, match="SQLite store has none and needs none"):
            step(db)
    assert len(db.current()) == 1
    db.close()


def test_a_database_without_tables_says_what_to_do(fresh: str) -> None:
    """There is nothing to partition yet."""
    db = Database(fresh)
    with pytest.raises(ConfigError, match="flask consent db upgrade"):
        _partition(db)
    db.close()


@pytest.mark.parametrize("ahead", [-1, 121])
def test_the_number_of_coming_months_is_bounded(db: Database, ahead: int) -> None:
    """A slip of the keyboard makes no thousand tables."""
    with pytest.raises(ValueError, match="0 to 120"):
        _partition(db, ahead=ahead)


@given(st.integers(1970, 9000), st.integers(1, 12), st.integers(0, 1000))
def test_months_follow_each_other(year: int, number: int, later: int) -> None:
    """Each ends where the next begins, and reads back from its text."""
    month = Month(year, number)
    assert Month.parse(str(month)) == month
    assert month.later(later).later(-later) == month
    assert timedelta(days=28) <= timedelta(milliseconds=month.later(1).begin - month.begin) <= timedelta(days=31)
