"""The gate in WSGI, outside every ``after_request``, so that no extension can undo it.

It changes the start of a response and never its body: streams pass through untouched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from consent.gate.headers import Headers

from .visit import KEY, Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .state import State

_LOG = logging.getLogger("consentry")


class Gate:
    """Wraps a WSGI application so that its responses pass the gate of *state*."""

    def __init__(self, application: WSGIApplication, state: State) -> None:
        self._application = application
        self._state = state

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        visit = environ[KEY] = Visit(self._state, environ)
        gate = self._state.gate

        def start(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            headers = list(headers)  # some applications hand over what can be read once only
            try:
                headers = gate.outgoing(headers, visit)
            except Exception as error:  # noqa: BLE001  # a failure of ours opens nothing and breaks no page
                _LOG.error("a response left with everything locked because of a failure: %s", type(error).__name__)
                headers = gate.locked(headers)
            return start_response(status, headers) if exc_info is None else start_response(status, headers, exc_info)

        return self._application(environ, start)
