"""Beside Flask-Compress: every coding is opened, rewritten and closed again."""

from __future__ import annotations

import gzip
import importlib
import re
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest
from flask import Flask, Response, render_template_string, request, send_file
from flask_compress import Compress, DictCache

from consent.gate import codings
from flask_consentry import consent
from tests.integration.conftest import PAGE as USUAL
from tests.integration.conftest import Site
from tests.unit import test_gate_html as html

from .hard import FILMS, PAGE, bare, beside, either_order, gated, grant, placeholders, serve

zstd = importlib.import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

#: What a browser has in each coding, told by libraries that are not ours.
OPENERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": zstd.decompress,
    "deflate": zlib.decompress,
}
every_coding = pytest.mark.parametrize("coding", OPENERS)
HOME = "https://meadow.example"


def compress(app: Flask) -> None:
    """Compress everything, however short."""
    app.config["COMPRESS_MIN_SIZE"] = 0
    Compress(app)


def _cases(test: object) -> list:
    """The cases that the tests of the HTML gate itself run."""
    (mark,) = test.pytestmark  # type: ignore[attr-defined]
    return list(mark.args[1])


CHANGED = _cases(html.test_what_loads_from_elsewhere_becomes_inert)
UNCHANGED = _cases(html.test_what_stays_at_home_stays_as_it_is)
WRITTEN = [f'<img src="{url}">' for url in _cases(html.test_urls_are_read_as_browsers_read_them)]


@pytest.fixture
def compressed(build: Callable[..., Site]) -> Site:
    """A site that sends back, compressed, whatever page it is given."""
    fonts = '[services.fonts]\npurpose = "necessary"\nname = "Fonts"\nreason = "Letters."\n'
    fonts += 'hosts = { style-src = ["https://fonts.example"] }\n'

    def prepare(app: Flask) -> None:
        compress(app)
        app.add_url_rule("/echo", view_func=lambda: Response(request.get_data()), methods=["POST"])

    return build(FILMS + fonts, prepare=prepare)


def _echo(site: Site, page: str, coding: str) -> str:
    response = site.client.post("/echo", data=page.encode(), base_url=HOME, headers={"Accept-Encoding": coding})
    assert response.headers["Content-Encoding"] == coding
    assert int(response.headers["Content-Length"]) == len(response.data)
    return OPENERS[coding](response.data).decode()


@every_coding
def test_the_html_gate_works_as_without_compression(compressed: Site, coding: str) -> None:
    """Each case of the HTML gate's own tests has the same outcome in every coding."""
    for page, expected in CHANGED:
        assert _echo(compressed, page, coding) == expected
    for page in UNCHANGED:
        assert _echo(compressed, page, coding) == page
    for page in WRITTEN:
        assert "data-consentry-src=" in _echo(compressed, page, coding)


@every_coding
@either_order
def test_a_page_of_everything(build: Callable[..., Site], coding: str, first: bool) -> None:
    """What is not granted is inert, a film has its placeholder, and every other byte stays, in either order."""
    site = beside(build, compress, first=first)
    sent = site.get("/hard", Accept_Encoding=coding)
    page = OPENERS[coding](sent.data).decode()
    assert sent.headers["Content-Encoding"] == coding
    assert bare(page) == gated(PAGE)
    assert len(placeholders(page)) == 1
    assert "Accept-Encoding" in sent.headers["Vary"]
    assert "Cookie" in sent.headers["Vary"]


@every_coding
def test_a_grant_under_compression(build: Callable[..., Site], coding: str) -> None:
    """What is granted, and only that, is there as it was written."""
    site = beside(build, compress, first=True)
    grant(site, "youtube", "matomo")
    page = OPENERS[coding](site.get("/hard", Accept_Encoding=coding).data).decode()
    assert page == gated(PAGE, granted=("youtube", "matomo"))


@every_coding
@either_order
def test_entity_tags_of_compressed_pages(build: Callable[..., Site], coding: str, first: bool) -> None:
    """The tag names coding and grants; a page is confirmed for the same answer, and fetched anew after another."""

    def add(app: Flask) -> None:
        compress(app)

        @app.route("/tagged")
        def tagged() -> Response:
            response = Response(PAGE, mimetype="text/html")
            response.set_etag("same")
            return response

    site = beside(build, add, first=first)
    tag = site.get("/tagged", Accept_Encoding=coding).headers["ETag"]
    assert tag.startswith(f'"same:{coding};consentry=')
    again = site.get("/tagged", Accept_Encoding=coding, If_None_Match=tag, Sec_Fetch_Dest="document")
    assert (again.status_code, again.headers["ETag"]) == (304, tag)
    grant(site, "youtube")
    fresh = site.get("/tagged", Accept_Encoding=coding, If_None_Match=tag, Sec_Fetch_Dest="document")
    assert fresh.status_code == 200
    assert "<iframe" in OPENERS[coding](fresh.data).decode()


def test_what_is_not_a_page_stays_as_it_was_compressed(build: Callable[..., Site]) -> None:
    """Scripts and data leave with the very bytes that Flask-Compress made."""
    body = b"fetch('https://stats.example.net/');" * 50

    def add(app: Flask) -> None:
        compress(app)
        serve(app, "/big.js", lambda: Response(body, mimetype="text/javascript"))

    site = beside(build, add, first=True)
    for coding, decode in OPENERS.items():
        sent = site.get("/big.js", Accept_Encoding=coding)
        assert sent.headers["Content-Encoding"] == coding
        assert decode(sent.data) == body


# Flask-Compress forgets to close a file that it turns into a stream, with and without the gate.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("streams", [True, False])
def test_files_that_are_pages(build: Callable[..., Site], streams: bool) -> None:
    """Flask-Compress turns files into streams, which have the wall only, unless ``COMPRESS_STREAMS`` is off."""

    def add(app: Flask) -> None:
        app.config["COMPRESS_STREAMS"] = streams
        path = Path(app.root_path, "page.html")
        path.write_bytes(PAGE.encode())
        compress(app)
        serve(app, "/file", lambda: send_file(path))

    site = beside(build, add, first=True)
    with site.get("/file", Accept_Encoding="br") as sent:
        if streams:
            page = brotli.decompress(sent.data).decode()  # a stream or, in older versions, a page
            assert bare(page) == (gated(PAGE) if "Content-Length" in sent.headers else PAGE)
        else:
            assert bare(sent.get_data(as_text=True)) == gated(PAGE)


@every_coding
def test_a_page_beyond_the_cap_when_opened(build: Callable[..., Site], coding: str) -> None:
    """A small body that opens into a page beyond the cap leaves as it came, with the wall."""
    site = beside(build, compress, first=True, CONSENT_PAGE_CAP=len(PAGE.encode()) - 1)
    sent = site.get("/hard", Accept_Encoding=coding)
    assert OPENERS[coding](sent.data).decode() == PAGE
    assert len(sent.data) < len(PAGE) - 1
    assert "default-src" in sent.headers["Content-Security-Policy"]


@pytest.mark.parametrize("by_answer", [True, False])
def test_compressed_pages_that_flask_compress_keeps(build: Callable[..., Site], by_answer: bool) -> None:
    """Whatever its cache hands out is gated for who gets it; with the variant in its key it is also the right text."""

    def add(app: Flask) -> None:
        app.config["COMPRESS_CACHE_BACKEND"] = DictCache
        app.config["COMPRESS_CACHE_KEY"] = lambda sent: f"{sent.path}|{consent.variant if by_answer else ''}"
        compress(app)
        serve(app, "/kept", lambda: render_template_string(USUAL))

    site = beside(build, add, first=True)
    other = Site(site.app, site.clock)
    grant(site, "matomo", "youtube")
    assert "https://stats.example.net/m.js" in brotli.decompress(site.get("/kept", Accept_Encoding="br").data).decode()
    page = brotli.decompress(other.get("/kept", Accept_Encoding="br").data).decode()
    assert not re.search(' src="https://(?:stats|www.youtube)', page)
    assert ('data-consentry="banner"' in page) == by_answer


@every_coding
def test_what_the_gate_opens_is_what_it_closes(coding: str) -> None:
    """The gate's own codings agree with the libraries that browsers' makers publish."""
    assert OPENERS[coding](codings.closed(PAGE.encode(), coding)) == PAGE.encode()
