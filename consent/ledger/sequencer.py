"""Gives what waits its place in the log, extends the tree and signs it. Any process may; one at a time does.

Who holds the lock on a site's head row sequences. What waits is a set, not everything above the last id: ids are given
when a record is made and become visible when it commits, so that a cursor would skip those that commit late.

Before anything is added, the log as it stands is held against its newest checkpoint (:mod:`.continuity`).

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
from ..proof.errors import ProofError
from ..proof.note import SigningKey
from . import continuity, tables
from .database import Database
from .head import Head, end_of, lock_head
from .moments import milliseconds, moment
from .statements import Prepared, insert
from .tree import Tree

_BATCH = 2000
_REMEDY = "Do not delete the checkpoint. Export the log, verify it with one that was handed out, and restore a backup"


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
        """The end of the log, locked until the transaction ends; ``None`` if another has it and *wait* is off.

        :raises StoreError: the log does not go on from its newest checkpoint.
        """
        found = lock_head(connection, self.site, wait=wait)
        if found is None:
            return None
        columns = tables.checkpoint.c
        newest = sa.select(columns.note, columns.size).where(columns.site == self.site)
        there = connection.execute(newest.order_by(columns.size.desc()).limit(1)).first()
        keys = [key.public for key in self._keys()] if there else []
        try:
            end = end_of(*found)
            subtree = Tree(connection, self.site).subtree
            signed = continuity.checked(there.note, there.size, keys, end, subtree) if there else None
        except (ProofError, StoreError) as error:
            said = f"the log of {self.site} does not go on from its last checkpoint: {error}. Nothing more is signed"
            raise StoreError(f"{said}. {_REMEDY}") from error
        return Head(connection, self.site, end, signed)

    def finish(self, connection: sa.Connection, head: Head, now: datetime) -> bool:
        """Write the end of the log and sign it, if this host has keys and it is not signed by them yet.

        :return: Whether it was signed.
        :raises ConfigError: the keys are those of another log.
        """
        head.save()
        keys = self._keys()
        if not keys:
            return False
        if head.signed is not None and head.signed.origin != keys[-1].name:
            remedy = "Bring back the keys of the log; flask consent keys rotate adds one to them"
            said = f"the keys are of {keys[-1].name}, the log is {head.signed.origin}"
            raise ConfigError(f"CONSENT_SIGNING_KEY: {said}. {remedy}")
        columns = tables.checkpoint.c
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
        :raises StoreError: that could not be noted; or there is no such checkpoint any more, and no *note*; or the log
            does not go on from *note*, as after a backup was restored.
        """
        columns = tables.checkpoint.c
        change = {"anchored_at": milliseconds(now), "anchored_to": where}
        found = (columns.site == self.site, columns.size == size)

        def work(connection: sa.Connection) -> None:
            if note is not None:  # one that does not fit would keep the log from ever being signed again
                self._check_held(connection, note, size)
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

    def _check_held(self, connection: sa.Connection, note: str, size: int) -> None:
        """Make sure that the log, locked from now on, goes on from *note*, whoever signed that.

        :raises StoreError: it does not.
        """
        found = lock_head(connection, self.site)
        assert found is not None  # noqa: S101  # told to mypy: it waits
        try:
            continuity.checked(note, size, [], end_of(*found), Tree(connection, self.site).subtree)
        except (ProofError, StoreError) as error:
            said = f"the log of {self.site} does not hold that checkpoint any more: {error}"
            raise StoreError(f"{said}. Was a backup restored? Tell who has it, and hand out the newest one") from None

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


def _delete_pending(connection: sa.Connection, site: str, record_ids: Sequence[Any]) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "DELETE FROM consent_pending WHERE site = %s AND record_id = ANY(%s::uuid[])", (site, list(record_ids))
        )
    else:
        rows = [{"on": site, "this": record_id} for record_id in record_ids]
        _delete(connection.dialect).execute(connection, rows)


@cache
def _delete(dialect: sa.Dialect) -> Prepared:
    columns = tables.pending.c
    one = (columns.site == sa.bindparam("on"), columns.record_id == sa.bindparam("this"))
    return Prepared(sa.delete(tables.pending).where(*one), dialect)
