"""Until a visitor says yes, and after a no, nothing reaches anybody else and nothing is stored that was not needed."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e import vendors
from tests.e2e.journeys import (
    CONTACT,
    HOME,
    PAGES,
    answer,
    assert_nobody_was_told,
    cookies,
    question,
    visit,
    visit_all,
    with_and_without_js,
)
from tests.e2e.sites import Site
from tests.e2e.thirdparty import Elsewhere

_WITHOUT_FORM = tuple(path for path in PAGES if path != CONTACT)


@with_and_without_js
def test_undecided_visitor_is_told_to_nobody(
    site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere
) -> None:
    """A visitor who has not answered can read every page without a connection to anybody else or a single cookie."""
    visit_all(page, site, _WITHOUT_FORM)
    expect(question(page)).to_be_visible()
    assert cookies(context) == set()
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_form_sets_only_its_session(site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere) -> None:
    """The one cookie before an answer is the session of a page with a form, and it is declared as necessary."""
    visit_all(page, site, (CONTACT,))
    assert cookies(context) == {"session"}
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_refusal_is_obeyed(site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere) -> None:
    """After "Reject all" no page connects to anybody else, and the refusal is the only cookie beside the session."""
    visit(page, site.url + HOME)
    answer(page, "Reject all")
    assert cookies(context) == {"consent_millbrook"}
    visit_all(page, site)
    expect(question(page)).to_have_count(0)
    assert cookies(context) == {"consent_millbrook", "session"}
    assert_nobody_was_told(elsewhere)


@pytest.mark.parametrize(
    ("js", "expected", "left"),
    [
        (True, {vendors.OLD_SCRIPT, vendors.OLD_PIXEL, vendors.YOUTUBE}, {"oldtracker"}),
        (False, {vendors.OLD_PIXEL, vendors.YOUTUBE}, set()),
    ],
    ids=["js", "no-js"],
)
def test_tracker_gets_through_with_the_gate_off(
    ungated: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere, expected: set[str], left: set[str]
) -> None:
    """Control: with the gate off, what nobody tagged is asked and, where scripts run, the tracker stores its cookie."""
    visit_all(page, ungated, _WITHOUT_FORM)
    assert elsewhere.hosts == expected
    assert elsewhere.connections > 0
    assert cookies(context) == left


@with_and_without_js
def test_browser_is_quiet_by_itself(site: Site, page: Page, elsewhere: Elsewhere) -> None:
    """Control: on a page that names nobody else, what is counted is the browser's own doing, and it does nothing."""
    page.goto(site.url + "/static/icon.svg")
    page.wait_for_timeout(2000)
    assert_nobody_was_told(elsewhere)
