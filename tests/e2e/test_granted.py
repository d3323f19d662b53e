"""After a choice exactly the granted services run, and the tracker that nobody tagged never does."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e import vendors
from tests.e2e.journeys import (
    CONTACT,
    EVENT,
    GRANTED,
    GRANTED_FRAMES,
    HOME,
    LATE,
    LIVE,
    PAGES,
    answer,
    assert_nobody_was_told,
    back_at,
    cookies,
    question,
    switch_night_mode_on,
    visit,
    with_and_without_js,
)
from tests.e2e.sites import Site
from tests.e2e.thirdparty import Elsewhere


def hosts_by_page(page: Page, site: Site, elsewhere: Elsewhere, expected: dict[str, set[str]]) -> dict[str, set[str]]:
    """Who else was asked on each page, once all that is *expected* there has come."""
    page.goto(site.url + "/static/icon.svg", wait_until="networkidle")  # what an earlier page asks for is not counted
    seen = {}
    for path in PAGES:
        elsewhere.reset()
        visit(page, site.url + path)
        elsewhere.wait_for(expected[path])
        page.wait_for_timeout(LATE)
        seen[path] = elsewhere.hosts
    return seen


@with_and_without_js
def test_accept_all_runs_what_is_declared(
    site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere, js: bool
) -> None:
    """After "Accept all" each page asks exactly its declared hosts and stores exactly its declared cookies."""
    visit(page, site.url + CONTACT)
    answer(page, "Accept all")
    expected = GRANTED if js else GRANTED_FRAMES
    assert hosts_by_page(page, site, elsewhere, expected) == expected
    switch_night_mode_on(page, site)
    scripted = {"_pk_id.1", "_pk_ses.1", "_fbp"} if js else set()
    assert cookies(context) == {"consent_millbrook", "session", "night_mode"} | scripted


@with_and_without_js
def test_one_purpose_runs_alone(
    site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere, js: bool
) -> None:
    """Allowing only "Count visits" runs Matomo and nobody else, chosen in the dialog or on the preferences page."""
    visit(page, site.url + HOME)
    question(page).get_by_role("button", name="Choose", exact=True).click()
    chosen = page.get_by_role("dialog") if js else page.get_by_role("main")
    expect(chosen.get_by_role("checkbox", checked=True)).to_have_count(0)
    chosen.get_by_role("checkbox", name="Count visits").check()
    chosen.get_by_role("button", name="Save my choice").click()
    expect(question(page)).to_have_count(0)
    expect(page).to_have_url(back_at(site, HOME))
    page.wait_for_load_state("networkidle")
    expected = {path: hosts & {vendors.MATOMO} if js else set() for path, hosts in GRANTED.items()}
    expected[LIVE] = set()  # this page asks for consent to its video and has nothing else
    assert hosts_by_page(page, site, elsewhere, expected) == expected
    assert cookies(context) == {"consent_millbrook", "session"} | ({"_pk_id.1", "_pk_ses.1"} if js else set())


@with_and_without_js
def test_one_service_runs_alone(site: Site, page: Page, elsewhere: Elsewhere, js: bool) -> None:
    """Allowing one service of a purpose shows its frame and leaves the purpose's other services closed."""
    visit(page, site.url + "/consent/preferences?next=" + EVENT)
    purpose = page.get_by_role("group", name="Videos, maps and posts from other sites")
    purpose.get_by_text("3 services").click()
    purpose.get_by_role("checkbox", name="OpenStreetMap").check()
    page.get_by_role("button", name="Save my choice").click()
    expect(page).to_have_url(back_at(site, EVENT))
    expected = {path: hosts & {vendors.MAP} for path, hosts in (GRANTED if js else GRANTED_FRAMES).items()}
    assert hosts_by_page(page, site, elsewhere, expected) == expected


@with_and_without_js
def test_beacon_counts_only_with_consent(site: Site, page: Page, elsewhere: Elsewhere) -> None:
    """The page beacon, which is the site's own, is asked for after consent to statistics and not before."""

    def beacons() -> int:
        return sum(path.startswith("/consent/beacon/") for path, _ in list(site.answered))

    before = beacons()
    visit(page, site.url + HOME)
    assert beacons() == before
    answer(page, "Accept all")
    visit(page, site.url + "/news")
    assert beacons() > before


@with_and_without_js
def test_global_privacy_control_stands_against_accept_all(
    site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere, js: bool
) -> None:
    """With Global Privacy Control on, "Accept all" allows nothing that sells or shares data, and says so."""
    context.set_extra_http_headers({"Sec-GPC": "1"})
    visit(page, site.url + "/news")
    expect(question(page)).to_contain_text("opt-out request is honoured")
    assert_nobody_was_told(elsewhere)
    answer(page, "Accept all")
    expected = {
        path: hosts - {vendors.META, vendors.META_PIXEL, vendors.X, vendors.YOUTUBE}
        for path, hosts in (GRANTED if js else GRANTED_FRAMES).items()
    }
    assert hosts_by_page(page, site, elsewhere, expected) == expected
