"""The TOML that declares what was found: entries of the catalogue where one fits, else services to be filled in.

What only the developer can know (purpose, name, reason, lifetime) stands there as a comment or as ``"…"``, which the
check refuses. Everything else is written out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count

from ..gate.urls import is_covered
from ..policy import NECESSARY, Policy
from ..policy.catalogue import Entry
from .finding import STORED, Finding, Fit, Part
from .findings import Findings
from .sighting import COOKIE_NAME, Kind

_PURPOSE = '# purpose = "statistics"  # or preferences, marketing, social; necessary with a written reason'
_NAME = '# name = "What stores them"  # visitors read it'
_LIFETIME = 'lifetime = "session"  # or how long it lasts at most: "13 months"'


@dataclass(slots=True)
class _Use:
    """An entry to be used, what is known of its *parameters*, and the *rivals* that explain as much."""

    entry: Entry
    parameters: dict[str, str]
    rivals: set[str]


@dataclass(slots=True)
class _Addition:
    """What is missing in one of *services*: hosts by directive, and names."""

    services: tuple[str, ...]
    sources: dict[str, set[str]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


def toml(findings: Findings, policy: Policy) -> str:
    """What to paste into the policy file; empty if nothing is undeclared."""
    used: dict[str, _Use] = {}
    additions: dict[tuple[str, ...], _Addition] = {}
    by_hand: dict[str, list[Part]] = {}
    names: list[Finding] = []
    left: list[Part] = []
    for part in (part for finding in (*findings.hosts, *findings.names) for part in finding.parts):
        fit = next(iter(part.fits), None)
        if fit and fit.is_exact and not _user(policy, fit):
            _use(used, fit, part)
        else:
            left.append(part)
    for part in left:
        if owners := _owners(part, used, policy):
            _add(additions.setdefault(owners, _Addition(owners)), part)
        elif part.finding.kind is Kind.HOST:
            by_hand.setdefault(_domain(part.finding.name), []).append(part)
        else:
            names.append(part.finding)
    taken = {*policy.services, *used}
    purposes = sorted({use.entry.purpose for use in used.values()} - {NECESSARY, *policy.purposes})
    blocks = [f"[purposes.{purpose}]\n" for purpose in purposes]
    blocks += [_used(use, without=taken) for use in used.values()]
    for domain, parts in by_hand.items():
        blocks.append(_written(_id(domain, taken), domain, parts))
    if names:
        blocks.append("\n".join(_named(_id("own_storage", taken), names)) + "\n")
    entries = {*used, *(service.id for service in policy.services.values() if service.catalogue)}
    blocks += ["\n".join(_added(addition, entries)) + "\n" for addition in additions.values()]
    return "\n".join(blocks)


def _use(used: dict[str, _Use], fit: Fit, part: Part) -> None:
    rivals = {other.entry.id for other in part.fits if other.is_exact == fit.is_exact} - {fit.entry.id}
    use = used.setdefault(fit.entry.id, _Use(fit.entry, {}, rivals))
    use.rivals &= rivals
    use.parameters |= fit.parameters


def _owners(part: Part, used: dict[str, _Use], policy: Policy) -> tuple[str, ...]:
    """The services to which *part* is to be added, declared or in the paste; none if it is to be written by hand."""
    users = (_user(policy, fit) or (fit.entry.id if fit.entry.id in used else "") for fit in part.fits)
    known = next(filter(None, users), "")
    if part.finding.services:
        return (known,) if known in part.finding.services else part.finding.services
    if known or not part.fits:
        return (known,) if known else ()
    fit = part.fits[0]  # names the host, for other directives only
    _use(used, fit, part)
    return (fit.entry.id,)


def _user(policy: Policy, fit: Fit) -> str:
    """Id of the declared service that is made of the entry that fits, or has its id."""
    made = (service.id for service in policy.services.values() if service.catalogue == fit.entry.id)
    return next(made, fit.entry.id if fit.entry.id in policy.services else "")


def _used(use: _Use, *, without: Container[str]) -> str:
    lines = use.entry.pasted.splitlines(keepends=True)
    # The purpose that it needs stands at the head of the paste, once for all.
    lines = [line for line in lines if f"[purposes.{use.entry.purpose}]" not in line]
    if rivals := [rival for rival in sorted(use.rivals) if rival not in without]:
        lines.insert(2, f"# or: {', '.join(rivals)}\n")
    pasted = "".join(lines)
    for name, value in use.parameters.items():
        pasted = pasted.replace(f'{name} = "…"', f'{name} = "{value}"')
    return pasted


def _written(service: str, domain: str, parts: Iterable[Part]) -> str:
    sources: dict[str, set[str]] = {}
    for part in parts:
        sources.setdefault(_directive(part.directive), set()).update(part.origins)
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
    yield from (f"[services.{service}]", _PURPOSE, _NAME)
    for finding in names:
        if not COOKIE_NAME.fullmatch(finding.name) or "*" in finding.name[:-1] or finding.name == "*":
            yield f"# {json.dumps(finding.name)} ({finding.kind}) cannot be named in a policy"
            continue
        yield from (f"[[services.{service}.cookies]]", f"name = {json.dumps(finding.name)}", _LIFETIME)
        if finding.kind is not Kind.COOKIE:
            yield f'kind = "{STORED[finding.kind][0]}"{_other(finding.kind)}'


def _other(kind: Kind) -> str:
    others = STORED[kind][1:]
    return f"  # or {', '.join(others)}" if others else ""


def _add(addition: _Addition, part: Part) -> None:
    if part.finding.kind is not Kind.HOST:
        addition.names.append(part.finding.name)
    else:
        addition.sources.setdefault(_directive(part.directive), set()).update(part.origins)


def _added(addition: _Addition, entries: Container[str]) -> Iterator[str]:
    """Comments: a table that is there already cannot be written a second time.

    :param entries: Services that are made of an entry.
    """
    for name in addition.names:
        yield f"# Add to [services.{addition.services[0]}] a cookie or key named {json.dumps(name)}"
    if addition.sources:
        yield f"# Add to {' or '.join(f'[services.{service}.hosts]' for service in addition.services)}:"
        yield from (f"#   {line}" for line in _hosts(addition.sources))
        if any(service in entries for service in addition.services):
            yield "#   (hosts written there replace all hosts of the entry: write those, too)"


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
