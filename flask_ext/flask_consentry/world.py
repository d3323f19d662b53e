"""The world map of the audience report: countries in five shades, as SVG, with the legend that belongs to it.

``world.json`` beside it has the borders: Natural Earth's coarsest, by ``scripts/world_map.py``, which names the
licences. Colours are the stylesheet's, by class. A map alone would tell little to those who cannot see it or look for a
small country: the page has a list of all regions with it.

Source: Brewer and Pickle, "Evaluation of Methods for Classifying Epidemiological Data on Choropleth Maps" (2002): five
classes can be told apart.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

from markupsafe import Markup

from consent.audience.continents import continent

#: How many shades there are; the stylesheet has ``r-shade-1`` to this.
SHADES = 5
#: Limits of classes begin with one of these: each is about half as large again as the one before.
_STEPS = (10, 15, 20, 30, 50, 70)


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

    :param legend: From the lightest shade, those that a country has.
    :param off: Countries with a count that the map is too coarse for, in their order.
    :param hatched: Whether any country is hatched, as one of those that are told by continent.
    """

    picture: Markup
    legend: tuple[Shade, ...]
    off: tuple[str, ...]
    hatched: bool


@dataclass(frozen=True, slots=True)
class _World:
    width: int
    height: int
    countries: Mapping[str, str]


def draw(counts: Mapping[str, int], *, named_by: str, described_by: str, groups: Collection[str] = ()) -> Map:
    """The map of *counts*, by ISO 3166-1 alpha-2 code; countries that are not in it have no shade.

    :param named_by: Id of the element that says in few words what the picture is of.
    :param described_by: Id of the element that says what is in it.
    :param groups: Continents that have a row of their own: their countries without a count are hatched.
    """
    world = _world()
    legend = shades(counts.values())
    style = {country: one.style for country, n in counts.items() for one in legend if one.least <= n <= one.most}
    rest = {country: "r-hatched" for country in world.countries if continent(country) in groups}
    drawn = [(style.get(country) or rest.get(country, "r-land"), path) for country, path in world.countries.items()]
    drawn.sort(key=lambda one: one[0].startswith("r-shade"))  # their outlines are in front of the others'
    picture = Markup(
        '<svg class="r-map" viewBox="-4 -4 {} {}" role="img" aria-labelledby="{}" aria-describedby="{}" '
        'focusable="false">{}</svg>'
    ).format(
        world.width + 8,
        world.height + 8,
        named_by,
        described_by,
        Markup("").join(Markup('<path class="{}" d="{}"/>').format(*one) for one in drawn),
    )
    off = tuple(country for country in counts if country not in world.countries)
    return Map(picture, legend, off, any(name == "r-hatched" for name, _ in drawn))


def shades(counts: Iterable[int]) -> tuple[Shade, ...]:
    """Classes of *counts* with round limits, each some times as wide as the one before: a few countries have most.

    Those in which there is nothing are left out.
    """
    known = sorted(count for count in counts if count > 0)
    if not known:
        return ()
    limits = _limits(known[0], known[-1])
    edges = [known[0], *limits, known[-1] + 1]
    pairs = [(low, high - 1) for low, high in pairwise(edges) if low < high]
    first = SHADES - len(pairs)
    found = (Shade(f"r-shade-{first + number}", *pair) for number, pair in enumerate(pairs, 1))
    return tuple(shade for shade in found if any(shade.least <= count <= shade.most for count in known))


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
    """*number* to what begins with one of :data:`_STEPS`; below 10, to a whole one."""
    if number < 10:
        return round(number)
    power: int = 10 ** (len(str(int(number))) - 2)
    return min((step * power for step in (*_STEPS, 100)), key=lambda one: abs(one - number))


@cache
def _world() -> _World:
    said = json.loads((files(__package__) / "world.json").read_text(encoding="utf-8"))
    return _World(said["width"], said["height"], said["countries"])
