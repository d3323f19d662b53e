"""*Your recorded choice*: one device allows, another one with its receipt code looks, takes back and erases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.journeys import (
    EVENT,
    GRANTED,
    GRANTED_FRAMES,
    HOME,
    answer,
    assert_nobody_was_told,
    cookies,
    question,
    visit,
    with_and_without_js,
)
from tests.e2e.sites import Clock, Site
from tests.e2e.thirdparty import Elsewhere

RECEIPT = "/consent/receipt"


@pytest.fixture
def other(browser: Browser, js: bool) -> Iterator[BrowserContext]:
    """Another device: narrow, dark, and never here before."""
    fresh = browser.new_context(
        java_script_enabled=js, locale="en-IE", viewport={"width": 320, "height": 640}, color_scheme="dark"
    )
    yield fresh
    fresh.close()


def allow_everything(page: Page, site: Site, elsewhere: Elsewhere, *, js: bool) -> str:
    """Accept all, see that it runs, and find the receipt code by way of the preferences page."""
    visit(page, site.url + HOME)
    answer(page, "Accept all")
    visit(page, site.url + EVENT)
    elsewhere.wait_for((GRANTED if js else GRANTED_FRAMES)[EVENT])
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_role("link", name="Your recorded choice").click()
    expect(page.get_by_role("heading", name="Your recorded choice", level=1)).to_be_visible()
    counts = page.get_by_role("region", name="What counts now")
    expect(counts).to_contain_text("You pressed “Accept all”.")
    expect(counts.get_by_role("listitem").filter(has_text="Count visits")).to_be_visible()
    expect(page.get_by_role("region", name="What was written down").get_by_role("listitem")).to_have_count(1)
    return page.get_by_role("region", name="Your receipt code").get_by_role("code").inner_text()


def enter(page: Page, site: Site, code: str) -> None:
    """Type a code in on another device."""
    page.goto(site.url + RECEIPT)
    page.get_by_label("Receipt code").fill(code)
    page.get_by_role("button", name="Show").click()


def assert_it_fits(page: Page) -> None:
    """Check that nothing is cut off or has to be scrolled sideways."""
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 320, width


def assert_all_is_off(page: Page, site: Site, elsewhere: Elsewhere) -> None:
    """Check that nobody is told of the next pages, and that the question is back."""
    page.goto(site.url + "/privacy", wait_until="networkidle")
    elsewhere.reset()
    for path in (HOME, EVENT):
        visit(page, site.url + path, until="networkidle")
    expect(question(page)).to_be_visible()
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_another_device_takes_back_and_erases(
    site: Site, page: Page, other: BrowserContext, elsewhere: Elsewhere, clock: Clock, js: bool
) -> None:
    """A wrong code shows nothing; the right one shows the entries, ends what runs on the first device, and erases."""
    code = allow_everything(page, site, elsewhere, js=js)
    device = other.new_page()
    enter(device, site, code[:-3] + "AAA")
    expect(device.get_by_role("alert")).to_have_text(
        "We do not know this code. Please check that you have copied all of it."
    )
    device.get_by_label("Receipt code").fill(f" {code} ")
    device.get_by_role("button", name="Show").click()
    expect(device.get_by_role("region", name="What counts now")).to_contain_text("Count visits")
    assert_it_fits(device)
    clock.ahead += timedelta(seconds=2)
    device.get_by_role("button", name="Take back all").click()
    expect(device.get_by_role("status").first).to_have_text("Taken back. Nothing that you allowed runs any more.")
    history = device.get_by_role("region", name="What was written down")
    expect(history.get_by_role("listitem").nth(1)).to_contain_text("You took everything back")
    assert_it_fits(device)
    assert cookies(other) == set()
    assert_all_is_off(page, site, elsewhere)
    page.goto(site.url + RECEIPT)
    expect(page.get_by_role("region", name="What counts now")).to_contain_text("This choice is over")

    device.get_by_role("button", name="Erase the entries").click()
    expect(device.get_by_role("heading", name="Erase the entries?")).to_be_visible()
    assert_it_fits(device)
    device.get_by_role("button", name="No, keep them").click()
    device.get_by_role("button", name="Erase the entries").click()
    device.get_by_role("button", name="Erase for ever").click()
    expect(device.get_by_role("status").first).to_contain_text("Erased: 2 entries.")
    enter(device, site, code)
    expect(device.get_by_role("region", name="What was written down")).to_contain_text("Nothing is there")
    expect(device.get_by_role("button", name="Erase the entries")).to_have_count(0)
    assert_it_fits(device)


@with_and_without_js
def test_own_records_are_erased(site: Site, page: Page, elsewhere: Elsewhere, js: bool) -> None:
    """On the visitor's own device, erasing also ends what runs, deletes what it stored, and takes the cookie away."""
    allow_everything(page, site, elsewhere, js=js)
    assert "consent_millbrook" in cookies(page.context)
    page.get_by_role("button", name="Erase the entries").click()
    page.get_by_role("button", name="Erase for ever").click()
    expect(page.get_by_role("status").first).to_contain_text("Erased: 1 entry.")
    assert cookies(page.context) == set()
    assert_all_is_off(page, site, elsewhere)


@with_and_without_js
def test_own_page_takes_back(site: Site, page: Page, elsewhere: Elsewhere, clock: Clock, js: bool) -> None:
    """Its button leaves a refusal that is not asked about again, and comes back to the page."""
    allow_everything(page, site, elsewhere, js=js)
    clock.ahead += timedelta(seconds=2)
    page.get_by_role("button", name="Take back all").click()
    expect(page.get_by_role("region", name="What counts now")).to_contain_text("You said no.")
    assert cookies(page.context) == {"consent_millbrook"}
    elsewhere.reset()
    visit(page, site.url + EVENT, until="networkidle")
    expect(question(page)).to_have_count(0)
    assert_nobody_was_told(elsewhere)


def test_own_page_stops_the_other_tab(
    site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere, clock: Clock
) -> None:
    """Taking back on the page reloads the tab in which a granted service was running."""
    allow_everything(page, site, elsewhere, js=True)
    running = context.new_page()
    visit(running, site.url + EVENT)
    expect(running.get_by_role("button", name="take back").last).to_be_visible()
    assert running.evaluate("window.matomoRan")
    clock.ahead += timedelta(seconds=2)
    with running.expect_navigation(url=site.url + EVENT, wait_until="networkidle"):
        page.get_by_role("button", name="Take back all").click()
    assert not running.evaluate("window.matomoRan")


def test_the_page_works_by_keyboard(site: Site, page: Page) -> None:
    """Every control is reached with Tab, in the order in which it is read, and Enter sends the code."""
    page.goto(site.url + RECEIPT)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Receipt code")).to_be_focused()
    page.keyboard.type("nonsense")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Receipt code")).to_have_attribute("aria-invalid", "true")
