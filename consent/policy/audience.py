"""What a site counts of its audience, and on what ground: the table ``[audience]``, as frozen values.

Values only: what a request counts is worked out by :mod:`consent.audience.counting`.

Sources: ePrivacy Directive Art. 5(3) (consent to look at a device); French Data Protection Act Art. 82 with CNIL
deliberation 2020-091 (measuring an audience may be exempt; no longer than 25 months).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..lifetime import Lifetime

#: Nothing that was counted is kept for longer.
LONGEST_COUNTED = Lifetime(months=25)
#: Days are deleted whole, and closed after their end: a shorter time would leave nothing to read.
SHORTEST_COUNTED = Lifetime.parse("7 days")
#: Words that tables and exports have a meaning for: no campaign, no link is called so.
RESERVED = frozenset({"none", "other"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Exempt:
    """Totals of regions without a yes, where the site has checked that the law exempts them.

    :param purpose: A declared purpose of basis ``exempt``: on unless the visitor objects.
    :param countries: ISO 3166-1 alpha-2; one at least.
    """

    purpose: str
    countries: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaigns:
    """Which campaigns visitors come by.

    :param purpose: A declared purpose of basis ``consent``, used for nothing else here.
    :param names: Values of ``utm_campaign`` that are counted, in the order of the file; one at least.
    """

    purpose: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """Which e-mails are opened.

    :param purpose: A declared purpose of basis ``consent``, used for nothing else here.
    :param campaigns: What may be counted, in the order of the file; one at least.
    """

    purpose: str
    campaigns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What is counted. Without a table ``[audience]`` these are the defaults.

    :param purpose: The purpose under which pages are counted. Where the policy does not declare it, none is.
    :param k: Distinct contributors that a number which is shown has at least, 5 to 1000.
    :param retention: How long closed days are kept, 7 days to 25 months.
    :param pages: Paths that are counted one by one, ``*`` at the end for all below; every other page as its route.
    :param subdivisions: ISO 3166-1 alpha-2 codes of countries that are told by subdivision.
    :param visitors: Whether to estimate, day by day, how many visitors there were.
    :param epsilon: Noise: the epsilon of one hit over all tables of one day, 0.01 to 10; ``None`` for none.
    :param links: Where the links of newsletters lead, by id: an https URL, or a path of the site; copied, then
        read-only.
    :param written: Whether the policy has the table. It changes nothing of what is counted.
    """

    purpose: str = "statistics"
    k: int = 10
    retention: Lifetime = LONGEST_COUNTED
    pages: tuple[str, ...] = ()
    subdivisions: frozenset[str] = frozenset()
    visitors: bool = False
    epsilon: float | None = None
    exempt: Exempt | None = None
    campaigns: Campaigns | None = None
    mail: Mail | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    written: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "links", MappingProxyType(dict(self.links)))

    @property
    def purposes(self) -> tuple[str, ...]:
        """Every purpose under which something is counted, :attr:`purpose` first."""
        own = (table.purpose for table in (self.exempt, self.campaigns, self.mail) if table is not None)
        return (self.purpose, *own)
