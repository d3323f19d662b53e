"""The page beacon: a signed name of a page, and the one picture that answers every hit.

The answer never differs, so that a caller cannot learn from it whether the token was good or what was granted.

Source: EDPB Guidelines 2/2023 on Art. 5(3) ePrivacy Directive (pixels need consent even without a cookie).
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass

from ..policy import Policy
from ..signing import Seal

#: A transparent picture of one pixel, 43 bytes (GIF89a).
GIF = b64decode(b"R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
_LONGEST_PAGE = 200


@dataclass(frozen=True, slots=True)
class Beacon:
    """One page to count, and the purpose or the service that has to be granted."""

    page: str
    purpose: str
    service: str | None


class Beacons:
    """Signs the pages of one site. *keys* as for :class:`~consent.receipt.Receipts`."""

    def __init__(self, policy: Policy, keys: Sequence[str | bytes]) -> None:
        self._seal = Seal(keys, site=policy.site, use="beacon")

    def token(self, *, page: str, purpose: str, service: str | None = None) -> str:
        """A token for the URL path *page*, of which 200 characters are kept, counted for *service* or *purpose*."""
        return self._seal.close(json.dumps([page[:_LONGEST_PAGE], purpose, service]).encode())

    def read(self, token: str) -> Beacon:
        """What *token* says.

        :raises TokenError: it was not made here.
        """
        page, purpose, service = json.loads(self._seal.open(token))
        return Beacon(page, purpose, service)
