"""The gate around a real Flask application."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable

import pytest
from flask import Flask, Response
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from flask_consentry import Consentry
from flask_consentry.wsgi import Gate
from tests.policies import SMALL

from .conftest import Site

LOCKED = "default-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:"


@pytest.mark.parametrize(
    "path", ["/", "/cookies", "/file.js", "/file.png", "/links", "/missing", "/consent/preferences", "/static/none.css"]
)
def test_every_response_carries_the_policy(site: Site, path: str) -> None:
    """Pages, scripts, errors: the wall has no gap."""
    assert site.get(path).headers.getlist("Content-Security-Policy") == [LOCKED]


def test_a_crash_carries_it_too(build: Callable[..., Site]) -> None:
    """An error page is a page."""
    site = build(TESTING=False)
    response = site.get("/crash")
    assert response.status_code == 500
    assert response.headers["Content-Security-Policy"] == LOCKED


def test_a_grant_opens_its_own_hosts(site: Site) -> None:
    """Exactly what was granted is added."""
    site.post(answer="custom", services=["youtube"], notice=site.token())
    policy = site.get().headers["Content-Security-Policy"]
    assert "frame-src 'self'" in policy
    assert "https://www.youtube-nocookie.com" in policy
    assert "stats.example.net" not in policy


def test_the_sites_own_policy_stays(build: Callable[..., Site]) -> None:
    """Ours stands beside it as a header of its own; merging would loosen one of them."""

    def prepare(app: Flask) -> None:
        @app.after_request
        def policy(response: Response) -> Response:
            response.headers["Content-Security-Policy"] = "script-src 'strict-dynamic' 'nonce-x'"
            return response

    assert build(prepare=prepare).get().headers.getlist("Content-Security-Policy") == [
        "script-src 'strict-dynamic' 'nonce-x'",
        LOCKED,
    ]


def test_cookies_pass_by_declaration_and_grant(site: Site) -> None:
    """Before an answer only the necessary; after it what was granted; the undeclared never."""
    path = "/cookies?name=session&name=login&name=colours&name=_pk_id.1&name=spy"
    assert _set(site, path) == {"session", "login"}
    site.post(answer="custom", purposes=["preferences"], notice=site.token())
    assert _set(site, path) == {"session", "login", "colours"}


def test_a_session_answer_shortens_cookies(site: Site) -> None:
    """What was granted for the session ends with it."""
    site.accept(ask_again=True)
    sent = site.get("/cookies?name=colours&name=login").headers.getlist("Set-Cookie")
    assert [header for header in sent if header.startswith("colours=")] == ["colours=1; Path=/"]
    assert any("Max-Age=1000" in header for header in sent if header.startswith("login="))


def test_a_dropped_cookie_is_explained_once(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """The log shows the TOML to paste, once per name, without the cookie's value."""
    with caplog.at_level(logging.INFO, logger="consentry"):
        for _ in range(3):
            site.get("/cookies?name=spy&name=colours")
    undeclared, ungranted = caplog.messages
    assert "[[services.your_service.cookies]]" in undeclared
    assert 'name = "spy"' in undeclared
    assert "not granted" in ungranted


def test_what_is_no_longer_allowed_is_deleted_where_it_is_met(site: Site) -> None:
    """A page deletes declared cookies of services not granted, in every variant, and touches no other."""
    for name in ("_pk_id.1", "_ad", "other", "login"):
        site.client.set_cookie(name, "x")
    sent = site.get("/news/1").headers.getlist("Set-Cookie")
    assert {header.split("=")[0] for header in sent} == {"_pk_id.1", "_ad"}
    assert any("Path=/news" in header for header in sent)
    assert site.client.get_cookie("_ad") is None


def test_links_and_jumps_are_filtered(site: Site) -> None:
    """A Link header connects nowhere that was not granted; a Refresh does not leave the site."""
    headers = site.get("/links").headers
    assert headers["Link"] == "</next>; rel=next"
    assert "Refresh" not in headers
    site.accept()
    assert "preconnect" in site.get("/links").headers["Link"]
    assert "Speculation-Rules" not in site.get("/links").headers


def test_a_page_is_private_and_what_is_the_same_for_all_is_not(site: Site) -> None:
    """Pages vary by visitor; pictures, and scripts while nothing is granted, keep the site's caching."""
    page = site.get().headers
    assert page["Cache-Control"] == "private, no-cache"
    assert page["Vary"] == "Cookie, Sec-GPC"
    for path in ("/file.js", "/file.png"):
        assert site.get(path).headers["Cache-Control"] == "public, max-age=600"
        assert "Vary" not in site.get(path).headers
    site.accept()
    assert site.get().headers["Cache-Control"] == "private, no-store"
    assert site.get("/file.js").headers["Cache-Control"] == "private, no-store"
    assert "stats.example.net" in site.get("/file.js").headers["Content-Security-Policy"]
    assert site.get("/file.png").headers["Content-Security-Policy"] == LOCKED


def test_grant_withdraw_revalidate(site: Site) -> None:
    """An entity tag belongs to what was allowed: after a withdrawal the granted page is not confirmed as fresh."""
    locked = site.get("/etag").headers["ETag"]
    assert site.get("/etag", If_None_Match=locked).status_code == 304
    site.accept()
    fresh = site.get("/etag", If_None_Match=locked)
    assert (fresh.status_code, fresh.text) == (200, "granted")
    granted = fresh.headers["ETag"]
    assert granted != locked
    again = site.get("/etag", If_None_Match=granted)
    assert (again.status_code, again.headers["ETag"]) == (304, granted)
    assert again.headers["Cache-Control"] == "private, no-store"
    site.form(answer="withdraw")
    after = site.get("/etag", If_None_Match=granted)
    assert (after.status_code, after.text) == (200, "locked")


def test_a_date_or_a_foreign_tag_confirms_no_page(site: Site) -> None:
    """A page cached before the gate stood here is fetched anew."""
    assert "Last-Modified" not in site.get("/etag").headers
    for headers in ({"If_None_Match": '"same"'}, {"If_Modified_Since": "Thu, 01 Jan 2026 00:00:00 GMT"}):
        assert site.get("/etag", Accept="text/html", **headers).status_code == 200
        assert site.get("/etag", Sec_Fetch_Dest="document", **headers).status_code == 200


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "forged.signature",
        "a" * 5000,
        "é",
        '"',
        ";;;",
        "AQ.x",
        "consent_example=x",
        "\x7f",
        "%00",
        "null",
        "[1]",
    ],
)
def test_a_strange_cookie_means_undecided(site: Site, value: str) -> None:
    """Never a 500, never a grant."""
    response = site.client.get("/", headers={"Cookie": f"consent_example={value}; other=1".encode().decode("latin-1")})
    assert response.status_code == 200
    assert "Accept all" in response.text
    assert "TUBE" not in response.text


def test_two_receipts_mean_undecided(site: Site) -> None:
    """A cookie planted beside the true one does not win, and neither does the true one."""
    site.accept()
    response = site.app.test_client(use_cookies=False).get(
        "/", headers={"Cookie": f"consent_example={site.receipt}; consent_example=planted"}
    )
    assert "TUBE" not in response.text


@pytest.mark.parametrize("outside", [True, False])
def test_scheme_and_address_are_those_inside_proxyfix(build: Callable[..., Site], outside: bool) -> None:
    """Whichever wraps the other, the gate sees what the site sees."""

    def fix(app: Flask) -> None:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_proto=1, x_host=1, x_for=1)  # type: ignore[method-assign]

    site = build(prepare=None if outside else fix)
    if outside:
        fix(site.app)
    assert isinstance(site.app.wsgi_app, ProxyFix if outside else Gate)
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "www.example.org", "X-Forwarded-For": "192.0.2.1"}
    token = site.token()
    response = site.client.post(
        "/consent/decision",
        json={"answer": "accept_all", "notice": token},
        headers={"Origin": "https://www.example.org"} | forwarded,
    )
    assert response.status_code == 200
    cookie = response.headers["Set-Cookie"].split(";")[0]
    assert cookie.startswith("__Host-consent_example=")
    page = site.app.test_client(use_cookies=False).get("/", headers={"Cookie": cookie} | forwarded)
    assert "TUBE" in page.text
    plain = site.app.test_client(use_cookies=False).get("/", headers={"Cookie": cookie})
    assert "TUBE" not in plain.text


def test_two_applications_do_not_touch_each_other(build: Callable[..., Site]) -> None:
    """Another policy, another site, another gate in the same process."""
    other_text = SMALL.replace('site = "example"', 'site = "other"').replace("stats.example.net", "count.example.net")
    other_text = other_text.replace('name = "colours"', 'name = "tones"')
    one, two = build(), build(other_text.replace("[purposes.marketing]", '[purposes.marketing]\nbasis = "opt_out"'))
    one.accept()
    assert one.receipt
    two.client.set_cookie("consent_example", one.receipt)
    assert two.get("/consent/state").json["decided"] is False  # type: ignore[index]
    assert _set(one, "/cookies?name=colours&name=tones") == {"colours"}
    assert _set(two, "/cookies?name=colours&name=tones") == set()
    assert "stats.example.net" in one.get("/etag").headers["Content-Security-Policy"]
    assert "stats.example.net" not in two.get("/etag").headers["Content-Security-Policy"]
    assert len(one.records) == 1
    assert two.records == []


def test_two_applications_on_one_host_keep_their_answers_apart(build: Callable[..., Site]) -> None:
    """Mounted side by side for one browser, an answer to one is none to the other and overwrites none."""
    one, two = build(), build(SMALL.replace('site = "example"', 'site = "other"'))
    both = Client(DispatcherMiddleware(one.app, {"/two": two.app}))
    for mount in ("", "/two"):
        page = both.get(f"{mount}/consent/preferences").text
        token = page.split('name="notice" value="')[1].split('"')[0]
        sent = both.post(
            f"{mount}/consent/decision",
            json={"answer": "accept_all", "notice": token},
            headers={"Origin": "http://localhost"},
        )
        assert sent.status_code == 200
    for mount in ("", "/two"):
        assert "TUBE" in both.get(f"{mount}/").text
    assert (len(one.records), len(two.records)) == (1, 1)


def test_deletions_stay_within_a_proxys_buffer(site: Site) -> None:
    """However many cookies must go, one response carries few of them; the next page takes the rest."""
    client = site.app.test_client(use_cookies=False)
    crowd = "; ".join(f"_pk_id.{number}=x" for number in range(300))
    sent = client.get("/news/a/b/c/d", base_url="https://www.shop.example.co.uk", headers={"Cookie": crowd}).headers
    assert 20 < len(sent.getlist("Set-Cookie")) < 60
    assert len(str(sent)) < 3600, "nginx takes 4,096 bytes, and adds some"


def test_many_cookies_are_gone_after_two_pages(site: Site) -> None:
    """Whatever trackers stored for the whole domain, by name or prefix, goes first: after a withdrawal nothing stays."""
    client = site.app.test_client()
    for number in range(30):
        client.set_cookie(f"_pk_id.{number}", "x", domain="example.com", origin_only=False)
    for _ in range(2):
        client.get("/news/1", base_url="https://www.example.com")
        site.clock.advance(seconds=5)
    left = [number for number in range(30) if client.get_cookie(f"_pk_id.{number}", domain="example.com")]
    assert left == []


def test_one_application_has_one_consentry(site: Site) -> None:
    """A second is a mistake, said at once."""
    with pytest.raises(RuntimeError, match="already"):
        Consentry(site.app)


def test_report_mode_changes_nothing_but_reports(build: Callable[..., Site], caplog: pytest.LogCaptureFixture) -> None:
    """For a site that is moving in: cookies pass, the policy only reports, and the log says what would be dropped."""
    site = build(CONSENT_MODE="report")
    with caplog.at_level(logging.INFO, logger="consentry"):
        response = site.get("/cookies?name=spy")
    assert [h.split("=")[0] for h in response.headers.getlist("Set-Cookie")] == ["spy"]
    assert response.headers["Content-Security-Policy-Report-Only"] == f"{LOCKED}; report-uri /consent/report"
    assert "Content-Security-Policy" not in response.headers
    assert "would drop" in caplog.text
    assert "UNCOUNTED" in site.get().text
    assert 'data-mode="report"' in site.get().text


def test_off_means_off(build: Callable[..., Site]) -> None:
    """Without the gate only what templates ask for is held back."""
    site = build(CONSENT_MODE="off")
    response = site.get("/cookies?name=spy")
    assert response.headers.getlist("Set-Cookie")
    assert "Content-Security-Policy" not in response.headers
    assert "UNCOUNTED" in site.get().text


@pytest.mark.parametrize("mode", ["report", "off"])
def test_a_page_that_asked_is_private_in_every_mode(build: Callable[..., Site], mode: str) -> None:
    """Templates follow the answer in every mode, and so no cache may share what they made; the rest keeps its caching."""
    site = build(CONSENT_MODE=mode)
    assert site.get().headers["Cache-Control"] == "private, no-cache"
    assert "Cookie" in site.get().headers["Vary"]
    plain = site.get("/cookies", Sec_Fetch_Dest="document")
    assert "Cache-Control" not in plain.headers
    tag = site.get("/etag").headers["ETag"]
    assert site.get("/etag", If_None_Match=tag, Sec_Fetch_Dest="document").status_code == 304


def test_no_page_touches_a_database(build: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without a decision, pages, files and errors are served without opening the store or the spool."""
    site = build(CONSENT_BACKGROUND=True)
    site.accept()
    site.client.set_cookie("_ad", "x")
    site.state.ledger.revocations.refresh()
    site.app.extensions["consentry.background"].stop()
    site.state.ledger.close()

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError(f"{threading.current_thread().name} opened a database")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    monkeypatch.setattr("sqlalchemy.create_engine", refuse)
    monkeypatch.setattr(type(site.state.ledger.database), "_engine", refuse)
    for path in (
        "/",
        "/social",
        "/cookies?name=spy",
        "/etag",
        "/file.js",
        "/missing",
        "/consent/preferences",
        "/consent/state",
    ):
        assert site.get(path).status_code in (200, 404)
    site.client.delete_cookie("consent_example")
    assert site.get().status_code == 200
    with pytest.raises(AssertionError, match="MainThread"):
        list(site.state.ledger.store.records())


def test_a_failure_of_ours_breaks_no_page_and_opens_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The page is served, locked, without a cookie; the log names the kind of failure and nothing of the visitor."""
    site.accept()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("canary")

    monkeypatch.setattr(type(site.state.gate), "outgoing", fail)
    response = site.get("/cookies?name=login&name=spy")
    assert response.status_code == 200
    assert "Set-Cookie" not in response.headers
    assert response.headers["Content-Security-Policy"] == LOCKED
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


def test_a_view_that_needs_consent_asks_for_it(site: Site) -> None:
    """403 with a page that allows this one purpose and leaves the others unanswered."""
    refused = site.get("/social")
    assert refused.status_code == 403
    for told in ("Videos, maps and posts from other sites", "Google Ireland Limited", "Map Foundation"):
        assert told in refused.text
    assert (
        site.form(answer="custom", purposes=["social"], notice=site.token("/social"), next="/social").status_code == 303
    )
    assert site.get("/social").text == "social"
    assert "Count visits" in site.get().text, "the rest is still asked"


def test_the_page_that_asks_for_one_purpose_is_what_the_record_proves(site: Site) -> None:
    """Its own words are kept; Global Privacy Control is told there, with the box that overrides it."""
    site.form(answer="custom", purposes=["social"], notice=site.token("/social"), surface="page")
    (record,) = site.records
    (notice,) = site.state.ledger.store.notices()
    assert record.notice == notice["digest"]
    assert "This page needs your permission" in notice["html"]
    assert "Google Ireland Limited" in notice["html"]
    assert "Reject all" not in notice["html"]
    other = Site(site.app, site.clock)
    assert 'name="override_gpc"' in other.get("/social", Sec_GPC="1").text


def _set(site: Site, path: str) -> set[str]:
    """Names of the cookies that a page sets."""
    return {
        header.split("=")[0]
        for header in site.app.test_client(use_cookies=False)
        .get(path, headers={"Cookie": f"consent_example={site.receipt}"})
        .headers.getlist("Set-Cookie")
    }


def test_a_response_of_no_type_is_not_taken_for_a_page(site: Site) -> None:
    """Browsers are told not to look into what has no type, where they could find HTML that no gate has read."""

    @site.app.get("/bare")
    def bare() -> Response:
        response = Response("<html><link rel=preconnect href=https://t.example>")
        del response.headers["Content-Type"]
        return response

    assert site.get("/bare").headers["X-Content-Type-Options"] == "nosniff"
    assert "X-Content-Type-Options" not in site.get().headers


def test_a_service_worker_is_never_granted_anything(site: Site) -> None:
    """Browsers keep its policy until the file changes, so that a grant in it would outlive a withdrawal."""

    @site.app.get("/sw.js")
    def worker() -> Response:
        return Response("", content_type="text/javascript")

    site.accept()
    assert "https://www.youtube" in site.get("/sw.js").headers["Content-Security-Policy"]
    locked = site.get("/sw.js", Service_Worker="script").headers["Content-Security-Policy"]
    assert "https:" not in locked


def test_two_types_are_read_as_one_list(site: Site) -> None:
    """Browsers join repeated headers: a page behind a second Content-Type is a page."""

    @site.app.get("/twice")
    def twice() -> Response:
        response = Response("<link rel=preconnect href=https://t.example>", content_type="text/plain")
        response.headers.add("Content-Type", "text/html; charset=utf-8")
        return response

    assert "data-consentry-rel" in site.get("/twice").text


@pytest.mark.parametrize("mode", ["report", "off"])
def test_our_own_failure_enforces_nothing_where_nothing_is_enforced(
    build: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """Outside enforce mode a response leaves as the site made it, whatever breaks."""
    site = build(CONSENT_MODE=mode)
    monkeypatch.setattr(site.state.gate, "outgoing", None)

    @site.app.get("/plain")
    def plain() -> Response:
        response = Response("x")
        response.set_cookie("sid", "1")
        return response

    headers = site.get("/plain").headers
    assert "sid=1" in headers["Set-Cookie"]
    assert "Content-Security-Policy" not in headers
