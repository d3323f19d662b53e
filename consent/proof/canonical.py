"""JSON with exactly one spelling for each value, so that a hash of the bytes is a hash of what they say.

RFC 8785 without numbers that are no integers: they round differently elsewhere. Not a reader for other people's JSON:
whatever is spelt otherwise is refused, even where it means the same.

Sources: RFC 8785 (JSON Canonicalization Scheme), RFC 7493 §2.2 (integers that every reader holds exactly).
"""

from __future__ import annotations

import json
from typing import Any

from .errors import FormatError

#: Integers beyond this on either side do not survive readers that use binary64.
LARGEST = 2**53 - 1

#: How deeply lists and dictionaries may stand in one another: every reader has some bound, so this one is written down.
DEEPEST = 32

_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), check_circular=False)


def encode(value: object) -> bytes:
    """*value* in its one spelling.

    :param value: Dictionaries with ASCII keys, lists or tuples, text, integers, truth values and ``None``.
    :raises FormatError: it holds something else, an integer beyond :data:`LARGEST`, half a character, or nests
        deeper than :data:`DEEPEST`.
    """
    _check(value, DEEPEST)
    try:
        return _ENCODER.encode(value).encode()
    except UnicodeEncodeError:
        raise FormatError("a text with half a character in it") from None


def decode(data: bytes) -> Any:
    """The value that *data* spells.

    :raises FormatError: it is no JSON, or not spelt as :func:`encode` would: other spaces, order or escapes, a key
        given twice, a number with a fraction.
    """
    try:
        value = json.loads(data.decode())
    except RecursionError:
        raise FormatError("nested too deeply") from None
    except ValueError:
        raise FormatError("not JSON in UTF-8") from None
    if encode(value) != data:
        raise FormatError("not in canonical form")
    return value


def _check(value: object, room: int) -> None:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if not isinstance(value, (dict, list, tuple)):
        _check_other(value)
    elif not room:
        raise FormatError("nested too deeply")
    elif isinstance(value, dict):
        for key, item in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise FormatError("a key that is not ASCII text")
            if type(item) is not str:
                _check(item, room - 1)
    else:
        for item in value:
            _check(item, room - 1)


def _check_other(value: object) -> None:
    if isinstance(value, int):
        if not -LARGEST <= value <= LARGEST:
            raise FormatError("an integer too large to be exact everywhere")
    elif not isinstance(value, str):
        raise FormatError(f"no canonical form for a {type(value).__name__}")
