"""What a visitor was told, tied to the answer by a token."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import TokenError
from consent.notice import LONGEST_OPEN, NoticeTokens, placeholder, question, recognise
from consent.wording import languages, wording
from tests.policies import changed, policy

NOW = datetime(2026, 3, 3, 12, 34, 56, tzinfo=UTC)
SMALL = policy()
TOKENS = NoticeTokens(SMALL, ["key"])


def test_a_token_stands_for_the_very_words() -> None:
    """Question and placeholder are recognised as what was shown."""
    for notice in (
        question(SMALL, "de", SMALL.purposes),
        question(SMALL, "en", ["social"]),
        placeholder(SMALL, "en", "youtube"),
    ):
        assert recognise(SMALL, TOKENS.read(TOKENS.write(notice, now=NOW), now=NOW)) == notice


def test_a_token_is_the_same_for_all_who_saw_the_same_words() -> None:
    """It cannot be used to recognise a visitor."""
    notice = question(SMALL, "en", SMALL.purposes)
    assert TOKENS.write(notice, now=NOW) == TOKENS.write(notice, now=NOW + timedelta(minutes=20))


@pytest.mark.parametrize("late", [timedelta(hours=-2), LONGEST_OPEN + timedelta(hours=1)])
def test_a_token_from_another_time_is_stale(late: timedelta) -> None:
    """Neither last month's page nor one from the future proves what was shown."""
    token = TOKENS.write(question(SMALL, "en", SMALL.purposes), now=NOW)
    with pytest.raises(TokenError):
        TOKENS.read(token, now=NOW + late)


def test_changed_words_are_stale() -> None:
    """A page with last week's wording does not grant this week's."""
    reworded = changed('name = "Example Ltd"', 'name = "Example Limited"')
    shown = TOKENS.read(TOKENS.write(question(SMALL, "en", SMALL.purposes), now=NOW), now=NOW)
    with pytest.raises(TokenError):
        recognise(reworded, shown)


@given(st.binary(max_size=60))
def test_any_signed_bytes_are_a_token_or_a_token_error(payload: bytes) -> None:
    """Nothing breaks the reader."""
    with pytest.raises(TokenError):
        TOKENS.read(TOKENS._seal.close(payload), now=NOW)


def test_a_notice_names_who_asks_for_what_and_who_gets_it() -> None:
    """Controller, purposes, companies and the time are all in the words that the record proves."""
    notice = question(SMALL, "en", SMALL.purposes)
    for said in ("Example Ltd", "Count visits", "Google Ireland Limited", "United States", "6 months", "Reject all"):
        assert said in notice.text
    assert notice.companies == 4


def test_every_language_holds_the_same_messages_with_the_same_placeholders() -> None:
    """A missing message fails here, not before a visitor."""
    import string

    def shape(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    english = wording("en")
    for language in languages():
        words = wording(language)
        assert {key: shape(text) for key, text in words.ui.items()} == {k: shape(t) for k, t in english.ui.items()}
        assert words.purposes.keys() == english.purposes.keys()
        assert all(text["label"] and text["description"] for text in words.purposes.values())
