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

from ..policy import NECESSARY, Opens, Policy

_OWN = "'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:"

#: What a widget may do in its wrapper; without ``allow-same-origin`` it has an origin that nothing else has.
SANDBOX = "allow-scripts allow-popups allow-popups-to-escape-sandbox allow-forms"
#: What a widget's wrapper needs beside the service's hosts: its text holds our own script and style, and perhaps the
#: widget's settings. ``'self'`` is not among it: nothing of the site is.
_INLINE = {
    "script-src": "'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval' data: blob:",
    "style-src": "'unsafe-inline' data: blob:",
    "img-src": "data: blob:",
    "font-src": "data: blob:",
    "media-src": "data: blob:",
    "worker-src": "data: blob:",
}


class ContentPolicy:
    """Builds the header for a set of granted services, and remembers it: visitors share few sets.

    :ivar locked: The header of what is necessary on every page.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.header = lru_cache(maxsize=1024)(self._header)
        self.wrapper = lru_cache(maxsize=1024)(self._wrapper)
        everywhere = (service for service in policy.services_of[NECESSARY] if not policy.services[service].routes)
        self.locked = self.header(frozenset(everywhere))

    def _header(self, services: frozenset[str]) -> str:
        hosts: dict[str, list[str]] = {}
        for service in self._policy.services.values():
            if service.id in services:
                for directive, origins in service.hosts.items():
                    listed = hosts.setdefault(directive, [])
                    listed += [origin for origin in origins if origin not in listed]
        extended = [f"{directive} {_OWN} {' '.join(hosts[directive])}" for directive in sorted(hosts)]
        return "; ".join([f"default-src {_OWN}", *extended])

    def _wrapper(self, service: str, kind: Opens) -> str:
        """The whole policy of the wrapper document of *service*: one frame and no script, or a widget in a sandbox."""
        hosts = self._policy.service(service).hosts
        if kind is not Opens.WIDGET:
            origins = " ".join(hosts.get("frame-src", ("'none'",)))
            return f"default-src 'none'; frame-src {origins}; style-src 'self'; frame-ancestors 'self'"
        directives = {name: " ".join((sources, *hosts.get(name, ()))) for name, sources in _INLINE.items()}
        directives |= {name: " ".join(origins) for name, origins in hosts.items() if name not in directives}
        fetched = "; ".join(f"{name} {sources}" for name, sources in directives.items())
        limits = "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        return f"sandbox {SANDBOX}; default-src 'none'; {fetched}; {limits}"
