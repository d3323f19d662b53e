"""What a request counts, on every ground that there is, and that nothing else of it stays."""

from __future__ import annotations

import logging
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from consent import Decision, Duration, Method, Policy
from consent.audience.counters import Batch, Counters, Tallied
from consent.audience.counting import Asked, Counting
from consent.audience.dimensions import OF_A_PAGE, VISITORS
from consent.audience.region import Regions
from consent.grants import allowed
from consent.policy import parse
from consent.signals import Signals
from tests.geo import IPV4, IPV6, country, database

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
APPLE = "Mozilla/5.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
#: In the database below: Ireland, Germany, nowhere.
IRELAND, GERMANY, NOWHERE = "9.9.9.77", "2a00:1450:4001::77", "10.0.0.1"

POLICY = """
site = "example"
[purposes.statistics]
[purposes.audience]
basis = "exempt"
text.en = { label = "Regions", description = "Counts countries." }
[purposes.campaigns]
text.en = { label = "Campaigns", description = "Counts campaigns." }
[purposes.opens]
text.en = { label = "Opens", description = "Counts mails." }
[audience]
[audience.exempt]
purpose = "audience"
countries = ["IE"]
[audience.campaigns]
purpose = "campaigns"
names = ["spring"]
[audience.mail]
purpose = "opens"
campaigns = ["2026-05"]
[audience.links]
catalogue = "/catalogue"
"""


class Site:
    """A policy, and what is counted under it."""

    def __init__(self, policy: Policy, regions: Regions) -> None:
        self.policy = policy
        self.batches: list[Batch] = []
        self.counters = Counters(self.batches.append, k=5, entropy=os.urandom, every=None)
        self.counting = Counting(policy, regions, self.counters)

    def page(
        self,
        address: str | None = IRELAND,
        answers: dict[str, bool] | None = None,
        *,
        agent: str = FIREFOX,
        campaign: str | None = None,
    ) -> bool:
        decision = _decision(answers) if answers is not None else None
        grants = allowed(self.policy, decision, Signals())
        asked = Asked(address, agent, "de-DE,de;q=0.9")
        return self.counting.page(asked, page="/", campaign=campaign, grants=grants, decision=decision, now=NOW)

    @property
    def counted(self) -> dict[str, dict[str, Tallied]]:
        """By dimension and value."""
        self.counters.flush(now=NOW)
        counted: dict[str, dict[str, Tallied]] = {}
        for batch in self.batches:
            for (_, dimension, value), tallied in batch.items():
                counted.setdefault(dimension, {})[value] = tallied
        return counted

    @property
    def hits(self) -> dict[str, dict[str, int]]:
        return {name: {value: one.count for value, one in cells.items()} for name, cells in self.counted.items()}


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Regions:
    """One network in Ireland, one in Germany."""
    file = tmp_path_factory.mktemp("regions") / "country.mmdb"
    return Regions(database(file, {IPV4: country("IE"), IPV6: country("DE")}))


@pytest.fixture
def site(regions: Regions) -> Site:
    return Site(parse(POLICY), regions)


def _decision(answers: dict[str, bool]) -> Decision:
    return Decision(
        answers=answers,
        services=frozenset(),
        duration=Duration.PERSISTENT,
        method=Method.CUSTOM,
        decided_at=NOW,
        valid_until=NOW.replace(year=2027),
    )


def _asked(agent: str = FIREFOX, address: str | None = IRELAND) -> Asked:
    return Asked(address, agent, "")


FULL = set(OF_A_PAGE)
EXEMPT, NOTHING = {"region_exempt"}, set[str]()
NO = {"statistics": False, "audience": False, "campaigns": False, "opens": False}


@pytest.mark.parametrize(
    ("address", "answers", "dimensions"),
    [
        (IRELAND, None, EXEMPT),  # the law there exempts it, and nobody has objected
        (IRELAND, {"statistics": False}, EXEMPT),
        (IRELAND, {"statistics": False, "audience": True}, EXEMPT),
        (IRELAND, NO, NOTHING),  # who rejects all objects
        (IRELAND, {"statistics": True}, FULL),
        (IRELAND, {**NO, "statistics": True}, FULL),
        (IRELAND, {"statistics": True, "audience": True}, FULL),  # never both
        (GERMANY, None, NOTHING),
        (GERMANY, {"statistics": False}, NOTHING),
        (GERMANY, {**NO, "audience": True}, EXEMPT),  # a yes counts anywhere
        (GERMANY, {"statistics": True}, FULL),
        (NOWHERE, None, NOTHING),  # an unknown country means consent
        (NOWHERE, {**NO, "audience": True}, EXEMPT),
        (NOWHERE, {"statistics": True}, FULL),
        (None, None, NOTHING),
        ("not an address", None, NOTHING),
        (None, {"statistics": True}, FULL),
    ],
)
def test_a_page_is_counted_on_its_ground(
    site: Site, address: str | None, answers: dict[str, bool] | None, dimensions: set[str]
) -> None:
    """With statistics all six, without them the region where that is exempt or granted, else nothing."""
    assert site.page(address, answers) is bool(dimensions)
    assert set(site.counted) == dimensions
    assert all(tallied == (1, 1) for cells in site.counted.values() for tallied in cells.values())


def test_nothing_is_exempt_that_the_site_has_not_declared(regions: Regions) -> None:
    """Without the table, the purpose alone does nothing."""
    site = Site(parse(POLICY.partition("[audience]")[0]), regions)
    assert not site.page(IRELAND)
    assert not site.page(IRELAND, {"audience": True})
    assert site.counted == {}


def test_nothing_is_counted_under_a_purpose_that_is_not_declared(regions: Regions) -> None:
    """The smallest policy counts nobody."""
    site = Site(parse('site = "example"'), regions)
    assert not site.page(IRELAND, {"statistics": True})
    assert site.counted == {}


def test_a_page_says_six_things(site: Site) -> None:
    """Page, region, browser, device, language, campaign: each hit once in each."""
    yes = {"statistics": True, "campaigns": True}
    assert site.page(IRELAND, yes, campaign="spring")
    assert site.page(GERMANY, yes, campaign="made-up")
    assert site.page(NOWHERE, {"statistics": True, "campaigns": False}, campaign="spring")
    assert site.page(NOWHERE, {"statistics": True}, campaign=None)
    assert site.hits == {
        "page": {"/": 4},
        "region": {"IE": 1, "DE": 1, "unknown": 2},
        "browser": {"Firefox": 4},
        "device": {"desktop": 4},
        "language": {"de": 4},
        "campaign": {"spring": 1, "none": 3},
    }


def test_contributors_are_networks(site: Site) -> None:
    """Whatever a browser calls itself: one person could make up many. Without a network all are one."""
    yes = {"statistics": True}
    for address in ("9.9.9.1", "9.9.9.254", "::ffff:9.9.9.3"):
        site.page(address, yes, agent=f"{FIREFOX} {address}")
    for other in ("2a00:1450:4001:1::1", "2a00:1450:4001:2::2", "10.0.0.1", "10.0.1.1", None, "nonsense"):
        site.page(other, yes)
    assert site.counted["page"]["/"] == Tallied(9, 3)
    assert site.counted["region"]["IE"] == Tallied(3, 1)


@pytest.mark.parametrize("agent", ["", "curl/8.0", APPLE, GMAIL, "Mozilla/5.0 HeadlessChrome/140.0"])
def test_machines_are_counted_nowhere(site: Site, agent: str) -> None:
    """Neither as visitors nor as clicks nor as answers."""
    assert not site.page(IRELAND, {"statistics": True}, agent=agent)
    assert not site.page(IRELAND, agent=agent)
    assert not site.counting.click(_asked(agent), "catalogue", token=b"1", granted=True, now=NOW)
    site.counting.answered(_asked(agent), {"statistics": True}, {}, now=NOW)
    assert site.counted == {}


def test_a_click_is_counted_once(site: Site) -> None:
    """A declared link, with a yes, by a person; a token that comes again is not counted again."""
    click = site.counting.click
    assert not click(_asked(), "catalogue", token=b"1", granted=False, now=NOW)
    assert not click(_asked(), "elsewhere", token=b"1", granted=True, now=NOW)
    assert click(_asked(), "catalogue", token=b"1", granted=True, now=NOW)
    assert not click(_asked(), "catalogue", token=b"1", granted=True, now=NOW)
    assert click(_asked(), "catalogue", token=b"2", granted=True, now=NOW)
    assert site.counted == {"link": {"catalogue": Tallied(2, 1)}}


def test_opens_are_of_people_or_of_proxies(site: Site) -> None:
    """Each once a day and recipient, and by recipient: whoever looks, and from wherever."""
    opened = site.counting.opened
    assert not opened(_asked(), "2026-05", subject=b"a", granted=False, now=NOW)
    assert not opened(_asked(), "2026-06", subject=b"a", granted=True, now=NOW)
    assert not opened(_asked("curl/8.0"), "2026-05", subject=b"a", granted=True, now=NOW)
    assert opened(_asked(APPLE), "2026-05", subject=b"a", granted=True, now=NOW)
    assert not opened(_asked(GMAIL, GERMANY), "2026-05", subject=b"a", granted=True, now=NOW)
    assert opened(_asked(), "2026-05", subject=b"a", granted=True, now=NOW)
    assert opened(_asked(address=None), "2026-05", subject=b"b", granted=True, now=NOW)
    assert site.counted == {"open_proxy": {"2026-05": Tallied(1, 1)}, "open": {"2026-05": Tallied(2, 2)}}


def test_opens_are_never_located(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy's address says nothing of a reader, and nobody looks at the reader's."""

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("consent.audience.counting.network", never)
    monkeypatch.setattr(Regions, "at", never)
    assert site.counting.opened(_asked(), "2026-05", subject=b"a", granted=True, now=NOW)


def test_answers_are_counted_by_purpose(site: Site) -> None:
    """A no once more, apart: as a yes that was taken back, or as a no of who had not said yes."""
    before = {"statistics": True, "campaigns": False}
    answers = {"statistics": False, "campaigns": False, "opens": False, "audience": True, "unknown": True}
    site.counting.answered(_asked(), answers, before, now=NOW)
    assert site.hits == {
        "answer.statistics": {"refused": 1},
        "answer.campaigns": {"refused": 1},
        "answer.opens": {"refused": 1},
        "answer.audience": {"accepted": 1},
        "withdrawal": {"statistics": 1},
        "refusal": {"campaigns": 1, "opens": 1},
    }


@pytest.mark.parametrize("answers", [{}, {"unknown": True}])
def test_no_answer_is_not_counted(site: Site, answers: dict[str, bool]) -> None:
    """Nothing declared was answered about."""
    site.counting.answered(_asked(), answers, {"statistics": True}, now=NOW)
    assert site.counted == {}


def test_visitors_are_estimated_where_the_site_asks_for_it(regions: Regions) -> None:
    """By network and browser; only with statistics."""
    site = Site(parse(POLICY.replace("[audience]", "[audience]\nvisitors = true")), regions)
    for number in range(400):
        site.page(f"9.9.{number % 8}.1", {"statistics": True}, agent=f"{FIREFOX} {number}")
    site.page(IRELAND)
    assert site.counted[VISITORS] == {VISITORS: Tallied(8, 5)}, "made-up agents of one browser are one visitor"


def test_there_is_no_estimate_by_default(site: Site) -> None:
    """Nobody is told from others."""
    site.page(IRELAND, {"statistics": True})
    assert VISITORS not in site.counted


def test_subdivisions_are_of_their_country(tmp_path: Path) -> None:
    """What is exempt in a country is exempt in its parts."""
    file = database(tmp_path / "city.mmdb", {IPV4: {**country("IE"), "subdivisions": [{"iso_code": "L"}]}})
    site = Site(parse(POLICY), Regions(file, subdivisions={"IE"}))
    assert site.page(IRELAND)
    assert site.hits == {"region_exempt": {"IE-L": 1}}


def test_a_request_shows_nothing_of_itself() -> None:
    """Tracebacks with local values are made of this."""
    asked = Asked("9.9.9.9", "Canary/1", "tlh")
    assert not any(canary in repr(asked) for canary in ("9.9.9.9", "Canary", "tlh"))


def test_nothing_of_a_request_is_said(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in what is counted, nor in the log, also when the database breaks."""
    caplog.set_level(logging.DEBUG)
    agent = f"{FIREFOX} Canary/9"
    yes = {"statistics": True}
    site.page("9.9.9.237", yes, agent=agent)
    Counting(site.policy, Regions(Path(__file__)), site.counters).page(
        Asked("9.9.9.237", agent, "tlh-canary"),
        page="/",
        campaign="canary",
        grants=allowed(site.policy, _decision(yes), Signals()),
        decision=None,
        now=NOW,
    )
    said = f"{site.counted} {caplog.text}".lower()
    assert not any(trace in said for trace in ("9.9.9", "canary", "tlh"))
    assert site.hits["region"] == {"IE": 1, "unknown": 1}
    assert site.counted["page"]["/"] == Tallied(2, 1)
    assert all(isinstance(day, date) for batch in site.batches for day, _, _ in batch)
