"""From a Cookie header to what its visitor may have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Answer, Duration, Method, decide
from consent.gate.cookies import CookieRules
from consent.receipt import Receipts
from consent.standing import Standings, receipt_in
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
