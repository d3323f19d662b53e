"""Responses that differ between visitors, and what caches and browsers may keep of them.

A page that shows what was granted must never come out of a cache for somebody who did not grant it, nor for the same
visitor after a withdrawal. So it is private, revalidated, and its entity tag carries the visitor's *variant*: an
unchanged tag would let a 304 bring the granted page back.

A *shared* page is the opposite: nothing of any visitor is in it, so that one copy may serve all. Its caching is the
site's own; its entity tag names the policy that locked it, so that a stricter policy is not confirmed away.

Source: RFC 9111 §4 (reuse), §5.2 (Cache-Control); RFC 9110 §8.8.3 (ETag), §12.5.5 (Vary), §13.1.2 (If-None-Match);
Fetch Metadata Request Headers (``Sec-Fetch-Dest``).
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any


class CacheMode(enum.StrEnum):
    """What caches may keep of pages."""

    #: A page belongs to its visitor.
    VARIANT = "variant"
    #: One locked page for all; who granted what runs in the page itself carries a marker cookie and gets private pages.
    STATIC = "static"


#: What a page that depends on consent says to every cache while nothing is granted.
PRIVATE = "private, no-cache"
#: What a page says that shows something granted. Chromium's back/forward cache revives a page without asking anybody,
#: scripts and frames included; one that must not be stored it drops as soon as a cookie changes.
UNSTORED = "private, no-store"

#: Headers by which a site may have told some cache to keep the page all the same.
CACHE_HINTS = frozenset({"expires", "last-modified", "surrogate-control", "cdn-cache-control", "x-accel-expires"})

#: What stands in an entity tag before its variant.
MARK = ";consentry="
_TAG = re.compile(r'(W/)?"([^"]*)"')
#: A longer list of tags is not read; nothing is then confirmed as fresh.
_LONGEST = 4096


def control(value: str | None, *, granted: bool) -> str:
    """``Cache-Control`` for a page that depends on consent, given what the site set and whether anything is granted."""
    return UNSTORED if granted or (value and "no-store" in value.lower()) else PRIVATE


def vary(value: str | None, names: tuple[str, ...]) -> str:
    """``Vary`` with *names* added once each; ``*`` stays."""
    present = [part.strip() for part in value.split(",")] if value else []
    if "*" in present:
        return "*"
    lower = {part.lower() for part in present}
    return ", ".join([*present, *(name for name in names if name.lower() not in lower)])


def mark(etag: str, variant: str) -> str:
    """An ``ETag`` that belongs to *variant* alone; what is not an entity tag stays as it is."""
    return f'{etag[:-1]}{MARK}{variant}"' if etag.endswith('"') and len(etag) > 1 else etag


def marker_in(header: str, name: str) -> str:
    """The value of the marker cookie *name* in a ``Cookie`` header; empty if it is not there."""
    if f"{name}=" not in header:
        return ""
    pairs = (pair.strip().partition("=") for pair in header.split(";"))
    return next((value for key, _, value in pairs if key == name), "")


def is_shareable(environ: Mapping[str, Any]) -> bool:
    """Whether a WSGI request may be answered with the page that all visitors share, as far as its kind goes.

    ``GET`` and ``HEAD`` are, also those of tools that fill caches; what a script fetches as data is not.
    """
    if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
        return False
    destination = environ.get("HTTP_SEC_FETCH_DEST")
    if destination is not None:
        return bool(destination != "empty")
    return not str(environ.get("HTTP_ACCEPT", "")).startswith("application/json")


def unmark(if_none_match: str, variant: str) -> tuple[str | None, bool]:
    """``If-None-Match`` and its like as the site should see it, and whether it named the present *variant*.

    Tags of other variants are taken out, so that the site answers with a fresh page. ``None``: nothing is left of it.
    """
    kept, matched = [], False
    if if_none_match.strip() == "*":
        return "*", False
    for weak, opaque in _TAG.findall(if_none_match[:_LONGEST]):
        bare, marked, of = opaque.partition(MARK)
        if not marked or of == variant:
            matched = matched or bool(marked)
            kept.append(f'{weak}"{bare}"')
    return ", ".join(kept) or None, matched
