"""The arithmetic of an append-only log: one root hash for many leaves, and short proofs about it.

Pure: neither storage nor keys. A tree's size is proved by its root only where both come from one signed checkpoint:
trees of two sizes can share the shape of a proof, as RFC 6962 has it.

Sources: RFC 6962 §2.1 (hashes and proofs), RFC 9162 §2.1.3.2 and §2.1.4.2 (their verification); compact ranges as in
transparency-dev/merkle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from .errors import ProofError

#: Gives the hash of the complete subtree of ``2**level`` leaves that begins at leaf ``position * 2**level``.
Subtree = Callable[[int, int], bytes]

#: Root of a log without leaves.
EMPTY_ROOT = sha256().digest()

#: Levels whose complete subtrees are worth keeping: 8, 16, 24 and so on.
KEPT_LEVELS = 8

_LEAF, _NODE = b"\0", b"\1"
_HASH_BYTES = 32
#: Leaves hashed level by level at a time: enough to amortise the loop, little enough to hold.
_CHUNK = 1 << 14


def leaf_hash(data: bytes) -> bytes:
    """Hash of a leaf that holds *data*; no inner node can have it."""
    return sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of the node above two others."""
    return sha256(_NODE + left + right).digest()


@dataclass(frozen=True, slots=True)
class Range:
    """The leaves from *begin* up to but without *end*, as the hashes of the few largest complete subtrees in them.

    :param hashes: From left to right, 32 bytes each.
    :raises ProofError: the bounds contradict each other, or the number of hashes does not fit them.
    """

    begin: int
    end: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.begin <= self.end:
            raise ProofError(f"no range of leaves: {self.begin} to {self.end}")
        if len(self.hashes) != _cover_length(self.begin, self.end) or any(len(h) != _HASH_BYTES for h in self.hashes):
            raise ProofError(f"the hashes do not fit the leaves {self.begin} to {self.end}")

    @classmethod
    def empty(cls, begin: int = 0) -> Range:
        """No leaf yet, before leaf *begin*."""
        return cls(begin, begin, ())

    @property
    def root(self) -> bytes:
        """Root hash of the tree of :attr:`end` leaves.

        :raises ProofError: the range does not begin at leaf 0.
        """
        if self.begin:
            raise ProofError(f"leaves from {self.begin} on have no root")
        return _fold(self.hashes)

    def extended(self, leaf_hashes: Iterable[bytes], completed: list[tuple[int, int, bytes]] | None = None) -> Range:
        """This range and the leaves after it.

        :param completed: Is given (level, position, hash) of every subtree that became complete, on the levels
            8, 16, 24 and so on.
        """
        fixed: list[bytes] = []
        open_: dict[int, bytes] = {}
        for (level, position), value in zip(_cover(self.begin, self.end), self.hashes, strict=True):
            if position & 1:
                fixed.append(value)
            else:
                open_[level] = value
        end, leaves = self.end, iter(leaf_hashes)
        while nodes := list(islice(leaves, _CHUNK)):
            begin, end = end, end + len(nodes)
            _grow(fixed, open_, begin, nodes, completed)
        return Range(self.begin, end, (*fixed, *(open_[level] for level in sorted(open_, reverse=True))))

    def joined(self, other: Range) -> Range:
        """This range and *other*, which begins where this one ends.

        :raises ProofError: it begins elsewhere.
        """
        if other.begin != self.end:
            raise ProofError(f"leaves from {other.begin} on do not follow leaves up to {self.end}")
        nodes = list(zip(_cover(self.begin, self.end), self.hashes, strict=True))
        for (level, position), value in zip(_cover(other.begin, other.end), other.hashes, strict=True):
            while position & 1 and nodes and nodes[-1][0] == (level, position - 1):
                level, position, value = level + 1, position >> 1, node_hash(nodes.pop()[1], value)  # noqa: PLW2901
            nodes.append(((level, position), value))
        return Range(self.begin, other.end, tuple(value for _, value in nodes))


def root_of(size: int, subtree: Subtree) -> bytes:
    """Root hash of the tree of the first *size* leaves."""
    return _root(0, size, subtree)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """The hashes that lead from leaf *index* to the root of the tree of *size* leaves, from below.

    :raises ProofError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} among {size}")
    begin, end, proof = 0, size, list[bytes]()
    while end - begin > 1:
        middle = begin + _split(end - begin)
        if index < middle:
            proof.append(_root(middle, end, subtree))
            end = middle
        else:
            proof.append(_root(begin, middle, subtree))
            begin = middle
    return tuple(reversed(proof))


def consistency_proof(old: int, new: int, subtree: Subtree) -> tuple[bytes, ...]:
    """The hashes that show the tree of *new* leaves to begin with the tree of *old* ones; none if either says it all.

    :raises ProofError: *old* is greater than *new*.
    """
    if not 0 <= old <= new:
        raise ProofError(f"a tree of {new} leaves does not begin with {old}")
    if old in (0, new):
        return ()
    begin, end, proof = 0, new, list[bytes]()
    while end != old:
        middle = begin + _split(end - begin)
        if old <= middle:
            proof.append(_root(middle, end, subtree))
            end = middle
        else:
            proof.append(_root(begin, middle, subtree))
            begin = middle
    if begin:
        proof.append(_root(begin, end, subtree))
    return tuple(reversed(proof))


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """That the leaf with hash *leaf* stands at *index* in the tree of *size* leaves with this *root*.

    :raises ProofError: *proof* does not show it.
    """
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} among {size}")
    inner = (index ^ (size - 1)).bit_length()
    _check_length(proof, inner + (index >> inner).bit_count())
    value = _chain(leaf, proof[:inner], index)
    for left in proof[inner:]:
        value = node_hash(left, value)
    if value != root:
        raise ProofError(f"leaf {index} is not in the tree of {size}")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """That the tree of *new_size* leaves begins with all leaves of the tree of *old_size*.

    :raises ProofError: *proof* does not show it: something before was changed or removed, or it belongs elsewhere.
    """
    if not 0 <= old_size <= new_size:
        raise ProofError(f"a tree of {new_size} leaves does not begin with {old_size}")
    if old_size in (0, new_size):
        _check_length(proof, 0)
        if old_root != (new_root if old_size else EMPTY_ROOT) or (not new_size and new_root != EMPTY_ROOT):
            raise ProofError(f"two roots of one tree of {old_size} leaves")
        return
    whole = (old_size & -old_size).bit_length() - 1
    inner = ((old_size - 1) ^ (new_size - 1)).bit_length()
    path = (old_size - 1) >> whole
    is_seeded = old_size == 1 << whole
    rest = (path >> (inner - whole)).bit_count()
    _check_length(proof, inner - whole + rest + (not is_seeded))
    seed, hashes = (old_root, proof) if is_seeded else (proof[0], proof[1:])
    inside, outside = hashes[: inner - whole], hashes[inner - whole :]
    old = new = seed
    for depth, value in enumerate(inside):
        if path >> depth & 1:
            old = node_hash(value, old)
    new = _chain(seed, inside, path)
    for value in outside:
        old, new = node_hash(value, old), node_hash(value, new)
    if old != old_root or new != new_root:
        raise ProofError(f"the tree of {new_size} leaves does not begin with the tree of {old_size}")


def _check_length(proof: Sequence[bytes], length: int) -> None:
    if len(proof) != length or any(len(value) != _HASH_BYTES for value in proof):
        raise ProofError(f"the proof needs {length} hashes of {_HASH_BYTES} bytes")


def _chain(value: bytes, proof: Iterable[bytes], path: int) -> bytes:
    """*value* combined upwards with *proof*, which stands on the left where *path* has a one."""
    for depth, other in enumerate(proof):
        value = node_hash(other, value) if path >> depth & 1 else node_hash(value, other)
    return value


def _split(size: int) -> int:
    """The largest power of two below *size*, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(begin: int, end: int, subtree: Subtree) -> bytes:
    """Hash of the leaves from *begin*, where a subtree large enough for all of them begins, to *end*."""
    return _fold([subtree(level, position) for level, position in _cover(begin, end)])


def _fold(hashes: Sequence[bytes]) -> bytes:
    """One hash over subtrees of falling size."""
    if not hashes:
        return EMPTY_ROOT
    value = hashes[-1]
    for left in hashes[-2::-1]:
        value = node_hash(left, value)
    return value


def _cover(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Level and position of the largest complete subtrees that make up the leaves from *begin* to *end*."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def _cover_length(begin: int, end: int) -> int:
    return end.bit_count() if not begin else sum(1 for _ in _cover(begin, end))


def _grow(
    fixed: list[bytes],
    open_: dict[int, bytes],
    position: int,
    nodes: list[bytes],
    completed: list[tuple[int, int, bytes]] | None,
) -> None:
    """Add the leaves *nodes*, the first at *position*, level by level.

    :param fixed: Subtrees that will never grow, because their left neighbour lies before the range.
    :param open_: By level, the subtree that waits for its right neighbour.
    """
    level = 0
    while nodes:
        if position & 1:
            if level in open_:
                nodes.insert(0, open_.pop(level))
                position -= 1
            else:
                fixed.append(nodes.pop(0))
                position += 1
        if len(nodes) & 1:
            open_[level] = nodes.pop()
        pairs = iter(nodes)
        nodes = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        level, position = level + 1, position >> 1
        if completed is not None and level % KEPT_LEVELS == 0:
            completed += [(level, position + offset, value) for offset, value in enumerate(nodes)]
