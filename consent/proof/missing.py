"""Which openings are missing from a log, and whether the log itself says why.

An opening may go only if a later entry says so: an *erasure* that names its index, or a *purge* of days up to a later
one. Whatever else is missing was taken out. A purge also says how many went, so that it covers no more than it did.
Indexes and days only: no hashing, no lines. 12 bytes a missing record, 16 an erasure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not add up.

    :param index: The entry that it is about.
    :param text: What is wrong with it.
    """

    index: int
    text: str


@dataclass(slots=True)
class Missing:
    """Everything that bears on missing openings, collected entry by entry, indexes ascending."""

    _closed: array[int] = field(default_factory=lambda: array("Q"))
    _closed_days: array[int] = field(default_factory=lambda: array("I"))
    _erasures: array[int] = field(default_factory=lambda: array("Q"))
    _erased: array[int] = field(default_factory=lambda: array("Q"))
    _purges: list[tuple[int, int, int]] = field(default_factory=list)
    _words: array[int] = field(default_factory=lambda: array("Q"))
    _opened: array[int] = field(default_factory=lambda: array("Q"))

    def close(self, index: int, day: str) -> None:
        """A record without its opening."""
        self._closed.append(index)
        self._closed_days.append(_number(day))

    def open(self, index: int) -> None:
        """A record with its opening; to be told only of a selection, as the rest of a whole log is."""
        self._opened.append(index)

    def erase(self, index: int, erased: int) -> None:
        """An erasure at *index* that names *erased*."""
        self._erasures.append(index)
        self._erased.append(erased)

    def purge(self, index: int, before: str, count: int) -> None:
        """A purge at *index* of *count* records of days earlier than *before*."""
        self._purges.append((index, _number(before), count))

    def word(self, index: int) -> None:
        """A notice or an edition."""
        self._words.append(index)

    def extend(self, later: Missing) -> None:
        """Add what was collected from later entries."""
        for mine, more in zip(self._columns(), later._columns(), strict=True):
            mine.extend(more)
        self._purges += later._purges

    def judge(self, *, is_whole: bool) -> tuple[int, int, list[Fault]]:
        """How many records were erased, how many purged, and what does not add up, by index.

        :param is_whole: Whether every entry of the log was told of; if not, what an erasure names may be elsewhere.
        """
        marks, faults = self._erasures_matched(is_whole=is_whole)
        purged = 0
        ends = [index for index, _, _ in self._purges]
        # The latest day that a purge at this place or later reaches up to; none does behind the last.
        reach = [0, *accumulate((before for _, before, _ in reversed(self._purges)), max)][::-1]
        for index, day, is_erased in zip(self._closed, self._closed_days, marks, strict=True):
            if is_erased:
                continue
            if reach[bisect_right(ends, index)] <= day:
                faults.append(Fault(index, "the record is missing, and no erasure or purge in the log accounts for it"))
            else:
                purged += 1
        said = sum(count for _, _, count in self._purges)
        if is_whole and not faults and purged != said:
            text = f"the purges in the log deleted {said} records, but {purged} are missing"
            faults.append(Fault(ends[-1], text))
        return sum(marks), purged, sorted(faults, key=lambda fault: fault.index)

    def _erasures_matched(self, *, is_whole: bool) -> tuple[bytearray, list[Fault]]:
        """A mark for every missing record that an erasure names."""
        marks, faults = bytearray(len(self._closed)), list[Fault]()
        purges = array("Q", [index for index, _, _ in self._purges])
        for index, erased in zip(self._erasures, self._erased, strict=True):
            place = bisect_left(self._closed, erased)
            if erased >= index:
                faults.append(Fault(index, f"an erasure of entry {erased}, which does not stand before it"))
            elif place < len(marks) and self._closed[place] == erased:
                marks[place] = 1
            elif any(_has(column, erased) for column in (self._erasures, self._words, purges)):
                faults.append(Fault(index, f"an erasure of entry {erased}, which is no record"))
            elif is_whole or _has(self._opened, erased):
                faults.append(Fault(index, f"an erasure of entry {erased}, whose record is still there"))
        return marks, faults

    def _columns(self) -> tuple[array[int], ...]:
        return self._closed, self._closed_days, self._erasures, self._erased, self._words, self._opened


def _number(day: str) -> int:
    """20260303 for ``2026-03-03``."""
    return int(day.replace("-", ""))


def _has(column: array[int], index: int) -> bool:
    place = bisect_left(column, index)
    return place < len(column) and column[place] == index
