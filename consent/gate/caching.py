"""Responses that differ between visitors, and what caches and browsers may keep of them.

A page that shows what was granted must never come out of a cache for somebody who did not grant it, nor for the same
visitor after a withdrawal. So it is private, revalidated, and its entity tag carries the visitor's *variant*: an
unchanged tag would let a 304 bring the granted page back.

Source: RFC 9111 §4 (reuse), §5.2 (Cache-Control); RFC 9110 §8.8.3 (ETag), §12.5.5 (Vary), §13.1.2 (If-None-Match).
"""

from __future__ import annotations

import re

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
