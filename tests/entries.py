"""Entries for the ledger, each different and all reproducible: as many as a test wants, of the times it wants."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any

from consent import Duration, Method
from consent.ledger import Entry, Event, Record, Submission, Surface
from consent.ledger.record import new_id

SITE = "example"
NOW = datetime(2026, 3, 3, 12, 34, 56, 789000, tzinfo=UTC)


def entry(number: int, *, at: datetime | None = None, subject: bytes | None = None, **changes: Any) -> Entry:
    """A grant; equal for the same arguments, and different from every other *number*'s.

    :param at: When it was given; else *number* milliseconds after a fixed moment.
    :param subject: Whose it is; else somebody's own.
    :param changes: Fields of the record that differ.
    """
    chance = Random(number)
    at = at or NOW + timedelta(milliseconds=number)
    fields: dict[str, Any] = {
        "record_id": new_id(at, chance.randbytes(10)),
        "site": SITE,
        "subject": subject or chance.randbytes(16),
        "event": Event.GIVEN,
        "purposes": {"statistics": True, "social": False},
        "services": ("matomo",),
        "duration": Duration.PERSISTENT,
        "valid_until": (at + timedelta(days=180)).replace(microsecond=0),
        "revision": "12345678",
        "policy_hash": "0" * 64,
        "notice": None,
        "language": None,
        "method": Method.CUSTOM,
        "surface": Surface.BANNER,
        "gpc": False,
        "gpc_conflict": False,
        "gpc_overridden": False,
        "sdk_version": "0",
    }
    request = sha256(b"%d" % number).hexdigest()
    return Entry(
        record=Record(**fields | changes),
        salt=chance.randbytes(32),
        submission=Submission(request, ""),
        first=subject is None,
    )


def ids(entries: list[Entry]) -> set[uuid.UUID]:
    """The ids of their records."""
    return {one.record.record_id for one in entries}
