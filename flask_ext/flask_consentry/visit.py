"""One request's visitor: the receipt it came with and what that allows, worked out when first asked.

Lazy for two reasons: most responses never ask, and by then the site's ProxyFix has put the true scheme and address into
the environ, whichever of the two wraps the other. Anything odd makes the visitor undecided, and nothing in here raises.
Nothing touches a database but one look at the revocations every few seconds, and that only with
``CONSENT_BACKGROUND = False``; it is bounded, see :mod:`consent.ledger.revocations`.
"""

from __future__ import annotations

import logging
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any

from consent import Decision, Grants, Signals, allowed, pending, signals
from consent.gate import caching
from consent.gate.caching import CacheMode
from consent.gate.headers import Mode
from consent.standing import Standing, receipt_in

from . import marker
from .state import State

_LOG = logging.getLogger("consentry")

#: Where a request's visit stands in its WSGI environ.
KEY = "consentry.visit"


class Visit:
    """The visitor of one request, a :class:`~consent.gate.headers.Visitor`.

    :param environ: The request's WSGI environ as it was when it reached the gate; see :meth:`enter`.
    """

    __slots__ = (
        "_decision",
        "_mount",
        "_now",
        "_standing",
        "consulted",
        "entered",
        "environ",
        "keys",
        "marker",
        "plain",
        "revalidates",
        "shared",
        "state",
        "wraps",
    )

    def __init__(self, state: State, environ: dict[str, Any]) -> None:
        self.state = state
        self.environ = environ
        #: Whether the application of this gate took the request, and not another one that is mounted beneath the gate.
        self.entered = False
        self._mount = str(environ.get("SCRIPT_NAME", ""))
        self.consulted = False
        self.revalidates = False
        self.wraps: str | None = None
        #: Whether the response is the same for every visitor: no cookie comes with it, of the site's own neither.
        self.plain = False
        self._now: datetime | None = None
        self._standing: Standing | None = None
        self._decision: Decision | None = None
        #: The keys of the forms on this page; see :meth:`new_key`.
        self.keys: list[str] = []
        #: What the marker cookie says; empty without one.
        self.marker = ""
        self.shared = False
        if state.settings.cache_mode is CacheMode.STATIC:
            self.marker = caching.marker_in(self.cookie_header, state.marker)
            self.shared = not self.marker and caching.is_shareable(environ)

    def make_private(self) -> None:
        """Go on with a page for this visitor alone, if it was one for all."""
        if self.shared:
            self.shared = False
            self._standing = None

    def new_key(self) -> str:
        """What a form on this page calls its submission, so that it counts once; none on a page that all share."""
        if self.shared or self.state.gate.mode is not Mode.ENFORCE:
            return ""  # nobody takes it out of a page that a cache of the site's own shows to others
        self.keys.append(urlsafe_b64encode(self.state.entropy(16)).rstrip(b"=").decode())
        return self.keys[-1]

    def enter(self, environ: dict[str, Any]) -> None:
        """Go on with the environ that the application sees, and show it only entity tags of the present variant.

        A document is revalidated by such a tag and by nothing else: an unmarked tag or a date would bring back a page
        that was cached before the gate stood here.
        """
        self.environ = environ
        for name in ("HTTP_IF_MATCH", "HTTP_IF_RANGE"):
            if caching.MARK in environ.get(name, ""):
                environ[name] = caching.unmark(environ[name], self.grants.variant)[0] or '"of another visitor"'
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
    def root(self) -> str:
        """Where the application is mounted; empty for a whole host."""
        return str(self.environ.get("SCRIPT_NAME", "")) if self.entered else self._mount

    @property
    def path(self) -> str:
        """The URL path that was asked for, mount point included."""
        return str(self.environ.get("SCRIPT_NAME", "")) + str(self.environ.get("PATH_INFO", ""))

    @property
    def at_home(self) -> dict[str, Any]:
        """The environ as the application of this gate would see it, whoever took the request."""
        if self.entered:
            return self.environ
        root = self.root
        return self.environ | {"SCRIPT_NAME": root, "PATH_INFO": self.path.removeprefix(root), KEY: self}

    @property
    def cookie_header(self) -> str:
        """The ``Cookie`` header."""
        return str(self.environ.get("HTTP_COOKIE", ""))

    @property
    def signals(self) -> Signals:
        """What the browser asks for; on a page for all, nothing."""
        return Signals() if self.shared else signals.read(self.environ)

    @property
    def receipt(self) -> str | None:
        """The receipt cookie as it came; ``None`` if there is none, or more than one."""
        return receipt_in(self.cookie_header, self.state.cookie_names[self.secure])

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
        grants = allowed(self.state.policy, decision, self.signals)
        unwelcome = tuple(self.state.gate.cookies.unwelcome(self.cookie_header, grants))
        self._decision = decision
        self._standing = Standing(grants, None, 0, 0, unwelcome)

    @property
    def asks(self) -> tuple[str, ...]:
        """The purposes to ask about on this page."""
        return pending(self.state.policy, self.decision, now=self.now)

    @property
    def standing(self) -> Standing:
        """The visitor's decision and what it allows, read once."""
        if self._standing is None:
            environ, state = self.environ, self.state
            if self.shared:
                self._standing = state.standings.everybody
                return self._standing
            gpc = "HTTP_SEC_GPC" in environ and self.signals.gpc
            name = state.cookie_names[environ.get("wsgi.url_scheme") == "https"]
            try:
                self._standing = state.standings.read(
                    environ.get("HTTP_COOKIE"), name, gpc=gpc, now=self.now.timestamp()
                )
            except Exception as error:  # noqa: BLE001  # a failure of ours opens nothing and breaks no page
                _LOG.error("a visitor counts as undecided because of a failure: %s", type(error).__name__)
                self._standing = state.standings.read(None, name, gpc=gpc, now=0)
        return self._standing

    @property
    def outlives(self) -> bool:
        """Whether a service worker is asked for: its policy stands until the file changes, past any withdrawal."""
        return self.environ.get("HTTP_SERVICE_WORKER") == "script"

    @property
    def unwelcome(self) -> tuple[str, ...]:
        """Names of cookies that the browser sent and may not keep; a marker that says too much is one."""
        names = self.standing.unwelcome
        return (self.state.marker, *names) if self.marker and not marker.stands(self) else names

    @property
    def _is_navigation(self) -> bool:
        destination = self.environ.get("HTTP_SEC_FETCH_DEST")
        if destination is not None:
            return destination in ("document", "iframe", "frame", "embed", "object")
        return str(self.environ.get("HTTP_ACCEPT", "")).startswith("text/html")
