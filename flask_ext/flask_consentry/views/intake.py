"""From a request to the fields of an answer: who sent it, how large it is, how it is written. Judges no content."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Request, json
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from consent import AnswerError
from consent.wire import LONGEST_BODY, Submitted, from_form, read

from .origin import Sender, sender
from .problems import Refused

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def fields(request: Request) -> dict[str, Any]:
    """The body's fields, unread.

    :raises Refused: 403 from another site, 415 neither JSON nor a form, 413 over 8 kB, 400 not readable.
    """
    if sender(request) is Sender.FOREIGN:
        raise Refused(HTTPStatus.FORBIDDEN, "the request does not come from a page of this site")
    if request.mimetype != "application/json" and request.mimetype not in _FORMS:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json or a form")
    request.max_content_length = LONGEST_BODY
    try:
        if request.mimetype in _FORMS:
            return from_form({name: request.form.getlist(name) for name in request.form})
        body = json.loads(request.get_data(cache=False))
    except RequestEntityTooLarge:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {LONGEST_BODY} bytes") from None
    except (ValueError, RecursionError, HTTPException):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not readable JSON") from None
    if not isinstance(body, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is not an object of fields")
    return body


def submitted(body: dict[str, Any]) -> Submitted:
    """The answer in *body*.

    :raises Refused: 400, a field is missing, unknown or out of bounds.
    """
    try:
        return read(body)
    except AnswerError as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
