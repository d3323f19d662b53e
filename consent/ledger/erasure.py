"""Deleting what is private of records, so that the log still proves everything else.

What goes is the record with its salt; without these 32 random bytes its leaf says nothing any more. What stays is the
leaf, and a new one that says why the record is missing: an *erasure* names one index, a *purge* a day before which
records have been deleted by the site's own rule. A subject's live grant is withdrawn first.

An answer may also wait in a host's spool. Of this host's, what waits is brought to the store to be erased there, and
what the store will not have is deleted; every other host does so with its own as soon as it sweeps.

Sources: GDPR Art. 17 (erasure), Art. 5(1)(e) (storage limitation), Art. 7(3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from ..decision import Duration, Method
from ..errors import StoreError
from ..proof import leaf as leaves
from ..proof.leaf import commitment
from . import body, tables
from .database import Database
from .entry import Revocation
from .head import Head
from .moments import milliseconds, moment
from .record import Event, Record, Surface, new_id
from .revocations import EVER
from .sequencer import Sequencer
from .shipper import Shipper
from .spool import Spool
from .store import Store, row_of

#: How much longer than the longest receipt a revocation is remembered: clocks differ, and a spool may come in late.
_LONGER = timedelta(days=30)
#: Records deleted with one statement: engines bound the number of values.
_PIECE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure did.

    :param records: How many records are gone.
    :param withdrew: Whether a grant still stood and was withdrawn.
    :param spooled: How many entries are gone from this host's spool that the log never had.
    :param traces: Whether something may still be on this host's disk: the write-ahead log of the store or the spool
        has the bytes while somebody reads, or the spool could not be written. The next :meth:`Eraser.sweep` sees to it.
    """

    records: int
    withdrew: bool
    spooled: int = 0
    traces: bool = False


class Eraser:
    """Erases and purges the records of one site.

    :param entropy: Returns that many random bytes.
    :param spool: This host's, if it has one.
    """

    def __init__(
        self, store: Store, sequencer: Sequencer, *, entropy: Callable[[int], bytes], spool: Spool | None = None
    ) -> None:
        self._store = store
        self._spool = spool
        self._database: Database = store.database
        self._sequencer = sequencer
        self._site = sequencer.site
        self._entropy = entropy

    def erase_subject(self, subject: bytes, *, now: datetime, receipts_end: datetime | None = None) -> Erased:
        """Withdraw what the subject still grants, delete all its records, and say so in the log.

        The withdrawal stays on record, without the subject and with its hour only. Receipts of the subject are void
        from now on, and records of it that come in later are erased by :meth:`sweep`. What these grant is void
        already, so that no other withdrawal is recorded.

        :param receipts_end: When every receipt of the subject will have ended that somebody may hold and nobody here
            knows; aware. Those that are known may end later.
        :raises StoreError: nothing was erased.
        """

        def work(connection: sa.Connection) -> Erased:
            head = self._locked(connection)
            self._sequencer.sequence_of(connection, head, subject)
            records = self._records_of(connection, subject)
            decided = (record for record, _ in reversed(records) if record.method is not Method.ONCE)
            latest = next(decided, None)
            live = latest is not None and latest.decision.grants_anything and latest.valid_until > now
            live = live and not self._is_erased(connection, subject)
            if latest is not None and live:
                self._withdraw(connection, head, latest, now)
            self._delete(connection, head, [row for _, row in records], now)
            ends = [record.valid_until for record, _ in records]
            until = max([now, receipts_end or now, *ends]) + _LONGER
            revocation = Revocation(subject=subject, not_before=EVER, until=until, erased=True)
            self._store.revoke(connection, revocation, now=now)
            self._sequencer.finish(connection, head, now)
            return Erased(records=len(records), withdrew=live)

        now = now.astimezone(UTC)
        self._fetch(subject, now)
        done = self._database.transact(work)
        spooled, is_spool_clean = self._clear_spool(subject)
        is_clean = self._leave_no_trace() and is_spool_clean
        return replace(done, spooled=spooled, traces=not is_clean)

    def sweep(self, *, now: datetime) -> int:
        """Erase records of erased subjects that came in late, and forget revocations that can matter no more.

        Also what was set aside of erased subjects in this host's spool; and what another process deleted and could not
        clear away, but without waiting for who reads.

        :return: How many records are gone.
        :raises StoreError: it could not be done.
        """
        revoked, record = tables.revocation.c, tables.record.c
        late = (
            sa.select(revoked.subject)
            .distinct()
            .join(tables.record, sa.and_(record.site == revoked.site, record.subject == revoked.subject))
            .where(revoked.site == self._site, revoked.erased)
        )
        over = sa.and_(revoked.site == self._site, revoked.until < milliseconds(now))
        with self._database.read() as connection:
            subjects = {*connection.scalars(late), *self._set_aside(connection)}
            forget = connection.scalar(sa.select(sa.exists().where(over)))
        gone = sum(self.erase_subject(subject, now=now).records for subject in sorted(subjects))
        if forget:
            self._database.transact(lambda connection: connection.execute(sa.delete(tables.revocation).where(over)))
        self._leave_no_trace(wait=False)
        if self._spool is not None:
            with suppress(StoreError):  # a broken spool, which others tell of
                self._spool.forget_deleted()
        return gone

    def purge(self, before: date, *, now: datetime) -> int:
        """Delete the records of days before *before* that stand no more, and say so in the log.

        :return: How many records are gone.
        :raises StoreError: none was deleted.
        """
        now = now.astimezone(UTC)
        columns = tables.record.c
        edge = milliseconds(datetime.combine(before, time(), tzinfo=UTC))
        old = (columns.site == self._site, columns.recorded_at < edge, columns.valid_until <= milliseconds(now))
        self._sequencer.seal_all(now)

        def work(connection: sa.Connection) -> int:
            head = self._locked(connection)
            waits = sa.exists().where(
                tables.pending.c.site == self._site, tables.pending.c.record_id == columns.record_id
            )
            ids = sa.select(columns.record_id).where(*old, ~waits)
            count = connection.scalar(sa.select(sa.func.count()).select_from(ids.subquery())) or 0
            if count:
                public = leaves.purge(before, count, now.date())
                head.add([public], [None])
                self._forget(connection, ids)
                self._sequencer.finish(connection, head, now)
            return count

        gone = self._database.transact(work)
        self._leave_no_trace()
        return gone

    def _fetch(self, subject: bytes, now: datetime) -> None:
        """Bring what waits of *subject* on this host to the store, where the log will say that it went."""
        if self._spool is not None:
            with suppress(StoreError):  # a store that is away says so next; what a spool does not give is swept later
                Shipper(self._spool, self._store, clock=lambda: now).ship_all_of(subject)

    def _clear_spool(self, subject: bytes) -> tuple[int, bool]:
        """How many entries of *subject* are gone from the spool, and whether nothing of them may still be there."""
        try:
            return self._spool.erase([subject], site=self._site) if self._spool else (0, True)
        except StoreError:
            return 0, False

    def _set_aside(self, connection: sa.Connection) -> set[bytes]:
        """Erased subjects of whom this host's spool has something that the store would not have."""
        try:
            there = list(self._spool.subjects_set_aside(site=self._site)) if self._spool else []
        except StoreError:
            return set()  # a broken spool, which others tell of, holds up nothing else
        revoked = tables.revocation.c
        erased = sa.select(revoked.subject).where(revoked.site == self._site, revoked.erased)
        pieces = (there[begin : begin + _PIECE] for begin in range(0, len(there), _PIECE))
        return {one for piece in pieces for one in connection.scalars(erased.where(revoked.subject.in_(piece)))}

    def _is_erased(self, connection: sa.Connection, subject: bytes) -> bool:
        """Whether *subject* was erased before."""
        revoked = tables.revocation.c
        query = sa.select(revoked.erased).where(revoked.site == self._site, revoked.subject == subject)
        return bool(connection.scalar(query))

    def _leave_no_trace(self, *, wait: bool = True) -> bool:
        """Whether nothing is left of what was deleted; that it was deleted stands by now."""
        try:
            return self._database.forget_deleted(wait=wait)
        except StoreError:
            return False

    def _locked(self, connection: sa.Connection) -> Head:
        head = self._sequencer.lock(connection)
        assert head is not None  # noqa: S101  # told to mypy: it waits
        return head

    def _records_of(self, connection: sa.Connection, subject: bytes) -> list[tuple[Record, Any]]:
        columns = tables.record.c
        query = (
            sa.select(columns.record_id, columns.recorded_at, columns.body, tables.leaf.c.position)
            .join(tables.leaf, tables.leaf.c.record_id == columns.record_id)
            .where(columns.site == self._site, columns.subject == subject)
            .order_by(columns.recorded_at, columns.record_id)
        )
        return [(body.decode(row.body.encode()), row) for row in connection.execute(query).all()]

    def _withdraw(self, connection: sa.Connection, head: Head, latest: Record, now: datetime) -> None:
        """Keep, and sequence at once, that somebody took everything back: in an hour, and by nobody."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        record = Record(
            record_id=new_id(hour, self._entropy(10)),
            site=self._site,
            subject=None,
            event=Event.WITHDRAWN,
            purposes=dict.fromkeys(latest.purposes, False),
            services=(),
            duration=Duration.SESSION,
            valid_until=hour + timedelta(hours=24),
            revision=latest.revision,
            policy_hash=latest.policy_hash,
            notice=None,
            language=None,
            method=Method.WITHDRAW,
            surface=Surface.API,
            gpc=False,
            gpc_conflict=False,
            gpc_overridden=False,
            sdk_version=latest.sdk_version,
        )
        written, salt = body.encode(record), self._entropy(32)
        at = milliseconds(record.recorded_at)
        connection.execute(sa.insert(tables.record).values(row_of(record, written, salt)))
        public = leaves.record(commitment(salt, written), moment(at).date().isoformat())
        head.add([public], [(record.record_id, at)])

    def _delete(self, connection: sa.Connection, head: Head, rows: Sequence[Any], now: datetime) -> None:
        if not rows:
            return
        head.add([leaves.erasure(row.position, now.date()) for row in rows], [None] * len(rows))
        for begin in range(0, len(rows), _PIECE):
            self._forget(connection, [row.record_id for row in rows[begin : begin + _PIECE]])

    def _forget(self, connection: sa.Connection, ids: sa.Select[Any] | Sequence[Any]) -> None:
        """Delete the records of *ids*, and every way from elsewhere to them."""
        submission, leaf, record = tables.submission, tables.leaf, tables.record
        connection.execute(
            sa.delete(submission).where(submission.c.site == self._site, submission.c.record_id.in_(ids))
        )
        gone = (leaf.c.site == self._site, leaf.c.record_id.in_(ids))
        connection.execute(sa.update(leaf).where(*gone).values(record_id=None, recorded_at=None))
        connection.execute(sa.delete(record).where(record.c.site == self._site, record.c.record_id.in_(ids)))
