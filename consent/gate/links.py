"""``Link`` and ``Refresh`` response headers: no fetch, no connection and no jump to where nothing was granted.

A ``Link`` header makes browsers fetch or connect before they have read the page. Only relations that do so are looked
at; ``canonical``, ``next`` or ``license`` stay.

Sources: RFC 8288 §3 (syntax), HTML §4.6.7 (link types that fetch or connect), HTML §4.2.5.3 (refresh).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from .urls import is_covered, leads_home

_FETCHING = frozenset(
    [
        "apple-touch-icon",
        "dns-prefetch",
        "expect",
        "icon",
        "import",
        "manifest",
        "modulepreload",
        "next-prefetch",
        "pingback",
        "preconnect",
        "prefetch",
        "preload",
        "prerender",
        "stylesheet",
        "compression-dictionary",
    ]
)
_PARAMETER = r"""\s*;\s*[^\s=;,"<>]*(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"<>]*))?"""
_LINK = re.compile(rf"""\s*(<([^<>]*)>((?:{_PARAMETER})*))\s*(?:,|\Z)""")
_NAMED = re.compile(r""";\s*([^\s=;,"<>]*)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"<>]*)))?""")
_REFRESH = re.compile(r"""\s*[\d.]*\s*(?:[;,]\s*|\s)\s*(?:url\s*=\s*)?(["']?)(.*?)\1\s*""", re.IGNORECASE | re.DOTALL)


def link(value: str, *, origins: Collection[str], host: str) -> str | None:
    """A ``Link`` header without what must not be fetched; ``None`` if nothing is left or it cannot be read.

    :param origins: CSP host-sources of what is granted.
    :param host: The site's own ``Host``.
    """
    kept, at = [], 0
    while at < len(value):
        found = _LINK.match(value, at)
        if found is None:
            return None
        if _link_passes(found[2], found[3], origins, host):
            kept.append(found[1])
        at = found.end()
    return ", ".join(kept) or None


def _link_passes(target: str, parameters: str, origins: Collection[str], host: str) -> bool:
    named = [(m[1].lower(), m[2] if m[2] is not None else m[3] or "") for m in _NAMED.finditer(parameters)]
    relations = {word.lower() for name, text in named if name == "rel" for word in text.split()}
    if not relations & _FETCHING:
        return True
    if any(name == "imagesrcset" for name, _ in named):
        return False
    return leads_home(target, host=host) or is_covered(target, origins)


def refresh(value: str, *, origins: Collection[str], host: str) -> str | None:
    """A ``Refresh`` header that stays on the site or goes where something was granted; else ``None``."""
    if value.strip().isdigit():
        return value
    found = _REFRESH.fullmatch(value)
    if found is None:
        return None
    target = found[2].strip()
    return value if leads_home(target, host=host) or is_covered(target, origins) else None
