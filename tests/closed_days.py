"""Closed days of an audience that nobody ever was: as the view would publish them, from a seed. For tests and pictures."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from math import exp, pi, sin

import sqlalchemy as sa

from consent.audience import dimensions
from consent.audience.continents import continent
from consent.audience.view import OTHER, Cell, Day, Kind, Row, Table, closed, ungrouped
from consent.ledger.closed_days import encode
from consent.ledger.tables import audience_day
from flask_consentry.ledger import Ledger

#: Values and how large they are next to each other.
REGIONS = {
    "IE": 420, "GB": 190, "DE": 160, "FR": 110, "US": 95, "NL": 60, "ES": 52, "PL": 45, "IT": 40, "unknown": 34, "CA": 26,
    "SE": 22, "IN": 20, "AU": 17, "BR": 15, "CH": 14, "AT": 13, "BE": 12, "JP": 11, "DK": 10, "ZA": 9, "NO": 8, "PT": 8,
    "MX": 7, "NZ": 5, "KR": 5, "AR": 4, "NG": 4, "KE": 3, "MT": 3, "SG": 3, "IS": 2,
}  # fmt: skip
PAGES = {
    "/": 520, "/news/2026/the-mill-turns-again": 240, "/events": 180, "/news": 150, "/visit/opening-hours": 120,
    "/visit/how-to-get-here": 90, "/news/2026/walks-in-autumn": 80, "/join": 60, "/shop": 45, "/about": 40,
    "/history/the-fire-of-1911": 34, "/events/<name>": 28, "/gallery": 22, "/contact": 20, "/press": 6, "/privacy": 5,
}  # fmt: skip
BROWSERS = {"Chrome": 560, "Safari": 420, "Firefox": 190, "Edge": 160, "Samsung Internet": 90, "Opera": 22, "other": 30}
DEVICES = {"mobile": 800, "desktop": 580, "tablet": 80, "other": 12}
LANGUAGES = {"en": 820, "de": 190, "fr": 140, "es": 80, "pl": 60, "nl": 50, "it": 44, "pt": 22, "ga": 18, "sv": 14}
CAMPAIGNS = {"none": 1180, "spring-2026": 160, "members-week": 90}


def made_up(since: date, days: int, *, seed: int = 7) -> Mapping[str, Mapping[date, Day]]:
    """Dimension to day to what is read of it."""
    chance = random.Random(seed)
    found: dict[str, dict[date, Day]] = {}
    for number in range(days):
        day = since + timedelta(days=number)
        busy = (1 + 0.35 * sin(number / 58 * 2 * pi)) * (0.62 if day.weekday() > 4 else 1) * chance.uniform(0.85, 1.15)
        busy *= 1 + 1.4 * exp(-(((number % 61) - 30) ** 2) / 6)
        hits = round(1500 * busy)
        for dimension, values in _page_views().items():
            group = continent if dimension == dimensions.REGION else ungrouped
            found.setdefault(dimension, {})[day] = _closed(values, hits, chance, group)
        exempt = {"FR": 46, "NL": 30, "unknown": 14}
        found.setdefault(dimensions.EXEMPT_REGION, {})[day] = _closed(exempt, round(90 * busy), chance)
        for purpose, share in (("statistics", 0.46), ("social", 0.31), ("newsletter_opens", 0.22)):
            answers = {"accepted": 190 * share, "refused": 190 * (1 - share)}
            found.setdefault(dimensions.answer(purpose), {})[day] = _whole(answers, busy, chance)
        withdrawn = {"statistics": 13, "social": 12}
        found.setdefault(dimensions.WITHDRAWAL, {})[day] = _whole(withdrawn, busy, chance)
        weekly = 8 if day.weekday() == 3 else 1
        for dimension, values in {
            dimensions.LINK: {"opening-hours": 30, "shop": 24, "join": 15, "film": 9},
            dimensions.OPEN: {"2026-05": 40, "2026-06": 36, "members": 14},
            dimensions.OPEN_PROXY: {"2026-05": 60, "2026-06": 58, "members": 20},
        }.items():
            found.setdefault(dimension, {})[day] = _closed(values, round(90 * busy * weekly / 2), chance)
        found.setdefault(dimensions.VISITORS, {})[day] = _whole({"estimate": 690}, busy, chance)
    return found


def publish(ledger: Ledger, days: Mapping[str, Mapping[date, Day]]) -> None:
    """Put *days* into the store, as if they had been counted and closed. The site's tables must be there."""
    rows = [
        {"site": ledger.counts._site, "day": day.isoformat(), "dimension": dimension, "body": encode(read)}
        for dimension, of in days.items()
        for day, read in of.items()
        if read.rows
    ]
    with ledger.database.write() as connection:
        connection.execute(sa.insert(audience_day), rows)


def tables(days: Mapping[str, Mapping[date, Day]]) -> dict[str, Table]:
    """The same as :class:`Table`."""
    return {dimension: Table(of) for dimension, of in days.items()}


def long_tables(since: date, days: int, *, rows: int = 30) -> dict[str, Table]:
    """Many days with *rows* rows in each dimension of a page view, and the answers about five purposes: for a benchmark."""
    chance = random.Random(1)
    values: dict[str, Sequence[str]] = {
        dimension: [f"/page/{number}" for number in range(rows - 1)] for dimension in dimensions.OF_A_PAGE
    }
    values[dimensions.REGION] = list(REGIONS)[: rows - 1]
    values |= {dimensions.answer(f"purpose_{number}"): ["accepted", "refused"] for number in range(5)}
    values[dimensions.WITHDRAWAL] = [f"purpose_{number}" for number in range(5)]
    return {
        dimension: Table(
            {
                since + timedelta(days=number): Day(
                    10,
                    (
                        *(Row(value, Kind.VALUE, chance.randint(10, 900)) for value in some),
                        *((Row(OTHER, Kind.OTHER, 40),) if len(some) > 5 else ()),
                    ),
                )
                for number in range(days)
            }
        )
        for dimension, some in values.items()
    }


def _page_views() -> dict[str, dict[str, int]]:
    of = (PAGES, REGIONS, BROWSERS, DEVICES, LANGUAGES, CAMPAIGNS)
    return dict(zip(dimensions.OF_A_PAGE, of, strict=True))


def _closed(
    values: Mapping[str, float],
    hits: int,
    chance: random.Random,
    group: Callable[[str], str | None] = ungrouped,
) -> Day:
    """A day of *hits*, each of one of *values*, by their weights."""
    counts = Counter(chance.choices(list(values), list(values.values()), k=hits))
    cells = [Cell(value, counts[value], round(counts[value] * 0.8)) for value in values]
    return closed(cells, k=10, order=list(values), group=group, contributors=hits)


def _whole(values: Mapping[str, float], busy: float, chance: random.Random) -> Day:
    counts = {value: round(chance.gauss(size * busy, (size * busy) ** 0.5)) for value, size in values.items()}
    return Day(10, tuple(Row(value, Kind.VALUE, count) for value, count in counts.items() if count >= 10))
