"""A record as the bytes that the log commits to, and back.

Written once, when the record is kept, and never again: what is stored is the evidence, so that a later version that
knows another field changes no hash. Canonical JSON (RFC 8785): equal records are equal bytes.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from json.encoder import encode_basestring as _text
from typing import Any

from ..decision import Duration, Method
from ..proof import canonical
from ..proof.errors import FormatError
from .record import Event, Record, Surface

_TRUTH = {True: "true", False: "false"}
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
    """*record* as canonical JSON: what the general encoder makes of :func:`plain`, spelt out, in half the time.

    :raises FormatError: a text has half a character in it, or a purpose is not named in ASCII.
    """
    purposes = ",".join([f"{_text(name)}:{_TRUTH[yes]}" for name, yes in sorted(record.purposes.items())])
    if not purposes.isascii():
        raise FormatError("a key that is not ASCII text")
    subject = None if record.subject is None else record.subject.hex()
    supersedes = None if record.supersedes is None else str(record.supersedes)
    written = (
        f'{{"browser":{_or_null(record.browser)},"device_class":{_or_null(record.device_class)},'
        f'"duration":"{record.duration.value}","event":"{record.event.value}","gpc":{_TRUTH[record.gpc]},'
        f'"gpc_conflict":{_TRUTH[record.gpc_conflict]},"gpc_overridden":{_TRUTH[record.gpc_overridden]},'
        f'"jurisdiction":{_or_null(record.jurisdiction)},"language":{_or_null(record.language)},'
        f'"method":"{record.method.value}","notice":{_or_null(record.notice)},'
        f'"policy_hash":{_text(record.policy_hash)},"purposes":{{{purposes}}},"record_id":"{record.record_id}",'
        f'"recorded_at":"{record.recorded_at.isoformat(timespec="milliseconds")}",'
        f'"revision":{_text(record.revision)},"sdk_version":{_text(record.sdk_version)},'
        f'"services":[{",".join(map(_text, record.services))}],"site":{_text(record.site)},'
        f'"subject":{_or_null(subject)},"supersedes":{_or_null(supersedes)},"surface":"{record.surface.value}",'
        f'"valid_until":"{record.valid_until.isoformat(timespec="seconds")}"}}'
    )
    try:
        return written.encode()
    except UnicodeEncodeError:
        raise FormatError("a text with half a character in it") from None


def _or_null(text: str | None) -> str:
    return "null" if text is None else _text(text)


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
