"""Beside a site's own Content-Security-Policy, by hand, by Flask-Talisman, or by a blueprint."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Blueprint, Flask, Response, g
from flask_talisman import Talisman
from werkzeug.wrappers import Response as BaseResponse

from tests.integration.conftest import PAGE as USUAL
from tests.integration.conftest import Site

from .hard import FILMS, LOCKED, PAGE, bare, beside, either_order, gated, grant, placeholders, serve

CSP = "Content-Security-Policy"
ONLY = "Content-Security-Policy-Report-Only"

#: Policies that sites have, each as the headers that say it.
OWN: dict[str, list[tuple[str, str]]] = {
    "none": [],
    "hosts": [(CSP, "default-src 'self'; script-src 'self' https://stats.example.net; report-uri https://r.example/")],
    "nonce": [(CSP, "script-src 'nonce-abc123' 'self';object-src 'none'")],
    "strict-dynamic": [(CSP, "script-src 'strict-dynamic' 'nonce-abc123' https: 'unsafe-inline'; base-uri 'none'")],
    "report-only": [(ONLY, "default-src 'none';  report-to  main")],
    "several": [(CSP, "img-src *"), (CSP, "script-src 'none'"), (ONLY, "img-src 'none'")],
    "odd": [(CSP.lower(), " DEFAULT-SRC  'self' ;; ,upgrade-insecure-requests")],
}
every_policy = pytest.mark.parametrize("own", OWN.values(), ids=OWN)


def _add(own: list[tuple[str, str]]) -> Callable[[Flask], None]:
    def add(app: Flask) -> None:
        @app.after_request
        def policy(response: Response) -> Response:
            for name, value in own:
                response.headers.add(name, value)
            return response

    return add


def _policies(response: BaseResponse) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers if name.lower().startswith(CSP.lower())]


@every_policy
@either_order
def test_the_sites_policy_stays_byte_for_byte(
    build: Callable[..., Site], own: list[tuple[str, str]], first: bool
) -> None:
    """Ours is one header more, never merged into another, whatever the site says."""
    site = beside(build, _add(own), first=first)
    paths = ("/hard", "/file.js", "/missing", "/consent/preferences")
    for path in paths:
        assert _policies(site.get(path)) == [*own, (CSP, LOCKED)]
    grant(site, "youtube")
    for path in paths:
        *others, (name, ours) = _policies(site.get(path))
        assert (others, name) == (own, CSP)
        assert ours.startswith(LOCKED)
        assert "https://www.youtube-nocookie.com" in ours


@every_policy
def test_the_html_gate_does_its_work_under_every_policy(build: Callable[..., Site], own: list[tuple[str, str]]) -> None:
    """What is not granted is inert, whether the site's policy would let it load or not."""
    assert bare(beside(build, _add(own), first=True).get("/hard").text) == gated(PAGE)


def _talisman(**options: object) -> Callable[[Flask], None]:
    return lambda app: Talisman(app, **({"force_https": False} | options)) and None


TALISMAN: dict[str, dict[str, object]] = {
    "default": {},
    "dict": {"content_security_policy": {"default-src": "'self'", "img-src": ["'self'", "https://a.adverts.example"]}},
    "nonce": {
        "content_security_policy": {"script-src": "'self'", "style-src": "'self'"},
        "content_security_policy_nonce_in": ["script-src", "style-src"],
    },
    "strict-dynamic": {
        "content_security_policy": {"script-src": "'strict-dynamic'", "object-src": "'none'"},
        "content_security_policy_nonce_in": ["script-src"],
    },
    "report-only": {
        "content_security_policy": "default-src 'none'",
        "content_security_policy_report_only": True,
        "content_security_policy_report_uri": "/csp",
    },
    "off": {"content_security_policy": False},
}


@either_order
@pytest.mark.parametrize("options", TALISMAN.values(), ids=TALISMAN)
def test_talisman(build: Callable[..., Site], options: dict[str, object], first: bool) -> None:
    """Its policy is what it is without us; ours stands beside it, and our tags carry its nonce."""
    alone = Flask("alone")
    _talisman(**options)(alone)
    serve(alone, "/hard", lambda: PAGE)
    site = beside(build, _talisman(**options), first=first)

    def told(response: BaseResponse) -> list[tuple[str, str]]:
        return [(name, re.sub("nonce-[^']+", "nonce-", value)) for name, value in _policies(response)]

    assert told(site.get("/hard")) == [*told(alone.test_client().get("/hard")), (CSP, LOCKED)]
    page = site.get("/")
    nonces = set(re.findall("'nonce-([^']+)'", " ".join(value for _, value in _policies(page))))
    ours = re.findall(r'<script [^>]*src="/consent/static/[^>]*>', page.text)
    assert ours
    assert all(set(re.findall('nonce="([^"]*)"', tag)) == nonces for tag in ours)
    assert bare(site.get("/hard").text) == gated(PAGE)


@either_order
def test_talisman_sends_visitors_to_https(build: Callable[..., Site], first: bool) -> None:
    """The redirect has the wall; over HTTPS the answer is taken and Flask's session cookie is left as it is."""
    site = beside(build, _talisman(force_https=True, strict_transport_security=True), first=first)
    site.app.debug = False
    moved = site.get("/hard")
    assert (moved.status_code, moved.headers["Location"]) == (302, "https://localhost/hard")
    assert moved.headers.getlist(CSP)[-1] == LOCKED
    secure = {"base_url": "https://localhost"}
    assert site.client.get("/login", **secure).headers["Set-Cookie"].startswith("session=")
    page = site.client.get("/hard", **secure)
    assert "Strict-Transport-Security" in page.headers
    (placeholder,) = placeholders(page.text)
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', placeholder)) | {"answer": "always"}
    sent = site.client.post("/consent/decision", data=fields, headers={"Sec-Fetch-Site": "same-origin"}, **secure)
    assert (sent.status_code, sent.headers["Location"]) == (303, "/hard#cs-found-1")
    assert "<iframe" in site.client.get("/hard", **secure).text


@either_order
def test_the_wrapper_of_a_frame_has_its_own_policy_alone(build: Callable[..., Site], first: bool) -> None:
    """On the one document that shows a granted frame, a policy or frame header of Talisman would leave it empty."""
    site = beside(build, _talisman(), first=first)
    (placeholder,) = placeholders(site.get("/hard").text)
    grant(site, "youtube")
    frame = re.search(r'data-frame="([^"]+)"', placeholder)
    assert frame
    wrapper = site.get(frame[1])
    assert wrapper.status_code == 200
    (policy,) = wrapper.headers.getlist(CSP)
    assert policy.startswith("default-src 'none'; frame-src https://www.youtube-nocookie.com")
    assert "X-Frame-Options" not in wrapper.headers


def test_a_nonce_of_the_sites_own_making(build: Callable[..., Site]) -> None:
    """``g.csp_nonce`` is on our tags, and in the placeholders there is no script that would need it."""

    def prepare(app: Flask) -> None:
        app.before_request(lambda: setattr(g, "csp_nonce", "mine"))
        serve(app, "/hard", lambda: PAGE)

    site = build(FILMS, prepare=prepare)
    assert set(re.findall(r'src="/consent/static/[^>]*nonce="([^"]*)"', site.get("/").text)) == {"mine"}
    (placeholder,) = placeholders(site.get("/hard").text)
    assert "<script" not in placeholder
    assert "style=" not in placeholder


@either_order
def test_a_blueprint_that_changes_everything_late(build: Callable[..., Site], first: bool) -> None:
    """Its ``after_request`` puts in a body, cookies, a policy and links last; the gate still judges them all."""

    def add(app: Flask) -> None:
        part = Blueprint("part", __name__, url_prefix="/part")

        @part.after_request
        def late(response: Response) -> Response:
            response.set_data(PAGE)
            response.headers[CSP] = "img-src *"
            response.headers["Link"] = '<https://stats.example.net>; rel=preconnect, </a.css>; rel="preload"; as=style'
            response.headers["Cache-Control"] = "public, max-age=600"
            response.set_cookie("spy", "1")
            response.set_cookie("login", "1")
            response.delete_cookie("spy")
            return response

        part.add_url_rule("/", "page", lambda: "early")
        app.register_blueprint(part)

    site = beside(build, add, first=first)
    sent = site.get("/part/")
    assert bare(sent.text) == gated(PAGE)
    assert _policies(sent) == [(CSP, "img-src *"), (CSP, LOCKED)]
    assert sent.headers["Link"] == '</a.css>; rel="preload"; as=style'
    assert sent.headers["Cache-Control"] == "private, no-cache"
    kept = sent.headers.getlist("Set-Cookie")
    assert [cookie.partition(";")[0] for cookie in kept] == ["login=1", "spy="]
    assert kept[1].endswith("Max-Age=0")


def test_functions_of_templates_and_hard_code_side_by_side(build: Callable[..., Site]) -> None:
    """On one page the placeholders of both kinds have ids of their own."""
    from flask import render_template_string

    site = build(FILMS, prepare=lambda app: serve(app, "/both", lambda: render_template_string(USUAL + PAGE)))
    ids = re.findall(r'<figure class="cs-slot" id="([^"]+)"', site.get("/both").text)
    assert ids == ["cs-frame-1", "cs-found-1"]
