"""From a Cookie header to what its visitor may have."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Answer, Decision, Duration, Method, StoreError, decide
from consent.gate.cookies import CookieRules
from consent.ledger import Revocation
from consent.ledger.moments import milliseconds
from consent.ledger.revocations import EVER, Revocations, Row
from consent.receipt import Receipts
from consent.standing import Standing, Standings, receipt_in
from tests.policies import policy

NOW = datetime(2026, 3, 3, 12, 34, 56, tzinfo=UTC)
SMALL = policy()
RECEIPTS = Receipts(SMALL, ["key"])
STANDINGS = Standings(SMALL, RECEIPTS, CookieRules(SMALL, {"consent"}))


def receipt(method: Method = Method.ACCEPT_ALL, duration: Duration = Duration.PERSISTENT) -> str:
    """A receipt for everything, or for nothing."""
    answer = Answer(method=method, asked=tuple(SMALL.purposes), duration=duration)
    return RECEIPTS.write(decide(SMALL, None, answer, now=NOW, subject=b"s" * 16))


def services(header: str | None, *, late: timedelta = timedelta(0), gpc: bool = False) -> set[str]:
    """What the visitor with this header may have."""
    return set(STANDINGS.read(header, "consent", gpc=gpc, now=(NOW + late).timestamp()).grants.services)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("consent=a.b", "a.b"),
        ("x=1; consent=a.b; y=2", "a.b"),
        ("x=1;consent=a.b", "a.b"),
        ("consent= a ", "a"),
        ("xconsent=no; consent=a", "a"),
        ("x=consent=no; consent=a", "a"),
        ("xconsent=no", None),
        ("consentx=no", None),
        ("x=consent=no", None),
        ("consent=a; consent=b", None),
        ("consent=a; consent=a", None),
        ("consent", None),
        ("", None),
    ],
)
def test_one_receipt_is_found_in_a_header(header: str, value: str | None) -> None:
    """By its exact name, and not if it stands there twice."""
    assert receipt_in(header, "consent") == value


def test_a_receipt_counts_within_its_time_whatever_is_remembered() -> None:
    """The memory for headers never outlives a decision."""
    header = f"consent={receipt()}"
    for late, everything in ((-1, False), (0, True), (180, True), (190, False), (0, True)):
        assert (services(header, late=timedelta(days=late)) == set(SMALL.services)) is everything
    session = f"consent={receipt(duration=Duration.SESSION)}"
    assert services(session) == set(SMALL.services)
    assert services(session, late=timedelta(hours=24)) == {"login"}


def test_what_may_not_stay_is_named() -> None:
    """For the undecided, for those who refused, and for those whose grant has ended."""
    for value in ("", receipt(Method.REJECT_ALL), "forged"):
        found = STANDINGS.read(f"consent={value}; _ad=1; other=2", "consent", gpc=False, now=NOW.timestamp())
        assert found.unwelcome == ("_ad",)
    header = f"consent={receipt()}; _ad=1"
    assert STANDINGS.read(header, "consent", gpc=False, now=NOW.timestamp()).unwelcome == ()
    assert STANDINGS.read(header, "consent", gpc=False, now=(NOW + timedelta(days=400)).timestamp()).unwelcome == (
        "_ad",
    )
    assert STANDINGS.read(header, "consent", gpc=True, now=NOW.timestamp()).unwelcome == ("_ad",)


@given(st.text())
def test_any_header_grants_nothing_by_itself(header: str) -> None:
    """Nothing that a browser sends unsigned opens anything, or fails."""
    assert services(header) == {"login"}
    assert services("consent=" + header) == {"login"}


def revocable(*revoked: Revocation, away: bool = False) -> tuple[Standings, Revocations]:
    """Standings that know of revocations, and what they know."""

    def load(_: datetime | None) -> list[list[Row]]:
        if away:
            raise StoreError("away")
        return [[(one.subject, milliseconds(one.not_before), milliseconds(one.until)) for one in revoked]]

    revocations = Revocations(load, lambda: NOW)
    if not away:
        revocations.refresh()
    return Standings(SMALL, RECEIPTS, CookieRules(SMALL, {"consent"}), revocations), revocations


def test_a_revoked_receipt_makes_its_visitor_undecided() -> None:
    """From the very moment on, although the header was read and remembered before; what it stored may not stay."""
    standings, revocations = revocable()
    header = f"consent={receipt()}; _ad=1"
    first = standings.read(header, "consent", gpc=False, now=NOW.timestamp())
    assert first.grants.services == frozenset(SMALL.services)
    revocations.add(Revocation(subject=b"s" * 16, not_before=EVER, until=NOW + timedelta(days=400)))
    found = standings.read(header, "consent", gpc=False, now=NOW.timestamp())
    assert found.receipt is None
    assert found.sure
    assert found.grants.services == {"login"}
    assert found.unwelcome == ("_ad",)


def test_a_receipt_of_after_the_revocation_counts() -> None:
    """A part was taken back: the new receipt stands, the copies of the old one do not."""
    standings, _ = revocable(
        Revocation(subject=b"s" * 16, not_before=NOW + timedelta(minutes=1), until=NOW + timedelta(days=400))
    )
    answer = Answer(method=Method.CUSTOM, asked=tuple(SMALL.purposes), purposes=frozenset({"social"}))
    for late, subject, counts in ((0, b"s", False), (59, b"s", False), (60, b"s", True), (0, b"o", True)):
        made = decide(SMALL, None, answer, now=NOW + timedelta(seconds=late), subject=subject * 16)
        header = f"consent={RECEIPTS.write(made)}"
        found = standings.read(header, "consent", gpc=False, now=NOW.timestamp() + 120)
        assert ("youtube" in found.grants.services) is counts


def test_before_the_store_was_reached_no_subject_is_granted_anything() -> None:
    """But nobody is asked again, and nobody loses a cookie: the receipt is still there, and counts as soon as known."""
    standings, revocations = revocable(away=True)
    header = f"consent={receipt()}; _ad=1; colours=1"
    found = standings.read(header, "consent", gpc=False, now=NOW.timestamp())
    assert found.grants.services == {"login"}
    assert found.grants.purposes == {"necessary"}
    assert found.receipt is not None
    assert not found.sure
    assert found.unwelcome == ()
    assert found.grants.variant not in {standings.everybody.grants.variant, read_alone(header).grants.variant}
    revocations._load = lambda _: ()
    revocations.refresh()
    assert standings.read(header, "consent", gpc=False, now=NOW.timestamp()) == read_alone(header)


def read_alone(header: str) -> Standing:
    """What the visitor has where nothing can be revoked."""
    return STANDINGS.read(header, "consent", gpc=False, now=NOW.timestamp())


def test_who_refused_waits_for_nothing() -> None:
    """A receipt without a subject, and none at all, never wait for the store."""
    standings, _ = revocable(away=True)
    begin = time.monotonic()
    for header in (None, "other=1", "consent=forged", f"consent={receipt(Method.REJECT_ALL)}"):
        assert standings.read(header, "consent", gpc=False, now=NOW.timestamp()).sure
    assert time.monotonic() - begin < 0.2


def test_the_first_who_has_a_subject_waits_a_moment() -> None:
    """A quarter of a second, once per process, however many ask."""
    standings, _ = revocable(away=True)
    begin = time.monotonic()
    for _ in range(100):
        assert not standings.read(f"consent={receipt()}", "consent", gpc=False, now=NOW.timestamp()).sure
    assert 0.2 < time.monotonic() - begin < 1


@given(st.binary(min_size=16, max_size=16), st.booleans())
def test_a_revocation_concerns_nobody_else(subject: bytes, withdrawn: bool) -> None:
    """The law: what is revoked for one subject changes nothing for another, and never grants anything."""
    standings, _ = revocable(
        *[Revocation(subject=b"s" * 16, not_before=EVER, until=NOW + timedelta(days=400))] if withdrawn else []
    )
    answer = Answer(method=Method.ACCEPT_ALL, asked=tuple(SMALL.purposes))
    made: Decision = decide(SMALL, None, answer, now=NOW, subject=subject)
    found = standings.read(f"consent={RECEIPTS.write(made)}", "consent", gpc=False, now=NOW.timestamp())
    everything = not withdrawn or subject != b"s" * 16
    assert found.grants.services == (set(SMALL.services) if everything else {"login"})
