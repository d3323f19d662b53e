"""What is allowed but worth a second look: the warnings of ``flask consent check``.

A warning never stops a site; what must stop it is :mod:`.loader`'s work.

Sources: CNIL deliberation 2020-091 (13 months; refusing as easy and as lasting as accepting), GDPR Art. 7(1) (consent
has to be shown), Art. 13(1) (controller and contact), ePrivacy Directive Art. 5(3) (strictly necessary is narrow).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .model import LONGEST_USUAL, NECESSARY, Basis, Kind, Policy, Service


@dataclass(frozen=True, slots=True)
class Advice:
    """One warning: the key it is about, what is odd, and what to do."""

    key: str
    message: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}. {self.remedy}."


def advise(policy: Policy) -> Iterator[Advice]:
    """Every warning about *policy*, in the order of the file."""
    if not policy.controller.name:
        yield Advice("controller.name", "visitors are not told who asks", "Name the controller (GDPR Art. 13(1)(a))")
    if not policy.controller.email:
        yield Advice(
            "controller.email", "visitors have nobody to write to", "Give a contact address (GDPR Art. 13(1)(a))"
        )
    if policy.refusal_lifetime < policy.lifetime:
        remedy = "Let a refusal stand as long as a grant, or visitors who refuse are asked more often"
        yield Advice("decision.refusal_lifetime", "refusals expire before grants", remedy)
    if policy.lifetime > LONGEST_USUAL:
        yield Advice(
            "decision.lifetime", "an answer stands for more than 13 months", "Ask again at least every 13 months"
        )
    if policy.retention and policy.retention < policy.lifetime:
        remedy = "Keep them for as long as anybody may ask for the proof, which is longer than an answer stands"
        yield Advice("record.retention", "records may be deleted as soon as their answer ends", remedy)
    for purpose in policy.purposes:
        if not policy.services_of[purpose] and purpose not in policy.audience.purposes:
            remedy = "Declare a service for it, or remove it: visitors are asked for something that never runs"
            yield Advice(f"purposes.{purpose}", "a purpose without a service", remedy)
    yield from _about_audience(policy)
    for service in policy.services.values():
        yield from _about(service)


def _about_audience(policy: Policy) -> Iterator[Advice]:
    """Pages are counted under ``statistics`` where there is no table ``[audience]``, too."""
    audience = policy.audience
    purpose = policy.purposes.get(audience.purpose)
    if purpose is not None and purpose.basis is not Basis.CONSENT:
        remedy = f'Write basis = "consent" in [purposes.{purpose.id}]'
        remedy += "; [audience.exempt] is for countries whose law you have looked at"
        yield Advice("audience.purpose", "visitors of every country are counted without a yes", remedy)
    needed = audience.pages or audience.visitors or audience.campaigns or audience.links
    if purpose is None and audience.written and (needed or not (audience.exempt or audience.mail)):
        remedy = f"Add [purposes.{audience.purpose}], or name another purpose in [audience]"
        yield Advice("audience.purpose", "it is not declared, so that no pages and no links are counted", remedy)
    names = {
        "audience.mail.campaigns": audience.mail.campaigns if audience.mail else (),
        "audience.links": audience.links,
    }
    for key, declared in names.items():
        if len(declared) == 1:
            remedy = "Declare two more: what was shown the least goes into Other each day, needed or not"
            yield Advice(key, "a single one is never shown", remedy)


def _about(service: Service) -> Iterator[Advice]:
    key = f"services.{service.id}"
    if service.purpose == NECESSARY and not service.reason:
        remedy = "Write down in reason why the site cannot work without it, or give it another purpose"
        yield Advice(f"{key}.reason", "necessary without a written reason", remedy)
    if service.purpose == NECESSARY and service.alternative:
        yield Advice(f"{key}.purpose", "necessary, although there is another way", service.alternative.rstrip("."))
    if not service.provider.name:
        yield Advice(f"{key}.provider", "nobody is named as its provider", "Name the company")
    for cookie in service.cookies:
        if cookie.lifetime and cookie.lifetime > LONGEST_USUAL:
            remedy = "Shorten it to 13 months or less, or be ready to explain it"
            if cookie.kind is not Kind.COOKIE:
                remedy = "Have it deleted earlier, by code of your own, or be ready to explain it"
            yield Advice(f"{key}.cookies", f"{cookie.name} lasts more than 13 months", remedy)
