"""What a closed day shows and holds back. Attacks on it: test_view_attacks."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from consent.audience.continents import continent
from consent.audience.view import Cell, Day, Kind, Row, Sum, Table, closed, closes_at, last_closed

#: Most wanted first.
_ORDER = ("DE", "FR", "AT", "US", "CA", "150", "019")


def _rows(day: Day) -> dict[str, int]:
    return {row.label: row.count for row in day.rows}


def _many(**counts: int) -> list[Cell]:
    """Cells in which every hit has a visitor of its own."""
    return [Cell(value, count, min(count, 10)) for value, count in counts.items()]


def test_a_value_needs_k_contributors_and_not_k_hits() -> None:
    cells = [*_many(Chrome=500, Firefox=90, Safari=80), Cell("Rare", 1_000, 1), Cell("Nine", 40, 9)]
    day = closed(cells, k=10, order=["Chrome", "Firefox", "Safari"])
    assert day.rows == (
        Row("Chrome", Kind.VALUE, 500),
        Row("Firefox", Kind.VALUE, 90),
        Row("other", Kind.OTHER, 80 + 1_000 + 40),
    )
    assert day.total == 1_710


def test_something_showable_is_held_back_even_where_nothing_is_small() -> None:
    """Otherwise the row of the rest would prove that somebody rare was there."""
    assert _rows(closed(_many(Chrome=500, Firefox=90, Safari=80), k=10)) == {"Chrome": 500, "Firefox": 90, "other": 80}


def test_what_was_not_shown_lately_is_given_up_last() -> None:
    """Else the first day would decide for ever, and a site would never learn its largest country."""
    days: dict[date, Day] = {}
    for number in range(3):
        day = closed(_many(a=40, b=400, c=4_000), k=10, order=Table(days).order)
        days[date(2026, 11, 1 + number)] = day
    assert [_rows(day) for day in days.values()] == [
        {"a": 40, "b": 400, "other": 4_000},
        {"b": 400, "c": 4_000, "other": 40},
        {"b": 400, "c": 4_000, "other": 40},
    ]


def test_what_is_given_up_depends_on_the_order_and_on_no_count() -> None:
    cells = _many(a=40, b=400, c=4_000)
    assert _rows(closed(cells, k=10)) == {"a": 40, "b": 400, "other": 4_000}
    assert _rows(closed(cells, k=10, order=["c", "b", "a"])) == {"c": 4_000, "b": 400, "other": 40}


def test_as_many_are_given_up_as_fill_the_row() -> None:
    assert _rows(closed(_many(a=400, b=12, c=11, d=10), k=10, order="abcd")) == {"a": 400, "other": 33}


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [Cell("a", 1_000, 9)],
        [Cell("a", 0, 0)],
        _many(a=14, b=15),  # 29 hits are too few for any row of the rest
        [Cell("a", 1_000, 0), Cell("b", 50, 0)],  # counted before contributors were
    ],
)
def test_too_few_and_nobody_read_the_same(cells: list[Cell]) -> None:
    day = closed(cells, k=10)
    assert day == Day(10, ())
    assert day.total is None


def test_the_whole_day_is_shown_when_another_dimension_saw_enough() -> None:
    """Or a dimension with nothing to show would say that all its values are small."""
    cells = [Cell("/a", 50, 9), Cell("/b", 40, 8)]
    assert closed(cells, k=10).rows == ()
    assert _rows(closed(cells, k=10, contributors=10)) == {"other": 90}


def test_small_countries_fold_into_their_continent_and_then_into_other() -> None:
    cells = [
        *_many(DE=900, FR=300, AT=40, US=80, CA=20, ZA=3, unknown=7),
        Cell("BE", 6, 5),
        Cell("BR", 4, 4),
        Cell("AU", 12, 10),
    ]
    day = closed(cells, k=10, order=_ORDER, group=continent)
    # America, the last in the order, fills the rest together with Africa, Oceania and what is nowhere.
    assert _rows(day) == {"DE": 900, "FR": 300, "US": 80, "150": 46, "other": 20 + 4 + 12 + 3 + 7}
    assert [row.kind for row in day.rows] == [Kind.VALUE, Kind.VALUE, Kind.VALUE, Kind.GROUP, Kind.OTHER]
    assert day.total == sum(cell.count for cell in cells)


def test_a_continent_has_a_row_of_its_own_where_something_else_fills_the_rest() -> None:
    cells = [*_many(DE=900, AT=40, US=80, CA=20, unknown=31), Cell("BR", 4, 4)]
    day = closed(cells, k=10, order=_ORDER, group=continent)
    assert _rows(day) == {"DE": 900, "US": 80, "150": 40, "019": 24, "other": 31}


def test_a_value_called_as_a_row_of_what_is_held_back_is_held_back() -> None:
    cells = _many(a=100, b=90, other=5_000)
    assert _rows(closed(cells, k=10)) == {"a": 100, "other": 5_090}
    parts = {"DE-BY": "DE", "DE-BE": "DE", "DE": "DE"}
    regions = [Cell("DE-BY", 70, 10), Cell("DE-BE", 60, 10), Cell("DE", 50, 10), Cell("unknown", 40, 10)]
    assert _rows(closed(regions, k=10, group=parts.get)) == {"DE-BE": 60, "DE": 120, "other": 40}


@pytest.mark.parametrize(
    ("cells", "k"),
    [([], 1), ([Cell("a", 1, 1), Cell("a", 2, 1)], 10), ([Cell("a", -1, 1)], 10), ([Cell("a", 1, -1)], 10)],
)
def test_what_cannot_be_is_refused(cells: list[Cell], k: int) -> None:
    with pytest.raises(ValueError, match=r"k starts at 2|twice|start at 0"):
        closed(cells, k=k)


def test_a_table_adds_up_what_its_days_show() -> None:
    first, second, third = date(2030, 1, 1), date(2030, 1, 2), date(2030, 1, 3)
    days = {
        second: closed(_many(a=400, b=50, c=40), k=10, order="abc"),
        first: closed(_many(a=100, b=3, c=60), k=10, order="abc"),
        third: closed(_many(a=9), k=10, order="abc"),
    }
    table = Table(days)
    days.clear()
    assert list(table.days) == [first, second, third]
    assert table.sums == (
        Sum("a", Kind.VALUE, 500, 2),
        Sum("b", Kind.VALUE, 50, 1),
        Sum("other", Kind.OTHER, 103, 2),
    )
    assert table.total == 653
    assert table.empty == (third,)
    assert table.order == ("a", "b")
    assert [(day.day, row.label) for day, row in table][:2] == [(1, "a"), (1, "other")]


def test_a_day_may_be_read_an_hour_after_it_is_over() -> None:
    assert closes_at(date(2030, 12, 31)) == datetime(2031, 1, 1, 1, tzinfo=UTC)


def test_the_last_closed_day_is_the_last_that_may_be_read() -> None:
    day = date(2030, 12, 31)
    assert last_closed(closes_at(day)) == day
    assert last_closed(closes_at(day) - timedelta(microseconds=1)) == date(2030, 12, 30)
    assert last_closed(datetime(2031, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))) == date(2030, 12, 30)


def test_rows_are_a_sequence_in_the_order_in_which_they_are_read() -> None:
    rows = (
        Row("a", Kind.VALUE, 90),
        Row("150", Kind.GROUP, 40),
        Row("b", Kind.VALUE, 12),
        Row("other", Kind.OTHER, 99),
    )
    day = Day(10, [rows[3], rows[2], rows[1], rows[0]])
    assert tuple(day.rows) == day.rows == rows
    assert (len(day.rows), day.rows[0], day.rows[-2:], day.total) == (4, rows[0], rows[2:], 241)
    assert day == Day(10, rows)
    assert hash(day) == hash(Day(10, rows))
    assert day != Day(10, rows[1:])
    assert day.rows != [rows[0]]  # type: ignore[comparison-overlap]
    assert repr(rows) in repr(day)
