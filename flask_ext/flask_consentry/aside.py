"""Placeholders for what the gate finds in a page, rendered once the site's own request has ended.

They need a request to be rendered in: its address, its language, the application's routes. They must not need, and must
not touch, what belongs to the site's own handling of it: the session, which may live in a database, the functions that
run before and after a request or at its end, and those that add to every URL.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from functools import cache

from flask import Flask, Request
from flask.sessions import SessionInterface

from consent.gate.found import Found

from .stand_in import stand_in_for
from .state import State
from .visit import Visit
from .wsgi import StandIn


class _NoSessions(SessionInterface):
    """Opens none, and is never asked to save one."""

    def open_session(self, app: Flask, request: Request) -> None:
        return None


def renderer(app: Flask, state: State) -> StandIn:
    """Makes the placeholders of what is found in pages of *app* and no template function has written."""

    @cache
    def aside() -> Flask:
        """*app* with its routes, templates and config, without what it does to requests; made at the first need."""
        made = copy.copy(app)
        made.session_interface = _NoSessions()
        made.teardown_request_funcs, made.teardown_appcontext_funcs = defaultdict(list), []
        made.url_default_functions = defaultdict(list)
        return made

    def render(visit: Visit, found: Found, number: int) -> str | None:
        with aside().request_context(visit.at_home):
            return stand_in_for(state, visit, found, number=number)

    return render
