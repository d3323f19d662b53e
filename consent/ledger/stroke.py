"""The usual entries in one stroke: first answers of visitors, for which nothing has to be looked up.

PostgreSQL takes them in a single statement, one journey instead of five; SQLite in one transaction with nothing but its
driver in between. All or nothing: where anything is in the way, :class:`~.store.Store` takes the long way.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from ..proof.leaf import commitment
from . import body
from .database import Database
from .entry import Entry
from .moments import milliseconds


class _Drawn(NamedTuple):
    """One entry as its three rows have it."""

    record_id: uuid.UUID | str
    recorded_at: int
    site: str
    subject: bytes | None
    event: str
    valid_until: int
    body: str
    salt: bytes
    request: str
    before: str
    commitment: bytes
    added_at: int


#: In the order of the fields above.
_TYPES = ("uuid", "bigint", "text", "bytea", "text", "bigint", "text", "bytea", "text", "text", "bytea", "bigint")

_TABLES = {
    "consent_submission": ("site", "request", "before", "record_id", "recorded_at"),
    "consent_record": ("record_id", "recorded_at", "site", "subject", "event", "valid_until", "body", "salt"),
    "consent_pending": ("site", "record_id", "recorded_at", "commitment", "added_at"),
}


def _insert(table: str, what: str) -> str:
    return f"INSERT INTO {table} ({', '.join(_TABLES[table])}) {what}"


def _from(table: str, source: str) -> str:
    return _insert(table, f"SELECT {', '.join(_TABLES[table])} FROM {source}")  # noqa: S608  # constants


#: Statement, and what takes its values from a :class:`_Drawn`.
_ON_SQLITE = [
    (_insert(table, f"VALUES ({', '.join('?' * len(names))})"), itemgetter(*map(_Drawn._fields.index, names)))
    for table, names in _TABLES.items()
]
_GIVEN = f"unnest({', '.join(f'%s::{kind}[]' for kind in _TYPES)}) AS given ({', '.join(_Drawn._fields)})"
_ON_POSTGRESQL = (
    f"WITH drawn AS (SELECT * FROM {_GIVEN}),"  # noqa: S608
    f" claimed AS ({_from('consent_submission', 'drawn')}),"
    f" waiting AS ({_from('consent_pending', 'drawn')})"
    f" {_from('consent_record', 'drawn')}"
)


def is_usual(entry: Entry) -> bool:
    """Whether there is nothing to look up for *entry*, and nothing to keep beside its record."""
    has_forerunner = entry.record.subject is not None and not entry.first
    return not (has_forerunner or entry.unchanged or entry.revokes)


def keep(database: Database, entries: Sequence[Entry], *, now: datetime) -> None:
    """Keep *entries*, all of which are usual.

    :raises StoreError: none was kept; or all were, and the connection broke before it could be told.
    """
    drawn = [_draw(entry, now, hexadecimal=not database.is_postgresql) for entry in entries]
    with database.driver() as driver:
        if database.is_postgresql:
            driver.execute(_ON_POSTGRESQL, [list(column) for column in zip(*drawn, strict=True)])
        else:
            _on_sqlite(driver, drawn)


def _on_sqlite(driver: Any, drawn: Sequence[_Drawn]) -> None:
    driver.execute("BEGIN IMMEDIATE")
    for statement, values in _ON_SQLITE:
        driver.executemany(statement, map(values, drawn))
    driver.execute("COMMIT")


def _draw(entry: Entry, now: datetime, *, hexadecimal: bool) -> _Drawn:
    record = entry.record
    written = body.encode(record)
    return _Drawn(
        record_id=record.record_id.hex if hexadecimal else record.record_id,
        recorded_at=milliseconds(record.recorded_at),
        site=record.site,
        subject=record.subject,
        event=record.event.value,
        valid_until=milliseconds(record.valid_until),
        body=written.decode(),
        salt=entry.salt,
        request=entry.submission.request,
        before=entry.submission.before,
        commitment=commitment(entry.salt, written),
        added_at=milliseconds(now),
    )
