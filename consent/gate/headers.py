"""One response's headers on their way out: every rule of the gate applied, in one pass.

Framework-free: a header list goes in with what is known of the visitor, a header list comes out. What is a *document*
(HTML, XHTML) or a *script* (a worker's policy comes with its file) depends on the visitor's grants; every other
response gets the locked policy, which is right for everybody, and keeps the caching that the site gave it.

A failure in here never opens the gate: see :meth:`HeaderGate.locked`.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from ..grants import Grants
from ..policy import NECESSARY, Policy
from . import caching, cookies, links, media
from .cookies import CookieRules, Fate, Verdict
from .csp import ContentPolicy
from .reporting import Reporting

_LOG = logging.getLogger("consentry")

Headers = list[tuple[str, str]]

_CSP = "Content-Security-Policy"

#: Headers that the gate may change, beside cookies, ``Link`` and ``Refresh``.
_CACHING = frozenset({"cache-control", "vary", "etag"}) | caching.CACHE_HINTS
_LINKS = {
    "link": links.link,
    "refresh": links.refresh,
    "reporting-endpoints": links.reports,
    "report-to": links.reports,
}
#: ``Speculation-Rules`` names a file that may name anybody to fetch from, past every policy.
_NEVER = frozenset({"speculation-rules"})
_GUARDED = frozenset({"set-cookie", *_LINKS}) | _NEVER
_SPECIAL = _CACHING | _GUARDED
_FRAMING = frozenset({"content-security-policy", "content-security-policy-report-only", "x-frame-options"})
#: What keeps a browser from taking bytes of no known type for a page.
_UNGUESSED = ("X-Content-Type-Options", "nosniff")
#: Where somebody is sent need not know from where.
_NO_REFERRER = ("Referrer-Policy", "no-referrer")


class Mode(enum.StrEnum):
    """What the gate does with what it finds."""

    ENFORCE = "enforce"
    #: Policy as Report-Only, nothing else changed, what would be dropped is logged: for a site that is moving in.
    REPORT = "report"
    OFF = "off"


class Visitor(Protocol):
    """What the gate asks about a request; each answer is worked out when it is first needed."""

    @property
    def grants(self) -> Grants:
        """What may run."""
        ...

    @property
    def now(self) -> datetime:
        """The time of the request, aware."""
        ...

    @property
    def host(self) -> str:
        """The ``Host`` header."""
        ...

    @property
    def root(self) -> str:
        """Path at which the application is mounted; empty for a whole host."""
        ...

    @property
    def path(self) -> str:
        """The URL path."""
        ...

    @property
    def secure(self) -> bool:
        """Whether it came over HTTPS."""
        ...

    @property
    def unwelcome(self) -> tuple[str, ...]:
        """Names of cookies that came and may not stay."""
        ...

    @property
    def outlives(self) -> bool:
        """Whether browsers keep the response's policy for longer than any answer stands: a service worker's file."""
        ...

    #: Whether the page is one that all visitors share, so that nothing of this one may be in it.
    shared: bool
    #: Whether the page asked what is allowed, so that its text depends on it.
    consulted: bool
    #: Whether the request named the present variant's entity tag.
    revalidates: bool
    #: The whole policy of the wrapper document that this response is, or ``None``.
    wraps: str | None


class Special(dict[str, Headers]):
    """The headers of one response that the gate looks at, by their name in small letters."""

    def text(self, name: str) -> str | None:
        """All values of *name* as one, or ``None``."""
        return ", ".join(value for _, value in self[name]) if name in self else None

    def all(self, names: Collection[str]) -> Headers:
        """Every header of *names*, as it came."""
        return [header for name, found in self.items() if name in names for header in found]


_NOTHING = Special()
#: Bytes of headers up to which deletions are added. The smallest usual buffer of a proxy holds 4,096 (nginx, one page
#: of memory), and a response that does not fit is an error page; the proxy and the server add some of their own.
_ROOM = 3_500
#: Bytes for deletions where the site's own headers leave less: few enough to fit still, enough to come to an end.
_LEAST = 450


class HeaderGate:
    """The gate of one application.

    :param necessary: Cookie names that need no declaration.
    :param own: Names of the receipt cookie.
    :param reporting: Where browsers report to; ``None`` if they are not asked.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        mode: Mode = Mode.ENFORCE,
        necessary: Collection[str] = (),
        own: Collection[str] = (),
        reporting: Reporting | None = None,
    ) -> None:
        self.mode = mode
        self.cookies = CookieRules(policy, necessary, own=own)
        self.csp = ContentPolicy(policy)
        self._policy = policy
        self._base = frozenset(policy.services_of[NECESSARY])
        self._reported: set[str] = set()
        sold = any(s.sells_or_shares for s in policy.services.values()) or "marketing" in policy.purposes
        self._varies = ("Cookie", "Sec-GPC") if sold else ("Cookie",)
        vary = ("Vary", ", ".join(self._varies))
        self._usual: dict[bool, Headers] = {
            granted: [("Cache-Control", caching.control(None, granted=granted)), vary] for granted in (False, True)
        }
        self._enforces = mode is Mode.ENFORCE
        self._reporting = reporting

    @property
    def browser_rules(self) -> Mapping[str, Mapping[str, str]]:
        """The rules for the guard in the page, which holds to them where the gate does; all pass where it is off."""
        return self.cookies.for_browser() if self.mode is not Mode.OFF else {"cookies": {"*": ""}, "storage": {}}

    def outgoing(self, headers: Headers, visitor: Visitor) -> Headers:
        """*headers* as they may leave."""
        kind, special = "", _NOTHING
        for header in headers:
            lower = header[0].lower()
            if lower == "content-type":
                kind = f"{kind}, {header[1].strip().lower()}" if kind else header[1].strip().lower()
            elif lower in _SPECIAL:
                special = special or Special()
                special.setdefault(lower, []).append(header)
        kept = [header for header in headers if header[0].lower() not in _SPECIAL] if special else list(headers)
        document = media.is_document(kind)
        depends = (
            visitor.consulted or visitor.revalidates or (self._enforces and self._differs(kind, document, visitor))
        )
        varies = depends and not visitor.shared
        kept += self._cached(special, visitor) if varies else self._as_cached(special, visitor, marked=depends)
        if visitor.wraps is not None:  # whatever the mode: a sandbox is no less needed where nothing else is held back
            kept = _as_wrapper(kept, visitor.wraps)
        if not self._enforces:
            return kept + self._watched(special, visitor, depends, document)
        if special:
            kept += self._guarded(special, visitor)
        if not document and media.is_guessed(kind):
            kept = [header for header in kept if header[0].lower() != "x-content-type-options"] + [_UNGUESSED]
        if visitor.wraps is None:
            kept += self._walled(_CSP, visitor, depends and not visitor.outlives, document)
        return kept + _cleaned(visitor, beside=kept) if varies and visitor.unwelcome else kept

    def locked(self, headers: Headers, wraps: str | None = None) -> Headers:
        """*headers* as they may leave when something of ours failed: no cookie, nothing granted, nothing kept."""
        kept = [(name, value) for name, value in headers if name.lower() not in _SPECIAL]
        if wraps is not None:
            kept = _as_wrapper(kept, wraps)
        return [*kept, (_CSP, self.csp.locked), ("Cache-Control", "no-store")]

    def plain(self, headers: Headers) -> Headers:
        """*headers* of a response that is the same for everybody, in every mode: no cookie, no cache, no referrer."""
        return [*self.locked([header for header in headers if header[0].lower() != "referrer-policy"]), _NO_REFERRER]

    def _differs(self, kind: str, document: bool, visitor: Visitor) -> bool:
        """Whether a response of this media type depends on the visitor without having asked: by its policy."""
        return document or ("script" in kind and visitor.grants.services != self._base)

    def _cached(self, special: Special, visitor: Visitor) -> Headers:
        granted = visitor.grants.services != self._base
        if not special:
            return self._usual[granted]
        made = [
            ("Cache-Control", caching.control(special.text("cache-control"), granted=granted)),
            ("Vary", caching.vary(special.text("vary"), self._varies)),
        ]
        return made + [("ETag", caching.mark(tag, visitor.grants.variant)) for _, tag in special.get("etag", ())]

    def _as_cached(self, special: Special, visitor: Visitor, *, marked: bool) -> Headers:
        """Caching as the site set it; a page that is shared has a tag that names the policy."""
        if not marked or "etag" not in special:
            return special.all(_CACHING)
        tags = [(name, caching.mark(tag, visitor.grants.variant)) for name, tag in special["etag"]]
        return special.all(_CACHING - {"etag"}) + tags

    def _guarded(self, special: Special, visitor: Visitor) -> Headers:
        """Cookies, links and jumps, as far as they are granted."""
        made: Headers = []
        for name, value in special.get("set-cookie", ()):
            verdict = self.cookies.judge(value, visitor.grants, now=visitor.now)
            self._tell(verdict, visitor)
            if verdict.header is not None:
                made.append((name, verdict.header))
        for which, judge in _LINKS.items():
            for name, value in special.get(which, ()):
                passed = judge(value, origins=self._policy.origins(self._services(visitor)), host=visitor.host)
                if passed is not None:
                    made.append((name, passed))
        return made

    def _services(self, visitor: Visitor) -> frozenset[str]:
        """What this response may load from: what is granted, without services that run on other pages only."""
        granted = visitor.grants.services
        return self._policy.services_on(granted, visitor.path) if self._policy.routed else granted

    def _walled(self, name: str, visitor: Visitor, depends: bool, document: bool) -> Headers:
        """The policy as the header *name*, and where to report on it."""
        policy = self.csp.header(self._services(visitor)) if depends else self.csp.locked
        if self._reporting is None:
            return [(name, policy)]
        return self._reporting.headers(name, policy, root=visitor.root, endpoints=document and visitor.secure)

    def _watched(self, special: Special, visitor: Visitor, depends: bool, document: bool) -> Headers:
        """Everything as the site set it; in report mode, with the log lines and the policy that only reports."""
        made = special.all(_GUARDED)
        if self.mode is Mode.REPORT:
            for _, value in special.get("set-cookie", ()):
                self._tell(self.cookies.judge(value, visitor.grants, now=visitor.now), visitor)
            if visitor.wraps is None:  # a wrapper document is held to a policy of its own in every mode
                made += self._walled(f"{_CSP}-Report-Only", visitor, depends, document)
        return made

    def _tell(self, verdict: Verdict, visitor: Visitor) -> None:
        """Count a name that nobody declares; log the first time that one is dropped, with what to paste."""
        if self._reporting is not None and verdict.fate is Fate.UNDECLARED:
            self._reporting.cookie(verdict.name, path=visitor.path, now=visitor.now)
        if verdict.header is not None or verdict.name in self._reported or len(self._reported) > 1000:
            return
        self._reported.add(verdict.name)
        name = verdict.name.encode("ascii", "backslashreplace").decode()[:80]
        verb = "would drop" if self.mode is Mode.REPORT else "dropped"
        if verdict.fate is Fate.NOT_GRANTED:
            _LOG.info("%s the cookie %r: its service is not granted (said once)", verb, name)
            return
        _LOG.warning(
            "%s the cookie %r: no service declares it (said once). If the site needs it, add to the policy file:\n\n"
            '[services.your_service]\npurpose = "necessary"  # or statistics, preferences, …\n'
            '# name = "What sets it"  # visitors read it\nreason = "…"  # why the site cannot work without it\n'
            '[[services.your_service.cookies]]\nname = "%s"\nlifetime = "session"\n',
            verb,
            name,
            name,
        )


def _cleaned(visitor: Visitor, *, beside: Headers) -> Headers:
    """Deletions of what the browser still holds and may not, as many as a proxy's buffer bears *beside* the others.

    What is left is met again on the next page, which begins elsewhere.
    """
    room = max(_LEAST, _ROOM - sum(len(name) + len(value) + 4 for name, value in beside))
    made = cookies.deletions(
        visitor.unwelcome,
        host=visitor.host,
        path=visitor.path,
        secure=visitor.secure,
        seconds=int(visitor.now.timestamp()),
        room=room,
    )
    return [("Set-Cookie", header) for header in made]


def _as_wrapper(headers: Headers, policy: str) -> Headers:
    """The headers of a wrapper document: with its own policy alone, and nothing that forbids the site to frame it."""
    return [*(header for header in headers if header[0].lower() not in _FRAMING), (_CSP, policy)]
