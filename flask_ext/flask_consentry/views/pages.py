"""The other routes: preferences, the visitor's state, and the GPC support resource."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, abort, jsonify, make_response, request

from consent.gate.headers import Mode

from .. import marker, render
from ..current import state as current_state
from ..current import visit as current_visit
from ..state import State
from ..visit import Visit
from .origin import safe_next
from .problems import never_stored

#: Placeholders of one page whose forms work without a page load.
_MOST_NOTICES = 100


def preferences() -> Response:
    """Every choice on a page: what stands, how to change it, how to take it back."""
    state, visit = current_state(), current_visit()
    overrides: dict[str, Any] = {"next": safe_next(request.args.get("next", ""))}
    if request.args.get("ask_again") == "yes":
        overrides["ask_again"] = True
    return never_stored(make_response(render.preferences(state, visit, **overrides)))


def banner() -> Response:
    """The question alone, for a page that all visitors share; 204 where there is nothing to ask."""
    state, visit = current_state(), current_visit()
    visit.consulted = True
    shown = render.late_banner(state, visit, back=safe_next(request.args.get("next", "")))
    response = make_response(shown) if shown else Response(status=HTTPStatus.NO_CONTENT)
    marker.put(response, state, visit)
    return never_stored(response)


def state_of_visitor() -> Response:
    """What is allowed now, for the browser side.

    A page that all visitors share adds ``?about=`` and a service for each of its placeholders: their notice tokens come
    with the answer, and under the empty name that of its link to the choices.
    """
    state, visit = current_state(), current_visit()
    about = request.args.getlist("about")[:_MOST_NOTICES]
    said = describe(state, visit) | ({"notices": render.shared_notices(state, visit, about)} if about else {})
    response = jsonify(said)
    marker.put(response, state, visit)
    return never_stored(response)


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


def gpc() -> Response:
    """Whether the site honours Global Privacy Control (W3C GPC, "GPC Support Resource")."""
    state = current_state()
    if state.gate.mode is not Mode.ENFORCE:
        abort(HTTPStatus.NOT_FOUND)
    return jsonify({"gpc": True})
