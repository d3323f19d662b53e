"""Taking back is one click, takes effect at once, deletes what was stored, and costs nobody their login."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e import vendors
from tests.e2e.journeys import (
    EVENT,
    GRANTED,
    GRANTED_FRAMES,
    HOME,
    answer,
    assert_nobody_was_told,
    cookies,
    log_in,
    question,
    switch_night_mode_on,
    take_back,
    visit,
    visit_all,
    with_and_without_js,
)
from tests.e2e.sites import Site
from tests.e2e.thirdparty import Elsewhere


def allow_everything_as_a_member(page: Page, site: Site, elsewhere: Elsewhere, *, js: bool) -> None:
    """Log in, accept all, see that it ran, and end on the event's page with every declared cookie stored."""
    log_in(page, site)
    answer(page, "Accept all")
    switch_night_mode_on(page, site)
    for path in (HOME, EVENT):
        visit(page, site.url + path)
        elsewhere.wait_for((GRANTED if js else GRANTED_FRAMES)[path])
    expected = {"consent_millbrook", "session", "night_mode"} | ({"_pk_id.1", "_pk_ses.1", "_fbp"} if js else set())
    assert cookies(page.context) == expected


def assert_all_is_off(page: Page, site: Site, elsewhere: Elsewhere) -> None:
    """Check that nothing runs from now on, nothing is left but the refusal and the login, and nobody asks again."""
    assert cookies(page.context) == {"consent_millbrook", "session"}
    page.wait_for_load_state("networkidle")
    elsewhere.reset()
    visit_all(page, site)
    assert_nobody_was_told(elsewhere)
    assert cookies(page.context) == {"consent_millbrook", "session"}
    expect(question(page)).to_have_count(0)
    visit(page, site.url + "/members")
    expect(page.get_by_role("heading", name="Good evening, demo")).to_be_visible()


@with_and_without_js
def test_footer_takes_back_in_one_click(site: Site, page: Page, elsewhere: Elsewhere, js: bool) -> None:
    """One click on "take back" in the footer ends everything that was allowed and deletes what it stored."""
    allow_everything_as_a_member(page, site, elsewhere, js=js)
    take_back(page)
    expect(page.get_by_role("button", name="Play once")).to_be_visible()
    expect(page).to_have_url(site.url + EVENT)
    assert_all_is_off(page, site, elsewhere)


@with_and_without_js
def test_preferences_page_takes_back(site: Site, page: Page, elsewhere: Elsewhere, js: bool) -> None:
    """The preferences page shows what is allowed, and its "Take back all" ends it and leads back to the page."""
    allow_everything_as_a_member(page, site, elsewhere, js=js)
    page.get_by_role("link", name="Change", exact=True).click()
    expect(page.get_by_role("checkbox", name="Count visits")).to_be_checked()
    page.get_by_role("button", name="Take back all").click()
    expect(page.get_by_role("button", name="Play once")).to_be_visible()
    assert_all_is_off(page, site, elsewhere)


@with_and_without_js
def test_unticking_takes_back_one_purpose(site: Site, page: Page, elsewhere: Elsewhere, js: bool) -> None:
    """Unticking one purpose ends its services and deletes their cookies; the others go on."""
    allow_everything_as_a_member(page, site, elsewhere, js=js)
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_role("checkbox", name="Count visits").uncheck()
    page.get_by_role("button", name="Save my choice").click()
    expect(page).to_have_url(site.url + EVENT)
    page.wait_for_load_state("networkidle")
    elsewhere.reset()
    visit(page, site.url + EVENT)
    expected = (GRANTED if js else GRANTED_FRAMES)[EVENT] - {vendors.MATOMO}
    elsewhere.wait_for(expected)
    assert elsewhere.hosts == expected
    assert cookies(page.context) == {"consent_millbrook", "session", "night_mode"} | ({"_fbp"} if js else set())


def test_other_tab_stops_too(site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere) -> None:
    """Taking back in one tab reloads the other tab, in which a granted service was running."""
    visit(page, site.url + HOME)
    answer(page, "Accept all")
    visit(page, site.url + EVENT)
    elsewhere.wait_for(GRANTED[EVENT])
    assert page.evaluate("window.matomoRan")
    other = context.new_page()
    visit(other, site.url + "/privacy")
    with page.expect_navigation(url=site.url + EVENT, wait_until="networkidle"):
        take_back(other)
    assert not page.evaluate("window.matomoRan")
    assert not other.evaluate("window.matomoRan")
    for name in ("Play once", "Show once"):
        expect(page.get_by_role("button", name=name)).to_be_visible()


def test_other_tab_learns_of_a_grant(site: Site, page: Page, context: BrowserContext) -> None:
    """An answer in one tab closes the question in the other, without a page load there."""
    visit(page, site.url + "/news")
    page.evaluate("window.stayed = true")
    other = context.new_page()
    visit(other, site.url + HOME)
    answer(other, "Accept all")
    expect(question(page)).to_have_count(0)
    assert page.evaluate("window.stayed")
