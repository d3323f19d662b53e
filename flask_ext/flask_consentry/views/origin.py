"""Whether a request comes from the site's own pages, and where it may be sent back to.

Sources: W3C Fetch Metadata Request Headers; RFC 6454 (Origin); OWASP "Unvalidated Redirects and Forwards".
"""

from __future__ import annotations

import enum

from flask import Request

from ..render import home


class Sender(enum.Enum):
    """What a request's headers say of the page that made it."""

    OURS = "ours"
    FOREIGN = "foreign"
    #: Neither header says, as from old browsers, from tools, and from a site without HTTPS that sends no referrers:
    #: a grant has to be vouched for by its signed notice token.
    UNKNOWN = "unknown"


def sender(request: Request) -> Sender:
    """Who made *request*: ``Sec-Fetch-Site`` decides, else ``Origin``.

    A site with ``Referrer-Policy: no-referrer`` sends ``Origin: null``, which is why the first header comes first.
    """
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return Sender.OURS if site in ("same-origin", "none") else Sender.FOREIGN
    origin = request.headers.get("Origin")
    if origin in (None, "null"):
        return Sender.UNKNOWN
    return Sender.OURS if origin == f"{request.scheme}://{request.environ.get('HTTP_HOST', '')}" else Sender.FOREIGN


def safe_next(path: str) -> str:
    """*path* if it plainly stays on the site, else the site's first page.

    One slash and then no other slash or backslash, and no control character or space: browsers drop tabs and newlines
    from a URL before they read it.
    """
    plain = path.startswith("/") and path[1:2] not in ("/", "\\") and path.isascii()
    return path if plain and "\\" not in path and all(" " < char < "\x7f" for char in path) else home()
