"""The signed cookie: what it holds, and what is never believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Answer, Decision, Duration, Method, ReceiptError, decide
from consent.receipt import Receipts
from tests.policies import SMALL as TEXT
from tests.policies import changed, parse, policy

NOW = datetime(2026, 3, 3, 12, 34, 56, tzinfo=UTC)
SMALL = policy()
RECEIPTS = Receipts(SMALL, ["key"])


def decision(method: Method = Method.ACCEPT_ALL, **rest: object) -> Decision:
    """A decision about everything."""
    given_answer = Answer(method=method, asked=tuple(SMALL.purposes), **rest)  # type: ignore[arg-type]
    return decide(SMALL, None, given_answer, now=NOW, subject=bytes(range(16)))


DECISIONS = st.builds(
    Decision,
    answers=st.dictionaries(st.sampled_from(sorted(SMALL.purposes)), st.booleans()),
    services=st.frozensets(st.sampled_from(sorted(SMALL.service_tags))),
    duration=st.sampled_from(Duration),
    method=st.sampled_from(Method),
    decided_at=st.integers(0, 2**31).map(lambda s: datetime.fromtimestamp(s, UTC)),
    valid_until=st.integers(2**31 + 1, 2**32 - 1).map(lambda s: datetime.fromtimestamp(s, UTC)),
    subject=st.none() | st.binary(min_size=16, max_size=16),
    gpc_overridden=st.booleans(),
)


@given(DECISIONS)
def test_a_receipt_reads_back(written: Decision) -> None:
    """What was decided is what the next request sees."""
    assert RECEIPTS.read(RECEIPTS.write(written)) == written


@given(DECISIONS, st.data())
def test_any_flipped_bit_is_rejected(written: Decision, data: st.DataObject) -> None:
    """A receipt cannot be changed in a single bit that matters."""
    value = RECEIPTS.write(written)
    at = data.draw(st.integers(0, len(value) - 1))
    forged = value[:at] + chr(ord(value[at]) ^ data.draw(st.sampled_from([1, 2, 4, 8, 16, 32]))) + value[at + 1 :]
    try:
        assert RECEIPTS.read(forged) == written  # only the unused bits of base64's last character may differ
        assert at == len(value) - 1
    except ReceiptError:
        pass


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_receipt_or_a_receipt_error(value: str) -> None:
    """Nothing that a browser sends fails in another way."""
    with pytest.raises(ReceiptError):
        RECEIPTS.read(value)


@given(st.binary(max_size=80))
def test_any_signed_bytes_are_a_receipt_or_a_receipt_error(payload: bytes) -> None:
    """Not even a payload signed with our key breaks the reader."""
    try:
        RECEIPTS.read(RECEIPTS._seal.close(payload))
    except ReceiptError:
        pass


@pytest.mark.parametrize("cut", [1, 10, 43, 44, 60])
def test_a_truncated_receipt_is_rejected(cut: int) -> None:
    """Half a cookie is no cookie."""
    with pytest.raises(ReceiptError):
        RECEIPTS.read(RECEIPTS.write(decision())[:-cut])


def test_an_oversized_value_is_not_even_looked_at() -> None:
    """More than 4,096 characters are no receipt, however well signed."""
    with pytest.raises(ReceiptError) as caught:
        RECEIPTS.read(RECEIPTS._seal.close(b"x" * 4096))
    assert "longer than 4096" in str(caught.value.__cause__)


def test_another_site_and_another_key_are_rejected() -> None:
    """A receipt is good on its own site only, and only under a known key."""
    other_site = Receipts(parse(TEXT.replace('site = "example"', 'site = "other"')), ["key"])
    for elsewhere in (other_site, Receipts(SMALL, ["another key"])):
        with pytest.raises(ReceiptError):
            RECEIPTS.read(elsewhere.write(decision()))


def test_keys_rotate() -> None:
    """The newest key signs, older ones are still accepted, forgotten ones are not."""
    old, both, new = (Receipts(SMALL, keys) for keys in (["old"], ["old", "new"], ["new"]))
    assert both.read(old.write(decision())) == decision()
    assert new.read(both.write(decision())) == decision()
    with pytest.raises(ReceiptError):
        new.read(old.write(decision()))


def test_refusals_of_one_hour_are_one_cookie() -> None:
    """A full refusal identifies nobody: everyone who refuses within the hour gets the very same text."""
    asked = tuple(SMALL.purposes)
    refusals = {
        RECEIPTS.write(
            decide(SMALL, None, Answer(method=Method.REJECT_ALL, asked=asked), now=NOW + late, subject=bytes([n] * 16))
        )
        for n, late in enumerate((timedelta(0), timedelta(minutes=3), timedelta(minutes=25)))
    }
    assert len(refusals) == 1


def test_a_changed_service_is_not_granted_and_a_removed_one_is_forgotten() -> None:
    """Tags that no longer fit grant nothing; all the others stay."""
    value = RECEIPTS.write(decision())
    elsewhere = Receipts(changed('name = "Google Ireland Limited"', 'name = "Somebody Else"'), ["key"])
    assert elsewhere.read(value).services == decision().services - {"youtube"}
    assert elsewhere.read(value).answers == decision().answers


def test_a_purpose_asked_anew_stops_its_services() -> None:
    """A higher version of a purpose voids the answer to it and what was granted under it."""
    anew = Receipts(changed("[purposes.social]", "[purposes.social]\nversion = 2"), ["key"]).read(
        RECEIPTS.write(decision())
    )
    assert anew.services == {"colours", "matomo", "pixel"}
    assert set(anew.answers) == {"preferences", "statistics", "marketing"}


@pytest.mark.parametrize(("services", "limit"), [(16, 200), (60, 400)])
def test_a_receipt_is_small(services: int, limit: int) -> None:
    """With five purposes and sixteen granted services the cookie, name included, is under 200 bytes."""
    purposes = "".join(
        f'[purposes.p{n}]\n[purposes.p{n}.text]\nen = {{label = "P", description = "P"}}\n' for n in range(5)
    )
    declared = "".join(f'[services.s{n}]\npurpose = "p{n % 5}"\nname = "S"\n' for n in range(services))
    large = parse(f'site = "large"\n{purposes}{declared}')
    accepted = decide(
        large, None, Answer(method=Method.ACCEPT_ALL, asked=tuple(large.purposes)), now=NOW, subject=b"s" * 16
    )
    cookie = "__Host-consent=" + Receipts(large, ["key"]).write(accepted)
    assert len(cookie) < limit
