"""What scripts of the page may store: the guard holds them to the answer, in every spelling that browsers accept."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.e2e.journeys import answer, cookies, question, visit
from tests.e2e.sites import Site

WRITE = """async () => {
  for (const text of ["spy=1", " spy=1; path=/", "spy\\t=1", "SPY=1; max-age=99", "session\\u00a0=1", "nameless",
                      "_pk_id.1=x; max-age=99", "_fbp=x", "night_mode=on", "consent_millbrook=planted; path=/news"])
    document.cookie = text;
  const set = (...given) => cookieStore.set(...given).catch(() => undefined);
  await set("spy", "1");
  await set({ name: "spy", value: "1", expires: Date.now() + 1e6 });
  await set(Object.assign(Object.create(null), { name: "_pk_id.2", value: "x", expires: Date.now() + 1e6 }));
}"""


def test_scripts_store_nothing_before_a_yes(site: Site, page: Page, context: BrowserContext) -> None:
    """No spelling of an undeclared or ungranted cookie is kept, by either interface."""
    visit(page, site.url + "/news")
    page.evaluate(WRITE)
    assert cookies(context) == set()


def test_scripts_can_where_there_is_no_gate(ungated: Site, page: Page, context: BrowserContext) -> None:
    """Control: without the gate the very same lines store cookies."""
    visit(page, ungated.url + "/news")
    page.evaluate(WRITE)
    assert {"spy", "_fbp", "_pk_id.1", "_pk_id.2", "night_mode"} <= cookies(context)


@pytest.mark.parametrize("again", [False, True], ids=["persistent", "session"])
def test_scripts_store_what_was_granted(site: Site, page: Page, context: BrowserContext, again: bool) -> None:
    """Granted names pass; under a session answer they end with the browser session."""
    visit(page, site.url + "/news")
    if again:
        question(page).get_by_role("checkbox", name="Ask me again next visit").check()
    answer(page, "Accept all")
    page.evaluate(WRITE)
    stored = {cookie["name"]: cookie["expires"] for cookie in context.cookies()}
    assert set(stored) == {"consent_millbrook", "_pk_id.1", "_pk_id.2", "_fbp", "night_mode"}
    assert (stored["_pk_id.1"] == -1) is again
    assert (stored["_pk_id.2"] == -1) is again
    assert context.cookies()[0]["value"] != "planted"


def test_nothing_sticks_out_at_320_pixels(site: Site, page: Page) -> None:
    """On the narrowest screen the question stands in the page, and no page scrolls sideways."""
    page.set_viewport_size({"width": 320, "height": 640})
    for path in ("/", "/events/observing-night", "/privacy", "/consent/preferences", "/live"):
        visit(page, site.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
    visit(page, site.url + "/")
    assert question(page).evaluate("section => getComputedStyle(section).position") == "static"
