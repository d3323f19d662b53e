"""From counted sightings to findings: what is not declared, what is held back, and which catalogue entry fits.

Judged by the policy of now: what was declared since it was seen is no finding any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..gate.cookies import CookieRules
from ..gate.urls import is_covered
from ..policy import NECESSARY, Policy
from ..policy.catalogue import Entry
from .finding import STORED, Finding
from .fitting import fits
from .sighting import Kind

#: Directives whose hosts let a load pass, where that is not the directive itself alone (CSP Level 3 §6.8.3).
_FALLBACK = {"worker-src": ("worker-src", "script-src")}
#: What has no directive of its own, as prefetching: any will do.
_ANY = "default-src"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All there is to tell, in each list the most frequent first.

    :param hosts: Hosts that no service declares, or not for what they were used for.
    :param names: Cookies, storage keys and databases that no service declares.
    :param held_back: Hosts of declared services that were not granted when they were seen.
    :param dropped: Sightings for which there was no room.
    """

    hosts: tuple[Finding, ...]
    names: tuple[Finding, ...]
    held_back: tuple[Finding, ...]
    dropped: int

    def __bool__(self) -> bool:
        return bool(self.hosts or self.names or self.held_back or self.dropped)


def find(
    rows: Iterable[Mapping[str, Any]], policy: Policy, rules: CookieRules, entries: Iterable[Entry] = ()
) -> Findings:
    """What *rows* of the table come to.

    :param rules: Knows the cookies that need no declaration.
    :param entries: The catalogue.
    """
    held: dict[tuple[str, str], Finding] = {}
    hosts: dict[tuple[str, str], Finding] = {}
    names: dict[tuple[str, str], Finding] = {}
    dropped = 0
    for row in rows:
        kind, name = row["kind"], row["name"]
        if kind not in tuple(Kind):
            dropped += row["count"]
        elif kind == Kind.HOST:
            holder = _holder(policy, name, row["directive"])
            if holder and _is_let_through(policy, holder):
                continue
            host, service = name.partition("://")[2] or name, holder or _holder(policy, name, _ANY)
            into = held if holder else hosts
            into.setdefault((host, service), Finding(Kind.HOST, host, service)).add(row)
        elif not _is_declared(Kind(kind), name, policy, rules):
            names.setdefault((kind, name), Finding(Kind(kind), name)).add(row)
    undeclared = [*hosts.values(), *names.values()]
    for finding, likely in zip(undeclared, fits(undeclared, tuple(entries)), strict=True):
        finding.fits = likely
    return Findings(hosts=_sorted(hosts), names=_sorted(names), held_back=_sorted(held), dropped=dropped)


def _holder(policy: Policy, origin: str, directive: str) -> str:
    """Id of the first service that declares *origin* for *directive*; empty if none does."""
    for service in policy.services.values():
        names = tuple(service.hosts) if directive == _ANY else _FALLBACK.get(directive, (directive,))
        if any(is_covered(origin, service.hosts.get(name, ())) for name in names):
            return service.id
    return ""


def _is_let_through(policy: Policy, service: str) -> bool:
    return policy.services[service].purpose == NECESSARY and not policy.services[service].routes


def _is_declared(kind: Kind, name: str, policy: Policy, rules: CookieRules) -> bool:
    if kind is Kind.COOKIE:
        return rules.knows(name)
    return any(cookie.kind in STORED[kind] and cookie.matches(name) for cookie in policy.cookies)


def _sorted(found: Mapping[Any, Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found.values(), key=lambda finding: (-finding.count, finding.name)))
