"""Columns over time as SVG, drawn on the server. The only module that knows the chart library.

leather lays out the axes, the ticks and the columns. What it makes is stripped to the geometry: colours and letters are
the stylesheet's (``report.css``), by classes, so that one picture serves light and dark, paper and forced colours, and
a strict policy of the site (no inline style) has nothing to object to.

Source: WAI, "Complex images" (a short name, the data in a table).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any
from xml.etree import ElementTree as ET

from markupsafe import Markup

#: Widths of a drawing in its own units, about the pixels that it gets on a wide screen; and its height.
NARROW, WIDE, HEIGHT = 360, 560, 220
#: Units that a label below a chart needs.
_LABEL = 72
_PAINT = ("fill", "stroke", "stroke-width", "font-family", "font-size", "text-anchor")
_NUMBER = re.compile(r"-?\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Series:
    """What is drawn in one way.

    :param style: Class of its columns in the stylesheet.
    :param counts: One for each label; ``None``: not shown.
    """

    style: str
    counts: Sequence[int | None]


def columns(
    labels: Sequence[str], series: Sequence[Series], *, named_by: str, described_by: str, width: int = NARROW
) -> Markup:
    """A column for each of *labels*, those of later *series* in front of earlier ones; empty without a count.

    :param named_by: Id of the element that says in few words what the picture is of.
    :param described_by: Id of the element that says what is in it.
    """
    drawn = [one for one in series if any(one.counts)]
    if not drawn:
        return Markup("")
    highest = max(number or 0 for one in drawn for number in one.counts)
    root = ET.Element(
        "svg",
        {
            "class": "r-chart r-wide" if width == WIDE else "r-chart",
            "viewBox": _seen(width, len(drawn)),
            "role": "img",
            "aria-labelledby": named_by,
            "aria-describedby": described_by,
            "focusable": "false",
        },
    )
    root.append(_bare(_chart(labels, drawn, highest, width).to_svg_group(width, HEIGHT)))
    for group, one in zip(root.iterfind(".//g[@class='series columns']"), drawn, strict=True):
        group.set("class", f"r-columns {one.style}")
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  # what writes it escapes


def _seen(width: int, series: int) -> str:
    """The part of a drawing that holds something: leather leaves a margin, and room for a legend of several series."""
    margin = width // 20
    top = margin + (18 if series > 1 else 0) - 8
    return f"{margin - 4} {top} {width - 2 * margin + 8} {HEIGHT - margin - top}"


def _chart(labels: Sequence[str], series: Sequence[Series], highest: int, width: int) -> Any:
    """The chart as leather has it; places are numbers as texts, since two labels may read the same."""
    leather = _leather()
    chart = leather.Chart()
    places = [str(place) for place in range(len(labels))]
    for one in series:
        # No count has no column; leather wants a number to tell the scale by.
        data = [(place, number or 0) for place, number in zip(places, one.counts, strict=True)]
        chart.add_series(leather.Series(data), _shape()())
    shown = list(range(0, len(labels), -(-len(labels) * _LABEL // width)))
    ticks = list(_ticks(highest))
    chart.set_x_scale(leather.Ordinal(places))
    chart.set_y_scale(_scale()(ticks[-1]))
    chart.add_x_axis(ticks=[places[place] for place in shown], tick_formatter=lambda place, *_: labels[int(place)])
    chart.add_y_axis(ticks=ticks, tick_formatter=lambda number, *_: compact(number))
    return chart


def compact(number: float) -> str:
    """A number in few characters: ``1.5k``, ``20M``."""
    for size, letter in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number:g}"


def _ticks(highest: int) -> Iterator[int]:
    """From nothing to *highest* or a little more, in three to five even steps."""
    step = next(size for power in count() for size in (10**power, 2 * 10**power, 5 * 10**power) if size * 4 >= highest)
    yield from range(0, highest + step, step)


def _bare(group: ET.Element) -> ET.Element:
    """*group* without background and paint, its lengths to a tenth."""
    group.remove(group[0])
    for element in group.iter():
        for name in _PAINT:
            element.attrib.pop(name, None)
        for name, value in element.attrib.items():
            element.set(name, _NUMBER.sub(lambda found: f"{float(found[0]):.4g}", value))
    return group


@cache
def _leather() -> Any:
    import leather  # noqa: PLC0415  # no other page needs it

    return leather


@cache
def _shape() -> Any:
    class Columns(_leather().Columns):  # type: ignore[misc]  # published without types
        """Without a legend of its own: the page's is text that can be read aloud and wrapped."""

        def legend_to_svg(self, series: Any, palette: Any) -> list[Any]:
            return []

    return Columns


@cache
def _scale() -> Any:
    class FromNothing(_leather().Scale):  # type: ignore[misc]  # as above
        """From 0 to *most*; leather's own tries thousands of ticks, which takes longer than all the rest."""

        def __init__(self, most: int) -> None:
            self._most = most

        def contains(self, value: float) -> bool:
            return 0 <= value <= self._most

        def project(self, value: float, range_min: float, range_max: float) -> float:
            return float(range_min) + (float(range_max) - float(range_min)) * float(value) / self._most

    return FromNothing
