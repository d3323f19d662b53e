"""Which entries of the catalogue fit what was found, the likeliest first.

A host fits an entry that names it, a cookie one that declares its name. Many hosts are shared: ``www.google.com``
serves maps, captchas and advertising. So an entry that names it for the same use comes first, and among those the one
to which more of the findings belong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from ..gate.urls import is_covered
from ..policy.catalogue import Entry
from .finding import STORED, Finding, Fit

_PARAMETER = re.compile(r"\{([a-z]+)\}")
_HOST = r"([a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d{1,5})?)"


def fits(findings: Sequence[Finding], entries: Sequence[Entry]) -> list[tuple[Fit, ...]]:
    """For each of *findings* the entries that fit it."""
    sources = [_Source(entry, directive, source) for entry in entries for directive, source in _hosts(entry)]
    found = [_by_host(finding, sources) if finding.origins else _by_name(finding, entries) for finding in findings]
    weight = Counter(fit.entry.id for fitting in found for fit in fitting)

    def likelihood(fit: Fit) -> tuple[bool, int, str]:
        return not fit.is_exact, -weight[fit.entry.id], fit.entry.id

    return [tuple(sorted(fitting, key=likelihood)) for fitting in found]


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


def _by_host(finding: Finding, sources: Sequence[_Source]) -> list[Fit]:
    best: dict[str, Fit] = {}
    for source in [source for source in sources if source.bare in finding.name]:
        for used, origins in finding.origins.items():
            for origin in origins:
                parameters = _met(origin, source)
                if parameters is not None:
                    fit = Fit(source.entry, parameters, source.directive == used)
                    best[fit.entry.id] = max(best.get(fit.entry.id, fit), fit, key=lambda one: one.is_exact)
    return list(best.values())


def _by_name(finding: Finding, entries: Sequence[Entry]) -> list[Fit]:
    named = (entry for entry in entries if any(_is_named(finding, one) for one in entry.fields.get("cookies", ())))
    return [Fit(entry, {}) for entry in named]


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
    name = cookie["name"]
    same = finding.name.startswith(name[:-1]) if name.endswith("*") else finding.name == name
    return same and cookie.get("kind", "cookie") in STORED[finding.kind]
