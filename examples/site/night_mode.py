"""Whether this visitor sees the red night-vision colours, and how that is carried from page to page.

With consent to preferences it is a cookie, set in app.py. Without, it is ``?night=on`` in the address:
nothing is stored, the site's own links carry it along, and it ends with the visit.
"""

from __future__ import annotations

from typing import Any

from flask import has_request_context, request

from flask_consentry import consent

COOKIE = "night_mode"


def is_on() -> bool:
    """Whether to show the red colours in this request."""
    # The cookie may be older than the answer: a visitor who took consent back is not to be recognised by it.
    remembered = consent.allows("preferences") and request.cookies.get(COOKIE) == "on"
    return remembered or request.args.get("night") == "on"


def carry_in_links(_endpoint: str, values: dict[str, Any]) -> None:
    """Add ``night=on`` to every link of the site, if this page’s address has it."""
    if has_request_context() and request.args.get("night") == "on":
        values.setdefault("night", "on")
