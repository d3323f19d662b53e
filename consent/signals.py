"""Preferences that a browser sends with every request.

Source: W3C Global Privacy Control, §"The Sec-GPC Header Field for HTTP Requests": only the exact value ``1`` counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Signals:
    """What the browser asks for. *gpc*: do not sell or share what you learn of me."""

    gpc: bool = False


_NONE, _GPC = Signals(), Signals(gpc=True)


def read(environ: Mapping[str, Any]) -> Signals:
    """The signals of a WSGI request.

    A server joins repeated headers with commas; the standard counts several as one ``1`` if any is exactly ``1``.
    """
    value = environ.get("HTTP_SEC_GPC")
    if value is None:
        return _NONE
    return _GPC if "1" in (part.strip() for part in str(value).split(",")) else _NONE
