"""What a site declared when a record was made: who asked, why, for which services. Today's policy never stands in.

A record names its policy by the hash of everything in it. Where today's policy has that hash, it is that policy; else
the edition that the log keeps of it speaks; where there is none, nobody knows any more, and the record stands alone.

Source: EDPB Guidelines 05/2020 §§104-108 (what information was given at the time).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from ...edition import edition
from ...policy import Basis, Controller, Policy, Provider

#: Names that a service stores in browsers, each with its lifetime in ISO 8601, or ``None`` until the browser is closed.
Stored = tuple[tuple[str, str | None], ...]

_ANY_DAY = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class DeclaredPurpose:
    """One purpose.

    :param label: As visitors read it in the site's first language; its id where that is not known.
    :param basis: ``None`` where it is not known.
    """

    id: str
    label: str
    basis: Basis | None


@dataclass(frozen=True, slots=True)
class DeclaredService:
    """One service.

    :param provider: ``None`` for one of the site itself, or where it is not known.
    :param stored: ``None`` where it is not known.
    """

    id: str
    name: str
    purpose: str
    provider: Provider | None
    stored: Stored | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Declared:
    """All of it, under one hash. Compared by identity: there is one of each.

    :param since: When the site began to declare it; ``None`` for today's policy where the log has no edition of it.
    """

    policy_hash: str
    since: str | None
    controller: Controller
    purposes: Mapping[str, DeclaredPurpose]
    services: Mapping[str, DeclaredService]

    def services_of(self, purpose: str) -> tuple[str, ...]:
        """Ids of the services of *purpose*."""
        return tuple(service.id for service in self.services.values() if service.purpose == purpose)


class Declarations:
    """What was declared under which hash.

    :param policy: Today's.
    :param editions: Since when, and canonical JSON, oldest first: :meth:`~..store.Store.editions`.
    """

    def __init__(self, policy: Policy, editions: Iterable[tuple[datetime, str]] = ()) -> None:
        known = [_read(json.loads(text), since) for since, text in editions]
        today = _read(json.loads(edition(policy, {}, since=_ANY_DAY).body), None)
        self._by_hash = {declared.policy_hash: declared for declared in (today, *reversed(known))}

    @property
    def purposes(self) -> list[str]:
        """Ids of all purposes that were ever declared, as far as is known."""
        return sorted({purpose for declared in self._by_hash.values() for purpose in declared.purposes})

    def of(self, policy_hash: str) -> Declared | None:
        """What stood in the policy of that hash."""
        return self._by_hash.get(policy_hash)

    def purpose_of(self, policy_hash: str, service: str) -> str | None:
        """The purpose that *service* had in the policy of that hash."""
        declared = self._by_hash.get(policy_hash)
        found = declared.services.get(service) if declared else None
        return found.purpose if found else None


def _read(said: Mapping[str, Any], since: datetime | None) -> Declared:
    """The declaration in an edition's body. Any version of this package may have written it, so that much may lack."""
    given = said.get("controller", {})
    controller = Controller(**{f.name: given[f.name] for f in fields(Controller) if isinstance(given.get(f.name), str)})
    language = next(iter(said.get("languages", ())), "")
    named = (one if isinstance(one, Mapping) else {"id": one} for one in said.get("purposes", ()))
    purposes = (_purpose(one, language) for one in named)
    services = (_service(one, controller) for one in said.get("services", ()))
    return Declared(
        policy_hash=said["policy_hash"],
        since=since.isoformat(timespec="seconds") if since else None,
        controller=controller,
        purposes={purpose.id: purpose for purpose in purposes},
        services={service.id: service for service in services},
    )


def _purpose(said: Mapping[str, Any], language: str) -> DeclaredPurpose:
    try:
        basis = Basis(said.get("basis", ""))
    except ValueError:
        basis = None
    labels = said.get("label")
    label = labels.get(language) if isinstance(labels, Mapping) else None
    return DeclaredPurpose(said["id"], label or said["id"], basis)


def _service(said: Mapping[str, Any], controller: Controller) -> DeclaredService:
    name = said.get("provider", "")
    is_own = name in ("", controller.name)
    known = {key: said.get(key, "") for key in ("country", "privacy_url")}
    provider = None if is_own else Provider(name=name, **known)
    cookies = said.get("cookies")
    stored = None if cookies is None else tuple((cookie["name"], cookie["lifetime"]) for cookie in cookies)
    return DeclaredService(said["id"], said["name"], said["purpose"], provider, stored)
