"""The world map of the audience report: countries in five shades, as SVG, with the legend that belongs to it.

``world.json`` beside it has the borders: Natural Earth's coarsest, by ``scripts/world_map.py``, which names the
licences. Colours are the stylesheet's, by class. A map alone would tell little to those who cannot see it or look for a
small country: the page has a list of all regions with it.

Source: Brewer and Pickle, "Evaluation of Methods for Classifying Epidemiological Data on Choropleth Maps" (2002): five
classes can be told apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

from markupsafe import Markup

#: How many shades there are; the stylesheet has ``r-shade-1`` to this.
SHADES = 5
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Shade:
    """One class of the legend.

    :param least: Smallest count in it.
    :param most: Largest count in it.
    """

    style: str
    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Map:
    """A map to be put into a page.

    :param legend: From the lightest shade, those that occur between the smallest and the largest.
    :param off: Countries with a count that the map is too coarse for, in their order.
    """

    picture: Markup
    legend: tuple[Shade, ...]
    off: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _World:
    width: int
    height: int
    countries: Mapping[str, str]


def draw(counts: Mapping[str, int], *, described_by: str) -> Map:
    """The map of *counts*, by ISO 3166-1 alpha-2 code; countries that are not in it have no shade.

    :param described_by: Ids of the elements that say what is in the picture.
    """
    world = _world()
    legend = shades(counts.values())
    style = {country: one.style for country, n in counts.items() for one in legend if one.least <= n <= one.most}
    paths = (
        Markup('<path class="{}" d="{}"/>').format(style.get(country, "r-land"), path)
        for country, path in world.countries.items()
    )
    picture = Markup(
        '<svg class="r-map" viewBox="-4 -4 {} {}" role="img" aria-labelledby="{}" focusable="false">{}</svg>'
    ).format(world.width + 8, world.height + 8, described_by, Markup("").join(paths))
    return Map(picture, legend, tuple(country for country in counts if country not in world.countries))


def shades(counts: Iterable[int]) -> tuple[Shade, ...]:
    """Classes of *counts* with round limits, each some times as wide as the one before: a few countries have most."""
    known = sorted(count for count in counts if count > 0)
    if not known:
        return ()
    limits = _limits(known[0], known[-1])
    edges = [known[0], *limits, known[-1] + 1]
    pairs = [(low, high - 1) for low, high in pairwise(edges) if low < high]
    first = SHADES - len(pairs)
    return tuple(Shade(f"r-shade-{first + number}", *pair) for number, pair in enumerate(pairs, 1))


def _limits(least: int, most: int) -> list[int]:
    """Round numbers between *least* and *most*, at most one fewer than there are shades, about evenly apart."""
    factor = (most / least) ** (1 / SHADES)
    found: list[int] = []
    for number in range(1, SHADES):
        limit = _round(least * factor**number)
        if limit > (found[-1] if found else least) and limit <= most:
            found.append(limit)
    return found


def _round(number: float) -> int:
    """*number* to one digit that is 1, 2 or 5; below 10, to a whole one."""
    power: int = 10 ** max(0, len(str(int(number))) - 1)
    return min((step * power * more for step in _STEPS for more in (1, 10)), key=lambda one: abs(one - number))


@cache
def _world() -> _World:
    said = json.loads((files(__package__) / "world.json").read_text(encoding="utf-8"))
    return _World(said["width"], said["height"], said["countries"])
