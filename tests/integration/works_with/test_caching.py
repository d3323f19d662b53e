"""Beside Flask-Caching: what one visitor allowed never comes out of the site's own cache for another one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, Response, jsonify, render_template_string, request
from flask_caching import Cache

from flask_consentry import consent
from tests.integration.conftest import PAGE as USUAL
from tests.integration.conftest import Site

from .hard import FILMS, PAGE, bare, either_order, gated, grant, placeholders, serve

NAMED = 'src="https://(?:stats.example.net|www.youtube-nocookie.com|a.adverts.example)'


class Kept:
    """A site that keeps views, and counts how often it makes them."""

    def __init__(self, build: Callable[..., Site], *, first: bool, **config: object) -> None:
        self.made: list[str] = []
        self.cache = Cache(config={"CACHE_TYPE": "SimpleCache"})

        def prepare(app: Flask) -> None:
            if first:
                self.cache.init_app(app)

        self.site = build(FILMS, prepare=prepare, **config)
        if not first:
            self.cache.init_app(self.site.app)

    def keep(self, path: str, view: Callable[[], Any], **options: Any) -> None:
        """Answer *path* with *view*, cached."""

        def counted() -> Any:
            self.made.append(path)
            return view()

        serve(self.site.app, path, self.cache.cached(**options)(counted))

    def visitor(self, *services: str) -> Site:
        """Somebody else, who allows *services*."""
        other = Site(self.site.app, self.site.clock)
        if services:
            grant(other, *services)
        return other


@pytest.fixture
def keeping(build: Callable[..., Site]) -> Callable[..., Kept]:
    """Makes such sites."""
    return lambda first=True, **config: Kept(build, first=first, **config)


def _key() -> str:
    return f"{request.full_path}|{consent.variant}"


@either_order
@pytest.mark.parametrize("whole", [True, False], ids=["response", "text"])
def test_a_kept_page_is_gated_for_whoever_gets_it(keeping: Callable[..., Kept], first: bool, whole: bool) -> None:
    """The gate stands outside the cache: one kept body is opened for who granted, and inert for who did not."""
    kept = keeping(first)
    kept.keep("/kept", lambda: Response(PAGE) if whole else PAGE)
    granted = ("youtube", "matomo", "pixel")
    for _ in range(2):
        assert kept.visitor(*granted).get("/kept").text == gated(PAGE, granted=granted)
        sent = kept.visitor().get("/kept")
        assert bare(sent.text) == gated(PAGE)
        assert sent.headers["Cache-Control"] == "private, no-cache"
        assert kept.visitor("youtube").get("/kept").text == gated(PAGE, granted=("youtube",))
    assert kept.made == ["/kept"]


def test_placeholders_in_a_kept_page_are_each_visitors_own(keeping: Callable[..., Kept]) -> None:
    """Tokens and keys of forms that the gate puts in are not kept with the page."""
    kept = keeping()
    kept.keep("/kept", lambda: PAGE)
    shown = [placeholders(kept.visitor().get("/kept").text)[0] for _ in range(3)]
    keys = {re.findall(r'name="key" value="([^"]+)"', one)[0] for one in shown}
    assert len(keys) == 3
    assert kept.made == ["/kept"]


@either_order
def test_a_page_kept_by_mistake_loads_nothing(
    keeping: Callable[..., Kept], first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Made for somebody who allowed everything and kept without a key, it is inert for everybody else; the log says so."""
    kept = keeping(first)
    kept.keep("/kept", lambda: render_template_string(USUAL))
    assert re.search(NAMED, kept.visitor("youtube", "matomo", "pixel").get("/kept").text)
    kept.site.get("/")
    assert not caplog.messages
    sent = kept.visitor().get("/kept")
    kept.visitor().get("/kept")
    (told,) = caplog.messages
    assert "works-with.md#flask-caching" in told
    assert kept.made == ["/kept"]
    assert not re.search(f" {NAMED}", sent.text)
    assert "stats.example.net" not in sent.headers["Content-Security-Policy"]
    assert len(placeholders(sent.text)) == 1


def test_two_visitors_of_a_page_kept_by_mistake_are_two_in_the_record(keeping: Callable[..., Kept]) -> None:
    """The forms in it lose the key of whoever it was made for: with one key, two answers would be recorded as one."""
    kept = keeping()
    kept.keep("/kept", lambda: render_template_string(USUAL))
    own_form = '<form><input type="hidden" name="key" value="own"></form>'
    kept.keep("/other", lambda: own_form)
    keys = []
    for _ in range(3):
        visitor = kept.visitor()
        page = visitor.get("/kept").text
        fields = dict(re.findall(r'name="(notice|key)" value="([^"]*)"', page.split("<figure")[0]))
        keys.append(fields["key"])
        visitor.clock.advance(seconds=1)
        sent = visitor.client.post(
            "/consent/decision", data=fields | {"answer": "accept_all"}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert sent.status_code == 303
        assert visitor.get("/other").text == own_form
    assert keys[0]
    assert keys[1:] == ["", ""]
    records = kept.site.records
    assert len(records) == len({record.subject for record in records}) == 3


@either_order
def test_views_that_ask_are_kept_by_variant(keeping: Callable[..., Kept], first: bool) -> None:
    """With ``consent.variant`` in its key, what was made for one answer is handed to those with the same answer only."""
    kept = keeping(first)

    def view() -> str:
        return render_template_string('{% consent service="matomo" %}COUNTED{% else %}UNCOUNTED{% endconsent %}')

    kept.keep("/kept", view, make_cache_key=_key)
    for _ in range(2):
        assert kept.visitor("matomo").get("/kept").text == "COUNTED"
        assert kept.visitor().get("/kept").text == "UNCOUNTED"
        assert kept.visitor("youtube").get("/kept").text == "UNCOUNTED"
    assert len(kept.made) == 3


def test_what_is_no_page_and_kept_by_variant_is_private(keeping: Callable[..., Kept]) -> None:
    """Asking for the variant is asking: data that depend on it are not for shared caches, kept or new."""
    kept = keeping()
    kept.keep("/kept", lambda: jsonify(counted=consent.allows(service="matomo")), make_cache_key=_key)
    for _ in range(2):
        mine, theirs = kept.visitor("matomo").get("/kept"), kept.visitor().get("/kept")
        assert (mine.get_json(), theirs.get_json()) == ({"counted": True}, {"counted": False})
        assert mine.headers["Cache-Control"] == "private, no-store"
        assert theirs.headers["Cache-Control"] == "private, no-cache"
    assert len(kept.made) == 2


def test_a_withdrawal_changes_the_variant(keeping: Callable[..., Kept]) -> None:
    """What was kept for the granting visitor is not theirs any more."""
    kept = keeping()
    kept.keep("/kept", lambda: "yes" if consent.allows(service="matomo") else "no", make_cache_key=_key)
    visitor = kept.visitor("matomo")
    assert visitor.get("/kept").text == "yes"
    visitor.form(answer="withdraw")
    assert visitor.get("/kept").text == "no"


def test_the_variant_tells_answers_and_signals_apart(build: Callable[..., Site]) -> None:
    """Undecided, refusing, granting for good, granting for the session, Global Privacy Control: five texts."""
    site = build(FILMS, prepare=lambda app: serve(app, "/variant", lambda: consent.variant))
    told = [site.get("/variant").text, site.get("/variant", Sec_GPC="1").text]
    for answer in ({"answer": "reject_all"}, {"answer": "accept_all"}, {"answer": "accept_all", "ask_again": True}):
        other = Site(site.app, site.clock)
        other.post(**{"notice": other.token("/consent/preferences")} | answer)
        told.append(other.get("/variant").text)
    assert len(set(told)) == 5
    assert all(re.fullmatch(r"[\w.]+", variant) for variant in told)


@either_order
def test_whole_pages_are_kept_in_static_mode(
    keeping: Callable[..., Kept], first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The page that all share is made once and holds nothing of anybody; those who allowed something get pages of their own."""
    kept = keeping(first, CONSENT_CACHE_MODE="static")
    kept.keep(
        "/kept", lambda: render_template_string(USUAL + PAGE), unless=lambda: not consent.shared, make_cache_key=_key
    )
    page = kept.visitor().get("/kept").text
    assert kept.visitor().get("/kept", Accept_Language="de", Sec_GPC="1").text == page
    assert kept.visitor("youtube").get("/kept").text == page, "frames are opened by the browser side"
    assert kept.made == ["/kept"]
    assert not re.search(r'name="(?:notice|key)" value="[^"]', page)
    own = kept.visitor("matomo")
    assert re.search(f"<script {NAMED}", own.get("/kept").text)
    assert "COUNTED" not in page.replace("UNCOUNTED", "")
    assert kept.visitor().get("/kept").text == page
    assert kept.made == ["/kept"] * 2
    assert not caplog.messages


def test_functions_and_parts_of_pages_can_be_kept(keeping: Callable[..., Kept]) -> None:
    """What does not ask for consent, such as a list of articles, is kept inside pages that do."""
    kept = keeping()
    made: list[str] = []

    @kept.cache.memoize()
    def articles() -> str:
        made.append("articles")
        return PIXELS

    serve(
        kept.site.app,
        "/part",
        lambda: render_template_string("{{ consent_banner() }}{{ part | safe }}", part=articles()),
    )
    for visitor in (kept.visitor(), kept.visitor("pixel"), kept.visitor()):
        page = visitor.get("/part").text
        assert ("data-consentry-src" in page) == (visitor.receipt is None)
    assert made == ["articles"]


PIXELS = '<img alt="" src="https://a.adverts.example/p.gif">'
