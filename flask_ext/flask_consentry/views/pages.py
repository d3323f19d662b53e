"""The other routes: preferences, the visitor's state, wrapper frames, the page beacon, and the GPC support resource."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Response, abort, jsonify, make_response, request

from consent import ConsentError, TokenError
from consent.audience.beacons import GIF
from consent.audience.device import device
from consent.gate.headers import Mode

from .. import embeds, render
from ..current import consent
from ..current import state as current_state
from ..current import visit as current_visit
from ..state import State
from ..visit import Visit
from .origin import Sender, safe_next, sender
from .problems import Refused, answer, never_stored

_LOG = logging.getLogger("consentry")


def preferences() -> Response:
    """Every choice on a page: what stands, how to change it, how to take it back."""
    state, visit = current_state(), current_visit()
    overrides: dict[str, Any] = {"next": safe_next(request.args.get("next", ""), default="/")}
    if request.args.get("ask_again") == "yes":
        overrides["ask_again"] = True
    return never_stored(make_response(render.preferences(state, visit, **overrides)))


def state_of_visitor() -> Response:
    """What is allowed now, for the browser side."""
    return never_stored(jsonify(describe(current_state(), current_visit())))


def describe(state: State, visit: Visit) -> dict[str, Any]:
    """The visitor's state as JSON: what may run, for how long, whether there is something to ask, the guard's rules."""
    visit.consulted = True
    decision, grants = visit.decision, visit.grants
    return {
        "decided": decision is not None,
        "purposes": sorted(grants.purposes),
        "services": sorted(grants.services),
        "duration": decision.duration if decision else None,
        "ask": bool(visit.asks),
        "rules": state.gate.browser_rules,
    }


def embed(service: str, token: str) -> Response:
    """The wrapper document of one frame: for a visitor who granted its service, or with a fresh ticket for once.

    It is framed by the page, or stands alone where there is no JavaScript. Another site can neither frame it nor send
    a visitor to it and so make the frame load: without a grant it answers 404.
    """
    state, visit = current_state(), current_visit()
    visit.consulted = True
    try:
        shown = embeds.open_(state, token, service=service)
    except TokenError:
        return answer(state, Refused(HTTPStatus.NOT_FOUND, "not the description of a frame of this site"))
    ticket = request.args.get("once", "")
    if service not in visit.grants.services and not (ticket and embeds.admits(state, ticket, token, now=visit.now)):
        return answer(state, Refused(HTTPStatus.NOT_FOUND, "the service is not granted"))
    if sender(request) is Sender.FOREIGN:
        return answer(state, Refused(HTTPStatus.FORBIDDEN, "the request does not come from a page of this site"))
    visit.wraps = service
    alone = request.headers.get("Sec-Fetch-Dest", "document") == "document"
    page = render.embed_page(
        state,
        src=shown.src,
        title=shown.title,
        allow="fullscreen; picture-in-picture",
        back=shown.back,
        standalone=alone,
    )
    response = never_stored(make_response(page))
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"  # some players refuse to work without one
    return response


def beacon(token: str) -> Response:
    """Count a page, if it may be counted; the answer never tells."""
    state = current_state()
    try:
        said = state.beacons.read(token)
        machine = device(request.user_agent.string).kind == "machine"
        looked_at = request.method == "GET" and not request.headers.get("Sec-Purpose", "").startswith("prefetch")
        granted = consent.allows(service=said.service) if said.service else consent.allows(said.purpose)
        if looked_at and not machine and granted:
            state.counters.add("page", said.page, now=current_visit().now)
    except TokenError:
        pass
    except ConsentError as error:
        _LOG.error("a page was not counted: %s", type(error).__name__)
    return never_stored(Response(GIF, content_type="image/gif"))


def gpc() -> Response:
    """Whether the site honours Global Privacy Control (W3C GPC, "GPC Support Resource")."""
    state = current_state()
    if state.gate.mode is not Mode.ENFORCE:
        abort(HTTPStatus.NOT_FOUND)
    return jsonify({"gpc": True})
