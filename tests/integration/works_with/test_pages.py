"""Pages that are too long, broken, in other encodings or oddly labelled: they leave, with the wall at least."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import pytest
from flask import Response

from flask_consentry.wsgi import Gate
from tests.integration.conftest import Site

from .hard import FILM, FILMS, HINT, PAGE, PIXEL, RAW, SCRIPT, bare, gated, grant, html, passes, placeholders, serve


@pytest.mark.parametrize("cap", [0, 1, len(RAW) - 1])
def test_a_page_beyond_the_cap_has_the_wall_only(sending: Callable[..., Site], cap: int) -> None:
    """It is not rewritten in part."""
    passes(sending(RAW, html(), CONSENT_PAGE_CAP=cap), RAW)


def test_a_page_of_the_caps_own_length_is_rewritten(sending: Callable[..., Site]) -> None:
    """Though it is longer when it leaves."""
    sent = sending(RAW, html(), CONSENT_PAGE_CAP=len(RAW)).get("/sent")
    assert bare(sent.text) == gated(PAGE)
    assert int(sent.headers["Content-Length"]) == len(sent.data) > len(RAW)


@pytest.mark.parametrize("mode", ["report", "off"])
def test_outside_of_enforcing_a_page_stays_as_it_is(sending: Callable[..., Site], mode: str) -> None:
    """Report mode and off change no body, and let parts of pages through."""
    site = sending(RAW, html(), ("Accept-Ranges", "bytes"), CONSENT_MODE=mode)
    sent = site.get("/sent")
    assert (sent.data, sent.headers["Accept-Ranges"]) == (RAW, "bytes")


@pytest.mark.parametrize(
    "kind",
    [
        "text/html", "text/plain, text/html", "TEXT/HTML", "Text/Html;Charset=UTF-8", 'text/html; charset="utf-8"', "text/html ; charset='utf-8' ", " text/html",
        "text/html;;charset=utf-8;charset=latin-1", "text/html; charset", "text/html; charset=", "text/html; charset=no-such", "text/html;x=y",
    ],
)  # fmt: skip
def test_however_html_is_labelled(sending: Callable[..., Site], kind: str) -> None:
    """It is a page, and belongs to its visitor."""
    sent = sending(RAW, ("CONTENT-TYPE", kind)).get("/sent")
    assert bare(sent.text) == gated(PAGE)
    assert sent.headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("kind", ["application/xhtml+xml", "text/plain", "image/svg+xml", "application/xml", "x"])
def test_what_is_not_html_has_the_wall_only(sending: Callable[..., Site], kind: str) -> None:
    """Other documents are not rewritten; their policy stands."""
    passes(sending(RAW, html(kind)), RAW)


def test_without_a_media_type_the_wall_is_the_locked_one(sending: Callable[..., Site]) -> None:
    """A browser may take such a body for a page: nothing is opened in it, whatever was granted."""
    site = sending(RAW)
    passes(site, RAW)
    grant(site, "youtube", "matomo")
    passes(site, RAW)


ENCODED = {
    "windows-1252": "Größe – €",
    "shift_jis": "表示ソ能",
    "gb18030": "中文网页",
    "euc-kr": "한국어",
    "big5": "許功蓋",
    "windows-1251": "Привет",
    "iso-8859-7": "Ελλάδα",
    "koi8-r": "Привет",
    "utf-8": "🎈 é",
}


@pytest.mark.parametrize("charset", ENCODED)
@pytest.mark.parametrize("where", ["header", "page", "nowhere"])
def test_pages_in_other_encodings(sending: Callable[..., Site], charset: str, where: str) -> None:
    """Whether and wherever its encoding is named, no byte of a page is lost, and what is not granted is inert."""
    page = PAGE.replace("Größe", ENCODED[charset]).replace(
        "charset=utf-8", f"charset={charset}" if where == "page" else "x"
    )
    raw = page.encode(charset)
    site = sending(raw, html(f"text/html; charset={charset}" if where == "header" else "text/html"))
    sent = site.get("/sent")
    edited = sent.data.decode(charset)
    assert bare(edited) == gated(page)
    assert placeholders(edited)[0].isascii()


def test_a_host_in_another_encoding(sending: Callable[..., Site]) -> None:
    """An address is read in the page's own encoding, as the browser reads it."""
    raw = '<img src="//трекер.example/x"><img src="/привет.png">'.encode("windows-1251")
    sent = sending(raw, html('text/html; charset="Windows-1251"')).get("/sent")
    assert sent.data == raw.replace(b"src", b"data-consentry-src", 1)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_pages_in_utf_16(sending: Callable[..., Site], codec: str) -> None:
    """With a byte order mark, which browsers believe before all else."""
    raw = ("\ufeff" + PAGE).encode(codec)
    sent = sending(raw, html("text/html; charset=utf-8")).get("/sent")
    assert bare(sent.data.decode(codec)) == gated("\ufeff" + PAGE)


BROKEN = {
    "empty": b"",
    "nul": b"\0<img src=//t.example/\0>\0",
    "cut": RAW[:-60],
    "cut-in-a-tag": b"<p>x<img src='//t.example/",
    "comment": b"<!-- <img src=//t.example> ",
    "bytes": bytes(range(256)) * 20,
    "not-utf-8": b"\xff\xfe\xfd<p>\x80\x81\xc3",
    "deep": b"<div>" * 20_000 + b"x",
    "formatting": b"<b><i>" * 2_000 + b"<p>x",
    "tables": b"<table><tr><td>" * 3_000,
    "attributes": b"<p " + b" ".join(b"a%d=1" % number for number in range(20_000)) + b">",
    "long": b"<p title='" + b"x" * 1_000_000 + b"'>",
    "surrogates": "<p>&#xD800;\ud83c</p>".encode("utf-8", "surrogatepass"),
    "end-tags": b"</p>" * 20_000,
    "frames": b"<frameset><frame src=/a></frameset>",
    "lines": b"\r\n\r\r\n" * 1000,
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_broken_pages_leave(sending: Callable[..., Site], raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Never an exception, never a page that hangs, and no byte lost but where an address is made inert."""
    begun = time.monotonic()
    sent = sending(raw, html()).get("/sent")
    assert time.monotonic() - begun < 15
    assert sent.status_code == 200
    assert len(placeholders(sent.get_data().decode("latin-1"))) <= 1
    if b"data-consentry" not in sent.data:
        assert sent.data == raw
    assert int(sent.headers["Content-Length"]) == len(sent.data)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    "status", ["200 OK", "201 Created", "404 Not Found", "500 Oh", "418 I'm a teapot", "203 Other"]
)
def test_every_status_with_a_page(sending: Callable[..., Site], status: str) -> None:
    """A page is a page."""
    sent = sending(RAW, html(), status=status).get("/sent")
    assert (sent.status, bare(sent.text)) == (status, gated(PAGE))


def test_a_placeholder_that_cannot_be_made(build: Callable[..., Site], caplog: pytest.LogCaptureFixture) -> None:
    """Its frame becomes inert like anything else; the rest of the page is rewritten all the same."""
    site = build(FILMS, prepare=lambda app: serve(app, "/hard", lambda: Response(PAGE * 2)))

    def fail(*_: object) -> str:
        raise RuntimeError("canary")

    gate = site.app.wsgi_app
    assert isinstance(gate, Gate)
    gate._stand_in = fail
    sent = site.get("/hard")
    assert sent.text == gated(PAGE * 2).replace("PLACEHOLDER", FILM.replace("src=", "data-consentry-src="))
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


def test_a_page_of_nothing_but_frames(build: Callable[..., Site]) -> None:
    """Fifty have placeholders, with ids of their own; the others are inert, and none loads."""
    site = build(FILMS, prepare=lambda app: serve(app, "/many", lambda: FILM * 80 + SCRIPT + PIXEL + HINT))
    sent = site.get("/many")
    assert len(placeholders(sent.text)) == 50
    assert sent.text.count("<iframe width") == 30
    assert '<iframe width="400" height="300" src' not in sent.text
