"""From a header to one language of 183, or another."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.audience.language import LANGUAGES, language


@pytest.mark.parametrize(
    ("accepted", "counted"),
    [
        ("de", "de"),
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.1,fr", "fr"),
        ("en;q=0.5, DE-at;Q=0.7", "de"),
        ("en;q=0.5,de;q=0.5", "en"),
        ("zh-Hant-TW", "zh"),
        ("*;q=1,da;q=0.2", "da"),
        ("en;q=0,da;q=0.001", "da"),
        ("iw-IL", "he"),
        ("fil-PH", "tl"),
        ("gsw-CH,de;q=0.5", "other"),
        ("", "other"),
        ("*", "other"),
        ("en;q=0", "other"),
        ("en;q=2", "other"),
        ("tlh", "other"),
        ("q=1", "other"),
        (";;,;q=,,", "other"),
        ("deutsch", "other"),
        ("d\u00e9", "other"),
    ],
)
def test_the_language_that_is_asked_for_most(accepted: str, counted: str) -> None:
    """Its first part alone: the rest of the header would tell visitors apart."""
    assert language(accepted) == counted


def test_languages_are_those_of_the_standard() -> None:
    """ISO 639-1 has 183."""
    assert len(LANGUAGES) == 183
    assert {"de", "en", "fr", "ga", "nb", "zh"} <= LANGUAGES


@given(st.text(max_size=600))
def test_any_header_is_one_of_few(accepted: str) -> None:
    """And never raises."""
    assert language(accepted) in {*LANGUAGES, "other"}


@pytest.mark.parametrize("part", ["a;", ",", "en;q=0.", "q= " * 9, "de,"])
def test_an_absurd_header_costs_little(part: str) -> None:
    """Its first 256 characters are looked at."""
    begin = time.perf_counter()
    language(part * 100_000)
    assert time.perf_counter() - begin < 0.05
