"""Cookie consent and tracking governance for Flask sites: ask, enforce, prove."""

from consent import ConfigError, ConsentError, Decision, PolicyError, UnknownPurpose, UnknownService

from .current import consent, requires_consent
from .extension import Consentry

__all__ = [
    "ConfigError",
    "ConsentError",
    "Consentry",
    "Decision",
    "PolicyError",
    "UnknownPurpose",
    "UnknownService",
    "consent",
    "requires_consent",
]
