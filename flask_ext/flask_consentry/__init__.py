"""Cookie consent and tracking governance for Flask sites: ask, enforce, prove."""

from .current import consent, requires_consent
from .extension import Consentry

__all__ = ["Consentry", "consent", "requires_consent"]
