"""The marker cookie of ``CONSENT_CACHE_MODE = "static"``: it tells a cache whose pages are their own.

It lets nothing run and nobody has to trust it: without it, a visitor gets the locked page that all share, and with a
false one, a private page of what the receipt allows. It says no more than that the visitor allowed something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consent import Decision, Duration
from consent.gate.caching import CacheMode
from consent.grants import runs_in_page

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from .state import State
    from .visit import Visit

#: Something that is granted runs in the page itself.
IN_PAGE = "1"
#: Frames or widgets are granted, and by a form that no script sent: so no script will open them in a page for all.
BY_FORM = "2"


def stands(visit: Visit) -> bool:
    """Whether the marker that came with a request is still right."""
    return visit.marker in _fitting(visit)


def put(response: Response, state: State, visit: Visit, *, by_form: bool | None = None) -> None:
    """Give *response* the marker that the visitor needs; the gate deletes one that is no longer right.

    :param by_form: Whether the visitor has just answered by a form that no script sent; ``None``: has not just
        answered, so that a marker that stands is left as it is.
    """
    decision, fitting = visit.decision, _fitting(visit)
    if state.settings.cache_mode is not CacheMode.STATIC or decision is None:
        return
    if by_form is None and visit.marker in fitting:
        return
    if IN_PAGE in fitting:
        visit.marker = IN_PAGE
    elif BY_FORM in fitting and (by_form or visit.marker == BY_FORM):
        visit.marker = BY_FORM
    else:
        return
    session = decision.duration is Duration.SESSION
    response.set_cookie(
        state.marker,
        visit.marker,
        max_age=None if session else decision.valid_until - visit.now,
        domain=state.settings.cookie_domain,
        secure=visit.secure,
        httponly=True,
        samesite="Lax",
    )


def _fitting(visit: Visit) -> tuple[str, ...]:
    """The values that a marker of this visitor may have."""
    decision: Decision | None = visit.decision
    if decision is None:
        return ()
    if runs_in_page(visit.state.policy, visit.grants):
        return (IN_PAGE, BY_FORM)
    return (BY_FORM,) if decision.grants_anything else ()
