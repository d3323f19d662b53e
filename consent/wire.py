"""The answer as it arrives in a request: field names, types and bounds, before any meaning is looked at.

One schema for the JSON body and the plain form, which differ only in how they write lists and the box.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from .decision import Duration, Method
from .errors import AnswerError
from .ledger.record import Surface

#: Longest body that is read, in bytes.
LONGEST_BODY = 8192

_KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")
_ID = validate.Length(1, 40)
_MANY = validate.Length(max=200)
#: ``gpc`` and ``api`` are not for visitors to claim.
_METHODS = (Method.ACCEPT_ALL, Method.REJECT_ALL, Method.CUSTOM, Method.ONCE, Method.ALWAYS, Method.WITHDRAW)
_REFUSALS = (Method.REJECT_ALL, Method.WITHDRAW)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What a visitor's form or call holds. Tokens are unread, ids unchecked; absent texts are empty."""

    method: Method
    purposes: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    service: str = ""
    duration: Duration = Duration.PERSISTENT
    notice: str = ""
    key: str = ""
    next: str = ""
    surface: Surface = Surface.API
    embed: str = ""
    override_gpc: bool = False


class _AnswerSchema(Schema):
    class Meta:
        unknown = RAISE

    answer = fields.Enum(Method, by_value=True, required=True, validate=validate.OneOf(_METHODS))
    purposes = fields.List(fields.String(validate=_ID), validate=_MANY)
    services = fields.List(fields.String(validate=_ID), validate=_MANY)
    service = fields.String(validate=_ID)
    ask_again = fields.Boolean(truthy={True, "yes"}, falsy={False})
    notice = fields.String(validate=validate.Length(max=4096))
    key = fields.String(validate=validate.Regexp(_KEY.pattern + r"\Z"))
    next = fields.String(validate=validate.Length(max=2048))
    surface = fields.Enum(Surface, by_value=True, validate=validate.NoneOf((Surface.API,)))
    embed = fields.String(validate=validate.Length(max=4096))
    override_gpc = fields.Boolean(truthy={True, "yes"}, falsy={False})


_SCHEMA = _AnswerSchema()


def read(body: Mapping[str, Any]) -> Submitted:
    """The answer in a request's fields.

    A refusal is read whatever stands beside it: an unknown or broken field never turns it away.

    :raises AnswerError: a field is missing, unknown or out of bounds.
    """
    try:
        data = _SCHEMA.load(body)
    except ValidationError as error:
        data = error.valid_data if isinstance(error.valid_data, dict) else {}
        if not _refuses(data, body):
            raise AnswerError(_summary(error.messages)) from None
        data = {key: value for key, value in data.items() if key in _SCHEMA.fields}
    return Submitted(
        method=data["answer"],
        purposes=frozenset(data.get("purposes", ())),
        services=frozenset(data.get("services", ())),
        duration=Duration.SESSION if data.get("ask_again") else Duration.PERSISTENT,
        **{name: data[name] for name in _AS_IS if name in data},
    )


def _refuses(data: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether an answer that is not well-formed says no all the same."""
    if data.get("answer") is Method.CUSTOM:
        return not body.get("purposes") and not body.get("services")
    return data.get("answer") in _REFUSALS


_AS_IS = ("service", "notice", "key", "next", "surface", "embed", "override_gpc")


def from_form(fields: Mapping[str, list[str]]) -> dict[str, Any]:
    """A form's fields, each a list of values, as the schema reads them: empty ones left out."""
    many = ("purposes", "services")
    return {
        name: values if name in many else values[0]
        for name, values in fields.items()
        if values and (name in many or values[0])
    }


def _summary(messages: Any) -> str:
    """Which fields are wrong and why, without repeating what was sent."""
    if not isinstance(messages, Mapping):
        return "the body is not an object of fields"
    names = sorted(str(name)[:40] for name in messages)
    return f"wrong or unknown fields: {', '.join(names)[:300]}"
