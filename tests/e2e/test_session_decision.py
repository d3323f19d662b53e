"""*Ask me again next visit*: the answer and all that it let be stored end with the browser session, or after a day.

The browser is really restarted, on a profile that it keeps on disk.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e import chromium
from tests.e2e.conftest import Restart
from tests.e2e.journeys import (
    EVENT,
    GRANTED,
    GRANTED_FRAMES,
    HOME,
    PAGES,
    answer,
    assert_nobody_was_told,
    cookies,
    question,
    switch_night_mode_on,
    visit,
    visit_all,
    with_and_without_js,
)
from tests.e2e.sites import Clock, Site
from tests.e2e.thirdparty import Elsewhere


def accept_all(context: BrowserContext, site: Site, elsewhere: Elsewhere, *, ask_again: bool, js: bool) -> Page:
    """Accept all, with the box ticked or not, and let every service that stores something store it."""
    page = context.new_page()
    visit(page, site.url + HOME)
    box = question(page).get_by_role("checkbox", name="Ask me again next visit")
    expect(box).not_to_be_checked()
    box.set_checked(ask_again)
    answer(page, "Accept all")
    switch_night_mode_on(page, site)
    for path in (HOME, EVENT):
        visit(page, site.url + path)
        elsewhere.wait_for((GRANTED if js else GRANTED_FRAMES)[path])
    assert cookies(context) == granted_cookies(js=js) | {"consent_millbrook"}
    return page


def granted_cookies(*, js: bool) -> set[str]:
    """Names of what the granted services store."""
    return {"night_mode", "_pk_id.1", "_pk_ses.1", "_fbp"} if js else {"night_mode"}


@with_and_without_js
def test_restart_asks_again(site: Site, restart: Restart, elsewhere: Elsewhere, js: bool) -> None:
    """After a session answer and a restart the question is back and no cookie is left, whoever set it."""
    with restart() as context:
        accept_all(context, site, elsewhere, ask_again=True, js=js)
        assert [cookie["name"] for cookie in context.cookies() if cookie["expires"] != -1] == []
    with restart() as context:
        assert cookies(context) == set()
        elsewhere.reset()
        page = context.new_page()
        visit_all(page, site, PAGES[:-1])
        expect(question(page)).to_be_visible()
        assert cookies(context) == set()
        assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_persistent_answer_survives_restart(site: Site, restart: Restart, elsewhere: Elsewhere, js: bool) -> None:
    """Control: without the box the same restart keeps the answer and every cookie, and asks nothing."""
    with restart() as context:
        accept_all(context, site, elsewhere, ask_again=False, js=js)
    with restart() as context:
        assert cookies(context) == granted_cookies(js=js) | {"consent_millbrook"}
        elsewhere.reset()
        page = context.new_page()
        visit(page, site.url + EVENT)
        expect(question(page)).to_have_count(0)
        elsewhere.wait_for((GRANTED if js else GRANTED_FRAMES)[EVENT])
        assert elsewhere.hosts == (GRANTED if js else GRANTED_FRAMES)[EVENT]


@pytest.fixture
def restores(tmp_path: Path) -> None:
    """A browser that continues where it left off."""
    chromium.write_preferences(tmp_path / "profile", chromium.RESTORES)


@with_and_without_js
@pytest.mark.usefixtures("restores")
def test_restored_session_ends_after_a_day(
    site: Site, restart: Restart, elsewhere: Elsewhere, clock: Clock, js: bool
) -> None:
    """A browser that restores session cookies keeps a session answer, until the server ends it after 24 hours."""
    with restart("--restore-last-session") as context:
        accept_all(context, site, elsewhere, ask_again=True, js=js)
    clock.ahead = timedelta(hours=23, minutes=50)
    with restart("--restore-last-session") as context:
        assert "consent_millbrook" in cookies(context), "control: this browser restores session cookies"
        page = context.new_page()
        visit(page, site.url + EVENT)
        expect(question(page)).to_have_count(0)
    clock.ahead = timedelta(hours=24, minutes=1)
    with restart("--restore-last-session") as context:
        assert "consent_millbrook" in cookies(context), "control: this browser restores session cookies"
        page = context.new_page()
        page.goto(site.url + "/static/icon.svg", wait_until="networkidle")
        elsewhere.reset()
        visit_all(page, site, PAGES[:-1])
        expect(question(page)).to_be_visible()
        assert not cookies(context) & granted_cookies(js=js)
        assert_nobody_was_told(elsewhere)
