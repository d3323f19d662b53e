"""One answer as the ledger keeps it: enough to prove it, nothing that identifies who gave it.

Never an address, a full user agent, an e-mail or a query string. A full refusal has no subject, no device and only the
hour, so that it cannot be told from another.

Sources: GDPR Art. 7(1), Art. 5(1)(c); EDPB Guidelines 05/2020 §§104-108; RFC 9562 §5.7 (UUIDv7).
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from ..decision import Decision, Duration, Method

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Event(enum.StrEnum):
    """What happened. Values are the wire format."""

    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    RENEWED = "renewed"
    EXPIRED = "expired"
    ERASED = "erased"


class Surface(enum.StrEnum):
    """Where the visitor answered."""

    BANNER = "banner"
    PREFERENCES = "preferences"
    PLACEHOLDER = "placeholder"
    #: The page in front of one that needs a purpose.
    PAGE = "page"
    #: The page with what was recorded, perhaps from another device.
    RECEIPT = "receipt"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One answer.

    :param record_id: UUIDv7; the time of the record is in it.
    :param subject: 16 bytes that tie one visitor's grants together; ``None`` for a refusal.
    :param purposes: Yes or no per purpose answered, as it stands after this event.
    :param services: Services granted, sorted, as it stands after this event.
    :param valid_until: First instant at which the answer no longer stands; UTC.
    :param notice: SHA-256 of the words that were shown, hexadecimal; ``None`` where unknown.
    :param jurisdiction: ISO 3166-1 country, if the site looks it up.
    :param supersedes: The subject's record before this one; filled in by the store.
    """

    record_id: uuid.UUID
    site: str
    subject: bytes | None
    event: Event
    purposes: Mapping[str, bool]
    services: tuple[str, ...]
    duration: Duration
    valid_until: datetime
    revision: str
    policy_hash: str
    notice: str | None
    language: str | None
    method: Method
    surface: Surface
    gpc: bool
    gpc_conflict: bool
    gpc_overridden: bool
    sdk_version: str
    jurisdiction: str | None = None
    device_class: str | None = None
    browser: str | None = None
    supersedes: uuid.UUID | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "purposes", MappingProxyType(dict(self.purposes)))

    @property
    def recorded_at(self) -> datetime:
        """When, in UTC and to the millisecond, as the id says; the hour for a refusal."""
        return _EPOCH + (self.record_id.int >> 80) * _MILLISECOND

    @property
    def decision(self) -> Decision:
        """The decision that this record proves, as a repeated submission has to be answered with."""
        granted = bool(self.services) or any(self.purposes.values())
        begin = self.recorded_at if granted else self.recorded_at.replace(minute=0, second=0, microsecond=0)
        return Decision(
            answers=self.purposes,
            services=frozenset(self.services),
            duration=self.duration,
            method=self.method,
            decided_at=begin,
            valid_until=self.valid_until,
            subject=self.subject if granted else None,
            gpc_overridden=self.gpc_overridden,
        )


def draw_up(previous: Decision | None, decision: Decision) -> tuple[Event, bytes | None]:
    """Which event leads from *previous* to *decision*, and the subject it is recorded under.

    Whatever was granted before and is not any more makes it a withdrawal; it names the subject whose grant it ends.
    """
    before = previous.granted if previous else frozenset()
    after = decision.granted
    if before - after:
        return Event.WITHDRAWN, previous.subject if previous else None
    if not after:
        return Event.REFUSED, None
    return (Event.RENEWED if before == after else Event.GIVEN), decision.subject


def new_id(moment: datetime, randomness: bytes) -> uuid.UUID:
    """A UUIDv7 of *moment* and 10 random bytes."""
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    number = milliseconds << 80 | int.from_bytes(randomness[:10], "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=number & ~(0x3 << 62) | 0x2 << 62)
