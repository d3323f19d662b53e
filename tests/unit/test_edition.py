"""The edition: what a site declared from a moment on."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import PolicyError
from consent.edition import edition
from consent.notice import question
from consent.policy import Policy, advise, parse
from consent.proof import canonical
from tests.policies import SMALL, changed, policy

NOON = datetime(2026, 3, 3, 12, 30, 15, 999_000, tzinfo=UTC)


def notices(declared: Policy) -> dict[str, str]:
    return {language: question(declared, language, declared.purposes).digest for language in declared.languages}


def said(declared: Policy) -> dict[str, Any]:
    read: dict[str, Any] = canonical.decode(edition(declared, notices(declared), since=NOON).body)
    return read


def test_it_says_who_asks_for_what_and_who_serves_it() -> None:
    """Years later nobody needs the policy file to read a record's ids."""
    body = said(policy())
    assert body["controller"]["name"] == "Example Ltd"
    assert body["since"] == "2026-03-03T12:30:15+00:00"
    assert body["languages"] == ["en", "de"]
    assert [purpose["id"] for purpose in body["purposes"]] == ["preferences", "statistics", "social", "marketing"]
    assert body["purposes"][1]["label"] == {"en": "Count visits", "de": "Besuche zählen"}
    assert body["purposes"][1]["basis"] == "consent"
    matomo = next(service for service in body["services"] if service["id"] == "matomo")
    assert (matomo["purpose"], matomo["provider"]) == ("statistics", "Example Ltd")
    assert matomo["hosts"]["script-src"] == ["https://stats.example.net"]
    assert [(cookie["name"], cookie["lifetime"]) for cookie in matomo["cookies"]] == [
        ("_pk_id*", "P13M"),
        ("_pk_ses", None),
    ]
    assert body["necessary"] == [
        {"service": "login", "name": "Login", "reason": "Keeps members logged in.", "routes": []}
    ]
    assert body["policy_hash"] == policy().digest


def test_it_names_the_words_of_every_language() -> None:
    """The digest of the full question, under which the ledger keeps its text and HTML."""
    body = said(policy())
    assert body["notices"] == notices(policy())
    text = question(policy(), "de", policy().purposes).text
    assert body["notices"]["de"] == hashlib.sha256(text.encode()).hexdigest()


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=9999)))
def test_its_digest_does_not_depend_on_the_time(later: timedelta) -> None:
    """A restart makes no new edition; the body says since when all the same."""
    first, second = (edition(policy(), {}, since=moment) for moment in (NOON, NOON + later))
    assert first.digest == second.digest
    assert (first.body == second.body) == (NOON.replace(microsecond=0) == (NOON + later).replace(microsecond=0))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "Example Ltd"', 'name = "Another Ltd"'),
        ('reason = "Keeps members logged in."', 'reason = "Keeps members in."'),
        ('frame-src = ["https://maps.example.com"]', 'frame-src = ["https://maps.example.org"]'),
        ('lifetime = "3 months"', 'lifetime = "4 months"'),
        ("[purposes.preferences]", '[record]\nretention = "3 years"\n[purposes.preferences]'),
        ('country = "GB"', 'country = "IE"'),
    ],
)
def test_its_digest_changes_with_what_is_declared(old: str, new: str) -> None:
    """Whatever an auditor would ask about."""
    assert edition(policy(), {}, since=NOON).digest != edition(changed(old, new), {}, since=NOON).digest


def test_its_digest_changes_with_the_words() -> None:
    """Another translation is another edition."""
    assert edition(policy(), {"en": "a"}, since=NOON).digest != edition(policy(), {"en": "b"}, since=NOON).digest


def test_its_time_is_utc() -> None:
    """Wherever the server stands."""
    eastern = NOON.astimezone(timezone(timedelta(hours=9)))
    assert edition(policy(), {}, since=eastern) == edition(policy(), {}, since=NOON)


def test_how_long_records_are_kept() -> None:
    """``[record] retention`` is a length of time, and stands in the edition."""
    assert policy().retention is None
    declared = changed("[purposes.preferences]", '[record]\nretention = "36 months"\n[purposes.preferences]')
    assert said(declared)["retention"] == "P36M"
    assert said(policy())["retention"] is None


def test_a_retention_that_is_none() -> None:
    """Key and remedy, as for every other length of time."""
    with pytest.raises(PolicyError) as caught:
        parse(SMALL.replace("[purposes.preferences]", "[record]\nretention = 36\n[purposes.preferences]"))
    assert caught.value.problems[0].key == "record.retention"
    with pytest.raises(PolicyError, match='Did you mean "retention"'):
        parse(SMALL.replace("[purposes.preferences]", '[record]\nretentoin = "1 year"\n[purposes.preferences]'))


def test_a_retention_that_is_too_short_is_worth_a_second_look() -> None:
    """Nobody could show a consent that has just ended."""
    keys = [
        [
            advice.key
            for advice in advise(
                changed("[purposes.preferences]", f'[record]\nretention = "{length}"\n[purposes.preferences]')
            )
        ]
        for length in ("5 months", "6 months")
    ]
    assert "record.retention" in keys[0]
    assert "record.retention" not in keys[1]
