"""Consent for websites: ask, enforce, prove. The core, without a web framework, a global clock, key or request."""

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
