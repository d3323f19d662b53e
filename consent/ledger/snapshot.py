"""One consistent look at a site's log, as an export needs it: entries in order, openings, proofs. Reads in pieces.

All of it comes from one transaction, so that an erasure that happens meanwhile is either wholly in it or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from ..errors import StoreError
from ..proof import merkle
from ..proof.checkpoint import claimed
from . import tables
from .database import Database
from .tree import Tree

#: Entries read at a time.
_PIECE = 2_000
_RECORD = '"kind":"record"'


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log, with its opening where there is one.

    :param public: What its leaf is the hash of, without the prefix.
    :param body: The record, byte for byte as it was committed to; with its *salt*.
    :param notice: Text and HTML of a notice.
    :param edition: An edition's canonical JSON.
    """

    index: int
    public: bytes
    body: bytes | None = None
    salt: bytes | None = None
    notice: tuple[str, str] | None = None
    edition: bytes | None = None


class Snapshot:
    """See the module; made by :func:`snapshot`."""

    def __init__(self, connection: sa.Connection, site: str) -> None:
        self._connection = connection
        self.site = site
        columns = tables.checkpoint.c
        newest = sa.select(columns.note).where(columns.site == site).order_by(columns.size.desc()).limit(1)
        note = connection.scalar(newest)
        if note is None:
            remedy = "Run: flask consent seal, on a host that has the signing key (flask consent keys list)"
            raise StoreError(f"the log of {site} was never signed. {remedy}")
        #: The newest signed checkpoint.
        self.note: str = note
        self.checkpoint = claimed(note)
        #: Hash of a complete subtree, for proofs.
        self.subtree: merkle.Subtree = Tree(connection, site).subtree
        if self.has_later_erasures(self.size):  # what they deleted is missing below, without a cause
            remedy = "Run: flask consent seal, on a host that has the signing key"
            raise StoreError(f"records of {site} were erased, and the log is not signed since. {remedy}")

    @property
    def size(self) -> int:
        """Entries that the checkpoint covers."""
        return self.checkpoint.size

    def entries(self, begin: int = 0) -> Iterator[Entry]:
        """Every entry from index *begin* to the checkpoint's end, in order."""
        record, leaf, notice = tables.record.c, tables.leaf.c, tables.notice.c
        placed = sa.select(notice.position, notice.digest).where(notice.site == self.site, notice.position >= begin)
        #: No index leads from a position to its words, so the way is looked up once for all of them.
        self._digests = {row.position: row.digest for row in self._connection.execute(placed)}
        of = sa.and_(record.record_id == leaf.record_id, record.recorded_at == leaf.recorded_at)
        query = (
            sa.select(leaf.position, leaf.public, record.body, record.salt)
            .outerjoin(tables.record, of)
            .where(leaf.site == self.site)
            .where(leaf.position >= sa.bindparam("least"), leaf.position < sa.bindparam("beyond"))
            .order_by(leaf.position)
        )
        for least in range(begin, self.size, _PIECE):
            bounds = {"least": least, "beyond": min(least + _PIECE, self.size)}
            for position, public, body, salt in self._connection.execute(query, bounds):
                if body is not None:
                    yield Entry(position, public.encode(), body.encode(), salt)
                elif _RECORD in public:
                    yield Entry(position, public.encode())
                else:
                    yield self._other(position, public)

    def unsequenced(self) -> Iterator[tuple[bytes, bytes]]:
        """Body and salt of every record that has no index yet, or one beyond the checkpoint."""
        record, pending, leaf = tables.record.c, tables.pending.c, tables.leaf.c
        waiting = (
            sa.select(record.body, record.salt)
            .join(tables.pending, sa.and_(pending.record_id == record.record_id, pending.site == record.site))
            .where(record.site == self.site)
            .order_by(record.recorded_at, record.record_id)
        )
        unsigned = (
            sa.select(record.body, record.salt)
            .join(tables.leaf, leaf.record_id == record.record_id)
            .where(record.site == self.site, leaf.site == self.site, leaf.position >= self.size)
            .order_by(leaf.position)
        )
        for query in (unsigned, waiting):
            for body, salt in self._connection.execute(query.execution_options(yield_per=_PIECE)):
                yield body.encode(), salt

    def has_later_erasures(self, index: int) -> bool:
        """Whether anything was erased or purged by an entry at *index* or later."""
        leaf = tables.leaf.c
        later = sa.exists().where(
            leaf.site == self.site,
            leaf.position >= index,
            leaf.public.like('%"kind":"erasure"%') | leaf.public.like('%"kind":"purge"%'),
        )
        return bool(self._connection.scalar(sa.select(later)))

    def anchored_sizes(self) -> list[int]:
        """Sizes of the checkpoints that somebody outside holds, ascending."""
        columns = tables.checkpoint.c
        query = sa.select(columns.size).where(columns.site == self.site, columns.anchored_at.is_not(None))
        return list(self._connection.scalars(query.where(columns.size <= self.size).order_by(columns.size)))

    def _other(self, position: int, public: str) -> Entry:
        """An entry that is no record."""
        notice, edition = tables.notice.c, tables.edition.c
        if '"kind":"notice"' in public:
            digest = self._digests.get(position)
            words = sa.select(notice.text, notice.html).where(notice.site == self.site, notice.digest == digest)
            found = self._connection.execute(words).first()
            return Entry(position, public.encode(), notice=(found[0], found[1]) if found else None)
        if '"kind":"edition"' in public:
            said = sa.select(edition.body).where(edition.site == self.site, edition.position == position)
            text = self._connection.scalar(said)
            return Entry(position, public.encode(), edition=text.encode() if text is not None else None)
        return Entry(position, public.encode())


@contextmanager
def snapshot(database: Database, site: str) -> Iterator[Snapshot]:
    """One look at the log of *site*.

    :raises StoreError: the log was never signed, or not since something was erased; or it cannot be read.
    """
    with database.read() as connection:
        yield Snapshot(connection, site)
