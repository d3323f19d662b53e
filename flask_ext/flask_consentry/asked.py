"""What a request says of who makes it, as far as counting asks: for one moment, and nothing of it is kept."""

from __future__ import annotations

from typing import Any

from consent.audience.counting import Asked

#: What browsers say when they fetch what nobody has asked for yet; a prerendered page, too (W3C Prefetch, HTML).
_AHEAD = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")
_IS_AHEAD = ("prefetch", "prerender", "preview")


def asked(environ: dict[str, Any]) -> Asked:
    """Address, user agent and languages. The address is the connection's, after the site's own ``ProxyFix``.

    :param environ: As the application sees it.
    """
    said = environ.get
    return Asked(said("REMOTE_ADDR"), said("HTTP_USER_AGENT", ""), said("HTTP_ACCEPT_LANGUAGE", ""))


def is_at_home(environ: dict[str, Any]) -> bool:
    """Whether it may be for a page of this site, and not of another, from where no cookie with an objection comes."""
    return environ.get("HTTP_SEC_FETCH_SITE") != "cross-site"


def is_looked_at(environ: dict[str, Any], *, destination: str | None = None) -> bool:
    """Whether somebody gets to see the answer, as far as the request says: it is a ``GET``, and not ahead of its time.

    :param destination: What the browser has to fetch it for, if it says so (``Sec-Fetch-Dest``).
    """
    if environ["REQUEST_METHOD"] != "GET":
        return False
    if destination is not None and environ.get("HTTP_SEC_FETCH_DEST", destination) != destination:
        return False
    ahead = [environ[name].lower() for name in _AHEAD if name in environ]
    return not any(word in said for said in ahead for word in _IS_AHEAD)
