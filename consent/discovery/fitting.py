"""Which entries of the catalogue fit what was found, the likeliest first.

A host fits an entry that names it, a cookie one that declares its name. Many hosts are shared: ``www.google.com``
serves maps, captchas and advertising. So each use of a host is judged by itself. An entry that names it for this use
comes first; among those, the one to which most belongs that fits no other, then the one to which most belongs at all,
then the one that asks for the fewest hosts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from ..gate.urls import is_covered
from ..policy import pattern
from ..policy.catalogue import Entry
from .finding import STORED, Finding, Fit, lets_pass
from .sighting import Kind

_PARAMETER = re.compile(r"\{([a-z]+)\}")
_HOST = r"([a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?)"


def fits(findings: Sequence[Finding], entries: Sequence[Entry]) -> list[dict[str, tuple[Fit, ...]]]:
    """For each of *findings* the entries that fit it, by directive; those of a name under the empty directive."""
    sources = [_Source(entry, directive, source) for entry in entries for directive, source in _hosts(entry)]
    found = [_by_host(finding, sources) if finding.origins else _by_name(finding, entries) for finding in findings]
    asked = Counter(source.entry.id for source in sources)
    weight: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for fitting in (fitting for uses in found for fitting in uses.values()):
        exact = [fit.entry.id for fit in fitting if fit.is_exact]
        weight.update(exact)
        alone.update(exact if len(exact) == 1 else ())

    def likelihood(fit: Fit) -> tuple[bool, int, int, int, str]:
        entry = fit.entry.id
        return not fit.is_exact, -alone[entry], -weight[entry], asked[entry], entry

    return [{use: tuple(sorted(fitting, key=likelihood)) for use, fitting in uses.items()} for uses in found]


class _Source:
    """One host-source of an entry; *bare* is in every host that it covers: a quick look before a thorough one."""

    def __init__(self, entry: Entry, directive: str, source: str) -> None:
        self.entry, self.directive, self.source = entry, directive, source
        self.parameters = _PARAMETER.findall(source)
        self.bare = "" if self.parameters else source.rpartition("://")[2].removeprefix("*.").partition(":")[0]


def _hosts(entry: Entry) -> Iterator[tuple[str, str]]:
    for directive, sources in entry.fields.get("hosts", {}).items():
        for source in sources:
            yield directive, source


def _by_host(finding: Finding, sources: Sequence[_Source]) -> dict[str, list[Fit]]:
    near = [source for source in sources if source.bare in finding.name]
    return {used: _by_origin(origins, used, near) for used, origins in finding.origins.items()}


def _by_origin(origins: Iterable[str], used: str, sources: Sequence[_Source]) -> list[Fit]:
    best: dict[str, Fit] = {}
    for source in sources:
        for origin in origins:
            parameters = _met(origin, source)
            if parameters is not None:
                fit = Fit(source.entry, parameters, lets_pass(source.directive, used))
                best[fit.entry.id] = max(best.get(fit.entry.id, fit), fit, key=lambda one: one.is_exact)
    return list(best.values())


def _by_name(finding: Finding, entries: Sequence[Entry]) -> dict[str, list[Fit]]:
    if finding.kind is Kind.HOST:
        return {}
    named = (entry for entry in entries if any(_is_named(finding, one) for one in entry.fields.get("cookies", ())))
    return {"": [Fit(entry, {}) for entry in named]}


def _met(origin: str, source: _Source) -> Mapping[str, str] | None:
    """What the parameters in *source* stand for if it is to cover *origin*; ``None`` if it cannot."""
    if not source.parameters:
        return {} if is_covered(origin, (source.source,)) else None
    pattern, is_open = _pattern(source.source)
    host = origin.partition("://")[2]
    found = pattern.fullmatch(host)
    # A source that is nothing but a parameter would fit every host: here only one that bears the entry's name.
    if found is None or (is_open and source.entry.id not in host.partition(":")[0].split(".")):
        return None
    return dict(zip(source.parameters, found.groups(), strict=True))


@cache
def _pattern(source: str) -> tuple[re.Pattern[str], bool]:
    bare = source.partition("://")[2] or source
    parts = _PARAMETER.split(bare)  # text, name, text, …
    written = [_HOST if number % 2 else re.escape(part) for number, part in enumerate(parts)]
    is_open = not any(letter.isalnum() for part in parts[::2] for letter in part)
    return re.compile("".join(written).replace(re.escape("*."), r"(?:[a-z0-9-]+\.)+")), is_open


def _is_named(finding: Finding, cookie: Mapping[str, str]) -> bool:
    return pattern.fits(cookie["name"], finding.name) and cookie.get("kind", "cookie") in STORED[finding.kind]
