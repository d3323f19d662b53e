"""From a request to the fields of an answer: who sent it, how large it is, how it is written. Judges no content."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from flask import Request, json

from consent import AnswerError
from consent.wire import LONGEST_BODY, Submitted, from_form, read

from .origin import Sender, sender
from .problems import Refused

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


def fields(request: Request) -> dict[str, Any]:
    """The body's fields, unread.

    :raises Refused: 403 from another site, 415 neither JSON nor a form, 413 over 8 kB, 400 not readable.
    """
    if sender(request) is Sender.FOREIGN:
        raise Refused(HTTPStatus.FORBIDDEN, "the request does not come from a page of this site")
    if request.mimetype not in (_JSON, _FORM):
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send {_JSON} or {_FORM}")
    raw = _read(request)
    try:
        text = raw.decode()
        if request.mimetype == _FORM:
            return from_form(parse_qs(text, keep_blank_values=True, max_num_fields=500))
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not readable") from None
    if not isinstance(body, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not an object of fields")
    return body


def _read(request: Request) -> bytes:
    """The body, read no further than it may be long, whether or not it says how long it is."""
    request.max_content_length = LONGEST_BODY + 1  # whatever the site's own limit is: a refusal must get through
    if (request.content_length or 0) <= LONGEST_BODY:
        raw = request.stream.read(LONGEST_BODY + 1)
        if len(raw) <= LONGEST_BODY:
            return raw
    raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {LONGEST_BODY} bytes")


def submitted(body: dict[str, Any]) -> Submitted:
    """The answer in *body*.

    :raises Refused: 400, a field is missing, unknown or out of bounds.
    """
    try:
        return read(body)
    except AnswerError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
