"""Draw the world map of the audience report: countries as paths, from Natural Earth's coarsest borders.

    npm pack world-atlas@2.0.2
    python scripts/world_map.py world-atlas-2.0.2.tgz

Writes ``flask_ext/flask_consentry/world.json``, the same bytes each time. The borders are Natural Earth's (1:110m,
public domain), put together as TopoJSON by world-atlas (ISC). The projection is Equal Earth, which keeps areas true: on
a map of how much there is, no country should look like more than it is. Antarctica is left out.

Sources: TopoJSON Format Specification §2; Šavrič, Patterson and Jenny, "The Equal Earth map projection" (2018).
"""

from __future__ import annotations

import argparse
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from typing import Any

TARGET = Path("flask_ext/flask_consentry/world.json")
MEMBER = "package/countries-110m.json"
SHA256 = "2516c915867c7baf18ddec727aec46c315541a07cfb3d79a6559b05d5e94eee8"
VERSION = "2.0.2"

#: Width of the drawing in its own units; coordinates are whole numbers.
WIDTH = 2000
#: Rings smaller than this many square units are not drawn, unless their country has no larger one.
SMALLEST = 4

_EARTH = (1.340264, -0.081106, 0.000893, 0.003796)
_ANTARCTICA = "010"
#: What the atlas draws apart without a code: with the country that ISO 3166-1 counts it to. XK is left to users.
_BY_NAME = {"Kosovo": "XK", "N. Cyprus": "CY", "Somaliland": "SO"}
#: Rings that ISO 3166 counts elsewhere: to whom, where they are in the atlas, and between which degrees (W, S, E, N).
_OTHERWISE = (
    ("GF", "FR", (-55, 2, -51, 6)),  # French Guiana has a code of its own
    ("UA", "RU", (32, 44, 37, 46.5)),  # Crimea is UA-43
)
#: ISO 3166-1: numeric code, alpha-2.
_CODES = """
004AF 008AL 012DZ 024AO 031AZ 032AR 036AU 040AT 044BS 050BD 051AM 056BE 064BT 068BO 070BA 072BW 076BR 084BZ 090SB
096BN 100BG 104MM 108BI 112BY 116KH 120CM 124CA 140CF 144LK 148TD 152CL 156CN 158TW 170CO 178CG 180CD 188CR 191HR
192CU 196CY 203CZ 204BJ 208DK 214DO 218EC 222SV 226GQ 231ET 232ER 233EE 238FK 242FJ 246FI 250FR 260TF 262DJ 266GA
268GE 270GM 275PS 276DE 288GH 300GR 304GL 320GT 324GN 328GY 332HT 340HN 348HU 352IS 356IN 360ID 364IR 368IQ 372IE
376IL 380IT 384CI 388JM 392JP 398KZ 400JO 404KE 408KP 410KR 414KW 417KG 418LA 422LB 426LS 428LV 430LR 434LY 440LT
442LU 450MG 454MW 458MY 466ML 478MR 484MX 496MN 498MD 499ME 504MA 508MZ 512OM 516NA 524NP 528NL 540NC 548VU 554NZ
558NI 562NE 566NG 578NO 586PK 591PA 598PG 600PY 604PE 608PH 616PL 620PT 624GW 626TL 630PR 634QA 642RO 643RU 646RW
682SA 686SN 688RS 694SL 703SK 704VN 705SI 706SO 710ZA 716ZW 724ES 728SS 729SD 732EH 740SR 748SZ 752SE 756CH 760SY
762TJ 764TH 768TG 780TT 784AE 788TN 792TR 795TM 800UG 804UA 807MK 818EG 826GB 834TZ 840US 854BF 858UY 860UZ 862VE
887YE 894ZM
"""
_ALPHA_2 = {code[:3]: code[3:] for code in _CODES.split()}

Point = tuple[float, float]


def project(longitude: float, latitude: float) -> Point:
    """Equal Earth, in units of the Earth's radius; y grows upwards."""
    t = asin(sqrt(3) / 2 * sin(radians(latitude)))
    a1, a2, a3, a4 = _EARTH
    slope = a1 + 3 * a2 * t**2 + t**6 * (7 * a3 + 9 * a4 * t**2)
    return 2 * sqrt(3) * radians(longitude) * cos(t) / (3 * slope), t * (a1 + a2 * t**2 + t**6 * (a3 + a4 * t**2))


def arcs(atlas: dict[str, Any]) -> list[list[Point]]:
    """The atlas' lines as longitudes and latitudes; what it stores are steps from point to point."""
    (sx, sy), (tx, ty) = atlas["transform"]["scale"], atlas["transform"]["translate"]
    found = []
    for steps in atlas["arcs"]:
        x = y = 0
        line = []
        for dx, dy in steps:
            x, y = x + dx, y + dy
            line.append((x * sx + tx, y * sy + ty))
        found.append(line)
    return found


def ring(indices: Iterable[int], lines: Sequence[Sequence[Point]]) -> list[Point]:
    """The lines *indices* end to end; a negative one runs backwards. Longitudes go on beyond 180 where it does."""
    found: list[Point] = []
    for index in indices:
        line = lines[index] if index >= 0 else lines[~index][::-1]
        for x, y in line[1:] if found else line:
            turns = round((found[-1][0] - x) / 360) if found else 0
            found.append((x + 360 * turns, y))
    return found


def cut(points: Sequence[Point], edge: float, *, keep_below: bool) -> list[Point]:
    """The part of a ring on one side of the meridian *edge* (Sutherland and Hodgman)."""
    found: list[Point] = []
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]], strict=True):
        inside, next_inside = (x1 <= edge) == keep_below, (x2 <= edge) == keep_below
        if inside:
            found.append((x1, y1))
        if inside != next_inside:
            found.append((edge, y1 + (y2 - y1) * (edge - x1) / (x2 - x1)))
    return found


def rings(geometry: dict[str, Any], lines: Sequence[Sequence[Point]]) -> Iterator[list[Point]]:
    """All rings of a country, cut at the edges of the map; holes among them, which even and odd filling leaves out."""
    polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
    for polygon in polygons:
        for indices in polygon:
            whole = ring(indices, lines)
            for turn in (-360, 0, 360):
                moved = [(x + turn, y) for x, y in whole]
                if (part := cut(moved, 180, keep_below=True)) and (part := cut(part, -180, keep_below=False)):
                    yield part


def code_of(code: str, points: Sequence[Point]) -> str:
    """Whose a ring of *code* is by ISO 3166, where the atlas has it otherwise."""
    x, y = (sum(column) / len(points) for column in zip(*points, strict=True))
    for name, country, (west, south, east, north) in _OTHERWISE:
        if code == country and west < x < east and south < y < north:
            return name
    return code


def area(points: Sequence[tuple[int, int]]) -> float:
    """Of a closed ring."""
    pairs = zip(points, [*points[1:], points[0]], strict=True)
    return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in pairs)) / 2


def path(points: Sequence[tuple[int, int]]) -> str:
    """A closed ring as SVG writes it, by steps."""
    (x, y), *rest = points
    said, last = [f"M{x} {y}"], (x, y)
    for number, (x, y) in enumerate(rest):
        dx, dy = x - last[0], y - last[1]
        said.append(("l" if number == 0 else "" if dx < 0 else " ") + f"{dx}" + ("" if dy < 0 else " ") + f"{dy}")
        last = (x, y)
    return "".join(said) + "z"


def drawn(atlas: dict[str, Any]) -> tuple[int, dict[str, str]]:
    """Height of a drawing :data:`WIDTH` wide, and a path for each country by its ISO 3166-1 alpha-2 code."""
    lines = arcs(atlas)
    countries: dict[str, list[list[Point]]] = {}
    for geometry in atlas["objects"]["countries"]["geometries"]:
        number = geometry.get("id")
        if number != _ANTARCTICA:
            code = _ALPHA_2[number] if number else _BY_NAME[geometry["properties"]["name"]]
            for points in rings(geometry, lines):
                placed_in = countries.setdefault(code_of(code, points), [])
                placed_in.append([project(*point) for point in points])
    every = [point for some in countries.values() for one in some for point in one]
    left, right = min(x for x, _ in every), max(x for x, _ in every)
    bottom, top = min(y for _, y in every), max(y for _, y in every)
    scale = WIDTH / (right - left)

    def placed(points: Iterable[Point]) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for x, y in points:
            at = round((x - left) * scale), round((top - y) * scale)
            if not found or at != found[-1]:
                found.append(at)
        return found[:-1] if len(found) > 1 and found[0] == found[-1] else found

    paths = {}
    for code in sorted(countries):
        some = [one for one in map(placed, countries[code]) if len(one) > 2]
        large = [one for one in some if area(one) >= SMALLEST]
        paths[code] = "".join(map(path, large or some))
    return round((top - bottom) * scale), paths


def main() -> None:
    """Read the atlas, write the map.

    :raises SystemExit: the package is another one.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, help="world-atlas-2.0.2.tgz, as npm pack gets it")
    given = parser.parse_args()
    with tarfile.open(given.package) as package:
        member = package.extractfile(MEMBER)
        raw = member.read() if member else b""
    if sha256(raw).hexdigest() != SHA256:
        raise SystemExit(f"{given.package}: {MEMBER} is not the one of world-atlas {VERSION}")
    height, paths = drawn(json.loads(raw))
    said = {
        "about": "Made by scripts/world_map.py from Natural Earth 1:110m (public domain), as in world-atlas "
        f"{VERSION} (ISC, Copyright 2013-2019 Michael Bostock). Equal Earth projection. See NOTICE.",
        "source_sha256": SHA256,
        "width": WIDTH,
        "height": height,
        "countries": paths,
    }
    TARGET.write_text(json.dumps(said, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    print(f"{TARGET}: {len(paths)} countries, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
