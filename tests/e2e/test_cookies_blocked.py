"""A browser that blocks every cookie: no answer can be kept, and the site is still a site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e import chromium, vendors
from tests.e2e.conftest import Restart
from tests.e2e.journeys import (
    EVENT,
    HOME,
    PAGES,
    assert_nobody_was_told,
    question,
    visit,
    visit_all,
    with_and_without_js,
)
from tests.e2e.sites import Site
from tests.e2e.thirdparty import Elsewhere


@pytest.fixture
def blocking(restart: Restart, tmp_path: Path) -> Iterator[BrowserContext]:
    """A visitor who switched cookies off in the browser's settings."""
    chromium.write_preferences(tmp_path / "profile", chromium.NO_COOKIES)
    with restart() as context:
        yield context


def reject_all(page: Page) -> None:
    """Press "Reject all", in whichever way the question is shown."""
    question(page).get_by_role("button", name="Reject all", exact=True).click()


@with_and_without_js
def test_site_stays_navigable(site: Site, blocking: BrowserContext, elsewhere: Elsewhere) -> None:
    """Every page can be read, before and after a refusal; nothing is stored and nobody else is told."""
    page = blocking.new_page()
    visit_all(page, site)
    reject_all(page)
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="News", exact=True).first.click()
    expect(page.get_by_role("heading", name="News", exact=True)).to_be_visible()
    visit_all(page, site, PAGES[:3])
    assert blocking.cookies() == []
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_refusal_closes_the_question(site: Site, blocking: BrowserContext) -> None:
    """Pressing "Reject all" closes the question on the page on which it was pressed."""
    page = blocking.new_page()
    visit(page, site.url + HOME)
    reject_all(page)
    expect(page.get_by_role("button", name="Reject all")).to_have_count(0)
    expect(page.get_by_role("heading", name="The sky is free")).to_be_visible()


def test_question_stays_folded_on_the_next_click(site: Site, blocking: BrowserContext, elsewhere: Elsewhere) -> None:
    """With JavaScript the next pages of the visit show one line instead of the question, which a click unfolds."""
    page = blocking.new_page()
    visit(page, site.url + HOME)
    reject_all(page)
    for link, heading in (("Events", "Events"), ("News", "News")):
        page.get_by_role("navigation", name="Main").get_by_role("link", name=link).click()
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Reject all")).to_be_hidden()
    page.get_by_role("button", name="Privacy choices").click()
    expect(page.get_by_role("button", name="Reject all")).to_be_visible()
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_grant_that_cannot_be_kept_opens_nothing(site: Site, blocking: BrowserContext, elsewhere: Elsewhere) -> None:
    """Accepting all without cookies breaks no page; as no answer can be kept, the next pages stay locked."""
    page = blocking.new_page()
    visit(page, site.url + EVENT)
    question(page).get_by_role("button", name="Accept all", exact=True).click()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("button", name="Play once")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
    visit_all(page, site, PAGES[:5])
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_play_once_needs_no_cookie(site: Site, blocking: BrowserContext, elsewhere: Elsewhere) -> None:
    """Playing once stores nothing, so it works without cookies."""
    page = blocking.new_page()
    visit(page, site.url + EVENT)
    page.get_by_role("button", name="Play once").click()
    elsewhere.wait_for({vendors.YOUTUBE})
    assert elsewhere.hosts == {vendors.YOUTUBE}
