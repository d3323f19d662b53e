"""What can be wrong with a proof.

* ProofError             what is offered as a proof does not hold; a ConsentError and a ValueError
  - FormatError          bytes that are not written as their format demands
  - NoteError            a signed note that cannot be read
    . UnsignedNoteError  none of the keys at hand signed it: another log's note, or the wrong key
    . ForgedNoteError    it bears the name of a key at hand, whose signature does not fit the text

All of them concern what somebody else handed over, and are answered with one line, never a traceback.
"""

from __future__ import annotations

from ..errors import ConsentError

#: Most characters of a foreign text in a message.
_SHOWN = 60


class ProofError(ConsentError, ValueError):
    """What is offered as a proof does not hold."""


class FormatError(ProofError):
    """Bytes that are not written as their format demands."""


class NoteError(ProofError):
    """A signed note, or a key for one, that cannot be read."""


class UnsignedNoteError(NoteError):
    """None of the keys at hand signed the note."""


class ForgedNoteError(NoteError):
    """A signature in the name of a key at hand does not fit the text."""


def shown(text: str) -> str:
    """*text* from somebody else, as it may stand in a message: quoted, cut, without what would move a terminal."""
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
