"""What a beacon's hit counts, and the answer to it: of a page and of an e-mail.

The same 43 bytes under the same headers whatever happens: a forged token, a refusal, a store that is away. No cookie
comes with them, neither the site's own nor the deletion of one.

Beacons are answered right above Flask: no session is opened for a pixel, and no function of the site's runs. Where
middleware stands there that is not known here, Flask answers them (:mod:`.views.beacon`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from copy import copy
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from consent import TokenError
from consent.audience.beacons import GIF

from . import subjects
from .asked import asked, is_at_home, is_looked_at
from .counted import with_service
from .state import State
from .visit import KEY, Visit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LOG = logging.getLogger("consentry")

#: Of every answer; the gate adds its own.
HEADERS = (("Content-Type", "image/gif"), ("Content-Length", str(len(GIF))), ("Cache-Control", "no-store"))
_END = ".gif"

Count = Callable[[State, Visit, str], object]


class Shortcut:
    """WSGI middleware that answers beacons, and hands everything else on. To be put beneath the gate.

    Where Flask is to look at the host, it answers them.

    :param flask: Whose ``wsgi_app`` the *application* is.
    :param prefix: ``CONSENT_URL_PREFIX``.
    """

    def __init__(self, application: WSGIApplication, flask: Flask, prefix: str) -> None:
        self.application = application
        self._flask = flask
        self._counts = {f"{prefix}/beacon/": page, f"{prefix}/open/": mail}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request (PEP 3333)."""
        path: str = environ.get("PATH_INFO", "")
        if path.endswith(_END) and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            begin = path[: path.rfind("/") + 1]
            visit: Visit | None = environ.get(KEY)
            token = path[len(begin) : -len(_END)]
            if token and begin in self._counts and visit is not None and not self._flask.config.get("TRUSTED_HOSTS"):
                visit.environ, visit.plain = environ, True
                visit.make_private()
                hit(visit.state, visit, token, self._counts[begin])
                start_response("200 OK", list(HEADERS))
                return [] if environ["REQUEST_METHOD"] == "HEAD" else [GIF]
        return self.application(environ, start_response)


def with_shortcut(application: WSGIApplication, prefix: str) -> WSGIApplication:
    """*application* with a :class:`Shortcut` right above Flask; as it is where that is not to be seen.

    Beneath a ``ProxyFix``, which alone knows the address.
    """
    if getattr(application, "__func__", None) is Flask.wsgi_app:
        return Shortcut(application, application.__self__, prefix)  # type: ignore[attr-defined]  # a bound method
    if type(application) is ProxyFix:
        made = copy(application)
        made.app = with_shortcut(application.app, prefix)
        return made
    return application


def hit(state: State, visit: Visit, token: str, count: Count) -> None:
    """*count* the hit if somebody looks at the picture. Never raises; nobody learns whether it was counted."""
    if not is_looked_at(visit.environ, destination="image"):
        return
    try:
        count(state, visit, token)
    except TokenError:
        pass
    except Exception as error:  # noqa: BLE001  # what it says may hold what was sent
        _LOG.error("a hit was not counted: %s", type(error).__name__)


def page(state: State, visit: Visit, token: str) -> None:
    """Count a page, if it may be counted.

    :raises TokenError: it was not rendered here, or not just now.
    """
    now = visit.now
    said = state.beacons.of_page(token, now=now)
    if is_at_home(visit.environ) and state.seen.first(said.nonce, now=now):
        state.counting.page(
            asked(visit.environ),
            page=said.page,
            campaign=said.campaign,
            grants=with_service(state, visit.grants, said.service),
            decision=visit.decision,
            now=now,
        )


def mail(state: State, visit: Visit, token: str) -> None:
    """Count an e-mail that was opened, if it may be counted: as its reader allows now.

    :raises TokenError: it was not written here, or too long ago.
    """
    now, declared = visit.now, state.policy.audience.mail
    said = state.beacons.of_mail(token, now=now)
    if declared is not None and said.campaign in declared.campaigns:
        granted = subjects.grants(state, said.subject, declared.purpose, now=now)
        state.counting.opened(asked(visit.environ), said.campaign, subject=said.subject, granted=granted, now=now)
