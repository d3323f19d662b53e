"""The question on sites that are stricter than the example: HTTPS, and a policy of their own that allows next to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e import sites, vendors
from tests.e2e.journeys import answer, cookies, question, take_back, visit
from tests.e2e.sites import Clock, Site
from tests.e2e.small_site import STRICT, small_site
from tests.e2e.thirdparty import Elsewhere

_REPORTS = """
window.violations = [];
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
  violations.push(`${violatedDirective} ${blockedURI}`));
"""


@pytest.fixture
def https_site(tmp_path: Path, _clock: Clock, pem: Path) -> Iterator[Site]:
    """The example over TLS."""
    with sites.served(sites.example_site(tmp_path, _clock), pem) as started:
        yield started


@pytest.fixture
def strict_site(tmp_path: Path, _clock: Clock) -> Iterator[Site]:
    """A small site with a strict policy of its own, trusted types included."""
    with sites.served(small_site(tmp_path, _clock, csp=STRICT)) as started:
        yield started


@pytest.fixture
def complaints(page: Page) -> list[str]:
    """What the browser's console says of policies, on every page and frame of the tab."""
    said: list[str] = []
    page.add_init_script(_REPORTS)
    page.on("console", lambda message: said.append(message.text) if _is_complaint(message.text) else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    return said


def _is_complaint(text: str) -> bool:
    return any(word in text for word in ("Content Security Policy", "Content-Security-Policy", "Trusted", "violates"))


@pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])
def test_cookie_is_bound_to_the_host_over_https(browser: Browser, https_site: Site, js: bool) -> None:
    """Over HTTPS the answer is a ``__Host-`` cookie: Secure, HttpOnly, Lax, for the whole host and no other."""
    context = browser.new_context(ignore_https_errors=True, java_script_enabled=js, locale="en-IE")
    context.set_default_timeout(10_000)
    page = context.new_page()
    visit(page, https_site.url + "/news")
    answer(page, "Accept all")
    (cookie,) = (each for each in context.cookies() if "consent" in each["name"])
    assert cookie["name"] == "__Host-consent_millbrook"
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, True, "Lax", "/")
    assert cookie["domain"] == "127.0.0.1"
    visit(page, https_site.url + "/news")
    expect(question(page)).to_have_count(0)
    take_back(page)
    assert "__Host-consent_millbrook" in cookies(context)
    context.close()


def test_question_works_under_a_strict_policy(
    strict_site: Site, page: Page, context: BrowserContext, complaints: list[str]
) -> None:
    """Under a strict policy with trusted types every part of the question works and the browser reports nothing."""
    visit(page, strict_site.url + "/film")
    question(page).get_by_role("button", name="Choose", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.evaluate("window.stayed = true")
    answer(page, "Reject all")
    assert page.evaluate("window.stayed")
    assert cookies(context) == {"consent_small"}
    assert page.evaluate("window.violations") == []
    visit(page, strict_site.url + "/consent/preferences?next=/film")
    page.get_by_role("checkbox", name="Count visits").check()
    page.get_by_role("button", name="Save my choice").click()
    expect(page).to_have_url(strict_site.url + "/film")
    take_back(page)
    assert page.evaluate("window.violations") == []
    assert complaints == []


def test_frame_opens_under_a_strict_policy(
    strict_site: Site, page: Page, complaints: list[str], elsewhere: Elsewhere
) -> None:
    """A site that allows frames of its own only can still show a film: the wrapper alone may load it."""
    visit(page, strict_site.url + "/film")
    page.get_by_role("button", name="Play once").click()
    elsewhere.wait_for({vendors.YOUTUBE})
    wrapper = page.locator("iframe[title='A film']").content_frame
    expect(wrapper.locator("iframe").content_frame.get_by_text(f"Here is {vendors.YOUTUBE}")).to_be_visible()
    assert page.evaluate("window.violations") == []
    assert complaints == []


def test_violations_are_seen(strict_site: Site, page: Page, complaints: list[str]) -> None:
    """Control: what such a policy forbids is reported in the way that these tests look for."""
    visit(page, strict_site.url + "/")
    page.evaluate("() => { document.body.style = ''; document.body.setAttribute('style', 'color: red'); }")
    page.evaluate("() => { try { document.body.innerHTML = '<b>x</b>'; } catch {} }")
    page.evaluate("() => { const i = new Image(); i.src = 'https://pixel.oldtracker.example/x.gif'; }")
    page.wait_for_function("window.violations.length > 0")
    assert complaints
