"""Leaves: what is public, what is bound, and that each has one spelling."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.proof import leaf
from consent.proof.errors import FormatError
from consent.proof.leaf import EditionLeaf, ErasureLeaf, NoticeLeaf, PurgeLeaf, RecordLeaf

DAY = "2026-11-22"
DIGEST, HTML = "d" * 64, "e" * 64
PUBLICS: dict[bytes, leaf.Leaf] = {
    leaf.record(bytes(range(32)), DAY): RecordLeaf(bytes(range(32)), DAY),
    leaf.notice(digest=DIGEST, html=HTML, language="pt-BR", revision="1a2b3c4d", day=DAY): NoticeLeaf(
        DAY, DIGEST, HTML, "pt-BR", "1a2b3c4d"
    ),
    leaf.edition(DIGEST, DAY): EditionLeaf(DAY, DIGEST),
    leaf.erasure(1_000_000, DAY): ErasureLeaf(DAY, 1_000_000),
    leaf.purge("2024-02-29", 0, DAY): PurgeLeaf("2024-02-29", 0, DAY),
}
SALT = bytes(range(100, 132))
_HASHES = st.binary(min_size=32, max_size=32)
_DAYS = st.dates(min_value=date(1970, 1, 1))


@pytest.mark.parametrize("public", PUBLICS)
def test_leaves_round_trip(public: bytes) -> None:
    """Each of the five kinds is read as it was built."""
    assert leaf.parse(public) == PUBLICS[public]
    assert json.loads(public)["kind"] == PUBLICS[public].kind


def test_the_documented_spelling() -> None:
    """Public parts are spelt as the format says, to the byte."""
    assert list(PUBLICS) == [
        b'{"commitment":"%b","day":"2026-11-22","kind":"record"}' % bytes(range(32)).hex().encode(),
        b'{"day":"2026-11-22","digest":"%b","html":"%b","kind":"notice","language":"pt-BR","revision":"1a2b3c4d"}'
        % (DIGEST.encode(), HTML.encode()),
        b'{"day":"2026-11-22","digest":"%b","kind":"edition"}' % DIGEST.encode(),
        b'{"day":"2026-11-22","index":1000000,"kind":"erasure"}',
        b'{"before":"2024-02-29","count":0,"day":"2026-11-22","kind":"purge"}',
    ]


def test_days_as_dates() -> None:
    """A day may be given as a date; a moment is none."""
    assert leaf.record(bytes(32), date(2026, 11, 22)) == leaf.record(bytes(32), DAY)
    assert leaf.purge(date(2024, 2, 29), 0, date(2026, 11, 22)) == leaf.purge("2024-02-29", 0, DAY)
    moment = datetime(2026, 11, 22, 10, tzinfo=UTC)
    with pytest.raises(FormatError):
        leaf.record(bytes(32), moment)
    with pytest.raises(FormatError):
        leaf.erasure(1, moment)


def test_hash_and_commitment() -> None:
    """A leaf's hash and a record's commitment are what the format says, and differ in use from each other."""
    public = leaf.erasure(1, DAY)
    assert leaf.hash_of(public) == hashlib.sha256(b"\0consentry-leaf/1\n" + public).digest()
    bound = leaf.commitment(SALT, b"{}")
    assert bound == hmac.new(SALT, b"consentry-record/1\n{}", "sha256").digest()


@given(_HASHES, _HASHES, st.binary(), st.binary())
def test_a_commitment_binds(salt: bytes, other: bytes, body: bytes, changed: bytes) -> None:
    """Another salt or another body gives another commitment."""
    bound = leaf.commitment(salt, body)
    assert (leaf.commitment(other, body) == bound) is (other == salt)
    assert (leaf.commitment(salt, changed) == bound) is (changed == body)


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_salts_of_another_length(size: int) -> None:
    """A salt has 32 bytes: a shorter one would hide less, and HMAC would take it padded."""
    with pytest.raises(ValueError, match="32 bytes"):
        leaf.commitment(bytes(size), b"{}")


@given(_HASHES, _DAYS, st.integers(0, 2**53 - 1), st.from_regex(r"[a-z]{2}(-[A-Z]{2})?", fullmatch=True))
def test_any_leaf_round_trips(value: bytes, day: date, number: int, language: str) -> None:
    """Whatever the values, a leaf is read as it was built."""
    written = day.isoformat()
    assert leaf.parse(leaf.record(value, day)) == RecordLeaf(value, written)
    assert leaf.parse(leaf.edition(value.hex(), day)) == EditionLeaf(written, value.hex())
    assert leaf.parse(leaf.erasure(number, day)) == ErasureLeaf(written, number)
    assert leaf.parse(leaf.purge(day, number, day)) == PurgeLeaf(written, number, written)
    built = leaf.notice(digest=value.hex(), html=value.hex(), language=language, revision="r1", day=day)
    assert leaf.parse(built) == NoticeLeaf(written, value.hex(), value.hex(), language, "r1")


@pytest.mark.parametrize("public", PUBLICS)
def test_every_changed_byte(public: bytes) -> None:
    """A public part with a byte changed, dropped or put in is none, or that of another leaf with another hash."""
    changes = set()
    for at in range(len(public) + 1):
        for byte in (b"", b"0", b"9", b"f", b"F", b"a", b'"', b",", b" ", b"\\", b"-", b"\n", b"\0", b"\xff"):
            changes |= {public[:at] + byte + public[at + 1 :], public[:at] + byte + public[at:]}
    for changed in changes - {public}:
        try:
            found = leaf.parse(changed)
        except FormatError:
            continue
        assert found != PUBLICS[public]
        assert leaf.hash_of(changed) != leaf.hash_of(public)


@pytest.mark.parametrize(
    "public",
    [
        b"",
        b"null",
        b"[]",
        b'"record"',
        b"{}",
        b'{"kind":"records"}',
        b'{"kind":1}',
        b'{"kind":["record"]}',
        b'{"kind":"record"}',
        b'{"day":"2026-11-22","kind":"record"}',
        b'{"commitment":null,"day":"2026-11-22","kind":"record"}',
        b'{"commitment":"%b","day":"2026-02-30","kind":"record"}' % (b"a" * 64),
        b'{"commitment":"%b","day":"0000-01-01","kind":"record"}' % (b"a" * 64),
        b'{"commitment":"%b","day":"2026-11-22","kind":"record","record_id":"x"}' % (b"a" * 64),
        b'{"commitment":"%b","day":"2026-11-22","kind":"record"} ' % (b"a" * 64),
        b'{"commitment":"%b","day":"2026-11-22","kind":"record"}' % (b"A" * 64),
        b'{"commitment":"%b","day":"2026-11-22","kind":"record"}' % (b"a" * 62),
        b'{"day":20261122,"index":1,"kind":"erasure"}',
        b'{"day":["2026-11-22"],"index":1,"kind":"erasure"}',
        b'{"day":"20261122","index":1,"kind":"erasure"}',
        b'{"day":"2026-W47-7","index":1,"kind":"erasure"}',
        b'{"day":"2026-11-22","index":-1,"kind":"erasure"}',
        b'{"day":"2026-11-22","index":true,"kind":"erasure"}',
        b'{"day":"2026-11-22","index":1.0,"kind":"erasure"}',
        b'{"day":"2026-11-22","index":"1","kind":"erasure"}',
        b'{"day":"2026-11-22","index":9007199254740992,"kind":"erasure"}',
        b'{"before":"2026-13-01","count":1,"day":"2026-11-22","kind":"purge"}',
        b'{"day":"2026-11-22","digest":"%b","html":"%b","kind":"notice","language":"","revision":"r"}'
        % (b"a" * 64, b"a" * 64),
        b'{"day":"2026-11-22","digest":"%b","html":"%b","kind":"notice","language":"en","revision":"%b"}'
        % (b"a" * 64, b"a" * 64, b"r" * 65),
        b'{"day":"2026-11-22","digest":"%b","kind":"edition","x":"%b"}' % (b"a" * 64, b"x" * 2000),
    ],
)
def test_what_is_no_leaf(public: bytes) -> None:
    """Other kinds, other fields, other types and days that are not in the calendar are refused."""
    with pytest.raises(FormatError):
        leaf.parse(public)


def test_leaves_that_are_not_built() -> None:
    """The builders refuse what the reader would refuse."""
    builders: list[Callable[[], bytes]] = [
        lambda: leaf.record(bytes(31), DAY),
        lambda: leaf.record(bytes(32), "2026-11-31"),
        lambda: leaf.record(bytes(32), '2026-11-22","x":"'),
        lambda: leaf.notice(digest="x", html=HTML, language="en", revision="r", day=DAY),
        lambda: leaf.notice(digest=DIGEST, html=HTML, language='en"', revision="r", day=DAY),
        lambda: leaf.edition(DIGEST.upper(), DAY),
        lambda: leaf.erasure(-1, DAY),
        lambda: leaf.erasure(2**53, DAY),
        lambda: leaf.purge(DAY, True, DAY),
    ]
    for build in builders:
        with pytest.raises(FormatError):
            build()


def test_nothing_private_is_public() -> None:
    """A record's public part is its commitment, its day and its kind: no id, no finer time, no site, no visitor."""
    assert json.loads(leaf.record(bytes(32), DAY)).keys() == {"commitment", "day", "kind"}
