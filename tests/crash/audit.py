"""What must hold of a ledger after any crash, and what it must hold of what visitors were told.

The invariants, of the design's reliability notes: a record is in exactly one of the waiting set and the log; positions
have no gap; the root is that of the leaves; checkpoints grow and each is the root of what is still the log's beginning; a
leaf commits to its record. They hold at every moment, so :class:`Watch` looks during the crashes, too.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from consent import StoreError
from consent.ledger import Database, Record, body, tables
from consent.proof import leaf, merkle
from consent.proof.checkpoint import Checkpoint
from consent.proof.leaf import RecordLeaf
from tests.crash.visitors import Visitor

SITE = "example"


@dataclass(frozen=True, slots=True)
class Log:
    """One look at a site's ledger, in one transaction."""

    records: dict[Any, Any]
    pending: dict[Any, bytes]
    leaves: list[Any]
    head: Any
    checkpoints: dict[int, str]

    @classmethod
    def read(cls, database: Database, site: str = SITE) -> Log:
        """The ledger as it is now."""
        with database.read() as connection:

            def rows(table: sa.Table, order: str) -> list[Any]:
                query = sa.select(table).where(table.c.site == site).order_by(table.c[order])
                return list(connection.execute(query).all())

            return cls(
                records={row.record_id: row for row in rows(tables.record, "record_id")},
                pending={row.record_id: row.commitment for row in rows(tables.pending, "record_id")},
                leaves=rows(tables.leaf, "position"),
                head=next(iter(rows(tables.head, "size")), None),
                checkpoints={row.size: row.note for row in rows(tables.checkpoint, "size")},
            )

    def root_of(self, size: int) -> bytes:
        """Root of the first *size* leaves, computed from what they say."""
        hashes = [leaf.hash_of(row.public.encode()) for row in self.leaves[:size]]
        assert len(hashes) == size, f"there are only {len(hashes)} leaves of {size}"
        return merkle.Range.empty().extended(hashes).root

    def check(self) -> None:
        """Fail if an invariant does not hold."""
        sequenced = [row.record_id for row in self.leaves if row.record_id is not None]
        assert len(sequenced) == len(set(sequenced)), "a record has two positions"
        assert not self.pending.keys() & set(sequenced), "a record waits and is in the log"
        assert self.records.keys() == self.pending.keys() | set(sequenced), "a record is in neither, or is missing"
        assert [row.position for row in self.leaves] == list(range(len(self.leaves))), "positions have a gap"
        if self.head is not None:
            assert self.head.size == len(self.leaves)
            assert self.head.root == self.root_of(self.head.size), "the root is not that of the leaves"
        for row in self.leaves:
            said = leaf.parse(row.public.encode())
            if isinstance(said, RecordLeaf) and row.record_id is not None:
                self._check_commitment(row.record_id, said.commitment)
        for record_id, commitment in self.pending.items():
            self._check_commitment(record_id, commitment)
        for size, note in self.checkpoints.items():
            self.check_checkpoint(size, note)

    def check_checkpoint(self, size: int, note: str) -> None:
        """Fail if the *note* is not about the beginning of this log."""
        signed = Checkpoint.parse(note.partition("\n\n")[0] + "\n")
        assert signed.size == size
        assert signed.root == self.root_of(size), f"the log is not what it was at {size}"

    def _check_commitment(self, record_id: Any, commitment: bytes) -> None:
        record = self.records[record_id]
        assert leaf.commitment(record.salt, record.body.encode()) == commitment, "a leaf is not of its record"

    def decoded(self) -> list[Record]:
        """The records themselves, oldest first."""
        records = [body.decode(row.body.encode()) for row in self.records.values()]
        return sorted(records, key=lambda record: record.recorded_at)


@dataclass
class Watch:
    """Looks at the ledger again and again, and remembers every checkpoint that was ever signed."""

    database: Database
    every: float = 0.5
    looks: int = 0
    #: Size and note, in the order in which they were seen.
    seen: list[tuple[int, str]] = field(default_factory=list)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look while the block runs."""
        over, failed = threading.Event(), []

        def look() -> None:
            try:
                while not over.wait(self.every):
                    self.look()
            except BaseException as error:  # noqa: BLE001  # the test has to hear of it, whatever it is
                failed.append(error)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if failed:
            raise failed[0]

    def look(self) -> None:
        """Check all invariants now, if the store can be read."""
        try:
            log = Log.read(self.database)
        except StoreError:
            return  # it is down, as the test wants it
        log.check()
        self.looks += 1
        for size, note in log.checkpoints.items():
            if not self.seen or self.seen[-1] != (size, note):
                assert not self.seen or self.seen[-1][0] <= size, "checkpoints do not grow"
                self.seen.append((size, note))

    def finish(self) -> Log:
        """The ledger in the end, checked against everything that was seen."""
        log = Log.read(self.database)
        log.check()
        for size, note in self.seen:
            log.check_checkpoint(size, note)
        return log


@dataclass(frozen=True, slots=True)
class Comparison:
    """What visitors were told, against what the ledger holds."""

    acknowledged: int
    lost: list[str]
    duplicates: list[str]

    def __str__(self) -> str:
        return f"{self.acknowledged} acknowledged, {len(self.lost)} lost, {len(self.duplicates)} duplicates"


def compare(visitors: Iterable[Visitor], records: Iterable[Record]) -> Comparison:
    """Find what was acknowledged and is not there, and what is there more than once or for nobody.

    Every visitor asked until it was told, so that each record must be one that a visitor knows of.
    """
    by_subject: dict[bytes, list[frozenset[str]]] = defaultdict(list)
    refusals = 0
    for record in records:
        granted = frozenset(purpose for purpose, yes in record.purposes.items() if yes)
        if record.subject is None:
            refusals += 1
        else:
            by_subject[record.subject].append(granted)
    lost, duplicates, acknowledged, refused = [], [], 0, 0
    for visitor in visitors:
        acknowledged += len(visitor.acknowledged)
        if visitor.subject is None:
            refused += len(visitor.acknowledged)
            continue
        told, there = Counter(visitor.acknowledged), Counter(by_subject.pop(visitor.subject, []))
        lost += [f"visitor {visitor.number}: {sorted(one)}" for one in (told - there).elements()]
        duplicates += [f"visitor {visitor.number}: {sorted(one)}" for one in (there - told).elements()]
    duplicates += [f"nobody's: {sorted(one)}" for granted in by_subject.values() for one in granted]
    lost += ["a refusal"] * max(0, refused - refusals)
    duplicates += ["a refusal"] * max(0, refusals - refused)
    return Comparison(acknowledged, lost, duplicates)
