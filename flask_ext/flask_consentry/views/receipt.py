"""``/consent/receipt``: the visitor's own receipt, and what can be done with its code from any device.

``GET`` shows what counts in this browser and what was recorded of it. ``POST`` takes a receipt code, or the visitor's
own cookie, and shows the same, takes everything back, or erases. A code that is not one of this site's is answered 404,
whatever is wrong with it.

Sources: GDPR Art. 7(3), Art. 15, Art. 17; RFC 9110 §15.4.4 (303 after a form).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from consent import Decision, TokenError, claim
from consent.ledger.patience import within

from .. import by_code, receipt_cookie, receipt_page, render
from ..by_code import Done
from ..current import state as current_state
from ..current import visit as current_visit
from ..state import State
from ..told import Told, history_of, own_subject, tell
from ..visit import Visit
from . import intake
from .origin import safe_next
from .problems import Refused, answer, never_stored, wants_json

#: Seconds that a request waits for the store, all in all; to act there, it may have to wait for another's lock first.
_TO_SHOW, _TO_ACT = 2.0, 4.0


class Action(enum.StrEnum):
    """What somebody wants with a receipt."""

    SHOW = "show"
    WITHDRAW = "withdraw"
    ERASE = "erase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A request that was understood.

    :param own: Whether *subject* is that of the visitor's own cookie.
    :param code: As it came; empty where the cookie stood for it.
    """

    action: Action
    subject: bytes | None
    own: bool
    code: str
    confirmed: bool
    back: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to answer beside what is recorded.

    :param said: What was done or could not be done, for a person.
    :param facts: The same for a program.
    """

    status: HTTPStatus = HTTPStatus.OK
    back: str = ""
    said: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@within(_TO_SHOW)
def get() -> BaseResponse:
    """What counts in this browser, and what was recorded of it."""
    state, visit = current_state(), current_visit()
    visit.consulted = True
    subject = own_subject(state, visit)
    history = history_of(state, subject, proofs=wants_json())
    told = tell(state, visit, subject, history, own=True)
    return never_stored(_response(state, visit, told, Outcome(back=safe_next(request.args.get("next", "")))))


@within(_TO_ACT)
def post() -> BaseResponse:
    """Show, take back or erase; see the module."""
    state, visit = current_state(), current_visit()
    visit.consulted = True
    fields: dict[str, Any] = {}
    try:
        fields = intake.fields(request)
        return never_stored(_do(state, visit, _wish(state, visit, fields)))
    except TokenError:
        return never_stored(_unknown_code(state, safe_next(str(fields.get("next", "")))))
    except Refused as refused:
        return answer(state, refused)


def _wish(state: State, visit: Visit, fields: dict[str, Any]) -> Wish:
    """What *fields* ask for.

    :raises Refused: 400, a field is wrong.
    :raises TokenError: the code is none of this site's.
    """
    code, action, confirm = (fields.get(name, "") for name in ("code", "action", "confirm"))
    if not isinstance(code, str) or action not in tuple(Action):
        raise Refused(HTTPStatus.BAD_REQUEST, f"action is one of: {', '.join(Action)}; code is a text")
    mine = own_subject(state, visit)
    subject = claim.read(state.claims, code) if code else mine
    return Wish(
        action=Action(action),
        subject=subject,
        own=subject == mine,
        code=code,
        # With the code, which only our page knows, or by a call that no other site can make.
        confirmed=(confirm == "yes" and bool(code)) or request.is_json,
        back=safe_next(str(fields.get("next", ""))),
    )


def _do(state: State, visit: Visit, wish: Wish) -> BaseResponse:
    history = history_of(state, wish.subject, proofs=wants_json() and wish.action is Action.SHOW)
    if wish.action is Action.SHOW or wish.subject is None:
        if wish.own and not wants_json():
            return redirect(url_for("consentry.receipt", next=wish.back), HTTPStatus.SEE_OTHER)
        told = tell(state, visit, wish.subject, history, own=wish.own)
        return _response(state, visit, told, Outcome(back=wish.back))
    if wish.action is Action.ERASE and not wish.confirmed:
        code = claim.write(state.claims, wish.subject)
        return make_response(receipt_page.confirmation(state, code=code, back=wish.back))
    act = by_code.withdraw if wish.action is Action.WITHDRAW else by_code.erase
    withdrawn = by_code.withdrawn(state, visit) if wish.own and visit.decision else None  # read before it is void
    return _after(state, visit, wish, act(state, visit, wish.subject, history), withdrawn)


def _after(state: State, visit: Visit, wish: Wish, done: Done, withdrawn: Decision | None) -> BaseResponse:
    """The answer to a wish that was carried out as far as it could be.

    :param withdrawn: What the visitor's own cookie is to say from now on, if it was about that.
    """
    if withdrawn is not None:
        visit.adopt(withdrawn)
    told = tell(state, visit, wish.subject, history_of(state, wish.subject), own=wish.own)
    if done.erased is not None:
        told = replace(told, subject=None, decision=None)
    response = _response(state, visit, told, _outcome(state, wish, done))
    if wish.own and done.erased is not None:
        receipt_cookie.delete(response, state, visit)
    elif withdrawn is not None:
        receipt_cookie.put(response, state, visit, withdrawn)
    return response


def _outcome(state: State, wish: Wish, done: Done) -> Outcome:
    """What to say of a wish."""
    t = render.words(state.policy)
    facts: dict[str, Any] = {"recorded": done.safe}
    taken = done.safe or wish.own  # the visitor's own cookie says it, whatever is recorded
    if wish.action is Action.WITHDRAW:
        if taken:
            return Outcome(back=wish.back, said=t.receipt_withdrawn, facts=facts)
        return Outcome(HTTPStatus.SERVICE_UNAVAILABLE, back=wish.back, said=t.receipt_not_taken, facts=facts)
    facts["erased"] = done.erased
    if done.erased is not None:
        return Outcome(back=wish.back, said=t.plural("receipt_erased", done.erased), facts=facts)
    said = t.receipt_not_erased if taken else t.receipt_not_taken
    return Outcome(HTTPStatus.SERVICE_UNAVAILABLE, back=wish.back, said=said, facts=facts)


def _response(state: State, visit: Visit, told: Told, outcome: Outcome) -> Response:
    if wants_json():
        response = jsonify(receipt_page.plain(state, told) | dict(outcome.facts))
        response.status_code = outcome.status
        return response
    failed = outcome.status is not HTTPStatus.OK
    words = {"error": outcome.said} if failed else {"done": outcome.said}
    return make_response(receipt_page.page(state, visit, told, back=outcome.back, **words), outcome.status)


def _unknown_code(state: State, back: str) -> BaseResponse:
    """The same for every code that is none."""
    if wants_json():
        return answer(state, Refused(HTTPStatus.NOT_FOUND, "not a receipt code of this site"))
    return make_response(receipt_page.unknown(state, back=back), HTTPStatus.NOT_FOUND)
