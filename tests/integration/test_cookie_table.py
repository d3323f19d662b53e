"""``consent_cookie_table()``: everything that is stored, here and by others."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask, render_template_string

from tests.policies import SMALL

from .conftest import Site

ELSEWHERE = """
[[services.youtube.vendor_cookies]]
host = ".youtube.com"
name = "VISITOR_INFO1_LIVE"
lifetime = "6 months"
[services.youtube.vendor_cookies.description]
en = "Recognises a <returning> browser."
de = "Erkennt einen wiederkehrenden Browser."
[[services.colours.cookies]]
name = "swatches"
kind = "indexed_db"
lifetime = "1 year"
"""


def _page(app: Flask) -> None:
    @app.route("/notice")
    def notice() -> str:
        return render_template_string("{{ consent_cookie_table() }}")


@pytest.fixture
def table(build: Callable[..., Site]) -> Callable[..., list[list[str]]]:
    """The rows of the table of a policy, as a visitor reads them."""

    def rows(text: str = SMALL, **headers: str) -> list[list[str]]:
        page = build(text, prepare=_page).get("/notice", **headers).text
        cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in page.split("<tr>")[2:]]
        return [[re.sub(r"<[^>]*>", "", cell) for cell in row] for row in cells]

    return rows


def test_a_row_for_everything_that_is_declared(table: Callable[..., list[list[str]]]) -> None:
    """The site's own cookies, then Consentry's."""
    rows = table()
    assert [row[0] for row in rows] == ["login", "colours", "_pk_id*", "_pk_ses", "_ad", "consent_example"]
    assert rows[0][-1] == "Cookie"


def test_what_vendors_keep_is_told_with_its_host(table: Callable[..., list[list[str]]]) -> None:
    """After the site's own, in the visitor's language, escaped."""
    row = next(row for row in table(SMALL + ELSEWHERE) if row[0] == "VISITOR_INFO1_LIVE")
    assert row[3:] == ["Recognises a &lt;returning&gt; browser.", "6 months", "Cookie on .youtube.com"]
    german = next(row for row in table(SMALL + ELSEWHERE, Accept_Language="de") if row[0] == "VISITOR_INFO1_LIVE")
    assert german[3:] == ["Erkennt einen wiederkehrenden Browser.", "6 Monate", "Cookie auf .youtube.com"]


def test_databases_are_storage_too(table: Callable[..., list[list[str]]]) -> None:
    """An IndexedDB database has a row like a cookie."""
    assert next(row for row in table(SMALL + ELSEWHERE) if row[0] == "swatches")[-1] == "Database (IndexedDB)"


def test_out_of_reach_is_said_where_it_is_so(build: Callable[..., Site]) -> None:
    """The note stands under a table that names another host, and under no other."""
    note = "This site can neither read nor delete it"
    assert note in build(SMALL + ELSEWHERE, prepare=_page).get("/notice").text
    assert note not in build(SMALL, prepare=_page).get("/notice").text


def test_the_gate_leaves_vendor_cookies_alone(build: Callable[..., Site]) -> None:
    """One of that name under the site's own host is undeclared like any other."""
    assert "Set-Cookie" not in build(SMALL + ELSEWHERE).get("/cookies?name=VISITOR_INFO1_LIVE").headers
