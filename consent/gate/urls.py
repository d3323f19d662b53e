r"""Where a URL in a response header leads: to the site itself, to a declared origin, or somewhere else.

Strict on purpose: browsers repair many odd forms (``http:\\host``, a newline in the scheme, full-width letters), and a
gate that tried to guess each repair would miss one. Whatever is not plainly written counts as somewhere else. Not a URL
parser for pages: markup has its own gate.

Sources: CSP Level 3 §6.7.2.8 (matching a host-source), RFC 3986 §4.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ABSOLUTE = re.compile(r"(?:(https?|wss?):)?//([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?(?=[/?#]|\Z)")
_SOURCE = re.compile(r"(?:(https?|wss?)://)?(\*\.)?([a-z0-9.-]+)(?::(\d{1,5}))?")
_RELATIVE = re.compile(r"(?![/\\]{2})[^:\\\x00-\x20\x7f-\uffff]*(?:[/?#][^\\\x00-\x20\x7f-\uffff]*)?")
_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}


def leads_home(url: str, *, host: str) -> bool:
    """Whether *url* plainly stays on the site.

    :param host: The site's own ``Host`` header: name, and port if not the default.
    """
    if _RELATIVE.fullmatch(url):
        return True
    found = _ABSOLUTE.match(url)
    return found is not None and url[found.start(2) : found.end()] == host


def is_covered(url: str, origins: Iterable[str]) -> bool:
    """Whether the absolute *url* plainly lies in one of *origins*, CSP host-sources such as ``https://*.example.com``."""
    found = _ABSOLUTE.match(url)
    if found is None:
        return False
    scheme, host, port = found[1] or "https", found[2], found[3]
    number = int(port) if port else _PORTS[scheme]
    return any(_matches(source, scheme, host, number) for source in origins)


def _matches(source: str, scheme: str, host: str, port: int) -> bool:
    parts = _SOURCE.fullmatch(source)
    if parts is None:
        return False
    wanted, wildcard, name, number = parts.groups()
    secure_enough = wanted in (None, scheme) or scheme == wanted + "s"
    named = host.endswith("." + name) if wildcard else host == name
    return secure_enough and named and port == (int(number) if number else _PORTS[scheme])
