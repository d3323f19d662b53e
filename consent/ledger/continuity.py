"""That a log goes on from the last checkpoint that was signed of it: held against that before it grows or is signed.

The site signs what stands in its database. Whoever rewrote the log there, or put back a part of an old backup, should
not get a signature for it. Compared is the end of the log, not every entry: one that was changed while the end stayed
is found by who verifies an export, and what is signed meanwhile is still the root of the original.

Not a proof for others: who can write to the database can take the checkpoint away, too, or put one of another key in
its place, and only one that was handed out shows that.

Sources: RFC 6962 §2.1.2 (consistency proofs); C2SP tlog-checkpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..proof import merkle
from ..proof.checkpoint import Checkpoint, claimed, read
from ..proof.errors import ProofError, UnsignedNoteError
from ..proof.merkle import Range, Subtree
from ..proof.note import VerifyingKey


def checked(note: str, size: int, keys: Sequence[VerifyingKey], end: Range, subtree: Subtree) -> Checkpoint:
    """What *note* says, if it is sound and the log that ends in *end* goes on from it.

    Where none of *keys* signed it, its signature cannot be checked, and the rest of it is: the key was lost and
    replaced, or was another host's. After a rotation the old key is still at hand, or both have signed.

    :param note: The newest checkpoint as the store keeps it, under its *size*.
    :param keys: This host's own.
    :param end: All leaves of the log.
    :param subtree: Asked only where entries came in that are not signed yet; for few hashes, however large the log is.
    :raises ProofError: what does not fit.
    """
    try:
        signed = read(note, keys)
    except UnsignedNoteError:
        signed = claimed(note)
    if signed.size != size:
        raise ProofError(f"it is of {signed.size} entries and is kept as one of {size}")
    if size > end.end:
        raise ProofError(f"it is of {size} entries, and the log has {end.end}")
    proof = merkle.consistency_proof(size, end.end, subtree)
    try:
        merkle.verify_consistency(size, signed.root, end.end, end.root, proof)
    except ProofError:
        raise ProofError(f"it is of {size} entries, and the first {size} of the log are others") from None
    return signed
