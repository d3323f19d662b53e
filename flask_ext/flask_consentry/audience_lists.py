"""The lists of the audience report's page, a bar for each line, and the map of regions. For the template.

Bars are of shares, shades of means a day, both of the days on which a line is shown: :mod:`consent.audience.report`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from consent.audience import dimensions, naming
from consent.audience.report import Part, Region, Report, Section, percent
from consent.audience.view import Kind
from consent.wording import wording

from . import audience_notes as notes
from . import world
from .world import Map

#: Rows of a list that are seen at once, and all that a page has; a file has the rest.
_FIRST, _MOST = 10, 200
#: The dash of what is not known.
NOT_SHOWN = "–"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a list.

    :param cells: What stands beside the name, as text.
    :param bar: Length of its bar, 0 to 100, next to the longest.
    :param kind: ``value``, ``group`` or ``other``.
    :param on: On how many of the days it is shown, in words; empty: on all of them.
    """

    name: str
    cells: tuple[str, ...]
    bar: str
    kind: str
    on: str


@dataclass(frozen=True, slots=True)
class List:
    """A list with bars: the first lines, and more that are folded away.

    :param noun: What a line is about.
    :param left: How many lines the page does not have at all.
    """

    id: str
    title: str
    noun: str
    head: tuple[str, ...]
    first: Sequence[Line]
    more: Sequence[Line]
    left: int
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Regions:
    """The map and the list of regions.

    :param untold: A sentence instead of both, where nothing is told but the rest.
    """

    map: Map
    summary: str
    list: List
    has_both: bool
    untold: str


@dataclass(frozen=True, slots=True)
class Told:
    """Lists, and sentences on what would be a list of nothing but the rest."""

    lists: Sequence[List]
    untold: Sequence[str]


def told(sections: Sequence[Section]) -> Told | None:
    """*sections* as lists; ``None``: there are none."""
    if not sections:
        return None
    untold = [notes.untold(section) for section in sections]
    lists = [_list(section) for section, said in zip(sections, untold, strict=True) if not said]
    return Told(lists, [said for said in untold if said])


def regions(shown: Report) -> Regions | None:
    """The regions of *shown*; ``None``: there are none."""
    rows = shown.regions
    if not rows:
        return None
    agreed, exempt = (shown.section(name) for name in (dimensions.REGION, dimensions.EXEMPT_REGION))
    means: dict[str, float] = {}
    for row in rows:
        if row.kind is Kind.VALUE:
            country = row.label.partition("-")[0]
            means[country] = means.get(country, 0) + row.mean
    unknown = means.pop("unknown", 0)
    groups = {row.label for row in rows if row.kind is Kind.GROUP}
    counts = {country: max(1, round(mean)) for country, mean in means.items()}
    drawn = world.draw(counts, named_by="r-map-name", described_by="r-map-said", groups=groups)
    words = wording("en")
    most = sorted(counts, key=lambda code: -counts[code])[:3]
    largest = ", ".join(f"{naming.region(code, words)} ({_a_day(means[code])})" for code in most)
    said = [f"Countries shown by themselves: {len(counts):,}" + (f"; most page views: {largest}." if largest else ".")]
    if unknown:
        said.append(f"Of an unknown country: {_a_day(unknown)}.")
    if largest:
        said.append("These are means of the days on which a country is shown.")
    if drawn.off:
        names = ", ".join(naming.region(code, words) for code in drawn.off)
        said.append(f"Counted, but too small to draw: {names}.")
    has_both = bool(agreed.shown and exempt.shown)
    both = agreed.said + tuple(f"Of those who need not be asked: {one}" for one in exempt.said if exempt.shown)
    if has_both:
        head = ("Agreed", "Share", "Exempt", "Both")
        listed = _cut("regions", "Regions", "Region", head, list(_region_lines(rows, agreed, exempt)), both)
    else:
        listed = _list(agreed if agreed.shown else exempt)
        both = listed.said
    untold = notes.untold(agreed if agreed.shown else exempt) if all(row.kind is Kind.OTHER for row in rows) else ""
    return Regions(drawn, " ".join(said), listed, has_both, untold)


def _a_day(mean: float) -> str:
    return f"{max(1, round(mean)):,} a day"


def _region_lines(rows: Iterable[Region], agreed: Section, exempt: Section) -> Iterator[Line]:
    """Of both: a share there is of those who agreed, since of the others only some countries are counted."""
    longest = _longest(agreed)
    for row in rows:
        name = naming.name(dimensions.REGION, row.label, row.kind)
        on = [
            f"{words}: {naming.on(part.days, section.shown)}"
            for words, part, section in (("agreed", row.agreed, agreed), ("exempt", row.exempt, exempt))
            if part is not None and part.days < section.shown
        ]
        cells = (_count(row.agreed), _share(row.agreed), _count(row.exempt), f"{row.count:,}")
        yield Line(name, cells, _bar(row.agreed.share if row.agreed else 0, longest), row.kind.value, "; ".join(on))


def _list(section: Section) -> List:
    longest = _longest(section)
    lines = [
        Line(
            naming.name(section.dimension, row.label, row.kind),
            (_count(row), _share(row)),
            _bar(row.share, longest),
            row.kind.value,
            naming.on(row.days, section.shown),
        )
        for row in section.rows
    ]
    head, name = (naming.unit(section.dimension).capitalize(), "Share"), section.dimension
    return _cut(name.replace("_", "-"), naming.title(name), naming.noun(name), head, lines, section.said)


def _longest(section: Section) -> float:
    return max((row.share for row in section.rows), default=0)


def _count(part: Part | None) -> str:
    return NOT_SHOWN if part is None else f"{part.count:,}"


def _share(part: Part | None) -> str:
    return NOT_SHOWN if part is None else percent(part.count, part.of)


def _cut(key: str, title: str, noun: str, head: tuple[str, ...], lines: Sequence[Line], said: tuple[str, ...]) -> List:
    """The rest is always seen: it says how much is not told."""
    rest = [line for line in lines if line.kind == Kind.OTHER.value]
    named = [line for line in lines if line.kind != Kind.OTHER.value]
    if len(named) <= _FIRST + 2:  # nobody opens a drawer for two
        return List(key, title, noun, head, [*named, *rest], [], 0, said)
    return List(key, title, noun, head, [*named[:_FIRST], *rest], named[_FIRST:_MOST], max(0, len(named) - _MOST), said)


def _bar(share: float, longest: float) -> str:
    return f"{100 * share / longest:.3g}" if longest > 0 else "0"
