"""The receipt code: what lets a visitor see, take back or erase a choice from another device.

Who has the code is believed: it holds the subject that ties a visitor's records together, and the site's signature, and
nothing else. No time, no number of a record, nothing that was decided; so it is the same whenever it is asked for.

Source: GDPR Art. 11(2), Art. 12(2) (rights of visitors whom the site cannot identify by itself).
"""

from __future__ import annotations

import re

from .errors import TokenError
from .signing import Seal

#: Longest text that is looked at, spaces and line breaks of a copy included.
LONGEST = 200
_FORMAT = b"\x01"
_SUBJECT_SIZE = 16
_SPACE = re.compile(r"\s+")


def write(seal: Seal, subject: bytes) -> str:
    """The code of *subject*, under 120 characters.

    >>> seal = Seal(["key"], site="example", use="claim")
    >>> read(seal, write(seal, bytes(16))) == bytes(16)
    True
    """
    return seal.close(_FORMAT + subject)


def read(seal: Seal, code: str) -> bytes:
    """The subject of *code*, which may have been broken into lines on its way.

    :raises TokenError: it is none of this site's. What is wrong with it is not told.
    """
    if len(code) > LONGEST:
        raise TokenError("not a receipt code of this site")
    payload = seal.open(_SPACE.sub("", code))
    if payload[:1] != _FORMAT or len(payload) != 1 + _SUBJECT_SIZE:
        raise TokenError("not a receipt code of this site")
    return payload[1:]
