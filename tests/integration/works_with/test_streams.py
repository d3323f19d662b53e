"""Streams, redirects, errors, and the ends of requests."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator

import pytest
from flask import (
    Flask,
    Response,
    abort,
    g,
    has_request_context,
    redirect,
    request,
    session,
    stream_template_string,
    stream_with_context,
)
from werkzeug.exceptions import HTTPException

from tests.integration.conftest import PAGE as USUAL
from tests.integration.conftest import Site

from .hard import FILMS, LOCKED, PAGE, bare, gated, grant, placeholders, serve


@pytest.mark.parametrize("with_context", [True, False])
@pytest.mark.parametrize("kind", ["text/html", "text/plain", "text/event-stream"])
def test_a_stream_is_not_held_back(build: Callable[..., Site], kind: str, with_context: bool) -> None:
    """The first piece leaves while the second does not exist yet; the page has the wall, and every byte is the site's."""
    read = threading.Event()

    def pieces() -> Iterator[str]:
        yield PAGE
        assert read.wait(5), "nobody read the first piece before the second was made"
        yield request.path if with_context else "end"

    def view() -> Response:
        return Response(stream_with_context(pieces()) if with_context else pieces(), mimetype=kind)

    site = build(FILMS, prepare=lambda app: serve(app, "/stream", view))
    sent = site.get("/stream")
    body = sent.iter_encoded()
    assert next(iter(body)) == PAGE.encode()
    read.set()
    assert b"".join(body) == (b"/stream" if with_context else b"end")
    assert sent.headers.getlist("Content-Security-Policy") == [LOCKED]
    assert "Content-Length" not in sent.headers
    assert sent.headers.get("Cache-Control") == ("private, no-cache" if kind == "text/html" else None)
    sent.close()


def test_a_stream_that_says_its_length_is_a_page(build: Callable[..., Site]) -> None:
    """With a Content-Length within the cap a generator is collected and rewritten."""
    raw = PAGE.encode()

    def view() -> Response:
        pieces = (bytes([byte]) for byte in raw)
        return Response(pieces, mimetype="text/html", headers={"Content-Length": str(len(raw))})

    sent = build(FILMS, prepare=lambda app: serve(app, "/stream", view)).get("/stream")
    assert bare(sent.text) == gated(PAGE)
    assert int(sent.headers["Content-Length"]) == len(sent.data)


def test_a_stream_that_breaks_off(build: Callable[..., Site]) -> None:
    """What was sent was sent; the error is the server's to see, and nothing of the page is repeated."""

    def pieces() -> Iterator[str]:
        yield "<p>half"
        raise ZeroDivisionError

    sent = build(FILMS, prepare=lambda app: serve(app, "/stream", lambda: Response(pieces()))).get("/stream")
    body = iter(sent.iter_encoded())
    assert next(body) == b"<p>half"
    with pytest.raises(ZeroDivisionError):
        next(body)


def test_redirects_lead_where_they_led(build: Callable[..., Site]) -> None:
    """Their address and their small page stay as Flask wrote them; who follows a link goes by choice."""
    elsewhere = "https://stats.example.net/?a=1&b=2"
    site = build(FILMS, prepare=lambda app: serve(app, "/go", lambda: redirect(elsewhere, 307)))
    sent = site.get("/go")
    with site.app.test_request_context():
        plain = redirect(elsewhere, 307)
    assert (sent.status_code, sent.headers["Location"], sent.data) == (307, elsewhere, plain.data)
    assert sent.headers["Content-Security-Policy"] == LOCKED


def test_flasks_own_error_pages_stay_as_they_are(build: Callable[..., Site]) -> None:
    """There is nothing in them to hold back, so not one byte changes."""

    def prepare(app: Flask) -> None:
        app.add_url_rule("/error/<int:code>", endpoint="error", view_func=abort)

    site = build(FILMS, prepare=prepare, TESTING=False)
    for code in (400, 401, 403, 404, 405, 410, 413, 418, 429, 500, 501, 503):
        sent = site.get(f"/error/{code}")
        with pytest.raises(HTTPException) as error:
            abort(code)
        assert (sent.status_code, sent.text) == (code, error.value.get_body())
        assert sent.headers["Content-Security-Policy"] == LOCKED
    assert site.get("/crash").status_code == 500


def test_the_sites_own_error_pages_are_gated(build: Callable[..., Site]) -> None:
    """A tracker on the page for what is missing, or for a crash, is a tracker."""

    def prepare(app: Flask) -> None:
        app.register_error_handler(404, lambda _: (PAGE, 404))
        app.register_error_handler(500, lambda _: (PAGE, 500))

    site = build(FILMS, prepare=prepare, TESTING=False)
    for path, status in (("/missing", 404), ("/crash", 500)):
        sent = site.get(path)
        assert (sent.status_code, bare(sent.text)) == (status, gated(PAGE))


def test_what_is_done_at_the_end_is_done_once(build: Callable[..., Site]) -> None:
    """Functions for the end of a response, a request and its context run once, though a placeholder is rendered later."""
    done: list[str] = []

    def view() -> Response:
        response = Response(PAGE)
        response.call_on_close(lambda: done.append("closed"))
        return response

    def prepare(app: Flask) -> None:
        serve(app, "/end", view)
        app.before_request(lambda: done.append("before"))
        app.after_request(lambda response: (done.append("after"), response)[1])  # type: ignore[func-returns-value]
        app.teardown_request(lambda _: done.append("request"))
        app.teardown_appcontext(lambda _: done.append("context"))

    sent = build(FILMS, prepare=prepare).client.get("/end", buffered=True)
    assert len(placeholders(sent.text)) == 1
    assert sorted(done) == ["after", "before", "closed", "context", "request"]


def test_a_page_that_is_streamed_by_its_template(build: Callable[..., Site]) -> None:
    """The template functions ask as they do elsewhere; the page is the visitor's own."""
    site = build(FILMS, prepare=lambda app: serve(app, "/streamed", lambda: stream_template_string(USUAL)))
    sent = site.get("/streamed")
    assert "UNCOUNTED" in sent.text
    assert len(placeholders(sent.text)) == 1
    assert sent.headers["Cache-Control"] == "private, no-cache"
    grant(site, "matomo", "youtube")
    sent = site.get("/streamed")
    assert "https://stats.example.net/m.js" in sent.text
    assert not placeholders(sent.text)
    assert sent.headers["Cache-Control"] == "private, no-store"


def test_a_test_that_keeps_the_request_keeps_it(build: Callable[..., Site]) -> None:
    """``with client:`` still shows the request and session of the view, and not those of a placeholder."""

    def view() -> str:
        session["seen"] = "yes"
        return PAGE

    site = build(FILMS, prepare=lambda app: serve(app, "/kept", view))
    with site.client as client:
        sent = client.get("/kept?a=1")
        assert len(placeholders(sent.text)) == 1
        assert (request.full_path, session["seen"]) == ("/kept?a=1", "yes")
    assert not has_request_context()


def test_url_defaults_of_the_site_do_not_meet_a_placeholder(build: Callable[..., Site]) -> None:
    """The way of Flask's docs to put a language into every URL needs what only the site's own request has."""

    def pull(_: str | None, values: dict | None) -> None:
        g.lang_code = (values or {}).pop("lang_code", None)

    def prepare(app: Flask) -> None:
        app.url_value_preprocessor(pull)
        app.url_defaults(lambda _, values: values.setdefault("lang_code", g.lang_code) and None)
        serve(app, "/<lang_code>/hard", lambda: PAGE)

    sent = build(FILMS, prepare=prepare).get("/de/hard")
    assert bare(sent.text) == gated(PAGE)
    assert re.search(r'data-frame="/consent/embed/youtube/[\w.-]+"', sent.text)
