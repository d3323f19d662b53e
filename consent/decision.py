"""What a visitor answered, for how long it stands, and how a new answer changes it.

Values and pure functions only: no clock, no storage, no HTTP, no randomness. A decision is relative to a policy: it
names the purposes that were asked about and the services that were granted, and says nothing of what was declared
later, which therefore stays denied until asked for.

Sources: GDPR Art. 4(11) (a clear affirmative act, hence silence is a refusal) and Art. 7(3) (withdrawing is as easy as
giving); CNIL deliberation 2020-091 (a refusal is kept as long as a grant and not asked about again meanwhile).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from .errors import AnswerError
from .lifetime import Lifetime
from .policy import Basis, Policy

#: A session decision ends with the browser session and after this long at most: browsers restore session cookies.
SESSION_LIMIT = timedelta(hours=24)
#: How far apart the clocks of two hosts of one site may be.
SKEW = timedelta(minutes=5)
_SESSION_LIMIT, _SKEW = SESSION_LIMIT.total_seconds(), SKEW.total_seconds()
#: A visitor who refused everything is left in peace for this long, whatever the site adds.
REFUSAL_REST = Lifetime(months=6)


class Duration(enum.StrEnum):
    """How long an answer stands."""

    SESSION = "session"
    PERSISTENT = "persistent"


class Method(enum.StrEnum):
    """How a visitor answered. Values are the wire format and a receipt's numbering: append, never reorder."""

    ACCEPT_ALL = "accept_all"
    REJECT_ALL = "reject_all"
    CUSTOM = "custom"
    ONCE = "once"
    ALWAYS = "always"
    GPC = "gpc"
    WITHDRAW = "withdraw"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answers of one visitor.

    :param answers: Yes or no for each purpose that was asked about.
    :param services: Services granted, each by name, so that one declared later is not among them.
    :param duration: Whether it outlives the browser session.
    :param method: The act that made it what it is now.
    :param decided_at: When the visitor acted; aware, stored as UTC. A full refusal keeps the hour only.
    :param valid_until: First instant at which it no longer stands; aware, stored as UTC.
    :param subject: 16 random bytes that tie a visitor's records together, or ``None`` for a full refusal.
    :param gpc_overridden: Whether the visitor confirmed, separately, that Global Privacy Control shall not apply here.
    :raises ValueError: a time is naive, or the end is not after the beginning.
    """

    answers: Mapping[str, bool]
    services: frozenset[str]
    duration: Duration
    method: Method
    decided_at: datetime
    valid_until: datetime
    subject: bytes | None = None
    gpc_overridden: bool = False

    def __post_init__(self) -> None:
        if self.decided_at.tzinfo is None or self.valid_until.tzinfo is None:
            raise ValueError("times must be timezone-aware")
        if self.valid_until <= self.decided_at:
            raise ValueError("a decision must end after it begins")
        put = object.__setattr__  # the documented way round frozen=True
        if not isinstance(self.answers, MappingProxyType):
            put(self, "answers", MappingProxyType(dict(self.answers)))
        if self.decided_at.tzinfo is not UTC or self.valid_until.tzinfo is not UTC:
            put(self, "decided_at", self.decided_at.astimezone(UTC))
            put(self, "valid_until", self.valid_until.astimezone(UTC))

    @property
    def granted(self) -> frozenset[str]:
        """All that was granted, as ``purpose:ID`` and ``service:ID``."""
        purposes = {f"purpose:{purpose}" for purpose, yes in self.answers.items() if yes}
        return frozenset(purposes | {f"service:{service}" for service in self.services})

    @property
    def grants_anything(self) -> bool:
        """Whether any purpose or service was granted."""
        return bool(self.services) or any(self.answers.values())

    def stands(self, now: datetime) -> bool:
        """Whether it counts at *now*."""
        session = self.duration is Duration.SESSION
        begin, end = window(self.decided_at.timestamp(), self.valid_until.timestamp(), session=session)
        return begin <= now.timestamp() < end


def window(begin: float, end: float, *, session: bool) -> tuple[float, float]:
    """From when and until when (exclusive) an answer of *begin* that says it ends at *end* counts; seconds since 1970.

    It counts a little before its time, because the clocks of two hosts differ.
    """
    return begin - _SKEW, min(end, begin + _SESSION_LIMIT) if session else end


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a visitor's form or call says, before it meets earlier answers.

    :param method: Which button.
    :param asked: The purposes that the notice asked about.
    :param purposes: Purposes ticked; read for ``custom`` and ``api`` only.
    :param services: Single services ticked (``custom``, ``api``), or the one of ``once`` and ``always``.
    :param duration: ``session`` where *Ask me again next visit* was ticked.
    :param override_gpc: The separate confirmation against Global Privacy Control.
    """

    method: Method
    asked: tuple[str, ...]
    purposes: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    duration: Duration = Duration.PERSISTENT
    override_gpc: bool = False

    @property
    def is_refusal(self) -> bool:
        """Whether it asks for nothing: such an answer is never turned away."""
        if self.method in (Method.REJECT_ALL, Method.WITHDRAW):
            return True
        return self.method in (Method.CUSTOM, Method.API) and not self.purposes and not self.services

    def check(self, policy: Policy) -> None:
        """Do nothing if all that is named is declared.

        :raises AnswerError: a purpose or service is unknown to *policy*.
        """
        _known("purpose", self.purposes | set(self.asked), policy.purposes)
        _known("service", self.services, policy.service_tags)


def decide(policy: Policy, previous: Decision | None, answer: Answer, *, now: datetime, subject: bytes) -> Decision:
    """The decision that *answer* makes of *previous*, one that still stands or ``None``.

    What the answer was not asked about keeps its earlier answer and its earlier end: answering a question about one new
    purpose never prolongs the others.

    :param subject: 16 fresh random bytes, used for a first grant only.
    :raises AnswerError: see :meth:`Answer.check`; or ``once`` was passed, which decides nothing.
    """
    answer.check(policy)
    now = now.replace(microsecond=0)  # what a receipt can hold
    if answer.method is Method.ONCE:
        raise AnswerError("opening a service once changes no decision")
    answers = dict(previous.answers) if previous else {}
    services = set(previous.services) if previous else set()
    if answer.method is Method.ALWAYS:
        services |= answer.services
    else:
        asked = tuple(policy.purposes) if answer.method is Method.WITHDRAW else answer.asked
        ticked = frozenset(asked) if answer.method is Method.ACCEPT_ALL else answer.purposes & set(asked)
        if answer.is_refusal:
            ticked = frozenset()
        for purpose in asked:
            answers[purpose] = purpose in ticked
            services -= set(policy.services_of[purpose])
            if purpose in ticked:
                services |= set(policy.services_of[purpose])
        services |= {s for s in answer.services if policy.services[s].purpose in asked and not answer.is_refusal}
    return _dated(policy, previous, answer, answers, frozenset(services), now, subject)


def taken_back(previous: Decision | None, decision: Decision) -> Decision | None:
    """*decision*, with no later an end than *previous*, if it grants a part of that and no more; else ``None``.

    Such an answer needs no proof of what was shown: nothing new runs by it, and something stops.
    """
    if previous is None or not decision.granted < previous.granted:
        return None
    return replace(decision, valid_until=min(decision.valid_until, previous.valid_until))


def _dated(
    policy: Policy,
    previous: Decision | None,
    answer: Answer,
    answers: Mapping[str, bool],
    services: frozenset[str],
    now: datetime,
    subject: bytes,
) -> Decision:
    refusal = not services and not any(answers.values())
    partial = (
        previous is not None and not set(policy.purposes) <= set(answer.asked) and answer.method is not Method.WITHDRAW
    )
    duration = answer.duration
    if previous and (partial or answer.method is Method.WITHDRAW) and previous.duration is Duration.SESSION:
        duration = Duration.SESSION
    begin = now.replace(minute=0, second=0, microsecond=0) if refusal else now
    lifetime = policy.refusal_lifetime if refusal else policy.lifetime
    end = previous.valid_until if previous and partial else lifetime.after(begin)
    if duration is Duration.SESSION:
        end = min(end, begin + SESSION_LIMIT)
    kept = previous.subject if previous and previous.subject else subject
    return Decision(
        answers=answers,
        services=services,
        duration=duration,
        method=answer.method,
        decided_at=begin,
        valid_until=end,
        subject=None if refusal else kept,
        gpc_overridden=not refusal and (answer.override_gpc or bool(previous and partial and previous.gpc_overridden)),
    )


def pending(policy: Policy, decision: Decision | None, *, now: datetime) -> tuple[str, ...]:
    """The purposes to ask about now, in the policy's order; empty where there is nothing to ask.

    All of them at first; later only new ones, and granted ones that gained or materially changed a service. A visitor
    who refused everything is not asked again within :data:`REFUSAL_REST`.
    """
    if not any(purpose.basis is Basis.CONSENT for purpose in policy.purposes.values()):
        return ()
    if decision is None:
        return tuple(policy.purposes)
    if not decision.grants_anything and now < REFUSAL_REST.after(decision.decided_at):
        return ()
    return tuple(purpose for purpose in policy.purposes if _is_open(policy, decision, purpose))


def _is_open(policy: Policy, decision: Decision, purpose: str) -> bool:
    answer = decision.answers.get(purpose)
    if answer is None:
        return True
    return answer and not decision.services.issuperset(policy.services_of[purpose])


def _known(noun: str, named: Iterable[str], declared: Iterable[str]) -> None:
    known = list(declared)
    if not set(named) <= set(known):
        raise AnswerError(f"unknown {noun}; declared are: {', '.join(known)}")
