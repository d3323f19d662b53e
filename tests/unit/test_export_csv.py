"""Records as CSV."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.ledger.export import csv_table
from consent.ledger.export.shown import Shown
from consent.spreadsheet import harmless
from tests.shown import shown


def rows(*records: Shown) -> list[dict[str, str]]:
    """The table, read again."""
    text = b"".join(csv_table.blocks(records)).decode()
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", " =1+1", "\u00a0-1", "＝1", "＋1", "－1", "＠x"]
)
def test_cells_that_a_spreadsheet_would_run_are_neutralised(cell: str) -> None:
    """They get an apostrophe in front."""
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["plain", "2026-03-03", "a=b", "1-2", "", "'x"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    """An apostrophe is put only where it is needed."""
    assert harmless(cell) == cell


@given(st.text())
def test_no_cell_begins_like_a_formula(cell: str) -> None:
    """Whatever a record says."""
    assert harmless(cell).lstrip()[:1] not in {"=", "+", "-", "@", "＝", "＋", "－", "＠"}


def test_a_row_says_what_the_record_says() -> None:
    """The index in the log first; answers readable; nothing for what is not there."""
    [row] = rows(shown(index=7, subject=None, services=()))
    assert list(row) == list(csv_table.COLUMNS)
    assert row["index"] == "7"
    assert row["purposes"] == "social=no statistics=yes"
    assert row["services"] == row["subject"] == row["supersedes"] == ""
    assert row["recorded_at"] == "2026-03-03T12:34:56.789+00:00"


def test_a_record_without_a_place_in_the_log_has_no_index() -> None:
    """It waits."""
    assert rows(shown(index=None))[0]["index"] == ""


def test_many_rows_come_in_blocks() -> None:
    """The table is whole and in order, however it is cut."""
    many = [shown(number, index=number) for number in range(700)]
    assert len(list(csv_table.blocks(many))) > 2
    assert [row["record_id"] for row in rows(*many)] == [one.fields["record_id"] for one in many]


def test_nothing_is_a_heading() -> None:
    """A table without records says what would be in it."""
    assert b"".join(csv_table.blocks([])).startswith(b"index,record_id,")
