"""A frame that is not allowed yet: what stands in its place, and what opens when the visitor asks for it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.e2e import vendors
from tests.e2e.journeys import (
    EVENT,
    LATE,
    MAP,
    VIDEO,
    answer,
    assert_nobody_was_told,
    cookies,
    visit,
    with_and_without_js,
)
from tests.e2e.sites import Site
from tests.e2e.thirdparty import Elsewhere


def slot(page: Page, title: str) -> Locator:
    """The place of a frame, whether open or not."""
    return page.get_by_role("group", name=title)


def size(place: Locator) -> tuple[float, float]:
    """Width and height of what is seen, in CSS pixels."""
    box = place.bounding_box()
    assert box is not None
    return box["width"], box["height"]


def focused_title(page: Page) -> str:
    """Title of the frame that has the focus."""
    return str(page.evaluate("document.activeElement.title"))


@with_and_without_js
def test_says_what_playing_does(site: Site, page: Page, elsewhere: Elsewhere) -> None:
    """A placeholder says who learns what, links to the other site, and tells nobody."""
    visit(page, site.url + EVENT)
    video = slot(page, VIDEO)
    expect(video).to_contain_text("Playing this sends your IP address and this page’s address to YouTube")
    expect(video).to_contain_text("Google Ireland Limited")
    expect(video.get_by_role("link", name="Open on www.youtube.com")).to_have_attribute("href", re.compile("watch"))
    assert_nobody_was_told(elsewhere)


def test_play_once_opens_in_place(site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere) -> None:
    """Pressing "Play once" opens this one frame where it stands, at its size, with the focus in it, and stores nothing."""
    visit(page, site.url + EVENT)
    page.evaluate("window.stayed = true")
    before = size(slot(page, VIDEO))
    slot(page, VIDEO).get_by_role("button", name="Play once").click()
    frame = page.locator(f"iframe[title='{VIDEO}']")
    expect(frame).to_be_visible()
    elsewhere.wait_for({vendors.YOUTUBE})
    page.wait_for_timeout(LATE)
    assert elsewhere.hosts == {vendors.YOUTUBE}
    expect(
        frame.content_frame.locator("iframe").content_frame.get_by_text(f"Here is {vendors.YOUTUBE}")
    ).to_be_visible()
    assert focused_title(page) == VIDEO
    assert size(frame) == pytest.approx(before, abs=2)
    assert page.evaluate("window.stayed")
    expect(slot(page, MAP).get_by_role("button", name="Show once")).to_be_visible()
    assert cookies(context) == set()
    visit(page, site.url + EVENT)
    expect(slot(page, VIDEO).get_by_role("button", name="Play once")).to_be_visible()


@pytest.mark.parametrize("js", [False], ids=["no-js"])
def test_play_once_opens_a_page(site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere) -> None:
    """Without JavaScript "Play once" leads to a page with the frame and a way back, and stores nothing."""
    visit(page, site.url + EVENT)
    slot(page, VIDEO).get_by_role("button", name="Play once").click()
    expect(page.get_by_role("heading", name=VIDEO)).to_be_visible()
    elsewhere.wait_for({vendors.YOUTUBE})
    page.wait_for_timeout(LATE)
    assert elsewhere.hosts == {vendors.YOUTUBE}
    assert cookies(context) == set()
    page.get_by_role("link", name="Back to the page").click()
    expect(slot(page, VIDEO).get_by_role("button", name="Play once")).to_be_visible()
    expect(slot(page, MAP).get_by_role("button", name="Show once")).to_be_visible()


@with_and_without_js
def test_always_stays(site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere) -> None:
    """Pressing "Always show YouTube" opens the video on the page now and later, and no other service."""
    visit(page, site.url + EVENT)
    slot(page, VIDEO).get_by_role("button", name="Always show YouTube").click()
    frame = page.locator(f"iframe[title='{VIDEO}']")
    expect(frame).to_be_visible()
    for _ in range(2):
        frame.scroll_into_view_if_needed()
        elsewhere.wait_for({vendors.YOUTUBE})
        page.wait_for_timeout(LATE)
        assert elsewhere.hosts == {vendors.YOUTUBE}
        elsewhere.reset()
        page.reload(wait_until="load")
        expect(frame).to_be_visible()
    expect(slot(page, MAP).get_by_role("button", name="Show once")).to_be_visible()
    assert cookies(context) == {"consent_millbrook"}


def test_granted_frame_keeps_the_size(site: Site, page: Page) -> None:
    """A frame that is allowed from the start is as large as its placeholder was."""
    visit(page, site.url + EVENT)
    before = size(slot(page, VIDEO))
    answer(page, "Accept all")
    visit(page, site.url + EVENT)
    assert size(page.locator(f"iframe[title='{VIDEO}']")) == pytest.approx(before, abs=2)


def test_play_once_by_keyboard(site: Site, page: Page, elsewhere: Elsewhere) -> None:
    """A visitor with only a keyboard reaches "Play once" with Tab, opens the video with Enter and is in it."""
    visit(page, site.url + EVENT)
    button = slot(page, VIDEO).get_by_role("button", name="Play once")
    for _ in range(60):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            break
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    elsewhere.wait_for({vendors.YOUTUBE})
    assert elsewhere.hosts == {vendors.YOUTUBE}
    assert focused_title(page) == VIDEO


@with_and_without_js
def test_page_that_needs_a_purpose_asks(site: Site, page: Page, elsewhere: Elsewhere) -> None:
    """A page behind a purpose says what it needs; one click allows that purpose and shows the page."""
    page.goto(site.url + "/live")
    expect(page.get_by_role("heading", name="This page needs your permission")).to_be_visible()
    assert_nobody_was_told(elsewhere)
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Live observatory feed")).to_be_visible()
    elsewhere.wait_for({vendors.YOUTUBE})
    assert elsewhere.hosts == {vendors.YOUTUBE}
