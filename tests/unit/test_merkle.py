"""The log's tree against RFC 6962 as it is written, against the published vectors, and against everything altered."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.proof import merkle
from consent.proof.errors import ProofError
from consent.proof.merkle import Range

#: Leaves and roots of the reference implementation of Certificate Transparency.
CT_LEAVES = [
    bytes.fromhex(data)
    for data in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
LARGEST = 257
LEAVES = tuple(b"leaf %d" % number for number in range(LARGEST + 1))
HASHES = tuple(sha256(b"\0" + data).digest() for data in LEAVES)


def split(size: int) -> int:
    """The largest power of two smaller than *size*."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


@cache
def mth(begin: int, end: int) -> bytes:
    """MTH(D[begin:end]) of RFC 6962 §2.1, over LEAVES."""
    if begin == end:
        return sha256(b"").digest()
    if end - begin == 1:
        return HASHES[begin]
    middle = begin + split(end - begin)
    return sha256(b"\1" + mth(begin, middle) + mth(middle, end)).digest()


def path(index: int, begin: int, end: int) -> list[tuple[str, bytes]]:
    """PATH(m, D[n]) of RFC 6962 §2.1.1, with the side on which each hash stands."""
    if end - begin == 1:
        return []
    middle = begin + split(end - begin)
    if index < middle:
        return [*path(index, begin, middle), ("right", mth(middle, end))]
    return [*path(index, middle, end), ("left", mth(begin, middle))]


def subproof(old: int, begin: int, end: int, *, is_whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2; *old* counts from leaf 0."""
    if old == end:
        return [] if is_whole else [mth(begin, end)]
    middle = begin + split(end - begin)
    if old <= middle:
        return [*subproof(old, begin, middle, is_whole=is_whole), mth(middle, end)]
    return [*subproof(old, middle, end, is_whole=False), mth(begin, middle)]


def subtree(level: int, position: int) -> bytes:
    """The complete subtrees of the reference tree."""
    return mth(position << level, (position + 1) << level)


def holds(check: Callable[..., None], *arguments: object) -> bool:
    """Whether a check passes; any other error than the module's own is a failure of the test."""
    try:
        check(*arguments)
    except ProofError:
        return False
    return True


def flipped(value: bytes, bit: int = 0) -> bytes:
    """*value* with one bit changed."""
    number = int.from_bytes(value, "big") ^ 1 << bit % (8 * len(value))
    return number.to_bytes(len(value), "big")


def altered(proof: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    """*proof* with each hash flipped, dropped, doubled or cut, one added at either end, and neighbours swapped."""
    changed = [(*proof, HASHES[0]), (HASHES[0], *proof)]
    for at, value in enumerate(proof):
        before, after = proof[:at], proof[at + 1 :]
        changed += [(*before, flipped(value, 37 * at), *after), (*before, *after), (*before, value, value, *after)]
        changed.append((*before, value[:-1], *after))
        if after and after[0] != value:
            changed.append((*before, after[0], value, *after[1:]))
    return changed


@pytest.mark.parametrize(("size", "root"), CT_ROOTS.items())
def test_reference_vectors(size: int, root: str) -> None:
    """The roots of the Certificate Transparency reference implementation are ours."""
    hashes = [merkle.leaf_hash(data) for data in CT_LEAVES[:size]]
    assert Range.empty().extended(hashes).root.hex() == root


def test_reference_proof_vectors() -> None:
    """Proofs that the reference implementation publishes for its eight leaves hold and are made here as well."""
    hashes = [merkle.leaf_hash(data) for data in CT_LEAVES]

    def nodes(level: int, position: int) -> bytes:
        return Range.empty().extended(hashes[position << level : (position + 1) << level]).root

    # Inclusion of leaf 5 in 8, and consistency of 6 with 8.
    five = (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
    six = (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    )
    assert tuple(value.hex() for value in merkle.inclusion_proof(5, 8, nodes)) == five
    assert tuple(value.hex() for value in merkle.consistency_proof(6, 8, nodes)) == six


def test_hashes_of_leaves_and_nodes_differ() -> None:
    """A leaf that spells two hashes is not the node above them."""
    assert merkle.leaf_hash(HASHES[0] + HASHES[1]) != merkle.node_hash(HASHES[0], HASHES[1])


def test_the_reference_tree_agrees() -> None:
    """Roots of every size up to 257, from leaves and from subtrees, are those of the recursive definition."""
    for size in range(LARGEST + 1):
        assert Range.empty().extended(HASHES[:size]).root == mth(0, size)
        assert merkle.root_of(size, subtree) == mth(0, size)


def test_every_inclusion_proof() -> None:
    """Every inclusion proof up to size 257 is the one of the RFC and holds."""
    for size in range(1, LARGEST + 1):
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, subtree)
            assert list(proof) == [value for _, value in path(index, 0, size)]
            merkle.verify_inclusion(index, size, HASHES[index], proof, mth(0, size))


def test_no_altered_inclusion_proof() -> None:
    """No inclusion proof up to size 257 holds with a hash, the index, the leaf, the size and its root, or the root changed."""
    verify = merkle.verify_inclusion
    for size in range(1, LARGEST + 1):
        root = mth(0, size)
        for index in range(size):
            proof, leaf = merkle.inclusion_proof(index, size, subtree), HASHES[index]
            tries = [(index, size, leaf, other, root) for other in altered(proof)]
            indexes = {0, index - 1, index + 1, index ^ 1, size - 1 - index, size - 1, size} - {index}
            tries += [(other, size, leaf, proof, root) for other in indexes]
            tries += [(index, other, leaf, proof, mth(0, other)) for other in {size - 1, size + 1} if other <= LARGEST]
            tries += [(index, size, leaf, proof, other) for other in (flipped(root, index), merkle.EMPTY_ROOT, b"")]
            tries += [(index, size, other, proof, root) for other in (flipped(leaf, size), HASHES[size], b"")]
            for wrong in tries:
                assert not holds(verify, *wrong), wrong


def test_the_size_alone() -> None:
    """The size is proved together with its root only: alone, another passes where the way to the root is the same."""
    for size in range(1, 66):
        for index in range(size):
            proof, way = merkle.inclusion_proof(index, size, subtree), [side for side, _ in path(index, 0, size)]
            for other in range(index + 1, 66):
                is_same = [side for side, _ in path(index, 0, other)] == way
                assert holds(merkle.verify_inclusion, index, other, HASHES[index], proof, mth(0, size)) is is_same


def test_every_consistency_proof() -> None:
    """Every consistency proof up to size 64 is the one of the RFC and holds."""
    for new in range(65):
        for old in range(new + 1):
            proof = merkle.consistency_proof(old, new, subtree)
            assert list(proof) == (subproof(old, 0, new) if old else [])
            merkle.verify_consistency(old, mth(0, old), new, mth(0, new), proof)


def test_no_altered_consistency_proof() -> None:
    """No consistency proof up to size 64 holds with a hash, either size or either root changed."""
    verify = merkle.verify_consistency
    for new in range(65):
        for old in range(new + 1):
            proof, was, now = merkle.consistency_proof(old, new, subtree), mth(0, old), mth(0, new)
            tries = [(old, was, new, now, other) for other in altered(proof)]
            tries += [(other, was, new, now, proof) for other in range(-1, 67) if other != old]
            tries += [(old, was, other, mth(0, other), proof) for other in range(65) if other != new and old]
            tries += [(old, other, new, now, proof) for other in (flipped(was, new), b"", mth(0, old + 1))]
            if old:  # nothing is older than every tree
                tries += [(old, was, new, other, proof) for other in (flipped(now, old), b"", mth(0, new + 1))]
            for wrong in tries:
                assert not holds(verify, *wrong), wrong


def test_every_log_continues_the_empty_one() -> None:
    """A tree of no leaf has one root, and any tree begins with it; nothing else does."""
    merkle.verify_consistency(0, merkle.EMPTY_ROOT, 5, mth(0, 5), ())
    assert not holds(merkle.verify_consistency, 0, HASHES[0], 5, mth(0, 5), ())
    assert not holds(merkle.verify_consistency, 0, merkle.EMPTY_ROOT, 0, HASHES[0], ())
    assert not holds(merkle.verify_consistency, 0, merkle.EMPTY_ROOT, 5, mth(0, 5), (HASHES[0],))


@pytest.mark.parametrize(("old", "new"), [(-1, 3), (4, 3), (-2, -1)])
def test_sizes_that_contradict_each_other(old: int, new: int) -> None:
    """There is no proof, and none holds, for sizes that cannot be."""
    with pytest.raises(ProofError):
        merkle.consistency_proof(old, new, subtree)
    with pytest.raises(ProofError):
        merkle.verify_consistency(old, HASHES[0], new, HASHES[1], ())


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0), (5, -1)])
def test_leaves_that_are_not_there(index: int, size: int) -> None:
    """There is no proof, and none holds, for a leaf outside the tree."""
    with pytest.raises(ProofError):
        merkle.inclusion_proof(index, size, subtree)
    with pytest.raises(ProofError):
        merkle.verify_inclusion(index, size, HASHES[0], (), HASHES[0])


@given(st.lists(st.integers(0, LARGEST), min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_ranges_join_in_any_order(bounds: list[int], random: Random) -> None:
    """However leaves are split into ranges, extending and joining them in any order gives the same range."""
    bounds.sort()
    begin, end = bounds[0], bounds[-1]
    whole = Range.empty(begin).extended(HASHES[begin:end])
    grown = Range.empty(begin)
    parts = []
    for low, high in pairwise(bounds):
        grown = grown.extended(iter(HASHES[low:high]))
        parts.append(Range.empty(low).extended(HASHES[low:high]))
    while len(parts) > 1:
        at = random.randrange(len(parts) - 1)
        parts[at : at + 2] = [parts[at].joined(parts[at + 1])]
    assert parts[0] == grown == whole
    assert Range.empty().extended(HASHES[:begin]).joined(whole).root == mth(0, end)


@given(st.integers(0, LARGEST), st.integers(0, LARGEST))
def test_ranges_hold_subtrees(begin: int, end: int) -> None:
    """A range's hashes are complete subtrees of the reference tree, from left to right, and as few as can be."""
    begin, end = min(begin, end), max(begin, end)
    hashes, at, expected = Range.empty(begin).extended(HASHES[begin:end]).hashes, begin, []
    while at < end:
        length = max(1 << level for level in range(9) if at % (1 << level) == 0 and at + (1 << level) <= end)
        expected.append(mth(at, at + length))
        at += length
    assert list(hashes) == expected


@pytest.mark.parametrize("begin", [0, 1, 255, 256, 40_000])
@pytest.mark.parametrize("step", [1000, 16_384, 70_000])
def test_completed_subtrees(begin: int, step: int) -> None:
    """Growing reports each subtree of level 8, 16 and so on once, when its last leaf comes, whatever the batches."""
    leaves = [number.to_bytes(32, "big") for number in range(66_000)]
    grown, completed = Range.empty(begin), list[tuple[int, int, bytes]]()
    for low in range(begin, len(leaves), step):
        batch = leaves[low : low + step]
        new: list[tuple[int, int, bytes]] = []
        grown = grown.extended(batch, new)
        assert all(low < (position + 1) << level <= low + len(batch) for level, position, _ in new)
        completed += new
    wanted = {
        (level, position) for level in (8, 16) for position in range(len(leaves) >> level) if position << level >= begin
    }
    assert len(completed) == len(wanted)
    for level, position, value in completed:
        assert (level, position) in wanted
        inside = leaves[position << level : (position + 1) << level]
        assert value == Range(0, 0, ()).extended(inside).root


def test_ranges_refuse_what_does_not_fit() -> None:
    """A range has as many hashes as its bounds need, is joined to its neighbour only, and has a root from leaf 0 on."""
    for begin, end, hashes in (
        (0, 3, HASHES[:1]),
        (2, 1, ()),
        (-1, 0, HASHES[:1]),
        (0, 1, (b"short",)),
        (0, 0, HASHES[:1]),
    ):
        with pytest.raises(ProofError):
            Range(begin, end, hashes)
    some = Range.empty(4).extended(HASHES[4:6])
    with pytest.raises(ProofError, match="no root"):
        some.root  # noqa: B018
    with pytest.raises(ProofError, match="do not follow"):
        Range.empty().extended(HASHES[:3]).joined(some)


@pytest.mark.parametrize("index", [0, 1, 2**40 - 1, 2**40, 2**40 + 12_344])
def test_proofs_of_a_large_tree(index: int) -> None:
    """Proofs in a tree of a million million leaves ask for complete subtrees only, for few, and for none twice."""
    size, asked = 2**40 + 12_345, list[tuple[int, int]]()

    def nodes(level: int, position: int) -> bytes:
        assert (position + 1) << level <= size
        asked.append((level, position))
        return HASHES[level]

    merkle.inclusion_proof(index, size, nodes)
    assert len(asked) == len(set(asked)) <= 60
    asked.clear()
    merkle.consistency_proof(index, size, nodes)
    assert len(asked) == len(set(asked)) <= 90


def test_proofs_from_what_is_kept() -> None:
    """A tree of 5,000 leaves: proofs made from its leaves and the subtrees it kept hold."""
    leaves = [sha256(b"%d" % number).digest() for number in range(5000)]
    kept: list[tuple[int, int, bytes]] = []
    tree = Range.empty().extended(leaves, kept)
    known = {(level, position): value for level, position, value in kept}

    def nodes(level: int, position: int) -> bytes:
        if level >= 8 and level % 8 == 0:
            return known[level, position]
        if not level:
            return leaves[position]
        return merkle.node_hash(nodes(level - 1, 2 * position), nodes(level - 1, 2 * position + 1))

    assert merkle.root_of(5000, nodes) == tree.root
    for index in range(0, 5000, 271):
        merkle.verify_inclusion(index, 5000, leaves[index], merkle.inclusion_proof(index, 5000, nodes), tree.root)
        old = Range.empty().extended(leaves[:index])
        merkle.verify_consistency(index, old.root, 5000, tree.root, merkle.consistency_proof(index, 5000, nodes))
