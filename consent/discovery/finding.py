"""What a developer has to decide about: one host or name, however it came and wherever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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
    :param service: The declared service that holds the host back, or that has it under other directives only.
    :ivar by: How often by directive; ``set-cookie`` and ``script`` for names.
    :ivar pages: How often by path; the empty path stands for others.
    :ivar origins: Of a host, by directive: what a policy file would name. Empty for ``eval`` and its like.
    :ivar fits: The likeliest entry first.
    """

    kind: Kind
    name: str
    service: str = ""
    last_day: str = ""
    by: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    origins: dict[str, set[str]] = field(default_factory=dict)
    fits: tuple[Fit, ...] = ()

    @property
    def count(self) -> int:
        """How often it was seen."""
        return self.by.total()

    @property
    def places(self) -> tuple[str, ...]:
        """The pages that are known, the most frequent first."""
        return tuple(page for page, _ in self.pages.most_common() if page)

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
            "service": self.service or None,
            "origins": {directive: sorted(origins) for directive, origins in sorted(self.origins.items())},
            "catalogue": [fit.entry.id for fit in self.fits],
        }
