"""Records as ISO/IEC TS 27560 consent records, in the terms of the Data Privacy Vocabulary 2.3: one JSON-LD document.

For exchange, not for evidence: :mod:`.ndjson` is the form that can be verified. Everything that a record says, and what
its policy declared then, is put into the vocabulary's terms and nothing is added but three things that follow: that an
answer has expired by now, what data a browser gives away by loading anything at all, and how visitors withdraw. What is
not known is said to be unknown or left out, never guessed.

The guide's own examples repeat keys, which JSON does not have: here ``hasProcess`` and ``hasConsentStatus`` are lists.

Sources: ISO/IEC TS 27560:2023; W3C DPVCG, "Consent Records and Receipts as per ISO/IEC TS 27560:2023 using DPV" and
Data Privacy Vocabulary 2.3; RFC 6920 (names by hash); JSON-LD 1.1.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...decision import Method
from ...policy import Basis
from ..record import Event, Surface
from .declared import Declarations, Declared
from .dpv_process import Process, controller_of, processes
from .shown import Shown

PROFILE = "https://w3id.org/dpv/schema/dpv-27560#record"

_ID = {"@type": "@id"}
_IDS = {"@type": "@id", "@container": "@set"}
CONTEXT: dict[str, Any] = {
    "dpv": "https://w3id.org/dpv#",
    "pd": "https://w3id.org/dpv/pd#",
    "loc": "https://w3id.org/dpv/loc#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "dct": "http://purl.org/dc/terms/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dct:conformsTo": _ID,
    "dct:replaces": _ID,
    "dct:date": {"@type": "xsd:date"},
    "dpv:hasApplicability": _ID,
    "dpv:hasConsentStatus": _IDS,
    "dpv:hasDataController": _IDS,
    "dpv:hasJurisdiction": _ID,
    "dpv:hasLegalBasis": _IDS,
    "dpv:hasLocation": _ID,
    "dpv:hasPersonalData": _IDS,
    "dpv:hasProcess": _IDS,
    "dpv:hasRecipient": _IDS,
    "dpv:hasStorageCondition": _IDS,
    "dpv:isIndicatedAtTime": {"@type": "xsd:dateTime"},
    "dpv:isIndicatedBy": _ID,
    "skos:broader": _IDS,
}
#: The states of what was granted and of what was not, by what happened.
_STATES: dict[str, tuple[str, str]] = {
    Event.GIVEN: ("dpv:ConsentGiven", "dpv:ConsentRefused"),
    Event.REFUSED: ("dpv:ConsentGiven", "dpv:ConsentRefused"),
    Event.WITHDRAWN: ("dpv:ConsentGiven", "dpv:ConsentWithdrawn"),
    Event.RENEWED: ("dpv:RenewedConsentGiven", "dpv:ConsentRefused"),
    Event.EXPIRED: ("dpv:ConsentExpired", "dpv:ConsentExpired"),
    Event.ERASED: ("dpv:ConsentGiven", "dpv:ConsentWithdrawn"),
}
_ACTS = {
    Method.ACCEPT_ALL: "Accept all",
    Method.REJECT_ALL: "Reject all",
    Method.CUSTOM: "a choice of purposes and services",
    Method.ONCE: "opened once",
    Method.ALWAYS: "opened, and always from then on",
    Method.GPC: "Global Privacy Control, sent by the browser",
    Method.WITHDRAW: "withdrawn as a whole",
    Method.API: "by the site's own code",
}
_PLACES = {
    Surface.BANNER: "banner",
    Surface.PREFERENCES: "preferences page",
    Surface.PLACEHOLDER: "placeholder of a service",
    Surface.PAGE: "page in front of another",
    Surface.API: "interface for programs",
}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where visitors turn to.

    :param preferences: URL, or path, of the page on which they withdraw.
    :param receipt: The same of the page on which they see and erase their records.
    """

    preferences: str
    receipt: str | None = None


def blocks(
    records: Iterable[Shown], notice_days: Mapping[str, str], declarations: Declarations, site: Site, *, now: datetime
) -> Iterator[bytes]:
    """The document. It is read as it is written: no record refers to a later one.

    :param notice_days: Day by digest of the notices that have passed.
    :param now: What has expired by then says so.
    """
    head = json.dumps({"@context": CONTEXT}, separators=(",", ":"))
    kept, length, between = [head[:-1], ',"@graph":['], 0, "\n"
    for record in records:
        text = _ENCODER.encode(node(record, notice_days, declarations, site, now))
        kept += (between, text)
        length, between = length + len(text), ",\n"
        if length >= _BLOCK:
            yield "".join(kept).encode()
            kept, length = [], 0
    yield "".join([*kept, "\n]}\n"]).encode()


def node(
    record: Shown, notice_days: Mapping[str, str], declarations: Declarations, site: Site, now: datetime
) -> dict[str, Any]:
    """One consent record."""
    said = record.fields
    declared = declarations.of(said["policy_hash"])
    name = f"urn:uuid:{said['record_id']}"
    controller = controller_of(declared, said["site"], said["policy_hash"])
    handled = list(processes(said, declared, controller["@id"]))
    place = said["jurisdiction"] or (declared.controller.country if declared else "")
    control = {"@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"], "dpv:isExercisedAt": site.preferences}
    found: dict[str, Any] = {
        "@id": name,
        "@type": "dpv:ConsentRecord",
        "dct:conformsTo": PROFILE,
        "dct:identifier": said["record_id"],
        "dct:provenance": _provenance(said["policy_hash"], declared),
        "dpv:hasDataSubject": _subject(said["subject"]),
        "dpv:hasNotice": _notice(said, notice_days),
        "dpv:hasDataController": [controller],
        "dpv:hasProcess": [{"@id": f"{name}#{one.key}", **one.node} for one in handled],
        "dpv:hasConsentStatus": list(_statuses(said, name, handled, controller["@id"], now)),
        "dpv:hasConsentControl": control,
        "dpv:hasRight": list(_rights(site)),
    }
    if place:
        found["dpv:hasJurisdiction"] = f"loc:{place}"
    if said["supersedes"]:
        found["dct:replaces"] = f"urn:uuid:{said['supersedes']}"
    return found


def _provenance(policy_hash: str, declared: Declared | None) -> str:
    if declared is None:
        return f"The policy in force then, SHA-256 {policy_hash}, is not known any more: the record speaks for itself."
    since = f", known to the log since {declared.since}" if declared.since else ""
    return f"As declared by the policy in force then, SHA-256 {policy_hash}{since}."


def _subject(subject: str | None) -> dict[str, Any]:
    """A blank node for a refusal, which is nobody's."""
    if subject is None:
        return {"@type": "dpv:DataSubject"}
    parts = (subject[:8], subject[8:12], subject[12:16], subject[16:20], subject[20:])
    return {"@id": f"urn:uuid:{'-'.join(parts)}", "@type": "dpv:DataSubject", "dct:identifier": subject}


def _notice(said: Mapping[str, Any], days: Mapping[str, str]) -> dict[str, Any]:
    digest, found = said["notice"], {"@type": "dpv:ConsentNotice"}
    if digest is None:
        return found | {"dpv:hasApplicability": "dpv:UnknownApplicability"}
    hashed = base64.urlsafe_b64encode(bytes.fromhex(digest)).decode().rstrip("=")
    found |= {"@id": f"ni:///sha-256;{hashed}", "dct:identifier": digest}
    if digest in days:
        found["dct:date"] = days[digest]
    if said["language"]:
        found["dct:language"] = said["language"]
    return found


def _statuses(
    said: Mapping[str, Any], name: str, handled: Iterable[Process], controller: str, now: datetime
) -> Iterator[dict[str, Any]]:
    """What became of each process: granted or not, and whether that has expired since."""
    by_consent = [one for one in handled if one.basis in (Basis.CONSENT, None)]
    granted = [f"{name}#{one.key}" for one in by_consent if one.is_granted]
    others = [f"{name}#{one.key}" for one in by_consent if not one.is_granted]
    place, act = (words.get(said[of], said[of]) for words, of in ((_PLACES, "surface"), (_ACTS, "method")))
    signal = "; the browser sent Global Privacy Control" if said["gpc"] else ""
    until = {"@type": "dpv:UntilTimeDuration", "rdf:value": {"@value": said["valid_until"], "@type": "xsd:dateTime"}}
    indicated = {
        "dpv:isIndicatedAtTime": said["recorded_at"],
        "dpv:isIndicatedBy": "dpv:DataSubject",
        "dpv:hasIndicationMethod": f"{place}: {act}{signal}",
        "dpv:hasDuration": until,
    }
    states = _STATES.get(said["event"], ("dpv:ConsentUnknown", "dpv:ConsentUnknown"))
    for state, about in zip(states, (granted, others), strict=True):
        if about:
            yield {"@type": state, **indicated, "dpv:hasProcess": about}
    if not granted and not others:
        # Nothing of it needs consent, which does not undo what the visitor did.
        yield {"@type": states[said["event"] not in (Event.GIVEN, Event.RENEWED)], **indicated}
    if granted and said["event"] != Event.EXPIRED and datetime.fromisoformat(said["valid_until"]) <= now:
        yield {
            "@type": "dpv:ConsentExpired",
            "dpv:isIndicatedAtTime": said["valid_until"],
            "dpv:isIndicatedBy": controller,
            "dpv:hasIndicationMethod": "its duration ran out",
            "dpv:hasDuration": {"@type": "dpv:EndlessDuration"},
            "dpv:hasProcess": granted,
        }


def _rights(site: Site) -> Iterator[dict[str, Any]]:
    yield _right("eu-gdpr:A7-3", "Right to withdraw consent", site.preferences)
    if site.receipt:
        yield _right("eu-gdpr:A15", "Right of access", site.receipt)
        yield _right("eu-gdpr:A17", "Right to erasure", site.receipt)


def _right(term: str, title: str, place: str) -> dict[str, Any]:
    return {"@type": ["dpv:DataSubjectRight", term], "dct:title": title, "dpv:isExercisedAt": place}
