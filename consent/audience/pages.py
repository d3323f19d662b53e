"""From a page to the value that it is counted by: its route, ``/users/<name>``, unless the site says that its path is.

Paths name people, orders, searches. So a path is counted only where the policy has a pattern for it, and never what
comes after it.

Source: RFC 3986 §3.3 (path), §3.4 (query).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..policy.pattern import fits
from .view import OTHER

#: Characters of a page that are kept.
LONGEST = 200
_END = re.compile(r"[?#]")
_HARMLESS = "\N{REPLACEMENT CHARACTER}"


def page_value(path: str, route: str, patterns: Iterable[str]) -> str:
    """What a page is counted by: 1 to 200 characters, all of them visible.

    :param path: As the visitor asked for it, decoded.
    :param route: The rule that answered it; empty if none did: such a page is ``other``, and anybody can make one up.
    :param patterns: Paths that are counted themselves; with a ``*`` at the end, all that begin so.
    """
    if not route:
        return OTHER
    path = _END.split(path, maxsplit=1)[0]
    if any(fits(pattern, path) for pattern in patterns):
        return _visible(path)
    return _visible(route)


def _visible(text: str) -> str:
    text = text[:LONGEST]
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else _HARMLESS for letter in text)
