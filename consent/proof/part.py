"""One part of an export's lines, checked by itself: all rules that need no other part, and what the others need of it.

A part may be checked in another process, so that what goes in and comes out is small and can be pickled. What holds
only between parts, gapless indexes across their seams for one, is :mod:`.whole`'s.

Sources: RFC 6962 §2.1; RFC 9562 §5.7.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256

from . import canonical, leaf, lines, merkle
from .errors import FormatError, ProofError, shown
from .leaf import EditionLeaf, ErasureLeaf, NoticeLeaf, PurgeLeaf, RecordLeaf
from .lines import LONGEST, LeafLine, Unsequenced
from .missing import Missing
from .opening import Facts
from .reading import Source
from .verdict import MOST_REASONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the header says that every line is checked against.

    :param size: Entries in the log, and *root* their root hash.
    :param is_filtered: Whether a selection is shown, each entry with its proof.
    :param cuts: Sizes at which the root is to be known, ascending.
    """

    site: str
    size: int
    root: bytes
    is_filtered: bool
    cuts: tuple[int, ...] = ()


@dataclass(slots=True)
class Part:
    """What some lines hold.

    :param lines: How many were read.
    :param begin: Index of the first entry, ``None`` without any; *end* is the last one's plus one.
    :param first_entry: Line of the first entry within the part, from 1; 0 without any. *first_late* is that of the
        first entry that follows an unsequenced record.
    :param is_first_lost: Whether a line before the first entry could not be read, so that any index may follow;
        *is_lost* whether that is so behind the last entry.
    :param trees: The entries' hashes, cut at :attr:`Claim.cuts`.
    :param ids: Ids of records, 16 bytes each, by their last byte: what is sorted or compared is then a 256th of all.
    :param notices: Digests of notices whose words are here.
    :param named: Digests of notices that records name, and the line of the first that does.
    :param reasons: What is wrong: lines within the part, from 1, and texts.
    :param is_cut: Whether reading stopped before the end, since no more needs to be known.
    """

    lines: int = 0
    leaves: int = 0
    records: int = 0
    editions: int = 0
    unsequenced: int = 0
    begin: int | None = None
    end: int = 0
    first_entry: int = 0
    first_late: int = 0
    is_first_lost: bool = False
    is_lost: bool = False
    trees: list[merkle.Range] = field(default_factory=list)
    ids: defaultdict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    missing: Missing = field(default_factory=Missing)
    notices: set[str] = field(default_factory=set)
    named: dict[str, int] = field(default_factory=dict)
    first: str = ""
    last: str = ""
    reasons: list[tuple[int, str]] = field(default_factory=list)
    is_cut: bool = False


def check(source: Source, begin: int, end: int, claim: Claim) -> Part:
    """The part of *source* from byte *begin* to *end*.

    :raises NotCheckedError: the file cannot be read, or changed.
    """
    reading = _Reading(claim)
    for line in source.lines(begin, end):
        reading.take(line)
        if reading.part.is_cut:
            break
    return reading.finished()


def is_misplaced(index: int, expected: int, claim: Claim) -> bool:
    """Whether entry *index* cannot stand where entry *expected*, or in a selection a later one, should."""
    return index < expected if claim.is_filtered else index != expected


def misplaced(index: int, expected: int, claim: Claim) -> str:
    """The reason for it."""
    wanted = f"a later one than {expected - 1}" if claim.is_filtered else f"entry {expected}"
    return f"entry {index} stands where {wanted} belongs: lines were removed, added or moved"


class _Reading:
    """A part while its lines pass."""

    def __init__(self, claim: Claim) -> None:
        self.part = Part()
        self._claim = claim
        self._hashes: list[bytes] = []
        self._tree: merkle.Range | None = None
        self._cuts = frozenset(claim.cuts)

    def take(self, line: bytes) -> None:
        """Check the next line."""
        part = self.part
        part.lines += 1
        try:
            self._take(line)
        except FormatError as error:
            what = str(error)
            if len(line) > LONGEST:
                part.is_cut, what = True, f"longer than the {LONGEST >> 20} MiB that a line may have"
            elif not line.endswith(b"\n"):
                what = "the file breaks off in this line"
            part.reasons.append((part.lines, what))
            part.is_cut |= len(part.reasons) >= MOST_REASONS

    def _take(self, line: bytes) -> None:
        self.part.is_lost, was_lost = True, self.part.is_lost
        said = lines.read(line)
        self.part.is_lost = was_lost
        if isinstance(said, LeafLine):
            self._leaf(said)
        elif isinstance(said, Unsequenced):
            self._waiting(said)
        else:
            raise FormatError("a manifest that is not the last line")

    def finished(self) -> Part:
        """The part, with its hashes added up."""
        if not self.part.reasons:
            self._add_up()
        return self.part

    def _leaf(self, line: LeafLine) -> None:
        part, claim, index = self.part, self._claim, line.index
        if part.unsequenced and not part.first_late:
            part.first_late = part.lines
        self._place(index)
        value = leaf.hash_of(line.public)
        if claim.is_filtered:
            if line.proof is None:
                raise FormatError("an entry without its proof")
            try:
                merkle.verify_inclusion(index, claim.size, value, line.proof, claim.root)
            except ProofError:
                raise FormatError("the proof does not show the entry to be in the log") from None
        elif line.proof is not None:
            raise FormatError("an entry with a proof, which only a selection has")
        else:
            self._hashes.append(value)
            if index + 1 in self._cuts:
                self._add_up()
        part.leaves += 1
        said = line.leaf
        if type(said) is RecordLeaf:
            self._record(line, said)
        else:
            self._other(line)

    def _place(self, index: int) -> None:
        """Take note of an entry's index, which follows the one before."""
        part, claim = self.part, self._claim
        before, part.end = part.end, index + 1
        if part.begin is None:
            part.begin, part.first_entry, part.is_first_lost = index, part.lines, part.is_lost
            self._tree = merkle.Range.empty(index)
        elif not part.is_lost and is_misplaced(index, before, claim):
            raise FormatError(misplaced(index, before, claim))
        part.is_lost = False
        if index >= claim.size:
            raise FormatError(f"entry {index} of a log that has {claim.size}")

    def _record(self, line: LeafLine, said: RecordLeaf) -> None:
        part, body, salt, facts = self.part, line.body, line.salt, line.facts
        if body is None or salt is None or facts is None:
            part.missing.close(line.index, said.day)
            return
        if leaf.commitment(salt, body) != said.commitment:
            raise FormatError("the record is not the one that was entered in the log, or its salt is not")
        if facts.recorded_at[:10] != said.day:
            raise FormatError(f"a record of {facts.day} in an entry of {said.day}")
        self._identify(facts)
        if self._claim.is_filtered:
            part.missing.open(line.index)
        if facts.notice is not None and facts.notice not in part.named:
            part.named[facts.notice] = part.lines
        part.records += 1
        part.first = min(part.first or facts.recorded_at, facts.recorded_at)
        part.last = max(part.last, facts.recorded_at)

    def _other(self, line: LeafLine) -> None:
        """An entry that is no record."""
        part, said = self.part, line.leaf
        if isinstance(said, NoticeLeaf):
            if line.notice is None:
                raise FormatError("a notice without its words")
            if tuple(sha256(words.encode()).hexdigest() for words in line.notice) != (said.digest, said.html):
                raise FormatError("the words of the notice are not those that were entered in the log")
            part.notices.add(said.digest)
            part.missing.word(line.index)
        elif isinstance(said, EditionLeaf):
            if line.edition is None:
                raise FormatError("an edition of the policy without its content")
            if sha256(line.edition).hexdigest() != said.digest:
                raise FormatError("the edition of the policy is not the one that was entered in the log")
            if canonical.decode(line.edition).get("site") != self._claim.site:
                raise FormatError("an edition of another site's policy")
            part.editions += 1
            part.missing.word(line.index)
        elif isinstance(said, ErasureLeaf):
            part.missing.erase(line.index, said.index)
        elif isinstance(said, PurgeLeaf):
            part.missing.purge(line.index, said.before, said.count)

    def _waiting(self, line: Unsequenced) -> None:
        part = self.part
        part.unsequenced += 1
        self._identify(line.facts)

    def _identify(self, facts: Facts) -> None:
        """Take note of whose record it is, and which."""
        if facts.site != self._claim.site:
            raise FormatError(f"a record of another site: {shown(facts.site)}")
        record_id = bytes.fromhex(facts.record_id.replace("-", ""))
        self.part.ids[record_id[-1]] += record_id

    def _add_up(self) -> None:
        """Make one tree of the hashes collected, and begin another."""
        if self._tree is not None:
            tree = self._tree.extended(self._hashes)
            self.part.trees.append(tree)
            self._tree, self._hashes = merkle.Range.empty(tree.end), []
