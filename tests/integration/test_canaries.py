"""What visitors send is nowhere in what the SDK logs, answers or keeps."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Site

CANARIES = ("canary-agent", "canary-query", "canary-cookie", "canary-field", "canary@example.org", "198.51.100.99")


def test_no_log_line_holds_what_a_visitor_sent(
    build: Callable[..., Site], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At DEBUG, through answers, refusals, bad input, dropped cookies, a store that is down and failures of our own."""
    site = build(CONSENT_RECORD_DEVICE=True, CONSENT_SPOOL="/dev/null/nowhere")
    caplog.set_level(logging.DEBUG)
    headers = {
        "User-Agent": "canary-agent/1.0",
        "Cookie": "consent_example=canary-cookie.canary-cookie; _ad=canary-cookie",
        "Origin": "http://localhost",
    }
    address = {"REMOTE_ADDR": "198.51.100.99"}
    client = site.app.test_client(use_cookies=False)
    token = site.token()
    answers = [
        {"answer": "accept_all", "notice": token, "next": "/?q=canary-query"},
        {"answer": "accept_all", "notice": "canary-field"},
        {"answer": "canary-field"},
        {"answer": "custom", "purposes": ["canary-field"], "notice": token},
        {"answer": "accept_all", "key": "canary@example.org"},
        {"answer": "reject_all", "canary-field": "canary@example.org"},
    ]
    said = ""

    def drive() -> None:
        nonlocal said
        for body in answers:
            said += client.post("/consent/decision", json=body, headers=headers, environ_overrides=address).text
        for path in (
            "/?q=canary-query",
            "/cookies?name=spy",
            "/consent/embed/youtube/canary-field",
            "/consent/beacon/canary-field.gif",
        ):
            client.get(path, headers=headers, environ_overrides=address)

    drive()
    site.state.ledger.database.close()
    monkeypatch.setattr(type(site.state.ledger.database), "path", Path("/dev/null/nowhere"))
    drive()
    monkeypatch.setattr(type(site.state.standings), "read", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drive()
    assert "not recorded" in caplog.text, "control: the failures were met"
    for canary in CANARIES:
        assert canary not in caplog.text
        assert canary not in said
