"""Where records are kept: SQLite through SQLAlchemy Core. The only module that knows a database.

Every write is one short transaction, durable when it returns. Nothing here is on the page path. An engine belongs to
the process that made it, so that a store may be built before a server forks.

Source: SQLite documentation, "Write-Ahead Logging" and PRAGMA synchronous (FULL: durable against power loss).
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from ..decision import Duration, Method
from ..discovery import Sighting
from ..errors import ConfigError, StoreError
from ..notice import Notice
from . import sightings, tables
from .migrations import upgrade
from .record import Event, Record, Surface

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: A double click, a retry, a reload: later, the same form is a new act.
_REPEATED_WITHIN = timedelta(minutes=10)
#: How long a form's own key is remembered; a refusal's time is an hour's beginning.
_SUBMISSION_MEMORY = timedelta(hours=48)

#: Columns that hold a record's field as it is.
_AS_IS = tuple(
    column.name
    for column in tables.record.columns
    if column.name not in ("recorded_at", "valid_until", "purposes", "services")
)


@dataclass(frozen=True, slots=True)
class Submission:
    """What tells a repeated submission from a new answer: *request* is the same for both, *before* is not.

    :param request: Hash of the form's own key and the answer in it.
    :param before: Hash of the receipt that the visitor held when answering.
    """

    request: str
    before: str


class Store:
    """The records, notices and counters of one site.

    :param url: SQLAlchemy URL, ``sqlite:///PATH``.
    :param site: The policy's site id; several sites may share one store.
    :param timeout: Seconds that a write waits for another's lock.
    :raises ConfigError: *url* is not one of a store that can be used.
    """

    def __init__(self, url: str, *, site: str, timeout: float = 2.0) -> None:
        remedy = "CONSENT_STORE_URL: records are kept in a SQLite file. Write sqlite:////var/lib/site/consent.sqlite3"
        try:
            self._url = sa.make_url(url)
        except sa.exc.ArgumentError:
            raise ConfigError(f"{remedy}; this is not a database URL") from None
        if self._url.get_backend_name() != "sqlite" or self._url.database in (None, "", ":memory:"):
            raise ConfigError(f"{remedy}, not {self._url.drivername} without a file")
        self._site = site
        self._timeout = timeout
        self._lock = threading.Lock()
        self._owner: tuple[int, sa.Engine] | None = None

    @property
    def path(self) -> Path:
        """The database file."""
        return Path(str(self._url.database))

    def append(
        self,
        record: Record,
        *,
        submission: Submission,
        unchanged: bool = False,
        notice: tuple[Notice, str] | None = None,
    ) -> Record:
        """Keep *record*, and the words it refers to as text and HTML, unless it repeats a submission kept just before.

        :param unchanged: Whether the answer changes nothing: then it repeats what was kept for the same request,
            whatever receipt was held.
        :return: What is kept: *record* with :attr:`~Record.supersedes`, or the earlier one.
        :raises StoreError: nothing was kept.
        """
        with self._write() as connection:
            earlier = self._earlier(connection, submission, anyhow=unchanged)
            if earlier is not None and _repeats(record, earlier):
                return earlier
            kept = replace(record, supersedes=self._latest(connection, record.subject))
            connection.execute(sa.insert(tables.record).values(_row(kept)))
            self._remember(connection, submission, kept)
            if notice:
                self._keep_notice(connection, *notice, first_shown=_milliseconds(record.recorded_at))
            self._forget_submissions(connection, before=_milliseconds(record.recorded_at - _SUBMISSION_MEMORY))
            return kept

    def add_counts(self, counts: Mapping[tuple[date, str, str], int]) -> None:
        """Add to the counters of ``(day, dimension, value)``.

        :raises StoreError: nothing was added.
        """
        rows = [
            {"site": self._site, "day": day.isoformat(), "dimension": dimension, "value": value, "count": count}
            for (day, dimension, value), count in counts.items()
        ]
        if rows:
            add = insert(tables.audience)
            column = tables.audience.c.count
            with self._write() as connection:
                connection.execute(
                    add.on_conflict_do_update(
                        index_elements=list(tables.audience.primary_key), set_={"count": column + add.excluded.count}
                    ),
                    rows,
                )

    def add_sightings(self, counts: Mapping[Sighting, int], dropped: int, today: date) -> None:
        """Add to what was seen on the site's pages, as far as there is room, and to what was dropped.

        :raises StoreError: nothing was added.
        """
        with self._write() as connection:
            sightings.add(connection, self._site, counts, dropped, today)

    def sightings(self, *, since: date | None = None) -> Iterator[Mapping[str, Any]]:
        """What was seen on *since* or later, the most frequent first: kind, name, directive, page, days, count.

        :raises StoreError: the store cannot be read.
        """
        return self._stream(sightings.query(self._site, since))

    def records(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[Record]:
        """Every record with ``since <= recorded_at < until``, oldest first, in constant memory.

        :raises StoreError: the store cannot be read.
        """
        query = sa.select(tables.record).where(tables.record.c.site == self._site)
        if since is not None:
            query = query.where(tables.record.c.recorded_at >= _milliseconds(since))
        if until is not None:
            query = query.where(tables.record.c.recorded_at < _milliseconds(until))
        query = query.order_by(tables.record.c.recorded_at, tables.record.c.record_id)
        for row in self._stream(query):
            yield _record(row)

    def notices(self) -> Iterator[Mapping[str, Any]]:
        """Every notice shown, oldest first: digest, language, revision, first_shown, text, html.

        :raises StoreError: the store cannot be read.
        """
        query = sa.select(tables.notice).where(tables.notice.c.site == self._site)
        for row in self._stream(query.order_by(tables.notice.c.first_shown, tables.notice.c.digest)):
            yield dict(row) | {"first_shown": _moment(row["first_shown"])}

    def close(self) -> None:
        """Let go of the database; the next use opens it again."""
        with self._lock:
            if self._owner is not None and self._owner[0] == os.getpid():
                self._owner[1].dispose()
            self._owner = None

    def _stream(self, query: sa.Select[Any]) -> Iterator[Mapping[str, Any]]:
        try:
            with self._engine().connect().execution_options(yield_per=500, read_only=True) as connection:
                for row in connection.execute(query).mappings():
                    yield dict(row)
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise StoreError(f"the records in {self.path} cannot be read") from error

    def _keep_notice(self, connection: sa.Connection, notice: Notice, html: str, *, first_shown: int) -> None:
        row = {
            "site": self._site,
            "digest": notice.digest,
            "language": notice.language,
            "revision": notice.revision,
            "first_shown": first_shown,
            "text": notice.text,
            "html": html,
        }
        connection.execute(insert(tables.notice).values(row).on_conflict_do_nothing())

    def _forget_submissions(self, connection: sa.Connection, *, before: int) -> None:
        old = (tables.submission.c.site == self._site, tables.submission.c.recorded_at < before)
        connection.execute(sa.delete(tables.submission).where(*old))

    def _latest(self, connection: sa.Connection, subject: bytes | None) -> uuid.UUID | None:
        if subject is None:
            return None
        columns = tables.record.c
        query = sa.select(columns.record_id).where(columns.site == self._site, columns.subject == subject)
        latest: uuid.UUID | None = connection.scalar(query.order_by(columns.recorded_at.desc()).limit(1))
        return latest

    def _earlier(self, connection: sa.Connection, submission: Submission, *, anyhow: bool) -> Record | None:
        """The record that was kept last for the same request, and the same receipt unless *anyhow*."""
        columns = tables.submission.c
        query = (
            sa.select(tables.record)
            .join(tables.submission, tables.record.c.record_id == columns.record_id)
            .where(columns.site == self._site, columns.request == submission.request)
            .order_by(columns.recorded_at.desc())
        )
        if not anyhow:
            query = query.where(columns.before == submission.before)
        row = connection.execute(query.limit(1)).mappings().first()
        return None if row is None else _record(dict(row))

    def _remember(self, connection: sa.Connection, submission: Submission, record: Record) -> None:
        key = {"site": self._site, "request": submission.request, "before": submission.before}
        value = {"record_id": record.record_id, "recorded_at": _milliseconds(record.recorded_at)}
        made = insert(tables.submission).values(**key, **value)
        connection.execute(made.on_conflict_do_update(index_elements=list(key), set_=value))

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        """One write transaction, durable at the end; whatever a database can throw comes out as a StoreError."""
        try:
            with self._engine().begin() as connection:
                yield connection
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise StoreError(f"the records in {self.path} cannot be written") from error

    def _engine(self) -> sa.Engine:
        """This process's engine; made, and the schema brought up to date, on first use."""
        with self._lock:
            if self._owner is None or self._owner[0] != os.getpid():
                self.path.parent.mkdir(parents=True, exist_ok=True)
                engine = sa.create_engine(self._url, connect_args={"timeout": self._timeout})
                sa.event.listen(engine, "connect", _on_connect)
                sa.event.listen(engine, "begin", _on_begin)
                with engine.begin() as connection:
                    upgrade(connection)
                self._owner = (os.getpid(), engine)
            return self._owner[1]


def _on_connect(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # transactions are begun below, not guessed by the driver
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: sa.Connection) -> None:
    read_only = connection.get_execution_options().get("read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _repeats(record: Record, earlier: Record) -> bool:
    """Whether *record* says again what *earlier* said just before, and still stands for."""
    return record.recorded_at - earlier.recorded_at <= _REPEATED_WITHIN and record.recorded_at < earlier.valid_until


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _row(record: Record) -> dict[str, Any]:
    """A record as its table's columns."""
    row = {column: getattr(record, column) for column in _AS_IS}
    return row | {
        "recorded_at": _milliseconds(record.recorded_at),
        "valid_until": _milliseconds(record.valid_until),
        "purposes": json.dumps(dict(record.purposes), sort_keys=True),
        "services": json.dumps(list(record.services)),
    }


def _record(row: Mapping[str, Any]) -> Record:
    """Table columns as a record."""
    return Record(
        **{column: row[column] for column in _AS_IS}
        | {
            "event": Event(row["event"]),
            "duration": Duration(row["duration"]),
            "method": Method(row["method"]),
            "surface": Surface(row["surface"]),
            "purposes": json.loads(row["purposes"]),
            "services": tuple(json.loads(row["services"])),
            "valid_until": _moment(row["valid_until"]),
        }
    )
