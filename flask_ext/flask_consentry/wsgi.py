"""The gate in WSGI, outside every ``after_request``, so that no extension can undo it.

It changes the start of every response and the body of HTML pages; see :mod:`.pages` for which. Other bodies pass
untouched.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import quote

from consent.discovery.sighting import Kind, Sighting, page_of
from consent.gate.found import Found
from consent.gate.headers import Headers, Mode
from consent.gate.source import Note, no_note

from .pages import Closing, Start, close
from .visit import KEY, Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .state import State

_LOG = logging.getLogger("consentry")

#: In the forms of templates/consentry/_fields.html: what comes before a submission's key, and the key.
_KEY = re.compile(
    rb'(<input type="hidden" name="notice" value="[^"]*">\s*<input type="hidden" name="key" value=")([^"]+)'
)

#: Makes the HTML of a placeholder; the number counts those on its page.
StandIn = Callable[[Visit, Found, int], str | None]


class Gate:
    """Wraps a WSGI application so that its responses pass the gate of *state*.

    :param wake: Called at each request: sees to it that the work in the background goes on.
    """

    def __init__(
        self, application: WSGIApplication, state: State, stand_in: StandIn, wake: Callable[[], object] = bool
    ) -> None:
        self._application = application
        self._state = state
        self._stand_in = stand_in
        self._wake = wake
        self._told = False
        self._cap = state.settings.page_cap if state.gate.mode is Mode.ENFORCE else 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        # What is mounted beneath the gate may change the environ, and could not be asked again with that.
        before = environ.copy() if "HTTP_RANGE" in environ else None
        self._wake()
        visit = environ[KEY] = Visit(self._state, environ)
        start = Start(start_response, lambda headers: self._outgoing(headers, visit), cap=self._cap)
        body = self._begun(environ, start)
        if before is not None and start.is_partial:
            # A part of a page cannot be judged: Range is ignored, as it may be (RFC 9110 §14.2).
            close(body)
            start.forget()
            environ.clear()
            environ.update(before)
            environ[KEY] = visit
            del environ["HTTP_RANGE"]
            body = self._begun(environ, start)
        try:
            return start.finish(
                body,
                method=environ.get("REQUEST_METHOD", "GET"),
                rewrite=lambda page, charset: self._rewritten(page, charset, visit),
            )
        except BaseException:
            close(body)
            raise

    def _begun(self, environ: WSGIEnvironment, start: Start) -> Iterable[bytes]:
        body = self._application(environ, start)
        return body if start.begun else _started(body, start)

    def _outgoing(self, headers: Headers, visit: Visit) -> Headers:
        try:
            if visit.plain:
                return self._state.gate.plain(headers)
            return self._state.gate.outgoing(headers, visit)
        except Exception as error:  # noqa: BLE001  # a failure of ours opens nothing and breaks no page
            if self._state.gate.mode is not Mode.ENFORCE and visit.wraps is None:
                _LOG.error("a response left as the site made it because of a failure: %s", type(error).__name__)
                return headers
            _LOG.error("a response left with everything locked because of a failure: %s", type(error).__name__)
            return self._state.gate.locked(headers, visit.wraps)

    def _rewritten(self, page: bytes, charset: str | None, visit: Visit) -> bytes:
        if visit.wraps is not None:
            return page
        return self._state.pages.rewrite(
            self._with_own_keys(page, visit),
            base=self._state.pages.base("https" if visit.secure else "http", visit.host),
            services=self._state.policy.services_on(visit.grants.services, visit.path),
            charset=charset,
            stand_in=lambda found, number: self._placeholder(visit, found, number),
            note=self._note_for(visit),
        )

    def _note_for(self, visit: Visit) -> Note:
        """Counts what the page does not get to ask for, as a browser would report it."""
        tally = self._state.tally
        if tally is None:
            return no_note

        def note(origin: str, directive: str) -> None:
            if origin.startswith(("https:", "http:", "wss:", "ws:")):
                seen = Sighting(kind=Kind.HOST, name=origin[:300], by=directive, page=page_of(quote(visit.path)))
                tally.add(seen, visit.now)

        return note

    def _with_own_keys(self, page: bytes, visit: Visit) -> bytes:
        """*page* without keys of forms that are not this visitor's: two answers with one key are recorded as one."""
        own = {key.encode() for key in visit.keys}
        if own.issuperset(found[2] for found in _KEY.finditer(page)):
            return page
        if not self._told:
            self._told = True
            _LOG.warning(
                "a page has forms that were made for another visitor: a cache of the site's own keeps it whole "
                "(said once); see docs/works-with.md#flask-caching"
            )
        return _KEY.sub(lambda found: found[0] if found[2] in own else found[1], page)

    def _placeholder(self, visit: Visit, found: Found, number: int) -> str | None:
        try:
            return self._stand_in(visit, found, number)
        except Exception as error:  # noqa: BLE001  # what it would stand for becomes inert, and so does the rest of the page
            _LOG.error("a frame or widget has no placeholder because of a failure: %s", type(error).__name__)
            return None


def _started(body: Iterable[bytes], start: Start) -> Iterable[bytes]:
    """*body*, of an application that begins with its first piece only."""
    iterator, pieces = iter(body), []
    try:
        for piece in iterator:
            pieces.append(piece)
            if start.begun:
                break
    except BaseException:
        close(body)
        raise
    return Closing(chain(pieces, iterator), body)
