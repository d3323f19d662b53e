"""The Flask extension object. Wiring only: every rule lives in :mod:`consent`."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import click
from flask import Flask, request

from consent import ConfigError, StoreError, policy
from consent.audience.counters import Counters

from . import aside, beacons, jinja, jobs, publishing
from .config import Settings
from .kinds import Clock, Entropy
from .ledger import Ledger
from .state import KEY, build
from .views import blueprint, well_known
from .visit import KEY as VISIT
from .wsgi import Gate

_LOG = logging.getLogger("consentry")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Consentry:
    """Ask for consent, enforce and record the answer in a Flask application.

    Holds no application, so that one instance serves any number of them::

        consentry = Consentry()

        def create_app() -> Flask:
            app = Flask(__name__)
            app.config["SECRET_KEY"] = ...
            consentry.init_app(app)
            return app

    Config is read when :meth:`init_app` runs; :class:`~flask_consentry.config.Settings` lists the keys.

    :param app: Initialise this application now.
    :param clock: Returns the current time, aware. Replace it in tests.
    :param entropy: Returns that many random bytes. Replace it in tests.
    """

    def __init__(self, app: Flask | None = None, *, clock: Clock = _utc_now, entropy: Entropy = os.urandom) -> None:
        self._clock, self._entropy = clock, entropy
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Read config and policy, then add the gate, the routes and the template functions to *app*.

        :raises RuntimeError: *app* already has a ``Consentry``.
        :raises ConfigError: a ``CONSENT_*`` setting is wrong, or the policy too long.
        :raises PolicyError: the policy file is missing or wrong.
        """
        if KEY in app.extensions:
            raise RuntimeError(
                "this application already has a Consentry extension: call Consentry(app) or init_app once"
            )
        settings = Settings.from_app(app)
        declared = policy.load(settings.policy)
        state = build(app, settings, declared, clock=self._clock, entropy=self._entropy, necessary=_necessary(app))
        publishing.check(state)
        _check(state.ledger)
        app.extensions[KEY] = state
        background = app.extensions[jobs.KEY] = jobs.background(app, state)
        wake = background.wake if settings.background else bool
        application = beacons.with_shortcut(app.wsgi_app, settings.url_prefix)
        app.wsgi_app = Gate(application, state, aside.renderer(app, state), wake)  # type: ignore[method-assign]  # Flask's documented way to add middleware
        app.before_request_funcs.setdefault(None, []).insert(0, _enter)
        app.register_blueprint(blueprint(), url_prefix=settings.url_prefix)
        app.register_blueprint(well_known())
        jinja.install(app)
        atexit.register(_last_flush, state.counters, self._clock)
        if state.tally is not None:
            atexit.register(state.tally.flush)


def _last_flush(counters: Counters, clock: Clock) -> None:
    """Holds on to the counters alone, so that the end of the process keeps no application alive."""
    counters.flush(now=clock())


def _check(ledger: Ledger) -> None:
    """Stop the start where records could never be kept; go on where the store is only away for now, or only the spool.

    :raises ConfigError: the store can be reached and cannot be used, or the file of the signing keys is wrong.
    """
    commands = set(_commands())
    if "keys" not in commands:  # flask consent keys mends them
        ledger.keys.read()
    if "db" in commands:
        return  # flask consent db makes the tables that are looked for here
    has_spool = _has_spool(ledger)
    try:
        ledger.database.check()
    except StoreError as error:
        if has_spool:
            _LOG.error("%s now: answers wait in the spool", error)
        else:
            _LOG.error("%s now: nothing is recorded until it can be reached", error)


def _has_spool(ledger: Ledger) -> bool:
    """Whether answers can wait on this host; the store may be well, so that the site starts all the same."""
    try:
        ledger.spool.check()
    except ConfigError as error:
        _LOG.error("the spool cannot be used, and nothing would be recorded while the store is away: %s", error)
        return False
    return True


def _commands() -> Iterator[str | None]:
    """Names of the command at the terminal that the application starts for, if it does."""
    context = click.get_current_context(silent=True)
    while context is not None:
        yield context.info_name
        context = context.parent


_CONDITIONS = frozenset({"HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_MATCH", "HTTP_IF_RANGE"})


def _enter() -> None:
    """Before any other code of the application sees the request."""
    environ = request.environ
    visit = environ.get(VISIT)
    if visit is not None:
        visit.entered, visit.environ = True, environ  # a middleware may have handed on a copy
        if not _CONDITIONS.isdisjoint(environ):
            visit.enter(environ)


def _necessary(app: Flask) -> set[str]:
    """Cookies of Flask and of extensions that a site cannot work without and that need no declaration."""
    names = {app.config["SESSION_COOKIE_NAME"]}
    if "flask_login" in sys.modules:
        names.add(app.config.get("REMEMBER_COOKIE_NAME", "remember_token"))
    return names
