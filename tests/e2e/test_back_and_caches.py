"""What a browser kept of a page that showed what was granted does not come back after the grant is gone.

Two memories are meant: the cache of responses, which revalidates by entity tag, and the back/forward cache, which keeps
a whole page alive without asking anybody.

Source: RFC 9110 §13.1.2 (If-None-Match); HTML §7.4.2.2 (session history and documents that are kept).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.e2e import chromium, sites, vendors
from tests.e2e.journeys import (
    EVENT,
    GRANTED,
    GRANTED_FRAMES,
    LATE,
    answer,
    assert_nobody_was_told,
    take_back,
    visit,
    with_and_without_js,
)
from tests.e2e.sites import Clock, Site
from tests.e2e.small_site import small_site
from tests.e2e.thirdparty import Elsewhere


@pytest.fixture(scope="module")
def remembering(playwright: Playwright, _elsewhere: Elsewhere) -> Iterator[Browser]:
    """A browser with its back/forward cache, as visitors have it."""
    options = chromium.launch_options(_elsewhere.port, back_forward_cache=True)
    started = playwright.chromium.launch(**options)
    yield started
    started.close()


@pytest.fixture
def remembering_page(remembering: Browser, js: bool, elsewhere: Elsewhere) -> Iterator[Page]:
    """A new visitor's tab in that browser."""
    context = remembering.new_context(java_script_enabled=js, locale="en-IE")
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture
def versioned(tmp_path: Path, _clock: Clock) -> Iterator[Site]:
    """A site whose pages carry entity tags that know nothing of visitors."""
    with sites.served(small_site(tmp_path, _clock)) as started:
        yield started


def see_event_then_privacy(page: Page, site: Site, elsewhere: Elsewhere, *, js: bool) -> None:
    """Accept all, see the event's page with all that is granted, and go on to another page."""
    visit(page, site.url + "/news")
    answer(page, "Accept all")
    visit(page, site.url + EVENT)
    elsewhere.wait_for((GRANTED if js else GRANTED_FRAMES)[EVENT])
    expect(page.locator(f"iframe[src^='https://{vendors.YOUTUBE}/']")).to_be_visible()
    page.evaluate("window.kept = true")
    visit(page, site.url + "/privacy")


def back_to_event(page: Page, site: Site) -> None:
    """Press Back until the event's page is there; a form that was sent may lie between."""
    for _ in range(3):
        page.go_back(wait_until="commit")
        if page.url == site.url + EVENT:
            return
        page.wait_for_timeout(LATE)  # as a person would: pressed at once, the second press meets a page that is leaving
    pytest.fail(f"Back leads to {page.url}")


def assert_locked(page: Page) -> None:
    """Check that the page shows placeholders and no frame of anybody else."""
    expect(page.get_by_role("button", name="Play once")).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)


@with_and_without_js
def test_back_shows_no_granted_page(site: Site, page: Page, elsewhere: Elsewhere, js: bool) -> None:
    """Back, and then a new visit, show placeholders after the grant was taken back, and ask nobody else."""
    see_event_then_privacy(page, site, elsewhere, js=js)
    take_back(page)
    elsewhere.reset()
    back_to_event(page, site)
    assert_locked(page)
    visit(page, site.url + EVENT)
    assert_locked(page)
    page.wait_for_load_state("networkidle")
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_back_forward_cache_shows_no_granted_page(
    site: Site, remembering_page: Page, elsewhere: Elsewhere, js: bool
) -> None:
    """A browser that kept the granted page alive does not bring it back after the grant was taken back."""
    page = remembering_page
    see_event_then_privacy(page, site, elsewhere, js=js)
    take_back(page)
    elsewhere.reset()
    back_to_event(page, site)
    assert_locked(page)
    assert not page.evaluate("window.kept")
    page.wait_for_load_state("networkidle")
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_back_forward_cache_is_on(site: Site, remembering_page: Page) -> None:
    """Control: that browser brings the very same page back where nothing on it was granted."""
    page = remembering_page
    visit(page, site.url + "/news")
    answer(page, "Reject all")
    visit(page, site.url + EVENT)
    page.evaluate("window.kept = true")
    visit(page, site.url + "/privacy")
    back_to_event(page, site)
    assert page.evaluate("window.kept")


@with_and_without_js
def test_revalidation_shows_no_granted_page(versioned: Site, page: Page, elsewhere: Elsewhere, js: bool) -> None:
    """A page whose entity tag never changes is still another page before a grant, with it, and after it."""
    address, granted = versioned.url + "/versioned", page.get_by_text("You see this because you said yes.")
    for _ in range(2):
        visit(page, address)
        expect(granted).to_have_count(0)
    assert versioned.statuses("/versioned") == [200, 304], "control: this browser revalidates"
    visit(page, versioned.url + "/")
    answer(page, "Accept all")
    visit(page, address)
    expect(granted).to_be_visible()
    elsewhere.wait_for({vendors.YOUTUBE})
    visit(page, versioned.url + "/")
    take_back(page)
    elsewhere.reset()
    for _ in range(2):
        visit(page, address)
        expect(granted).to_have_count(0)
    page.go_back()
    page.go_forward()
    expect(granted).to_have_count(0)
    page.wait_for_load_state("networkidle")
    assert_nobody_was_told(elsewhere)


def test_granted_tag_is_no_key_after_withdrawal(versioned: Site, page: Page) -> None:
    """The entity tag of the granted page, sent after the withdrawal, gets the locked page and not "unchanged"."""
    visit(page, versioned.url + "/")
    answer(page, "Accept all")
    seen = page.request.get(versioned.url + "/versioned")
    assert "You see this" in seen.text()
    take_back(page)
    for tag in (seen.headers["etag"], '"version-1"'):
        again = page.request.get(versioned.url + "/versioned", headers={"If-None-Match": tag, "Accept": "text/html"})
        assert again.status == 200
        assert "You see this" not in again.text()
