"""The additional ``Content-Security-Policy`` that holds a page to what was granted.

It is sent beside the site's own policy and never merged with it: two policies intersect, so that ours can only tighten,
whereas hosts merged into a ``strict-dynamic`` policy are ignored by browsers and leak. It restricts where things load
from and nothing else: whatever a page could do without Consentry with its own origin, inline code or ``data:`` it still
can. ``form-action``, ``frame-ancestors``, ``base-uri`` and ``sandbox`` are the site's.

Not stopped by any CSP: connection hints (``preconnect``) and WebRTC.

Source: CSP Level 3 §6.1 (fetch directives), §4.1.3 (several policies).
"""

from __future__ import annotations

from functools import lru_cache

from ..policy import NECESSARY, Policy

_OWN = "'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:"


class ContentPolicy:
    """Builds the header for a set of granted services, and remembers it: visitors share few sets.

    :ivar locked: The header when nothing but the necessary is granted.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.header = lru_cache(maxsize=1024)(self._header)
        self.locked = self.header(frozenset(policy.services_of[NECESSARY]))

    def _header(self, services: frozenset[str]) -> str:
        hosts: dict[str, list[str]] = {}
        for service in self._policy.services.values():
            if service.id in services:
                for directive, origins in service.hosts.items():
                    listed = hosts.setdefault(directive, [])
                    listed += [origin for origin in origins if origin not in listed]
        extended = [f"{directive} {_OWN} {' '.join(hosts[directive])}" for directive in sorted(hosts)]
        return "; ".join([f"default-src {_OWN}", *extended])

    def frame(self, service: str) -> str:
        """The whole policy of a wrapper document that shows one frame of *service* and runs nothing itself."""
        origins = " ".join(self._policy.service(service).hosts.get("frame-src", ("'none'",)))
        return f"default-src 'none'; frame-src {origins}; style-src 'self'; frame-ancestors 'self'"
