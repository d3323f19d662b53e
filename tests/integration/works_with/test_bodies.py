"""Compressed, damaged, mislabelled and ill-meant bodies, and headers that are wrong about them."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import brotli
import pytest
from flask import Flask

from consent.gate import codings
from tests.integration.conftest import Site

from .hard import FILMS, PAGE, RAW, bare, gated, html, passes


def _bomb(coding: str, size: int) -> bytes:
    """A small body that opens into *size* bytes of page."""
    page = PAGE.encode() + b" " * size
    if coding == "br":
        return bytes(brotli.compress(page, quality=4))
    return codings.closed(page, coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_a_small_body_that_is_a_huge_page(sending: Callable[..., Site], coding: str) -> None:
    """It leaves as it came; the gate opens no more of it than its cap, in a short time."""
    bomb = _bomb(coding, 60_000_000)
    assert len(bomb) < 100_000
    site = sending(bomb, html(), ("Content-Encoding", coding), CONSENT_PAGE_CAP=200_000)
    site.get("/")
    tracemalloc.start()
    begun = time.monotonic()
    try:
        passes(site, bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - begun < 5
    assert peak < 4_000_000


# Without the time of now: the bytes name the tests, and every process has to find the same names.
ZIPPED = gzip.compress(RAW, mtime=0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", RAW), ("br", RAW), ("deflate", RAW), ("zstd", RAW), ("gzip", b""), ("gzip", ZIPPED[:-20]), ("gzip", ZIPPED[:5]),
        ("gzip", ZIPPED + b"more"), ("deflate", zlib.compress(RAW)[:-9]), ("br", brotli.compress(RAW)[:-9]), ("compress", RAW), ("no-such", RAW),
        ("gzip, br", brotli.compress(ZIPPED)), ("dcb", RAW), ("br", ZIPPED), ("zstd", codings.closed(RAW, "zstd")[:-9]),
    ],
)  # fmt: skip
def test_a_body_in_no_coding_that_its_header_names(sending: Callable[..., Site], coding: str, body: bytes) -> None:
    """Damaged, cut off, mislabelled or in a coding that nobody here knows: it leaves as it came."""
    passes(sending(body, html(), ("Content-Encoding", coding)), body)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("GZIP", ZIPPED), (" gzip ", ZIPPED), ("x-gzip", ZIPPED), ("identity", RAW), ("", RAW), ("gzip", gzip.compress(RAW[:99], mtime=0) + gzip.compress(RAW[99:], mtime=0)),
        ("deflate", zlib.compress(RAW, wbits=-15)),
    ],
)  # fmt: skip
def test_codings_in_unusual_dress(sending: Callable[..., Site], coding: str, body: bytes) -> None:
    """What browsers open, the gate opens, and closes again so that they can."""
    sent = sending(body, html(), ("Content-Encoding", coding)).get("/sent")
    assert sent.headers["Content-Encoding"] == coding
    page = codings.opened(sent.data, coding, cap=10_000_000)
    assert bare(page.decode()) == gated(PAGE)


def test_headers_about_the_bytes_do_not_outlive_them(sending: Callable[..., Site]) -> None:
    """Digests and parts speak of the page as the site made it; an entity tag is the visitor's own, weak ones too."""
    about = [
        ("Accept-Ranges", "bytes"),
        ("Content-MD5", "x=="),
        ("Digest", "sha-256=x"),
        ("Content-Digest", "x"),
        ("Repr-Digest", "x"),
    ]
    page = sending(RAW, html(), ("ETag", 'W/"a"'), *about).get("/sent").headers
    assert not {name for name, _ in about} & set(page.keys())
    assert page["ETag"].startswith('W/"a;consentry=')
    script = sending(b"1", html("text/javascript"), ("ETag", 'W/"a"'), *about).get("/sent").headers
    assert [(name, script[name]) for name, _ in about] == about
    assert script["ETag"] == 'W/"a"'


@pytest.mark.parametrize("length", ["0", "5", "99999", "-1", "x", "", "1, 1", "٣"])
def test_a_wrong_length_is_put_right_or_passes(build: Callable[..., Site], length: str) -> None:
    """A page that was collected has its true length, whatever was claimed; another one is a stream."""

    def application(_: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [html(), ("Content-Length", length)])
        return iter((RAW[:40], RAW[40:]))

    def prepare(app: Flask) -> None:
        app.wsgi_app = application  # type: ignore[assignment, method-assign]

    sent = build(FILMS, prepare=prepare).get("/sent")
    if length in ("0", "5", "99999"):
        assert bare(sent.text) == gated(PAGE)
        assert int(sent.headers["Content-Length"]) == len(sent.data)
    else:
        assert sent.data == RAW
