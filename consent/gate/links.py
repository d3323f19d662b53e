"""``Link``, ``Refresh`` and their like: no fetch, no connection and no jump to where nothing was granted.

A ``Link`` header makes browsers fetch or connect before they have read the page. Only relations that do so are looked
at; ``canonical``, ``next`` or ``license`` stay.

Sources: RFC 8288 §3 (syntax), HTML §4.6.7 (link types that fetch or connect), HTML §4.2.5.3 (refresh).
"""

from __future__ import annotations

import re
from collections.abc import Collection

from .elements import FETCHING
from .urls import is_covered, leads_home

_REFRESH = re.compile(r"[\d.]*[;,\s]\s*(?:url\s*=)?(.*)", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(r'[a-z][a-z0-9+.-]*:[^"\s,}]*|//[^"\s,}]*', re.IGNORECASE)
#: A longer header is not read, and so not sent.
_LONGEST = 8192


def link(value: str, *, origins: Collection[str], host: str) -> str | None:
    """A ``Link`` header without what must not be fetched; ``None`` if nothing is left or it cannot be read.

    :param origins: CSP host-sources of what is granted.
    :param host: The site's own ``Host``.
    """
    if len(value) > _LONGEST or "\\" in value:  # an escape could hide a relation; nobody needs one
        return None
    kept = []
    for one in _split(value, ","):
        target, closed, parameters = one.strip().partition(">")
        if not closed or not target.startswith("<") or '"' in target:
            return None
        if _link_passes(target[1:], _split(parameters, ";"), origins, host):
            kept.append(one.strip())
    return ", ".join(kept) or None


def _split(text: str, separator: str) -> list[str]:
    """*text* at each *separator* that stands in no quotes and no angle brackets, in one pass."""
    parts, begin, quoted, bracketed, escaped = [], 0, False, False, False
    for at, char in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = char == "\\", char != '"'
        elif bracketed:
            bracketed = char != ">"
        elif char == separator:
            parts.append(text[begin:at])
            begin = at + 1
        else:
            quoted, bracketed = char == '"', char == "<"
    return [*parts, text[begin:]]


def _link_passes(target: str, parameters: list[str], origins: Collection[str], host: str) -> bool:
    named = [
        (name.strip().lower(), text.strip().strip('"')) for name, _, text in (p.partition("=") for p in parameters)
    ]
    relations = {word.lower() for name, text in named if name == "rel" for word in text.split()}
    if not relations & FETCHING:
        return True
    if any(name == "imagesrcset" for name, _ in named):
        return False
    return leads_home(target, host=host) or is_covered(target, origins)


def refresh(value: str, *, origins: Collection[str], host: str) -> str | None:
    """A ``Refresh`` header that stays on the site or goes where something was granted; else ``None``."""
    if value.strip().isdigit():
        return value
    found = _REFRESH.fullmatch(value.strip()) if len(value) <= _LONGEST else None
    if found is None:
        return None
    target = found[1].strip()
    if target[:1] in ("'", '"'):  # browsers read up to the next such sign, or to the end
        target = target[1:].split(target[0], 1)[0]
    return value if leads_home(target, host=host) or is_covered(target, origins) else None


def reports(value: str, *, origins: Collection[str], host: str) -> str | None:
    """A ``Reporting-Endpoints`` or ``Report-To`` header that tells only the site, or whom it may; else ``None``."""
    if len(value) > _LONGEST:
        return None
    told = _ADDRESS.findall(value.replace("\\/", "/"))
    return value if all(leads_home(url, host=host) or is_covered(url, origins) for url in told) else None
