"""``POST /consent/decision``: an answer comes in, is recorded, and becomes a cookie. In this order.

A refusal never fails: it takes effect with a stale notice and with a store that is down. A grant that was not durably
recorded is not honoured. No proof, no tracking.

Sources: GDPR Art. 7(1) and 7(3); RFC 6265bis (cookies); RFC 9110 §15.4.4 (303 after a form).
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from flask import Response, jsonify, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from consent import Answer, AnswerError, ConfigError, Decision, Duration, Method, StoreError, TokenError, decide
from consent.decision import taken_back
from consent.ledger import Record
from consent.notice import Notice, recognise
from consent.wire import Submitted

from .. import embeds, marker, receipt_cookie, recording, render, stand_in
from ..current import state as current_state
from ..current import visit as current_visit
from ..state import State
from ..submission import subject
from ..visit import Visit
from . import intake, pages
from .origin import safe_next
from .problems import Refused, answer, never_stored, wants_json

_LOG = logging.getLogger("consentry")
_FRAMES = (Method.ONCE, Method.ALWAYS)


def post() -> BaseResponse:
    """Take an answer; see the module."""
    state, visit = current_state(), current_visit()
    visit.consulted = True
    try:
        body = intake.fields(request)
        if body.get("answer") == "choose":
            return never_stored(_to_choices(body))
        return never_stored(_take(state, visit, intake.submitted(body)))
    except Refused as refused:
        return answer(state, refused)


def _to_choices(body: dict[str, Any]) -> BaseResponse:
    """*Choose* without JavaScript: the same question on a page of its own."""
    again = "yes" if body.get("ask_again") else None
    back = safe_next(str(body.get("next", "")))
    return redirect(url_for("consentry.preferences", next=back, ask_again=again), HTTPStatus.SEE_OTHER)


def _take(state: State, visit: Visit, said: Submitted) -> BaseResponse:
    notice = _notice(state, visit, said)
    given = _answer(state, visit, said, notice)
    try:
        given.check(state.policy)
        decision = None if given.method is Method.ONCE else _decide(state, visit, given, said.key)
    except AnswerError as error:
        if notice is None and not given.is_refusal:
            return _ask_again(state, visit, said)
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
    # What only takes back never fails, as far as it goes: not by old words, and not by a store that is down.
    fallback = decision if given.is_refusal or decision is None else taken_back(visit.decision, decision)
    if notice is None:
        if fallback is None:
            return _ask_again(state, visit, said)
        decision = fallback
    _check_frame(state, said)
    try:
        record = recording.keep(state, visit, given, decision, notice=notice, key=said.key, surface=said.surface)
    except (StoreError, ConfigError) as error:
        _LOG.error("an answer was not recorded: %s", error)
        if fallback is None:
            detail = "the answer could not be recorded; nothing was granted"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, detail) from None
        recording.take_effect(state, visit, fallback)
        return _answered(state, visit, said, fallback, None)
    return _answered(state, visit, said, decision and record.decision, record)


def _answer(state: State, visit: Visit, said: Submitted, notice: Notice | None) -> Answer:
    """What was *said*, of the purposes that the *notice* asked about; of all where it is unknown."""
    frame = said.method in _FRAMES
    ticked = said.method is Method.CUSTOM  # the ticks beside another button are not the answer
    everything = tuple(state.policy.purposes)
    return Answer(
        method=said.method,
        asked=() if frame else notice.asked if notice else everything,
        purposes=said.purposes if ticked else frozenset(),
        services=frozenset({said.service}) if frame else said.services if ticked else frozenset(),
        duration=said.duration,
        override_gpc=said.override_gpc and visit.signals.gpc,
    )


def _notice(state: State, visit: Visit, said: Submitted) -> Notice | None:
    """The words that the answer is about; ``None`` if they are unknown, too old or no longer true."""
    if said.method in _FRAMES and said.service not in state.policy.services:
        raise Refused(HTTPStatus.BAD_REQUEST, "unknown service")
    try:
        notice = recognise(state.policy, state.notices.read(said.notice, now=visit.now))
    except TokenError:
        return None
    kind, _, about = notice.kind.partition(":")
    fits = about == said.service and kind == "placeholder" if said.method in _FRAMES else kind != "placeholder"
    return notice if fits else None


def _ask_again(state: State, visit: Visit, said: Submitted) -> BaseResponse:
    """A grant on words that were not, or not these, on the page: show the question again, answers kept."""
    back = safe_next(said.next)
    if wants_json() or (said.method in _FRAMES and not said.embed):
        raise Refused(HTTPStatus.CONFLICT, "the notice token is missing or stale; show the question again", back=back)
    if said.method in _FRAMES:
        embed = _described(state, said)
        shown = stand_in.ask_again(state, visit, embed, said.embed, back=back, stale=bool(said.notice))
        return make_response(shown, HTTPStatus.CONFLICT)
    known = frozenset(state.policy.purposes)
    page = render.preferences(
        state,
        visit,
        answers=known if said.method is Method.ACCEPT_ALL else said.purposes & known,
        ticked_services=said.services & frozenset(state.policy.services),
        ask_again=said.duration is Duration.SESSION,
        next=back,
        error=render.words(state.policy).asked_again,
    )
    return make_response(page, HTTPStatus.CONFLICT)


def _decide(state: State, visit: Visit, given: Answer, key: str) -> Decision:
    """What is decided now. Nothing is added to a receipt of which nobody knows whether it was taken back.

    :raises Refused: 503, that cannot be known now.
    """
    adds = not given.is_refusal and not set(state.policy.purposes) <= set(given.asked)
    if adds and not visit.standing.sure:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "earlier answers cannot be checked now; nothing was granted")
    return decide(state.policy, visit.decision, given, now=visit.now, subject=subject(state, visit, given, key))


def _answered(
    state: State, visit: Visit, said: Submitted, decision: Decision | None, record: Record | None
) -> BaseResponse:
    """The response that carries the new receipt; the gate deletes what is no longer allowed."""
    if decision is not None:
        visit.adopt(decision)
    frame = _frame(state, visit, said)
    response: Response | BaseResponse
    if wants_json():
        response = jsonify(
            pages.describe(state, visit) | {"recorded": record is not None} | ({"embed": frame} if frame else {})
        )
    else:
        alone = frame if said.method is Method.ONCE else None
        response = redirect(alone or _way_back(visit, said), HTTPStatus.SEE_OTHER)
    if decision is not None:
        receipt_cookie.put(response, state, visit, decision)
        marker.put(response, state, visit, by_form=not wants_json())
    return response


def _way_back(visit: Visit, said: Submitted) -> str:
    """Where the visitor came from. Who sends no cookie at all may block them: the page then hides its question."""
    back = safe_next(said.next)
    may_block = not visit.cookie_header and said.method not in _FRAMES
    return f"{back.partition('#')[0]}#{render.ANSWERED}" if may_block else back


def _check_frame(state: State, said: Submitted) -> None:
    """Turn away a frame that the site did not sign, before anything is recorded."""
    if said.method in _FRAMES and said.embed:
        _described(state, said)


def _described(state: State, said: Submitted) -> embeds.Embed:
    """What the answer is to open."""
    try:
        return embeds.open_(state, said.embed, service=said.service)
    except TokenError:
        raise Refused(HTTPStatus.BAD_REQUEST, "not the description of a frame of this service") from None


def _frame(state: State, visit: Visit, said: Submitted) -> str | None:
    """URL of the wrapper document that the answer opened, if it opened one."""
    if said.method not in _FRAMES or not said.embed:
        return None
    if said.method is Method.ALWAYS and said.service not in visit.grants.services:
        return None  # Global Privacy Control stands against it
    once = embeds.ticket(state, said.embed, now=visit.now) if said.method is Method.ONCE else None
    return url_for("consentry.embed", service=said.service, token=said.embed, once=once)
