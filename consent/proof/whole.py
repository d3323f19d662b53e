"""The parts of an export put together: what holds only of all lines, the rebuilt root first of all.

Parts come in the order of the file. Memory grows by 16 bytes a record, for its id, and by what :mod:`.missing` keeps.
Signatures are :mod:`.verify`'s.

Source: RFC 6962 §2.1.
"""

from __future__ import annotations

import re
import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import islice

from . import merkle
from .missing import Missing
from .part import Claim, Part, is_misplaced, misplaced
from .reading import Source
from .verdict import MOST_REASONS, Counts, NotCheckedError, Reason

#: Most notices that may be named before their words come. Far beyond any site's, and what bounds the memory for them.
_MOST_NOTICES = 100_000
#: The header's line, and where the first entry of a whole log stands.
_HEADER = 1


class Whole:
    """An export while its parts come in.

    :param claim: What the header says.
    """

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        #: Lines so far, the header among them.
        self.lines = _HEADER
        self.leaves = self.records = self.unsequenced = self.editions = 0
        self.first = self.last = ""
        self.reasons: list[Reason] = []
        #: Size to the root hash of that many entries, for the sizes that were to be cut at.
        self.roots: dict[int, bytes] = {0: merkle.EMPTY_ROOT}
        #: Whether no further part needs to be seen.
        self.is_settled = False
        self._tree = merkle.Range.empty()
        self._next = 0
        self._is_lost = self._has_waiting = self._is_late = False
        self._missing = Missing()
        self._notices: set[str] = set()
        self._named: dict[str, int] = {}
        self._ids: defaultdict[int, bytearray] = defaultdict(bytearray)

    @property
    def notices(self) -> int:
        """How many wordings there are."""
        return len(self._notices)

    def add(self, part: Part) -> None:
        """Put the next part behind those before."""
        at_seam = dict(self._seam(part))
        self.reasons += [Reason(self.lines + line, text) for line, text in at_seam.items()]
        self.reasons += [Reason(self.lines + line, text) for line, text in part.reasons if line not in at_seam]
        if not self.reasons:
            self._join(part)
        self.is_settled = part.is_cut or len(self.reasons) >= MOST_REASONS
        self.lines += part.lines
        self.leaves += part.leaves
        self.records += part.records
        self.unsequenced += part.unsequenced
        self.editions += part.editions
        self.first = min(filter(None, (self.first, part.first)), default="")
        self.last = max(self.last, part.last)

    def finish(self, source: Source) -> Counts:
        """Check what only all parts together show, and count.

        :param source: Looked at once more for the number of a line that is wrong.
        :raises NotCheckedError: the file changed.
        """
        erased = purged = 0
        if not self.reasons:
            self._check_tree()
        if not self.reasons:
            erased, purged, faults = self._missing.judge(is_whole=not self.claim.is_filtered)
            for fault in faults[:MOST_REASONS]:
                self.reasons.append(Reason(self._line_of(source, fault.index), fault.text))
            unknown = {digest: line for digest, line in self._named.items() if digest not in self._notices}
            for line in sorted(unknown.values())[:MOST_REASONS]:
                self.reasons.append(Reason(line, "the notice that the visitor was shown is not in the export"))
            self._check_ids(source)
        return Counts(
            records=self.records,
            erased=erased,
            purged=purged,
            unsequenced=self.unsequenced,
            notices=self.notices,
            editions=self.editions,
        )

    def _seam(self, part: Part) -> Iterator[tuple[int, str]]:
        """Lines of *part*, and why they cannot come after what was before."""
        is_lost = self._is_lost or part.is_first_lost
        if part.begin is not None:
            if not is_lost and is_misplaced(part.begin, self._next, self.claim):
                yield part.first_entry, misplaced(part.begin, self._next, self.claim)
            self._next, self._is_lost = part.end, part.is_lost
        self._is_lost |= part.is_lost
        late = part.first_entry if self._has_waiting else part.first_late
        if late and not self._is_late:
            self._is_late = True
            yield late, "an entry of the log after records that are not in it yet"
        self._has_waiting |= bool(part.unsequenced)

    def _join(self, part: Part) -> None:
        """Take over what is needed later."""
        for tree in () if self.claim.is_filtered else part.trees:
            self._tree = self._tree.joined(tree)
            if self._tree.end in self.claim.cuts:
                self.roots[self._tree.end] = self._tree.root
        self._missing.extend(part.missing)
        self._notices |= part.notices
        for digest, line in part.named.items():
            if digest not in self._named and digest not in self._notices:
                self._named[digest] = self.lines + line
        if len(self._named) > _MOST_NOTICES:
            self._named = {digest: line for digest, line in self._named.items() if digest not in self._notices}
        if len(self._named) > _MOST_NOTICES:
            raise NotCheckedError(f"records name more than {_MOST_NOTICES} notices whose words do not come", self.lines)
        for last, ids in part.ids.items():
            self._ids[last] += ids

    def _check_tree(self) -> None:
        """Compare the entries with what the checkpoint says of them."""
        claim = self.claim
        if claim.is_filtered:
            return
        if self._next != claim.size:
            text = f"the log has {claim.size} entries, and the last one here is followed by none: "
            text += f"{claim.size - self._next} were removed from the end"
            self.reasons.append(Reason(_HEADER + self._next + 1, text))
        elif self._tree.root != claim.root:
            text = "the entries do not add up to the root hash in the signed checkpoint: at least one was changed"
            self.reasons.append(Reason(_HEADER, text))

    def _check_ids(self, source: Source) -> None:
        """Look for records that are there twice."""
        for ids in self._ids.values():
            single = [bytes(ids[at : at + 16]) for at in range(0, len(ids), 16)]
            if len(set(single)) < len(single):
                doubled = next(value for value, times in Counter(single).items() if times > 1)
                needle = f'"record_id":"{uuid.UUID(bytes=doubled)}"'.encode()
                line = _find(source, re.compile(re.escape(needle)), times=2)
                self.reasons.append(Reason(line, "a record with the id of another one before"))
                return

    def _line_of(self, source: Source, index: int) -> int:
        """The line that entry *index* stands in."""
        if not self.claim.is_filtered:
            return _HEADER + 1 + index
        return _find(source, re.compile(rb'\{(?:"edition":.*,)?"index":%d,"leaf":' % index), times=1)


def _find(source: Source, sought: re.Pattern[bytes], *, times: int) -> int:
    """Number of the *times*-th line with what is *sought*."""
    hits = (number for number, line in enumerate(source.lines(0, source.size), start=1) if sought.search(line))
    return next(islice(hits, times - 1, None), 0)
