"""With JavaScript an answer changes the page in place: no load, nothing typed is lost."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e import vendors
from tests.e2e.journeys import CONTACT, EVENT, GRANTED, LATE, MAP, VIDEO, answer, cookies, question, visit
from tests.e2e.sites import Site
from tests.e2e.thirdparty import Elsewhere


def test_accept_all_loads_no_page(site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere) -> None:
    """Accepting all opens the page's frames in place; scripts that need the whole page start on the next one."""
    visit(page, site.url + EVENT)
    page.evaluate("window.stayed = true")
    loads = site.statuses(EVENT)
    answer(page, "Accept all")
    for title in (VIDEO, MAP):
        page.locator(f"iframe[title='{title}']").scroll_into_view_if_needed()
    elsewhere.wait_for({vendors.YOUTUBE, vendors.MAP})
    page.wait_for_timeout(LATE)
    assert elsewhere.hosts == {vendors.YOUTUBE, vendors.MAP}
    assert page.evaluate("window.stayed && performance.getEntriesByType('navigation').length === 1")
    assert site.statuses(EVENT) == loads
    assert cookies(context) == {"consent_millbrook"}
    expect(page.get_by_role("button", name="take back")).to_be_visible()
    elsewhere.reset()
    visit(page, site.url + EVENT)
    elsewhere.wait_for(GRANTED[EVENT])
    assert elsewhere.hosts == GRANTED[EVENT]


@pytest.mark.parametrize("name", ["Accept all", "Reject all"])
def test_answer_keeps_what_was_typed(site: Site, page: Page, name: str) -> None:
    """A visitor who answers in the middle of a form loses nothing of it, and is told that the answer was saved."""
    visit(page, site.url + CONTACT)
    page.get_by_label("Your name").fill("Caroline Herschel")
    answer(page, name)
    expect(page.get_by_label("Your name")).to_have_value("Caroline Herschel")
    expect(page.get_by_role("status").filter(has_text="Your choice is saved.")).to_be_attached()


def test_choice_in_the_dialog_opens_frames_in_place(site: Site, page: Page, elsewhere: Elsewhere) -> None:
    """A choice made in the dialog opens the frames that it allows, without a page load."""
    visit(page, site.url + EVENT)
    page.evaluate("window.stayed = true")
    question(page).get_by_role("button", name="Choose", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("checkbox", name="Videos, maps and posts from other sites").check()
    dialog.get_by_role("button", name="Save my choice").click()
    expect(page.locator(f"iframe[title='{VIDEO}']")).to_be_visible()
    elsewhere.wait_for({vendors.YOUTUBE, vendors.MAP})
    assert elsewhere.hosts == {vendors.YOUTUBE, vendors.MAP}
    assert page.evaluate("window.stayed")


def test_answer_that_cannot_be_sent_keeps_the_question(site: Site, page: Page, context: BrowserContext) -> None:
    """Offline, the page says that nothing was saved and keeps asking; later the same button works."""
    visit(page, site.url + "/news")
    context.set_offline(True)
    question(page).get_by_role("button", name="Accept all").click()
    expect(question(page).get_by_text("You are offline")).to_be_visible()
    assert cookies(context) == set()
    context.set_offline(False)
    answer(page, "Accept all")
    assert cookies(context) == {"consent_millbrook"}
