"""The current visitor, for views and templates: ``from flask_consentry import consent``."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Response, current_app, has_request_context, make_response, request
from markupsafe import Markup

from consent import Decision

from . import counted, render, subjects
from .state import KEY as STATE
from .state import State
from .visit import KEY, Visit

P = ParamSpec("P")
R = TypeVar("R")


def state() -> State:
    """The current application's state.

    :raises RuntimeError: the application has no ``Consentry``.
    """
    found = current_app.extensions.get(STATE)
    if not isinstance(found, State):
        raise RuntimeError("this application has no Consentry extension; call Consentry(app) or init_app(app)")
    return found


def visit() -> Visit:
    """The current request's visitor; undecided where a request never passed the gate, as in some tests."""
    environ = request.environ
    if KEY not in environ:
        environ[KEY] = Visit(state(), environ)
    found: Visit = environ[KEY]
    found.environ = environ  # a middleware may have handed on a copy
    return found


class CurrentConsent:
    """What the visitor of the current request allows. Asking makes the response private to this visitor.

    With ``CONSENT_CACHE_MODE = "static"``, a page that all visitors share is told that nothing is allowed, whoever asks
    for it, and stays shared; see :meth:`make_private`.
    """

    def allows(self, purpose: str | None = None, *, service: str | None = None) -> bool:
        """Whether *purpose*, or one *service* by name, may run in this request. Undecided means no.

        :raises UnknownPurpose, UnknownService: the policy does not declare it, a mistake in the calling code.
        :raises TypeError: neither or both are named.
        """
        if (purpose is None) == (service is None):
            raise TypeError("name a purpose or a service, one of the two")
        policy, current = state().policy, visit()
        current.consulted = True
        if service is not None:
            return policy.service(service).id in policy.services_on(current.grants.services, current.path)
        assert purpose is not None  # noqa: S101  # told to mypy; checked above
        policy.require_purpose(purpose)
        return purpose in current.grants.purposes

    @property
    def decision(self) -> Decision | None:
        """What the visitor decided and still stands, or ``None``."""
        current = visit()
        current.consulted = True
        return current.decision

    @property
    def variant(self) -> str:
        """A short text that differs wherever :meth:`allows` may: for the key under which a site keeps what it made.

        Not enough for the question and for placeholders, which are made for one visitor; see :attr:`shared`.
        """
        current = visit()
        current.consulted = True
        return current.grants.variant

    @property
    def subject(self) -> str | None:
        """What ties this visitor's answers together, as text: 16 random bytes, no name and no address.

        Keep it beside a subscription, for :meth:`email_beacon` and :meth:`link`. ``None`` for who allowed nothing, and
        on a page that all visitors share.
        """
        found = self.decision
        return subjects.to_text(found.subject) if found and found.subject else None

    def email_beacon(self, campaign: str, subject: str | None) -> Markup:
        """An ``<img>`` for an e-mail that counts that it was opened, or nothing where its reader does not allow that.

        Works outside a request as well, in an application context.

        :param campaign: One that ``[audience.mail]`` declares.
        :param subject: What :attr:`subject` was when its reader answered; ``None``: nobody knows whether they allow it.
        :raises PolicyError: the campaign is not declared.
        :raises ValueError: *subject* is something else.
        :raises ConfigError: outside a request, without ``SERVER_NAME``.
        """
        return counted.mail(state(), campaign, subject, now=_now())

    def link(self, id: str, subject: str | None = None) -> str:  # noqa: A002  # as the policy calls it
        """The absolute URL of a link that counts who follows it; where that is not allowed, of where it leads.

        Works outside a request as well, in an application context.

        :param id: One that ``[audience.links]`` declares.
        :param subject: Whose e-mail it stands in, as for :meth:`email_beacon`; without one, the visitor of the current
            request decides. Outside a request the link is not counted then.
        :raises PolicyError: the link is not declared.
        :raises ValueError: *subject* is something else.
        :raises ConfigError: outside a request, without ``SERVER_NAME``.
        """
        current = None
        if subject is None and has_request_context():
            current = visit()
            current.consulted = True
        return counted.link(state(), current, id, subject, now=_now())

    @property
    def shared(self) -> bool:
        """Whether all visitors share this page (``CONSENT_CACHE_MODE = "static"``), so that it may be kept whole."""
        return visit().shared

    def make_private(self) -> None:
        """Make the response this visitor's own, by the true answer. Call it before anything is asked or rendered."""
        current = visit()
        current.make_private()
        current.consulted = True


def _now() -> datetime:
    return visit().now if has_request_context() else state().clock()


#: The current visitor's consent.
consent = CurrentConsent()


def requires_consent(purpose: str) -> Callable[[Callable[P, R]], Callable[P, R | Response]]:
    """Let a view run only where *purpose* is granted; else answer 403 with a page that offers to allow it.

    Put it below ``@app.route``; above it, it protects nothing::

        @app.route("/live")
        @requires_consent("social")
        def live() -> str: ...

    :raises TypeError: it was written without its purpose, as ``@requires_consent``.
    :raises UnknownPurpose: when called, if the policy does not declare *purpose*.
    """
    if not isinstance(purpose, str):
        raise TypeError('name the purpose: @requires_consent("social")')

    def decorate(view: Callable[P, R]) -> Callable[P, R | Response]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R | Response:
            consent.make_private()  # one page for all would have to be the one that asks
            if consent.allows(purpose):
                allowed: R = current_app.ensure_sync(view)(*args, **kwargs)
                return allowed
            return make_response(render.needs_consent(state(), visit(), purpose), 403)

        return guarded

    return decorate
