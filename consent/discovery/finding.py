"""What a developer has to decide about: one host or name, however it came and wherever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..policy import Kind as Storage
from ..policy.catalogue import Entry
from .sighting import Kind

#: Where a name of each kind may be declared.
STORED: Mapping[Kind, tuple[Storage, ...]] = {
    Kind.COOKIE: (Storage.COOKIE,),
    Kind.STORAGE: (Storage.LOCAL_STORAGE, Storage.SESSION_STORAGE),
    Kind.DATABASE: (Storage.INDEXED_DB,),
}


#: What has no directive of its own, as prefetching: hosts under any let it pass.
ANY = "default-src"
#: Directives whose hosts let a load pass, where that is not the directive itself alone.
_FALLBACK = {"worker-src": ("worker-src", "script-src")}


def lets_pass(directive: str, used: str) -> bool:
    """Whether hosts under *directive* let pass what falls under *used* (CSP Level 3 §6.8.3)."""
    return used == ANY or directive in _FALLBACK.get(used, (used,))


@dataclass(frozen=True, slots=True)
class Fit:
    """An *entry* of the catalogue that fits.

    :param parameters: What is known of its parameters.
    :param is_exact: Whether it names the host for what it was used for.
    """

    entry: Entry
    parameters: Mapping[str, str]
    is_exact: bool = True


@dataclass(slots=True)
class Finding:
    """See the module. Filled row by row.

    :param name: Host, and port unless it is the usual one; or the cookie's, key's or database's name.
    :param services: The declared services that hold the host back, or that have it under other directives only.
    :ivar by: How often by directive; ``set-cookie`` and ``script`` for names.
    :ivar pages: How often by path; the empty path stands for others.
    :ivar origins: Of a host, by directive: what a policy file would name. Empty for ``eval`` and its like.
    :ivar likely: By directive the entries that fit, the likeliest first; those of a name under the empty directive.
    """

    kind: Kind
    name: str
    services: tuple[str, ...] = ()
    last_day: str = ""
    by: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    origins: dict[str, set[str]] = field(default_factory=dict)
    likely: Mapping[str, tuple[Fit, ...]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How often it was seen."""
        return self.by.total()

    @property
    def places(self) -> tuple[str, ...]:
        """The pages that are known, the most frequent first."""
        return tuple(page for page, _ in self.pages.most_common() if page)

    @property
    def fits(self) -> tuple[Fit, ...]:
        """Each entry that fits, once: first the likeliest for each directive, the most frequent directive first."""
        ordered = sorted(self.likely, key=lambda directive: -self.by[directive])
        firsts = (fit for directive in ordered for fit in self.likely[directive][:1])
        others = (fit for directive in ordered for fit in self.likely[directive][1:])
        entries: dict[str, Fit] = {}
        for fit in (*firsts, *others):
            entries.setdefault(fit.entry.id, fit)
        return tuple(entries.values())

    @property
    def parts(self) -> Iterator[Part]:
        """What has to be declared: each directive of a host, or the name."""
        if self.kind is not Kind.HOST:
            yield Part(self, "", frozenset(), self.likely.get("", ()))
        for directive, origins in self.origins.items():
            yield Part(self, directive, frozenset(origins), self.likely.get(directive, ()))

    def add(self, row: Mapping[str, Any]) -> None:
        """Count a row of the table in."""
        self.by[row["directive"]] += row["count"]
        self.pages[row["page"]] += row["count"]
        self.last_day = max(self.last_day, row["last_day"])
        if "://" in row["name"]:
            self.origins.setdefault(row["directive"], set()).add(row["name"])

    def described(self) -> dict[str, Any]:
        """The finding as JSON can say it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "count": self.count,
            "by": dict(self.by.most_common()),
            "pages": list(self.places),
            "last_day": self.last_day,
            "service": next(iter(self.services), None),
            "services": list(self.services),
            "origins": {directive: sorted(origins) for directive, origins in sorted(self.origins.items())},
            "catalogue": [fit.entry.id for fit in self.fits],
        }


@dataclass(frozen=True, slots=True)
class Part:
    """One directive of a host that was found, or a name.

    :param directive: Empty for a name.
    :param origins: What a policy file would name; empty for a name.
    :param fits: The likeliest entry first.
    """

    finding: Finding
    directive: str
    origins: frozenset[str]
    fits: tuple[Fit, ...]
