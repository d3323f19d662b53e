"""The signed end of an export: how long it is and what its bytes add up to.

The checkpoint vouches for the log; the manifest for the file around it, the records that the log has not taken up yet
among them. Signed with the log's key, under a text that no checkpoint can have. Not the counting itself, which writer
and verifier do while the lines pass.

Source: C2SP signed-note.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from . import canonical, note
from .errors import FormatError, NoteError, UnsignedNoteError, shown

FORMAT = "consentry-manifest/1"

_HASH = re.compile(r"[0-9a-f]{64}")
_COUNTS = ("bytes", "leaves", "lines", "records", "size", "unsequenced")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an export adds up to. The manifest's own line is not counted.

    :param origin: The log that it is of; its key goes by the same name.
    :param bytes: Bytes of all lines before, newlines included.
    :param leaves: Lines that hold a leaf.
    :param records: Leaves whose record is open.
    :param root: Root hash in the checkpoint, 64 hexadecimal digits; *size* is its size.
    :param sha256: Of all bytes before, 64 hexadecimal digits.
    :param unsequenced: Records that the log has not taken up yet.
    :raises FormatError: a number is negative, a hash none, or the origin is not one line.
    """

    origin: str
    bytes: int
    leaves: int
    lines: int
    records: int
    root: str
    sha256: str
    size: int
    unsequenced: int

    def __post_init__(self) -> None:
        for name in _COUNTS:
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise FormatError(f"a manifest with a wrong {name}")
        for name in ("root", "sha256"):
            value = getattr(self, name)
            if not isinstance(value, str) or not _HASH.fullmatch(value):
                raise FormatError(f"a manifest with a wrong {name}")
        if not self.origin or "\n" in self.origin:
            raise FormatError("a manifest's origin is one line")

    @property
    def text(self) -> str:
        """What is signed."""
        counts = asdict(self)
        return f"{counts.pop('origin')}\n{FORMAT}\n{canonical.encode(counts).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """The manifest that *text*, a note's, spells.

        :raises FormatError: it spells none, or not in the one way there is.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[1] != FORMAT or lines[3]:
            raise FormatError(f"not a {FORMAT}")
        counts = canonical.decode(lines[2].encode())
        if not isinstance(counts, dict) or counts.keys() != {*_COUNTS, "root", "sha256"}:
            raise FormatError("a manifest with a field too many or too few")
        return cls(origin=lines[0], **counts)


def sign(manifest: Manifest, keys: Sequence[note.SigningKey]) -> str:
    """The note that *keys* make of *manifest*.

    :raises NoteError: a key is not named as the log is, or none is given.
    """
    if any(key.name != manifest.origin for key in keys):
        raise UnsignedNoteError(f"no key of the log {shown(manifest.origin)}")
    return note.sign(manifest.text, keys)


def read(signed: str, keys: Sequence[note.VerifyingKey]) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest in a note, signed by the log that it names, and by nobody else.

    Nothing vouches for the lines of the signatures themselves, so no line may stand there that is not the log's.

    :return: Also the ids of its keys that are not among *keys*, as after a rotation: nobody checked their signatures.
    :raises NoteError: see :func:`.note.open_note`; also where a signature is in another's name, or stands there twice.
    :raises FormatError: the note holds no manifest.
    """
    text, _ = note.open_note(signed, keys)
    manifest, named = Manifest.parse(text), note.named(signed)
    for name, _ in named:
        if name != manifest.origin:
            raise NoteError(f"a manifest of {shown(manifest.origin)} with a signature in the name of {shown(name)}")
    if len(set(named)) < len(named):
        raise NoteError("a manifest with two signatures of one key")
    given = {(key.name, key.id) for key in keys}
    return manifest, tuple(key_id for name, key_id in named if (name, key_id) not in given)
