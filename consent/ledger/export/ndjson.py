"""The export that can be verified: one look at the log, line by line, with openings, proofs and a signed manifest.

How a line is written is :mod:`consent.proof.lines`'; this is which lines, in which order, and what they add up to. It
comes in blocks, so that a million records need no more memory than a thousand.

Sources: RFC 6962 §2.1 (proofs); C2SP tlog-checkpoint and signed-note.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256

from ...proof import lines, manifest, merkle
from ...proof.manifest import Manifest
from ...proof.note import SigningKey
from ..snapshot import Entry, Snapshot
from .resume import Part
from .selection import PurposeOf, Selection

#: Takes the number of entries of the log that are done.
Progress = Callable[[int], object]

#: Bytes collected before they are handed out.
_BLOCK = 1 << 20
#: Entries between two reports of progress.
_STEP = 1_000
#: Levels of the tree that neighbours do not share in their proofs.
_NEAR = 8
#: Most anchored checkpoints that a selection is made provable against, the newest: the header is one line.
MOST_ANCHORS = 500


@dataclass(frozen=True, slots=True)
class Written:
    """What an export holds.

    :param entries: Of the log.
    :param records: Those of them that are open records.
    :param unsequenced: Records that the log has not taken up yet.
    """

    entries: int
    records: int
    unsequenced: int


class Ndjson:
    """One export, full or of a selection.

    :param keys: Sign the manifest, the site's own; all of them go by the log's name.
    :param sizes: Of checkpoints that somebody holds, which a selection has to be provable against.
    :param part: What is there already; see :mod:`.resume`.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        selection: Selection,
        purpose_of: PurposeOf,
        keys: Sequence[SigningKey],
        *,
        made_at: datetime,
        sizes: Collection[int] = (),
        part: Part | None = None,
    ) -> None:
        self._snapshot = snapshot
        self._selection = selection
        self._purpose_of = purpose_of
        self._keys = keys
        self._is_filtered = selection.plain is not None
        self._head = part.checkpoint if part else snapshot.checkpoint
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._unsequenced = 0
        self._far = lru_cache(maxsize=64)(self._prove_block)
        if part:
            self._digest, self._bytes, self._lines = part.digest.copy(), part.bytes, part.lines
            self._leaves, self._records, self._next = part.leaves, part.records, part.next
        else:
            self._digest, self._bytes, self._lines = sha256(), 0, 0
            self._leaves = self._records = self._next = 0
            self._add(self._header(made_at, sizes))

    @property
    def written(self) -> Written:
        """What it holds so far."""
        return Written(self._leaves, self._records, self._unsequenced)

    def blocks(self, progress: Progress = lambda _: None) -> Iterator[bytes]:
        """Its bytes, from the beginning or from where the part ends.

        :raises StoreError: the log cannot be read to its end.
        :raises NoteError: no key is of this log.
        """
        size, later = self._head.size, list[Entry]()
        for entry in self._snapshot.entries(self._next):
            if entry.index >= size:
                later = [entry]  # an export that is continued does not have what came into the log meanwhile
                break
            line = self._line(entry)
            if line is not None:
                self._leaves += 1
                if self._add(line):
                    yield self._block()
            if not entry.index % _STEP:
                progress(entry.index)
        for body, salt in self._waiting(later):
            if self._takes(body):
                self._unsequenced += 1
                if self._add(lines.unsequenced_line(body, salt)):
                    yield self._block()
        yield self._block()
        yield lines.manifest_line(manifest.sign(self._manifest(), self._keys))
        progress(size)

    def _waiting(self, later: list[Entry]) -> Iterator[tuple[bytes, bytes]]:
        """Body and salt of each record that is not among the checkpoint's entries."""
        for first in later:
            for entry in self._snapshot.entries(first.index):
                if entry.body is not None and entry.salt is not None:
                    yield entry.body, entry.salt
        yield from self._snapshot.unsequenced()

    def _line(self, entry: Entry) -> bytes | None:
        """The line of an entry; ``None`` if it is not selected."""
        if entry.body is not None:
            if not self._takes(entry.body):
                return None
            self._records += 1
            proof = self._proof(entry.index)
            return lines.leaf_line(entry.index, entry.public, body=entry.body, salt=entry.salt, proof=proof)
        if entry.notice is not None:
            return lines.notice_line(entry.index, entry.public, *entry.notice, self._proof(entry.index))
        if entry.edition is not None:
            return lines.edition_line(entry.index, entry.public, entry.edition, self._proof(entry.index))
        return None if self._is_filtered else lines.leaf_line(entry.index, entry.public)

    def _takes(self, body: bytes) -> bool:
        return not self._is_filtered or self._selection.takes(json.loads(body), self._purpose_of)

    def _proof(self, index: int) -> tuple[bytes, ...] | None:
        """That the entry at *index* is in the tree; none where every entry is shown."""
        if not self._is_filtered:
            return None
        size, subtree, block = self._head.size, self._snapshot.subtree, index >> _NEAR
        if (block + 1) << _NEAR > size:
            return merkle.inclusion_proof(index, size, subtree)
        near = (subtree(level, (index >> level) ^ 1) for level in range(_NEAR))
        return (*near, *self._far(block))

    def _prove_block(self, block: int) -> tuple[bytes, ...]:
        """What the proofs of a block of neighbours end with."""
        return merkle.inclusion_proof(block << _NEAR, self._head.size, self._snapshot.subtree)[_NEAR:]

    def _header(self, made_at: datetime, sizes: Collection[int]) -> bytes:
        snapshot = self._snapshot
        proofs: list[tuple[int, tuple[bytes, ...]]] = []
        if self._is_filtered:  # who has every entry needs none
            held = sorted({*sizes, *snapshot.anchored_sizes()[-MOST_ANCHORS:]})
            proofs = [(size, merkle.consistency_proof(size, snapshot.size, snapshot.subtree)) for size in held]
        return lines.header_line(
            origin=snapshot.checkpoint.origin,
            site=snapshot.site,
            made_at=made_at,
            checkpoint=snapshot.note,
            filter=self._selection.plain,
            consistency=proofs,
        )

    def _add(self, line: bytes) -> bool:
        """Take a line; whether a block is full."""
        self._pending.append(line)
        self._pending_bytes += len(line)
        return self._pending_bytes >= _BLOCK

    def _block(self) -> bytes:
        """What was taken since the last block, counted."""
        block = b"".join(self._pending)
        self._digest.update(block)
        self._bytes += len(block)
        self._lines += len(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        return block

    def _manifest(self) -> Manifest:
        return Manifest(
            origin=self._head.origin,
            bytes=self._bytes,
            leaves=self._leaves,
            lines=self._lines,
            records=self._records,
            root=self._head.root.hex(),
            sha256=self._digest.hexdigest(),
            size=self._head.size,
            unsequenced=self._unsequenced,
        )
