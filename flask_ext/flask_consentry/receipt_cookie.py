"""The receipt cookie in a response: set, or deleted.

Sources: RFC 6265bis §4.1.2 and §4.1.3 (attributes and name prefixes, which a deletion has to repeat).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from consent import Decision, Duration

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from .state import State
    from .visit import Visit


def put(response: Response, state: State, visit: Visit, decision: Decision) -> None:
    """Give *response* the receipt of *decision*."""
    left = decision.valid_until - visit.now
    response.set_cookie(
        state.cookie_names[visit.secure],
        state.receipts.write(decision),
        max_age=None if decision.duration is Duration.SESSION else left,
        domain=state.settings.cookie_domain,
        secure=visit.secure,
        httponly=True,
        samesite="Lax",
    )


def delete(response: Response, state: State, visit: Visit) -> None:
    """Let *response* take the receipt away."""
    response.delete_cookie(
        state.cookie_names[visit.secure],
        domain=state.settings.cookie_domain,
        secure=visit.secure,
        httponly=True,
        samesite="Lax",
    )
