"""A page into which somebody has written everything by hand, and how to tell whether it may leave like that."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Flask

from tests.integration.conftest import Site
from tests.policies import SMALL

#: The small policy, whose films are frames with placeholders.
FILMS = SMALL.replace("[services.youtube]\n", '[services.youtube]\nopens = "frame"\n')

LOCKED = "default-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:"

HINT = '<link rel=preconnect href="https://spy.example">'
SCRIPT = '<script async src="https://stats.example.net/m.js"></script>'
PIXEL = '<img alt="" src="https://a.adverts.example/p.gif">'
FILM = '<iframe width="400" height="300" src="https://www.youtube-nocookie.com/embed/x" title="A film"></iframe>'
PAGE = (
    f"<!doctype html><html lang=de><head><meta charset=utf-8>{HINT}<title>t</title></head>\r\n"
    f"<body  class=a>{SCRIPT}\n<p>Größe &amp; Zahl</p>{PIXEL}{FILM}<!-- end --></body></html>"
)

RAW = PAGE.encode()
HTML = ("Content-Type", "text/html; charset=utf-8")
LENGTH = ("Content-Length", str(len(RAW)))

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

#: A placeholder, with the stylesheet that comes before the first one on a page.
_PLACEHOLDER = re.compile(
    r'(?:<link rel="stylesheet" href="/[^"]*">)?<figure [^>]*data-consentry="placeholder".*?</figure>', re.DOTALL
)


def placeholders(page: str) -> list[str]:
    """The placeholders on *page*, as they are."""
    return _PLACEHOLDER.findall(page)


def gated(page: str, *, granted: tuple[str, ...] = ()) -> str:
    """*page* as it must leave, with ``PLACEHOLDER`` for what stands for the film.

    :param granted: Ids of services.
    """
    made = page.replace(HINT, '<link data-consentry-rel=preconnect href="https://spy.example">')
    if "matomo" not in granted:
        made = made.replace(
            SCRIPT, '<script type="text/plain" async data-consentry-src="https://stats.example.net/m.js"></script>'
        )
    if "pixel" not in granted:
        made = made.replace(PIXEL, '<img alt="" data-consentry-src="https://a.adverts.example/p.gif">')
    if "youtube" not in granted:
        made = made.replace(FILM, "PLACEHOLDER")
    return made


def bare(page: str) -> str:
    """*page* as it left, with ``PLACEHOLDER`` for each placeholder: what :func:`gated` foretells."""
    return _PLACEHOLDER.sub("PLACEHOLDER", page)


def serve(app: Flask, path: str, view: Callable[[], object]) -> None:
    """Answer *path* with what *view* returns."""
    app.add_url_rule(path, endpoint=re.sub(r"\W", "_", path), view_func=view)  # type: ignore[arg-type]


#: Whether the other extension is initialised before Consentry.
either_order = pytest.mark.parametrize("first", [True, False], ids=["before", "after"])


def beside(build: Callable[..., Site], add: Callable[[Flask], None], *, first: bool, **config: object) -> Site:
    """The usual site with :data:`PAGE` at ``/hard``, and another extension that *add* adds before ours or after."""

    def prepare(app: Flask) -> None:
        serve(app, "/hard", lambda: PAGE)
        if first:
            add(app)

    site = build(FILMS, prepare=prepare, **config)
    if not first:
        add(site.app)
    return site


def grant(site: Site, *services: str) -> None:
    """Let the site's client allow *services*."""
    assert (
        site.post(answer="custom", services=list(services), notice=site.token("/consent/preferences")).status_code
        == 200
    )


def html(kind: str = HTML[1]) -> tuple[str, str]:
    """The header of a media type."""
    return ("Content-Type", kind)


def passes(site: Site, body: bytes) -> None:
    """Check that every byte of ``/sent`` leaves as it came, with its length and the wall."""
    sent = site.get("/sent")
    assert sent.data == body
    assert int(sent.headers["Content-Length"]) == len(body)
    assert sent.headers.getlist("Content-Security-Policy") == [LOCKED]
