"""The page beacon: a signed name of a page, and the one picture that answers every hit.

The answer never differs, so that a caller cannot learn from it whether the token was good or what was granted.

Source: EDPB Guidelines 2/2023 on Art. 5(3) ePrivacy Directive (pixels need consent even without a cookie).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence

from ..policy import Policy
from ..signing import Seal

#: A transparent picture of one pixel, 43 bytes (GIF89a).
GIF = b64decode(b"R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
_LONGEST_PAGE = 200


class Beacons:
    """Signs the pages of one site. *keys* as for :class:`~consent.receipt.Receipts`."""

    def __init__(self, policy: Policy, keys: Sequence[str | bytes]) -> None:
        self._seal = Seal(keys, site=policy.site, use="beacon")

    def token(self, page: str) -> str:
        """A token for the URL path *page*, of which 200 characters are kept."""
        return self._seal.close(page[:_LONGEST_PAGE].encode())

    def page(self, token: str) -> str:
        """The page that *token* names.

        :raises TokenError: it was not made here.
        """
        return self._seal.open(token).decode(errors="replace")
