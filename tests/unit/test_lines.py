"""Lines of an export: read as they were written, by a pattern or by way of the value, and in one spelling only."""

from __future__ import annotations

import dataclasses
import json
import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Duration, Method
from consent.ledger import body as bodies
from consent.ledger.record import Event, Record, Surface, new_id
from consent.proof import canonical, leaf, lines, opening
from consent.proof.errors import FormatError
from consent.proof.lines import Header, LeafLine, Trailer, Unsequenced

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SALT = bytes(range(32))
PROOF = (bytes(32), b"\xff" * 32)
FIELDS: dict[str, Any] = {
    "browser": "Firefox",
    "device_class": None,
    "duration": "persistent",
    "event": "given",
    "gpc": False,
    "gpc_conflict": False,
    "gpc_overridden": True,
    "jurisdiction": "IE",
    "language": "en",
    "method": "custom",
    "notice": "a" * 64,
    "policy_hash": "b" * 64,
    "purposes": {"functional": True, "marketing": False, "statistics": True},
    "record_id": str(new_id(NOON, bytes(10))),
    "recorded_at": "2026-11-22T12:00:00.000+00:00",
    "revision": "1a2b3c4d",
    "sdk_version": "0.1.0",
    "services": ["youtube"],
    "site": "shop",
    "subject": "0" * 32,
    "supersedes": None,
    "surface": "banner",
    "valid_until": "2027-05-21T12:00:00+00:00",
}
BODY = canonical.encode(FIELDS)
RECORD = leaf.record(leaf.commitment(SALT, BODY), "2026-11-22")
NOTICE = leaf.notice(digest="c" * 64, html="d" * 64, language="en", revision="1a2b3c4d", day="2026-11-22")
EDITION = leaf.edition("e" * 64, "2026-11-22")
ERASURE = leaf.erasure(0, "2026-11-22")
FACTS = opening.read(BODY)

#: Lines with what they say.
SAMPLES: dict[bytes, LeafLine | Unsequenced | Trailer] = {
    lines.leaf_line(7, RECORD, body=BODY, salt=SALT): LeafLine(7, RECORD, leaf.parse(RECORD), BODY, SALT, FACTS),
    lines.leaf_line(7, RECORD, body=BODY, salt=SALT, proof=PROOF): LeafLine(
        7, RECORD, leaf.parse(RECORD), BODY, SALT, FACTS, proof=PROOF
    ),
    lines.leaf_line(0, RECORD): LeafLine(0, RECORD, leaf.parse(RECORD)),
    lines.leaf_line(0, RECORD, proof=()): LeafLine(0, RECORD, leaf.parse(RECORD), proof=()),
    lines.leaf_line(2**53 - 1, ERASURE): LeafLine(2**53 - 1, ERASURE, leaf.parse(ERASURE)),
    lines.leaf_line(2**53 - 1, RECORD, body=BODY, salt=SALT): LeafLine(
        2**53 - 1, RECORD, leaf.parse(RECORD), BODY, SALT, FACTS
    ),
    lines.notice_line(1, NOTICE, 'Wörter "und" mehr', "<p>\n</p>"): LeafLine(
        1, NOTICE, leaf.parse(NOTICE), notice=('Wörter "und" mehr', "<p>\n</p>")
    ),
    lines.notice_line(1, NOTICE, "", "", PROOF): LeafLine(1, NOTICE, leaf.parse(NOTICE), notice=("", ""), proof=PROOF),
    lines.edition_line(2, EDITION, '{"since":"é"}'.encode(), PROOF): LeafLine(
        2, EDITION, leaf.parse(EDITION), edition=b'{"since":"\xc3\xa9"}', proof=PROOF
    ),
    lines.unsequenced_line(BODY, SALT): Unsequenced(BODY, SALT, FACTS),
    lines.manifest_line("a note\n\n— x y\n"): Trailer("a note\n\n— x y\n"),
}


def outcome(reader: Any, line: bytes) -> object:
    """What a reader makes of a line: its value, or that it refuses; any other error fails the test."""
    try:
        return reader(line)
    except FormatError:
        return FormatError


@pytest.mark.parametrize("line", SAMPLES)
def test_lines_round_trip(line: bytes) -> None:
    """Each kind of line is one canonical object and one newline, and is read as it was written."""
    assert lines.read(line) == SAMPLES[line]
    assert canonical.encode(json.loads(line)) + b"\n" == line


@pytest.mark.parametrize("line", SAMPLES)
def test_both_ways_of_reading_agree(line: bytes) -> None:
    """The patterns for what is frequent find what reading the value finds, in these lines and in every changed one."""
    assert lines._read_slowly(line) == SAMPLES[line]
    for at in range(len(line) + 1):
        for byte in (b"", b"0", b"a", b'"', b",", b"}", b"\\", b" ", b"\n", b"\x80"):
            for changed in {line[:at] + byte + line[at + 1 :], line[:at] + byte + line[at:]} - {line}:
                found = outcome(lines.read, changed)
                assert found == outcome(lines._read_slowly, changed), changed
                assert found != SAMPLES[line], changed


@pytest.mark.parametrize("name", FIELDS)
def test_both_ways_of_reading_a_record_agree(name: str) -> None:
    """Whatever stands in one field, a record is refused by both ways or read alike by both."""
    texts = ("", "x", "é", 'a"b', "f" * 64, "f" * 32, "2026-11-22T12:00:00+00:00")
    for value in (*texts, None, True, 1, [], {}, ["a"], ["a,b"], {"a": True}, {"a,b": True}, {'"': True}, {"a": 1}):
        body = canonical.encode({**FIELDS, name: value})
        fast = outcome(opening.read, body)
        assert fast == outcome(opening._read_slowly, body)
        if fast is not FormatError and name in opening.Facts._fields:
            assert getattr(fast, name) == value


@pytest.mark.parametrize("name", FIELDS)
def test_fields_that_are_missing(name: str) -> None:
    """A record without one of its fields is none, and the message says which."""
    rest = {key: value for key, value in FIELDS.items() if key != name}
    with pytest.raises(FormatError, match=f"without {name}$"):
        opening.read(canonical.encode(rest))


def test_fields_of_a_later_version() -> None:
    """A record with more fields than are known here is read."""
    assert opening.read(canonical.encode({**FIELDS, "aaa": [1], "zzz": {"a": None}})) == FACTS


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        BODY + b" ",
        BODY[:-1],
        BODY.replace(b'"functional":true,"marketing":false', b'"marketing":false,"functional":true'),
        BODY.replace(b'"functional":true,', b'"functional":true,"functional":true,'),
        BODY.replace(b'"functional":true,', b'"functional":false,"functional":true,'),
        BODY.replace(b'"Firefox"', b'"Fire\xff"'),
        BODY.replace(b'"Firefox"', b'"\\u0046irefox"'),
        BODY.replace(b'"Firefox"', b'"Fire\tfox"'),
        BODY.replace(b"12:00:00.000", b"12:00:00.001"),
        BODY.replace(b"2026-11-22T12:00:00.000", b"2026-11-31T12:00:00.000"),
        BODY.replace(b"12:00:00.000+00:00", b"13:00:00.000+01:00"),
        BODY.replace(b'"recorded_at":"2026', b'"recorded_at":"1026'),
    ],
)
def test_what_is_no_record(body: bytes) -> None:
    """Another order, a field twice, another spelling, no UTF-8, or a time that is not the id's: no record."""
    with pytest.raises(FormatError):
        opening.read(body)
    with pytest.raises(FormatError):
        lines.read(lines.leaf_line(7, RECORD, body=body, salt=SALT))
    with pytest.raises(FormatError):
        lines.read(lines.unsequenced_line(body, SALT))


_WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_IDS = st.from_regex(r"[a-z][a-z0-9_-]{0,39}", fullmatch=True)
_UTC = st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
RECORDS = st.builds(
    Record,
    record_id=st.builds(new_id, _UTC, st.binary(min_size=10, max_size=10)),
    site=_IDS,
    subject=st.none() | st.binary(min_size=16, max_size=16),
    event=st.sampled_from(Event),
    purposes=st.dictionaries(_IDS, st.booleans(), max_size=5),
    services=st.lists(_IDS, max_size=4, unique=True).map(lambda ids: tuple(sorted(ids))),
    duration=st.sampled_from(Duration),
    valid_until=_UTC,
    revision=st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
    policy_hash=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    notice=st.none() | st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    language=st.none() | st.sampled_from(["en", "pt-BR"]),
    method=st.sampled_from(Method),
    surface=st.sampled_from(Surface),
    gpc=st.booleans(),
    gpc_conflict=st.booleans(),
    gpc_overridden=st.booleans(),
    sdk_version=_WORDS,
    jurisdiction=st.none() | st.sampled_from(["IE", "DE"]),
    device_class=st.none() | _WORDS,
    browser=st.none() | _WORDS,
    supersedes=st.none() | st.uuids(),
)


@given(RECORDS)
def test_what_the_ledger_writes_is_read(record: Record) -> None:
    """Every record that the ledger spells is one that the verifier reads, with the same facts."""
    body = bodies.encode(record)
    facts = opening.read(body)
    assert facts == opening._read_slowly(body)
    assert uuid.UUID(facts.record_id) == record.record_id
    assert datetime.fromisoformat(facts.recorded_at) == record.recorded_at
    assert facts.day == record.recorded_at.date().isoformat()
    assert (facts.site, facts.event, facts.notice) == (record.site, record.event.value, record.notice)
    assert facts.subject == (record.subject.hex() if record.subject else None)
    found = lines.read(lines.leaf_line(3, RECORD, body=body, salt=SALT))
    assert isinstance(found, LeafLine)
    assert (found.body, found.facts) == (body, facts)


@given(_WORDS, _WORDS, st.lists(st.binary(min_size=32, max_size=32), max_size=3))
def test_any_words_of_a_notice_round_trip(text: str, html: str, proof: list[bytes]) -> None:
    """Words in any script come back as they were, on one line."""
    line = lines.notice_line(1, NOTICE, text, html, proof)
    found = lines.read(line)
    assert line.count(b"\n") == 1
    assert isinstance(found, LeafLine)
    assert (found.notice, found.proof) == ((text, html), tuple(proof))


def test_half_an_opening() -> None:
    """A record is written with its salt or not at all."""
    with pytest.raises(ValueError, match="opening"):
        lines.leaf_line(1, RECORD, body=BODY)
    with pytest.raises(ValueError, match="opening"):
        lines.leaf_line(1, RECORD, salt=SALT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"type":"leaf"', b'"type":"leave"'),
        (b'"index":7', b'"index":-7'),
        (b'"index":7', b'"index":07'),
        (b'"index":7', b'"index":"7"'),
        (b'"index":7', b'"index":true'),
        (b'"index":7', b'"index":9007199254740992'),
        (b'"salt":"00', b'"salt":"'),
        (b'"salt":"00', b'"salt":"0G'),
        (b'"salt":"' + SALT.hex().encode(), b'"salt":"' + SALT.hex().upper().encode()),
        (b'"proof":["', b'"proof":[["'),
        (b'"proof":["', b'"proof":["00'),
        (b'"record":', b'"Record":'),
        (b'"record":', b'"recorc":0,"record":'),
        (b'"record":' + BODY + b",", b""),
        (b',"salt":"' + SALT.hex().encode() + b'"', b""),
        (b'"record":' + BODY, b'"record":"x"'),
        (b'"kind":"record"', b'"kind":"recorc"'),
        (RECORD, ERASURE),
        (RECORD, b"null"),
        (b"\n", b""),
        (b"\n", b"\r\n"),
        (b"\n", b"\n\n"),
        (b"{", b"\xef\xbb\xbf{"),
    ],
)
def test_leaves_that_are_none(old: bytes, new: bytes) -> None:
    """Other types, other fields, half an opening and an opening of what has none are refused in one line."""
    line = lines.leaf_line(7, RECORD, body=BODY, salt=SALT, proof=PROOF)
    assert old in line
    with pytest.raises(FormatError) as caught:
        lines.read(line.replace(old, new, 1) if old != b"\n" else line.replace(old, new))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        b'{"type":"export"}\n',
        b'{"type":["leaf"]}\n',
        b'{"record":{},"salt":7,"type":"unsequenced"}\n',
        b'{"manifest":7,"type":"manifest"}\n',
        b'{"manifest":"x","type":"manifest","x":1}\n',
        b'{"index":1,"leaf":%b,"notice":"x","type":"leaf"}\n' % NOTICE,
        b'{"index":1,"leaf":%b,"notice":{"html":"x"},"type":"leaf"}\n' % NOTICE,
        b'{"index":1,"leaf":%b,"notice":{"html":"x","text":1},"type":"leaf"}\n' % NOTICE,
        b'{"edition":"x","index":1,"leaf":%b,"type":"leaf"}\n' % EDITION,
        b'{"edition":{},"index":1,"leaf":%b,"type":"leaf"}\n' % NOTICE,
        b'{"index":1,"leaf":%b,"proof":null,"type":"leaf"}\n' % EDITION,
        b'{"' + b"\x1b[2J" * 30 + b'":1,"index":1,"leaf":%b,"type":"leaf"}\n' % EDITION,
        b'{"\x7f":1,"index":1,"leaf":%b,"type":"leaf"}\n' % EDITION,
        b"[" * 100_000 + b"\n",
        b"x" * (lines.LONGEST + 1),
        b'{"record":{' + b'{"' * 500_000 + b'},"salt":"%b","type":"unsequenced"}\n' % (b"0" * 64),
        b'{"record":{' + b'"' * 1_000_001 + b'},"salt":"%b","type":"unsequenced"}\n' % (b"0" * 64),
    ],
)
def test_lines_that_are_none(line: bytes) -> None:
    """Whatever else stands on a line is refused soon, in a few plain characters."""
    with pytest.raises(FormatError) as caught:
        lines.read(line)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@given(st.binary())
def test_anything_else_is_no_line(data: bytes) -> None:
    """Random bytes are no line and never crash a reader."""
    for reader in (lines.read, lines.read_header):
        assert outcome(reader, data) is FormatError
        assert outcome(reader, data + b"\n") is FormatError


HEADER = Header(
    origin="example.org/shop",
    site="shop",
    made_at="2026-11-22T12:00:00+00:00",
    checkpoint="example.org/shop\n8\n",
    filter={"event": ["given"], "since": None},
    consistency=((4, PROOF), (0, ())),
)


def header(**changes: Any) -> bytes:
    """The line of HEADER with some values changed."""
    values = {field.name: getattr(HEADER, field.name) for field in dataclasses.fields(HEADER)}
    return lines.header_line(**{**values, "made_at": NOON, **changes})


def test_headers_round_trip() -> None:
    """A header is read as it was written, in the documented spelling."""
    assert lines.read_header(header()) == HEADER
    plain = header(filter=None, consistency=())
    assert lines.read_header(plain) == dataclasses.replace(HEADER, filter=None, consistency=())
    assert plain == (
        b'{"checkpoint":"example.org/shop\\n8\\n","consistency":[],"filter":null,"format":"consentry-export/1",'
        b'"made_at":"2026-11-22T12:00:00+00:00","origin":"example.org/shop","site":"shop","type":"export"}\n'
    )
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5))).replace(microsecond=7)
    assert header(made_at=elsewhere) == header()


def test_every_changed_byte_of_a_header() -> None:
    """A header with a bit changed is refused, or says something else."""
    line = header()
    for at, old in enumerate(line):
        for bit in range(8):
            changed = line[:at] + bytes([old ^ 1 << bit]) + line[at + 1 :]
            assert outcome(lines.read_header, changed) != HEADER


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"consentry-export/1", b"consentry-export/2"),
        (b'"type":"export"', b'"type":"exports"'),
        (b'"site":"shop",', b""),
        (b'"site":"shop"', b'"site":7'),
        (b'"site":"shop"', b'"site":"shop","sitf":1'),
        (b"12:00:00+", b"12:00:00.5+"),
        (b"12:00:00+00:00", b"25:00:00+00:00"),
        (b"2026-11-22T12", b"2026-02-30T12"),
        (b'"made_at":"2026-11-22T12:00:00+00:00"', b'"made_at":null'),
        (b'"size":4', b'"size":-4'),
        (b'"size":4', b'"size":true'),
        (b'"size":4', b'"size":"4"'),
        (b'"proof":["00', b'"proof":["'),
        (b'"proof":[]', b'"proof":null'),
        (b'{"proof":[],"size":0}', b"0"),
        (b'"consistency":[', b'"consistency":[{},'),
        (b'"filter":{', b'"filter":[{'),
        (b'"checkpoint":"', b'"checkpoint": "'),
        (b"\n", b""),
    ],
)
def test_headers_that_are_none(old: bytes, new: bytes) -> None:
    """Another format, missing or foreign fields and wrong values are refused."""
    assert old in header()
    with pytest.raises(FormatError):
        lines.read_header(header().replace(old, new))
    with pytest.raises(FormatError):
        lines.read_header(b" " + header())
