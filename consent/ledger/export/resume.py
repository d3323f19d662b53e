"""What is left of an export that broke off, read again: how much of it is sound, and whether it may be continued.

It may if what it holds is what would be written now: the same site, selection and log, and nothing erased since. Each
line is looked at only as closely as it takes to notice one that broke or was never written to the disk; whether all of
it is true is the verifier's to say, as ever.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedReader, FileIO
from typing import TYPE_CHECKING

from ...errors import ConsentError
from ...proof import checkpoint, lines, merkle
from ...proof.checkpoint import Checkpoint, claimed
from ...proof.errors import FormatError, NoteError
from ...proof.lines import LONGEST, Header, LeafLine
from ...proof.note import SigningKey
from ..snapshot import Snapshot
from .selection import Selection

if TYPE_CHECKING:
    from hashlib import _Hash

_BUFFER = 1 << 20
_LEAF_END = b'"type":"leaf"}\n'
_SALT = b'"salt":"'
#: Where :data:`_SALT` stands in the line of a record that is open, from its end.
_SALT_AT = len(_SALT) + 64 + len(b'",') + len(_LEAF_END)


class NotResumableError(ConsentError):
    """What is there cannot be continued; it has to be written from the beginning."""


@dataclass(slots=True)
class Part:
    """The sound beginning of an export.

    :param bytes: Its length; *lines*, *leaves* and *records* (open ones) are what it holds.
    :param next: Index of the entry to go on with.
    :param digest: SHA-256 of it, to be continued.
    """

    header: Header
    checkpoint: Checkpoint
    digest: _Hash
    bytes: int
    lines: int = 1
    leaves: int = 0
    records: int = 0
    next: int = 0


def read(file: FileIO) -> Part:
    """The sound beginning of *file*, which is left at some place; what is behind it is to be cut off.

    :raises NotResumableError: there is none.
    """
    file.seek(0)
    buffered = BufferedReader(file, _BUFFER)
    try:
        return _read(buffered)
    finally:
        buffered.detach()  # not closed with it


def _read(file: BufferedReader[FileIO]) -> Part:
    first = file.readline(LONGEST + 1)
    try:
        header = lines.read_header(first)
        part = Part(header, claimed(header.checkpoint), sha256(first), len(first))
    except FormatError:
        raise NotResumableError("it is not the beginning of an export") from None
    is_whole = header.filter is None
    while (line := file.readline(LONGEST + 1)).endswith(_LEAF_END):
        index = _index(line)
        if index is None or index < part.next or (is_whole and index > part.next) or index >= part.checkpoint.size:
            break
        part.digest.update(line)
        part.bytes += len(line)
        part.lines += 1
        part.leaves += 1
        part.records += line.startswith(_SALT, len(line) - _SALT_AT)
        part.next = index + 1
    return part


def check(
    part: Part, snapshot: Snapshot, selection: Selection, keys: Sequence[SigningKey], sizes: Collection[int]
) -> None:
    """Do nothing if *part* may be continued with what the log holds now.

    :param sizes: Of checkpoints that the export has to be provable against.
    :raises NotResumableError: it may not; the message says why.
    """
    header, head = part.header, part.checkpoint
    if header.site != snapshot.site or head.origin != snapshot.checkpoint.origin:
        raise NotResumableError(f"it is an export of {header.site}")
    if header.filter != selection.plain:
        raise NotResumableError("it selects other records")
    if header.filter is not None and not set(sizes) <= {size for size, _ in header.consistency}:
        raise NotResumableError("it was begun without that --checkpoint")
    try:
        checkpoint.read(header.checkpoint, [key.public for key in keys])
    except NoteError:
        raise NotResumableError("another key signs the log now") from None
    if head.size > snapshot.size or merkle.root_of(head.size, snapshot.subtree) != head.root:
        raise NotResumableError("it is of another log")
    if snapshot.has_later_erasures(head.size):
        raise NotResumableError("records were erased or purged since, and it may still hold them")


def _index(line: bytes) -> int | None:
    """The index in a leaf's line; ``None`` in one that is broken."""
    if line.startswith(b'{"index":'):
        digits = line[9 : line.find(b",", 9, 30)]
        return int(digits) if digits.isdigit() else None
    try:
        said = lines.read(line)
    except FormatError:
        return None
    return said.index if isinstance(said, LeafLine) else None
