"""Where one site's records are kept until they are sequenced, looked up and read.

Every write is one short transaction, durable when it returns, and takes any number of entries at once. A record and the
row that says it waits for its index are written together. Nothing here is on the page path.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from ..decision import Method
from ..errors import StoreError
from ..proof.leaf import commitment
from . import body, stroke, tables
from .database import Database
from .entry import Entry, KeptNotice, Revocation
from .head import lock_head
from .moments import milliseconds, moment
from .record import Record
from .statements import Prepared, insert
from .submissions import Submissions, recorded


class Store:
    """The records and notices of one site.

    :param site: The policy's site id; several sites may share one database.
    """

    def __init__(self, database: Database, site: str) -> None:
        self.database = database
        self._site = site
        self._prepared: dict[str, _Statements] = {}
        self._submissions = Submissions(site)
        self._kept_in: object = None
        self._kept_notices: set[str] = set()

    @property
    def site(self) -> str:
        """The policy's site id."""
        return self._site

    def append(self, entry: Entry, *, now: datetime) -> Record:
        """Keep *entry*, unless it repeats a submission kept just before.

        :param now: When it is kept, which may be later than what it records.
        :return: What is kept: its record with :attr:`~.record.Record.supersedes`, or the earlier one.
        :raises StoreError: nothing was kept.
        """
        return self.append_many([entry], now=now)[0]

    def append_many(self, entries: Sequence[Entry], *, now: datetime, acknowledged: bool = False) -> list[Record]:
        """:meth:`append` of each, in one transaction; an entry that was kept before is not kept twice.

        :param acknowledged: Visitors hold receipts of these entries already. One that repeats another is kept all the
            same, under its own id, unless the other proves its receipt as well.
        :raises StoreError: none was kept.
        """

        def work(connection: sa.Connection) -> list[Record]:
            return self._append(connection, entries, now, acknowledged=acknowledged)

        if not entries:
            return []
        if self._kept_in != (file := self.database.identity):  # an older one may be without some of them
            self._kept_in, self._kept_notices = file, set()
        if not acknowledged and self._in_one_stroke(entries, now):
            return [entry.record for entry in entries]
        try:
            kept = self.database.transact(work)
        except StoreError as error:
            if not isinstance(error.__cause__, sa.exc.IntegrityError):
                raise
            kept = self.database.transact(work)  # another process has just kept one of them, from another form
        self._kept_notices.update(entry.notice.digest for entry in entries if entry.notice)
        return kept

    def records(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[Record]:
        """Every record with ``since <= recorded_at < until``, oldest first.

        :raises StoreError: the store cannot be read.
        """
        columns = tables.record.c
        query = sa.select(columns.body).where(columns.site == self._site)
        if since is not None:
            query = query.where(columns.recorded_at >= milliseconds(since))
        if until is not None:
            query = query.where(columns.recorded_at < milliseconds(until))
        query = query.order_by(columns.recorded_at, columns.record_id).execution_options(yield_per=500)
        with self.database.read() as connection:
            for (text,) in connection.execute(query):
                yield body.decode(text.encode())

    def records_of(self, subject: bytes) -> list[tuple[Record, int | None]]:
        """The records of one subject, oldest first, each with its index in the log where it has one.

        :raises StoreError: the store cannot be read.
        """
        columns = tables.record.c
        query = (
            sa.select(columns.body, tables.leaf.c.position)
            .outerjoin(tables.leaf, tables.leaf.c.record_id == columns.record_id)
            .where(columns.site == self._site, columns.subject == subject)
            .order_by(columns.recorded_at, columns.record_id)
        )
        with self.database.read() as connection:
            return [(body.decode(text.encode()), position) for text, position in connection.execute(query)]

    def standing(self, subject: bytes, *, now: datetime) -> Record | None:
        """What *subject* decided last, if it stands at *now*: not expired, taken back or erased. ``None`` if unknown.

        For whoever acts without the visitor's browser, such as a newsletter.

        :raises StoreError: the store cannot be read.
        """
        record, revocation = tables.record.c, tables.revocation.c
        query = (
            sa.select(record.body)
            .where(record.site == self._site, record.subject == subject)
            .order_by(record.recorded_at.desc(), record.record_id.desc())
        )
        revoked = sa.select(revocation.not_before).where(revocation.site == self._site, revocation.subject == subject)
        with self.database.read() as connection:
            not_before = connection.scalar(revoked)
            read = (body.decode(text.encode()) for (text,) in connection.execute(query))
            latest = next((one for one in read if one.method is not Method.ONCE), None)
        if latest is None or not latest.decision.grants_anything or not latest.decision.stands(now):
            return None
        begin = latest.decision.decided_at.replace(microsecond=0)  # what its receipt says
        return None if not_before is not None and milliseconds(begin) < not_before else latest

    def notices(self) -> Iterator[Mapping[str, Any]]:
        """Every notice kept, oldest first: digest, language, revision, first_shown, text, html, position.

        :raises StoreError: the store cannot be read.
        """
        columns = tables.notice.c
        query = sa.select(tables.notice).where(columns.site == self._site)
        with self.database.read() as connection:
            for row in connection.execute(query.order_by(columns.first_shown, columns.digest)).mappings():
                yield dict(row) | {"first_shown": moment(row["first_shown"])}

    def publish(self, edition: bytes, digest: str, notices: Sequence[KeptNotice], *, now: datetime) -> bool:
        """Note that from *now* on the site declares *edition* and says *notices*, unless it is what it did before.

        :param edition: Canonical JSON; *digest* is the SHA-256, in hexadecimal, of what in it does not say when.
        :return: Whether anything was new.
        :raises StoreError: nothing was kept.
        """
        columns = tables.edition.c
        newest = sa.select(columns.digest, columns.since).where(columns.site == self._site)
        newest = newest.order_by(columns.since.desc()).limit(1)
        with self.database.read() as connection:
            if connection.scalar(newest) == digest:
                return False

        def work(connection: sa.Connection) -> bool:
            lock_head(connection, self._site)  # so that of two that say the same one sees the other
            before = connection.execute(newest).first()
            if before and before.digest == digest:
                return False
            for notice in notices:
                self._keep_notice(connection, notice, milliseconds(now))
            since = max(milliseconds(now), before.since + 1 if before else 0)  # clocks of two hosts differ
            row = {"site": self._site, "since": since, "digest": digest, "body": edition.decode()}
            connection.execute(sa.insert(tables.edition).values(row))
            return True

        return self.database.transact(work)

    def editions(self) -> list[tuple[datetime, str]]:
        """Since when the site declared what, oldest first: the moment and the edition's canonical JSON.

        :raises StoreError: the store cannot be read.
        """
        columns = tables.edition.c
        query = sa.select(columns.since, columns.body).where(columns.site == self._site).order_by(columns.since)
        with self.database.read() as connection:
            return [(moment(since), text) for since, text in connection.execute(query)]

    def revocations(self, *, added_since: datetime | None = None) -> Iterator[Sequence[Sequence[Any]]]:
        """The subjects whose receipts count no more, piece by piece: there may be a million.

        :return: Of each its subject, ``not_before`` and ``until``, the two in milliseconds since 1970.
        :raises StoreError: the store cannot be read.
        """
        columns = tables.revocation.c
        query = sa.select(columns.subject, columns.not_before, columns.until).where(columns.site == self._site)
        if added_since is not None:
            query = query.where(columns.added_at >= milliseconds(added_since))
        query = query.execution_options(yield_per=500)  # of larger pieces, garbage collection costs as much as the rest
        with self.database.read() as connection:
            yield from connection.execute(query).partitions()

    def count_revocations(self) -> int:
        """How many subjects there are whose receipts count no more.

        :raises StoreError: the store cannot be read.
        """
        query = sa.select(sa.func.count()).where(tables.revocation.c.site == self._site)
        with self.database.read() as connection:
            return connection.scalar(query) or 0

    def revoke(self, connection: sa.Connection, revocation: Revocation, *, now: datetime) -> None:
        """Void the receipts of a subject, within a transaction. What was revoked already stays at least as void."""
        made = insert(connection, tables.revocation).values(
            site=self._site,
            subject=revocation.subject,
            not_before=milliseconds(revocation.not_before),
            until=milliseconds(revocation.until),
            added_at=milliseconds(now),
            erased=revocation.erased,
        )
        columns, new = tables.revocation.c, made.excluded

        def later(name: str) -> sa.ColumnElement[Any]:
            return sa.case((new[name] > columns[name], new[name]), else_=columns[name])

        changed = {"not_before": later("not_before"), "until": later("until"), "added_at": later("added_at")}
        changed["erased"] = sa.or_(columns.erased, new.erased)
        connection.execute(made.on_conflict_do_update(index_elements=["site", "subject"], set_=changed))

    def _in_one_stroke(self, entries: Sequence[Entry], now: datetime) -> bool:
        """Whether *entries* could be kept without looking anything up, and have been."""
        if self._submissions.forgets(now) or not all(map(self._is_usual, entries)):
            return False
        try:
            stroke.keep(self.database, entries, now=now)
        except StoreError as error:
            state = getattr(getattr(error.__cause__, "orig", None), "sqlstate", None) or ""
            if not isinstance(error.__cause__, sa.exc.IntegrityError) and not state.startswith("40"):
                raise
            return False
        return True

    def _is_usual(self, entry: Entry) -> bool:
        return stroke.is_usual(entry) and (entry.notice is None or entry.notice.digest in self._kept_notices)

    def _append(
        self, connection: sa.Connection, entries: Sequence[Entry], now: datetime, *, acknowledged: bool
    ) -> list[Record]:
        """:meth:`append_many`, in a transaction."""
        statements = self._statements(connection.dialect)
        by_id = {entry.record.record_id: entry for entry in entries}
        kept = recorded(connection, self._site, list(by_id))
        new = {own: entry for own, entry in by_id.items() if own not in kept}
        fresh, repeated = self._submissions.sifted(connection, new, acknowledged=acknowledged)
        chain: dict[bytes, list[Record]] = {}
        records, waiting = [], []
        for own, entry in fresh.items():
            record = replace(entry.record, supersedes=self._latest(connection, entry, chain))
            if record.subject is not None:
                chain.setdefault(record.subject, []).append(record)
            written = body.encode(record)
            records.append(row_of(record, written, entry.salt))
            waiting.append(_pending(record, commitment(entry.salt, written), now))
            kept[own] = record
        if records:
            statements.record.execute(connection, records)
            statements.pending.execute(connection, waiting)
        self._keep_notices(connection, entries)
        for entry in fresh.values():
            if entry.revokes:
                self.revoke(connection, entry.revokes, now=now)
        self._submissions.forget(connection, now)
        for own, earlier in repeated.items():
            kept[own] = kept.get(earlier.record_id, earlier)  # with what it supersedes, where it has just been kept
        return [kept[entry.record.record_id] for entry in entries]

    def _keep_notices(self, connection: sa.Connection, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.notice and entry.notice.digest not in self._kept_notices:
                self._keep_notice(connection, entry.notice, milliseconds(entry.record.recorded_at))

    def _latest(self, connection: sa.Connection, entry: Entry, chain: Mapping[bytes, list[Record]]) -> uuid.UUID | None:
        """The subject's record before this one, which may have come in after it; *chain* is of this transaction."""
        subject = entry.record.subject
        if subject is None or entry.first:
            return None
        columns = tables.record.c
        at = milliseconds(entry.record.recorded_at)
        query = (
            sa.select(columns.record_id, columns.recorded_at)
            .where(columns.site == self._site, columns.subject == subject, columns.recorded_at <= at)
            .order_by(columns.recorded_at.desc(), columns.record_id.desc())
        )
        there = connection.execute(query.limit(1)).first()
        before = [(there.recorded_at, there.record_id)] if there else []
        before += [(milliseconds(one.recorded_at), one.record_id) for one in chain.get(subject, ())]
        latest = max(reversed([one for one in before if one[0] <= at]), key=lambda one: one[0], default=None)
        return latest[1] if latest else None

    def _keep_notice(self, connection: sa.Connection, notice: KeptNotice, first_shown: int) -> None:
        row = {
            "site": self._site,
            "digest": notice.digest,
            "language": notice.language,
            "revision": notice.revision,
            "first_shown": first_shown,
            "text": notice.text,
            "html": notice.html,
        }
        connection.execute(insert(connection, tables.notice).values(row).on_conflict_do_nothing())

    def _statements(self, dialect: sa.Dialect) -> _Statements:
        if dialect.name not in self._prepared:
            self._prepared[dialect.name] = _Statements(dialect)
        return self._prepared[dialect.name]


class _Statements:
    """What every answer needs, compiled once."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self.record = Prepared(sa.insert(tables.record), dialect)
        self.pending = Prepared(sa.insert(tables.pending), dialect)


def row_of(record: Record, written: bytes, salt: bytes) -> dict[str, Any]:
    """*record*, written as its body, as a row of its table."""
    return {
        "record_id": record.record_id,
        "recorded_at": milliseconds(record.recorded_at),
        "site": record.site,
        "subject": record.subject,
        "event": record.event.value,
        "valid_until": milliseconds(record.valid_until),
        "body": written.decode(),
        "salt": salt,
    }


def _pending(record: Record, committed: bytes, now: datetime) -> dict[str, Any]:
    return {
        "site": record.site,
        "record_id": record.record_id,
        "recorded_at": milliseconds(record.recorded_at),
        "commitment": committed,
        "added_at": milliseconds(now),
    }
