"""What came of checking an export: one of four verdicts, the facts that carry it, and what speaks against it.

Values only. What they mean in plain words is :mod:`.report`'s, how they are found :mod:`.verify`'s.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any

from ..errors import ConsentError

#: Most reasons that are told; the first by line number are.
MOST_REASONS = 10


class Verdict(enum.Enum):
    """The four outcomes, and what the command ends with."""

    #: All of it is what the site signed, and continues every checkpoint given.
    VALID = 0
    #: Something was added, changed or removed, or an opening is missing without a cause in the log.
    INVALID = 1
    #: Sound in itself, but not the log that an earlier checkpoint is of.
    DIVERGED = 2
    #: No verdict: what was given cannot be read, or does not belong together.
    NOT_CHECKED = 3

    @property
    def words(self) -> str:
        """The verdict as people read it."""
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True, order=True)
class Reason:
    """One thing that is wrong.

    :param line: Number of the line, from 1; 0 where it is not about the file's content.
    :param text: What is wrong there, without control characters.
    """

    line: int
    text: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.text}" if self.line else self.text


class NotCheckedError(ConsentError):
    """What was given cannot be checked; whoever called can mend it.

    :param text: Why, and where there is one, the remedy.
    :param line: Number of the line of the export, 0 for none.
    """

    def __init__(self, text: str, line: int = 0) -> None:
        self.reason = Reason(line, text)
        super().__init__(str(self.reason))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many of what the export holds.

    :param records: Records whose opening fits the log.
    :param erased: Records whose opening is missing and named by an erasure.
    :param purged: Records whose opening is missing because of a purge.
    :param unsequenced: Records that have no place in the log yet; nothing but the manifest speaks for them.
    :param notices: Wordings, each with its text and page.
    :param editions: Editions of the site's policy.
    """

    records: int = 0
    erased: int = 0
    purged: int = 0
    unsequenced: int = 0
    notices: int = 0
    editions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A verdict with its facts. Those of the header are there once its signature holds, the rest with a verdict.

    :param reasons: What is wrong, by line; empty if valid.
    :param keys: The keys given that signed the checkpoint, as ``name+id``.
    :param made_at: When the export says it was made.
    :param size: Entries in the log.
    :param root: The log's root hash.
    :param first: When the earliest record was made that is shown; ISO 8601, ``None`` without records.
    :param last: And the latest.
    :param anchors: Sizes of the earlier checkpoints that the log was found to continue, ascending.
    :param is_partial: Whether the export shows a selection.
    :param unchecked: Further keys of the log that signed the manifest, as it says, and were not given: ``name+id``.
    """

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    site: str | None = None
    origin: str | None = None
    keys: tuple[str, ...] = ()
    made_at: str | None = None
    size: int | None = None
    root: bytes | None = None
    first: str | None = None
    last: str | None = None
    counts: Counts | None = None
    anchors: tuple[int, ...] = ()
    is_partial: bool = False
    unchecked: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 valid, 1 invalid, 2 diverged, 3 not checked."""
        return self.verdict.value

    @property
    def anchored(self) -> int:
        """How many entries, from the first on, a checkpoint from outside pins; 0 if unanchored."""
        return max(self.anchors, default=0)

    def to_json(self) -> dict[str, Any]:
        """The report as plain data. ``None`` is what a selection cannot tell: how many were erased or purged."""
        counts = self.counts and {name: getattr(self.counts, name) for name in Counts.__dataclass_fields__}
        if counts and self.is_partial:
            counts |= {name: counts[name] or None for name in ("erased", "purged")}
        return {
            "verdict": self.verdict.words,
            "exit_code": self.exit_code,
            "partial": self.is_partial,
            "anchored": bool(self.anchored),
            "checkpoints": list(self.anchors),
            "reasons": [{"line": reason.line or None, "reason": reason.text} for reason in self.reasons],
            "site": self.site,
            "origin": self.origin,
            "keys": list(self.keys),
            "unchecked_keys": list(self.unchecked),
            "made_at": self.made_at,
            "size": self.size,
            "root": self.root.hex() if self.root is not None else None,
            "first_record": self.first,
            "last_record": self.last,
            "counts": counts,
        }
