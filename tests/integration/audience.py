"""What the tests of beacons and links share: a policy that counts everything, hits, and what was counted."""

from __future__ import annotations

import re
from collections import Counter
from html import unescape

import sqlalchemy as sa
from werkzeug.test import TestResponse

from consent.audience import dimensions
from consent.ledger import tables
from tests.geo import IPV4
from tests.policies import SMALL

from .conftest import Site

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
APPLE = "Mozilla/5.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
#: In Quad9's network, which the countries that ship have in the United States.
VISITOR = IPV4.replace(".0/24", ".237")
ELSEWHERE = "8.8.8.8"

#: The small policy without what else may count: statistics, and nothing of e-mails.
COUNTING = (
    SMALL.replace("[purposes.preferences]", '[purposes.preferences]\nbasis = "exempt"')
    + """
[audience]
pages = ["/news/*"]
[audience.campaigns]
purpose = "marketing"
names = ["spring"]
[audience.mail]
purpose = "social"
campaigns = ["2026-05"]
[audience.links]
catalogue = "https://shop.example/catalogue?a=1"
start = "/news/1"
"""
)
EXEMPT = (
    COUNTING
    + """
[audience.exempt]
purpose = "preferences"
countries = ["US"]
"""
)
_HITS = (*dimensions.OF_A_PAGE, dimensions.EXEMPT_REGION, dimensions.LINK, dimensions.OPEN, dimensions.OPEN_PROXY)


def hit(site: Site, url: str, *, method: str = "GET", address: str = VISITOR, **headers: str) -> TestResponse:
    """A request of *site*'s client for *url*, which may be a whole one."""
    said = {"User-Agent": FIREFOX, "Accept-Language": "de-AT, en;q=0.5"}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    path = url.removeprefix("http://localhost").removeprefix("https://www.example.org")
    return site.client.open(path, method=method, headers=said, environ_overrides={"REMOTE_ADDR": address})


def picture(page: str) -> str:
    """The address of the one beacon in *page*."""
    (found,) = re.findall(r'<img src="([^"]+/consent/(?:beacon|open)/[^"]+|/consent/(?:beacon|open)/[^"]+)"', page)
    return unescape(found)


def beacon(site: Site, path: str = "/", *, address: str = VISITOR) -> str:
    """The address of the beacon in a page, rendered for *site*'s client."""
    return picture(hit(site, path, address=address).text)


def counted(site: Site) -> dict[str, dict[str, int]]:
    """All hits that were counted so far, no answers: dimension, value, hits."""
    site.state.counters.flush(now=site.clock())
    found: dict[str, Counter[str]] = {}
    columns = tables.audience.c
    if site.state.ledger.database.exists:
        with site.state.ledger.database.read() as connection:
            for dimension, value, count in connection.execute(
                sa.select(columns.dimension, columns.value, columns.count)
            ):
                found.setdefault(dimension, Counter())[value] += count
    return {dimension: dict(values) for dimension, values in found.items() if dimension in _HITS}
