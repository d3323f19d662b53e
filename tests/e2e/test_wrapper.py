"""Wrapper documents: what a vendor's frame or script can do in them, and what it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Frame, Page, expect

from tests.e2e import sites, vendors
from tests.e2e.embedding_site import embedding_site
from tests.e2e.journeys import LATE, assert_nobody_was_told, cookies, visit, with_and_without_js
from tests.e2e.sites import Clock, Site
from tests.e2e.test_placeholder import size, slot
from tests.e2e.thirdparty import Elsewhere

Build = Callable[..., Site]


@pytest.fixture
def build(tmp_path: Path, _clock: Clock) -> Iterator[Build]:
    """Serves the site with frames and widgets."""
    with ExitStack() as stack:

        def make(**options: str) -> Site:
            return stack.enter_context(sites.served(embedding_site(tmp_path, _clock, **options)))

        yield make


def wrapper(page: Page) -> Frame:
    """The wrapper document in the page."""
    (found,) = (frame for frame in page.frames if "/consent/embed/" in frame.url)
    return found


def press(page: Page, place: str, button: str) -> None:
    """Reach a button of a placeholder with Tab alone and press it with Enter."""
    wanted = slot(page, place).get_by_role("button", name=button)
    for _ in range(40):
        page.keyboard.press("Tab")
        if wanted.evaluate("button => button === document.activeElement"):
            break
    expect(wanted).to_be_focused()
    page.keyboard.press("Enter")


def test_a_widget_reaches_nothing_of_the_site(build: Build, page: Page, elsewhere: Elsewhere) -> None:
    """The vendor's script and one in the markup run, and see no cookie, no storage and no page of the site."""
    site = build()
    visit(page, site.url + "/post")
    assert "member=secret" in page.evaluate("document.cookie")
    page.evaluate("localStorage.setItem('draft', '1')")
    slot(page, "A post").get_by_role("button", name="Show once").click()
    inside = page.frame_locator("iframe[title='A post']")
    drawn = inside.get_by_role("article")
    expect(drawn).to_have_text("Drawn. cookie: SecurityError; storage: SecurityError; page: SecurityError")
    expect(inside.locator("#own")).to_have_text("own: null false")
    page.wait_for_timeout(LATE)
    assert elsewhere.hosts == {vendors.POSTS}
    assert {request.path for request in elsewhere.requests} == {"/widget.js", "/seen.php"}


def test_a_widget_alone_in_a_tab_is_nobody_either(build: Build, page: Page) -> None:
    """Its own header makes the sandbox, whoever opens it: no frame around it is needed for that."""
    site = build()
    visit(page, site.url + "/post")
    slot(page, "A post").get_by_role("button", name="Always show Posts").click()
    frame = page.locator("iframe[title='A post']")
    expect(frame).to_be_visible()
    page.goto(site.url + str(frame.get_attribute("src")))
    expect(page.get_by_role("article")).to_have_text(
        "Drawn. cookie: SecurityError; storage: SecurityError; page: A post"  # there it is its own parent
    )
    page.get_by_role("link", name="Back to the page").click()
    expect(page).to_have_url(site.url + "/post#cs-frame-1")
    expect(page.locator("iframe[title='A post']")).to_be_visible()


def test_the_same_script_in_the_page_reaches_all_of_it(build: Build, page: Page, elsewhere: Elsewhere) -> None:
    """The control: with the gate off and no wrapper it reads the cookie, the storage and the page, and tells others."""
    site = build(CONSENT_MODE="off")
    visit(page, site.url + "/by-hand")
    expect(page.get_by_role("article")).to_have_text("Drawn. cookie: member=secret; storage: 0; page: Secret title")
    elsewhere.wait_for({vendors.OLD_PIXEL})
    assert vendors.OLD_PIXEL in elsewhere.hosts


def test_a_widget_is_as_tall_as_it_says(build: Build, page: Page) -> None:
    """Its frame grows to what the script has drawn, opened in place or from the start; it stays as wide as it was."""
    site = build()
    visit(page, site.url + "/post")
    assert size(slot(page, "A post")) == pytest.approx((500, 200), abs=2)
    slot(page, "A post").get_by_role("button", name="Always show Posts").click()
    frame = page.locator("iframe[title='A post']")
    for _ in range(2):
        frame.scroll_into_view_if_needed()
        expect(frame).to_have_css("height", _pixels(700, 900))
        assert size(frame)[0] == pytest.approx(500, abs=2)
        visit(page, site.url + "/post")


def _pixels(least: int, most: int) -> re.Pattern[str]:
    return re.compile("|".join(rf"^{height}(\.\d+)?px$" for height in range(least, most)))


def test_once_for_a_widget_changes_no_cookie(build: Build, page: Page, context: BrowserContext) -> None:
    """It opens this one, in place, and the next page asks again; the other services stay as they were."""
    site = build()
    visit(page, site.url + "/by-hand")
    before = cookies(context)
    slot(page, "Posts").get_by_role("button", name="Show once").click()
    expect(page.frame_locator("iframe[title='Posts']").get_by_role("article")).to_be_visible()
    assert cookies(context) == before
    expect(slot(page, "Film two").get_by_role("button", name="Play once")).to_be_visible()
    visit(page, site.url + "/by-hand")
    expect(slot(page, "Posts").get_by_role("button", name="Show once")).to_be_visible()


@with_and_without_js
def test_what_is_written_by_hand_opens_by_keyboard(build: Build, page: Page, js: bool, elsewhere: Elsewhere) -> None:
    """A frame and a widget that no template function made: asked about, told nobody, opened with Tab and Enter."""
    site = build()
    visit(page, site.url + "/by-hand")
    page.wait_for_timeout(LATE)
    assert_nobody_was_told(elsewhere)
    press(page, "Film three", "Play once")
    elsewhere.wait_for({vendors.YOUTUBE})
    assert {request.path for request in elsewhere.requests} == {"/embed/3"}
    if not js:
        page.get_by_role("link", name="Back to the page").click()
        expect(page).to_have_url(site.url + "/by-hand#cs-found-2")
    elsewhere.reset()
    press(page, "Posts", "Show once")
    if js:
        expect(page.frame_locator("iframe[title='Posts']").get_by_role("article")).to_be_visible()
        assert elsewhere.hosts == {vendors.POSTS}
    else:
        expect(page.get_by_role("heading", name="Posts")).to_be_visible()
        expect(page.get_by_role("link", name="A post")).to_have_attribute("href", "https://posts.example/1")
        assert_nobody_was_told(elsewhere)
        page.get_by_role("link", name="Back to the page").click()
        expect(page).to_have_url(site.url + "/by-hand#cs-found-3")


def test_the_wrapper_of_a_frame_runs_no_script(build: Build, page: Page) -> None:
    """Not even one that is put into it; the vendor's frame in it keeps its own origin, and holds no cookies."""
    site = build()
    visit(page, site.url + "/film")
    slot(page, "A film").get_by_role("button", name="Play once").click()
    outer = page.frame_locator("iframe[title='A film']")
    expect(outer.frame_locator("iframe").get_by_text(f"Here is {vendors.YOUTUBE}")).to_be_visible()
    document = wrapper(page)
    put = "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }))"
    document.evaluate(put)
    assert document.evaluate("window.ran") is None
    (vendor,) = document.child_frames
    assert vendor.evaluate("self.origin") == f"https://{vendors.YOUTUBE}"
    assert vendor.evaluate("window.credentialless") is True
    page.evaluate(put)
    assert page.evaluate("window.ran") is True


@pytest.mark.parametrize("referrers", [None, "no-referrer"])
@pytest.mark.parametrize("button", ["Play once", "Always show YouTube"])
def test_a_vendors_frame_is_told_the_site_and_no_more(
    build: Build, page: Page, elsewhere: Elsewhere, button: str, referrers: str | None
) -> None:
    """YouTube refuses to play without a referrer: it gets the site's origin, whatever the site's own policy is."""
    site = build(**({"referrers": referrers} if referrers else {}))
    visit(page, site.url + "/film")
    slot(page, "A film").get_by_role("button", name=button).click()
    elsewhere.wait_for({vendors.YOUTUBE})
    if button != "Play once":
        visit(page, site.url + "/film")
        elsewhere.wait_for({vendors.YOUTUBE})
        expect(page.locator("iframe[title='A film']")).to_have_attribute(
            "src", "https://www.youtube-nocookie.com/embed/1"
        )
    assert {request.referrer for request in elsewhere.requests if request.path == "/embed/1"} == {site.url + "/"}


def test_a_poster_is_shown_and_asks_nobody_else(build: Build, page: Page, elsewhere: Elsewhere) -> None:
    """The site's own picture fills the place; the words stand on a ground of their own, at the place's size."""
    site = build()
    visit(page, site.url + "/film")
    assert site.statuses("/sky.gif") == [200]
    poster = page.locator(".cs-poster")
    assert poster.evaluate("image => image.naturalWidth > 0")
    assert size(poster) == pytest.approx(size(slot(page, "A film")), abs=4)
    expect(slot(page, "A film").get_by_role("button", name="Play once")).to_be_visible()
    assert_nobody_was_told(elsewhere)


def test_a_link_in_a_widget_opens_a_window_of_its_own(build: Build, page: Page, context: BrowserContext) -> None:
    """The page lets no other site into its frames; a link in the markup still leads somewhere."""
    site = build()
    visit(page, site.url + "/post")
    page.route("**/widget.js", lambda route: route.abort())
    slot(page, "A post").get_by_role("button", name="Show once").click()
    link = page.frame_locator("iframe[title='A post']").get_by_role("link", name="A post")
    with context.expect_page() as opened:
        link.click()
    expect(opened.value.get_by_text(f"Here is {vendors.POSTS}")).to_be_visible()
    assert opened.value.evaluate("self.origin") == f"https://{vendors.POSTS}"


@pytest.mark.parametrize("width", [320, 1000])
def test_a_box_that_keeps_a_ratio_leaves_room_for_the_words(build: Build, page: Page, width: int) -> None:
    """In the usual responsive wrappers every button can be pressed, nothing is covered, and the film fills the box."""
    site = build()
    page.set_viewport_size({"width": width, "height": 800})
    visit(page, site.url + "/in-a-box")
    for title in ("In a box", "In another"):
        place = slot(page, title)
        for button in place.get_by_role("button").all():
            button.click(trial=True)
        outer = place.locator("xpath=..").bounding_box()
        inner = place.bounding_box()
        assert outer
        assert inner
        assert abs(outer["width"] - inner["width"]) < 2
        assert abs(outer["height"] - inner["height"]) < 2
    last, after = slot(page, "In another").bounding_box(), page.locator("#after").bounding_box()
    assert last
    assert after
    assert last["y"] + last["height"] <= after["y"]
    slot(page, "In a box").get_by_role("button", name="Play once").click()
    frame = page.locator("iframe[title='In a box']")
    expect(frame).to_be_visible()
    film, box = frame.bounding_box(), page.locator(".box").bounding_box()
    assert film
    assert box
    assert abs(film["width"] - box["width"]) < 2
    assert abs(film["height"] - box["height"]) < 2
