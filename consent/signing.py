"""Short signed values: who made them, for which use, unchanged. Without a clock of their own, and not secret, but for
what a :class:`Cover` hides.

HMAC-SHA256 through itsdangerous, whose defaults (SHA-1, ``django-concat``) are not used. Each use and each site has its
own salt, so that a token of one never passes as another's. Expiry is the caller's: it is part of the payload.

Source: RFC 2104 (HMAC), RFC 4648 §5 (URL-safe base64, here without padding); Bellare and Namprempre, Authenticated
Encryption, ASIACRYPT 2000 (what is hidden is signed afterwards).
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence

from itsdangerous import Signer
from itsdangerous.signer import SigningAlgorithm

from .errors import TokenError

#: Longest value that is looked at, in characters: a cookie's own limit (RFC 6265 §6.1).
LONGEST = 4096


#: From the URL-safe alphabet to the plain one.
_PLAIN = bytes.maketrans(b"-_", b"+/")


def _decode(text: bytes) -> bytes:
    """Base64 without its padding; what follows a complete text is not looked at."""
    return binascii.a2b_base64(text.translate(_PLAIN) + b"==")


class _Hmac(SigningAlgorithm):
    """HMAC-SHA256 that sets a key up once and copies it for each value: a third of the time of the library's own."""

    def __init__(self) -> None:
        self._keyed: dict[bytes, hmac.HMAC] = {}

    def get_signature(self, key: bytes, value: bytes) -> bytes:
        if key not in self._keyed:
            self._keyed[key] = hmac.new(key, digestmod="sha256")
        made = self._keyed[key].copy()
        made.update(value)
        return made.digest()

    def verify_signature(self, key: bytes, value: bytes, sig: bytes) -> bool:
        return hmac.compare_digest(sig, self.get_signature(key, value))


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
        self._signer = Signer(
            [key.encode() if isinstance(key, str) else key for key in keys],
            salt=f"consentry.{use}.v1:{site}",
            key_derivation="hmac",
            digest_method=hashlib.sha256,
            algorithm=_Hmac(),
        )
        self._verify = self._signer.algorithm.verify_signature
        # Derived once; the library's own unsign() derives them at every value.
        self._keys = [self._signer.derive_key(key) for key in reversed(self._signer.secret_keys)]

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
            encoded, _, signature = value.encode("ascii").rpartition(b".")
            signed = _decode(signature)
            for key in self._keys:
                if self._verify(key, encoded, signed):
                    return _decode(encoded)
        except (UnicodeEncodeError, binascii.Error):
            pass
        raise TokenError("not signed with a known key for this use")


class Cover:
    """Signs as a :class:`Seal` does, and hides a part from whoever sees the value: a log, a proxy, a neighbour.

    The part is combined with HMAC-SHA256 of the rest, under a key for this alone; then all of it is signed. Two values
    of the same part have nothing in common.

    >>> cover = Cover(["old key", "new key"], site="example", use="mail")
    >>> cover.open(cover.close(b"spring", b"somebody", salt=bytes(9)))
    (b'spring', b'somebody')

    :param keys: Oldest to newest: the last signs and hides, all are accepted.
    :raises ValueError: there is no key, or an empty one.
    """

    def __init__(self, keys: Sequence[str | bytes], *, site: str, use: str) -> None:
        if not keys:
            raise ValueError("a cover needs at least one key")
        self._layers = [
            (Seal([key], site=site, use=use), _hiding(key, f"consentry.{use}.cover.v1:{site}")) for key in keys
        ]

    def close(self, shown: bytes, hidden: bytes, *, salt: bytes) -> str:
        """*shown*, and *hidden* of at most 32 bytes, as URL-safe ASCII.

        :param salt: 9 fresh random bytes.
        """
        seal, key = self._layers[-1]
        begin = salt + bytes([len(hidden)])
        return seal.close(begin + _combined(hidden, key, begin + shown) + shown)

    def open(self, value: str) -> tuple[bytes, bytes]:
        """What was *shown* and what was *hidden* in a value that this cover closed.

        :raises TokenError: see :meth:`Seal.open`.
        """
        for seal, key in reversed(self._layers):
            try:
                payload = seal.open(value)
            except TokenError:
                continue
            end = _SALT + 1 + payload[_SALT]
            covered, shown = payload[_SALT + 1 : end], payload[end:]
            return shown, _combined(covered, key, payload[: _SALT + 1] + shown)
        raise TokenError("not signed with a known key for this use")


_SALT = 9


def _hiding(key: str | bytes, use: str) -> bytes:
    return hmac.digest(key.encode() if isinstance(key, str) else key, use.encode(), "sha256")


def _combined(part: bytes, key: bytes, rest: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(part, hmac.digest(key, rest, "sha256"), strict=False))
