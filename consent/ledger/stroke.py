"""The usual entries in one stroke: first answers of visitors, for which nothing has to be looked up.

PostgreSQL takes them in a single statement, one journey instead of five; SQLite in one transaction with nothing but its
driver in between. All or nothing: where anything is in the way, :class:`~.store.Store` takes the long way.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
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


#: What PostgreSQL has for the fields above.
_TYPES = {
    "record_id": "uuid",
    "recorded_at": "bigint",
    "site": "text",
    "subject": "bytea",
    "event": "text",
    "valid_until": "bigint",
    "body": "text",
    "salt": "bytea",
    "request": "text",
    "before": "text",
    "commitment": "bytea",
    "added_at": "bigint",
}
_TABLES = {
    "consent_submission": ("site", "request", "before", "record_id", "recorded_at"),
    "consent_pending": ("site", "record_id", "recorded_at", "commitment", "added_at"),
    "consent_record": ("record_id", "recorded_at", "site", "subject", "event", "valid_until", "body", "salt"),
}


def _insert(table: str, what: str) -> str:
    return f"INSERT INTO {table} ({', '.join(_TABLES[table])}) {what}"


def _values(table: str, place: str) -> str:
    return _insert(table, f"VALUES ({', '.join([place] * len(_TABLES[table]))})")


def _drawn(table: str) -> str:
    return _insert(table, f"SELECT {', '.join(_TABLES[table])} FROM drawn")  # noqa: S608  # constants


def _in_one(spelt: Callable[[str], str]) -> str:
    """One statement of three inserts."""
    submission, pending, record = map(spelt, _TABLES)
    return f"claimed AS ({submission}), waiting AS ({pending}) {record}"


_PICK = {table: itemgetter(*map(_Drawn._fields.index, names)) for table, names in _TABLES.items()}
_ON_SQLITE = [(_values(table, "?"), _PICK[table]) for table in _TABLES]
_ONE_ON_POSTGRESQL = "WITH " + _in_one(lambda table: _values(table, "%s"))
# Of several ways to hand over rows, JSON takes the driver a third of the time of arrays.
_SELECTED = ", ".join(f"decode({name}, 'hex') AS {name}" if kind == "bytea" else name for name, kind in _TYPES.items())
_GIVEN = ", ".join(f"{name} {'text' if kind == 'bytea' else kind}" for name, kind in _TYPES.items())
_MANY_ON_POSTGRESQL = (
    f"WITH drawn AS (SELECT {_SELECTED} FROM json_to_recordset(%s) AS given ({_GIVEN})), {_in_one(_drawn)}"  # noqa: S608
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
        if not database.is_postgresql:
            _on_sqlite(driver, drawn)
        elif len(drawn) == 1:
            driver.execute(_ONE_ON_POSTGRESQL, [value for pick in _PICK.values() for value in pick(drawn[0])])
        else:
            driver.execute(_MANY_ON_POSTGRESQL, [json.dumps([one._asdict() for one in drawn], default=_plain)])


def _on_sqlite(driver: Any, drawn: Sequence[_Drawn]) -> None:
    driver.execute("BEGIN IMMEDIATE")
    for statement, pick in _ON_SQLITE:
        driver.executemany(statement, map(pick, drawn))
    driver.execute("COMMIT")


def _plain(value: bytes | uuid.UUID) -> str:
    return value.hex if isinstance(value, uuid.UUID) else value.hex()


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
