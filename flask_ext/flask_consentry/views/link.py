"""``GET /consent/link/<token>``: sends the reader of an e-mail where a declared link leads, and counts that.

The token names the link; where it leads stands in the policy alone. So nobody is sent anywhere that the site did not
declare. Who may not be counted is sent on all the same.

Sources: RFC 9110 §15.4.3 (302); OWASP "Unvalidated Redirects and Forwards".
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from flask import redirect
from werkzeug.wrappers import Response as BaseResponse

from consent import TokenError
from consent.audience.beacons import LinkHit
from consent.audience.network import network

from .. import subjects
from ..asked import asked, is_looked_at
from ..current import state as current_state
from ..current import visit as current_visit
from ..state import State
from ..visit import Visit
from .problems import Refused, answer, never_stored

_LOG = logging.getLogger("consentry")


def get(token: str) -> BaseResponse:
    """See the module. A token that is none, or of a link that is not declared any more, is answered 404."""
    state, visit = current_state(), current_visit()
    try:
        hit = state.beacons.of_link(token, now=visit.now)
        destination = state.policy.audience.links[hit.link]
    except (TokenError, KeyError):
        return answer(state, Refused(HTTPStatus.NOT_FOUND, "no such link"))
    if is_looked_at(visit.environ):
        try:
            _count(state, visit, hit)
        except Exception as error:  # noqa: BLE001  # the reader is sent on, whatever fails
            _LOG.error("a hit was not counted: %s", type(error).__name__)
    visit.plain = True
    return never_stored(redirect(destination, HTTPStatus.FOUND))


def _count(state: State, visit: Visit, hit: LinkHit) -> None:
    purpose, now = state.policy.audience.purpose, visit.now
    who, name = asked(visit.environ), hit.name
    if hit.subject is None:  # the same link for many
        granted = purpose in visit.grants.purposes
        name += network(who.address or "") or b""
    else:
        granted = purpose in state.policy.purposes and subjects.grants(state, hit.subject, purpose, now=now)
        if visit.decision is not None:  # whoever follows it may be another than the one it was sent to
            granted = granted and purpose in visit.grants.purposes
    state.counting.click(who, hit.link, token=name, granted=granted, now=now)
