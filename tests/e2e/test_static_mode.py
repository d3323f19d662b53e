"""``CONSENT_CACHE_MODE = "static"`` behind a real nginx, as visitors' browsers see it: every page load is counted.

A page that all visitors share comes out of nginx's cache; what is one visitor's own is fetched and put into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import flask
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from tests import cached_site, servers
from tests.e2e import sites, vendors
from tests.e2e.journeys import LATE, assert_nobody_was_told, question, with_and_without_js
from tests.e2e.sites import Site
from tests.e2e.small_site import STRICT
from tests.e2e.thirdparty import Elsewhere

OPEN = "For everybody"
MARKER = "consent_my_site_in"


@dataclass(frozen=True)
class Cached:
    """A site behind its cache: *url* is nginx's, *site* what lies behind it."""

    url: str
    site: Site

    def asked(self, path: str) -> int:
        """How many times the application was asked for *path*."""
        return len(self.site.statuses(path))


class Loads:
    """The documents that a tab has loaded, with what the cache did for each."""

    def __init__(self, page: Page) -> None:
        self.cache: list[str] = []
        page.on("response", self._note)

    def _note(self, response: Response) -> None:
        if response.request.is_navigation_request() and response.frame.parent_frame is None:
            self.cache.append(response.headers.get("x-cache-status", ""))


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cached]:
    """The site in static mode."""
    app = cached_site.create(tmp_path_factory.mktemp("site"), CONSENT_CACHE_MODE="static")
    with (
        sites.served(app) as site,
        servers.nginx(tmp_path_factory.mktemp("nginx"), servers.documented(), site.url) as url,
    ):
        yield Cached(url, site)


@pytest.fixture
def loads(page: Page) -> Loads:
    """What the visitor's tab loads."""
    return Loads(page)


def marker(context: BrowserContext) -> str | None:
    """The marker's value, if the browser holds one."""
    return next((cookie["value"] for cookie in context.cookies() if cookie["name"] == MARKER), None)


def settle(page: Page) -> None:
    """Wait until nothing more can come."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(LATE)


def test_the_question_comes_into_the_shared_page(cached: Cached, page: Page, loads: Loads) -> None:
    """It is there, in the visitor's words, and is gone for good once it is refused; no page is loaded for it."""
    page.goto(f"{cached.url}/page/question?a=1&b=2")
    expect(question(page)).to_be_visible()
    question(page).get_by_role("button", name="Reject all").click()
    expect(question(page)).to_have_count(0)
    settle(page)
    assert len(loads.cache) == 1
    page.goto(f"{cached.url}/page/question?a=1&b=2")
    settle(page)
    expect(question(page)).to_have_count(0)
    assert loads.cache == ["MISS", "HIT"]
    assert marker(page.context) is None


def test_a_grant_in_the_page_starts_with_the_next_page_and_loops_never(
    cached: Cached, page: Page, context: BrowserContext, loads: Loads, elsewhere: Elsewhere
) -> None:
    """Accept all: nothing reloads; the next page is private and granted; each page is loaded exactly once."""
    page.goto(f"{cached.url}/page/grant")
    question(page).get_by_role("button", name="Accept all").click()
    expect(question(page)).to_have_count(0)
    settle(page)
    assert loads.cache == ["MISS"]
    assert marker(context) == "1"
    assert vendors.MATOMO not in elsewhere.hosts, "the page that is open stays locked"
    for name in ("grant", "grant", "other"):
        page.goto(f"{cached.url}/page/{name}")
        expect(page.get_by_text("Only for nobody")).to_be_visible()
        settle(page)
    assert loads.cache == ["MISS", "BYPASS", "BYPASS", "BYPASS"]
    assert vendors.MATOMO in elsewhere.hosts


def test_a_withdrawal_brings_the_shared_page_back(
    cached: Cached, page: Page, context: BrowserContext, loads: Loads, elsewhere: Elsewhere
) -> None:
    """Take back in the footer: one load, of the shared page; and one for each page after it."""
    page.goto(f"{cached.url}/page/withdraw")
    question(page).get_by_role("button", name="Accept all").click()
    expect(question(page)).to_have_count(0)
    page.goto(f"{cached.url}/page/withdraw")
    expect(page.get_by_text("Only for nobody")).to_be_visible()
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="take back").click()
    expect(page.get_by_text(OPEN)).to_be_visible()
    settle(page)
    elsewhere.reset()
    page.goto(f"{cached.url}/page/withdraw")
    settle(page)
    assert loads.cache == ["MISS", "BYPASS", "HIT", "HIT"]
    assert marker(context) is None
    assert_nobody_was_told(elsewhere)


def test_a_granted_frame_opens_in_the_shared_page(
    cached: Cached, page: Page, context: BrowserContext, loads: Loads, elsewhere: Elsewhere
) -> None:
    """Always, in place; on the next page the frame opens by itself, and the page is the cache's one copy."""
    page.goto(f"{cached.url}/page/frame")
    question(page).get_by_role("button", name="Reject all").click()
    expect(question(page)).to_have_count(0)
    page.get_by_role("button", name="Always show YouTube").click()
    expect(page.locator("iframe.cs-frame")).to_be_visible()
    elsewhere.wait_for({vendors.YOUTUBE})
    elsewhere.reset()
    page.goto(f"{cached.url}/page/frame")
    expect(page.locator("iframe.cs-frame")).to_be_visible()
    page.locator("iframe.cs-frame").scroll_into_view_if_needed()
    elsewhere.wait_for({vendors.YOUTUBE})
    expect(page.get_by_role("button", name="take back")).to_be_visible()
    settle(page)
    assert loads.cache == ["MISS", "HIT"]
    assert marker(context) is None
    assert elsewhere.hosts == {vendors.YOUTUBE}
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="take back").click()
    settle(page)
    expect(page.locator("iframe")).to_have_count(0)
    assert loads.cache == ["MISS", "HIT", "HIT"]


def test_play_once_opens_one_frame_and_is_forgotten(cached: Cached, page: Page, loads: Loads) -> None:
    """Its form got its token with the state; the next page shows the placeholder again."""
    page.goto(f"{cached.url}/page/once")
    expect(question(page)).to_be_visible()
    page.get_by_role("button", name="Play once").click()
    expect(page.locator("iframe.cs-frame")).to_be_visible()
    page.goto(f"{cached.url}/page/once")
    settle(page)
    expect(page.get_by_role("button", name="Play once")).to_be_visible()
    assert loads.cache == ["MISS", "HIT"]


def test_a_lost_marker_costs_one_page_and_no_load(
    cached: Cached, page: Page, context: BrowserContext, loads: Loads
) -> None:
    """The shared page is shown once, the marker comes back beside it, and nothing reloads by itself."""
    page.goto(f"{cached.url}/page/lost")
    question(page).get_by_role("button", name="Accept all").click()
    expect(question(page)).to_have_count(0)
    context.clear_cookies(name=MARKER)
    page.goto(f"{cached.url}/page/lost")
    settle(page)
    expect(page.get_by_text(OPEN)).to_be_visible()
    assert loads.cache == ["MISS", "HIT"]
    assert marker(context) == "1"
    page.goto(f"{cached.url}/page/lost")
    expect(page.get_by_text("Only for nobody")).to_be_visible()
    settle(page)
    assert loads.cache == ["MISS", "HIT", "BYPASS"]


def test_an_expired_receipt_with_its_marker_does_not_loop(
    cached: Cached, page: Page, context: BrowserContext, loads: Loads
) -> None:
    """One private, locked page that asks and deletes the marker; then the shared one."""
    context.add_cookies([{"name": MARKER, "value": "1", "url": cached.url}])
    page.goto(f"{cached.url}/page/expired")
    expect(question(page)).to_be_visible()
    settle(page)
    assert marker(context) is None
    page.goto(f"{cached.url}/page/expired")
    expect(question(page)).to_be_visible()
    settle(page)
    assert loads.cache == ["BYPASS", "MISS"]


def test_nobody_sees_what_another_visitor_allowed(cached: Cached, browser: Browser, page: Page, loads: Loads) -> None:
    """Ann allows everything and sees her own pages before and after Bob, who is shown none of them."""
    page.context.add_cookies([{"name": "who", "value": "ann", "url": cached.url}])
    page.goto(f"{cached.url}/page/ann")
    question(page).get_by_role("button", name="Accept all").click()
    expect(question(page)).to_have_count(0)
    with browser.new_context(locale="en-IE") as other:
        bob = other.new_page()
        for _ in range(2):
            page.goto(f"{cached.url}/page/secret")
            expect(page.get_by_text("Only for ann")).to_be_visible()
            bob.goto(f"{cached.url}/page/secret")
            expect(bob.get_by_text(OPEN)).to_be_visible()
            assert "Only for" not in bob.content()
    assert loads.cache == ["MISS", "BYPASS", "BYPASS"]
    assert cached.asked("/page/secret") == 3


def test_an_answer_in_one_tab_reaches_a_shared_page_in_another(cached: Cached, context: BrowserContext) -> None:
    """The question goes there, too, and no tab is loaded anew."""
    one, two = context.new_page(), context.new_page()
    loads = [Loads(tab) for tab in (one, two)]
    for tab in (one, two):
        tab.goto(f"{cached.url}/page/tabs")
        expect(question(tab)).to_be_visible()
    question(one).get_by_role("button", name="Accept all").click()
    expect(question(two)).to_have_count(0)
    expect(two.locator("iframe.cs-frame")).to_be_visible()
    settle(two)
    assert [len(tab.cache) for tab in loads] == [1, 1]


def test_the_way_back_keeps_the_query(cached: Cached, page: Page) -> None:
    """The shared page knows its path alone; the browser side puts the whole address into its links and forms."""
    page.goto(f"{cached.url}/page/query?film=7")
    expect(question(page)).to_be_visible()
    page.get_by_role("link", name="Privacy choices").last.click()
    page.get_by_role("link", name="Back to the site").click()
    expect(page).to_have_url(f"{cached.url}/page/query?film=7")


def test_what_was_stored_waits_for_the_answer(cached: Cached, page: Page, context: BrowserContext) -> None:
    """The shared page names no answer, so it removes no stored key until the state has come and denies it."""
    page.goto(f"{cached.url}/page/stored")
    question(page).get_by_role("button", name="Accept all").click()
    expect(question(page)).to_have_count(0)
    page.evaluate("localStorage.setItem('visits', '1')")
    context.clear_cookies(name=MARKER)
    page.goto(f"{cached.url}/page/stored")
    settle(page)
    expect(page.get_by_text(OPEN)).to_be_visible()
    assert page.evaluate("localStorage.getItem('visits')") == "1"
    context.clear_cookies()
    page.goto(f"{cached.url}/page/stored")
    expect(question(page)).to_be_visible()
    assert page.evaluate("localStorage.getItem('visits')") is None


def test_a_reload_that_the_site_wants_comes_once(tmp_path: Path, page: Page, elsewhere: Elsewhere) -> None:
    """With ``CONSENT_RELOAD`` the page comes anew once after a grant, private and granted, and not again."""
    app = cached_site.create(tmp_path / "site", CONSENT_CACHE_MODE="static", CONSENT_RELOAD=True)
    folder = tmp_path / "nginx"
    folder.mkdir()
    loads = Loads(page)
    with sites.served(app) as site, servers.nginx(folder, servers.documented(), site.url) as url:
        page.goto(f"{url}/page/reload")
        question(page).get_by_role("button", name="Accept all").click()
        expect(page.get_by_text("Only for nobody")).to_be_visible()
        settle(page)
        elsewhere.wait_for({vendors.MATOMO})
        assert loads.cache == ["MISS", "BYPASS"]


@pytest.mark.parametrize("js", [False], ids=["no-js"])
def test_without_scripts_every_answer_can_be_given(
    cached: Cached, page: Page, context: BrowserContext, loads: Loads, elsewhere: Elsewhere, js: bool
) -> None:
    """A link leads to the page with every choice; refusing, accepting and taking back lead to the right page."""
    assert not js
    page.goto(f"{cached.url}/page/plain")
    expect(question(page)).to_have_count(0)
    page.get_by_role("link", name="Privacy choices").first.click()
    page.get_by_role("button", name="Reject all").click()
    expect(page.get_by_text(OPEN)).to_be_visible()
    assert marker(context) is None
    page.get_by_role("link", name="Privacy choices").first.click()
    page.get_by_role("button", name="Accept all").click()
    expect(page.get_by_text("Only for nobody")).to_be_visible()
    expect(page.locator("iframe.cs-frame")).to_be_visible()
    page.get_by_role("button", name="take back").click()
    expect(page.get_by_text(OPEN)).to_be_visible()
    expect(page.locator("iframe")).to_have_count(0)
    assert marker(context) is None
    elsewhere.reset()
    page.goto(f"{cached.url}/page/plain")
    settle(page)
    assert loads.cache[-1] == "HIT"
    assert_nobody_was_told(elsewhere)


@pytest.mark.parametrize("js", [False], ids=["no-js"])
def test_without_scripts_a_frame_can_be_allowed(
    cached: Cached, page: Page, context: BrowserContext, elsewhere: Elsewhere, js: bool
) -> None:
    """The placeholder's words come once more, with a token; Always makes pages private, so that the frame is in them."""
    assert not js
    page.goto(f"{cached.url}/page/always")
    page.get_by_role("button", name="Always show YouTube").click()
    assert_nobody_was_told(elsewhere)
    expect(page.get_by_role("alert").first).to_contain_text("is the same for everybody")
    page.get_by_role("button", name="Always show YouTube").click()
    expect(page.locator("iframe.cs-frame")).to_be_visible()
    elsewhere.wait_for({vendors.YOUTUBE})
    assert page.url.startswith(f"{cached.url}/page/always")
    assert marker(context) == "2"
    assert elsewhere.hosts == {vendors.YOUTUBE}


@with_and_without_js
def test_the_locked_page_asks_nobody(cached: Cached, page: Page, elsewhere: Elsewhere, js: bool) -> None:
    """Undecided and unanswered, with and without scripts: nobody else is told."""
    page.goto(f"{cached.url}/page/{'js' if js else 'plain'}-nobody")
    settle(page)
    assert_nobody_was_told(elsewhere)


def test_the_question_passes_a_strict_policy_of_the_site(tmp_path: Path, page: Page) -> None:
    """Where no text may become code or markup by a script, the question still comes, and nothing is reported."""
    app = cached_site.create(tmp_path / "site", CONSENT_CACHE_MODE="static")

    @app.after_request
    def strict(response: flask.Response) -> flask.Response:
        response.headers["Content-Security-Policy"] = STRICT
        return response

    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    with sites.served(app) as site:
        page.goto(f"{site.url}/page/strict")
        expect(question(page)).to_be_visible()
        question(page).get_by_role("button", name="Reject all").click()
        expect(question(page)).to_have_count(0)
    assert [text for text in said if "Content Security Policy" in text or "Trusted" in text] == []
