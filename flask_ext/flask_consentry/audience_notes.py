"""What the audience report says besides numbers, on the page and at the terminal: names, the rules, and the source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from consent import Policy
from consent.audience import dimensions, embedded, naming
from consent.audience.report import Section
from consent.audience.view import Kind
from consent.policy import Basis
from consent.wording import wording

from .state import State


@dataclass(frozen=True, slots=True)
class Source:
    """By what regions were told.

    :param text: Whole sentences, with the attribution that the licence of the data asks for.
    :param links: What each address is, and the address: of the data, and of its licence.
    """

    text: str
    links: tuple[tuple[str, str], ...] = ()

    @property
    def plain(self) -> str:
        """All of it as text."""
        return " ".join([self.text, *(f"{words}: {address}" for words, address in self.links)])


def why_empty(policy: Policy) -> Iterator[str]:
    """The usual reasons for a report that shows nothing, in whole sentences, as they hold for this site."""
    audience, purpose = policy.audience, policy.purposes.get(policy.audience.purpose)
    if purpose is None:
        yield f"No page is counted: the policy does not declare the purpose “{audience.purpose}”."
    elif purpose.basis is Basis.CONSENT:
        yield f"Only visitors who said yes to “{label(policy, purpose.id)}” are counted."
    yield (
        f"A number needs {audience.k:,} different public networks on one day at least. Private and local addresses "
        "(127.0.0.1, 10.0.0.1, 192.168.0.1) are none, so tries on your own machine or in your own network show nothing."
    )
    yield "A day is shown after 01:00 UTC of the next one, never on the same day."
    yield "More is in docs/audience.md, “The report stays empty”."


def how(policy: Policy) -> Iterator[str]:
    """Who is counted and why not everything is shown, in whole sentences, as it holds for this site."""
    audience = policy.audience
    least, kept = f"{audience.k:,}", wording("en").duration(audience.retention)
    counted = "Answers are counted of everybody who gave one; all else of those who said yes to that, and nobody else"
    if audience.exempt is not None:
        named = ", ".join(sorted(wording("en").country(code) for code in audience.exempt.countries))
        counted += f"; by region alone also of others, in countries where the law needs no yes for that ({named})"
    yield f"{counted}. Machines are left out, where they can be told. These numbers keep nothing about single visitors."
    yield (
        f"A number is shown only if at least {least} networks are behind it on that day, or {least} recipients of an "
        "e-mail. A network is a block of addresses: one person can be a few of them, but hardly many."
    )
    yield (
        "What is less is in “Other”, or in its continent. Where anything is large enough to be shown, one such value "
        "is always put there with it, needed or not: so no total tells what the small ones were, or if there were any."
    )
    yield (
        "What is shown on some days only says so: “on 19 of 28 days”. Its number is of these days, and its share is a "
        "share of all that was counted on them. On the others it is in “Other”, in its continent, or there was none."
    )
    yield (
        "Where even that would be too little, nothing is shown of a day. Were there too few, or none? That is not told "
        "apart, and cannot be found out later: the counts behind it are deleted."
    )
    yield f"A day is shown an hour after it is over (UTC), then never changes, and is kept for {kept}."


def is_told(policy: Policy, dimension: str) -> bool:
    """Whether the site has any: every page view is of no campaign, where none is declared."""
    return dimension != dimensions.CAMPAIGN or policy.audience.campaigns is not None


def untold(section: Section) -> str:
    """A sentence instead of a list that would have one line, with everything in it; empty: there is more to list."""
    is_none = all(row.kind is Kind.OTHER or row.label == dimensions.NONE for row in section.rows)
    if not (section.names_nothing or (section.dimension == dimensions.CAMPAIGN and is_none)):
        return ""
    if not section.shown:
        return f"{naming.title(section.dimension)}: {section.said[0]}"
    noun, unit = naming.noun(section.dimension).lower(), naming.unit(section.dimension)
    of = f"{section.total:,} {unit}, and " if section.names_nothing else ""
    return (
        f"{naming.title(section.dimension)}: {of}no {noun} can be told by itself. One is always held back, "
        "so it takes two that are large enough on the same day."
    )


def source(state: State) -> Source:
    """By what regions were told, with the attribution that its licence asks for."""
    if state.settings.geoip_database is None:  # the one that ships; it need not be unpacked to say so
        said = _embedded()
        return Source(
            f"Regions are the country of the network, as of {naming.day(said.date)}. {said.attribution} "
            "The change: one country for each block of addresses, in another format.",
            (("Source", said.url), (f"Licence {said.licence}", said.licence_url)),
        )
    try:
        found = state.regions.open()
    except (OSError, ValueError, ImportError):
        return Source("Regions are unknown: the database of the site cannot be used now.")
    kind = naming.visible(found.kind)
    return Source(f"Regions are by the site's own database ({kind}), as of {naming.day(found.built)}.")


@cache
def _embedded() -> embedded.Source:
    """What is said of the countries that ship; it does not change."""
    return embedded.source()


def asked(policy: Policy) -> tuple[str, ...]:
    """The purposes that visitors are asked about."""
    return tuple(purpose.id for purpose in policy.purposes.values() if purpose.basis is Basis.CONSENT)


def label(policy: Policy, purpose: str) -> str:
    """What visitors read as the name of *purpose*; its id, where the policy has it no more."""
    declared = policy.purposes.get(purpose)
    if declared is None:
        return naming.visible(purpose)
    return declared.texts["en" if "en" in declared.texts else policy.languages[0]].label
