"""A record as the bytes that the log commits to, and back.

Written once, when the record is kept, and never again: what is stored is the evidence, so that a later version that
knows another field changes no hash. Canonical JSON (RFC 8785): equal records are equal bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..decision import Duration, Method
from ..proof import canonical
from .record import Event, Record, Surface

_AS_IT_IS = (
    "site",
    "revision",
    "policy_hash",
    "notice",
    "language",
    "gpc",
    "gpc_conflict",
    "gpc_overridden",
    "sdk_version",
    "jurisdiction",
    "device_class",
    "browser",
)


def encode(record: Record) -> bytes:
    """*record* as canonical JSON."""
    return canonical.encode(plain(record))


def decode(body: bytes) -> Record:
    """The record that *body* is.

    :raises ValueError: it is none.
    """
    fields = canonical.decode(body)
    try:
        return read(fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a record") from error


def plain(record: Record) -> dict[str, Any]:
    """The fields of *record* as JSON has them; times in ISO 8601, ids and bytes as text."""
    return {name: getattr(record, name) for name in _AS_IT_IS} | {
        "record_id": str(record.record_id),
        "subject": record.subject.hex() if record.subject else None,
        "event": record.event.value,
        "recorded_at": record.recorded_at.isoformat(timespec="milliseconds"),
        "valid_until": record.valid_until.isoformat(timespec="seconds"),
        "purposes": dict(record.purposes),
        "services": list(record.services),
        "duration": record.duration.value,
        "method": record.method.value,
        "surface": record.surface.value,
        "supersedes": str(record.supersedes) if record.supersedes else None,
    }


def read(fields: Mapping[str, Any]) -> Record:
    """The record of :func:`plain` fields; ones that this version does not know are left out.

    :raises KeyError, TypeError, ValueError: a field is missing or wrong.
    """
    return Record(
        **{name: fields[name] for name in _AS_IT_IS},
        record_id=uuid.UUID(fields["record_id"]),
        subject=bytes.fromhex(fields["subject"]) if fields["subject"] else None,
        event=Event(fields["event"]),
        valid_until=datetime.fromisoformat(fields["valid_until"]),
        purposes=fields["purposes"],
        services=tuple(fields["services"]),
        duration=Duration(fields["duration"]),
        method=Method(fields["method"]),
        surface=Surface(fields["surface"]),
        supersedes=uuid.UUID(fields["supersedes"]) if fields["supersedes"] else None,
    )
