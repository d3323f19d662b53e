"""What stands in the log for all to see, and how it binds what does not.

A leaf is public for ever: it holds neither an id nor a time finer than the day. A record is in it only as a commitment
under a random salt; whoever has record and salt, the *opening*, can show that they fit, and once the salt is deleted
nobody can. Not the record itself: that is private, and the ledger's.

Sources: RFC 6962 §2.1; RFC 2104 (HMAC, which hides and binds under a random key); GDPR Art. 17 (erasure), Art. 5(1)(e).
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, ClassVar

from . import canonical, merkle
from .errors import FormatError

#: Bytes of a salt; random, one for each record.
SALT_BYTES = 32

_LEAF = b"consentry-leaf/1\n"
_RECORD = b"consentry-record/1\n"

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RECORD_LEAF = re.compile(rb'\{"commitment":"([0-9a-f]{64})","day":"([0-9]{4}-[0-9]{2}-[0-9]{2})","kind":"record"\}')
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class RecordLeaf:
    """A record was kept on this day.

    :param commitment: 32 bytes, see :func:`commitment`.
    :param day: ``YYYY-MM-DD`` in UTC, here and in every leaf.
    """

    kind: ClassVar[str] = "record"
    commitment: bytes
    day: str


@dataclass(frozen=True, slots=True)
class NoticeLeaf:
    """From this day on visitors could be shown these words.

    :param digest: SHA-256 of the text, hexadecimal.
    :param html: SHA-256 of the rendered page, hexadecimal.
    """

    kind: ClassVar[str] = "notice"
    day: str
    digest: str
    html: str
    language: str
    revision: str


@dataclass(frozen=True, slots=True)
class EditionLeaf:
    """From this day on the site's policy was this one.

    :param digest: SHA-256 of the edition's canonical JSON, hexadecimal.
    """

    kind: ClassVar[str] = "edition"
    day: str
    digest: str


@dataclass(frozen=True, slots=True)
class ErasureLeaf:
    """On this day the opening of the record leaf *index*, which stands before, was deleted."""

    kind: ClassVar[str] = "erasure"
    day: str
    index: int


@dataclass(frozen=True, slots=True)
class PurgeLeaf:
    """On this day the openings of *count* record leaves from days earlier than *before* were deleted."""

    kind: ClassVar[str] = "purge"
    before: str
    count: int
    day: str


Leaf = RecordLeaf | NoticeLeaf | EditionLeaf | ErasureLeaf | PurgeLeaf


def hash_of(public: bytes) -> bytes:
    """The hash under which a leaf stands in the tree.

    :param public: The leaf's canonical JSON, as the builders below return it.
    """
    return merkle.leaf_hash(_LEAF + public)


def commitment(salt: bytes, body: bytes) -> bytes:
    """What binds a record without showing it.

    :param salt: 32 random bytes.
    :param body: Canonical JSON of the record.
    :raises ValueError: the salt has another length.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return hmac.digest(salt, _RECORD + body, "sha256")


def record(commitment: bytes, day: date | str) -> bytes:
    """The public part of a record's leaf; see :class:`RecordLeaf`."""
    day = day.isoformat() if isinstance(day, date) else day
    public = b'{"commitment":"%b","day":"%b","kind":"record"}' % (commitment.hex().encode(), day.encode())
    if not _RECORD_LEAF.fullmatch(public) or not _is_day(day):
        raise FormatError("a leaf of kind record with a wrong commitment or day")
    return public


def notice(*, digest: str, html: str, language: str, revision: str, day: date | str) -> bytes:
    """The public part of a notice's leaf; see :class:`NoticeLeaf`."""
    return _build("notice", digest=digest, html=html, language=language, revision=revision, day=day)


def edition(digest: str, day: date | str) -> bytes:
    """The public part of an edition's leaf; see :class:`EditionLeaf`."""
    return _build("edition", digest=digest, day=day)


def erasure(index: int, day: date | str) -> bytes:
    """The public part of an erasure's leaf; see :class:`ErasureLeaf`."""
    return _build("erasure", index=index, day=day)


def purge(before: date | str, count: int, day: date | str) -> bytes:
    """The public part of a purge's leaf; see :class:`PurgeLeaf`."""
    return _build("purge", before=before, count=count, day=day)


def parse(public: bytes) -> Leaf:
    """The leaf that *public* spells.

    :raises FormatError: it is none of the five kinds, holds something else or a wrong value, or is not canonical.
    """
    found = _RECORD_LEAF.fullmatch(public)
    if found:
        day = found[2].decode()
        if not _is_day(day):
            raise FormatError("a leaf of kind record with a wrong day")
        return RecordLeaf(bytes.fromhex(found[1].decode()), day)
    if len(public) > _LONGEST:
        raise FormatError("a leaf that is too long")
    value = canonical.decode(public)
    kind = value.pop("kind", None) if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in _FIELDS:
        raise FormatError("a leaf of an unknown kind")
    return _read(kind, value)


def _is_day(value: object) -> bool:
    return isinstance(value, str) and _is_in_the_calendar(value)


@lru_cache(maxsize=1024)
def _is_in_the_calendar(day: str) -> bool:
    try:
        return _DAY.fullmatch(day) is not None and bool(date.fromisoformat(day))
    except ValueError:
        return False


def _is_digest(value: object) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


#: Kind to its class and the check of every field but the kind.
_FIELDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "record": (RecordLeaf, {"commitment": _is_digest, "day": _is_day}),
    "notice": (
        NoticeLeaf,
        {"day": _is_day, "digest": _is_digest, "html": _is_digest, "language": _is_name, "revision": _is_name},
    ),
    "edition": (EditionLeaf, {"day": _is_day, "digest": _is_digest}),
    "erasure": (ErasureLeaf, {"day": _is_day, "index": _is_count}),
    "purge": (PurgeLeaf, {"before": _is_day, "count": _is_count, "day": _is_day}),
}


def _build(kind: str, **values: object) -> bytes:
    written = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
    _read(kind, written)
    return canonical.encode({"kind": kind, **written})


def _read(kind: str, values: dict[str, Any]) -> Leaf:
    built, checks = _FIELDS[kind]
    if values.keys() != checks.keys():
        raise FormatError(f"a leaf of kind {kind} with a field too many or too few")
    for name, is_fitting in checks.items():
        if not is_fitting(values[name]):
            raise FormatError(f"a leaf of kind {kind} with a wrong {name}")
    if kind == "record":
        return RecordLeaf(bytes.fromhex(values["commitment"]), values["day"])
    leaf: Leaf = built(**values)
    return leaf
