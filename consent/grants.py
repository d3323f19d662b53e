"""What may run for one visitor: a policy, a decision and the browser's signals, worked out once.

Every gate reads this value and nothing else, so that none can judge a decision differently from another.

Sources: ePrivacy Directive Art. 5(3) (strictly necessary needs no consent); California Civil Code §1798.135(e) with
11 CCR §7025 (an opt-out preference signal is honoured as an opt-out of sale and sharing).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .decision import Decision, Duration
from .policy import NECESSARY, Basis, Opens, Policy
from .signals import Signals

_MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Grants:
    """What is allowed.

    :param purposes: Ids of purposes that may run, ``necessary`` among them.
    :param services: Ids of services that may run.
    :param session_only: Whether what is stored for them must end with the browser session.
    :param variant: Short text that differs wherever two visitors may see different pages.
    """

    purposes: frozenset[str]
    services: frozenset[str]
    session_only: bool
    variant: str


def allowed(policy: Policy, decision: Decision | None, signals: Signals) -> Grants:
    """What *decision*, one that stands or ``None``, lets run under *policy* and *signals*.

    Undecided means: what is necessary, and what is on unless the visitor objects.
    """
    opted_out = signals.gpc and not (decision and decision.gpc_overridden)
    purposes = {NECESSARY} | {
        purpose.id
        for purpose in policy.purposes.values()
        if _purpose_runs(purpose.id, purpose.basis, decision) and not (opted_out and purpose.id == _MARKETING)
    }
    services = {
        service.id
        for service in policy.services.values()
        if service.purpose == NECESSARY
        or (_service_runs(policy, service.id, decision) and not (opted_out and _is_opted_out(policy, service.id)))
    }
    session_only = decision is not None and decision.duration is Duration.SESSION
    answered = "u" if decision is None else "s" if session_only else "p"
    variant = f"{policy.edition}{answered}{'g' if signals.gpc else ''}"
    variant += f"{_bits(policy.purposes, purposes):x}.{_bits(policy.services, services):x}"
    return Grants(frozenset(purposes), frozenset(services), session_only, variant)


def locked(policy: Policy) -> Grants:
    """What runs on a page that all visitors share: the necessary alone.

    What is on unless the visitor objects is off here: the same page reaches those who objected.
    """
    necessary = frozenset(policy.services_of[NECESSARY])
    return Grants(frozenset({NECESSARY}), necessary, session_only=False, variant=f"{policy.edition}a")


def runs_in_page(policy: Policy, grants: Grants) -> bool:
    """Whether *grants* open something that runs in the page itself, and not only frames and widgets in it.

    A purpose does, unless it stands for frames and widgets alone: a page's own text may depend on it.
    """
    asked = grants.purposes - {NECESSARY}
    if any(not policy.services_of[purpose] for purpose in asked):
        return True
    services = grants.services.union(*(policy.services_of[purpose] for purpose in asked))
    return any(
        policy.services[service].opens is Opens.DOCUMENT and policy.services[service].purpose != NECESSARY
        for service in services
    )


def conflicts(policy: Policy, answers: Mapping[str, bool], services: Iterable[str], signals: Signals) -> bool:
    """Whether yes to these *answers* and *services* is something that *signals* ask the site not to do."""
    if not signals.gpc:
        return False
    return bool(answers.get(_MARKETING)) or any(_is_opted_out(policy, service) for service in services)


def _bits(declared: Iterable[str], allowed: set[str]) -> int:
    return sum(1 << bit for bit, item in enumerate(declared) if item in allowed)


def _is_opted_out(policy: Policy, service: str) -> bool:
    return policy.services[service].sells_or_shares or policy.services[service].purpose == _MARKETING


def _purpose_runs(purpose: str, basis: Basis, decision: Decision | None) -> bool:
    answer = decision.answers.get(purpose) if decision else None
    return basis is not Basis.CONSENT if answer is None else answer


def _service_runs(policy: Policy, service: str, decision: Decision | None) -> bool:
    if decision and service in decision.services:
        return True
    purpose = policy.services[service].purpose
    return policy.purposes[purpose].basis is not Basis.CONSENT and _purpose_runs(
        purpose, policy.purposes[purpose].basis, decision
    )
