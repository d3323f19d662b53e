"""Reports that browsers send, read as far as they are used. Every byte of them is somebody's claim.

Three shapes: a violation by ``report-uri`` (one object), violations by the Reporting API (a list), and the names that
the guard in the page met (one object). What does not fit is left out, without a word.

Sources: CSP Level 3 §5 (reporting), §6.8.1 (effective directives); Reporting API (application/reports+json).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ..policy.schema import DIRECTIVES
from .sighting import COOKIE_NAME, Kind, Sighting, page_of

#: Media types of the three shapes. Browsers send the guard's as either of the last two.
MEDIA_TYPES = frozenset({"application/csp-report", "application/reports+json", "application/json", "text/plain"})

#: The type of the Reporting API, which tells what report-uri has told before, or late.
SECOND_WAY = "application/reports+json"

#: Longest body that is read, in bytes.
LONGEST_BODY = 16_384

#: Most reports, and most names of each kind, that one body may hold.
_MOST = 100

_BLOCKED = re.compile(
    r"(?:https?|wss?)://(?=[^/?#]{1,253}(?:[/?#]|\Z))(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?(?=[/?#]|\Z)"
)
_KEYWORDS = frozenset({"inline", "eval", "wasm-eval", "data", "blob", "filesystem"})
_DOCUMENT = re.compile(r"https?://([^/?#]*)([^?#]*)")
#: Storage keys may be any text, and what is left of one is plain.
_KEY = re.compile(r"[!-~](?:[ -~]{0,98}[!-~])?")

#: What a load falls under, as a policy file writes it.
_DIRECTIVES = {directive: directive for directive in DIRECTIVES} | {
    "script-src-elem": "script-src",
    "script-src-attr": "script-src",
    "style-src-elem": "style-src",
    "style-src-attr": "style-src",
    "child-src": "frame-src",
    "fenced-frame-src": "frame-src",
    "prefetch-src": "default-src",
    "default-src": "default-src",
}

#: Where the guard lists names of each kind.
_NAMED = {"cookies": (Kind.COOKIE, COOKIE_NAME), "storage": (Kind.STORAGE, _KEY), "databases": (Kind.DATABASE, _KEY)}
SCRIPT = "script"


def read(body: bytes, *, host: str) -> list[Sighting]:
    """What *body* says was seen; nothing if it cannot be read.

    :param host: The site's own ``Host`` header: the path of another host's page is not kept.
    """
    try:
        said = json.loads(body.decode())
    except (ValueError, RecursionError):
        return []
    entries = said if isinstance(said, list) else [said]
    return [found for entry in entries[:_MOST] if isinstance(entry, dict) for found in _entry(entry, host)]


def _entry(entry: dict[str, Any], host: str) -> Iterator[Sighting]:
    body = entry.get("body")
    old = entry.get("csp-report")
    if isinstance(old, dict):
        directive = old.get("effective-directive") or old.get("violated-directive")
        yield from _violation(old.get("blocked-uri"), directive, old.get("document-uri"), host)
    elif entry.get("type") == "csp-violation" and isinstance(body, dict):
        yield from _violation(body.get("blockedURL"), body.get("effectiveDirective"), body.get("documentURL"), host)
    elif entry.get("type") == "consentry-names":
        path = entry.get("path")
        page = page_of(path) if isinstance(path, str) else ""
        for key, (kind, pattern) in _NAMED.items():
            for name in _texts(entry.get(key)):
                sighting = Sighting(kind, name, SCRIPT, page)
                if pattern.fullmatch(sighting.name):
                    yield sighting


def _violation(blocked: Any, directive: Any, document: Any, host: str) -> Iterator[Sighting]:
    if not isinstance(blocked, str) or not isinstance(directive, str):
        return
    # The violated directive of older browsers goes on with its sources.
    by = _DIRECTIVES.get(directive[:40].partition(" ")[0])
    name = _source(blocked)
    if by and name:
        yield Sighting(Kind.HOST, name, by, _page(document, host))


def _source(blocked: str) -> str:
    """The origin that was blocked, or the keyword; empty for anything else, an extension's own files among them."""
    found = _BLOCKED.match(blocked)
    if found:
        return found[0]
    keyword = blocked[:20].partition(":")[0]
    return keyword if keyword in _KEYWORDS else ""


def _page(document: Any, host: str) -> str:
    found = _DOCUMENT.match(document) if isinstance(document, str) else None
    return page_of(found[2] or "/") if found and found[1] == host else ""


def _texts(listed: Any) -> Iterable[str]:
    return [name for name in listed[:_MOST] if isinstance(name, str)] if isinstance(listed, list) else []
