"""Gives what waits its place in the log, extends the tree and signs it. Any process may; one at a time does.

Who holds the lock on a site's head row sequences. What waits is a set, not everything above the last id: ids are given
when a record is made and become visible when it commits, so that a cursor would skip those that commit late.

Sources: RFC 6962 §2.1 (the tree), C2SP tlog-checkpoint (what is signed).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from ..errors import ConfigError, StoreError
from ..proof import checkpoint as checkpoints
from ..proof import leaf as leaves
from ..proof.checkpoint import Checkpoint
from ..proof.merkle import EMPTY_ROOT, Range
from ..proof.note import SigningKey
from . import tables
from .database import Database
from .moments import milliseconds, moment
from .statements import Prepared, insert

_HASH = 32
_BATCH = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What one batch did.

    :param size: Entries in the log now.
    :param added: Those that came in with this batch.
    :param signed: Whether a checkpoint was signed.
    :param busy: Whether another process was at it, so that nothing was done.
    """

    size: int
    added: int
    signed: bool = False
    busy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogStatus:
    """How far the log is.

    :param size: Entries in the log.
    :param pending: Records that wait for their index.
    :param waiting_since: When the one that waits longest came in.
    :param checkpoint: The newest signed checkpoint's note.
    :param checkpoint_size: How many entries it covers.
    """

    size: int
    pending: int
    waiting_since: datetime | None
    checkpoint: str | None
    checkpoint_size: int
    signed_at: datetime | None
    anchored_size: int | None
    anchored_at: datetime | None


class Head:
    """The end of one site's log within a transaction that holds its lock.

    Entries are added one batch after another; :meth:`save` writes the new end.
    """

    def __init__(self, connection: sa.Connection, site: str, size: int, frontier: bytes) -> None:
        self._connection = connection
        self._site = site
        hashes = tuple(frontier[at : at + _HASH] for at in range(0, len(frontier), _HASH))
        self.range = Range(0, size, hashes)
        self._before = size

    @property
    def size(self) -> int:
        """Entries in the log."""
        return self.range.end

    def add(self, publics: Sequence[bytes], records: Sequence[tuple[Any, int] | None]) -> int:
        """Append entries, each with the id and time of its record, or none.

        :return: The index of the first.
        """
        first = self.size
        completed: list[tuple[int, int, bytes]] = []
        self.range = self.range.extended(map(leaves.hash_of, publics), completed)
        rows = [
            {
                "site": self._site,
                "position": first + n,
                "public": public.decode(),
                "record_id": of[0] if of else None,
                "recorded_at": of[1] if of else None,
            }
            for n, (public, of) in enumerate(zip(publics, records, strict=True))
        ]
        if rows:
            _insert_leaves(self._connection, rows)
        if completed:
            nodes = [
                {"site": self._site, "level": level, "position": position, "hash": digest}
                for level, position, digest in completed
            ]
            self._connection.execute(sa.insert(tables.node), nodes)
        return first

    def save(self) -> None:
        """Write the new end of the log."""
        if self.size > self._before:
            change = {"size": self.size, "frontier": b"".join(self.range.hashes), "root": self.range.root}
            columns = tables.head.c
            self._connection.execute(sa.update(tables.head).where(columns.site == self._site).values(change))


def lock_head(connection: sa.Connection, site: str, *, wait: bool = True) -> Head | None:
    """The end of the log, locked until the transaction ends; ``None`` if another has it and *wait* is off.

    SQLite has one writer at a time: there the transaction has waited when it began.
    """
    columns = tables.head.c
    query = sa.select(columns.size, columns.frontier).where(columns.site == site)
    query = query.with_for_update(skip_locked=not wait)
    row = connection.execute(query).first()
    if row is None:
        begin = {"site": site, "size": 0, "frontier": b"", "root": EMPTY_ROOT}
        made = connection.execute(insert(connection, tables.head).values(begin).on_conflict_do_nothing())
        if not made.rowcount and not wait:
            return None
        row = connection.execute(query).first()
    return None if row is None else Head(connection, site, row[0], row[1])


class Sequencer:
    """Sequences one site's log.

    :param keys: Gives the keys that sign, oldest first; none where this host has none: then others sign.
    """

    def __init__(self, database: Database, site: str, keys: Callable[[], Sequence[SigningKey]]) -> None:
        self.database = database
        self.site = site
        self._keys = keys

    def seal(self, now: datetime, *, at_most: int = _BATCH, wait: bool = True) -> Sealed:
        """Sequence up to *at_most* records and sign the log.

        :param wait: Whether to wait while another process sequences.
        :raises StoreError: nothing was sequenced.
        """

        def work(connection: sa.Connection) -> Sealed:
            head = self.lock(connection, wait=wait)
            if head is None:
                return Sealed(size=0, added=0, busy=True)
            waiting = self._waiting(connection, at_most)  # looked at before the words, sequenced after them
            added = self._sequence_words(connection, head, now.astimezone(UTC).date()) + len(waiting)
            self._sequence(connection, head, waiting)
            signed = self.finish(connection, head, now)
            return Sealed(size=head.size, added=added, signed=signed)

        return self.database.transact(work)

    def seal_all(self, now: datetime) -> Sealed:
        """Sequence all that waits now, batch by batch.

        :raises StoreError: it could not be; whole batches may have been.
        """
        total, signed = 0, False
        while True:
            done = self.seal(now)
            total, signed = total + done.added, signed or done.signed
            if done.added < _BATCH:  # what came in since is not waited for, or under load this would have no end
                return Sealed(size=done.size, added=total, signed=signed)

    def due(self) -> bool:
        """Whether there is something to sequence or to sign; a look that locks nothing.

        :raises StoreError: the store cannot be read.
        """
        pending, notice, edition = tables.pending.c, tables.notice.c, tables.edition.c
        with self.database.read() as connection:
            waits = connection.scalar(sa.select(sa.exists().where(pending.site == self.site)))
            words = (
                sa.exists().where(column.site == self.site, column.position.is_(None)) for column in (notice, edition)
            )
            if waits or any(connection.scalar(sa.select(one)) for one in words):
                return True
            size, signed = tables.head.c.size, tables.checkpoint.c.size
            unsigned = sa.exists().where(
                tables.head.c.site == self.site,
                size > 0,
                ~sa.exists().where(tables.checkpoint.c.site == self.site, signed == size),
            )
            return bool(connection.scalar(sa.select(unsigned))) and bool(self._keys())

    def lock(self, connection: sa.Connection, *, wait: bool = True) -> Head | None:
        """See :func:`lock_head`."""
        return lock_head(connection, self.site, wait=wait)

    def finish(self, connection: sa.Connection, head: Head, now: datetime) -> bool:
        """Write the end of the log and sign it, if this host has keys and it is not signed by them yet.

        :return: Whether it was signed.
        :raises ConfigError: the keys are those of another log.
        """
        head.save()
        keys = self._keys()
        if not keys:
            return False
        columns = tables.checkpoint.c
        newest = sa.select(columns.note).where(columns.site == self.site).order_by(columns.size.desc()).limit(1)
        origin = (connection.scalar(newest) or "").partition("\n")[0]
        if origin and origin != keys[-1].name:
            remedy = "Bring back the keys of the log; flask consent keys rotate adds one to them"
            raise ConfigError(f"CONSENT_SIGNING_KEY: the keys are of {keys[-1].name}, the log is {origin}. {remedy}")
        same = columns.note.startswith(f"{keys[-1].name}\n", autoescape=True)
        other = connection.scalar(sa.select(columns.site).where(columns.site != self.site, same).limit(1))
        if other is not None:
            remedy = "Give this site a key of its own: flask consent keys new"
            raise ConfigError(f"CONSENT_SIGNING_KEY: {keys[-1].name} is the log of {other} already. {remedy}")
        here = (columns.site == self.site, columns.size == head.size)
        there = connection.scalar(sa.select(columns.note).where(*here))
        note = checkpoints.sign(Checkpoint(keys[-1].name, head.size, head.range.root), keys)
        if there is not None and set(note.splitlines()) <= set(there.splitlines()):  # signatures have no chance in them
            return False
        row = {"site": self.site, "size": head.size, "note": note, "signed_at": milliseconds(now)}
        made = insert(connection, tables.checkpoint).values(row)
        changed = {"note": made.excluded.note, "signed_at": made.excluded.signed_at}
        connection.execute(made.on_conflict_do_update(index_elements=["site", "size"], set_=changed))
        older = (columns.site == self.site, columns.size < head.size, columns.anchored_at.is_(None))
        connection.execute(sa.delete(tables.checkpoint).where(*older))
        return True

    def sequence_of(self, connection: sa.Connection, head: Head, subject: bytes) -> None:
        """Sequence what waits of one subject."""
        pending, record = tables.pending.c, tables.record.c
        of = sa.and_(record.record_id == pending.record_id, record.recorded_at == pending.recorded_at)
        query = (
            sa.select(pending.record_id, pending.recorded_at, pending.commitment)
            .join(tables.record, of)
            .where(pending.site == self.site, record.subject == subject)
            .order_by(pending.record_id)
        )
        self._sequence(connection, head, connection.execute(query).all())

    def mark_anchored(self, size: int, where: str, now: datetime, *, note: str | None = None) -> None:
        """Note that the checkpoint of *size* was handed to *where*, outside; it is kept from now on.

        :param note: The checkpoint itself, which a newer one may have replaced meanwhile.
        :raises StoreError: that could not be noted; or there is no such checkpoint any more, and no *note*.
        """
        columns = tables.checkpoint.c
        change = {"anchored_at": milliseconds(now), "anchored_to": where}
        found = (columns.site == self.site, columns.size == size)

        def work(connection: sa.Connection) -> None:
            if connection.execute(sa.update(tables.checkpoint).where(*found).values(change)).rowcount:
                return
            if note is None:
                raise StoreError(f"there is no checkpoint of {size} entries of {self.site}. Anchor the newest one")
            row = {"site": self.site, "size": size, "note": note, "signed_at": milliseconds(now)} | change
            made = insert(connection, tables.checkpoint).values(row)
            connection.execute(made.on_conflict_do_update(index_elements=["site", "size"], set_=change))

        self.database.transact(work)

    def status(self) -> LogStatus:
        """How far the log is.

        :raises StoreError: the store cannot be read.
        """
        head, pending, signed = tables.head.c, tables.pending.c, tables.checkpoint.c
        waits = sa.select(sa.func.count(), sa.func.min(pending.added_at)).where(pending.site == self.site)
        mine = sa.select(tables.checkpoint).where(signed.site == self.site).order_by(signed.size.desc()).limit(1)
        with self.database.read() as connection:
            size = connection.scalar(sa.select(head.size).where(head.site == self.site)) or 0
            count, since = connection.execute(waits).one()
            newest = connection.execute(mine).mappings().first()
            anchored = connection.execute(mine.where(signed.anchored_at.is_not(None))).mappings().first()
        return LogStatus(
            size=size,
            pending=count,
            waiting_since=None if since is None else moment(since),
            checkpoint=newest["note"] if newest else None,
            checkpoint_size=newest["size"] if newest else 0,
            signed_at=moment(newest["signed_at"]) if newest else None,
            anchored_size=anchored["size"] if anchored else None,
            anchored_at=moment(anchored["anchored_at"]) if anchored else None,
        )

    def _waiting(self, connection: sa.Connection, at_most: int) -> Sequence[Any]:
        columns = tables.pending.c
        query = (
            sa.select(columns.record_id, columns.recorded_at, columns.commitment)
            .where(columns.site == self.site)
            .order_by(columns.record_id)
            .limit(at_most)
        )
        return connection.execute(query).all()

    def _sequence(self, connection: sa.Connection, head: Head, rows: Sequence[Any]) -> None:
        if not rows:
            return
        days: dict[int, str] = {}
        publics = []
        for _, recorded_at, committed in rows:
            number = recorded_at // 86_400_000
            day = days.get(number) or days.setdefault(number, moment(recorded_at).date().isoformat())
            publics.append(leaves.record(committed, day))
        head.add(publics, [(record_id, recorded_at) for record_id, recorded_at, _ in rows])
        _delete_pending(connection, self.site, [row[0] for row in rows])

    def _sequence_words(self, connection: sa.Connection, head: Head, today: date) -> int:
        """Editions and notices come before the records that refer to them."""
        added = 0
        edition, notice = tables.edition.c, tables.notice.c
        new = sa.select(edition.since, edition.body).where(edition.site == self.site, edition.position.is_(None))
        for since, text in connection.execute(new.order_by(edition.since)).all():
            at = head.add([leaves.edition(_sha256(text), today)], [None])
            found = (edition.site == self.site, edition.since == since)
            connection.execute(sa.update(tables.edition).where(*found).values(position=at))
            added += 1
        unsequenced = sa.select(tables.notice).where(notice.site == self.site, notice.position.is_(None))
        for row in connection.execute(unsequenced.order_by(notice.first_shown, notice.digest)).mappings().all():
            public = leaves.notice(
                digest=row["digest"],
                html=_sha256(row["html"]),
                language=row["language"],
                revision=row["revision"],
                day=today,
            )
            at = head.add([public], [None])
            found = (notice.site == self.site, notice.digest == row["digest"])
            connection.execute(sa.update(tables.notice).where(*found).values(position=at))
            added += 1
        return added


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _insert_leaves(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    if connection.dialect.name == "postgresql":
        # One statement with five arrays: a third of the time of as many rows, and standard since PostgreSQL 9.4.
        names = ("position", "public", "record_id", "recorded_at")
        arrays = [[row[name] for row in rows] for name in names]
        connection.exec_driver_sql(
            "INSERT INTO consent_leaf (site, position, public, record_id, recorded_at) "
            "SELECT %s, * FROM unnest(%s::bigint[], %s::text[], %s::uuid[], %s::bigint[])",
            (rows[0]["site"], *arrays),
        )
    else:
        _prepared(connection.dialect, "leaf").execute(connection, rows)


def _delete_pending(connection: sa.Connection, site: str, record_ids: Sequence[Any]) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "DELETE FROM consent_pending WHERE site = %s AND record_id = ANY(%s::uuid[])", (site, list(record_ids))
        )
    else:
        rows = [{"on": site, "this": record_id} for record_id in record_ids]
        _prepared(connection.dialect, "pending").execute(connection, rows)


_STATEMENTS: dict[str, sa.sql.ClauseElement] = {
    "leaf": sa.insert(tables.leaf),
    "pending": sa.delete(tables.pending).where(
        tables.pending.c.site == sa.bindparam("on"), tables.pending.c.record_id == sa.bindparam("this")
    ),
}


@cache
def _prepared(dialect: sa.Dialect, name: str) -> Prepared:
    return Prepared(_STATEMENTS[name], dialect)
