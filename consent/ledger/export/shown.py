"""The records of an export for looking at: open and selected ones in the order of the log, waiting ones last.

Not for evidence: erased and purged records are left out, and nothing is proved. :mod:`.ndjson` is the form that can be
verified.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..snapshot import Snapshot
from .ndjson import Progress
from .selection import PurposeOf, Selection

_STEP = 1_000


@dataclass(frozen=True, slots=True)
class Shown:
    """One record.

    :param index: Its place in the log; ``None`` where it has none yet.
    :param fields: Of its canonical JSON.
    """

    index: int | None
    fields: dict[str, Any]


class Records:
    """The records of one look at the log, once over."""

    def __init__(self, snapshot: Snapshot, selection: Selection, purpose_of: PurposeOf, progress: Progress) -> None:
        self._snapshot = snapshot
        self._selection = selection
        self._purpose_of = purpose_of
        self._progress = progress
        #: How many have passed, and how many of them had no place in the log.
        self.count = self.unsequenced = 0
        #: The day from which each notice could be shown, by its digest; notices come before their records.
        self.notice_days: dict[str, str] = {}

    def __iter__(self) -> Iterator[Shown]:
        for entry in self._snapshot.entries():
            if entry.body is not None:
                yield from self._selected(entry.index, entry.body)
            elif entry.notice is not None:
                public = json.loads(entry.public)
                self.notice_days[public["digest"]] = public["day"]
            if not entry.index % _STEP:
                self._progress(entry.index)
        for body, _ in self._snapshot.unsequenced():
            for shown in self._selected(None, body):
                self.unsequenced += 1
                yield shown
        self._progress(self._snapshot.size)

    def _selected(self, index: int | None, body: bytes) -> Iterator[Shown]:
        fields = json.loads(body)
        if self._selection.takes(fields, self._purpose_of):
            self.count += 1
            yield Shown(index, fields)
