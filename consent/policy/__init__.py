"""What a site declares in ``consent.toml``: the values, the loader, and advice on them."""

from ..lifetime import Lifetime
from .advice import Advice, advise
from .audience import Audience
from .loader import load, parse
from .model import (
    NECESSARY,
    Basis,
    Controller,
    Cookie,
    Embedding,
    Kind,
    Opens,
    Policy,
    Provider,
    Purpose,
    Service,
    Text,
)

__all__ = [
    "NECESSARY",
    "Advice",
    "Audience",
    "Basis",
    "Controller",
    "Cookie",
    "Embedding",
    "Kind",
    "Lifetime",
    "Opens",
    "Policy",
    "Provider",
    "Purpose",
    "Service",
    "Text",
    "advise",
    "load",
    "parse",
]
