"""Which records an export shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger import Event
from consent.ledger.export import Selection
from tests.entries import NOW
from tests.shown import declarations, shown

MOMENTS = st.none() | st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours))
SELECTIONS = st.builds(
    Selection,
    since=MOMENTS,
    until=MOMENTS,
    purposes=st.frozensets(st.sampled_from(["statistics", "social", "marketing"])),
    events=st.frozensets(st.sampled_from(list(Event))),
    subject=st.none() | st.just(b"s" * 16),
)
RECORDS = st.fixed_dictionaries(
    {
        "at": st.integers(-3, 3).map(lambda hours: NOW + timedelta(hours=hours)),
        "event": st.sampled_from(list(Event)),
        "subject": st.none() | st.just(b"s" * 16),
        "purposes": st.dictionaries(st.sampled_from(["statistics", "social", "marketing"]), st.booleans()),
        "services": st.sampled_from([(), ("youtube",), ("matomo", "youtube")]),
    }
)
PURPOSE_OF = declarations().purpose_of


def takes(selection: Selection, **record: Any) -> bool:
    """Whether *selection* takes a record like that."""
    return selection.takes(shown(**record).fields, PURPOSE_OF)


@given(selection=SELECTIONS, record=RECORDS)
def test_a_record_is_taken_if_it_fits_everything_that_was_asked_for(selection: Selection, record: Any) -> None:
    """Since and until are a half-open span; several purposes or events are alternatives; all else has to fit at once."""
    of = {"matomo": "statistics", "youtube": "social"}
    said = shown(**record).fields
    about = record["purposes"].keys() | {of[service] for service in record["services"]}
    moment = datetime.fromisoformat(said["recorded_at"])
    fits = (
        (selection.since is None or moment >= selection.since)
        and (selection.until is None or moment < selection.until)
        and (not selection.purposes or bool(selection.purposes & about))
        and (not selection.events or record["event"] in selection.events)
        and (selection.subject is None or said["subject"] == selection.subject.hex())
    )
    assert selection.takes(said, PURPOSE_OF) is fits


@given(selection=SELECTIONS)
def test_what_is_asked_for_is_told_apart(selection: Selection) -> None:
    """The header names every condition and no other; everything is ``None``."""
    plain = selection.plain
    asked: dict[str, Any] = {"since": selection.since, "until": selection.until, "purpose": selection.purposes}
    asked |= {"event": selection.events, "subject": selection.subject}
    assert set(plain or ()) == {name for name, value in asked.items() if value}
    assert (plain is None) is (selection == Selection())


def test_moments_are_written_in_utc() -> None:
    """The same moment in another offset selects the same, and says so."""
    berlin = datetime.fromisoformat("2026-03-03T13:00+01:00")
    assert Selection(since=berlin).plain == Selection(since=berlin.astimezone(UTC)).plain
    assert Selection(since=berlin).plain == {"since": "2026-03-03T12:00:00+00:00"}


def test_a_naive_moment_is_refused() -> None:
    """Nobody knows which moment it is."""
    with pytest.raises(ValueError, match="timezone"):
        Selection(until=datetime(2026, 3, 3))  # noqa: DTZ001


def test_a_service_opened_by_itself_is_about_its_purpose() -> None:
    """*Play once* answers no purpose, yet concerns one; under a policy that is not known any more nobody can tell."""
    social = Selection(purposes=frozenset({"social"}))
    assert takes(social, purposes={}, services=("youtube",))
    assert not takes(social, purposes={}, services=("matomo",))
    assert not takes(social, purposes={}, services=("youtube",), policy_hash="1" * 64)
