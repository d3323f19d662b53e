"""What the guard is told by its tag, beside the answer."""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask, render_template_string

from consent.gate.urls import leads_home
from flask_consentry.guard_tag import hosts
from tests.integration.conftest import Site
from tests.policies import SMALL, policy

_TAG = re.compile(r'<script [^>]*data-consentry="guard"[^>]*>')


def _told(text: str, name: str) -> str | None:
    tag = _TAG.search(text)
    assert tag, "no guard on the page"
    found = re.search(rf' data-{name}="([^"]*)"', tag[0])
    return found[1] if found else None


def _posting(app: Flask) -> None:
    @app.route("/both", methods=["GET", "POST"])
    @app.route("/only", methods=["POST"])
    def posted() -> str:
        return render_template_string("<!doctype html><head>{{ consent_head() }}")


def test_mode_and_services_of_the_page_are_told(site: Site) -> None:
    """The tag names the mode and what runs in the page itself; there is no reload unless the site wants it."""
    text = site.get().text
    assert _told(text, "mode") == "enforce"
    assert "matomo" in (_told(text, "main") or "").split()
    assert "login" not in (_told(text, "main") or "").split()
    assert _told(text, "reload") is None
    assert _told(text, "report") is None


def test_settings_are_told(build: Callable[..., Site]) -> None:
    """``CONSENT_RELOAD`` and the address of reports stand on the tag."""
    text = build(CONSENT_RELOAD=True, CONSENT_MODE="report").get().text
    assert _told(text, "reload") == ""
    assert _told(text, "mode") == "report"
    path = _told(text, "report")
    assert path == "/consent/report"
    assert leads_home(path, host="localhost")


def test_hosts_are_those_of_what_is_allowed(site: Site) -> None:
    """Before a yes only necessary hosts are named, afterwards the granted ones, without scheme and port."""
    assert _told(site.get().text, "hosts") == ""
    site.accept()
    assert "stats.example.net" in (_told(site.get().text, "hosts") or "").split()


def test_host_names_lose_scheme_port_and_path() -> None:
    """An origin is told by its name alone, a wildcard as it is."""
    text = SMALL.replace(
        'script-src = ["https://stats.example.net"]',
        'script-src = ["https://stats.example.net:8443", "https://*.cdn.example.net", "wss://stats.example.net"]',
    )
    assert hosts(policy(text), frozenset({"matomo"})) == ["*.cdn.example.net", "stats.example.net"]


def test_posted_page_names_the_way_to_get_it(build: Callable[..., Site]) -> None:
    """A page that answers a ``POST`` says where to get it anew; one that cannot be got leads to the first page."""
    site = build(prepare=_posting)
    assert _told(site.client.get("/both").text, "again") is None
    assert _told(site.client.post("/both?a=1").text, "again") == "/both?a=1"
    assert _told(site.client.post("/only").text, "again") == "/"
