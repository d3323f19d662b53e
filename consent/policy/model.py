"""What a site declares, as frozen values: controller, purposes, services, cookies.

Values only: reading a file is :mod:`.loader`'s work, judging one is :mod:`.advice`'s. Everything that every request
needs (tags, look-ups) is computed once, when the policy is made.

Sources: GDPR Art. 13(1) (controller, recipients, period), Art. 4(11); ePrivacy Directive Art. 5(3).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..errors import UnknownPurpose, UnknownService
from ..lifetime import Lifetime
from .revision import fingerprint, tag

#: The purpose that is built in and never asked about (ePrivacy Directive Art. 5(3), second sentence).
NECESSARY = "necessary"

#: The lifetime beyond which regulators ask why (CNIL deliberation 2020-091; IAB TCF reminder period).
LONGEST_USUAL = Lifetime(months=13)


class Basis(enum.StrEnum):
    """On what ground a purpose runs."""

    #: Off until the visitor says yes.
    CONSENT = "consent"
    #: On unless the visitor objects, where the law exempts it; *Reject all* objects.
    EXEMPT = "exempt"
    #: On unless the visitor opts out.
    OPT_OUT = "opt_out"


class Kind(enum.StrEnum):
    """Where a declared name is stored in the browser."""

    COOKIE = "cookie"
    LOCAL_STORAGE = "local_storage"
    SESSION_STORAGE = "session_storage"


@dataclass(frozen=True, slots=True)
class Text:
    """The words that visitors see for a purpose, in one language."""

    label: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """Who asks (GDPR Art. 13(1)(a)). *country* is ISO 3166-1 alpha-2 or empty; *privacy_url* a path or an https URL."""

    name: str = ""
    address: str = ""
    country: str = ""
    email: str = ""
    privacy_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """The company behind a service, a recipient of data (GDPR Art. 13(1)(e))."""

    name: str
    country: str = ""
    privacy_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """A declared cookie or storage key.

    :param name: Exact name, or a prefix and ``*``.
    :param service: Id of the service that sets it.
    :param lifetime: How long it may last at most; ``None`` until the browser is closed.
    :param description: What it is for, by language; may be empty.
    """

    name: str
    service: str
    kind: Kind = Kind.COOKIE
    lifetime: Lifetime | None = None
    description: Mapping[str, str] = field(default_factory=dict)

    def matches(self, name: str) -> bool:
        """Whether *name* is this cookie's name or begins with its prefix."""
        return name.startswith(self.name[:-1]) if self.name.endswith("*") else name == self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A thing that serves a purpose: a video player, a statistics script, a beacon of the site itself.

    :param hosts: Origins it loads from, by CSP directive; empty for one that stays on the site.
    :param sells_or_shares: Whether data is sold or shared as US state laws mean it; Global Privacy Control denies it.
    :param reason: Why it is strictly necessary, in writing; only for services of purpose ``necessary``.
    :param version: Raised by the developer to ask again although nothing else changed; from 1.
    """

    id: str
    name: str
    purpose: str
    provider: Provider
    hosts: Mapping[str, tuple[str, ...]]
    cookies: tuple[Cookie, ...] = ()
    sells_or_shares: bool = False
    reason: str = ""
    version: int = 1

    def tag_under(self, purpose: bytes) -> bytes:
        """Three bytes that change when what a visitor agreed to changes: see :mod:`.revision`.

        :param purpose: The tag of its purpose, which is part of what was agreed to.
        """
        return tag(
            "service",
            self.id,
            purpose.hex(),
            self.provider.name,
            self.provider.country,
            "sold" if self.sells_or_shares else "kept",
            _memory(self.cookies),
            str(self.version),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why something runs. *texts* holds one :class:`Text` for every language of the policy."""

    id: str
    texts: Mapping[str, Text]
    basis: Basis = Basis.CONSENT
    version: int = 1

    @property
    def tag(self) -> bytes:
        """Three bytes that name this purpose and version in a receipt."""
        return tag("purpose", self.id, str(self.version))


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """All that a site declares; one value per application, shared by all its requests.

    :param site: Short id of the site, bound into every signature and record.
    :param languages: BCP 47 tags, the default first; at least one.
    :param purposes: Declared purposes by id, in the file's order, without ``necessary``.
    :param services: Declared services by id, in the file's order.
    :param lifetime: How long a persistent answer stands.
    :param refusal_lifetime: How long a persistent full refusal stands.
    :param source: Canonical text of everything declared; :attr:`digest` is made of it.
    """

    site: str
    languages: tuple[str, ...]
    controller: Controller
    purposes: Mapping[str, Purpose]
    services: Mapping[str, Service]
    lifetime: Lifetime
    refusal_lifetime: Lifetime
    source: str
    #: Changes when any visitor has to be asked anew: 8 hexadecimal digits.
    revision: str = field(init=False)
    #: SHA-256, hexadecimal, of :attr:`source`: changes with every character declared.
    digest: str = field(init=False)
    #: Purpose ids by receipt tag.
    purpose_by_tag: Mapping[bytes, str] = field(init=False, repr=False)
    #: Receipt tags by service id, of services that are asked about.
    service_tags: Mapping[str, bytes] = field(init=False, repr=False)
    #: Service ids by receipt tag.
    service_by_tag: Mapping[bytes, str] = field(init=False, repr=False)
    #: Service ids by purpose id, ``necessary`` among them; empty tuples where nothing is declared.
    services_of: Mapping[str, tuple[str, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__  # the documented way round frozen=True
        put(self, "purposes", MappingProxyType(dict(self.purposes)))
        put(self, "services", MappingProxyType(dict(self.services)))
        put(self, "purpose_by_tag", MappingProxyType({p.tag: p.id for p in self.purposes.values()}))
        tags = {
            service.id: service.tag_under(self.purposes[service.purpose].tag)
            for service in self.services.values()
            if service.purpose != NECESSARY
        }
        put(self, "service_tags", MappingProxyType(tags))
        put(self, "service_by_tag", MappingProxyType({tag: service for service, tag in tags.items()}))
        by_purpose = {
            purpose: tuple(s.id for s in self.services.values() if s.purpose == purpose)
            for purpose in (NECESSARY, *self.purposes)
        }
        put(self, "services_of", MappingProxyType(by_purpose))
        put(self, "revision", fingerprint((*self.purpose_by_tag, *self.service_by_tag)))
        put(self, "digest", hashlib.sha256(self.source.encode()).hexdigest())

    @property
    def cookies(self) -> tuple[Cookie, ...]:
        """Every declared cookie and storage key, in the order of the services."""
        return tuple(cookie for service in self.services.values() for cookie in service.cookies)

    def service(self, service: str) -> Service:
        """The declared service of that id.

        :raises UnknownService: it is not declared: a mistake in the site's code.
        """
        if service not in self.services:
            raise UnknownService(service, list(self.services))
        return self.services[service]

    def require_purpose(self, purpose: str) -> None:
        """Do nothing if *purpose* is declared or ``necessary``.

        :raises UnknownPurpose: it is not: a mistake in the site's code and not a refusal by the visitor.
        """
        if purpose != NECESSARY and purpose not in self.purposes:
            raise UnknownPurpose(purpose, [NECESSARY, *self.purposes], is_service=purpose in self.services)


def _memory(cookies: tuple[Cookie, ...]) -> str:
    """How long a service remembers a browser, as coarsely as it is material."""
    if not cookies:
        return "nothing"
    longest = max((cookie.lifetime.total_seconds if cookie.lifetime else 0) for cookie in cookies)
    if longest == 0 and all(cookie.kind is not Kind.LOCAL_STORAGE for cookie in cookies):
        return "session"
    return "persistent" if longest <= LONGEST_USUAL.total_seconds else "beyond 13 months"
