"""What visitors of the example site do, in the words of its pages, and what can be said of their browser afterwards."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e import vendors
from tests.e2e.sites import Site
from tests.e2e.thirdparty import Elsewhere

with_and_without_js = pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])

HOME = "/"
EVENT = "/events/observing-night"
ARCHIVE = "/archive/2009"
LIVE = "/live"
CONTACT = "/contact"
#: One page of each kind. The contact form comes last: it alone sets a cookie, the session that it needs.
PAGES = (
    HOME,
    "/news",
    "/news/geminids-without-moon",
    "/events",
    EVENT,
    ARCHIVE,
    LIVE,
    "/privacy",
    "/settings",
    CONTACT,
)

#: Time for what should not come to come all the same, in ms.
LATE = 200

VIDEO = "Before you come: a tour of the Moon"
MAP = "Map: Millbrook Observatory"

#: Hosts that each page asks once everything is granted, beside the site's own.
GRANTED: dict[str, set[str]] = {
    **{path: {vendors.MATOMO} for path in PAGES},
    HOME: {vendors.MATOMO, vendors.META, vendors.META_PIXEL},
    EVENT: {vendors.MATOMO, vendors.X, vendors.YOUTUBE, vendors.MAP},
    LIVE: {vendors.MATOMO, vendors.YOUTUBE},
    ARCHIVE: {vendors.YOUTUBE},
}
#: Hosts that still do where no script runs.
GRANTED_FRAMES: dict[str, set[str]] = {
    **{path: set() for path in PAGES},
    EVENT: {vendors.YOUTUBE, vendors.MAP},
    LIVE: {vendors.YOUTUBE},
    ARCHIVE: {vendors.YOUTUBE},
}


def visit(page: Page, address: str, *, until: Literal["load", "networkidle"] = "load") -> None:
    """Open a page, wait for it, and look at all of it: some frames load only when they are seen."""
    page.goto(address, wait_until=until)
    for frame in page.locator("iframe").all():
        frame.scroll_into_view_if_needed()


def visit_all(page: Page, site: Site, paths: tuple[str, ...] = PAGES) -> None:
    """Open one page after the other, and leave each a moment for what comes late."""
    for path in paths:
        visit(page, site.url + path, until="load")
        page.wait_for_timeout(LATE)


def answer(page: Page, name: str) -> None:
    """Press a button of the question and wait until the question is gone."""
    button = question(page).get_by_role("button", name=name, exact=True)
    button.click()
    expect(question(page)).to_have_count(0)


def question(page: Page) -> Locator:
    """The first layer: a region that is named after what it asks."""
    return page.get_by_role("region", name="Privacy choices")


def log_in(page: Page, site: Site) -> None:
    """Become the demo member."""
    page.goto(site.url + "/login")
    page.get_by_label("User name").fill("demo")
    page.get_by_label("Password").fill("saturn-rings")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Good evening, demo")).to_be_visible()


def switch_night_mode_on(page: Page, site: Site) -> None:
    """Ask the site to remember the red colours, which it does with a cookie where it may."""
    page.goto(site.url + "/settings")
    page.get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("button", name="Switch it off")).to_be_visible()


def back_at(site: Site, path: str) -> re.Pattern[str]:
    """The page that an answer leads back to; a fragment may tell it that it was answered without a cookie."""
    return re.compile(re.escape(site.url + path) + r"(#cs-answered)?$")


def take_back(page: Page) -> None:
    """Press "take back" in the page's last link for it, and wait for the page to come anew."""
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="take back").last.click()
    expect(page.get_by_role("button", name="take back")).to_have_count(0)
    page.wait_for_load_state("networkidle")


def cookies(context: BrowserContext) -> set[str]:
    """Names of all cookies in the browser, whoever set them."""
    return {cookie["name"] for cookie in context.cookies()}


def assert_nobody_was_told(elsewhere: Elsewhere) -> None:
    """Check that nobody else was asked for anything, or even connected to."""
    assert elsewhere.requests == ()
    assert elsewhere.connections == 0
