"""The signed notes that an export is held against: its own checkpoint, earlier ones from outside, and its manifest.

Each is opened with the keys given and compared; whose fault a failure is makes the difference between a verdict and
none. What the lines between say is :mod:`.part`'s and :mod:`.whole`'s.

Sources: C2SP signed-note and tlog-checkpoint; RFC 6962 §2.1.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from . import lines, manifest, merkle, note
from .checkpoint import Checkpoint
from .errors import FormatError, ProofError, UnsignedNoteError, shown
from .lines import Header, Trailer
from .manifest import Manifest
from .note import VerifyingKey
from .verdict import NotCheckedError

#: Longest file that is read as a checkpoint.
LONGEST_CHECKPOINT = 1 << 16


def head_of(header: Header, keys: Sequence[VerifyingKey]) -> tuple[Checkpoint, tuple[VerifyingKey, ...]]:
    """The checkpoint that *header* holds, and which of *keys* signed it.

    :raises NotCheckedError: none of *keys* did.
    :raises ProofError: a signature does not fit, or what was signed is no checkpoint of this log.
    """
    try:
        head, who = _opened(header.checkpoint, keys)
    except UnsignedNoteError as error:
        raise NotCheckedError(f"the checkpoint in the header: {error}. Is this the key of the site?", 1) from None
    if head.origin != header.origin:
        raise FormatError(f"it is of the log {shown(head.origin)}, and the export of {shown(header.origin)}")
    return head, who


def earlier_of(name: str, text: bytes, keys: Sequence[VerifyingKey], origin: str) -> Checkpoint:
    """A checkpoint that was kept outside; editors and mail programs may have changed its line ends.

    :param name: What to call it in messages.
    :raises NotCheckedError: it is none of the log *origin*.
    """
    plain = text.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n").strip(b"\n") + b"\n"
    try:
        found, _ = _opened(plain, keys)
    except ProofError as error:
        raise NotCheckedError(f"the checkpoint {name}: {error}") from None
    if found.origin != origin:
        raise NotCheckedError(f"the checkpoint {name} is of another log, {shown(found.origin)}")
    return found


def check_provable(header: Header, head: Checkpoint, earlier: Mapping[str, Checkpoint]) -> None:
    """Make sure that a selection can be held against every checkpoint at all.

    :raises NotCheckedError: it has no proof for one.
    """
    proved = {size for size, _ in header.consistency}
    for name, old in earlier.items():
        if 0 < old.size < head.size and old.size not in proved:
            remedy = "Ask for a whole export, or for a selection that was made with that checkpoint"
            raise NotCheckedError(
                f"no proof in this selection for the checkpoint {name} of {old.size} entries. {remedy}"
            )


def divergence(old: Checkpoint, header: Header, head: Checkpoint, roots: Mapping[int, bytes] | None) -> str:
    """How the log of *head* fails to continue *old*; empty if it does.

    :param roots: Size to root hash as rebuilt from the entries; ``None`` for a selection, whose header has proofs.
    """
    if old.size > head.size:
        return f"this log has only {head.size}: entries were removed, or the export is older than the checkpoint"
    if roots is not None:
        return "" if roots[old.size] == old.root else f"the first {old.size} of this log are others: it was rewritten"
    proof = dict(header.consistency).get(old.size, ()) if 0 < old.size < head.size else ()
    try:
        merkle.verify_consistency(old.size, old.root, head.size, head.root, proof)
    except ProofError:
        return "this log does not begin with them: it was rewritten"
    return ""


def manifest_of(line: bytes, keys: Sequence[VerifyingKey]) -> tuple[Manifest, tuple[str, ...]]:
    """The manifest in the last line, and ids of the log's keys that signed it, as it says, and are not given.

    :raises ProofError: the line is none, or *keys* did not sign it.
    """
    if not line.endswith(b"\n"):
        raise FormatError("the file breaks off in this line")
    trailer = lines.read(line)
    if not isinstance(trailer, Trailer):
        raise FormatError("not a manifest")
    try:
        return manifest.read(trailer.manifest, keys)
    except UnsignedNoteError as error:
        raise UnsignedNoteError(f"{error}. If the site has changed keys, give the other one too") from None


def _opened(text: str | bytes, keys: Sequence[VerifyingKey]) -> tuple[Checkpoint, tuple[VerifyingKey, ...]]:
    said, who = note.open_note(text, keys)
    head = Checkpoint.parse(said)
    if all(key.name != head.origin for key in who):
        raise UnsignedNoteError(f"a checkpoint of {shown(head.origin)}, which {who[0].name} signed")
    return head, who
