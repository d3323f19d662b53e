"""*Your recorded choice*: what counts now, what was recorded and how to end it, as a page and as JSON.

Source: GDPR Art. 12(1) (clear and plain language).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import render_template, url_for

from consent import NECESSARY, Decision, Method, Policy, claim
from consent.ledger import Event, Record, Surface
from consent.ledger.history import Kept
from consent.notice import question
from consent.wording import Wording

from . import render
from .state import State
from .told import Told
from .visit import Visit

_EVENTS = {
    Event.GIVEN: "receipt_given",
    Event.REFUSED: "receipt_refused_event",
    Event.WITHDRAWN: "receipt_withdrawn_event",
    Event.RENEWED: "receipt_renewed",
    Event.EXPIRED: "receipt_expired",
    Event.ERASED: "receipt_erased_event",
}
_BUTTONS = {Method.ACCEPT_ALL: "accept_all", Method.REJECT_ALL: "reject_all", Method.WITHDRAW: "withdraw"}
_WAYS = {
    Method.CUSTOM: "receipt_by_ticking",
    Method.ALWAYS: "receipt_by_always",
    Method.ONCE: "receipt_by_once",
    Method.GPC: "receipt_by_gpc",
    Method.API: "receipt_by_program",
}


def page(state: State, visit: Visit, told: Told, *, back: str, done: str = "", error: str = "") -> str:
    """*told* as a page.

    :param done: What has just been done, in words.
    :param error: What could not be done.
    """
    t = render.words(state.policy)
    decision = told.decision
    notice = question(state.policy, t.language, state.policy.purposes)
    return render_template(
        "consentry/receipt.html",
        t=t,
        told=told,
        notice=notice,
        done=done,
        error=error,
        state=_state(t, told),
        allowed=_granted(state.policy, t, told.grants.purposes, told.grants.services)
        if told.live and told.sure
        else [],
        since=_since(t, decision) if decision else "",
        until=_moment(t, decision.valid_until) if decision else "",
        how=_how(t, decision.method) if decision else "",
        entries=[_entry(state.policy, t, kept) for kept in told.history.records] if told.history else [],
        code=claim.write(state.claims, told.subject) if told.subject and told.may_erase else "",
        # In the visitor's own browser, the answer that every page takes: other tabs learn of it, too.
        token=state.notices.write(notice, now=visit.now),
        key=visit.new_key(),
        next=back,
        here=url_for("consentry.receipt", next=back),
        action=url_for("consentry.receipt"),
        decision_url=url_for("consentry.decision"),
        preferences_url=url_for("consentry.preferences", next=back),
        **render.dressing(),
    )


def unknown(state: State, *, back: str) -> str:
    """The page for a code that is none: what is wrong with it is not told."""
    t = render.words(state.policy)
    urls = {"here": url_for("consentry.receipt", next=back), "action": url_for("consentry.receipt")}
    return render_template(
        "consentry/receipt.html", t=t, told=None, error=t.receipt_wrong, next=back, **urls, **render.dressing()
    )


def confirmation(state: State, *, code: str, back: str) -> str:
    """The page that asks whether to erase."""
    return render_template(
        "consentry/receipt_erase.html",
        t=render.words(state.policy),
        code=code,
        next=back,
        here=url_for("consentry.receipt", next=back),
        action=url_for("consentry.receipt"),
        **render.dressing(),
    )


def plain(state: State, told: Told) -> dict[str, Any]:
    """*told* as JSON. A record's ``body`` and ``leaf`` are texts, byte for byte what the log is made of."""
    decision, history = told.decision, told.history
    return {
        "own": told.own,
        "purposes": sorted(told.grants.purposes),
        "services": sorted(told.grants.services),
        "decision": _plain_decision(decision) if decision else None,
        "code": claim.write(state.claims, told.subject) if told.subject else None,
        "readable": history is not None,
        "records": [_plain_record(kept) for kept in history.records] if history else [],
        "checkpoint": history.checkpoint if history else None,
    }


def _plain_decision(decision: Decision) -> dict[str, Any]:
    return {
        "method": decision.method,
        "duration": decision.duration,
        "decided_at": decision.decided_at.isoformat(),
        "valid_until": decision.valid_until.isoformat(),
    }


def _plain_record(kept: Kept) -> dict[str, Any]:
    record = kept.record
    said: dict[str, Any] = {
        "event": record.event,
        "recorded_at": record.recorded_at.isoformat(timespec="milliseconds"),
        "method": record.method,
        "purposes": dict(record.purposes),
        "services": list(record.services),
        "language": record.language,
        "index": kept.index,
        "body": kept.body.decode(),
    }
    if kept.public is not None:
        said |= {"salt": kept.salt.hex(), "leaf": kept.public.decode()}
    if kept.proof is not None:
        said["proof"] = [node.hex() for node in kept.proof]
    return said


def _state(t: Wording, told: Told) -> str:
    """What counts now, in a sentence."""
    if not told.sure:
        return t.receipt_unsure
    if told.decision is not None:
        return t.receipt_allowed if told.live else t.state_refused
    if told.subject is None:
        return t.state_undecided if told.own else ""
    return t.receipt_over if told.own or told.revoked or not told.may_withdraw else ""


def _entry(policy: Policy, t: Wording, kept: Kept) -> dict[str, Any]:
    """One record in words."""
    record = kept.record
    named = _granted(policy, t, {p for p, yes in record.purposes.items() if yes}, record.services)
    ends_all = record.event is Event.WITHDRAWN and not named
    sentence = "receipt_opened" if record.method is Method.ONCE else "receipt_from_then"
    return {
        "at": record.recorded_at,
        "when": _moment(t, record.recorded_at),
        "event": t.receipt_withdrawn_all if ends_all else t.ui[_EVENTS[record.event]],
        "how": _way(t, record),
        "allowed": t.format(sentence, what=" · ".join(named) or t.receipt_no_thing),
        "language": t.format("receipt_language", language=t.name_of(record.language)) if record.language else "",
        "place": t.receipt_waiting if kept.index is None else t.format("receipt_index", index=kept.index),
    }


def _granted(policy: Policy, t: Wording, purposes: Any, services: Any) -> list[str]:
    """The purposes by their labels, and by name the services that none of them covers; what is not declared, by id."""
    labels = {purpose.id: purpose.texts[t.language].label for purpose in policy.purposes.values()}
    named = [labels[purpose] for purpose in policy.purposes if purpose in purposes]
    named += sorted(set(purposes) - set(labels) - {NECESSARY})
    for service in sorted(services):
        declared = policy.services.get(service)
        if declared is None or (declared.purpose not in purposes and declared.purpose != NECESSARY):
            named.append(declared.name if declared else service)
    return named


def _way(t: Wording, record: Record) -> str:
    return t.receipt_by_code if record.surface is Surface.RECEIPT else _how(t, record.method)


def _how(t: Wording, method: Method) -> str:
    if method in _BUTTONS:
        return t.format("receipt_by_pressing", button=t.ui[_BUTTONS[method]])
    return t.ui[_WAYS[method]]


def _since(t: Wording, decision: Decision) -> str:
    """When it was decided: of a refusal, the hour is known."""
    if decision.grants_anything:
        return _moment(t, decision.decided_at)
    begin, end = decision.decided_at, decision.decided_at + timedelta(hours=1)
    return t.format("receipt_hour", date=t.date(begin), begin=t.time(begin), end=t.time(end))


def _moment(t: Wording, moment: datetime) -> str:
    moment = moment.astimezone(UTC)
    return t.format("receipt_moment", date=t.date(moment), time=t.time(moment))
