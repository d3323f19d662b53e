"""The question for people who use no mouse: first in line, never in the way, and no answer by accident."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.journeys import EVENT, HOME, LATE, assert_nobody_was_told, cookies, question, visit, with_and_without_js
from tests.e2e.sites import Site
from tests.e2e.thirdparty import Elsewhere

_IN_QUESTION = "question => question.contains(document.activeElement)"


def press_tab_until(page: Page, name: str) -> None:
    """Go forward with Tab to the button of that name in the question."""
    button = question(page).get_by_role("button", name=name, exact=True)
    for _ in range(12):
        page.keyboard.press("Tab")
        if button.evaluate("button => button === document.activeElement"):
            return
    pytest.fail(f"Tab does not reach {name!r}")


@with_and_without_js
def test_question_is_first_and_takes_no_focus(site: Site, page: Page) -> None:
    """The question leaves the focus where it is, and the first Tab goes into it."""
    visit(page, site.url + HOME)
    assert page.evaluate("document.activeElement === document.body")
    page.keyboard.press("Tab")
    assert question(page).evaluate(_IN_QUESTION)


@with_and_without_js
@pytest.mark.parametrize("name", ["Accept all", "Reject all"])
def test_keyboard_answers(site: Site, page: Page, context: BrowserContext, name: str) -> None:
    """Tab and Enter are enough to accept or refuse, in the same number of steps but one."""
    visit(page, site.url + HOME)
    press_tab_until(page, name)
    page.keyboard.press("Enter")
    expect(question(page)).to_have_count(0)
    assert "consent_millbrook" in cookies(context)


@with_and_without_js
def test_escape_is_no_answer(site: Site, page: Page, context: BrowserContext, elsewhere: Elsewhere) -> None:
    """Escape, in the question or outside, answers nothing: the question stays."""
    visit(page, site.url + EVENT)
    page.keyboard.press("Escape")
    question(page).get_by_role("checkbox").focus()
    page.keyboard.press("Escape")
    page.wait_for_timeout(LATE)
    expect(question(page).get_by_role("button", name="Reject all")).to_be_visible()
    assert cookies(context) == set()
    assert_nobody_was_told(elsewhere)


@with_and_without_js
def test_enter_in_the_box_is_no_answer(site: Site, page: Page, context: BrowserContext) -> None:
    """Enter in the box presses none of the buttons that answer: at most the choices open."""
    visit(page, site.url + HOME)
    question(page).get_by_role("checkbox").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(LATE)
    page.wait_for_load_state("networkidle")
    assert cookies(context) == set()
    visit(page, site.url + HOME)
    expect(question(page).get_by_role("button", name="Reject all")).to_be_visible()


def test_escape_closes_the_dialog(site: Site, page: Page, context: BrowserContext) -> None:
    """In the dialog Escape closes it, answers nothing, and gives the focus back to "Choose"."""
    visit(page, site.url + HOME)
    press_tab_until(page, "Choose")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Privacy choices")
    expect(dialog).to_be_visible()
    assert dialog.evaluate(_IN_QUESTION)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(question(page).get_by_role("button", name="Choose", exact=True)).to_be_focused()
    assert cookies(context) == set()


def test_dialog_by_keyboard(site: Site, page: Page) -> None:
    """In the dialog Tab and Space tick a purpose, and Tab stays out of the page behind."""
    visit(page, site.url + HOME)
    press_tab_until(page, "Choose")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Privacy choices")
    box = dialog.get_by_role("checkbox", name="Count visits")
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
        if box.evaluate("box => box === document.activeElement"):
            break
    page.keyboard.press("Space")
    expect(box).to_be_checked()


def test_buttons_are_of_equal_weight(site: Site, page: Page) -> None:
    """The three buttons look alike: same size, same colours, same type."""
    visit(page, site.url + HOME)
    looks = [
        question(page)
        .get_by_role("button", name=name, exact=True)
        .evaluate(
            "button => { const s = getComputedStyle(button), b = button.getBoundingClientRect();"
            "return [b.width, b.height, s.color, s.backgroundColor, s.borderColor, s.fontSize, s.fontWeight]; }"
        )
        for name in ("Accept all", "Reject all", "Choose")
    ]
    assert looks[0] == looks[1] == looks[2]
