"""The wrapper document of one frame or widget, framed by the page or alone where there is no JavaScript.

A frame's wrapper runs no script, and the vendor's frame in it keeps its own origin. A widget's wrapper runs the
vendor's script, and whatever is in the markup, under a sandbox without the site's origin: no cookie, no storage, no
page of the site is in its reach.

Sources: HTML Standard §7.1.4 (sandboxing); CSP Level 3 §6.3.2 (``sandbox``).
"""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from importlib.resources import files

from flask import Response, make_response, render_template, request
from markupsafe import Markup

from consent import TokenError
from consent.policy import Opens, Service

from .. import embeds, render, stand_in
from ..current import state as current_state
from ..current import visit as current_visit
from ..embeds import Embed
from ..state import State
from .origin import Sender, sender
from .problems import Refused, answer, never_stored

#: Markup that brings the vendor's script along, in a version or language of its own.
_SCRIPT = re.compile(r"<script\b[^>]*\ssrc\s*=", re.IGNORECASE)


def embed(service: str, token: str) -> Response:
    """Show what *token* describes to a visitor who granted its service, or has a fresh ticket for once.

    Another site can neither frame it nor send a visitor to it and so make the vendor's things load: without a grant it
    answers 404.
    """
    state, visit = current_state(), current_visit()
    visit.consulted = True
    try:
        shown = embeds.open_(state, token, service=service)
    except TokenError:
        return answer(state, Refused(HTTPStatus.NOT_FOUND, "not the description of a frame of this site"))
    ticket = request.args.get("once", "")
    granted = service in visit.grants.services
    declared = state.policy.services.get(service)
    if declared is None or not (granted or (ticket and embeds.admits(state, ticket, token, now=visit.now))):
        return answer(state, Refused(HTTPStatus.NOT_FOUND, "the service is not granted"))
    if sender(request) is Sender.FOREIGN:
        return answer(state, Refused(HTTPStatus.FORBIDDEN, "the request does not come from a page of this site"))
    visit.wraps = state.gate.csp.wrapper(service, shown.kind)
    response = never_stored(make_response(_page(state, declared, shown)))
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return response


def _page(state: State, service: Service, shown: Embed) -> str:
    context = {
        "t": render.words(state.policy),
        "title": shown.title,
        "back": shown.back or render.home(),
        "standalone": request.headers.get("Sec-Fetch-Dest", "document") == "document",
    }
    if shown.kind is Opens.WIDGET:
        return render_template(
            "consentry/widget.html",
            markup=Markup(shown.content),  # noqa: S704  # the site's own, and shown in a sandbox
            script="" if _SCRIPT.search(shown.content) else service.embedding.script,
            css=_inline("embed.css"),
            resize=_inline("resize.js"),
            **context,
        )
    attributes = stand_in.vendor_attributes(service)
    css_url = render.asset("embed.css")
    return render_template("consentry/embed.html", src=shown.content, attributes=attributes, css_url=css_url, **context)


@cache
def _inline(name: str) -> Markup:
    """One of our static files, to stand in the document: a sandbox may not be let near the site's own."""
    text = (files("flask_consentry") / "static" / name).read_text(encoding="utf-8")
    return Markup(text.strip())  # noqa: S704  # our own file
