"""Errors as the caller can read them: ``application/problem+json`` for a program, a page for a person.

Source: RFC 9457 (problem details).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TypeVar

from flask import Response, json, make_response, request
from werkzeug.wrappers import Response as BaseResponse

from .. import render
from ..state import State

R = TypeVar("R", bound=BaseResponse)


class Refused(Exception):  # noqa: N818  # what happened to the request, not a fault of the code
    """A request that is turned away; nothing was recorded.

    :param status: 400, 403, 404, 409, 413, 415 or 503.
    :param detail: For the developer who reads the answer; never repeats what was sent.
    :param back: Where a person may go on, a path on the site; empty for its first page.
    """

    def __init__(self, status: HTTPStatus, detail: str, *, back: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.back = back


def answer(state: State, refused: Refused) -> Response:
    """*refused* as a response."""
    if wants_json():
        body = {
            "type": "about:blank",
            "title": refused.status.phrase,
            "status": refused.status,
            "detail": refused.detail,
        }
        response = Response(json.dumps(body), refused.status, content_type="application/problem+json")
    else:
        response = make_response(
            render.problem(state, refused.status, back=refused.back or render.home()), refused.status
        )
    return never_stored(response)


def never_stored(response: R) -> R:
    """*response*, marked for no cache to keep."""
    response.headers["Cache-Control"] = "no-store"
    return response


def wants_json() -> bool:
    """Whether a program asks: it sent JSON, or accepts it before HTML."""
    if request.is_json:
        return True
    return request.accept_mimetypes.best_match(["text/html", "application/json"], default="text/html") != "text/html"
