"""Which records an export shows: those of a time, a purpose, an event, a subject.

Only the records are selected. What the log holds of wordings and editions belongs to every selection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..record import Event

#: Gives the purpose of a service, by the hash of the policy in force and the service's id; ``None`` if unknown.
PurposeOf = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """See the module; without arguments it is everything.

    :param since: Records from this moment on; aware. A refusal bears the beginning of its hour.
    :param until: Records before this moment; aware.
    :param purposes: Records about any of these: answered, or with a service of theirs granted by itself.
    :param events: Records of any of these.
    :param subject: Records of this subject, 16 bytes.
    :raises ValueError: a moment is naive.
    """

    since: datetime | None = None
    until: datetime | None = None
    purposes: frozenset[str] = frozenset()
    events: frozenset[Event] = frozenset()
    subject: bytes | None = None

    def __post_init__(self) -> None:
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("times must be timezone-aware")

    @property
    def plain(self) -> dict[str, Any] | None:
        """What was asked for, as the header of an export has it; ``None`` for everything."""
        asked: dict[str, Any] = {
            "since": self.since and self.since.astimezone(UTC).isoformat(),
            "until": self.until and self.until.astimezone(UTC).isoformat(),
            "purpose": sorted(self.purposes),
            "event": sorted(event.value for event in self.events),
            "subject": self.subject.hex() if self.subject is not None else None,
        }
        return {name: value for name, value in asked.items() if value} or None

    def takes(self, record: Mapping[str, Any], purpose_of: PurposeOf) -> bool:
        """Whether *record*, the fields of its canonical JSON, is selected."""
        if self.subject is not None and record["subject"] != self.subject.hex():
            return False
        if self.events and record["event"] not in self.events:
            return False
        if self.since or self.until:
            moment = datetime.fromisoformat(record["recorded_at"])
            if (self.since and moment < self.since) or (self.until and moment >= self.until):
                return False
        return not self.purposes or self._is_about(record, purpose_of)

    def _is_about(self, record: Mapping[str, Any], purpose_of: PurposeOf) -> bool:
        if not self.purposes.isdisjoint(record["purposes"]):
            return True
        return any(purpose_of(record["policy_hash"], service) in self.purposes for service in record["services"])
