"""Taking back and erasing for a subject, by whoever has its receipt code: no cookie is needed for it.

What is taken back stops here at once, and everywhere within seconds (:mod:`consent.ledger.revocations`). It never fails
for a store that is away; erasing needs the store.

Sources: GDPR Art. 7(3) (withdrawal), Art. 17 (erasure).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from flask import current_app

from consent import Answer, Decision, Duration, Method, StoreError, decide
from consent.decision import SKEW
from consent.ledger import Entry, Event, Record, Revocation, Submission, Surface
from consent.ledger.history import History
from consent.ledger.record import new_id
from consent.ledger.revocations import EVER
from consent.version import VERSION

from . import recording, signals
from .state import State
from .visit import Visit

_LOG = logging.getLogger("consentry")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What became of a wish.

    :param safe: Whether it is kept where it lasts, so that every host comes to know of it.
    :param erased: How many records are gone; ``None`` if that was not asked for, or could not be done now.
    """

    safe: bool
    erased: int | None = None


def withdraw(state: State, visit: Visit, subject: bytes, history: History | None) -> Done:
    """Take back all that *subject* grants, and record it unless that was done before.

    :param history: What is recorded of it; ``None`` where that cannot be read.
    """
    revocation = _revocation(state, visit.now, subject, history)
    done_before = _is_done(state, visit.now, subject, history)
    state.ledger.revocations.add(revocation)
    if done_before:
        return Done(safe=True)
    entry = _entry(state, visit, subject, revocation)
    try:
        kept = state.ledger.writer.keep(entry).record
    except StoreError as error:
        _LOG.error("a withdrawal was not recorded: %s", error)
        return Done(safe=False)
    if kept.record_id == entry.record.record_id:
        before = history.latest.decision if history and history.latest else None
        recording.count(state, visit, dict.fromkeys(state.policy.purposes, False), before)
    return Done(safe=True)


def erase(state: State, visit: Visit, subject: bytes, history: History | None) -> Done:
    """Erase all that is recorded of *subject*; where that cannot be done now, take it back."""
    try:
        receipts_end = state.policy.lifetime.after(visit.now)
        done = state.ledger.eraser.erase_subject(subject, now=visit.now, receipts_end=receipts_end)
    except StoreError as error:
        _LOG.error("records were not erased: %s", error)
        return withdraw(state, visit, subject, history)
    state.ledger.revocations.add(_revocation(state, visit.now, subject, history))
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  # Flask's documented way to name a signal's sender
    signals.send(app, signals.subject_erased, records=done.records, withdrew=done.withdrew)
    return Done(safe=True, erased=done.records)


def _is_done(state: State, now: datetime, subject: bytes, history: History | None) -> bool:
    """Whether the record says that nothing is granted any more; where there is none left, whether it was erased."""
    if history is None:
        return False
    if history.latest is None:
        return state.ledger.revocations.void(subject, int(now.timestamp()))
    return not (history.latest.decision.grants_anything and history.latest.valid_until > now)


def _revocation(state: State, now: datetime, subject: bytes, history: History | None) -> Revocation:
    """Of all receipts of *subject*: also of one whose record has not arrived in the store."""
    ends = [kept.record.valid_until for kept in history.records] if history else []
    until = max([state.policy.lifetime.after(now), *ends]) + SKEW
    return Revocation(subject=subject, not_before=EVER, until=until)


def withdrawn(state: State, visit: Visit) -> Decision:
    """The decision of a visitor who takes everything back."""
    answer = Answer(method=Method.WITHDRAW, asked=tuple(state.policy.purposes))
    return decide(state.policy, visit.decision, answer, now=visit.now, subject=state.entropy(16))


def _entry(state: State, visit: Visit, subject: bytes, revocation: Revocation) -> Entry:
    policy, decision = state.policy, withdrawn(state, visit)
    record = Record(
        record_id=new_id(visit.now, state.entropy(10)),
        site=policy.site,
        subject=subject,
        event=Event.WITHDRAWN,
        purposes=dict.fromkeys(policy.purposes, False),
        services=(),
        duration=Duration.PERSISTENT,
        valid_until=decision.valid_until,
        revision=policy.revision,
        policy_hash=policy.digest,
        notice=None,
        language=None,
        method=Method.WITHDRAW,
        surface=Surface.RECEIPT,
        gpc=visit.signals.gpc,
        gpc_conflict=False,
        gpc_overridden=False,
        sdk_version=VERSION,
    )
    request = sha256(b"withdraw by code\x1f" + subject).hexdigest()  # a second click is the same wish
    submission = Submission(request=request, before="")
    return Entry(record=record, salt=state.entropy(32), submission=submission, revokes=revocation)
