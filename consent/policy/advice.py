"""What is allowed but worth a second look: the warnings of ``flask consent check``.

A warning never stops a site; what must stop it is :mod:`.loader`'s work.

Sources: CNIL deliberation 2020-091 (13 months; refusing as easy and as lasting as accepting), GDPR Art. 7(1) (consent
has to be shown), Art. 13(1) (controller and contact), ePrivacy Directive Art. 5(3) (strictly necessary is narrow).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .audience import Audience
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
    counted = policy.audience.purposes if policy.audience != Audience() else ()
    for purpose in policy.purposes:
        if not policy.services_of[purpose] and purpose not in counted:
            remedy = "Declare a service for it, or remove it: visitors are asked for something that never runs"
            yield Advice(f"purposes.{purpose}", "a purpose without a service", remedy)
    if counted and counted[0] in policy.purposes and policy.purposes[counted[0]].basis is not Basis.CONSENT:
        remedy = "Give its purpose the basis consent; [audience.exempt] is for countries whose law you have looked at"
        yield Advice("audience.purpose", "visitors of every country are counted without a yes", remedy)
    for service in policy.services.values():
        yield from _about(service)


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
