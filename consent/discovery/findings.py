"""From counted sightings to findings: what is not declared, what is held back, and which catalogue entry fits.

Judged by the policy of now: what was declared since it was seen is no finding any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ..gate.cookies import CookieRules
from ..gate.urls import is_covered
from ..policy import NECESSARY, Policy, Service
from ..policy.catalogue import Entry
from .finding import ANY, STORED, Finding, lets_pass
from .fitting import fits
from .sighting import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All there is to tell, in each list the most frequent first.

    :param hosts: Hosts that no service declares, or not for what they were used for.
    :param names: Cookies, storage keys and databases that no service declares.
    :param held_back: Hosts of declared services that were not granted when they were seen.
    :param elsewhere: Hosts of declared services that were seen off their routes, where no answer lets them through.
    :param dropped: Sightings for which there was no room.
    """

    hosts: tuple[Finding, ...]
    names: tuple[Finding, ...]
    held_back: tuple[Finding, ...]
    elsewhere: tuple[Finding, ...]
    dropped: int

    def __bool__(self) -> bool:
        return bool(self.hosts or self.names or self.held_back or self.elsewhere or self.dropped)


def find(
    rows: Iterable[Mapping[str, Any]], policy: Policy, rules: CookieRules, entries: Iterable[Entry] = ()
) -> Findings:
    """What *rows* of the table come to.

    :param rules: Knows the cookies that need no declaration.
    :param entries: The catalogue.
    """
    held: dict[tuple[str, tuple[str, ...]], Finding] = {}
    elsewhere: dict[tuple[str, tuple[str, ...]], Finding] = {}
    hosts: dict[tuple[str, tuple[str, ...]], Finding] = {}
    names: dict[tuple[str, str], Finding] = {}
    dropped = 0
    for row in rows:
        kind, name = row["kind"], row["name"]
        if kind not in tuple(Kind):
            dropped += row["count"]
        elif kind == Kind.HOST:
            holders = _holders(policy, name, row["directive"])
            there = tuple(service for service in holders if _runs_on(service, row["page"]))
            if any(service.purpose == NECESSARY for service in there):
                continue
            into = held if there else elsewhere if holders else hosts
            named = tuple(service.id for service in there or holders or _holders(policy, name, ANY))
            host = name.partition("://")[2] or name
            into.setdefault((host, named), Finding(Kind.HOST, host, named)).add(row)
        elif not _is_declared(Kind(kind), name, policy, rules):
            names.setdefault((kind, name), Finding(Kind(kind), name)).add(row)
    undeclared = [*hosts.values(), *names.values()]
    for finding, likely in zip(undeclared, fits(undeclared, tuple(entries)), strict=True):
        finding.likely = likely
    return Findings(
        hosts=_sorted(hosts),
        names=_sorted(names),
        held_back=_sorted(held),
        elsewhere=_sorted(elsewhere),
        dropped=dropped,
    )


def _holders(policy: Policy, origin: str, directive: str) -> tuple[Service, ...]:
    """The services that declare *origin* for *directive*."""
    return tuple(
        service
        for service in policy.services.values()
        if any(lets_pass(name, directive) and is_covered(origin, sources) for name, sources in service.hosts.items())
    )


def _runs_on(service: Service, page: str) -> bool:
    """Whether the gate lets *service* through on *page* once it is granted; assumed where the page is not known.

    The gate compares paths as WSGI has them, decoded as Latin-1.
    """
    return not page or service.runs_on(unquote(page, encoding="latin-1"))


def _is_declared(kind: Kind, name: str, policy: Policy, rules: CookieRules) -> bool:
    if kind is Kind.COOKIE:
        return rules.knows(name)
    return any(cookie.kind in STORED[kind] and cookie.matches(name) for cookie in policy.cookies)


def _sorted(found: Mapping[Any, Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(found.values(), key=lambda finding: (-finding.count, finding.name)))
