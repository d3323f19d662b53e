"""Monthly partitions of the records, in PostgreSQL and only where a site asks for them.

Each month of ``recorded_at`` (UTC) has a part; the default part takes whatever has no month, so that no answer is ever
turned away because nobody added one. With very many records the indexes of a month stay small, a month can be copied or
moved to another disk by itself, and one that :mod:`.erasure` has emptied is dropped at once, with nothing to vacuum.
Whoever drops a month that still has records makes the next export invalid: nothing in the log says why they are gone.

The ledger itself needs none of this; it reads and writes ``consent_record`` as before.

Sources: PostgreSQL, "Table Partitioning" and ALTER TABLE, ATTACH PARTITION (what a default partition may hold).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import command

from ..errors import ConfigError
from . import migrations
from .moments import milliseconds

_BRANCH = "partitions"
_FAR = 120
_SCHEMA = "SELECT relnamespace::regnamespace::text FROM pg_class WHERE oid = to_regclass('consent_record')"
_MONTHS_IN_DEFAULT = """
    SELECT DISTINCT to_char(to_timestamp(recorded_at / 1000) AT TIME ZONE 'UTC', 'YYYY-MM')
    FROM consent_record_default WHERE recorded_at < :beyond
"""
_PARTS = """
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'consent_record'::regclass
"""
_COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = 'consent_record'::regclass AND attnum > 0 AND NOT attisdropped
"""


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the calendar, UTC.

    >>> str(Month(2026, 12).later(2))
    '2027-02'
    """

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Month:
        """The month of ``2026-11``."""
        year, _, number = text.partition("-")
        return cls(int(year), int(number))

    @property
    def begin(self) -> int:
        """Its first millisecond, since 1970."""
        return milliseconds(datetime(self.year, self.number, 1, tzinfo=UTC))

    @property
    def table(self) -> str:
        """Name of its partition."""
        return f"consent_record_{self.year:04}_{self.number:02}"

    def later(self, months: int) -> Month:
        """The month that is *months* later."""
        years, number = divmod(self.year * 12 + self.number - 1 + months, 12)
        return Month(years, number + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitioned:
    """What :func:`partition` did.

    :param months: The months that have a partition now and had none, oldest first.
    :param moved: How many rows moved there from the default partition.
    """

    months: tuple[Month, ...]
    moved: int


def partition(connection: sa.Connection, ahead: int = 3, *, now: datetime | None = None) -> Partitioned:
    """Give the records monthly partitions, or the coming months theirs where they have them already.

    There will be one for this month, for the *ahead* months after it, and for each earlier month that has rows in the
    default partition; these rows move. Later rows stay in the default partition. While rows move nobody reads or writes
    records; when there is nothing to add nothing is locked.

    :param connection: Of PostgreSQL, in a write transaction.
    :param ahead: Coming months, 0 to 120.
    :raises ConfigError: the store is SQLite, or has no tables yet.
    """
    if not 0 <= ahead <= _FAR:
        raise ValueError(f"the number of coming months must be from 0 to {_FAR}, not {ahead}")
    now = (now or datetime.now(UTC)).astimezone(UTC)
    first = Month(now.year, now.month)
    coming = [first.later(months) for months in range(ahead + 1)]
    with _among_the_records(connection):
        migrations.upgrade(connection, f"{_BRANCH}@head")
        if not _missing(connection, coming):
            return Partitioned(months=(), moved=0)
        connection.execute(sa.text("LOCK TABLE consent_record IN ACCESS EXCLUSIVE MODE"))
        missing = _missing(connection, coming)
        moved = sum(_add(connection, month) for month in missing)
        if moved and not connection.scalar(sa.text("SELECT EXISTS (SELECT FROM consent_record_default)")):
            connection.execute(sa.text("TRUNCATE consent_record_default"))  # what moved leaves nothing on the disk
        return Partitioned(months=tuple(missing), moved=moved)


def unpartition(connection: sa.Connection) -> None:
    """Make the records one table again; every row is copied. Does nothing where they are.

    :raises ConfigError: the store is SQLite, or has no tables yet.
    """
    with _among_the_records(connection):
        made = migrations.config()
        made.attributes["connection"] = connection
        command.downgrade(made, f"{_BRANCH}@base")


@contextmanager
def _among_the_records(connection: sa.Connection) -> Iterator[None]:
    """The schema of the records as the only one that is looked at, so that new tables stand beside them."""
    if connection.dialect.name != "postgresql":
        raise ConfigError("monthly partitions are PostgreSQL's: an SQLite store has none and needs none")
    schema = connection.scalar(sa.text(_SCHEMA))
    if schema is None:
        raise ConfigError("there are no records to partition yet. Run: flask consent db upgrade")
    before = connection.scalar(sa.text("SELECT current_setting('search_path')"))
    search = sa.text("SELECT set_config('search_path', :path, true)")
    connection.execute(search, {"path": schema})
    yield
    connection.execute(search, {"path": before})  # not after an error: the transaction is over, and with it the setting


def _missing(connection: sa.Connection, coming: list[Month]) -> list[Month]:
    """Those of the *coming* months, and of the earlier ones with rows in the default partition, without their own."""
    there = set(connection.scalars(sa.text(_PARTS)))
    beyond = {"beyond": coming[-1].later(1).begin}
    stray = {Month.parse(text) for text in connection.scalars(sa.text(_MONTHS_IN_DEFAULT), beyond)}
    return sorted(month for month in {*coming, *stray} if month.table not in there)


def _add(connection: sa.Connection, month: Month) -> int:
    """Make the partition of *month* and move its rows there from the default one; how many."""
    begin, end = month.begin, month.later(1).begin
    connection.execute(
        sa.text(f"CREATE TABLE {month.table} (LIKE consent_record INCLUDING DEFAULTS INCLUDING CONSTRAINTS)")
    )
    columns = connection.scalar(sa.text(_COLUMNS))
    gone = "DELETE FROM consent_record_default WHERE recorded_at >= :begin AND recorded_at < :end RETURNING *"
    move = f"WITH gone AS ({gone}) INSERT INTO {month.table} ({columns}) SELECT {columns} FROM gone"  # noqa: S608
    moved = connection.execute(sa.text(move), {"begin": begin, "end": end}).rowcount
    # Its key and index are made here, as the whole table has them.
    connection.execute(
        sa.text(f"ALTER TABLE consent_record ATTACH PARTITION {month.table} FOR VALUES FROM ({begin}) TO ({end})")
    )
    return moved
