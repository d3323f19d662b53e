"""The template side: ``{% consent %}`` and the ``consent_…()`` functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, request
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from markupsafe import Markup, escape

from consent.gate.urls import is_covered, leads_home
from consent.policy import Opens

from . import counted, render, stand_in
from .counted import mistake
from .current import consent, state, visit
from .stand_in import Slot


class ConsentTag(Extension):
    """``{% consent "statistics" %}…{% else %}…{% endconsent %}``, or ``{% consent service="youtube" %}``."""

    tags = {"consent"}  # noqa: RUF012  # Jinja's own interface

    def parse(self, parser: Parser) -> nodes.Node:
        """Turn the tag into an ``if``."""
        line = next(parser.stream).lineno
        by_service = parser.stream.current.test("name:service") and parser.stream.look().test("assign")
        if by_service:
            parser.stream.skip(2)
        named = parser.parse_expression()
        body = parser.parse_statements(("name:else", "name:endconsent"))
        otherwise: list[nodes.Node] = []
        if next(parser.stream).test("name:else"):
            otherwise = parser.parse_statements(("name:endconsent",), drop_needle=True)
        test = self.call_method("_allows_service" if by_service else "_allows", [named], lineno=line)
        return nodes.If(test, body, [], otherwise, lineno=line)

    def _allows(self, purpose: str) -> bool:
        return consent.allows(purpose)

    def _allows_service(self, service: str) -> bool:
        return consent.allows(service=service)


def install(app: Flask) -> None:
    """Add the tag, the functions and ``consent`` to *app*'s templates."""
    app.jinja_env.add_extension(ConsentTag)
    functions: dict[str, Callable[..., Markup]] = {
        "consent_head": head,
        "consent_banner": banner,
        "consent_script": script,
        "consent_embed": embed,
        "consent_widget": widget,
        "consent_beacon": beacon,
        "consent_cookie_table": cookie_table,
        "consent_preferences_link": preferences_link,
    }
    app.jinja_env.globals.update(functions, consent=consent)


def head(*, nonce: str | None = None) -> Markup:
    """The guard and the stylesheet: first in ``<head>``.

    :param nonce: The site's CSP nonce; found by itself under Flask-Talisman or in ``g.csp_nonce``.
    """
    return render.head(state(), visit(), nonce=nonce)


def banner(*, nonce: str | None = None) -> Markup:
    """The question, first in ``<body>``; nothing once it is answered."""
    return render.banner(state(), visit(), nonce=nonce)


def preferences_link() -> Markup:
    """The way to change or take back an answer, for a footer."""
    return render.link(state(), visit())


def cookie_table() -> Markup:
    """All that the policy declares to be stored in browsers, as a table."""
    return render.cookie_table(state())


def script(service: str, src: str, **attributes: Any) -> Markup:
    """A ``<script>`` of *service* where it is granted, else nothing.

    :param attributes: Further attributes: ``defer=True`` without a value, ``data_site="3"`` as ``data-site``.
    :raises PolicyError: *src* does not lie in the service's ``script-src``: it could never load.
    """
    _check_covered(service, "script-src", src)
    if not consent.allows(service=service):
        return Markup("")
    written = Markup("")
    for name, value in attributes.items():
        if value is not None and value is not False:
            written += Markup(" ") + escape(name.replace("_", "-"))
            written += Markup("") if value is True else Markup('="{}"').format(value)
    return Markup('<script src="{}"{}></script>').format(src, written)


def embed(
    service: str,
    src: str,
    *,
    title: str,
    width: int = stand_in.PLAYED[0],
    height: int = stand_in.PLAYED[1],
    link: str | None = None,
    poster: str | None = None,
) -> Markup:
    """A frame of *service* where it is granted, else a placeholder of the same size that asks.

    :param src: https URL of the frame.
    :param title: What is in it, for people who cannot see it.
    :param width: In CSS pixels; *height* likewise.
    :param link: Where the same thing can be seen on the other site.
    :param poster: Path on this site of a picture to show until then, as ``url_for("static", …)`` gives it.
    :raises PolicyError: *src* does not lie in the service's ``frame-src``: it could never load; or *poster* is
        somewhere else: it would tell others of the visitor.
    """
    _check_covered(service, "frame-src", src)
    if poster is not None and not (poster.startswith("/") and leads_home(poster, host="")):
        raise mistake(f"services.{service}", f"the poster {poster} is not on this site", "Serve a copy of your own")
    return _stands(
        Slot(
            id=stand_in.next_id(),
            service=service,
            kind=Opens.FRAME,
            content=src,
            title=title,
            width=width,
            height=height,
            link=link,
            poster=poster,
        )
    )


def widget(
    service: str,
    markup: str,
    *,
    title: str,
    width: int = stand_in.SHOWN[0],
    height: int = stand_in.SHOWN[1],
    link: str | None = None,
) -> Markup:
    """A widget that a script of *service* draws, in a sandbox, where it is granted; else a placeholder that asks.

    :param markup: HTML of the element that the script turns into the widget, as the vendor gives it, up to 16 kB.
    :param title: What it is, for people who cannot see it.
    :param width: In CSS pixels; *height* likewise, until the widget says its own.
    :param link: Where the same thing can be seen on the other site.
    :raises PolicyError: no script of the service is known that its ``script-src`` covers, or *markup* is too long.
    """
    script = state().policy.service(service).embedding.script
    if script:
        _check_covered(service, "script-src", script)
    elif "<script" not in markup:
        raise mistake(f"services.{service}.embedding.script", "missing, so nothing would draw it", "Give its URL")
    return _stands(
        Slot(
            id=stand_in.next_id(),
            service=service,
            kind=Opens.WIDGET,
            content=str(markup),
            title=title,
            width=width,
            height=height,
            link=link,
        )
    )


def _stands(slot: Slot) -> Markup:
    """What stands in *slot* for the current visitor."""
    key = f"services.{slot.service}"
    if not slot.title.strip():
        raise mistake(key, "a frame or widget without a title", "Say in title what it is, for people who cannot see it")
    sides: tuple[object, ...] = (slot.width, slot.height)
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise mistake(key, f"{slot.width!r} × {slot.height!r} is no size", "Give width and height as whole CSS pixels")
    if slot.link is not None and not slot.link.startswith(("https://", "http://")):
        raise mistake(key, f"the link {slot.link} names no other site", "Write a whole https URL, or leave it out")
    token = stand_in.token_of(state(), slot)
    if token is None:
        raise mistake(f"services.{slot.service}", f"the {slot.kind} {slot.title!r} is too long for a URL", "Shorten it")
    if consent.allows(service=slot.service):
        return stand_in.opened(state(), slot, token)
    return stand_in.placeholder(state(), visit(), slot, token)


def beacon(service: str | None = None, *, purpose: str | None = None) -> Markup:
    """A picture of one pixel that counts this page where that is allowed, else nothing. Sets no cookie.

    :param service: The declared service that it is, of the purpose of ``[audience]``: its grant is needed then.
    :raises PolicyError: the service is not declared for that, or *purpose* is given: it stands in the policy.
    """
    if purpose is not None:
        raise mistake(
            "audience.purpose", "consent_beacon() takes no purpose", f'Write [audience] purpose = "{purpose}" instead'
        )
    current = visit()
    current.consulted = True
    return counted.page(state(), current, request, service)


def _check_covered(service: str, directive: str, src: str) -> None:
    hosts = state().policy.service(service).hosts.get(directive, ())
    if not leads_home(src, host=request.host) and not is_covered(src, hosts):
        key = f"services.{service}.hosts.{directive}"
        raise mistake(key, f"does not cover {src}", "Add its origin, or it could never load")
