"""The audience report: sums of what was published, and nothing else."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.audience import dimensions, naming, report_file
from consent.audience.period import LONGEST, Period, PeriodError, Step, Unit, period
from consent.audience.report import Days, Report, percent, report
from consent.audience.view import OTHER, Day, Kind, Row, Table, last_closed

FIRST = date(2026, 11, 2)  # a Monday
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def shown(*rows: tuple[str, int] | tuple[str, int, Kind], k: int = 10, epsilon: float | None = None) -> Day:
    """A day as it was published: values, unless said otherwise."""
    return Day(k, [Row(row[0], row[2] if len(row) > 2 else Kind.VALUE, row[1]) for row in rows], epsilon)


def reads(tables: Mapping[str, Mapping[date, Day]]) -> Days:
    """What the store would say: days of which nothing is shown are missing."""

    def days(*, since: date, until: date) -> Mapping[str, Table]:
        found = {
            dimension: {day: read for day, read in of.items() if since <= day <= until and read.rows}
            for dimension, of in tables.items()
        }
        return {dimension: Table(of) for dimension, of in found.items() if of}

    return days


def made(tables: Mapping[str, Mapping[date, Day]], days: int = 7, *purposes: str) -> Report:
    return report(reads(tables), Period(FIRST, day(days - 1)), purposes=purposes)


PAGES = {
    day(0): shown(("/", 30), ("/news", 12), (OTHER, 31, Kind.OTHER)),
    day(1): shown(("/", 40), (OTHER, 35, Kind.OTHER)),
    day(3): shown(("/news", 11), (OTHER, 60, Kind.OTHER)),
}


def test_a_section_adds_up_what_was_published() -> None:
    """Rows with their days, the total, a total for each step, and none where nothing is shown."""
    section = made({"page": PAGES}).section("page")
    assert [(row.label, row.kind, row.count, row.days) for row in section.rows] == [
        ("/", Kind.VALUE, 70, 2),
        ("/news", Kind.VALUE, 23, 2),
        (OTHER, Kind.OTHER, 126, 3),
    ]
    assert section.total == 219
    assert section.over_time == (73, 75, None, 71, None, None, None)
    assert (section.shown, section.empty, section.mean) == (3, 4, 73)
    assert section.held(Kind.OTHER) == 126


def test_a_section_says_what_is_missing_and_why() -> None:
    """In whole sentences, with how much and below what."""
    (empty, other) = made({"page": PAGES}).section("page").said
    assert empty == "Of 4 of the 7 days nothing is shown: there were too few page views, or none."
    assert other == (
        "In “Other”: 126 of 219 page views (58 %). It is what fewer than 10 networks did on a day, if anything, "
        "and as a rule something on purpose that was large enough."
    )


def test_a_share_is_one_of_the_days_on_which_a_row_is_shown() -> None:
    """Half of everything on 3 of 28 days is a half, not a twentieth; the count stays what it is."""
    links = {day(number): shown(("film", 60), (OTHER, 40, Kind.OTHER)) for number in range(28)}
    links |= {day(number): shown(("shop", 50), (OTHER, 50, Kind.OTHER)) for number in (3, 9, 20)}
    section = made({"link": links}, 28).section("link")
    assert [(row.label, row.count, row.days, row.of, row.share, row.mean) for row in section.rows] == [
        ("film", 1500, 25, 2500, 0.6, 60.0),
        ("shop", 150, 3, 300, 0.5, 50.0),
        (OTHER, 1150, 28, 2800, 1150 / 2800, 1150 / 28),
    ]
    said = {row["label"]: row for row in report_file.plain(made({"link": links}, 28))["dimensions"]["link"]["rows"]}
    assert (said["shop"]["count"], said["shop"]["days"], said["shop"]["of"], said["shop"]["share"]) == (
        150,
        3,
        300,
        0.5,
    )


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(1, 50)), min_size=1, max_size=6))
def test_a_share_is_the_true_one_of_its_days(counted: list[dict[str, int]]) -> None:
    """Worked out day by day, the slow way, and never more than all."""
    pages = {day(number): shown(*values.items(), (OTHER, 30, Kind.OTHER)) for number, values in enumerate(counted)}
    for row in made({"page": pages}).section("page").rows:
        if row.kind is Kind.VALUE:
            own = [values for values in counted if row.label in values]
            assert row.count == sum(values[row.label] for values in own)
            assert (row.days, row.of) == (len(own), sum(30 + sum(values.values()) for values in own))
            assert 0 < row.share < 1


def test_days_before_the_first_number_are_no_gap() -> None:
    """They are said once, not in each section."""
    made_ = made({"page": {day(5): shown(("/", 30))}, "link": {day(6): shown(("film", 30))}})
    assert made_.since == day(5)
    assert [made_.section(name).days for name in ("page", "link", "open")] == [2, 2, 2]
    assert made_.section("link").said == ("Of 1 of the 2 days nothing is shown: there were too few clicks, or none.",)
    assert report_file.plain(made_)["first_shown"] == "2026-11-07"
    assert made({}).since is None


def test_continents_and_noise_are_said() -> None:
    """And a k that changed on the way; recipients stand for e-mails what networks do for pages."""
    regions = {
        day(0): shown(("DE", 50), ("150", 20, Kind.GROUP), (OTHER, 30, Kind.OTHER), k=10),
        day(1): shown(("DE", 70), (OTHER, 60, Kind.OTHER), k=20, epsilon=0.5),
    }
    said = " ".join(made({"region": regions}, 2).section("region").said)
    assert "By continent only: 20 of 230 page views (9 %). These are countries of which too few came, if any" in said
    assert "fewer than 10 to 20 networks" in said
    assert "epsilon 0.5" in said
    mails = {day(0): shown(("may", 20), (OTHER, 30, Kind.OTHER))}
    assert "fewer than 10 recipients" in made({"open": mails}, 1).section("open").said[0]


def test_nothing_at_all_is_a_report_too() -> None:
    """It says so of each dimension that somebody asks for."""
    empty = made({}, 7, "statistics")
    assert empty.sections == {}
    assert empty.section("page").said == ("Nothing is shown of the 7 days: there were too few page views, or none.",)
    (answers,) = empty.answers
    assert (answers.rate, answers.accepted, answers.taken_back) == (None, None, None)
    assert empty.regions == ()


def test_answers_of_each_purpose() -> None:
    """Yes, no and what was taken back over time; first the purposes of the policy, then those it has no more."""
    tables = {
        dimensions.answer("statistics"): {
            day(0): shown(("accepted", 30), ("refused", 10)),
            day(2): shown(("accepted", 20), ("refused", 40)),
        },
        dimensions.answer("gone"): {day(0): shown(("accepted", 10), ("refused", 10))},
        dimensions.WITHDRAWAL: {day(2): shown(("statistics", 12), ("gone", 11)), day(3): shown(("statistics", 13))},
    }
    found = made(tables, 4, "social", "statistics").answers
    assert [one.purpose for one in found] == ["social", "statistics", "gone"]
    statistics = found[1]
    assert (statistics.accepted, statistics.refused, statistics.taken_back, statistics.rate) == (50, 50, 25, 0.5)
    assert statistics.taken_back_days == 2
    assert statistics.over_time == ((30, 10, None), (None, None, None), (20, 40, 12), (None, None, 13))
    assert "said yes, or fewer said no" in statistics.section.said[0]


def test_both_populations_of_regions_stay_apart() -> None:
    """They are added row by row, as published, and each is told by itself."""
    tables = {
        "region": {day(0): shown(("DE", 50), ("FR", 20), (OTHER, 30, Kind.OTHER))},
        "region_exempt": {day(0): shown(("FR", 40), (OTHER, 33, Kind.OTHER)), day(1): shown(("FR", 41))},
    }
    rows = made(tables, 2).regions
    parts = [
        (row.label, *((part.count, part.days, part.of) if part else None for part in (row.agreed, row.exempt)))
        for row in rows
    ]
    assert parts == [
        ("FR", (20, 1, 100), (81, 2, 114)),
        ("DE", (50, 1, 100), None),
        (OTHER, (30, 1, 100), (33, 1, 73)),
    ]
    assert [(row.count, row.mean) for row in rows] == [(101, 60.5), (50, 50.0), (63, 63.0)]


def test_visitors_are_not_added_up() -> None:
    """Who comes on two days would count twice."""
    section = made({"visitors": {day(0): shown(("visitors", 100)), day(1): shown(("visitors", 200))}}, 2).section(
        "visitors"
    )
    assert (section.adds_up, section.mean, section.means) == (False, 150, (100, 200))
    assert report_file.plain(made({"visitors": {}}))["dimensions"] == {}


@settings(deadline=None)
@given(
    st.dictionaries(
        st.integers(0, 799).map(lambda number: date(2024, 9, 1) + timedelta(days=number)),
        st.dictionaries(st.sampled_from("abcde"), st.integers(10, 999), min_size=1),
        max_size=20,
    ),
    st.integers(0, 40),
    st.integers(1, LONGEST),
)
def test_every_published_row_of_the_period_counts_once(
    counted: dict[date, dict[str, int]], begin: int, length: int
) -> None:
    """By days, weeks and months alike."""
    since = date(2024, 9, 1) + timedelta(days=begin)
    about = Period(since, since + timedelta(days=length - 1))
    days = {on: shown(*values.items()) for on, values in counted.items()}
    section = report(reads({"page": days}), about).section("page")
    within = [values for on, values in counted.items() if about.since <= on <= about.until]
    assert section.total == sum(sum(values.values()) for values in within)
    assert sum(count or 0 for count in section.over_time) == section.total
    assert section.shown == len(within)
    assert {row.label: row.count for row in section.rows} == {
        label: sum(values.get(label, 0) for values in within) for label in {one for values in within for one in values}
    }
    for steps in (about.steps, about.parts):
        assert [
            date.fromordinal(n) for one in steps for n in range(one.since.toordinal(), one.until.toordinal() + 1)
        ] == [about.since + timedelta(days=number) for number in range(length)]


def test_steps() -> None:
    """Days up to three months, ISO weeks up to a year, then months; the first and the last may be shorter."""
    assert len(Period(FIRST, day(91)).steps) == 92
    weeks = Period(date(2026, 11, 4), date(2027, 3, 2))
    assert weeks.unit is Unit.WEEK
    assert weeks.steps[0] == Step(date(2026, 11, 4), date(2026, 11, 8))
    assert weeks.steps[1] == Step(date(2026, 11, 9), date(2026, 11, 15))
    assert weeks.steps[-1] == Step(date(2027, 3, 1), date(2027, 3, 2))
    months = Period(date(2024, 12, 15), date(2026, 2, 28))
    assert months.unit is Unit.MONTH
    assert (months.steps[0], months.steps[-1]) == (
        Step(date(2024, 12, 15), date(2024, 12, 31)),
        Step(date(2026, 2, 1), date(2026, 2, 28)),
    )
    assert len(months.steps) == 15


def test_the_usual_period() -> None:
    """28 days up to the newest that is closed."""
    assert period(None, None, now=NOON) == Period(date(2026, 10, 26), date(2026, 11, 22))
    assert period("", "2026-11-01", now=NOON).since == date(2026, 10, 5)
    assert period("2026-11-01", "", now=NOON) == Period(date(2026, 11, 1), last_closed(NOON))


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2026-11-03", "2026-11-02", "name the earlier day first"),
        ("2026-11-03", "2026-11-23", "2026-11-23 is not over"),
        ("2030-01-01", "", "2030-01-01 is not over: the newest day that can be shown is 2026-11-22"),
        ("2020-01-01", "2026-11-02", "days are too many"),
        ("2026-02-30", "", "2026-02-30 is no day"),
        ("20261102", "", "is no day"),
        ("2026-W45-1", "", "is no day"),
        ("\x1b[31m", "", "this is no day"),
        ("x" * 9999, "", "this is no day"),
        ("", "0001-01-05", "too early"),
    ],
)
def test_what_makes_no_period(since: str, until: str, said: str) -> None:
    """The message says why; it repeats nothing that would do harm at a terminal."""
    with pytest.raises(PeriodError, match=said) as raised:
        period(since, until, now=NOON)
    assert str(raised.value).isprintable()


HOSTILE = ["<script>alert(1)</script>", "=cmd()", "+1", "@x", "a,b\n=c", "\x1b[2J", "\u202egnp", "x" * 5000]


def test_json_holds_codes_and_names() -> None:
    """And is JSON whatever labels are."""
    tables = {"page": {day(0): shown(*((label, 20) for label in HOSTILE))}, "region": {day(0): shown(("IE", 20))}}
    said = json.loads(json.dumps(report_file.plain(made(tables, 2, "statistics"))))
    assert (said["from"], said["until"], said["days"], said["unit"]) == ("2026-11-02", "2026-11-03", 2, "day")
    pages = said["dimensions"]["page"]
    assert {row["label"] for row in pages["rows"]} == set(HOSTILE)
    assert all(row["name"].isprintable() for row in pages["rows"])
    assert pages["over_time"] == [160, None]
    assert (pages["days_shown"], pages["k"], pages["epsilon"]) == (1, [10], [])
    assert pages["not_shown"] == ["Of 1 of the 2 days nothing is shown: there were too few page views, or none."]
    assert said["dimensions"]["region"]["rows"] == [
        {"label": "IE", "name": "Ireland", "kind": "value", "count": 20, "days": 1, "of": 20, "share": 1.0}
    ]
    assert said["regions"] == [
        {
            "label": "IE",
            "name": "Ireland",
            "kind": "value",
            "agreed": {"count": 20, "days": 1, "of": 20, "share": 1.0},
            "exempt": None,
        }
    ]
    assert said["answers"][0]["over_time"] == {"accepted": [None] * 2, "refused": [None] * 2, "taken_back": [None] * 2}


def test_csv_holds_every_published_row() -> None:
    """One line for each day, dimension, kind and label; none is a formula."""
    tables = {"page": {day(40): shown(*((label, 20) for label in HOSTILE)), **PAGES}}
    blocks = report_file.table(reads(tables), Period(FIRST, day(60)))
    rows = list(csv.DictReader(io.StringIO(b"".join(blocks).decode(), newline="")))
    assert tuple(rows[0]) == report_file.COLUMNS
    assert rows[0] == {"day": "2026-11-02", "dimension": "page", "kind": "value", "label": "/", "count": "30"}
    assert sum(int(row["count"]) for row in rows) == 219 + 20 * len(HOSTILE)
    assert not [row["label"] for row in rows if row["label"][:1] in "=+-@\t\r\n"]
    assert "'=cmd()" in {row["label"] for row in rows}


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(1, 3, "33 %"), (0, 3, "0 %"), (3, 3, "100 %"), (1, 1000, "under 1 %"), (999, 1000, "99 %"), (0, 0, "–")],
)
def test_shares(part: int, whole: int, said: str) -> None:
    """Nothing is said to be none or all that is not."""
    assert percent(part, whole) == said


@pytest.mark.parametrize(
    ("dimension", "label", "kind", "name"),
    [
        ("region", "IE", Kind.VALUE, "Ireland"),
        ("region", "DE-BY", Kind.VALUE, "Germany (BY)"),
        ("region", "unknown", Kind.VALUE, "Unknown"),
        ("region", "150", Kind.GROUP, "Other, Europe"),
        ("region_exempt", "019", Kind.GROUP, "Other, Americas"),
        ("region", OTHER, Kind.OTHER, "Other"),
        ("language", "ga", Kind.VALUE, "Irish"),
        ("device", "mobile", Kind.VALUE, "Phone"),
        ("campaign", "none", Kind.VALUE, "No campaign"),
        ("page", "/a\x1b[31m\u202e", Kind.VALUE, "/a\ufffd[31m\ufffd"),
        ("browser", "Firefox", Kind.VALUE, "Firefox"),
    ],
)
def test_names(dimension: str, label: str, kind: Kind, name: str) -> None:
    """What people read; nothing in it moves a cursor or turns a line round."""
    assert naming.name(dimension, label, kind) == name


def test_every_dimension_has_a_name() -> None:
    """Also those of answers; :data:`dimensions.REFUSAL` is never shown."""
    never = (dimensions.ACCEPTED, dimensions.REFUSED, dimensions.NONE, dimensions.REFUSAL)
    known = [value for name, value in vars(dimensions).items() if name[0].isupper() and isinstance(value, str)]
    known = [value for value in known if value not in never]
    assert len(known) >= 12
    for dimension in known:
        assert naming.unit(dimension) != "answers"
        assert naming.noun(dimension) != "Answer"
    assert naming.unit(dimensions.answer("statistics")) == "answers"


def test_spans() -> None:
    """Without what both days share."""
    assert naming.span(date(2026, 11, 1), date(2026, 11, 22)) == "1 to 22 November 2026"
    assert naming.span(date(2026, 10, 26), date(2026, 11, 22)) == "26 October to 22 November 2026"
    assert naming.span(date(2025, 12, 26), date(2026, 1, 2)) == "26 December 2025 to 2 January 2026"
    assert naming.long(Step(date(2026, 2, 1), date(2026, 2, 28)), Unit.MONTH) == "February 2026"
    assert naming.long(Step(date(2026, 2, 2), date(2026, 2, 28)), Unit.MONTH) == "2 to 28 February 2026"
    assert naming.short(Step(date(2026, 2, 2), date(2026, 2, 2)), Unit.DAY) == "2 Feb"
