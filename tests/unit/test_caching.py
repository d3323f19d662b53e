"""Which requests may be answered with the page that all visitors share, and what a shared page is confirmed by."""

from __future__ import annotations

import pytest

from consent.gate.caching import is_shareable, marker_in
from consent.grants import allowed, locked
from consent.signals import Signals
from tests.policies import changed, policy


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("", ""),
        ("a_in=1", "1"),
        ("x=1; a_in=2; y=3", "2"),
        ("x=1;a_in=1", "1"),
        ("xa_in=1", ""),
        ("xa_in=2; a_in=1", "1"),
        ("a_in", ""),
        ("a_in=", ""),
        ("a=a_in=1", ""),
    ],
)
def test_the_marker_is_found_by_its_whole_name(header: str, value: str) -> None:
    """Wherever it stands, and not as the end of another name."""
    assert marker_in(header, "a_in") == value


@pytest.mark.parametrize(
    ("environ", "shareable"),
    [
        ({"REQUEST_METHOD": "GET"}, True),
        ({"REQUEST_METHOD": "HEAD", "HTTP_ACCEPT": "*/*"}, True),
        ({"REQUEST_METHOD": "GET", "HTTP_SEC_FETCH_DEST": "document"}, True),
        ({"REQUEST_METHOD": "GET", "HTTP_SEC_FETCH_DEST": "iframe"}, True),
        ({"REQUEST_METHOD": "GET", "HTTP_ACCEPT": "text/html,application/json"}, True),
        ({"REQUEST_METHOD": "GET", "HTTP_SEC_FETCH_DEST": "empty"}, False),
        ({"REQUEST_METHOD": "GET", "HTTP_ACCEPT": "application/json, text/plain"}, False),
        ({"REQUEST_METHOD": "POST"}, False),
        ({"REQUEST_METHOD": "OPTIONS"}, False),
        ({}, False),
    ],
)
def test_pages_are_shared_and_data_is_not(environ: dict[str, str], shareable: bool) -> None:
    """By method and kind, as far as the request says; tools that fill caches say neither."""
    assert is_shareable(environ) is shareable


def test_the_page_for_all_is_of_no_variant() -> None:
    """No visitor's private page has its tag, and every change of the policy gives it another."""
    tag = locked(policy()).variant
    assert tag not in {allowed(policy(), None, Signals(gpc)).variant for gpc in (False, True)}
    assert tag == locked(policy()).variant
    assert tag != locked(changed("stats.example.net", "count.example.net")).variant
