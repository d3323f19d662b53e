"""What a consent record is about, in terms of the Data Privacy Vocabulary 2.3: each purpose as a process of its own.

A purpose that was denied while a service of it was granted by itself is two: what stays denied, and what was granted.

Source: W3C DPVCG, "Consent Records and Receipts as per ISO/IEC TS 27560:2023 using DPV", "Processing Fields".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...policy import NECESSARY, Basis
from .declared import Declared, DeclaredService, Stored

#: The vocabulary's purposes by ours. ``social`` fits weakly: there is no term for showing what lies elsewhere.
PURPOSES = {
    NECESSARY: ("dpv:ServiceProvision", "dpv:EnforceSecurity"),
    "preferences": ("dpv:UserInterfacePersonalisation", "dpv:ServicePersonalisation"),
    "statistics": ("dpv:ServiceUsageAnalytics",),
    "social": ("dpv:SocialMediaMarketing",),
    "marketing": ("dpv:TargetedAdvertising", "dpv:PersonalisedAdvertising", "dpv:Marketing"),
}
#: What a browser gives away by asking for anything; what the purpose is about comes on top.
_ALWAYS = ("pd:IPAddress", "pd:UserAgent")
_WATCHED = ("statistics", "marketing")
_BEHAVIOUR = ("pd:BrowsingBehaviour",)
_UNKNOWN = "dpv:UnknownApplicability"


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a record.

    :param key: Tells it from the others of the record.
    :param basis: ``None`` where it is not known.
    :param node: All else, without an id.
    """

    key: str
    is_granted: bool
    basis: Basis | None
    node: Mapping[str, Any]


def processes(said: Mapping[str, Any], declared: Declared | None, controller: str) -> Iterator[Process]:
    """The processes that a record is about.

    :param said: The record's fields.
    :param controller: Id of the controller's node.
    """
    alone: dict[str | None, list[str]] = {}
    for service in said["services"]:
        found = declared.services.get(service) if declared else None
        alone.setdefault(found.purpose if found else None, []).append(service)
    for purpose, is_granted in said["purposes"].items():
        granted = tuple(alone.pop(purpose, ()))
        if is_granted:
            yield _process(purpose, purpose, granted, True, declared, controller)
            continue
        denied = tuple(s for s in declared.services_of(purpose) if s not in granted) if declared else ()
        yield _process(purpose, purpose, denied, False, declared, controller)
        if granted:
            yield _process(f"{purpose}.services", purpose, granted, True, declared, controller)
    for of, services in alone.items():
        yield _process(f"{of or 'unknown'}.services", of, tuple(services), True, declared, controller)
    if not said["purposes"] and not alone:
        yield _process("unknown", None, (), False, declared, controller)


@lru_cache(maxsize=4096)
def _process(
    key: str,
    purpose: str | None,
    services: tuple[str, ...],
    is_granted: bool,
    declared: Declared | None,
    controller: str,
) -> Process:
    """The same for all records that say the same."""
    known = declared.purposes.get(purpose) if declared and purpose else None
    basis = known.basis if known else None
    found = [(declared.services.get(one) if declared else None) or _named(one) for one in services]
    unknown = [{"@type": "dpv:Recipient", "dpv:hasApplicability": _UNKNOWN}]
    node: dict[str, Any] = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": _purpose(purpose, known.label if known else None),
        "dpv:hasDataController": [controller],
        "dpv:hasRecipient": list(_recipients(found)) or ([controller] if declared else unknown),
        "dpv:hasPersonalData": [*_ALWAYS, *(_BEHAVIOUR if purpose in _WATCHED else ())],
        "dpv:hasStorageCondition": list(_stored(found)),
        "dpv:hasService": [
            {"@type": "dpv:Service", "dct:identifier": service.id, "dct:title": service.name} for service in found
        ],
    }
    if basis is Basis.CONSENT:
        node["dpv:hasLegalBasis"] = ["dpv:ExpressedConsent", "eu-gdpr:A6-1-a"]
    elif basis is not None:
        stand = "did not object" if is_granted else "objected"
        node["dct:description"] = f"Runs unless the visitor objects, without consent: the visitor {stand}."
    return Process(key, is_granted, basis, node)


def controller_of(declared: Declared | None, site: str, policy_hash: str) -> dict[str, Any]:
    """Who asked."""
    found: dict[str, Any] = {
        "@id": f"_:controller-{policy_hash[:16]}",
        "@type": "dpv:DataController",
        "dct:identifier": site,
    }
    if declared is None:
        return found | {"dpv:hasApplicability": _UNKNOWN}
    said = declared.controller
    address = ", ".join(part for part in (said.address, said.country) if part)
    contacts = [contact for contact in (said.email, said.privacy_url) if contact]
    given = {"dpv:hasName": said.name, "dpv:hasAddress": address, "dpv:hasContact": contacts}
    return found | {term: value for term, value in given.items() if value}


def _named(service: str) -> DeclaredService:
    """A service of which nothing but its id is known."""
    return DeclaredService(service, service, "", None, None)


def _purpose(purpose: str | None, label: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"@type": "dpv:Purpose"}
    if purpose is None:
        return found | {"dpv:hasApplicability": _UNKNOWN}
    found |= {"dct:identifier": purpose, "dct:title": label or purpose}
    if purpose in PURPOSES:
        found["skos:broader"] = list(PURPOSES[purpose])
    return found


def _recipients(services: Sequence[DeclaredService]) -> Iterator[dict[str, Any]]:
    for provider in dict.fromkeys(service.provider for service in services if service.provider):
        found = {"@type": ["dpv:Recipient", "dpv:ThirdParty"], "dpv:hasName": provider.name}
        if provider.country:
            found["dpv:hasLocation"] = f"loc:{provider.country}"
        if provider.privacy_url:
            found["dpv:hasContact"] = provider.privacy_url
        yield found


def _stored(services: Sequence[DeclaredService]) -> Iterator[dict[str, Any]]:
    """How long what is stored in the browser lasts; what vendors keep elsewhere is theirs to say."""
    known: list[Stored] = [service.stored for service in services if service.stored is not None]
    if len(known) < len(services) or not services:
        yield {"@type": "dpv:StorageCondition", "dpv:hasApplicability": _UNKNOWN}
    for name, lifetime in dict.fromkeys(one for stored in known for one in stored):
        if lifetime is None:
            lasts: dict[str, Any] = {"@type": "dpv:UntilEventDuration", "rdf:value": "the browser is closed"}
        else:
            value = {"@value": lifetime, "@type": "xsd:duration"}
            lasts = {"@type": "dpv:TemporalDuration", "rdf:value": value}
        yield {"@type": "dpv:StorageDuration", "dct:title": name, "dpv:hasDuration": lasts}
    if services and len(known) == len(services) and not any(known):
        yield {"@type": "dpv:StorageCondition", "dct:description": "No cookie or other key is declared."}
