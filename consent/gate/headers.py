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
from . import caching, cookies, links
from .cookies import CookieRules, Fate, Verdict
from .csp import ContentPolicy

_LOG = logging.getLogger("consentry")

Headers = list[tuple[str, str]]

_SPECIAL = (
    frozenset({"content-type", "set-cookie", "cache-control", "vary", "etag", "link", "refresh"}) | caching.CACHE_HINTS
)
_FRAMING = frozenset({"content-security-policy", "content-security-policy-report-only", "x-frame-options"})
_DOCUMENTS = ("text/html", "application/xhtml+xml")


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
    def path(self) -> str:
        """The URL path."""
        ...

    @property
    def secure(self) -> bool:
        """Whether it came over HTTPS."""
        ...

    @property
    def cookie_header(self) -> str:
        """The ``Cookie`` header, empty if there is none."""
        ...

    #: Whether the page asked what is allowed, so that its text depends on it.
    consulted: bool
    #: Whether the request named the present variant's entity tag.
    revalidates: bool
    #: Service whose wrapper document this response is, or ``None``.
    wraps: str | None


class HeaderGate:
    """The gate of one application.

    :param necessary: Cookie names that need no declaration.
    :param heeds_gpc: Whether pages differ by Global Privacy Control.
    """

    def __init__(self, policy: Policy, *, mode: Mode = Mode.ENFORCE, necessary: Collection[str] = ()) -> None:
        self.mode = mode
        self.cookies = CookieRules(policy, necessary)
        self.csp = ContentPolicy(policy)
        self._policy = policy
        self._base = frozenset(policy.services_of[NECESSARY])
        self._reported: set[str] = set()
        sold = any(s.sells_or_shares for s in policy.services.values()) or "marketing" in policy.purposes
        self._varies = ("Cookie", "Sec-GPC") if sold else ("Cookie",)
        self._csp_name = "Content-Security-Policy" + ("-Report-Only" if mode is Mode.REPORT else "")

    @property
    def browser_rules(self) -> Mapping[str, Mapping[str, str]]:
        """The cookie rules for the guard in the page: all pass where the gate does not enforce."""
        return self.cookies.for_browser() if self.mode is Mode.ENFORCE else {"cookies": {"*": ""}, "storage": {}}

    def outgoing(self, status: str, headers: Headers, visitor: Visitor) -> Headers:
        """*headers* as they may leave, for a response of that *status* line."""
        special: dict[str, list[str]] = {}
        kept: Headers = []
        for name, value in headers:
            lower = name.lower()
            if lower in _SPECIAL:
                special.setdefault(lower, []).append(value)
                if lower == "content-type":
                    kept.append((name, value))
            else:
                kept.append((name, value))
        if self.mode is Mode.REPORT:
            return self._report(headers, special, visitor)
        kind = special["content-type"][0].lower() if "content-type" in special else ""
        document = kind.startswith(_DOCUMENTS)
        varies = document or visitor.consulted or visitor.revalidates
        if not varies and "script" in kind and visitor.grants.services != self._base:
            varies = True
        self._caching(kept, special, visitor, varies)
        if "set-cookie" in special:
            kept += [("Set-Cookie", header) for header in self._set_cookies(special["set-cookie"], visitor)]
        if document and visitor.cookie_header:
            kept += [("Set-Cookie", header) for header in self._clean(visitor)]
        if "link" in special or "refresh" in special:
            self._links(kept, special, visitor)
        if visitor.wraps is not None:
            kept = [(name, value) for name, value in kept if name.lower() not in _FRAMING]
            kept.append(("Content-Security-Policy", self.csp.frame(visitor.wraps)))
        else:
            kept.append((self._csp_name, self.csp.header(visitor.grants.services) if varies else self.csp.locked))
        return kept

    def locked(self, headers: Headers) -> Headers:
        """*headers* as they may leave when something of ours failed: no cookie but a deletion, nothing granted."""
        kept = [(name, value) for name, value in headers if name.lower() not in ("set-cookie", "link", "refresh")]
        return [*kept, ("Content-Security-Policy", self.csp.locked), ("Cache-Control", "private, no-store")]

    def _caching(self, kept: Headers, special: dict[str, list[str]], visitor: Visitor, varies: bool) -> None:
        if varies:
            kept.append(("Cache-Control", caching.control(", ".join(special.get("cache-control", ())))))
            kept.append(("Vary", caching.vary(", ".join(special.get("vary", ())), self._varies)))
            kept += [("ETag", caching.mark(tag, visitor.grants.variant)) for tag in special.get("etag", ())]
            return
        for name in special.keys() - {"content-type", "set-cookie", "link", "refresh"}:
            kept += [(name.title() if name != "etag" else "ETag", value) for value in special[name]]

    def _set_cookies(self, values: list[str], visitor: Visitor) -> list[str]:
        verdicts = [self.cookies.judge(value, visitor.grants, now=visitor.now) for value in values]
        for verdict in verdicts:
            self._tell(verdict)
        return [verdict.header for verdict in verdicts if verdict.header is not None]

    def _clean(self, visitor: Visitor) -> list[str]:
        present = cookies.names(visitor.cookie_header)
        unwelcome = self.cookies.unwelcome(present, visitor.grants)
        return [
            header
            for name in unwelcome
            for header in cookies.deletions(name, host=visitor.host, path=visitor.path, secure=visitor.secure)
        ]

    def _links(self, kept: Headers, special: dict[str, list[str]], visitor: Visitor) -> None:
        granted = (self._policy.services[service] for service in visitor.grants.services)
        origins = {origin for service in granted for listed in service.hosts.values() for origin in listed}
        for value in special.get("link", ()):
            if passed := links.link(value, origins=origins, host=visitor.host):
                kept.append(("Link", passed))
        for value in special.get("refresh", ()):
            if passed := links.refresh(value, origins=origins, host=visitor.host):
                kept.append(("Refresh", passed))

    def _report(self, headers: Headers, special: dict[str, list[str]], visitor: Visitor) -> Headers:
        for value in special.get("set-cookie", ()):
            self._tell(self.cookies.judge(value, visitor.grants, now=visitor.now))
        return [*headers, (self._csp_name, self.csp.header(visitor.grants.services))]

    def _tell(self, verdict: Verdict) -> None:
        """Log the first time that a name is dropped, with what to paste where it is merely undeclared."""
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
            '[services.your_service]\npurpose = "necessary"  # or statistics, preferences, …\nname = "What sets it"\n'
            'reason = "Why the site cannot work without it"\n[[services.your_service.cookies]]\nname = "%s"\n'
            'lifetime = "session"\n',
            verb,
            name,
            name,
        )
