"""Given consents as Kantara Consent Receipts, version 1.1: one JSON array.

Only what was given or renewed, and of it only what was granted: the format knows neither refusals nor withdrawals, and
a receipt whose consent was withdrawn later looks as it did before. For exchange, not for evidence.

A receipt's id is the record's own: this is the controller's export, which tells the time anyhow, and the id leads back
to the record in every other format. It is not for strangers, to whom a UUIDv7 tells when it was made. What the
specification demands and a site does not declare, a telephone number for one, is said to be so; a record that is tied
to nobody has ``anonymous`` as its principal.

Source: Kantara Initiative, Consent Receipt Specification 1.1.0 (2018).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from ...policy import Basis
from ..record import Event
from .declared import Declarations, Declared, DeclaredService
from .shown import Shown

VERSION = "KI-CR-v1.1.0"
#: The specification's purpose categories by our purposes.
PURPOSES = {
    "preferences": "5 - Personalized Experience",
    "statistics": "16 - Improve Performance",
    "social": "10 - 3rd Party Sharing for Core Function",
    "marketing": "6 - Marketing",
}
_CORE = "1 - Core Function"
#: Its data categories: what any service learns of a browser, and what these purposes are about.
_NETWORK = "5 - Network/Service"
_BEHAVIOUR = "15 - Behavioral"
_WATCHED = ("statistics", "marketing")
_NOT_DECLARED = "not declared"
_GIVEN = (Event.GIVEN, Event.RENEWED)
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False)
_BLOCK = 1 << 16


def blocks(records: Iterable[Shown], declarations: Declarations, *, policy_url: str) -> Iterator[bytes]:
    """The array.

    :param policy_url: Where a policy that names none is to be read.
    """
    kept, length, between = ["["], 0, "\n"
    for record in records:
        made = receipt(record, declarations, policy_url) if record.fields["event"] in _GIVEN else None
        if made is None:
            continue
        text = _ENCODER.encode(made)
        kept += (between, text)
        length, between = length + len(text), ",\n"
        if length >= _BLOCK:
            yield "".join(kept).encode()
            kept, length = [], 0
    yield "".join([*kept, "\n]\n"]).encode()


def receipt(record: Shown, declarations: Declarations, policy_url: str) -> dict[str, Any] | None:
    """The receipt of one record that gave or renewed something; ``None`` if nothing of it needed consent."""
    said = record.fields
    declared = declarations.of(said["policy_hash"])
    services = list(_services(said, declared))
    if not services:
        return None
    country = declared.controller.country if declared else ""
    how = f"{said['surface']}: {said['method']}; {_policy(said['policy_hash'], declared)}"
    found: dict[str, Any] = {
        "version": VERSION,
        "jurisdiction": said["jurisdiction"] or country or _NOT_DECLARED,
        "consentTimestamp": int(datetime.fromisoformat(said["recorded_at"]).timestamp()),
        "collectionMethod": how,
        "consentReceiptID": said["record_id"],
        "piiPrincipalId": said["subject"] or "anonymous",
        "piiControllers": [_controller(declared, said["site"])],
        "policyUrl": (declared.controller.privacy_url if declared else "") or policy_url,
        "services": services,
        "sensitive": False,
        "spiCat": [],
    }
    if said["language"]:
        found["language"] = said["language"]
    return found


def _policy(policy_hash: str, declared: Declared | None) -> str:
    known = "" if declared else ", which is not known any more: names are the record's own"
    return f"policy of SHA-256 {policy_hash}{known}"


def _controller(declared: Declared | None, site: str) -> dict[str, Any]:
    if declared is None:
        said = dict.fromkeys(("name", "address", "country", "email"), "")
    else:
        one = declared.controller
        said = {"name": one.name, "address": one.address, "country": one.country, "email": one.email}
    return {
        "piiController": said["name"] or site,
        "onBehalf": False,
        "contact": said["email"] or _NOT_DECLARED,
        "address": {
            "streetAddress": said["address"] or _NOT_DECLARED,
            "addressCountry": said["country"] or _NOT_DECLARED,
        },
        "email": said["email"] or _NOT_DECLARED,
        "phone": _NOT_DECLARED,
    }


def _services(said: Mapping[str, Any], declared: Declared | None) -> Iterator[dict[str, Any]]:
    """Each service granted, with its purpose; a purpose without a service is the site's own."""
    left = {purpose: None for purpose, yes in said["purposes"].items() if yes}
    termination = {"termination": f"{said['valid_until']}, or when it is withdrawn"}
    for one in said["services"]:
        service = (declared.services.get(one) if declared else None) or DeclaredService(one, one, "", None, None)
        left.pop(service.purpose, None)
        if not _is_exempt(declared, service.purpose):
            yield {"service": service.name, "purposes": [_purpose(service.purpose, service, declared) | termination]}
    for purpose in left:
        if not _is_exempt(declared, purpose):
            yield {"service": said["site"], "purposes": [_purpose(purpose, None, declared) | termination]}


def _is_exempt(declared: Declared | None, purpose: str) -> bool:
    """Whether no consent was asked for it, so that none was given."""
    known = declared.purposes.get(purpose) if declared else None
    return known is not None and known.basis not in (Basis.CONSENT, None)


@lru_cache(maxsize=4096)
def _purpose(purpose: str, service: DeclaredService | None, declared: Declared | None) -> dict[str, Any]:
    known = declared.purposes.get(purpose) if declared else None
    provider = service.provider if service else None
    found: dict[str, Any] = {
        "purpose": known.label if known else purpose or _NOT_DECLARED,
        "purposeCategory": [PURPOSES.get(purpose, _CORE)],
        "consentType": "EXPLICIT",
        "piiCategory": [_NETWORK, *([_BEHAVIOUR] if purpose in _WATCHED else [])],
        "primaryPurpose": False,
        "thirdPartyDisclosure": provider is not None,
    }
    if provider is not None:
        found["thirdPartyName"] = provider.name
    return found
