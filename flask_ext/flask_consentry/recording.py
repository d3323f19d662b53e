"""From an answer to its record in the store, once per submission however often it is sent."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from flask import request

from consent import Answer, ConfigError, Decision, Duration, Method
from consent.audience.device import device
from consent.grants import conflicts
from consent.ledger import Entry, Event, KeptNotice, Record, Surface, draw_up, revocations
from consent.ledger.patience import within
from consent.ledger.record import new_id
from consent.notice import Notice
from consent.proof import canonical, lines
from consent.version import VERSION

from . import embeds, render
from .asked import asked
from .state import State
from .submission import submission
from .visit import Visit

_LOG = logging.getLogger("consentry")

#: Seconds that an answer waits at most for being counted: only where there is no work beside the requests.
_TO_COUNT = 0.25
#: Bytes that one thing of the site's may have in an export: a line, without the index, the leaf and the proof in it.
LONGEST = lines.LONGEST - 16 * 1024


def keep(
    state: State,
    visit: Visit,
    answer: Answer,
    decision: Decision | None,
    *,
    notice: Notice | None,
    key: str,
    surface: Surface,
) -> Record:
    """Record that *answer* led to *decision*; a repeated submission finds the earlier record instead.

    :param decision: ``None`` for an answer that decides nothing: *Play once*.
    :param notice: The words that were shown, if known.
    :param key: What the form or the client calls this submission; empty if it does not.
    :raises StoreError: nothing was recorded.
    :raises ConfigError: nothing was recorded: see :func:`words`.
    """
    record = _record(state, visit, answer, decision, notice, surface)
    entry = Entry(
        record=record,
        salt=state.entropy(32),
        submission=submission(state, visit, answer, key),
        unchanged=decision is None or _changes_nothing(visit.decision, decision),
        first=visit.decision is None or visit.decision.subject is None,
        notice=words(notice) if notice else None,
        revokes=revocations.of(visit.decision, decision) if visit.decision and decision else None,
    )
    kept = state.ledger.writer.keep(entry).record
    if kept.record_id != record.record_id:
        return kept  # it was counted before, and an earlier answer's receipt begins before this one's
    if entry.revokes:
        state.ledger.revocations.add(entry.revokes)
    if decision is not None:
        about = decision.answers if answer.method is Method.WITHDRAW else answer.asked
        count(state, visit, {one: yes for one, yes in decision.answers.items() if one in about}, visit.decision)
    return kept


def count(state: State, visit: Visit, answers: Mapping[str, bool], before: Decision | None) -> None:
    """Count *answers* of purposes, given after those of *before*. What fails there is no matter of the visitor's."""
    try:
        with within(_TO_COUNT):
            state.counting.answered(asked(visit.environ), answers, before.answers if before else {}, now=visit.now)
    except Exception as error:  # noqa: BLE001  # and its text may hold what was sent
        _LOG.error("a hit was not counted: %s", type(error).__name__)


def take_effect(state: State, visit: Visit, decision: Decision) -> None:
    """Void in this process, and now, what *decision* ends, though it could not be recorded."""
    ended = revocations.of(visit.decision, decision)
    if ended is not None:
        state.ledger.revocations.add(ended)


def words(notice: Notice) -> KeptNotice:
    """*notice* as the ledger keeps it.

    :raises ConfigError: it is longer than an export can show.
    """
    text, html = notice.text, render.notice_html(notice)
    is_long = 6 * (len(text) + len(html)) > LONGEST  # JSON has six bytes for a letter at most
    if is_long and len(canonical.encode([text, html])) > LONGEST:
        raise ConfigError(
            f"templates/consentry: the {notice.kind} in {notice.language!r} has {len(text):,} letters and a page of "
            f"{len(html):,}, which have to fit into {LONGEST:,} bytes of an export. Write a shorter template (link to "
            "pictures, styles and scripts) or shorter texts into the policy"
        )
    return KeptNotice(digest=notice.digest, language=notice.language, revision=notice.revision, text=text, html=html)


def _record(
    state: State, visit: Visit, answer: Answer, decision: Decision | None, notice: Notice | None, surface: Surface
) -> Record:
    policy, previous = state.policy, visit.decision
    if decision is None:
        event, subject = Event.GIVEN, previous.subject if previous else None
        moment, until = visit.now, visit.now.replace(microsecond=0) + embeds.ONCE
    else:
        event, subject = draw_up(previous, decision)
        moment = decision.decided_at if event is Event.REFUSED else visit.now
        until = decision.valid_until
    seen = device(request.user_agent.string) if state.settings.record_device and event is not Event.REFUSED else None
    answers = decision.answers if decision else {}
    services = decision.services if decision else answer.services
    return Record(
        record_id=new_id(moment, state.entropy(10)),
        site=policy.site,
        subject=subject,
        event=event,
        purposes=answers,
        services=tuple(sorted(services)),
        duration=decision.duration if decision else Duration.SESSION,
        valid_until=until,
        revision=policy.revision,
        policy_hash=policy.digest,
        notice=notice.digest if notice else None,
        language=notice.language if notice else None,
        method=answer.method,
        surface=surface,
        gpc=visit.signals.gpc,
        gpc_conflict=conflicts(policy, answers, services, visit.signals),
        gpc_overridden=decision is not None and decision.gpc_overridden,
        jurisdiction=_jurisdiction(state),
        device_class=seen.kind if seen else None,
        browser=seen.browser if seen else None,
        sdk_version=VERSION,
    )


def _jurisdiction(state: State) -> str | None:
    """Only by a database that the operator chose: what ships with the package is for counting, not for records."""
    if state.settings.geoip_database is None or not request.remote_addr:
        return None
    return state.regions.country(request.remote_addr)


def _changes_nothing(previous: Decision | None, decision: Decision) -> bool:
    if previous is None:
        return False
    before, after = (
        (dict(one.answers), one.services, one.duration, one.gpc_overridden) for one in (previous, decision)
    )
    return before == after
