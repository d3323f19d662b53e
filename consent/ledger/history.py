"""All that the log has of one subject, with what it takes to check it: openings, places in the log, and proofs.

For the visitor whose records they are; an auditor gets an export. One transaction, so that the proofs fit the
checkpoint.

Source: GDPR Art. 15 (access); RFC 6962 §2.1.1 (inclusion proofs).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..decision import Method
from ..errors import StoreError
from ..proof import merkle
from . import body, tables
from .database import Database
from .record import Record
from .snapshot import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One record of the subject.

    :param body: The record as the log committed to it, byte for byte; with its *salt*.
    :param index: Its place in the log; ``None`` where it has none yet.
    :param public: What its leaf is the hash of, without the prefix.
    :param proof: That the leaf is in the tree of the history's checkpoint; ``None`` where that does not cover it.
    """

    record: Record
    body: bytes
    salt: bytes
    index: int | None
    public: bytes | None
    proof: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The records of one subject, oldest first.

    :param checkpoint: The signed note that the proofs lead to; ``None`` where the log was never signed.
    """

    records: tuple[Kept, ...]
    checkpoint: str | None = None

    @property
    def latest(self) -> Record | None:
        """The record of what was decided last; one that opened something once decided nothing."""
        decided = (kept.record for kept in reversed(self.records) if kept.record.method is not Method.ONCE)
        return next(decided, None)


def read(database: Database, site: str, subject: bytes, *, proofs: bool = False) -> History:
    """The history of *subject*.

    :param proofs: Whether to prove each record that the newest checkpoint covers.
    :raises StoreError: the store cannot be read.
    """
    record, leaf = tables.record.c, tables.leaf.c
    query = (
        sa.select(record.body, record.salt, leaf.position, leaf.public)
        .outerjoin(tables.leaf, leaf.record_id == record.record_id)
        .where(record.site == site, record.subject == subject)
        .order_by(record.recorded_at, record.record_id)
    )
    with database.read() as connection:
        rows: Sequence[Sequence[Any]] = connection.execute(query).all()
        log = _log(connection, site) if proofs and rows else None
        return History(records=tuple(_kept(row, log) for row in rows), checkpoint=log.note if log else None)


def _log(connection: sa.Connection, site: str) -> Snapshot | None:
    try:
        return Snapshot(connection, site)
    except StoreError:
        return None  # never signed


def _kept(row: Sequence[Any], log: Snapshot | None) -> Kept:
    text, salt, index, public = row
    proof = None
    if log is not None and index is not None and index < log.size:
        proof = merkle.inclusion_proof(index, log.size, log.subtree)
    return Kept(
        record=body.decode(text.encode()),
        body=text.encode(),
        salt=salt,
        index=index,
        public=None if public is None else public.encode(),
        proof=proof,
    )
