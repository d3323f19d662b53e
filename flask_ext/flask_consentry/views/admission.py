"""Who may see what is not for visitors: whoever ``CONSENT_AUTHORIZE`` says, and nobody without it."""

from __future__ import annotations

import logging
from http import HTTPStatus
from inspect import isawaitable

from flask import Response as FlaskResponse
from flask import current_app
from werkzeug.wrappers import Response

from ..state import State
from .problems import never_stored

_LOG = logging.getLogger("consentry")


def refused(state: State, action: str) -> FlaskResponse | None:
    """The answer to whom the page of *action* is not shown: there is none without ``CONSENT_AUTHORIZE``, else 403."""
    if state.settings.authorize is None:
        said, status = "not found\n", HTTPStatus.NOT_FOUND
    elif not may(state, action):
        said, status = "forbidden\n", HTTPStatus.FORBIDDEN
    else:
        return None
    return never_stored(FlaskResponse(said, status, content_type="text/plain; charset=utf-8"))


def may(state: State, action: str) -> bool:
    """Whether the sender of the current request may do *action*. A failure of the site's own function means no.

    So does what is no answer: a response is true, whatever it says, and so is a coroutine that nobody awaited.
    """
    authorize = state.settings.authorize
    if authorize is None:
        return False
    try:
        answer = current_app.ensure_sync(authorize)(action)
        if isawaitable(answer) or isinstance(answer, Response | tuple | str):
            getattr(answer, "close", lambda: None)()
            raise TypeError(type(answer).__name__)  # noqa: TRY301  # handled like every other failure of this function
        return bool(answer)
    except Exception as error:  # noqa: BLE001  # the site's code, and abort() among what it may do
        _LOG.warning("CONSENT_AUTHORIZE refused %s: %s", action, type(error).__name__)
        return False
