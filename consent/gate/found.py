"""What the HTML gate found in a page and a placeholder can stand for: a vendor's frame, or the place of its widget."""

from __future__ import annotations

from dataclasses import dataclass

from ..policy import Opens


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An element of a declared service that is not granted.

    :param service: Id of the declared service.
    :param kind: ``FRAME`` or ``WIDGET``.
    :param src: Absolute URL of the frame, or of the vendor script that draws the widget.
    :param title: The element's ``title`` attribute, or empty.
    :param width: In CSS pixels, where the markup says so; *height* likewise.
    :param markup: ``WIDGET``: HTML of the marker element, which the vendor script turns into the widget; else empty.
    """

    service: str
    kind: Opens
    src: str
    title: str
    width: int | None
    height: int | None
    markup: str
