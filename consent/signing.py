"""Short signed values: who made them, for which use, unchanged. Not secret, and without a clock of its own.

HMAC-SHA256 through itsdangerous, whose defaults (SHA-1, ``django-concat``) are not used. Each use and each site has its
own salt, so that a token of one never passes as another's. Expiry is the caller's: it is part of the payload.

Source: RFC 2104 (HMAC), RFC 4648 §5 (URL-safe base64, here without padding).
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from itsdangerous import BadSignature, Signer

from .errors import TokenError

#: Longest value that is looked at, in characters: a cookie's own limit (RFC 6265 §6.1).
LONGEST = 4096


class _KeyedSigner(Signer):
    """Derives each key once instead of at every signature."""

    def derive_key(self, secret_key: str | bytes | None = None) -> bytes:
        key = self.secret_keys[-1] if secret_key is None else secret_key
        cache: dict[str | bytes, bytes] = self.__dict__.setdefault("_derived", {})
        if key not in cache:
            cache[key] = super().derive_key(key)
        return cache[key]


class Seal:
    """Signs and checks byte strings for one *use* on one *site*.

    >>> seal = Seal(["old key", "new key"], site="example", use="receipt")
    >>> seal.open(seal.close(b"yes"))
    b'yes'

    :param keys: Oldest to newest: the last signs, all are accepted.
    :param site: The policy's site id.
    :param use: What the values are for.
    :raises ValueError: there is no key, or an empty one.
    """

    def __init__(self, keys: Sequence[str | bytes], *, site: str, use: str) -> None:
        if not keys or not all(keys):
            raise ValueError("a seal needs at least one key, and no empty one")
        self._signer = _KeyedSigner(
            [key.encode() if isinstance(key, str) else key for key in keys],
            salt=f"consentry.{use}.v1:{site}",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
        )

    def close(self, payload: bytes) -> str:
        """Encode and sign *payload*; URL- and cookie-safe ASCII."""
        return self._signer.sign(urlsafe_b64encode(payload).rstrip(b"=")).decode("ascii")

    def open(self, value: str) -> bytes:
        """The payload of a value that this seal closed.

        :raises TokenError: it is forged, truncated, too long, or was closed for another use or site.
        """
        if len(value) > LONGEST:
            raise TokenError(f"longer than {LONGEST} characters")
        try:
            encoded = self._signer.unsign(value.encode("ascii"))
            return urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
        except (BadSignature, UnicodeEncodeError, binascii.Error):
            raise TokenError("not signed with a known key for this use") from None
