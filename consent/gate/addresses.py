r"""Where a URL in markup leads, read as browsers read it: the site itself, or an origin elsewhere.

Browsers repair URLs: white space, ``http:\\host``, a newline in the scheme, full-width letters, ``%2e``, numbers for IP
addresses. Plain URLs, which are nearly all, are told apart by two expressions; every other one goes through a parser of
the URL Standard. Not for response headers: :mod:`.urls` is stricter there.

Source: WHATWG URL Standard §4.4 (parsing), §4.7 (origin).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import ada_url

#: Has no scheme and no host: a path, a query or a fragment, whatever stands in it.
_STAYS = re.compile(r"/(?![/\\\t\n\r])|[?#]|[^/\\?#:\x00-\x20][^/?#:]*(?:[/?#]|\Z)|\Z")
_PLAIN = re.compile(r"(?:(https?|wss?):)?//([a-z0-9-]+(?:\.[a-z0-9-]+)*)(?=[/?#]|\Z)")
#: What a browser asks another host for.
_NETWORK = frozenset({"http:", "https:", "ws:", "wss:", "ftp:"})

#: An origin that nothing covers.
UNREADABLE = "?"


@dataclass(frozen=True, slots=True)
class Base:
    """What relative URLs of a document start from.

    :param url: Absolute URL of the document, or of its ``<base>``.
    :param home: The site's own host, with its port unless it is the scheme's default.
    :param is_home: Whether *url* lies on *home*.
    """

    url: str
    home: str
    is_home: bool

    @classmethod
    def of_page(cls, scheme: str, host: str) -> Base:
        """The base of a page at the root of the site, given its ``Host`` header."""
        try:
            parsed = ada_url.URL(f"{scheme}://{host}/")
        except ValueError:  # no browser sends such a host
            return cls(f"{scheme}://invalid/", "invalid", True)
        return cls(parsed.href, parsed.host, True)

    def moved(self, href: str) -> Base:
        """The base after ``<base href>``; unchanged where browsers ignore it."""
        try:
            parsed = ada_url.URL(href, self.url)
        except ValueError:
            return self
        if parsed.protocol in ("data:", "javascript:"):
            return self
        return Base(parsed.href, self.home, parsed.host == self.home)


def elsewhere(url: str, base: Base) -> str | None:
    """The origin that *url* leads to, such as ``https://example.com:8443``.

    ``None`` if it stays on the site, is none that browsers can read, or asks no host for anything (``data:``).
    :data:`UNREADABLE` if only its characters are in the way: a browser may know a page's encoding better.
    """
    if base.is_home and _STAYS.match(url):
        return None
    plain = _PLAIN.match(url)
    if plain:
        scheme, host = plain.groups()
        return None if host == base.home else f"{scheme or base.url.partition(':')[0]}://{host}"
    try:
        parsed = ada_url.URL(url, base.url)
    except ValueError:
        return None if url.isascii() else UNREADABLE
    if parsed.protocol not in _NETWORK or parsed.host == base.home:
        return None
    return f"{parsed.protocol}//{parsed.host}"


def absolute(url: str, base: Base) -> str:
    """*url* in full; empty where browsers cannot read it."""
    try:
        return str(ada_url.URL(url, base.url).href)
    except ValueError:
        return ""


def normal(url: str) -> str:
    """An absolute *url* as a URL parser writes it; any other as it is."""
    try:
        return str(ada_url.URL(url).href) if ":" in url else url
    except ValueError:
        return url
