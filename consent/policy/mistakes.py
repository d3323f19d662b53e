"""What marshmallow says of a policy file, as problems that a developer can act on: key, mistake, remedy."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import Problem
from .model import NECESSARY
from .schema import (
    AudienceSchema,
    CampaignsSchema,
    ControllerSchema,
    CookieSchema,
    DecisionSchema,
    EmbeddingSchema,
    ExemptSchema,
    MailSchema,
    PolicySchema,
    ProviderSchema,
    PurposeSchema,
    RecordSchema,
    ServiceSchema,
    TextSchema,
    VendorCookieSchema,
)

#: Every key that may stand at some level of the file, for "did you mean".
_KEYS = sorted(
    {
        key
        for schema in (
            PolicySchema,
            ControllerSchema,
            DecisionSchema,
            RecordSchema,
            PurposeSchema,
            TextSchema,
            ServiceSchema,
            ProviderSchema,
            CookieSchema,
            VendorCookieSchema,
            EmbeddingSchema,
            AudienceSchema,
            ExemptSchema,
            CampaignsSchema,
            MailSchema,
        )
        for key in schema().fields
    }
)

#: Keys of a service whose value is a list of tables.
_LISTS = re.compile(r"services\.[^.]+\.(?:vendor_)?cookies\b")
_PURPOSE = re.compile(r"services\.[^.]+\.purpose")
_TYPES = {"Not a valid string.": "Write it in quotes", "Not a valid list.": "Write a list, between [ and ]"}


def read(messages: Any, purposes: Sequence[str] = (), path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Nested *messages* found at *path* as problems with dotted keys.

    :param purposes: Those that the file declares.
    """
    if isinstance(messages, Mapping):
        for key, below in messages.items():
            # Dict fields nest their messages under "key" and "value", which are no keys of the file.
            synthetic = key in ("key", "value") and isinstance(below, list | dict) and set(messages) <= {"key", "value"}
            yield from read(below, purposes, path if synthetic else (*path, str(key)))
        return
    for message in messages:
        yield _problem(".".join(path), str(message), purposes)


def _problem(key: str, message: str, purposes: Sequence[str]) -> Problem:
    if message == "Unknown field.":
        return _unknown(key)
    if message == "Invalid input type." or _LISTS.fullmatch(key):
        return _not_a_table(key.removesuffix("._schema"))
    if message == "Missing data for required field.":
        return _missing(key, purposes)
    if message.startswith("Must be one of"):
        words = message.replace("Must be one of:", "Use one of:").rstrip(".")
        return Problem(key, "not one of the words known here", words)
    if message.startswith("Not a valid"):
        return _mistyped(key, message)
    problem, _, remedy = message.rpartition("; ")
    return Problem(key, problem or "wrong value", (remedy[0].upper() + remedy[1:]).rstrip("."))


def _missing(key: str, purposes: Sequence[str]) -> Problem:
    if not _PURPOSE.fullmatch(key):
        return Problem(key, "missing", "Add it; docs/policy.md shows how")
    known = ", ".join(dict.fromkeys([NECESSARY, *purposes]))
    return Problem(key, "missing", f'Write purpose = "…" with one of: {known}')


def _mistyped(key: str, message: str) -> Problem:
    if message == "Not a valid mapping type.":
        name = key.rsplit(".", 1)[-1]
        return Problem(key, "not a table", f"Write {name} = {{ … }}, with its keys between the braces")
    remedy = _TYPES.get(message, "Write a value of that type")
    return Problem(key, message[0].lower() + message[1:].rstrip("."), remedy)


def _not_a_table(key: str) -> Problem:
    if listed := _LISTS.match(key):
        return Problem(key, "not a list of tables", f"Write [[{listed[0]}]] with name and lifetime")
    return Problem(key, "not a table", f"Write [{key}] and its keys below it")


def _unknown(key: str) -> Problem:
    name = key.rsplit(".", 1)[-1]
    if name in _KEYS:
        return Problem(key, "not a key of this table", "Move it to its own; docs/policy.md shows where")
    close = difflib.get_close_matches(name, _KEYS, n=1)
    remedy = f'Did you mean "{close[0]}"?' if close else "Remove it; docs/policy.md lists the keys"
    return Problem(key, "unknown key", remedy)
