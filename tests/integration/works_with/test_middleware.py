"""Among other WSGI middleware, beneath the gate and over it, and among other applications."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Flask
from werkzeug.debug import DebuggedApplication
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from tests.integration.conftest import Site

from .hard import FILMS, HTML, LENGTH, LOCKED, PAGE, RAW, Wsgi, bare, gated


def test_a_debugger_beneath_the_gate(build: Callable[..., Site]) -> None:
    """Werkzeug's page about an error is a page like others, and leaves whole."""

    def prepare(app: Flask) -> None:
        app.wsgi_app = DebuggedApplication(app.wsgi_app)  # type: ignore[method-assign]

    sent = build(FILMS, prepare=prepare, TESTING=True).get("/crash", Host="localhost")
    assert sent.status_code == 500
    assert "ZeroDivisionError" in sent.text
    assert sent.text.rstrip().endswith("-->")
    assert sent.headers["Content-Security-Policy"] == LOCKED


def _setting(application: Wsgi, *cookies: str) -> Wsgi:
    """Middleware that sets cookies and a policy, and connects elsewhere."""

    def wrapped(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        def begin(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            more = [("Set-Cookie", cookie) for cookie in cookies]
            more += [("Link", "<https://stats.example.net>; rel=preconnect"), ("Content-Security-Policy", "img-src *")]
            return start(status, [*headers, *more], exc_info) if exc_info else start(status, [*headers, *more])

        return application(environ, begin)

    return wrapped


def test_middleware_under_ours_is_gated(build: Callable[..., Site]) -> None:
    """Its cookies are judged, its links filtered, and its policy stays as it is."""

    def prepare(app: Flask) -> None:
        app.wsgi_app = _setting(app.wsgi_app, "spy=1", "login=2; Path=/", "_pk_id.7=3")  # type: ignore[assignment, method-assign]

    headers = build(FILMS, prepare=prepare).get("/cookies").headers
    assert headers.getlist("Set-Cookie") == ["login=2; Path=/"]
    assert "Link" not in headers
    assert headers.getlist("Content-Security-Policy") == ["img-src *", LOCKED]


def test_middleware_over_ours_is_its_own_master(build: Callable[..., Site]) -> None:
    """What wraps the gate is not gated: the docs say to put it beneath."""
    site = build(FILMS)
    site.app.wsgi_app = _setting(site.app.wsgi_app, "spy=1")  # type: ignore[assignment, method-assign]
    headers = site.get("/cookies").headers
    assert headers.getlist("Set-Cookie") == ["spy=1"]
    assert LOCKED in headers.getlist("Content-Security-Policy")


@pytest.mark.parametrize("outside", [True, False])
def test_two_applications_with_gates_of_their_own(build: Callable[..., Site], outside: bool) -> None:
    """Mounted beside each other, each page has the gate of its own application; placeholders lead back to it."""

    def hard(app: Flask) -> None:
        app.add_url_rule("/hard", view_func=lambda: PAGE)

    one, two = build(FILMS, prepare=hard), build(FILMS.replace('"example"', '"other"'), prepare=hard)
    if outside:
        both = Client(DispatcherMiddleware(one.app, {"/two": two.app}))
    else:
        one.app.wsgi_app = DispatcherMiddleware(one.app.wsgi_app, {"/two": two.app})  # type: ignore[method-assign]
        both = Client(one.app)
    for mount in ("", "/two"):
        sent = both.get(f"{mount}/hard")
        assert bare(sent.text) == gated(PAGE)
        assert f'action="{mount}/consent/decision"' in sent.text
        assert f'data-frame="{mount}/consent/embed/youtube/' in sent.text
        assert sent.headers.getlist("Content-Security-Policy") == [LOCKED]


def test_an_application_beneath_the_gate_of_another(build: Callable[..., Site]) -> None:
    """What is mounted beneath belongs to the site: its pages are gated, and its placeholders lead to the site's routes."""

    def prepare(app: Flask) -> None:
        other = Flask("other")
        other.add_url_rule("/hard", view_func=lambda: PAGE)
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/two": other})  # type: ignore[method-assign]

    site = build(FILMS, prepare=prepare, CONSENT_REPORTS="always")
    sent = site.get("/two/hard")
    assert bare(sent.text) == gated(PAGE)
    assert sent.headers["Content-Security-Policy"] == f"{LOCKED}; report-uri /consent/report"
    assert 'action="/consent/decision"' in sent.text
    assert 'name="next" value="/two/hard#cs-found-1"' in sent.text
    token = sent.text.split('name="notice" value="')[1].split('"')[0]
    assert site.post(answer="always", service="youtube", notice=token).status_code == 200
    assert site.get("/two/hard").text == gated(PAGE, granted=("youtube",))


def test_a_part_of_a_page_beneath_a_dispatcher(build: Callable[..., Site]) -> None:
    """The application is asked again as it was asked first, though a dispatcher changed the path."""

    def part(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/two", "/x")
        if "HTTP_RANGE" in environ:
            start("206 Partial Content", [HTML, ("Content-Length", "9"), ("Content-Range", "bytes 0-8/*")])
            return [RAW[:9]]
        start("200 OK", [HTML, LENGTH])
        return [RAW]

    def prepare(app: Flask) -> None:
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/two": part})  # type: ignore[method-assign]

    sent = build(FILMS, prepare=prepare).get("/two/x", Range="bytes=0-8")
    assert (sent.status_code, bare(sent.text)) == (200, gated(PAGE))
