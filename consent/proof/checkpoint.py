"""A log's size and root, signed: the one thing to keep outside, for it pins everything before.

A checkpoint is the text of a signed note. Whoever kept one can later show that the log was not rewritten; the log alone
cannot. Not the tree, which :mod:`.merkle` has, and not when it was made: it bears no time.

Source: C2SP tlog-checkpoint.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from . import note
from .errors import FormatError, UnsignedNoteError, shown
from .merkle import EMPTY_ROOT

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log.

    :param origin: Which log it is; its key goes by the same name.
    :param size: Number of leaves.
    :param root: Root hash over them, 32 bytes.
    :param extensions: Further lines, without newlines. None are written here; those of other logs are read.
    :raises FormatError: it cannot be written down, or says of no leaf another root than there is.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(not line or "\n" in line for line in (self.origin, *self.extensions)):
            raise FormatError("a checkpoint's lines are not empty and end where they end")
        if not 0 <= self.size <= _LARGEST:
            raise FormatError(f"a log has no {self.size} leaves")
        if len(self.root) != len(EMPTY_ROOT) or (not self.size and self.root != EMPTY_ROOT):
            raise FormatError("not the root of a log of that size")

    @property
    def text(self) -> str:
        """What is signed."""
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, str(self.size), root, *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint that *text*, a note's, spells.

        :raises FormatError: it spells none, or not in the one way there is.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1]:
            raise FormatError("not a checkpoint: origin, size and root, a line each")
        origin, size, root = lines[:3]
        if not _SIZE.fullmatch(size):
            raise FormatError("the size of a checkpoint is not a number")
        try:
            decoded = base64.b64decode(root, validate=True)
        except ValueError:
            raise FormatError("the root of a checkpoint is not base64") from None
        found = cls(origin, int(size), decoded, tuple(lines[3:-1]))
        if found.text != text:
            raise FormatError("the root of a checkpoint is not in its one spelling")
        return found


def sign(checkpoint: Checkpoint, keys: Sequence[note.SigningKey]) -> str:
    """The note that *keys* make of *checkpoint*.

    :raises NoteError: no key is named as the log is, or none is given.
    """
    if all(key.name != checkpoint.origin for key in keys):
        raise UnsignedNoteError(f"no key of the log {shown(checkpoint.origin)}")
    return note.sign(checkpoint.text, keys)


def claimed(signed: str) -> Checkpoint:
    """The checkpoint that a note holds, whoever signed it: for notes of one's own, and before keys are known.

    :raises FormatError: it holds none.
    """
    return Checkpoint.parse(signed.partition("\n\n")[0] + "\n")


def read(signed: str | bytes, keys: Sequence[note.VerifyingKey]) -> Checkpoint:
    """The checkpoint in a note, signed by the log that it names.

    :raises NoteError: see :func:`.note.open_note`; also where the log itself is not among those who signed.
    :raises FormatError: the note holds no checkpoint.
    """
    text, who = note.open_note(signed, keys)
    checkpoint = Checkpoint.parse(text)
    if all(key.name != checkpoint.origin for key in who):
        raise UnsignedNoteError(f"a checkpoint of {shown(checkpoint.origin)}, which {who[0].name} signed")
    return checkpoint
