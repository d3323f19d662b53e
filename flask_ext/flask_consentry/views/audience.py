"""``GET /consent/report``: the audience report as a page, for whom ``CONSENT_AUTHORIZE`` lets see it.

There is no such page without that function. It shows closed days as they were published, whoever looks.
"""

from __future__ import annotations

from http import HTTPStatus

from flask import Response, make_response, request

from consent import StoreError
from consent.audience.period import PeriodError, period
from consent.audience.report import report
from consent.audience.view import last_closed
from consent.ledger.patience import within

from .. import audience_notes, audience_page
from ..current import state as current_state
from .admission import refused
from .problems import never_stored

#: Seconds that a request waits for the store, all in all.
_PATIENCE = 5.0


@within(_PATIENCE)
def get() -> Response:
    """The report of the days ``from`` to ``until``, both included; four weeks, where they are not said."""
    state = current_state()
    if (answer := refused(state, "report")) is not None:
        return answer
    now = state.clock()
    asked = {"since": request.args.get("from", ""), "until": request.args.get("until", "")}
    newest = last_closed(now)
    try:
        about = period(asked["since"], asked["until"], now=now)
        shown = report(state.ledger.counts.days, about, purposes=audience_notes.asked(state.policy))
    except PeriodError as error:
        made = audience_page.problem(state, str(error), newest=newest, **asked)
        return never_stored(make_response(made, HTTPStatus.BAD_REQUEST))
    except StoreError:
        made = audience_page.problem(state, "The numbers cannot be read now. Try again later.", newest=newest, **asked)
        return never_stored(make_response(made, HTTPStatus.SERVICE_UNAVAILABLE))
    return never_stored(make_response(audience_page.page(state, shown, newest=newest)))
