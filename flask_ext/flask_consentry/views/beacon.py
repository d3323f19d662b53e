"""``/consent/beacon/<token>.gif`` counts a page, ``/consent/open/<token>.gif`` an e-mail: see :mod:`..beacons`."""

from __future__ import annotations

from flask import Response

from consent.audience.beacons import GIF

from .. import beacons
from ..current import state, visit


def page(token: str) -> Response:
    """The picture, of a page."""
    return _picture(token, beacons.page)


def mail(token: str) -> Response:
    """The picture, of an e-mail."""
    return _picture(token, beacons.mail)


def _picture(token: str, count: beacons.Count) -> Response:
    current = visit()
    current.plain = True
    beacons.hit(state(), current, token, count)
    return Response(GIF, headers=beacons.HEADERS)
