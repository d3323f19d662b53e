"""One site's ledger on a database of a test's own, wired as a site wires it, and looks at all that is in it."""

from __future__ import annotations

import multiprocessing
import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import sqlalchemy as sa

from consent.ledger import (
    Database,
    Entry,
    Eraser,
    KeptNotice,
    Record,
    Sequencer,
    Store,
    Submission,
    body,
    snapshot,
    tables,
)
from consent.ledger.export.ndjson import Ndjson
from consent.ledger.export.selection import Selection
from consent.proof import canonical, merkle
from consent.proof.checkpoint import Checkpoint
from consent.proof.leaf import ErasureLeaf, Leaf, PurgeLeaf, RecordLeaf, commitment, hash_of, parse
from consent.proof.note import SigningKey, open_note
from consent.proof.reading import Source
from consent.proof.verdict import Report
from consent.proof.verify import verify
from tests.entries import NOW, SITE, entry

T = TypeVar("T")

KEY = SigningKey.generate(SITE, b"1" * 32)
#: What :meth:`Ledger.rotate` puts beside it.
LATER_KEY = SigningKey.generate(SITE, b"2" * 32)


def notice(number: int = 0, language: str = "en") -> KeptNotice:
    """The words of a question; equal for the same arguments."""
    text = f'{{"question":"Nº {number}, please?"}}'
    digest = sha256(text.encode()).hexdigest()
    return KeptNotice(digest=digest, language=language, revision="12345678", text=text, html=f"<p>Nº {number}</p>")


def sent(one: Entry, request: str, before: str = "", **changes: Any) -> Entry:
    """*one*, as submitted with the form *request* by who held the receipt *before*."""
    return replace(one, submission=Submission(request, before), **changes)


class Ledger:
    """See the module.

    :param site: Several may be on one database.
    """

    def __init__(self, url: str, site: str = SITE, *, timeout: float = 2.0, seed: int = 1) -> None:
        chance = random.Random(f"eraser {seed}")  # that of no entry
        self.url = url
        self.site = site
        self.database = Database(url, timeout=timeout)
        self.keys = [replace_name(KEY, site)]
        self.store = Store(self.database, site)
        self.sequencer = Sequencer(self.database, site, lambda: self.keys)
        self.eraser = Eraser(self.store, self.sequencer, entropy=chance.randbytes)

    def append(self, number: int, *, now: datetime = NOW, **changes: Any) -> Record:
        """Keep the entry *number*, with *changes*."""
        return self.store.append(entry(number, site=self.site, **changes), now=now)

    def publish(self, number: int, *notices: KeptNotice, now: datetime = NOW) -> bool:
        """Publish the edition *number* of the site's policy."""
        body = canonical.encode({"number": number, "site": self.site})
        return self.store.publish(body, f"{number}", notices, now=now)

    def rows(self, table: sa.Table) -> list[Mapping[str, Any]]:
        """All rows of this site, in the order of the table's key."""
        query = sa.select(table).where(table.c.site == self.site).order_by(*table.primary_key)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    @property
    def log(self) -> list[Leaf]:
        """What is public of every entry of the log."""
        return [parse(row["public"].encode()) for row in self.rows(tables.leaf)]

    @property
    def kinds(self) -> list[str]:
        """The kind of every entry of the log."""
        return [leaf.kind for leaf in self.log]

    @property
    def checkpoint(self) -> Checkpoint:
        """The newest signed one."""
        with snapshot(self.database, self.site) as seen:
            return seen.checkpoint

    def export(self, selection: Selection | None = None, *, sizes: tuple[int, ...] = ()) -> bytes:
        """An export as a site hands it out."""
        with snapshot(self.database, self.site) as seen:
            made = Ndjson(seen, selection or Selection(), _purpose_of, self.keys, made_at=NOW, sizes=sizes)
            return b"".join(made.blocks())

    def verify(self, *checkpoints: str, **options: Any) -> Report:
        """What an auditor who kept *checkpoints* finds in an export made now."""
        given = {str(number): note.encode() for number, note in enumerate(checkpoints)}
        return verify(Source.of(self.export(**options)), [key.public for key in self.keys], given)

    @property
    def note(self) -> str:
        """The newest checkpoint as it is signed."""
        with snapshot(self.database, self.site) as seen:
            return seen.note

    def check(self) -> None:
        """Fail where what stands in the tables contradicts itself: I2, I3, I4 and I5, and what the proofs need."""
        records = {row["record_id"]: row for row in self.rows(tables.record)}
        pending = {row["record_id"]: row for row in self.rows(tables.pending)}
        leaves = self.rows(tables.leaf)
        sequenced = {row["record_id"]: row for row in leaves if row["record_id"] is not None}
        assert pending.keys().isdisjoint(sequenced)
        assert pending.keys() | sequenced.keys() == records.keys()
        assert [row["position"] for row in leaves] == list(range(len(leaves)))
        hashes = [hash_of(row["public"].encode()) for row in leaves]
        tree = merkle.Range.empty().extended(hashes)
        if heads := self.rows(tables.head):
            (head,) = heads
            found = (head["size"], head["root"], head["frontier"])
            assert found == (len(leaves), tree.root, b"".join(tree.hashes))
        self._check_openings(records, pending, leaves)
        completed: list[tuple[int, int, bytes]] = []
        merkle.Range.empty().extended(hashes, completed)
        nodes = [(row["level"], row["position"], row["hash"]) for row in self.rows(tables.node)]
        assert nodes == sorted(completed)
        for row in self.rows(tables.checkpoint):
            signed = Checkpoint.parse(row["note"].partition("\n\n")[0] + "\n")
            assert signed.size == row["size"] <= len(leaves)
            assert signed.root == merkle.Range.empty().extended(hashes[: signed.size]).root

    def _check_openings(self, records: Mapping[Any, Any], pending: Mapping[Any, Any], leaves: list[Any]) -> None:
        """Every opening fits; every missing one is accounted for, and none that is said to be gone is there."""
        said = [parse(row["public"].encode()) for row in leaves]
        erased = {one.index for one in said if isinstance(one, ErasureLeaf)}
        purges = [(at, one) for at, one in enumerate(said) if isinstance(one, PurgeLeaf)]
        purged = 0
        for row, one in zip(leaves, said, strict=True):
            if not isinstance(one, RecordLeaf):
                assert row["record_id"] is None
                continue
            if row["record_id"] is None:
                is_purged = any(at > row["position"] and one.day < purge.before for at, purge in purges)
                assert row["position"] in erased or is_purged
                purged += row["position"] not in erased
                assert row["recorded_at"] is None
            else:
                assert row["position"] not in erased
                record = records[row["record_id"]]
                assert record["recorded_at"] == row["recorded_at"]
                assert commitment(record["salt"], record["body"].encode()) == one.commitment
                assert body.decode(record["body"].encode()).recorded_at.date().isoformat() == one.day
        assert purged == sum(purge.count for _, purge in purges)
        for record_id, row in pending.items():
            record = records[record_id]
            assert commitment(record["salt"], record["body"].encode()) == row["commitment"]


def replace_name(key: SigningKey, name: str) -> SigningKey:
    """The same key under another name."""
    return SigningKey.generate(name, key.seed)


def signers(note: str, *keys: SigningKey) -> set[str]:
    """Ids of those of *keys* that signed."""
    return {key.id for key in open_note(note, [key.public for key in keys])[1]}


@contextmanager
def opened(url: str, site: str = SITE, **options: Any) -> Iterator[Ledger]:
    """A ledger on the empty database of *url*, its tables made."""
    made = Ledger(url, site, **options)
    made.database.upgrade()
    yield made
    made.database.close()


def traces(path: Path, *needles: bytes) -> list[tuple[str, bytes]]:
    """Which of *needles* stand in an SQLite database's files, and in which."""
    files = sorted(path.parent.glob(f"{path.name}*"))
    assert files
    return [(file.name, needle) for file in files for needle in needles if needle in file.read_bytes()]


def _purpose_of(_: str, service: str) -> str | None:
    return {"matomo": "statistics"}.get(service)


def appended_at_once(url: str, batches: Sequence[Sequence[Entry]], *, now: datetime = NOW) -> list[list[uuid.UUID]]:
    """Which records processes of their own, one for each of *batches*, got when they kept them at the same moment."""
    written = [[one.to_json() for one in batch] for batch in batches]
    return at_once(_append_in_a_process, [(url, texts, now) for texts in written])


def at_once(work: Callable[..., T], arguments: Sequence[tuple[Any, ...]]) -> list[T]:
    """What *work* returns for each of *arguments*, in as many processes at once; it is also given a barrier to meet at."""
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(len(arguments), mp_context=context) as pool:
        barrier = manager.Barrier(len(arguments))
        running = [pool.submit(work, barrier, *each) for each in arguments]
        return [one.result(timeout=120) for one in running]


def _append_in_a_process(barrier: Barrier, url: str, texts: list[str], now: datetime) -> list[uuid.UUID]:
    database = Database(url, timeout=30.0)
    store = Store(database, SITE)
    store.count_revocations()  # connected, so that all begin together
    barrier.wait()
    try:
        return [store.append(Entry.from_json(text), now=now).record_id for text in texts]
    finally:
        database.close()
