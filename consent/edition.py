"""An edition: what the site declared from a moment on, as it stands in the log. Made of a policy; keeps nothing.

It says who asks, for what, which services serve it, what runs unasked and why, and which words stood in the full
question in every language, so that a record's short ids can be read years later without the policy file of that day.
Who hands it to the ledger, and when, is the extension's business.

Sources: GDPR Art. 13(1) (controller, purposes, recipients), Art. 7(1); ISO/IEC TS 27560:2023 §6.3 (notice, purposes,
services); ePrivacy Directive Art. 5(3) (what is strictly necessary, and why).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from .policy import NECESSARY, Policy
from .policy.model import Cookie, Purpose, Service
from .proof import canonical
from .version import VERSION


@dataclass(frozen=True, slots=True)
class Edition:
    """See the module.

    :param body: Canonical JSON.
    :param digest: SHA-256, hexadecimal, of all in it but ``since``: the same as long as the site declares the same.
    """

    body: bytes
    digest: str


def edition(policy: Policy, notices: Mapping[str, str], *, since: datetime) -> Edition:
    """The edition of *policy* that begins at *since*.

    :param notices: Digest of the full question, by language.
    :param since: Aware.
    """
    said = _declared(policy, notices)
    digest = hashlib.sha256(canonical.encode(said)).hexdigest()
    return Edition(canonical.encode(said | {"since": since.astimezone(UTC).isoformat(timespec="seconds")}), digest)


def _declared(policy: Policy, notices: Mapping[str, str]) -> dict[str, Any]:
    return {
        "site": policy.site,
        "controller": asdict(policy.controller),
        "languages": list(policy.languages),
        "notices": dict(notices),
        "purposes": [_purpose(purpose) for purpose in policy.purposes.values()],
        "services": [_service(service) for service in policy.services.values()],
        "necessary": [_necessary(policy.services[one]) for one in policy.services_of[NECESSARY]],
        "lifetime": policy.lifetime.iso,
        "refusal_lifetime": policy.refusal_lifetime.iso,
        "retention": policy.retention.iso if policy.retention else None,
        "revision": policy.revision,
        "policy_hash": policy.digest,
        "sdk_version": VERSION,
    }


def _purpose(purpose: Purpose) -> dict[str, Any]:
    """What visitors read of it stands by language."""
    return {
        "id": purpose.id,
        "basis": purpose.basis.value,
        "label": {language: text.label for language, text in purpose.texts.items()},
        "description": {language: text.description for language, text in purpose.texts.items()},
    }


def _service(service: Service) -> dict[str, Any]:
    return {
        "id": service.id,
        "name": service.name,
        "provider": service.provider.name,
        "country": service.provider.country,
        "privacy_url": service.provider.privacy_url,
        "purpose": service.purpose,
        "sells_or_shares": service.sells_or_shares,
        "hosts": {directive: list(origins) for directive, origins in service.hosts.items()},
        "cookies": [_cookie(cookie) for cookie in (*service.cookies, *service.vendor_cookies)],
    }


def _cookie(cookie: Cookie) -> dict[str, Any]:
    """A name that it stores, how long (``None`` until the browser is closed), and on whose host if not the site's."""
    lifetime = cookie.lifetime.iso if cookie.lifetime else None
    return {"name": cookie.name, "kind": cookie.kind.value, "lifetime": lifetime, "host": cookie.host}


def _necessary(service: Service) -> dict[str, Any]:
    return {
        "service": service.id,
        "name": service.name,
        "reason": service.reason,
        "routes": list(service.routes),
    }
