"""The TOML that declares what was found: entries of the catalogue where one fits, else services to be filled in.

What only the developer can know (purpose, reason, lifetime) stands there as a comment. Everything else is written out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import count

from ..gate.urls import is_covered
from ..policy import NECESSARY, Policy
from .finding import STORED, Finding, Fit
from .findings import Findings
from .sighting import COOKIE_NAME, Kind

_PURPOSE = '# purpose = "statistics"  # or preferences, marketing, social; necessary with a written reason'
_LIFETIME = 'lifetime = "session"  # or how long it lasts at most: "13 months"'


def toml(findings: Findings, policy: Policy) -> str:
    """What to paste into the policy file; empty if nothing is undeclared."""
    taken = set(policy.services)
    used: dict[str, Fit] = {}
    extended: list[Finding] = []
    by_hand: dict[str, list[Finding]] = {}
    names: list[Finding] = []
    for finding in (*findings.hosts, *findings.names):
        fit = next(iter(finding.fits), None)
        owner = finding.service or (_user(policy, fit) if fit else "")
        if owner:
            finding.service = owner
            extended.append(finding)
        elif fit:
            used.setdefault(fit.entry.id, fit)
        elif finding.kind is Kind.HOST:
            if finding.origins:
                by_hand.setdefault(_domain(finding.name), []).append(finding)
        else:
            names.append(finding)
    taken |= set(used)
    purposes = sorted({fit.entry.purpose for fit in used.values()} - {NECESSARY, *policy.purposes})
    blocks = [f"[purposes.{purpose}]\n" for purpose in purposes]
    blocks += [_used(fit) for fit in used.values()]
    for domain, hosts in by_hand.items():
        blocks.append(_written(_id(domain, taken), domain, hosts))
    if names:
        blocks.append("\n".join(_named(_id("own_storage", taken), names)) + "\n")
    blocks += [_addition(finding) for finding in extended]
    return "\n".join(blocks)


def _user(policy: Policy, fit: Fit) -> str:
    """Id of the declared service that is made of the entry that fits, or has its id."""
    made = (service.id for service in policy.services.values() if service.catalogue == fit.entry.id)
    return next(made, fit.entry.id if fit.entry.id in policy.services else "")


def _used(fit: Fit) -> str:
    lines = fit.entry.pasted.splitlines(keepends=True)
    # The purpose that it needs stands at the head of the paste, once for all.
    pasted = "".join(line for line in lines if f"[purposes.{fit.entry.purpose}]" not in line).lstrip("\n")
    for name, value in fit.parameters.items():
        pasted = pasted.replace(f'{name} = "…"', f'{name} = "{value}"')
    return pasted


def _written(service: str, domain: str, hosts: Iterable[Finding]) -> str:
    sources: dict[str, set[str]] = {}
    for finding in hosts:
        for directive, origins in finding.origins.items():
            sources.setdefault(_directive(directive), set()).update(origins)
    lines = [f"[services.{service}]", _PURPOSE, f'name = "{domain}"', f"[services.{service}.hosts]"]
    return "\n".join([*lines, *_hosts(sources)]) + "\n"


def _hosts(sources: dict[str, set[str]]) -> Iterator[str]:
    for directive, origins in sorted(sources.items()):
        named = sorted(origin for origin in origins if is_covered(origin, (origin,)))
        if named:
            yield f"{directive} = [{', '.join(map(json.dumps, named))}]"
        for origin in sorted(origins - set(named)):
            yield f"# {directive}: {origin} cannot be named in a policy"


def _named(service: str, names: Iterable[Finding]) -> Iterator[str]:
    yield from (f"[services.{service}]", _PURPOSE, 'name = "What stores them"')
    for finding in names:
        if not COOKIE_NAME.fullmatch(finding.name) or "*" in finding.name:
            yield f"# {json.dumps(finding.name)} ({finding.kind}) cannot be named in a policy"
            continue
        yield from (f"[[services.{service}.cookies]]", f"name = {json.dumps(finding.name)}", _LIFETIME)
        if finding.kind is not Kind.COOKIE:
            yield f'kind = "{STORED[finding.kind][0]}"{_other(finding.kind)}'


def _other(kind: Kind) -> str:
    others = STORED[kind][1:]
    return f"  # or {', '.join(others)}" if others else ""


def _addition(finding: Finding) -> str:
    """A comment: a table that is there already cannot be written a second time."""
    if finding.kind is not Kind.HOST:
        return f"# Add to [services.{finding.service}] a cookie or key named {json.dumps(finding.name)}\n"
    sources = {_directive(directive): origins for directive, origins in finding.origins.items()}
    lines = [f"# Add to [services.{finding.service}.hosts]:", *(f"#   {line}" for line in _hosts(sources))]
    return "\n".join(lines) + "\n"


def _directive(directive: str) -> str:
    """A directive that a policy file knows: what has none of its own passes with any."""
    return "connect-src" if directive == "default-src" else directive


def _domain(host: str) -> str:
    """The part of *host* that one owner has, as far as that can be told without a list of all registries."""
    name = host.rpartition(":")[0] or host if not host.endswith("]") else host
    labels = name.split(".")
    if labels[-1].isdigit() or "[" in name:
        return name
    is_deep = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if is_deep else labels[-2:])


def _id(domain: str, taken: set[str]) -> str:
    """An id for a service that none has yet; takes it."""
    plain = re.sub(r"[^a-z0-9_-]+", "_", domain.partition(".")[0]).strip("_-")[:30]
    if not re.match("[a-z]", plain):
        plain = f"host_{re.sub('[^a-z0-9]+', '_', domain)}".rstrip("_")[:30]
    made = plain
    for number in count(2):
        if made not in taken:
            break
        made = f"{plain}_{number}"
    taken.add(made)
    return made
