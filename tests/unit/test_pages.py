"""What a page is counted by: never more than its route, unless the site says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.audience.pages import LONGEST, page_value

PATTERNS = ("/news/*", "/about")


@pytest.mark.parametrize(
    ("path", "route", "counted"),
    [
        ("/", "/", "/"),
        ("/users/jane", "/users/<name>", "/users/<name>"),
        ("/news/comet", "/news/<path:slug>", "/news/comet"),
        ("/news/", "/news/", "/news/"),
        ("/newsletter", "/<page>", "/<page>"),
        ("/about", "/<page>", "/about"),
        ("/about/jane", "/about/<name>", "/about/<name>"),
        ("/news/comet?email=jane@example.org", "/news/<slug>", "/news/comet"),
        ("/news/comet#jane", "/news/<slug>", "/news/comet"),
        ("/news/a\r\nb\u202e\ud800\x00", "/news/<slug>", "/news/a\ufffd\ufffdb\ufffd\ufffd\ufffd"),
        ("/made-up", "", "other"),
        ("/news/made-up", "", "other"),
    ],
)
def test_a_page_is_its_route_or_what_the_site_names(path: str, route: str, counted: str) -> None:
    """A path where a pattern fits, without what comes after it."""
    assert page_value(path, route, PATTERNS) == counted


@given(st.text(), st.text(min_size=1))
def test_any_page_is_short_and_visible(path: str, route: str) -> None:
    """And can be written to any database."""
    value = page_value("/news/" + path, route, PATTERNS)
    assert 1 <= len(value) <= LONGEST
    assert value.isprintable()
    assert value.encode()
    assert "?" not in value
    assert 1 <= len(page_value(path, route, ())) <= LONGEST


def test_without_patterns_no_path_is_counted() -> None:
    """That is the default."""
    assert page_value("/about", "/<page>", ()) == "/<page>"
