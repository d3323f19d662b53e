"""What a verifier reads in a record: its canonical bytes, checked, without the ledger that wrote them.

The bytes are the evidence and are never written anew. Fields of a later version may stand among those known here; one
of these missing or of the wrong kind makes it no record. Not what the answers mean, which no verdict depends on.

Sources: RFC 8785; RFC 9562 §5.7 (the time in a UUIDv7).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from . import canonical
from .errors import FormatError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

#: A text in its one spelling: what has a short escape uses it, what needs none has none.
TEXT = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\bfnrt]|u00(?:0[0-7bef]|1[0-9a-f]))[^"\\\x00-\x1f]*+)*+"'
_MAYBE_TEXT = rb"(?:null|" + TEXT + rb")"
_BOOL = rb"(?:true|false)"
_ID = rb'"[A-Za-z0-9_.-]{1,64}"'
_UUID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_MOMENT = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"

#: Field to its spelling, in the order in which they stand.
_FIELDS = {
    "browser": _MAYBE_TEXT,
    "device_class": _MAYBE_TEXT,
    "duration": TEXT,
    "event": rb'"(?P<event>[a-z_]{1,40})"',
    "gpc": _BOOL,
    "gpc_conflict": _BOOL,
    "gpc_overridden": _BOOL,
    "jurisdiction": _MAYBE_TEXT,
    "language": _MAYBE_TEXT,
    "method": TEXT,
    "notice": rb'(?:null|"(?P<notice>[0-9a-f]{64})")',
    "policy_hash": TEXT,
    "purposes": rb"\{(?P<purposes>(?:" + _ID + rb":" + _BOOL + rb"(?:," + _ID + rb":" + _BOOL + rb")*+)?)\}",
    "record_id": rb'"(?P<record_id>' + _UUID + rb')"',
    "recorded_at": rb'"(?P<recorded_at>' + _MOMENT + rb'\.[0-9]{3}\+00:00)"',
    "revision": TEXT,
    "sdk_version": TEXT,
    "services": rb"\[(?:" + _ID + rb"(?:," + _ID + rb")*+)?\]",
    "site": rb"(?P<site>" + TEXT + rb")",
    "subject": rb'(?:null|"(?P<subject>[0-9a-f]{32})")',
    "supersedes": rb'(?:null|"' + _UUID + rb'")',
    "surface": TEXT,
    "valid_until": rb'"' + _MOMENT + rb'\+00:00"',
}
_SPELLING = {name: re.compile(spelling) for name, spelling in _FIELDS.items()}
_BODY = re.compile(rb"\{" + rb",".join(b'"%b":%b' % (name.encode(), s) for name, s in _FIELDS.items()) + rb"\}")
_IDS = re.compile(_ID)


class Facts(NamedTuple):
    """What the verdict needs of a record. A tuple, since there are millions of them.

    :param recorded_at: ISO 8601 with milliseconds, UTC.
    :param notice: SHA-256 of the words that were shown, hexadecimal; ``None`` where unknown.
    :param subject: 32 hexadecimal digits; ``None`` for a refusal.
    """

    record_id: str
    recorded_at: str
    site: str
    event: str
    notice: str | None
    subject: str | None

    @property
    def day(self) -> str:
        """The day in UTC that the leaf bears."""
        return self.recorded_at[:10]


def read(body: bytes) -> Facts:
    """The facts in the record *body*.

    :raises FormatError: it is no record, or not canonical.
    """
    found = _BODY.fullmatch(body)
    if found is None or not body.isascii() or b"\\" in found["site"]:
        return _read_slowly(body)
    event, notice, purposes, record_id, recorded_at, site, subject = found.groups()
    asked = _IDS.findall(purposes)
    if asked != sorted(set(asked)):
        raise FormatError("not in canonical form")
    return _checked(
        Facts(
            record_id.decode(),
            recorded_at.decode(),
            site[1:-1].decode(),
            event.decode(),
            notice.decode() if notice else None,
            subject.decode() if subject else None,
        )
    )


def _read_slowly(body: bytes) -> Facts:
    """As :func:`read`, by way of the value: for what is rare, and to say what is wrong."""
    value = canonical.decode(body)
    if not isinstance(value, dict):
        raise FormatError("a record that is no object")
    for name, spelling in _SPELLING.items():
        if name not in value:
            raise FormatError(f"a record without {name}")
        if not spelling.fullmatch(canonical.encode(value[name])):
            raise FormatError(f"a record with a wrong {name}")
    return _checked(Facts(**{name: value[name] for name in Facts._fields}))


def _checked(facts: Facts) -> Facts:
    try:
        moment = datetime.fromisoformat(facts.recorded_at)
    except ValueError:
        raise FormatError(f"no such time: {facts.recorded_at}") from None
    stamp = int(facts.record_id[:8] + facts.record_id[9:13], 16)
    if (moment - _EPOCH) // _MILLISECOND != stamp:
        raise FormatError("a record whose time is not the one in its id")
    return facts
