"""One thing that was seen on a page, as much of it as may be kept: a host or a name, how it came, and the page's path.

No address, query, fragment, referrer, user agent or code sample has a place in it, and what in a path looks like a
person's address, a number or a token is cut out.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from urllib.parse import quote

#: Longest path that is kept, in characters.
LONGEST_PAGE = 200

#: Stands for a part of a path that may name a person or open a door.
CUT = "…"

#: Names as browsers and servers write them (RFC 6265bis §4.1.1), and no longer ones.
COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")

_SAFE = re.compile(r"/[!-~]*")
_PERSONAL = re.compile(r"@|%40|\d{9}|[0-9a-f]{16}", re.IGNORECASE)
#: Letters of both cases and digits, as in base64: 20 or more.
_TOKEN = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[\w.~=-]{20,}", re.ASCII)
_PARAMETERS = re.compile(r"[;?#]")


class Kind(enum.StrEnum):
    """What was seen."""

    #: An origin that something was loaded from, or a keyword such as ``eval``.
    HOST = "host"
    COOKIE = "cookie"
    #: A key of local or session storage.
    STORAGE = "storage"
    #: A database of IndexedDB.
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Sighting:
    """See the module.

    :param name: For a host its origin, ``https://cdn.example.com``; else the cookie's, key's or database's name.
    :param by: CSP directive that the load falls under; ``set-cookie`` for a response header, ``script`` in the browser.
    :param page: Path of the page, at most 200 characters; empty if it is not known or one of too many.
    """

    kind: Kind
    name: str
    by: str
    page: str


def page_of(path: str) -> str:
    """The *path* of a URL, as browsers write it, cut down to what is kept; empty if it is not one.

    >>> page_of("/members/jo@example.org/orders")
    '/members/…/orders'
    """
    path = _PARAMETERS.split(path, maxsplit=1)[0]
    if not _SAFE.fullmatch(path):
        return ""
    parts = (CUT if _PERSONAL.search(part) or _TOKEN.fullmatch(part) else part for part in path.split("/"))
    return "/".join(parts)[:LONGEST_PAGE]


def quoted(path: str) -> str:
    """The *path* of a WSGI environ, which was decoded on its way here, as it stands in URLs."""
    return quote(path, safe="/!$&'()*+,:=@~", encoding="latin-1", errors="replace")
