"""Odd markup is stopped: each form is measured against what Chromium itself fetches or connects to, scripts on and off.

The whole gate stops all of them. The HTML gate alone, with no policy header, stops all but styles and inline scripts,
which are the wall's business; this is what counts for connection hints, for no policy stops those.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from tests.adversarial import FORMS, Form
from tests.e2e import sites
from tests.e2e.channels.census import Census
from tests.e2e.channels.forms import Gating, form_site, reached

#: As the issue asks; about four times as many are measured.
_FEWEST = 60

Look = Callable[[Gating, bool], tuple[frozenset[str], int]]

each_form = pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
with_and_without_js = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])


@pytest.fixture(scope="module")
def look(playwright: Playwright, pem: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Look]:
    """By which forms a browser reaches anybody behind a gate, and over how many connections; measured when first asked.

    Behind the HTML gate alone, the forms that are the wall's business are left out.
    """
    known: dict[tuple[Gating, bool], tuple[frozenset[str], int]] = {}
    with ExitStack() as opened:
        census = opened.enter_context(Census(pem))

        def measure(gating: Gating, js: bool) -> tuple[frozenset[str], int]:
            if (gating, js) not in known:
                folder = tmp_path_factory.mktemp(gating.value)
                forms = tuple(form for form in FORMS if gating is not Gating.HTML or not form.wall)
                with sites.served(form_site(folder, gating, census.port)) as site:
                    known[gating, js] = reached(playwright, site, census, folder / "profile", forms, js=js)
            return known[gating, js]

        yield measure


def test_chromium_fetches_by_most_forms(look: Look) -> None:
    """Control: with the gate off, Chromium fetches or connects by at least sixty of the forms, scripts on or off."""
    fetches = look(Gating.NOTHING, True)[0] | look(Gating.NOTHING, False)[0]
    assert len(fetches) >= _FEWEST
    assert len(fetches & {form.name for form in FORMS if not form.wall}) >= _FEWEST


@with_and_without_js
@each_form
def test_gate_stops_the_form(look: Look, form: Form, js: bool, record_property: Callable[[str, object], None]) -> None:
    """Behind the gate nobody is asked or connected to by the form, whatever Chromium does without."""
    record_property("fetches", form.name in look(Gating.NOTHING, js)[0])
    assert form.name not in look(Gating.ALL, js)[0]


@with_and_without_js
@pytest.mark.parametrize("form", [form for form in FORMS if not form.wall], ids=lambda form: form.name)
def test_html_gate_alone_stops_the_form(look: Look, form: Form, js: bool) -> None:
    """Rewriting alone, without a policy header, leaves nothing by which the form reaches anybody."""
    assert form.name not in look(Gating.HTML, js)[0]


@with_and_without_js
@pytest.mark.parametrize("gating", [Gating.ALL, Gating.HTML], ids=lambda gating: gating.value)
def test_nobody_is_connected_to(look: Look, gating: Gating, js: bool) -> None:
    """Over all forms not one connection is opened."""
    assert look(gating, js)[1] == 0


@with_and_without_js
def test_connections_are_counted(look: Look, js: bool) -> None:
    """Control: with the gate off there are as many connections as one would think."""
    assert look(Gating.NOTHING, js)[1] >= _FEWEST
