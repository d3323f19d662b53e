"""``CONSENT_CACHE_MODE = "static"``: one locked page for everybody who has nothing granted that runs in the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask, Response, jsonify, make_response, render_template_string
from werkzeug.test import TestResponse

from consent.grants import locked, runs_in_page
from flask_consentry import consent
from tests.policies import SMALL, policy

from .conftest import PAGE, Site

LOCKED = "default-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:"
#: The small policy, with its two frames declared as such.
FRAMES = SMALL.replace('name = "YouTube"', 'name = "YouTube"\nopens = "frame"').replace(
    'name = "Maps"', 'name = "Maps"\nopens = "frame"'
)
MARKER = "consent_example_in"


def _more(app: Flask) -> None:
    @app.get("/cached")
    def cached() -> Response:
        response = make_response(render_template_string(PAGE))
        response.headers["Cache-Control"] = "public, max-age=0, s-maxage=60"
        response.headers["Vary"] = "Accept-Encoding"
        response.set_cookie("colours", "red", expires=datetime(2030, 1, 1, tzinfo=UTC))  # no clock in it
        response.set_etag("one")
        return response

    @app.get("/mine")
    def mine() -> str:
        consent.make_private()
        return render_template_string(PAGE)

    @app.get("/own")
    def own() -> Response:
        response = make_response(render_template_string(PAGE))
        response.headers["Cache-Control"] = "private, max-age=60"
        return response

    @app.get("/found")
    def found() -> str:
        return '<html><body><iframe src="https://www.youtube-nocookie.com/embed/z"></iframe></body></html>'

    @app.route("/data", methods=["GET", "POST"])
    def data() -> Response:
        return jsonify(social=consent.allows(service="youtube"), decided=consent.decision is not None)


@pytest.fixture
def static(build: Callable[..., Site]) -> Site:
    """A site whose pages are the same for all."""
    return build(FRAMES, prepare=_more, CONSENT_CACHE_MODE="static")


def _other(site: Site) -> Site:
    """Another visitor."""
    return Site(site.app, site.clock)


def _same(one: TestResponse, other: TestResponse) -> bool:
    """Whether two responses are alike to the last byte, headers included but for the second in which each was made."""
    own, others = ([(name, value) for name, value in sent.headers if name != "Date"] for sent in (one, other))
    return one.data == other.data and own == others


def _marker(site: Site) -> str | None:
    cookie = site.client.get_cookie(MARKER)
    return cookie.value if cookie else None


def _token(site: Site, service: str) -> str:
    """The notice token of a placeholder, as the browser side fetches it."""
    return str(site.get(f"/consent/state?about={service}").json["notices"][service])  # type: ignore[index]


def _frame(site: Site) -> Site:
    """A visitor who always wants YouTube's frame, and nothing that runs in the page."""
    said = site.post(answer="always", service="youtube", notice=_token(site, "youtube"))
    assert said.status_code == 200
    return site


def _accepting(site: Site) -> Site:
    """A visitor who accepts everything."""
    assert site.accept().status_code == 200
    return site


def _refusing(site: Site) -> Site:
    """A visitor who refuses everything."""
    assert site.post(answer="reject_all").status_code == 200
    return site


def _hidden(text: str) -> dict[str, Any]:
    """The hidden fields of the first form in a text."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', text.split("</form>", maxsplit=1)[0]))


@pytest.mark.parametrize("path", ["/", "/cached", "/cookies?name=_pk_id.1", "/etag", "/own", "/news/x"])
def test_who_has_nothing_in_the_page_gets_the_same_page(static: Site, path: str) -> None:
    """Undecided, refusing, frame-granting, with and without GPC, in any language: the same bytes and headers."""
    first = static.get(path)
    frame, refusal, other = _frame(_other(static)), _refusing(_other(static)), _other(static)
    other.client.set_cookie("_ad", "what would be deleted on a private page")
    for visitor in (static, frame, refusal, other):
        for headers in ({}, {"Sec_GPC": "1"}, {"Accept_Language": "de"}, {"Sec_Fetch_Dest": "document"}):
            assert _same(visitor.get(path, **headers), first)
    assert first.headers.getlist("Content-Security-Policy") == [LOCKED]
    assert "Cookie" not in first.headers.get("Vary", "")


def test_the_shared_page_holds_nothing_of_its_first_visitor(static: Site) -> None:
    """No token, no key, no query, nothing granted; its tags are there for a script to fill."""
    text = static.get("/?utm=canary").text
    assert "canary" not in text
    assert re.findall(r'name="(?:notice|key)" value="([^"]+)"', text) == []
    assert "TUBE" not in text
    assert 'data-question="/consent/banner"' in text
    assert "Accept all" not in text
    assert re.search(r'<noscript>.*href="/consent/preferences\?next=/"', text)


def test_the_sites_own_caching_stays(static: Site) -> None:
    """Cache-Control and Vary as the site set them, or none; the entity tag names the policy; no cookie of ours."""
    headers = static.get("/cached").headers
    assert headers["Cache-Control"] == "public, max-age=0, s-maxage=60"
    assert headers["Vary"] == "Accept-Encoding"
    assert headers["ETag"].startswith('"one;consentry=')
    assert "Set-Cookie" not in headers
    assert "Cache-Control" not in static.get("/").headers
    assert static.get("/file.js").headers["Cache-Control"] == "public, max-age=600"


def test_a_shared_page_is_confirmed_by_its_own_tag_alone(static: Site) -> None:
    """304 for the tag of this policy; a page from before the gate, of a date or of a private variant is sent anew."""
    tag = static.get("/etag").headers["ETag"]
    again = static.get("/etag", If_None_Match=tag, Sec_Fetch_Dest="document")
    assert (again.status_code, again.headers["ETag"]) == (304, tag)
    assert again.headers["Content-Security-Policy"] == LOCKED
    assert "Cache-Control" not in again.headers
    granted = _accepting(_other(static)).get("/etag").headers["ETag"]
    for headers in (
        {"If_None_Match": granted},
        {"If_None_Match": '"same"'},
        {"If_Modified_Since": "Thu, 01 Jan 2026 00:00:00 GMT"},
    ):
        answer = static.get("/etag", Sec_Fetch_Dest="document", **headers)
        assert (answer.status_code, answer.text) == (200, "locked")


def test_another_policy_confirms_no_old_page(static: Site, build: Callable[..., Site]) -> None:
    """The tag of a shared page dies with the policy that locked it."""
    tag = static.get("/etag").headers["ETag"]
    stricter = build(FRAMES.replace("[purposes.marketing]", '[purposes.marketing]\nbasis = "opt_out"'))
    assert stricter.get("/etag", If_None_Match=tag, Sec_Fetch_Dest="document").status_code == 200


def test_a_grant_in_the_page_brings_the_marker_and_private_pages(static: Site) -> None:
    """The marker lives as long as the receipt; with it pages are granted, unstored and marked as in variant mode."""
    _accepting(static)
    page = static.get("/cached")
    assert "TUBE" in page.text
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Vary"] == "Accept-Encoding, Cookie, Sec-GPC"
    assert "stats.example.net" in page.headers["Content-Security-Policy"]
    receipt, marker = (static.client.get_cookie(name) for name in ("consent_example", MARKER))
    assert receipt
    assert marker
    assert (marker.value, marker.path, marker.expires) == ("1", receipt.path, receipt.expires)
    assert marker.expires is not None
    other = _other(static)
    assert other.accept(ask_again=True).status_code == 200
    assert [cookie.expires for cookie in (other.client.get_cookie(MARKER),) if cookie] == [None]


def test_the_markers_attributes_are_the_receipts(static: Site) -> None:
    """Secure over HTTPS, Lax, for the whole site, without a prefix that no cache's configuration could name."""
    token = static.get("/consent/preferences").text.split('name="notice" value="')[1].split('"')[0]
    sent = static.client.post(
        "/consent/decision",
        json={"answer": "accept_all", "notice": token},
        headers={"Origin": "https://localhost"},
        base_url="https://localhost",
    ).headers.getlist("Set-Cookie")
    receipt, marker = (next(h for h in sent if h.startswith(name)) for name in ("__Host-consent_example=", MARKER))
    assert marker.split(";")[1:] == receipt.split(";")[1:]


def test_a_refusal_withdrawal_or_frame_brings_no_marker(static: Site) -> None:
    """Such visitors share the page; a withdrawal takes the marker away."""
    assert _marker(_refusing(_other(static))) is None
    assert _marker(_frame(_other(static))) is None
    shared = static.get("/cached")
    _accepting(static)
    assert _marker(static) == "1"
    static.form(answer="withdraw")
    assert _marker(static) is None
    assert _same(static.get("/cached"), shared)


@pytest.mark.parametrize("how", ["expired", "forged", "none", "only a frame"])
def test_a_marker_without_its_receipt_gets_a_private_locked_page_once(static: Site, how: str) -> None:
    """Nothing is granted by a marker; the page is private and deletes it, and the next one is shared."""
    shared = static.get("/cached")
    if how == "expired":
        _accepting(static)
        static.clock.advance(days=400)
        static.client.set_cookie(MARKER, "1")  # whatever the browser's clock says
    elif how == "only a frame":
        _frame(static).client.set_cookie(MARKER, "1")
    else:
        static.client.set_cookie(MARKER, "1")
        if how == "forged":
            static.client.set_cookie("consent_example", "forged.forged")
    page = static.get("/cached")
    assert "UNCOUNTED" in page.text
    assert page.headers["Cache-Control"].startswith("private, ")
    assert "Cookie" in page.headers["Vary"]
    assert _marker(static) is None
    assert _same(static.get("/cached"), shared)


def test_a_lost_marker_comes_back_with_the_state(static: Site) -> None:
    """The page is the locked one until the browser side has asked for the state; nothing is granted twice."""
    shared = static.get("/cached")
    _accepting(static)
    for lost in range(2):
        static.client.delete_cookie(MARKER)
        assert _same(static.get("/cached"), shared)
        assert static.get(("/consent/state", "/consent/banner")[lost]).status_code == (200, 204)[lost]
        assert _marker(static) == "1"
        assert "TUBE" in static.get("/cached").text


def test_global_privacy_control_takes_what_it_denies_off_the_marker(build: Callable[..., Site]) -> None:
    """A visitor whose only grant the browser's signal denies shares the page."""
    site = build(FRAMES, CONSENT_CACHE_MODE="static")
    token = site.token("/consent/preferences")
    site.post(answer="custom", purposes=["marketing"], notice=token, headers={"Sec-GPC": "1"})
    assert _marker(site) is None
    site.get("/consent/state", Sec_GPC="1")
    assert _marker(site) is None
    site.get("/consent/state")
    assert _marker(site) == "1"


def test_the_question_comes_by_itself_in_the_visitors_language(static: Site) -> None:
    """Private, unstored, with a token that is accepted and the way back; 204 where there is nothing to ask."""
    asked = static.get("/consent/banner?next=/news/x", Accept_Language="de")
    assert asked.headers["Cache-Control"] == "private, no-store"
    assert asked.headers["Content-Type"].startswith("text/html")
    assert "Alle ablehnen" in asked.text
    assert 'name="next" value="/news/x"' in asked.text
    assert "<script" not in asked.text
    token = re.search(r'name="notice" value="([^"]+)"', asked.text)
    assert token
    assert static.post(answer="accept_all", notice=token[1]).status_code == 200
    answered = static.get("/consent/banner")
    assert (answered.status_code, answered.data) == (204, b"")
    assert "evil" not in _other(static).get("/consent/banner?next=//evil.example").text


def test_tokens_of_placeholders_come_with_the_state(static: Site) -> None:
    """For the words that stand in the page; unknown services get none, and who does not ask gets none."""
    state = static.get("/consent/state?about=youtube&about=nothing", Accept_Language="de").json
    assert state
    assert set(state["notices"]) == {"", "youtube"}
    assert "notices" not in static.get("/consent/state").json  # type: ignore[operator]
    assert static.post(answer="always", service="youtube", notice=state["notices"]["youtube"]).status_code == 200
    (record,) = static.records
    assert record.language == "en"


def test_what_asks_for_itself_gets_the_true_answer(static: Site) -> None:
    """Data, forms, pages under requires_consent and pages made private see what was granted, and are private."""
    _frame(static)
    for answer in (
        static.get("/data", Sec_Fetch_Dest="empty"),
        static.get("/data", Accept="application/json"),
        static.client.post("/data"),
    ):
        assert answer.json == {"social": True, "decided": True}
        assert answer.headers["Cache-Control"] == "private, no-store"
    assert static.get("/data").json == {"social": False, "decided": False}, "as a page it is the one for all"
    mine = static.get("/mine")
    assert "TUBE" in mine.text
    assert mine.headers["Cache-Control"] == "private, no-store"
    assert "youtube-nocookie" in mine.headers["Content-Security-Policy"]
    asking = static.get("/social")
    assert (asking.status_code, asking.headers["Cache-Control"]) == (403, "private, no-store")
    static.post(answer="custom", purposes=["social"], notice=static.token("/social"))
    assert static.get("/social").text == "social"
    assert _other(static).get("/social").status_code == 403


def test_a_private_page_of_the_site_is_locked_and_stays_private(static: Site) -> None:
    """The rule is decided before a view runs: its own Cache-Control changes nothing for a visitor without the marker."""
    _frame(static)
    page = static.get("/own")
    assert page.headers["Cache-Control"] == "private, max-age=60"
    assert "TUBE" not in page.text
    _accepting(static)
    assert "TUBE" in static.get("/own").text


def test_without_scripts_a_placeholder_is_answered_on_a_page_of_its_own(static: Site) -> None:
    """Its form has no token, so the words come once more, with one; a frame for always then makes pages private."""
    fields = _hidden(static.get("/").text.split("cs-card")[1])
    asked = static.form(answer="always", **fields)
    assert asked.status_code == 409
    assert "A &lt;film&gt;" in asked.text
    assert "is the same for everybody" in asked.text
    again = _hidden(asked.text)
    assert again["next"] == fields["next"] == "/#cs-frame-1"
    assert again["embed"] == fields["embed"]
    answer = static.form(answer="always", **again)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/#cs-frame-1")
    assert _marker(static) == "2", "no script will open it"
    page = static.get("/")
    assert "TUBE" in page.text
    assert _marker(static) == "2"
    assert page.headers["Cache-Control"] == "private, no-store"
    once = _other(static).form(answer="once", **again)
    assert once.headers["Location"].startswith("/consent/embed/youtube/")


def test_without_scripts_fewer_grants_keep_the_frames_open(static: Site) -> None:
    """From everything to frames alone by a plain form: the marker changes its value and stays."""
    _accepting(static)
    token = static.token("/consent/preferences")
    static.form(answer="custom", purposes=["social"], notice=token, next="/")
    assert _marker(static) == "2"
    page = static.get("/")
    assert "TUBE" in page.text
    assert "UNCOUNTED" in page.text


def test_a_new_answer_renews_the_marker(static: Site) -> None:
    """It ends with the receipt, whichever answer that is of."""
    static.accept(ask_again=True)
    _accepting(static)
    receipt, marker = (static.client.get_cookie(name) for name in ("consent_example", MARKER))
    assert receipt
    assert marker
    assert receipt.expires is not None
    assert marker.expires == receipt.expires


def test_what_may_not_stay_is_deleted_beside_the_shared_page(static: Site) -> None:
    """The page deletes nothing, because it is everybody's; the state does, which every page asks for."""
    static.client.set_cookie("_ad", "x")
    static.get("/cached")
    assert static.client.get_cookie("_ad")
    static.get("/consent/state")
    assert static.client.get_cookie("_ad") is None


def test_what_the_gate_finds_in_a_shared_page_stands_for_everybody(static: Site) -> None:
    """The placeholder of a frame that no template function wrote holds nothing of a visitor, either."""
    first = static.get("/found?utm=canary")
    assert "cs-found-1" in first.text
    assert re.findall(r'name="(?:notice|key)" value="([^"]+)"', first.text) == []
    assert "canary" not in first.text
    assert _same(_frame(_other(static)).get("/found"), first)
    _accepting(static)
    assert '<iframe src="https://www.youtube-nocookie.com/embed/z">' in static.get("/found").text


def test_without_scripts_a_refusal_needs_no_page(static: Site) -> None:
    """The forms of a shared page take back and refuse without a token."""
    _accepting(static)
    assert static.form(answer="withdraw", notice="", key="", next="/").status_code == 303
    assert _marker(static) is None


def test_what_is_on_without_an_answer_is_off_in_the_page_for_all(build: Callable[..., Site]) -> None:
    """It reaches those who objected as well."""
    site = build(
        FRAMES.replace("[purposes.statistics]", '[purposes.statistics]\nbasis = "exempt"'), CONSENT_CACHE_MODE="static"
    )
    assert "UNCOUNTED" in site.get().text
    assert site.get().headers["Content-Security-Policy"] == LOCKED
    assert "UNCOUNTED" not in site.get("/consent/preferences").text


@pytest.mark.parametrize("mode", ["report", "off"])
def test_pages_are_shared_in_every_mode(build: Callable[..., Site], mode: str) -> None:
    """Templates follow the answer in every mode, and so the same page for all is locked in every mode."""
    site = build(FRAMES, prepare=_more, CONSENT_CACHE_MODE="static", CONSENT_MODE=mode)
    first = site.get("/cached")
    assert first.headers["Cache-Control"] == "public, max-age=0, s-maxage=60"
    assert _same(_frame(_other(site)).get("/cached"), first)
    _accepting(site)
    assert site.get("/cached").headers["Cache-Control"] == "private, no-store"


def test_in_variant_mode_there_is_no_marker(build: Callable[..., Site]) -> None:
    """It would only say that something was granted."""
    site = build(FRAMES)
    _accepting(site)
    assert _marker(site) is None
    assert 'data-question="' not in site.get().text


def test_the_cookie_table_tells_of_the_marker(static: Site, build: Callable[..., Site]) -> None:
    """Visitors read of every cookie that there is."""
    template = "{{ consent_cookie_table() }}"
    for site, told in ((static, True), (build(FRAMES), False)):
        with site.app.test_request_context():
            assert (MARKER in render_template_string(template)) is told


def test_what_runs_in_the_page() -> None:
    """A purpose does unless it stands for frames alone; a frame does not; what is locked does not."""
    declared = policy(
        FRAMES.replace("[purposes.social]", "[purposes.research]\n[purposes.social]").replace(
            "[purposes.research]",
            '[purposes.research.text.en]\nlabel = "R"\ndescription = "R"\n'
            '[purposes.research.text.de]\nlabel = "R"\ndescription = "R"',
        )
    )
    base = locked(declared)
    assert not runs_in_page(declared, base)
    for purposes, services, runs in (
        ({"social"}, {"youtube", "maps"}, False),
        (set(), {"youtube"}, False),
        (set(), {"matomo"}, True),
        ({"statistics"}, set(), True),
        ({"research"}, set(), True),
    ):
        granted = type(base)(base.purposes | purposes, base.services | services, False, "x")
        assert runs_in_page(declared, granted) is runs
