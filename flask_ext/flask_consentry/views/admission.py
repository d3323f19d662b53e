"""Who may see what is not for visitors: whoever ``CONSENT_AUTHORIZE`` says, and nobody without it."""

from __future__ import annotations

import logging
from inspect import isawaitable

from flask import current_app
from werkzeug.wrappers import Response

from ..state import State

_LOG = logging.getLogger("consentry")


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
