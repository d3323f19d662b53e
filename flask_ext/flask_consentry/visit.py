"""One request's visitor: the receipt it came with and what that allows, worked out when first asked.

Lazy for two reasons: most responses never ask, and by then the site's ProxyFix has put the true scheme and address into
the environ, whichever of the two wraps the other. Anything odd makes the visitor undecided; nothing in here raises, and
nothing in here touches a database.
"""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from consent import Decision, Grants, Signals, allowed, pending, signals
from consent.gate import caching
from consent.gate.headers import Mode

from .state import Standing, State

_LOG = logging.getLogger("consentry")

#: Where a request's visit stands in its WSGI environ.
KEY = "consentry.visit"


class Visit:
    """The visitor of one request, a :class:`~consent.gate.headers.Visitor`.

    :param environ: The request's WSGI environ as it was when it reached the gate; see :meth:`enter`.
    """

    __slots__ = ("_decision", "_now", "_standing", "consulted", "environ", "revalidates", "state", "wraps")

    def __init__(self, state: State, environ: dict[str, Any]) -> None:
        self.state = state
        self.environ = environ
        self.consulted = False
        self.revalidates = False
        self.wraps: str | None = None
        self._now: datetime | None = None
        self._standing: Standing | None = None
        self._decision: Decision | None = None

    def enter(self, environ: dict[str, Any]) -> None:
        """Go on with the environ that the application sees, and show it only entity tags of the present variant.

        A document is revalidated by such a tag and by nothing else: an unmarked tag or a date would bring back a page
        that was cached before the gate stood here.
        """
        self.environ = environ
        tags = environ.get("HTTP_IF_NONE_MATCH")
        if tags is None and "HTTP_IF_MODIFIED_SINCE" not in environ:
            return
        kept, self.revalidates = caching.unmark(tags, self.grants.variant) if tags is not None else (None, False)
        if self._is_navigation and not self.revalidates and self.state.gate.mode is Mode.ENFORCE:
            kept = None
            environ.pop("HTTP_IF_MODIFIED_SINCE", None)
        environ.pop("HTTP_IF_NONE_MATCH", None)
        if kept is not None:
            environ["HTTP_IF_NONE_MATCH"] = kept

    @property
    def now(self) -> datetime:
        """The time of this request."""
        if self._now is None:
            self._now = self.state.clock()
        return self._now

    @property
    def secure(self) -> bool:
        """Whether it came over HTTPS, as the site sees it."""
        return bool(self.environ.get("wsgi.url_scheme") == "https")

    @property
    def host(self) -> str:
        """The ``Host`` header."""
        return str(self.environ.get("HTTP_HOST", ""))

    @property
    def path(self) -> str:
        """The URL path that was asked for, mount point included."""
        return str(self.environ.get("SCRIPT_NAME", "")) + str(self.environ.get("PATH_INFO", ""))

    @property
    def cookie_header(self) -> str:
        """The ``Cookie`` header."""
        return str(self.environ.get("HTTP_COOKIE", ""))

    @property
    def signals(self) -> Signals:
        """What the browser asks for."""
        return signals.read(self.environ)

    @property
    def receipt(self) -> str | None:
        """The receipt cookie as it came; ``None`` if there is none, or more than one."""
        header: str = self.environ.get("HTTP_COOKIE", "")
        prefix = self.state.cookie_name(secure=self.secure) + "="
        at = header.find(prefix)
        if at < 0:
            return None
        if header.find(prefix, at + 1) >= 0 or (at and header[at - 1] not in " ;"):
            found = [pair.strip() for pair in header.split(";")]
            found = [pair for pair in found if pair.startswith(prefix)]
            return found[0].removeprefix(prefix) if len(found) == 1 else None
        end = header.find(";", at)
        return header[at + len(prefix) : end if end >= 0 else None].strip()

    @property
    def decision(self) -> Decision | None:
        """The decision that stands now, or ``None``."""
        if self._decision is None and self.standing.receipt is not None:
            self._decision = self.state.receipts.decision(self.standing.receipt)
        return self._decision

    @property
    def grants(self) -> Grants:
        """What may run."""
        return self.standing.grants

    def adopt(self, decision: Decision) -> None:
        """Go on as a visitor who has just decided this: the response to an answer is gated by it."""
        self._decision = decision
        self._standing = Standing(allowed(self.state.policy, decision, self.signals))

    @property
    def asks(self) -> tuple[str, ...]:
        """The purposes to ask about on this page."""
        return pending(self.state.policy, self.decision, now=self.now)

    @property
    def standing(self) -> Standing:
        """The visitor's decision and what it allows, read once."""
        if self._standing is None:
            gpc = "HTTP_SEC_GPC" in self.environ and self.signals.gpc
            found = self.state.undecided(gpc)
            try:
                value = self.receipt
                if value is not None:
                    read = self.state.standing(value, gpc)
                    if read.begin <= self.now.timestamp() < read.end:
                        found = read
            except Exception as error:  # noqa: BLE001  # a failure of ours opens nothing and breaks no page
                _LOG.error("a visitor counts as undecided because of a failure: %s", type(error).__name__)
            self._standing = found
        return self._standing

    @property
    def _is_navigation(self) -> bool:
        destination = self.environ.get("HTTP_SEC_FETCH_DEST")
        if destination is not None:
            return destination in ("document", "iframe", "frame", "embed", "object")
        return str(self.environ.get("HTTP_ACCEPT", "")).startswith("text/html")
