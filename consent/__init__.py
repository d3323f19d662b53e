"""Consent for websites: ask, enforce, prove. The core, without a web framework, a global clock, key or request.

The names below are looked up when first asked for (PEP 562), so that a part can be used without what the others need:
``import consent.proof`` loads neither schemas nor a database.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .decision import Answer, Decision, Duration, Method, decide, pending
    from .errors import (
        AnswerError,
        ConfigError,
        ConsentError,
        PolicyError,
        Problem,
        ReceiptError,
        StoreError,
        TokenError,
        UnknownPurpose,
        UnknownService,
    )
    from .grants import Grants, allowed
    from .lifetime import Lifetime
    from .policy import NECESSARY, Policy
    from .signals import Signals

__all__ = [
    "NECESSARY",
    "Answer",
    "AnswerError",
    "ConfigError",
    "ConsentError",
    "Decision",
    "Duration",
    "Grants",
    "Lifetime",
    "Method",
    "Policy",
    "PolicyError",
    "Problem",
    "ReceiptError",
    "Signals",
    "StoreError",
    "TokenError",
    "UnknownPurpose",
    "UnknownService",
    "allowed",
    "decide",
    "pending",
]

_ROOMS = {
    "decision": ("Answer", "Decision", "Duration", "Method", "decide", "pending"),
    "grants": ("Grants", "allowed"),
    "lifetime": ("Lifetime",),
    "policy": ("NECESSARY", "Policy"),
    "signals": ("Signals",),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}


if not TYPE_CHECKING:  # to a type checker, a name that is not above is a mistake

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value: object = getattr(import_module(f".{_ROOM_OF.get(name, 'errors')}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
