"""The lines of an export, ``consentry-export/1``: how each is written, and how each is read again.

One canonical JSON object and one newline a line: a header, the leaves in the order of the log, records that the log has
not taken up yet, and the signed manifest. What is stored goes in byte by byte and is never spelt anew. A reader here
tells whether one line is well formed; whether the lines together are true is the verdict's to say (:mod:`.verify`).

Source: NDJSON (newline-delimited JSON); RFC 8785.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from . import canonical, leaf, opening
from .errors import FormatError, shown

#: What the header says of the whole.
FORMAT = "consentry-export/1"
#: Longest line that is read, in bytes, with its newline.
LONGEST = 4 * 1024 * 1024

_HASH = re.compile(r"[0-9a-f]{64}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00")
#: A record's leaf, open or closed: nearly all lines of an export. What it does not fit is read by way of the value.
_RECORD_LEAF = re.compile(
    rb'\{"index":(0|[1-9][0-9]{0,14}),'
    rb'"leaf":(\{"commitment":"[0-9a-f]{64}","day":"[0-9]{4}-[0-9]{2}-[0-9]{2}","kind":"record"\}),'
    rb'(?:"proof":\[((?:"[0-9a-f]{64}"(?:,"[0-9a-f]{64}")*+)?)\],)?'
    rb'(?:"record":(\{.*\}),"salt":"([0-9a-f]{64})",)?'
    rb'"type":"leaf"\}\n'
)
_UNSEQUENCED = re.compile(rb'\{"record":(\{.*\}),"salt":"([0-9a-f]{64})","type":"unsequenced"\}\n')


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line.

    :param origin: The log's name, which its key goes by too.
    :param made_at: When the export was made; ISO 8601, UTC, to the second.
    :param checkpoint: The signed note over the tree that the leaves make up.
    :param filter: What was asked for; ``None`` for everything.
    :param consistency: Sizes of earlier checkpoints, and the proof that this tree begins with that one.
    """

    origin: str
    site: str
    made_at: str
    checkpoint: str
    filter: Mapping[str, Any] | None = None
    consistency: tuple[tuple[int, tuple[bytes, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class LeafLine:
    """One leaf.

    :param public: The leaf's canonical bytes, which :func:`.leaf.hash_of` hashes.
    :param leaf: What they say.
    :param body: The record behind it, where that is open, with its *salt* and its *facts*.
    :param notice: Text and HTML behind a notice's leaf.
    :param edition: Canonical bytes behind an edition's leaf.
    :param proof: Hashes that lead to the root, in a filtered export.
    """

    index: int
    public: bytes
    leaf: leaf.Leaf
    body: bytes | None = None
    salt: bytes | None = None
    facts: opening.Facts | None = None
    notice: tuple[str, str] | None = None
    edition: bytes | None = None
    proof: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True)
class Unsequenced:
    """A record that the log has not taken up yet: nothing but the manifest vouches for it."""

    body: bytes
    salt: bytes
    facts: opening.Facts


@dataclass(frozen=True, slots=True)
class Trailer:
    """The last line.

    :param manifest: The signed note, which :func:`.manifest.read` opens.
    """

    manifest: str


def header_line(
    *,
    origin: str,
    site: str,
    made_at: datetime,
    checkpoint: str,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 - the format's own word
    consistency: Sequence[tuple[int, Sequence[bytes]]] = (),
) -> bytes:
    """The first line; see :class:`Header`."""
    value = {
        "type": "export",
        "format": FORMAT,
        "origin": origin,
        "site": site,
        "made_at": made_at.astimezone(UTC).isoformat(timespec="seconds"),
        "checkpoint": checkpoint,
        "filter": None if filter is None else dict(filter),
        "consistency": [{"size": size, "proof": [value.hex() for value in proof]} for size, proof in consistency],
    }
    return canonical.encode(value) + b"\n"


def leaf_line(
    index: int,
    public: bytes,
    *,
    body: bytes | None = None,
    salt: bytes | None = None,
    proof: Sequence[bytes] | None = None,
) -> bytes:
    """A leaf: a record's with its opening, or any that is closed.

    :raises ValueError: half an opening is given.
    """
    if (body is None) != (salt is None):
        raise ValueError("an opening is a body and its salt")
    if body is None or salt is None:
        return b'{"index":%d,"leaf":%b,%b"type":"leaf"}\n' % (index, public, _proof(proof))
    parts = (index, public, _proof(proof), body, salt.hex().encode())
    return b'{"index":%d,"leaf":%b,%b"record":%b,"salt":"%b","type":"leaf"}\n' % parts


def notice_line(index: int, public: bytes, text: str, html: str, proof: Sequence[bytes] | None = None) -> bytes:
    """A notice's leaf with the words and the page behind it."""
    words = canonical.encode({"html": html, "text": text})
    return b'{"index":%d,"leaf":%b,"notice":%b,%b"type":"leaf"}\n' % (index, public, words, _proof(proof))


def edition_line(index: int, public: bytes, edition: bytes, proof: Sequence[bytes] | None = None) -> bytes:
    """An edition's leaf with the canonical bytes behind it."""
    return b'{"edition":%b,"index":%d,"leaf":%b,%b"type":"leaf"}\n' % (edition, index, public, _proof(proof))


def unsequenced_line(body: bytes, salt: bytes) -> bytes:
    """A record that the log has not taken up yet."""
    return b'{"record":%b,"salt":"%b","type":"unsequenced"}\n' % (body, salt.hex().encode())


def manifest_line(note: str) -> bytes:
    """The last line, around the signed note of :mod:`.manifest`."""
    return canonical.encode({"manifest": note, "type": "manifest"}) + b"\n"


def read_header(line: bytes) -> Header:
    """The header that *line* spells.

    :raises FormatError: it spells none, or one of another format.
    """
    value = _value(line)
    if value.get("type") != "export" or value.get("format") != FORMAT:
        raise FormatError(f"the first line is not the header of a {FORMAT}")
    _check_fields(value, {"checkpoint", "consistency", "filter", "format", "made_at", "origin", "site", "type"})
    _check(value["filter"] is None or isinstance(value["filter"], dict), "filter")
    _check(isinstance(value["consistency"], list), "consistency")
    return Header(
        origin=_text(value, "origin"),
        site=_text(value, "site"),
        made_at=_moment(value["made_at"]),
        checkpoint=_text(value, "checkpoint"),
        filter=value["filter"],
        consistency=tuple(_consistency(item) for item in value["consistency"]),
    )


def read(line: bytes) -> LeafLine | Unsequenced | Trailer:
    """What *line*, any but the first, spells.

    :raises FormatError: it spells nothing that stands in an export, or not in the one way there is.
    """
    if len(line) > LONGEST:
        raise FormatError(f"longer than the {LONGEST} bytes of a line")
    if found := _RECORD_LEAF.fullmatch(line):
        index, public, proof, body, salt = found.groups()
        return LeafLine(
            int(index),
            public,
            leaf.parse(public),
            body,
            bytes.fromhex(salt.decode()) if salt else None,
            opening.read(body) if body else None,
            proof=None if proof is None else _hashes(proof.decode().replace('"', "").split(",") if proof else []),
        )
    if found := _UNSEQUENCED.fullmatch(line):
        body, salt = found.groups()
        return Unsequenced(body, bytes.fromhex(salt.decode()), opening.read(body))
    return _read_slowly(line)


def _read_slowly(line: bytes) -> LeafLine | Unsequenced | Trailer:
    """As :func:`read`, by way of the value: for what is rare, and to say what is wrong."""
    value = _value(line)
    kind = value.get("type")
    if kind == "leaf":
        return _read_leaf(value)
    if kind == "unsequenced":
        _check_fields(value, {"record", "salt", "type"})
        body = canonical.encode(value["record"])
        return Unsequenced(body, _hashes([value["salt"]])[0], opening.read(body))
    if kind == "manifest":
        _check_fields(value, {"manifest", "type"})
        return Trailer(_text(value, "manifest"))
    raise FormatError("a line of an unknown type")


def _read_leaf(value: dict[str, Any]) -> LeafLine:
    public = canonical.encode(value.get("leaf"))
    said = leaf.parse(public)
    extra = _BEHIND.get(said.kind, set()) & value.keys()
    if said.kind == "record" and extra:
        extra = _BEHIND["record"]
    _check_fields(value, {"index", "leaf", "type"} | extra | ({"proof"} & value.keys()))
    index = value["index"]
    _check(type(index) is int and index >= 0, "index")
    proof = None
    if "proof" in value:
        _check(isinstance(value["proof"], list), "proof")
        proof = _hashes(value["proof"])
    line = LeafLine(index, public, said, proof=proof)
    if "record" in extra:
        body = canonical.encode(value["record"])
        return replace(line, body=body, salt=_hashes([value["salt"]])[0], facts=opening.read(body))
    if "notice" in extra:
        notice = value["notice"]
        _check(isinstance(notice, dict), "notice")
        _check_fields(notice, {"html", "text"})
        return replace(line, notice=(_text(notice, "text"), _text(notice, "html")))
    if "edition" in extra:
        _check(isinstance(value["edition"], dict), "edition")
        return replace(line, edition=canonical.encode(value["edition"]))
    return line


#: Kind of a leaf to the fields that open it.
_BEHIND = {"record": {"record", "salt"}, "notice": {"notice"}, "edition": {"edition"}}


def _proof(proof: Sequence[bytes] | None) -> bytes:
    if proof is None:
        return b""
    return b'"proof":[%b],' % b",".join(b'"%b"' % value.hex().encode() for value in proof)


def _value(line: bytes) -> dict[str, Any]:
    if len(line) > LONGEST:
        raise FormatError(f"longer than the {LONGEST} bytes of a line")
    if not line.endswith(b"\n"):
        raise FormatError("a line without its end")
    value = canonical.decode(line[:-1])
    if not isinstance(value, dict):
        raise FormatError("a line that is no object")
    return value


def _check(is_fitting: bool, field: str) -> None:
    if not is_fitting:
        raise FormatError(f"a wrong {field}")


def _check_fields(value: Mapping[str, Any], wanted: set[str]) -> None:
    for name in sorted(wanted - value.keys()):
        raise FormatError(f"without {name}")
    for name in sorted(value.keys() - wanted):
        raise FormatError(f"with a field that does not belong there: {shown(name)}")


def _text(value: Mapping[str, Any], name: str) -> str:
    text = value[name]
    _check(isinstance(text, str), name)
    return str(text)


def _moment(value: object) -> str:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise FormatError("a wrong made_at")
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise FormatError("a wrong made_at") from None
    return value


def _consistency(value: object) -> tuple[int, tuple[bytes, ...]]:
    if not isinstance(value, dict):
        raise FormatError("a wrong consistency")
    _check_fields(value, {"proof", "size"})
    size, proof = value["size"], value["proof"]
    if type(size) is not int or size < 0 or not isinstance(proof, list):
        raise FormatError("a wrong consistency")
    return size, _hashes(proof)


def _hashes(values: Sequence[object]) -> tuple[bytes, ...]:
    """32 bytes each, from hexadecimal digits."""
    if any(not (isinstance(value, str) and _HASH.fullmatch(value)) for value in values):
        raise FormatError("a hash or salt that is not 64 hexadecimal digits")
    return tuple(bytes.fromhex(str(value)) for value in values)
