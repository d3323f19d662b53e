"""Lengths of time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Lifetime


@pytest.mark.parametrize(
    ("text", "months", "seconds"),
    [
        ("13 months", 13, 0),
        ("1 year", 12, 0),
        ("P1Y1M", 13, 0),
        ("30 days", 0, 30 * 86400),
        ("2 weeks", 0, 14 * 86400),
        ("PT24H", 0, 86400),
        ("24 hours", 0, 86400),
        ("30 minutes", 0, 1800),
        ("P1M2DT3H4M", 1, 2 * 86400 + 3 * 3600 + 4 * 60),
    ],
)
def test_words_and_iso_are_read(text: str, months: int, seconds: int) -> None:
    """A lifetime may be written in words or as ISO 8601."""
    assert Lifetime.parse(text) == Lifetime(months, seconds)


@pytest.mark.parametrize(
    "text", ["", "soon", "0 days", "P", "PT", "-1 day", "1.5 days", "P1W", "13months x", "99999 years", "1 d"]
)
def test_what_is_no_length_of_time_is_refused(text: str) -> None:
    """Anything else is an error, not a guess."""
    with pytest.raises(ValueError, match=r"."):
        Lifetime.parse(text)


def test_months_are_calendar_months() -> None:
    """A month after 31 January is the end of February."""
    assert Lifetime(months=1).after(datetime(2027, 1, 31, 12, tzinfo=UTC)) == datetime(2027, 2, 28, 12, tzinfo=UTC)
    assert Lifetime(months=13).after(datetime(2026, 12, 5, tzinfo=UTC)) == datetime(2028, 1, 5, tzinfo=UTC)


@given(st.integers(0, 120), st.integers(0, 525_600))
def test_iso_form_reads_back(months: int, minutes: int) -> None:
    """What is exported can be read again."""
    if months or minutes:
        lifetime = Lifetime(months, minutes * 60)
        assert Lifetime.parse(lifetime.iso) == lifetime
