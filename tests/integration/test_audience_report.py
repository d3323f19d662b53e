"""``GET /consent/report`` and ``flask consent report``: who sees them, and what they say of the days that are published."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from turbohtml import parse
from werkzeug.test import TestResponse

from consent import StoreError
from consent.audience import dimensions, embedded
from consent.audience.view import OTHER, Day, Kind, Row
from flask_consentry import audience_notes, charts, world
from flask_consentry.charts import Series
from flask_consentry.cli import consent_commands
from tests import closed_days, geo

from .conftest import SMALL, Site

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NEWEST = date(2026, 11, 22)

CAMPAIGNS = """
[audience.campaigns]
purpose = "spring"
names = ["spring-2026", "members-week"]
[purposes.spring]
text.en = { label = "Which campaign", description = "Counts by which campaign you came." }
text.de = { label = "Welche Kampagne", description = "Zählt, durch welche Kampagne Sie kamen." }
"""


def may(action: str) -> bool:
    return action == "report"


@pytest.fixture
def shown(build: Callable[..., Site]) -> Site:
    """A site that shows its report, and of which nothing is known."""
    return of(build(CONSENT_AUTHORIZE=may))


def of(site: Site, days: Mapping[str, Mapping[date, Day]] | None = None) -> Site:
    """*site* with these published days, at :data:`NOW`."""
    site.clock.now = NOW
    site.state.ledger.database.upgrade()
    if days:
        closed_days.publish(site.state.ledger, days)
    return site


def one_day(**counts: Mapping[str, int]) -> Mapping[str, Mapping[date, Day]]:
    """The newest day, by dimension; what is called "other" is the rest."""
    return {
        dimension: {
            NEWEST: Day(10, [Row(value, Kind.OTHER if value == OTHER else Kind.VALUE, n) for value, n in of.items()])
        }
        for dimension, of in counts.items()
    }


def get(site: Site, query: str = "") -> TestResponse:
    return site.get(f"/consent/report{query}")


def run(site: Site, *words: str) -> Result:
    return site.app.test_cli_runner().invoke(consent_commands, ["report", *words])


def text(response: TestResponse) -> str:
    """What a reader sees."""
    return " ".join(parse(response.text).text.split())


def test_nobody_sees_it_without_a_function(build: Callable[..., Site]) -> None:
    """There is no such page; browsers' reports are taken there all the same."""
    site = of(build())
    assert get(site).status_code == 404
    assert get(site).headers["Cache-Control"] == "no-store"
    assert site.client.post("/consent/report").status_code == 204


def test_who_is_not_allowed_sees_nothing(build: Callable[..., Site]) -> None:
    """It asks for an action of its own: who may see the metrics need not see this."""
    site = of(build(CONSENT_AUTHORIZE=lambda action: action == "metrics"), closed_days.made_up(NEWEST, 1))
    response = get(site)
    assert (response.status_code, response.text) == (403, "forbidden\n")
    assert response.headers["Cache-Control"] == "no-store"
    assert site.get("/consent/metrics").status_code == 200


def test_a_page_without_data(shown: Site) -> None:
    """Says that there is nothing, of which days, and what it would take."""
    response = get(shown)
    assert response.status_code == 200
    assert "no-store" in response.headers["Cache-Control"]
    said = text(response)
    assert "Nothing to show" in said
    assert "26 October to 22 November 2026 · 28 days, by day" in said
    assert "at least 10 networks" in said
    assert "country of the network, as of 17 June 2026. Countries of networks: data of the Number Resource" in said
    assert "25 months" in said


def test_a_page_with_data(shown: Site) -> None:
    """Every part is there, with its numbers, in pictures and in tables."""
    of(shown, closed_days.made_up(date(2026, 10, 1), 53))
    response = get(shown, "?from=2026-11-01&until=2026-11-07")
    assert response.status_code == 200
    said = text(response)
    assert "1 to 7 November 2026 · 7 days, by day" in said
    for heading in ("Page views", "Answers", "Regions", "Pages", "Opened by readers", "Browsers"):
        assert f">{heading}</h" in response.text
    tables = shown.state.ledger.counts.days(since=date(2026, 11, 1), until=date(2026, 11, 7))
    assert f"{tables['page'].total:,}" in said
    assert f"{tables['region'].total + tables['region_exempt'].total:,}" not in said, "the populations stay apart"
    assert response.text.count('<svg class="r-chart') == 2 + 3
    assert response.text.count('<svg class="r-map"') == 1
    assert ">Campaigns</h" not in response.text, "the policy declares none"
    day = tables["page"].days[date(2026, 11, 3)]
    assert re.search(rf"3 November 2026</th><td[^>]*>{day.total:,}</td>", response.text)


def test_longer_periods_go_by_weeks_and_months(shown: Site) -> None:
    """So that a picture is never of hundreds of columns."""
    assert "by week" in text(get(shown, "?from=2026-06-01"))
    assert "by month" in text(get(shown, "?from=2025-06-01"))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?from=2026-11-31", "2026-11-31 is no day"),
        ("?from=2026-11-22&until=2026-11-21", "name the earlier day first"),
        ("?until=2026-11-23", "2026-11-23 is not over"),
        ("?from=2020-01-01", "days are too many"),
        ("?from=%3Cscript%3E", "<script> is no day"),
        ("?from=%00%1b%ff", "this is no day"),
    ],
)
def test_bad_days_are_said_in_the_page(shown: Site, query: str, said: str) -> None:
    """With the form to name others; what was sent is text."""
    response = get(shown, query)
    assert response.status_code == 400
    assert said in text(response)
    assert 'name="from"' in response.text
    assert "<script" not in response.text
    assert "no-store" in response.headers["Cache-Control"]


def test_a_day_is_not_shown_before_it_is_closed(shown: Site) -> None:
    """Until an hour after midnight UTC, the newest is the one before."""
    shown.clock.now = datetime(2026, 11, 23, 0, 59, tzinfo=UTC)
    assert get(shown, "?until=2026-11-22").status_code == 400
    shown.clock.now += timedelta(minutes=1)
    assert get(shown, "?until=2026-11-22").status_code == 200


def test_a_store_that_is_away(shown: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is said in the page, and at the terminal."""

    def fails(*_: object, **__: object) -> None:
        raise StoreError("the store cannot be read")

    monkeypatch.setattr(type(shown.state.ledger.counts), "days", fails)
    response = get(shown)
    assert response.status_code == 503
    assert "cannot be read now" in text(response)
    result = run(shown)
    assert (result.exit_code, result.output) == (1, "Error: the store cannot be read\n")


HOSTILE = ["/<script>alert(1)</script>", "=cmd()|x", '"><img src=x onerror=y>', "/\u202eevil", "/\x1b[2J"]


def test_hostile_labels(shown: Site) -> None:
    """Are text in the page, no formula in the CSV, and move no cursor."""
    labels = dict.fromkeys(HOSTILE, 20)
    of(
        shown,
        one_day(
            page=labels, browser=labels, link=labels, **{dimensions.answer("<b>"): {"accepted": 20, "refused": 20}}
        ),
    )
    page = get(shown)
    assert page.status_code == 200
    assert not parse(page.text).select("script, img, b")
    assert "/<script>alert(1)</script>" in text(page)
    assert not {"\u202e", "\x1b"} & set(page.text)
    rows = list(csv.DictReader(io.StringIO(run(shown, "--format", "csv").stdout, newline="")))
    assert "'=cmd()|x" in {row["label"] for row in rows}
    assert "=cmd()|x" not in {row["label"] for row in rows}
    assert "\x1b" not in run(shown).stdout


def test_nothing_is_asked_of_others_and_nothing_is_inline(shown: Site) -> None:
    """No address of another site, no script, no style element, no style attribute, no event handler."""
    of(shown, closed_days.made_up(date(2026, 10, 1), 53))
    html = get(shown).text
    tree = parse(html)
    assert not tree.select("script, style, iframe, object, img, [style], base")
    assert not re.findall(r"\son\w+=", html)
    addresses = [
        value
        for element in tree.select("*")
        for name, value in element.attrs.items()
        if name in ("href", "src", "action", "xlink:href") and value is not None
    ]
    assert len(addresses) >= 6
    source = embedded.source()
    elsewhere = [address for address in addresses if not str(address).startswith("/consent/")]
    assert elsewhere == [source.url, source.licence_url], "links that nobody follows by looking"
    assert "url(" not in html
    assert html.count("://") == 2


def test_every_picture_is_named_and_has_a_table(shown: Site) -> None:
    """By elements that are there; ids are unique; headings follow one another without a gap."""
    of(shown, closed_days.made_up(date(2026, 10, 1), 53))
    tree = parse(get(shown).text)
    ids = [element.attrs["id"] for element in tree.select("[id]")]
    assert len(ids) == len(set(ids))
    pictures = tree.select("svg[role=img]")
    assert len(pictures) == 6
    for picture in pictures:
        assert {str(picture.attrs["aria-labelledby"]), str(picture.attrs["aria-describedby"])} <= set(ids)
    for other in tree.select("svg:not([role])"):
        assert other.attrs["aria-hidden"] == "true"
    levels = [int(element.tag[1]) for element in tree.select("h1, h2, h3, h4")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for table in tree.select("table"):
        assert table.select("caption")
        assert table.select("thead th[scope=col]")
    assert len(tree.select("details table")) >= 5
    summaries = [element.text for element in tree.select("summary")]
    assert len(summaries) == len(set(summaries)) >= 5


def test_a_site_may_write_its_own(build: Callable[..., Site]) -> None:
    """As with every other template of ours."""

    def own(app: Flask) -> None:
        folder = Path(app.root_path, "templates", "consentry")
        folder.mkdir(parents=True)
        (folder / "report.html").write_text("<title>{{ site }}: {{ figures | length }}</title>", encoding="utf-8")

    site = of(build(CONSENT_AUTHORIZE=may, prepare=own), one_day(page={"/": 50, OTHER: 30}))
    assert "<title>Example Ltd: 1</title>" in get(site).text


def test_regions_name_what_they_are_told_by(build: Callable[..., Site], tmp_path: Path) -> None:
    """A database of the site's own is named without an attribution that is not its."""
    file = geo.database(tmp_path / "own.mmdb", {geo.IPV4: geo.country("DE")})
    said = text(get(of(build(CONSENT_AUTHORIZE=may, CONSENT_GEOIP_DATABASE=str(file)))))
    assert "the site's own database" in said
    assert "nro.net" not in said


def test_both_populations_are_told_apart(shown: Site) -> None:
    """Each number is there; the sum is of what was published."""
    of(shown, one_day(region={"FR": 100, OTHER: 40}, region_exempt={"FR": 70, OTHER: 31}, page={"/": 100, OTHER: 40}))
    html = get(shown).text
    assert re.search(
        r"<bdi>France</bdi>.*?>100</td><td[^>]*>71 %</td><td[^>]*>70</td><td[^>]*>170</td>", html, re.DOTALL
    )
    assert "Nobody is in both" in html


SOME_DAYS = {
    "link": {
        NEWEST - timedelta(days=number): Day(
            10, [Row("film" if number % 9 else "shop", Kind.VALUE, 50), Row(OTHER, Kind.OTHER, 50)]
        )
        for number in range(28)
    },
    "region": {
        NEWEST - timedelta(days=number): Day(
            10, [Row("IE" if number % 9 else "MT", Kind.VALUE, 50), Row(OTHER, Kind.OTHER, 50)]
        )
        for number in range(28)
    },
}


def test_what_is_shown_on_some_days_has_a_share_of_these(shown: Site) -> None:
    """Half of 4 of 28 days is a half, on the page, at the terminal and in JSON; each says on how many days."""
    of(shown, SOME_DAYS)
    html, said = get(shown).text, text(get(shown))
    for name in ("shop", "Malta"):
        assert re.search(rf"<bdi>{name}</bdi> <span[^>]*>on 4 of 28 days</span>.*?>200</td><td[^>]*>50 %</td>", html)
    assert len(re.findall(r'<rect width="100" ', html)) == 6, "all bars are as long: each is of a half"
    assert "Ireland (50 a day), Malta (50 a day)" in said
    lines = [line for line in run(shown).stdout.splitlines() if line.startswith(("  shop", "  Malta"))]
    assert len(lines) == 2
    for line in lines:
        assert re.search(r" 200 +50 %  █+ +on 4 of 28 days$", line)
        assert len(line) <= 80
    (row,) = (row for row in json.loads(run(shown, "--format", "json").stdout)["regions"] if row["label"] == "MT")
    assert row["agreed"] == {"count": 200, "days": 4, "of": 400, "share": 0.5}


def test_a_list_of_nothing_but_the_rest_is_a_sentence(build: Callable[..., Site]) -> None:
    """On the page and at the terminal; and so are campaigns of which none is named."""
    declared = SMALL + CAMPAIGNS
    site = of(
        build(declared, CONSENT_AUTHORIZE=may),
        one_day(link={OTHER: 137}, region={OTHER: 80}, campaign={"none": 50, OTHER: 30}, page={"/": 50, OTHER: 30}),
    )
    page = get(site)
    for said in (text(page), " ".join(run(site).stdout.split())):
        assert "Links of newsletters: 137 clicks, and no link can be told by itself." in said
        assert "Regions: 80 page views, and no region can be told by itself." in said
        assert "Campaigns: and no campaign" not in said
        assert "Campaigns: no campaign can be told by itself." in said
        assert "100 %" not in said
    assert ">Campaigns</h" not in page.text
    assert "r-map" not in page.text.replace("r-map-name", "")


def test_campaigns_have_a_list_where_one_is_named(build: Callable[..., Site]) -> None:
    """If the policy declares some."""
    days = one_day(campaign={"none": 50, "spring-2026": 20, OTHER: 30})
    declared = build(SMALL + CAMPAIGNS, CONSENT_AUTHORIZE=may)
    assert ">Campaigns</h" in get(of(declared, days)).text
    assert "CAMPAIGNS" in run(declared).stdout
    without = of(build(CONSENT_AUTHORIZE=may), days)
    assert "Campaign" not in get(without).text
    assert "CAMPAIGNS" not in run(without).stdout
    assert "campaign" in json.loads(run(without, "--format", "json").stdout)["dimensions"]


def test_an_empty_report_says_why(shown: Site) -> None:
    """The usual reasons, on the page and at the terminal."""
    for said in (text(get(shown)), " ".join(run(shown).stdout.split())):
        assert "Only visitors who said yes to" in said
        assert "needs 10 different public networks on one day" in said
        assert "127.0.0.1" in said
        assert "after 01:00 UTC of the next" in said
        assert "docs/audience.md, “The report stays empty”" in said


def test_an_empty_report_names_a_purpose_that_is_missing(build: Callable[..., Site]) -> None:
    """Under which nothing is counted."""
    site = of(build('site = "example"\n[controller]\nname = "Example Ltd"\n[purposes.social]\n', CONSENT_AUTHORIZE=may))
    assert "the policy does not declare the purpose “statistics”" in text(get(site))


def test_a_young_site_says_once_when_its_numbers_begin(shown: Site) -> None:
    """Days before are no days of which something is missing."""
    of(shown, closed_days.made_up(date(2026, 10, 1), 53))
    for said in (text(get(shown, "?from=2025-01-01")), run(shown, "--from", "2025-01-01").stdout):
        assert said.count("No numbers before 1 October 2026") == 1
        assert "of the 691 days" not in said
    by_month = text(get(shown, "?from=2025-01-01"))
    assert re.search(r"Most: [^(;]*2026 \([\d,]+ a day\); fewest: [^(;]*2026 \([\d,]+ a day\)", by_month)
    assert "No numbers before" not in text(get(shown))


def test_equal_days_have_a_total(shown: Site) -> None:
    """And no busiest one."""
    answers = {
        NEWEST - timedelta(days=n): Day(10, [Row("accepted", Kind.VALUE, 400), Row("refused", Kind.VALUE, 500)])
        for n in range(28)
    }
    of(shown, {dimensions.answer("statistics"): answers})
    assert "900 every day, 25,200 answers in all." in text(get(shown))


def test_one_day_has_no_picture_over_time(shown: Site) -> None:
    """One column would say nothing; the numbers are there."""
    of(shown, closed_days.made_up(NEWEST, 1))
    page = get(shown, f"?from={NEWEST}")
    assert "r-chart" not in page.text
    assert "said yes" in text(page)
    assert re.search(r"Yes: \d+", text(page))
    assert "As a table" not in page.text


def test_the_terminal_table(shown: Site) -> None:
    """Readable in 80 columns, and says what is missing and why."""
    of(shown, closed_days.made_up(date(2026, 10, 1), 53))
    result = run(shown)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] == "Audience of example, 26 October to 22 November 2026"
    said = " ".join(result.stdout.split())
    for part in ("PAGE VIEWS", "ANSWERS", "REGIONS", "Ireland", "OPENED BY READERS", "at least 10 networks", "nro.net"):
        assert part in said
    assert "In “Other”: " in said


def test_long_names_are_cut_in_the_middle(shown: Site) -> None:
    """Wide letters count twice."""
    wide = "/\u8def" * 60
    of(shown, one_day(page={"/a/" + "x" * 200 + "/end": 50, wide: 40, OTHER: 30}))
    lines = run(shown).stdout.splitlines()
    (long,) = (line for line in lines if line.startswith("  /a/"))
    assert "…" in long
    assert long[:34].endswith("/end")
    assert len(long) <= 80


def test_the_report_as_files(shown: Site, tmp_path: Path) -> None:
    """JSON with sums, CSV with every published row; a file is replaced when it is whole."""
    of(shown, closed_days.made_up(date(2026, 10, 1), 53))
    result = run(shown, "--format", "json", "--from", "2026-11-01")
    said = json.loads(result.stdout)
    assert (said["site"], said["from"], said["until"]) == ("example", "2026-11-01", "2026-11-22")
    assert said["dimensions"]["page"]["total"] == said["dimensions"]["browser"]["total"] > 0
    assert "nro.net" in said["source"]
    assert embedded.source().licence_url in said["source"]
    file = tmp_path / "report.csv"
    assert run(shown, "--format", "csv", "--from", "2026-11-01", "--output", str(file)).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode(), newline="")))
    assert sum(int(row["count"]) for row in rows if row["dimension"] == "page") == said["dimensions"]["page"]["total"]
    assert {row["kind"] for row in rows} == {"value", "group", "other"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "yesterday"], "yesterday is no day"),
        (["--from", "2026-11-22", "--until", "2026-11-21"], "name the earlier day first"),
        (["--until", "2030-01-01"], "is not over"),
    ],
)
def test_bad_days_at_the_terminal(shown: Site, words: list[str], said: str) -> None:
    """A line that says what is wrong, and 2."""
    result = run(shown, *words)
    assert result.exit_code == 2
    assert said in result.output


def test_a_file_that_cannot_be_written(shown: Site) -> None:
    """A line, not a traceback."""
    result = run(shown, "--output", "/nowhere/report.txt")
    assert result.exit_code == 1
    assert "/nowhere/report.txt cannot be written" in result.output


def test_the_chart_library_is_loaded_for_the_report_alone() -> None:
    """No other page pays for it."""
    code = "import sys, flask_consentry, flask_consentry.views; print('leather' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 10**12)), min_size=1, max_size=93),
    st.integers(1, 3),
    st.sampled_from([charts.NARROW, charts.WIDE]),
)
def test_every_column_is_in_the_picture(counts: list[int | None], times: int, width: int) -> None:
    """Within its bounds, as high as its number; nothing where there is none; the same picture for the same numbers."""
    labels = [f"<{number}>" for number in range(len(counts))]
    series = [Series("r-all", counts)] * times
    picture = charts.columns(labels, series, named_by="a", described_by="b", width=width)
    assert picture == charts.columns(labels, series, named_by="a", described_by="b", width=width)
    if not any(counts):
        assert picture == ""
        return
    heights = [float(found) for found in re.findall(r'<rect [^>]*height="([\d.e-]+)"', picture)]
    assert len(heights) == times * len(counts)
    highest = max(count or 0 for count in counts)
    for height, count in zip(heights, counts, strict=False):
        assert 0 <= height <= charts.HEIGHT
        assert height == pytest.approx(max(heights) * (count or 0) / highest, abs=0.2, rel=0.01)
    assert not re.search(r"style|fill=|font|<0>", picture)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["IE", "DE", "US", "MT", "XK", "GF"]), st.integers(1, 10**9)))
def test_every_country_on_the_map_has_its_shade(counts: dict[str, int]) -> None:
    """That of the class of the legend which its number is in; others have none; what is not on it is named."""
    drawn = world.draw(counts, named_by="a", described_by="b", groups=["150"])
    for shade, after in pairwise(drawn.legend):
        assert shade.most < after.least
    for shade in drawn.legend:
        assert any(shade.least <= count <= shade.most for count in counts.values())
    assert len(drawn.legend) <= world.SHADES
    for country, count in counts.items():
        path = world._world().countries.get(country)
        if path is None:
            assert country in drawn.off
        else:
            (style,) = (one.style for one in drawn.legend if one.least <= count <= one.most)
            assert f'class="{style}" d="{path}"' in drawn.picture
    bare = len(world._world().countries) - len(counts) + len(drawn.off)
    assert drawn.picture.count("r-land") + drawn.picture.count("r-hatched") == bare
    assert ('class="r-hatched"' in drawn.picture) == drawn.hatched
    assert drawn.picture.count("r-hatched") > 20, "what is left of Europe"


def test_the_map() -> None:
    """Codes are those of countries; it is small, without Antarctica, and what it is made of is said in NOTICE."""
    from consent.audience.continents import continent

    world_ = world._world()
    assert len(world_.countries) == 175
    assert [code for code in world_.countries if continent(code) is None] == []
    assert all(re.fullmatch(r"(?:M\d+ \d+l[\d -]+z)+", path) for path in world_.countries.values())
    file = Path(world.__file__).with_name("world.json")
    assert file.stat().st_size < 100_000
    notice = (Path(__file__).parents[2] / "NOTICE").read_text(encoding="utf-8")
    assert "world.json" in notice
    assert "Natural Earth" in notice
    assert "Permission to use, copy, modify, and/or distribute this software" in notice


def test_labels_of_purposes(shown: Site) -> None:
    """Those that visitors read; an id where the policy has the purpose no more."""
    policy = shown.state.policy
    first = next(iter(policy.purposes))
    assert audience_notes.label(policy, first) == policy.purposes[first].texts["en"].label
    assert audience_notes.label(policy, "gone\x1b") == "gone\ufffd"
