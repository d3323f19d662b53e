"""``POST /consent/report``: what browsers and the guard say that a page loaded or stored.

Always 204, always at once: nothing is told to the sender, nothing is logged, and the database is not touched. Browsers
send these requests with or without ``Origin`` and ``Sec-Fetch-Site``, and another site's page cannot be told from them
by anything else; so what is counted is bounded, see :mod:`consent.discovery.tally`.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Request, Response, request
from werkzeug.exceptions import HTTPException

from consent.discovery import reports

from ..current import state as current_state
from ..current import visit as current_visit
from .origin import Sender, sender
from .problems import never_stored


def post() -> Response:
    """Count what a report tells."""
    tally, visit = current_state().tally, current_visit()
    if tally is not None and _may_be_ours(request) and tally.admits(now=visit.now):
        told_before = request.mimetype == reports.SECOND_WAY
        for sighting in reports.read(_body(request), host=visit.host):
            tally.add(sighting, visit.now, only_new=told_before)
    return never_stored(Response(status=HTTPStatus.NO_CONTENT))


def _may_be_ours(sent: Request) -> bool:
    return sent.mimetype in reports.MEDIA_TYPES and sender(sent) is not Sender.FOREIGN


def _body(sent: Request) -> bytes:
    """The body, or nothing if it is longer than any that a browser would send."""
    longest = reports.LONGEST_BODY
    sent.max_content_length = longest + 1  # whatever the site's own limit is
    try:
        raw = sent.stream.read(longest + 1) if (sent.content_length or 0) <= longest else b""
    except HTTPException:  # longer than it said, or cut off
        return b""
    return raw if len(raw) <= longest else b""
