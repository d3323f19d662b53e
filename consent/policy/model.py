"""What a site declares, as frozen values: controller, purposes, services, cookies.

Values only: reading a file is :mod:`.loader`'s work, judging one is :mod:`.advice`'s. Everything that every request
needs (tags, look-ups) is computed once, when the policy is made.

Sources: GDPR Art. 13(1) (controller, recipients, period), Art. 4(11); ePrivacy Directive Art. 5(3).
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ..errors import UnknownPurpose, UnknownService
from ..lifetime import Lifetime
from ..version import VERSION
from .audience import Audience
from .pattern import fits
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
    INDEXED_DB = "indexed_db"


class Opens(enum.StrEnum):
    """How a service is brought into a page."""

    #: In a frame of the vendor: a video, a map, a player.
    FRAME = "frame"
    #: By a vendor script that draws where its marker stands: a post, comments. It runs in a sandbox of its own.
    WIDGET = "widget"
    #: In the page itself: statistics, pixels, fonts, captchas, payments.
    DOCUMENT = "document"


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
    :param host: The vendor's host that stores it, such as ``.youtube.com``; empty for one of the site itself.
    """

    name: str
    service: str
    kind: Kind = Kind.COOKIE
    lifetime: Lifetime | None = None
    description: Mapping[str, str] = field(default_factory=dict)
    host: str = ""

    def matches(self, name: str) -> bool:
        """Whether *name* is this cookie's name or begins with its prefix."""
        return fits(self.name, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """How a frame or a widget of a service stands in a page.

    :param markers: The elements in which a widget's script draws: ``tag.class``, ``tag[attribute]`` or ``.class``.
    :param script: URL of a widget's script; empty for a frame.
    :param sandbox: Tokens of the frame's ``sandbox`` attribute; empty for no such attribute.
    :param allow: The frame's ``allow`` attribute (Permissions Policy).
    :param credentialless: Whether browsers that can should load the frame without its cookies.
    :param plays: Whether it is played (video, audio) or shown (map, post): the words for visitors differ.
    """

    markers: tuple[str, ...] = ()
    script: str = ""
    sandbox: str = ""
    allow: str = ""
    credentialless: bool = False
    plays: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A thing that serves a purpose: a video player, a statistics script, a beacon of the site itself.

    :param hosts: Origins it loads from, by CSP directive; empty for one that stays on the site.
    :param cookies: What it stores under the site's own host.
    :param sells_or_shares: Whether data is sold or shared as US state laws mean it; Global Privacy Control denies it.
    :param reason: Why it is strictly necessary, in writing; only for services of purpose ``necessary``.
    :param version: Raised by the developer to ask again although nothing else changed; from 1.
    :param embedding: How its frame or widget stands in a page.
    :param routes: Paths on which alone its hosts are let through, ``*`` at the end for all below; empty: everywhere.
    :param vendor_cookies: What it stores on its own hosts: told to visitors, out of the gate's reach.
    :param alternative: How to do without it, such as by hosting the same files; may be empty.
    :param catalogue: Id of the entry of :mod:`.catalogue` that it was made of; empty if declared by hand.
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
    opens: Opens = Opens.DOCUMENT
    embedding: Embedding = Embedding()
    routes: tuple[str, ...] = ()
    vendor_cookies: tuple[Cookie, ...] = ()
    alternative: str = ""
    catalogue: str = ""

    def runs_on(self, path: str) -> bool:
        """Whether its hosts may be let through on a page at *path*."""
        return not self.routes or any(fits(route, path) for route in self.routes)

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
    :param retention: How long records are kept before ``flask consent purge`` deletes them; ``None``: none is deleted.
    :param source: Canonical text of everything declared; :attr:`digest` is made of it.
    :param audience: What is counted of visitors.
    """

    site: str
    languages: tuple[str, ...]
    controller: Controller
    purposes: Mapping[str, Purpose]
    services: Mapping[str, Service]
    lifetime: Lifetime
    refusal_lifetime: Lifetime
    source: str
    retention: Lifetime | None = None
    audience: Audience = field(default_factory=Audience)
    #: Changes when any visitor has to be asked anew: 8 hexadecimal digits.
    revision: str = field(init=False)
    #: SHA-256, hexadecimal, of :attr:`source`: changes with every character declared.
    digest: str = field(init=False)
    #: Changes with every character declared and every release of this package: 8 hexadecimal digits.
    edition: str = field(init=False)
    #: Purpose ids by receipt tag.
    purpose_by_tag: Mapping[bytes, str] = field(init=False, repr=False)
    #: Receipt tags by service id, of services that are asked about.
    service_tags: Mapping[str, bytes] = field(init=False, repr=False)
    #: Service ids by receipt tag.
    service_by_tag: Mapping[bytes, str] = field(init=False, repr=False)
    #: Service ids by purpose id, ``necessary`` among them; empty tuples where nothing is declared.
    services_of: Mapping[str, tuple[str, ...]] = field(init=False, repr=False)
    #: Services that are let through on some paths only.
    routed: tuple[Service, ...] = field(init=False, repr=False)

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
        put(self, "routed", tuple(service for service in self.services.values() if service.routes))
        put(self, "revision", fingerprint((*self.purpose_by_tag, *self.service_by_tag)))
        put(self, "digest", hashlib.sha256(self.source.encode()).hexdigest())
        put(self, "edition", hashlib.sha256(f"{VERSION}\n{self.digest}".encode()).hexdigest()[:8])

    @property
    def cookies(self) -> tuple[Cookie, ...]:
        """Every declared cookie and storage key, in the order of the services."""
        return tuple(cookie for service in self.services.values() for cookie in service.cookies)

    def origins(self, services: Iterable[str]) -> frozenset[str]:
        """The origins, as CSP host-sources, that any of *services* (ids) loads from."""
        named = (self.services[service].hosts.values() for service in services)
        return frozenset(origin for directives in named for listed in directives for origin in listed)

    def services_on(self, services: frozenset[str], path: str) -> frozenset[str]:
        """Those of *services* (ids) that are let through on a page at *path*; the same object if that is all."""
        elsewhere = {service.id for service in self.routed if service.id in services and not service.runs_on(path)}
        return services - elsewhere if elsewhere else services

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


#: Storage that outlives the browser's windows, whatever lifetime a file gives.
_LASTING = (Kind.LOCAL_STORAGE, Kind.INDEXED_DB)


def _memory(cookies: tuple[Cookie, ...]) -> str:
    """How long a service remembers a browser, as coarsely as it is material."""
    if not cookies:
        return "nothing"
    longest = max((cookie.lifetime.total_seconds if cookie.lifetime else 0) for cookie in cookies)
    if longest == 0 and all(cookie.kind not in _LASTING for cookie in cookies):
        return "session"
    return "persistent" if longest <= LONGEST_USUAL.total_seconds else "beyond 13 months"
