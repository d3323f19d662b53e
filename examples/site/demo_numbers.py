"""Made-up visitors of the last 60 days, so that the report has something to show. A real site has real ones.

They are counted as visitors are, and the days are closed as days are: what is held back in the report is held back
because the rules say so.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar

import click
from flask import current_app
from flask.cli import with_appcontext

import content
from consent import Grants
from consent.audience.closing import judge
from consent.audience.counters import Counters
from consent.audience.counting import Asked, Counting
from consent.audience.network import network
from consent.audience.region import Regions
from consent.audience.view import last_closed
from flask_consentry.state import State

_T = TypeVar("_T")

DAYS = 60
_AGENTS = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36": 34,
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36": 26,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6) AppleWebKit/605 Version/18.6 Mobile/15E148 Safari/604.1": 22,
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0": 13,
    "Mozilla/5.0 (iPad; CPU OS 18_6) AppleWebKit/605 Version/18.6 Mobile/15E148 Safari/604.1": 5,
}
_COUNTRIES = {"IE": 52, "GB": 21, "US": 9, "DE": 6, "FR": 5, "NL": 2, "ES": 1, "AU": 1, "CA": 1, "NZ": 0.3, "IS": 0.2}
_LANGUAGES = {"DE": "de-DE", "FR": "fr-FR", "NL": "nl-NL", "ES": "es-ES", "IS": "is-IS"}
_PAGES = {
    "/": 40,
    "/events": 18,
    "/news": 10,
    "/live": 6,
    "/privacy": 2,
    "/events/observing-night": 14,
    "/events/young-astronomers": 6,
    **{f"/news/{article.slug}": weight for article, weight in zip(content.NEWS, (11, 5, 3), strict=False)},
}
#: Links of the newsletter, by which half of the visitors come.
_LINKS = {"programme": 40, "observing": 32, "join": 28}
#: What is answered together, and how often: all, nothing, and two ways of choosing.
_ANSWERS = {
    ("preferences", "statistics", "social", "marketing"): 46,
    (): 38,
    ("preferences", "statistics"): 10,
    ("preferences", "social"): 6,
}


class _Places(Regions):
    """Has a country for every network, whoever it really belongs to."""

    def at(self, packed: bytes | None) -> str:
        return _one_of(random.Random(packed), _COUNTRIES)  # noqa: S311  # no secret


@click.command("demo-numbers")
@with_appcontext
def command() -> None:
    """Fill the report with made-up numbers of the last 60 days, unless it has some."""
    state: State = current_app.extensions["consentry"]
    now, counts = state.clock(), state.ledger.counts
    last = last_closed(now)
    first = last - timedelta(days=DAYS - 1)
    if counts.days(since=first, until=last):
        click.echo("There are numbers already.")
        return
    counters = Counters(counts.add, k=state.policy.audience.k, entropy=os.urandom, every=None)
    counting, chance = Counting(state.policy, _Places(), counters), random.Random(1974)  # noqa: S311
    for number in range(DAYS):
        day = first + timedelta(days=number)
        noon = datetime.combine(day, time(12), UTC)
        for _ in range(_visitors(day, number, chance)):
            _visit(counting, noon, chance)
        counters.flush(now=noon)
    closed = counts.close(judge(state.policy.audience, state.policy.purposes), now=now)
    click.echo(f"Made-up numbers of {closed} days, for the report that members see.")


def _visitors(day: date, number: int, chance: random.Random) -> int:
    """More at weekends, more as time goes on, and a crowd on the evening of an eclipse."""
    usual = 450 + 2 * number + 150 * (day.weekday() >= 4) + 60 * math.sin(number / 5)
    return int(usual * chance.uniform(0.85, 1.15) * (2.4 if number == DAYS - 17 else 1))


def _visit(counting: Counting, now: datetime, chance: random.Random) -> None:
    """One visitor answers, and looks at some pages if that was a yes."""
    address = next(_addresses(chance))
    country = _Places().at(network(address))
    asked = Asked(address, _one_of(chance, _AGENTS), _LANGUAGES.get(country, "en-GB"))
    granted = _one_of(chance, _ANSWERS)
    answers = {purpose: purpose in granted for purpose in ("preferences", "statistics", "social", "marketing")}
    counting.answered(asked, answers, {}, now=now)
    if chance.random() < 0.09 and granted:
        counting.answered(asked, dict.fromkeys(answers, False), answers, now=now)
        return
    grants = Grants(frozenset(granted) | {"necessary"}, frozenset(), session_only=False, variant="")
    for _ in range(chance.randint(1, 4)):
        page = _one_of(chance, _PAGES)
        counting.page(asked, page=page, campaign=None, grants=grants, decision=None, now=now)
    if chance.random() < 0.5:
        token, link = chance.randbytes(16), _one_of(chance, _LINKS)
        counting.click(asked, link, token=token, granted="statistics" in granted, now=now)


def _addresses(chance: random.Random) -> Iterator[str]:
    """Public ones. They are counted as different visitors and belong to nobody here."""
    while True:
        address = ".".join(map(str, chance.randbytes(4)))
        if network(address):
            yield address


def _one_of(chance: random.Random, weights: Mapping[_T, float]) -> _T:
    return chance.choices(list(weights), list(weights.values()))[0]
