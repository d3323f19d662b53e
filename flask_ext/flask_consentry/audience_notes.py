"""What the audience report says besides numbers, on the page and at the terminal: names, the rules, and the source."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from consent import Policy
from consent.audience import embedded, naming
from consent.policy import Basis
from consent.wording import wording

from .state import State


def how(policy: Policy) -> Iterator[str]:
    """Who is counted and why not everything is shown, in whole sentences, as it holds for this site."""
    audience = policy.audience
    least, kept = f"{audience.k:,}", wording("en").duration(audience.retention)
    counted = "Answers are counted of everybody who gave one; all else of those who said yes to that, and nobody else"
    if audience.exempt is not None:
        named = ", ".join(sorted(wording("en").country(code) for code in audience.exempt.countries))
        counted += f"; by region alone also of others, in countries where the law needs no yes for that ({named})"
    yield f"{counted}. Machines are left out as far as they can be told. Nothing is kept about single visitors."
    yield (
        f"A number is shown only if at least {least} networks are behind it on that day, or {least} recipients of an "
        "e-mail. A network is a block of addresses: one person can seem to be many browsers, but hardly many networks."
    )
    yield (
        "What is less is in “Other”, or in its continent, and always with something beside it that could have been "
        "shown: so no total tells what the small ones were."
    )
    yield (
        "Where even that would be too little, nothing is shown of a day. Were there too few, or none? That is not told "
        "apart, and cannot be found out later: the counts behind it are deleted."
    )
    yield f"A day is shown an hour after it is over (UTC), then never changes, and is kept for {kept}."


def source(state: State) -> str:
    """By what regions were told, with the attribution that its licence asks for."""
    if state.settings.geoip_database is None:  # the one that ships; it need not be unpacked to say so
        said = _embedded()
        return f"Regions are the country of the network, as of {naming.day(said.date)}. {said.attribution}"
    try:
        found = state.regions.open()
    except (OSError, ValueError, ImportError):
        return "Regions are unknown: the database of the site cannot be used now."
    return f"Regions are by the site's own database ({naming.visible(found.kind)}), as of {naming.day(found.built)}."


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
