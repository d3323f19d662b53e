"""Where browsers are asked to send what the policy stops, or would stop.

The address is a path of the site itself, the same for every visitor. Every policy names it as ``report-uri``. On
documents over HTTPS the same policy stands there once more, report-only, with ``report-to``, for browsers that know
only the Reporting API. It does not stand in the first: Chromium then uses nothing else, tells up to a minute late, and
tells nothing of frames without an address (``srcdoc``), of workers, and of pages over plain HTTP.

Sources: CSP Level 3 §6.5 (report-uri, report-to); W3C Reporting API (Reporting-Endpoints).
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from ..discovery import Kind, Sighting, page_of
from ..discovery.sighting import COOKIE_NAME, quoted

_GROUP = "consentry"
_REPORT_ONLY = "Content-Security-Policy-Report-Only"
#: A longer policy is not sent twice: proxies take some kB of headers and no more.
_LONGEST_TWICE = 1_000

#: How a cookie came that a response header sets.
HEADER = "set-cookie"


class Reports(enum.StrEnum):
    """When reports are asked for and counted."""

    #: In the mode ``report`` only.
    REPORT = "report"
    #: In the mode ``enforce``, too.
    ALWAYS = "always"
    #: In no mode.
    NEVER = "never"


class Reporting:
    """Adds the address of reports to headers, and hands on what the server itself saw.

    :param path: Path of the endpoint, below the application's mount point.
    :param note: Takes a sighting and the time.
    """

    def __init__(self, path: str, note: Callable[[Sighting, datetime], None]) -> None:
        self._path = path
        self._note = note
        self._addresses = lru_cache(maxsize=64)(self._written)

    def headers(self, name: str, policy: str, *, root: str, endpoints: bool) -> list[tuple[str, str]]:
        """The header *name* with *policy*, and what else browsers need to report on it.

        :param root: Where the application is mounted, as in ``SCRIPT_NAME``; empty for a whole host.
        :param endpoints: Whether this is a document over HTTPS.
        """
        uri, endpoint = self._addresses(root)
        made = [(name, policy + uri)]
        if endpoints and len(policy) <= _LONGEST_TWICE:
            made += [(_REPORT_ONLY, f"{policy}; report-to {_GROUP}"), ("Reporting-Endpoints", endpoint)]
        return made

    def cookie(self, name: str, *, path: str, now: datetime) -> None:
        """Hand on that the page at *path* set a cookie that nobody declared."""
        if COOKIE_NAME.fullmatch(name):
            self._note(Sighting(Kind.COOKIE, name, HEADER, page_of(quoted(path))), now)

    def _written(self, root: str) -> tuple[str, str]:
        # A semicolon or a comma would end the directive or the header.
        path = quoted(root.rstrip("/")).replace(";", "%3B").replace(",", "%2C") + self._path
        return f"; report-uri {path}", f'{_GROUP}="{path}"'
