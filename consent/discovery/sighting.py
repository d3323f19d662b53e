"""One thing that was seen on a page, as much of it as may be kept: a host or a name, how it came, and the page's path.

No address, query, fragment, referrer, user agent or code sample has a place in it, and what in a path or a name looks
like a person's address, a number or a token is cut out.
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

#: Longest name that is kept.
LONGEST_NAME = 100

#: Names as browsers and servers write them (RFC 6265bis §4.1.1), and no longer ones.
COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")

_SAFE = re.compile(r"/[!-~]*")
_PERSONAL = re.compile(r"@|%40|\d{9}|[0-9a-f]{16}", re.IGNORECASE)
#: Letters of both cases and digits, as in base64: 20 or more.
_TOKEN = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])[\w.~=-]{20,}", re.ASCII)
_PARAMETERS = re.compile(r"[;?#]")

#: The first word of a name, and what parts it from text that may be anybody's.
_HEAD = re.compile(r"[^0-9A-Za-z]*[0-9A-Za-z]+[^\s:=?#&,;@/|(\[{<%]*")
_SEPARATED = re.compile(r"(?:%[0-9a-f]{2}|[^%]).", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(r"(?:@|%40)[^@*]")
#: Of an address, what stands before it, as in ``uid_jo.doe@example.org``.
_BEFORE = re.compile(r"[^0-9A-Za-z]*[0-9A-Za-z]+_")
#: What is rather made than written: five digits, seven with dots or dashes between, hexadecimal, base64.
_MADE = re.compile(
    r"\d{5}|\d(?:[.-]?\d){6}|(?=[a-f]*\d)[0-9a-f]{8}|(?=(?:[a-z]*\d){3})[0-9a-z]{12}|(?=(?:[a-z]*\d){2})[0-9a-z]{16}"
    r"|(?=[a-z]*\d)[0-9a-z]{24}|eyJ[\w-]{8}",
    re.IGNORECASE | re.ASCII,
)


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

    :param name: For a host its origin, ``https://cdn.example.com``; else the cookie's, key's or database's name, cut
        by :func:`name_of`, whoever tells it.
    :param by: CSP directive that the load falls under; ``set-cookie`` for a response header, ``script`` in the browser.
    :param page: Path of the page, at most 200 characters; empty if it is not known or one of too many.
    """

    kind: Kind
    name: str
    by: str
    page: str

    def __post_init__(self) -> None:
        if self.kind is not Kind.HOST:
            object.__setattr__(self, "name", name_of(self.name))


def name_of(name: str) -> str:
    """The *name* of a cookie, key or database, cut down to what is kept: all of it, or its beginning and ``*``.

    >>> name_of("user:Jo Smith"), name_of("_hjSession_1234567"), name_of("_pk_id.3.1fff")
    ('user:*', '_hjSession_*', '_pk_id.3.1fff')
    """
    kept = name = name[: LONGEST_NAME + 1]  # what was longer is still too long, and no pattern below sees more
    if (head := _HEAD.match(name)) and _SEPARATED.match(name, head.end()):
        kept = name[: head.end() + 1]
        if _ADDRESS.match(name, head.end()):
            before = _BEFORE.match(name)
            kept = before[0] if before else ""
    if made := _MADE.search(kept):
        kept = kept[: made.start()]
    return name if kept == name else f"{kept}*"


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
