"""What a page does by itself after an answer: it opens, hands on, and comes anew only where it must or may.

Each load of our own making keeps what was typed and sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from consent.gate.csp import SANDBOX
from tests.e2e.conftest import Restart
from tests.e2e.guarded_site import STATS, Heard, guarded_site
from tests.e2e.journeys import LATE, answer, take_back
from tests.e2e.sites import Clock, Site, served
from tests.e2e.thirdparty import Elsewhere

_HANDED_ON = "() => consentry.landing"


@pytest.fixture(scope="module")
def _made(_clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Heard]]:
    app, heard = guarded_site(tmp_path_factory.mktemp("guarded"), _clock)
    with served(app) as started:
        yield started, heard


@pytest.fixture
def guarded(_made: tuple[Site, Heard]) -> Site:
    """The site as it is by default: no load after a yes."""
    return _made[0]


@pytest.fixture
def letters(_made: tuple[Site, Heard]) -> list[str]:
    """What its form has received in this test."""
    _made[1].topics.clear()
    return _made[1].topics


@pytest.fixture(scope="module")
def reloading(_clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site with ``CONSENT_RELOAD``."""
    app, _ = guarded_site(tmp_path_factory.mktemp("reloading"), _clock, CONSENT_RELOAD=True)
    with served(app) as started:
        yield started


def _stays(page: Page, name: str = "Accept all") -> bool:
    """Whether the page is still the same one after an answer."""
    page.evaluate("() => { window.stayed = true }")
    answer(page, name)
    page.wait_for_timeout(LATE)
    page.wait_for_load_state("load")
    return bool(page.evaluate("window.stayed === true"))


def _write_a_letter(page: Page) -> None:
    page.get_by_label("Topic").fill("Saturn")
    page.get_by_label("Letter").fill("Dear all,\nit has rings.")
    page.get_by_label("Reply").check()
    page.get_by_label("Kind").select_option("Blame")
    for name in ("PIN", "Card", "Once"):
        page.get_by_label(name).fill("4111111111111111")


def _expect_the_letter(page: Page) -> None:
    expect(page.get_by_label("Topic")).to_have_value("Saturn")
    expect(page.get_by_label("Letter")).to_have_value("Dear all,\nit has rings.")
    expect(page.get_by_label("Reply")).to_be_checked()
    expect(page.get_by_label("Kind")).to_have_value("Blame")
    for name in ("PIN", "Card", "Once"):
        expect(page.get_by_label(name)).to_have_value("")
    assert page.evaluate("() => sessionStorage.getItem('consentry_fields')") is None


def test_next_page_learns_where_the_yes_was_given(guarded: Site, page: Page, elsewhere: Elsewhere) -> None:
    """A service that runs in the page starts with the next one, which knows where the visitor came in, once."""
    page.goto(guarded.url + "/?campaign=moon", referer="http://friends.example/links")
    assert _stays(page)
    assert elsewhere.hosts == set()
    page.get_by_role("link", name="Second page").click()
    elsewhere.wait_for({STATS})
    handed = {"url": guarded.url + "/?campaign=moon", "referrer": "http://friends.example/links"}
    assert page.evaluate(_HANDED_ON) == handed
    assert page.evaluate("() => sessionStorage.length") == 0
    page.goto(guarded.url)
    assert page.evaluate(_HANDED_ON) is None


def test_nothing_is_handed_on_without_a_yes(guarded: Site, page: Page) -> None:
    """A refusal, and a yes to a frame's service only, leave nothing in the tab's storage; nor does what is taken back."""
    page.goto(guarded.url)
    assert _stays(page, "Reject all")
    assert page.evaluate("() => sessionStorage.length") == 0
    page.context.clear_cookies()
    page.goto(guarded.url)
    answer(page, "Accept all")
    assert page.evaluate("() => sessionStorage.length") == 1
    take_back(page)
    assert page.evaluate("() => sessionStorage.length") == 0
    assert page.evaluate(_HANDED_ON) is None


def test_untouched_page_comes_anew_once_where_the_site_wants_it(
    reloading: Site, page: Page, elsewhere: Elsewhere
) -> None:
    """With ``CONSENT_RELOAD`` a page that nobody has touched is loaded once after a yes, and its services run."""
    page.goto(reloading.url)
    before = len(reloading.statuses("/"))
    answer(page, "Accept all")
    elsewhere.wait_for({STATS})
    page.wait_for_timeout(LATE)
    assert len(reloading.statuses("/")) == before + 1
    assert page.evaluate(_HANDED_ON) == {"url": reloading.url + "/", "referrer": ""}


@pytest.mark.parametrize(
    "touch",
    [
        "document.querySelector('[name=topic]').dispatchEvent(new InputEvent('input', { bubbles: true }))",
        "document.querySelector('[name=topic]').focus()",
        "scrollTo(0, 500)",
        "scrollTo(0, 500); setTimeout(() => scrollTo(0, 0), 50)",
        "document.body.append(new Audio()); document.querySelector('audio').dispatchEvent(new Event('play'))",
        "document.body.append(Object.assign(document.createElement('iframe'), { className: 'cs-frame' }))",
    ],
    ids=["typed", "focused", "scrolled", "scrolled-back", "played", "opened"],
)
def test_touched_page_never_comes_anew(reloading: Site, page: Page, touch: str) -> None:
    """A page in which the visitor has begun something is not loaded anew, whatever the site wants."""
    page.goto(reloading.url)
    page.evaluate(f"() => {{ {touch} }}")
    page.wait_for_timeout(LATE)
    if "focus" in touch:  # a click would take the focus away: answer as a script, or another tab's page, would
        page.evaluate("() => { window.stayed = true }")
        page.evaluate(
            "() => document.querySelector('[data-consentry=first]').requestSubmit(document.querySelector('[value=accept_all]'))"
        )
        expect(page.get_by_role("region", name="Privacy choices")).to_have_count(0)
        page.wait_for_timeout(LATE)
        assert page.evaluate("window.stayed === true")
    else:
        assert _stays(page)


def test_answers_that_start_nothing_load_nothing(reloading: Site, page: Page) -> None:
    """A refusal, and a choice of frames only, never load the page anew."""
    page.goto(reloading.url)
    assert _stays(page, "Reject all")
    page.context.clear_cookies()
    page.goto(reloading.url)
    page.evaluate("() => { window.stayed = true }")
    page.get_by_role("button", name="Choose", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("checkbox", name="Videos, maps and posts from other sites").check()
    dialog.get_by_role("button", name="Save my choice").click()
    page.wait_for_timeout(LATE)
    assert page.evaluate("window.stayed === true")


def test_withdrawal_keeps_what_was_typed(guarded: Site, page: Page, letters: list[str]) -> None:
    """The load after a withdrawal brings back what was typed, but no secret, and sends nothing."""
    page.goto(guarded.url)
    answer(page, "Accept all")
    page.goto(guarded.url + "/second")
    _write_a_letter(page)
    take_back(page)
    _expect_the_letter(page)
    page.reload()
    assert letters == []


def test_withdrawal_elsewhere_keeps_what_was_typed_here(
    guarded: Site, page: Page, context: BrowserContext, letters: list[str]
) -> None:
    """A tab that is loaded because of a withdrawal in another one keeps its fields, and does not get the other's."""
    page.goto(guarded.url)
    answer(page, "Accept all")
    page.goto(guarded.url + "/second")
    _write_a_letter(page)
    other = context.new_page()
    other.goto(guarded.url + "/second")
    other.get_by_label("Topic").fill("Jupiter")
    with page.expect_navigation(wait_until="load"):
        take_back(other)
    _expect_the_letter(page)
    expect(other.get_by_label("Topic")).to_have_value("Jupiter")
    assert letters == []


def test_page_that_was_posted_is_fetched_not_sent_again(guarded: Site, page: Page, letters: list[str]) -> None:
    """A page that answered a form is fetched by ``GET`` after a withdrawal: the form is not sent twice."""
    page.goto(guarded.url)
    answer(page, "Accept all")
    page.goto(guarded.url + "/form#letter")
    page.get_by_label("Topic").fill("Saturn")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert letters == ["Saturn"]
    take_back(page)
    expect(page.get_by_role("heading", name="Form")).to_be_visible()
    assert letters == ["Saturn"]


def test_page_that_was_away_comes_anew(guarded: Site, restart: Restart) -> None:
    """A page that waited in the back/forward cache during a withdrawal comes back anew, with what was typed."""
    with restart(back_forward_cache=True) as visitor:
        page = visitor.pages[0]
        page.goto(guarded.url)
        answer(page, "Accept all")
        page.goto(guarded.url + "/second")
        page.get_by_label("Topic").fill("Saturn")
        page.goto(guarded.url + "/form")
        take_back(page)
        page.go_back(wait_until="commit")
        expect(page.get_by_role("button", name="take back")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        expect(page.get_by_label("Topic")).to_have_value("Saturn")
        assert not page.evaluate("() => !!window.matomoRan")


def test_widget_gets_the_height_that_its_own_frame_asks_for(guarded: Site, page: Page) -> None:
    """A wrapper frame of ours is made as tall as it asks, within bounds; no other frame is heard, nor the page itself."""
    page.goto(guarded.url)
    page.evaluate(
        """() => {
          document.querySelector("main").insertAdjacentHTML("afterbegin", `
            <figure class="cs-slot"><svg class="cs-size" width="300" height="150"></svg>
            <iframe class="cs-frame" data-resize sandbox="allow-scripts" title="Ours"></iframe></figure>
            <iframe class="stranger" sandbox="allow-scripts" title="Stranger"></iframe>`);
          window.ask = (name, height) => {
            const frame = document.querySelector(`[title=${name}]`);
            frame.srcdoc = `<script>parent.postMessage({ consentry: "resize", height: ${height} }, "*")<${"/"}script>`;
          };
        }"""
    )
    ours = page.locator("[title=Ours]")
    for asked, given in ((612, 612), (1, 40), (99999, 5000)):
        page.evaluate("([name, height]) => ask(name, height)", ["Ours", asked])
        expect(ours).to_have_js_property("offsetHeight", given)
    page.evaluate("() => { ask('Stranger', 300); postMessage({ consentry: 'resize', height: 300 }) }")
    page.wait_for_timeout(LATE)
    expect(ours).to_have_js_property("offsetHeight", 5000)
    assert page.locator("[title=Stranger]").evaluate("frame => frame.offsetHeight") == 154


_PLACEHOLDER = """(attributes) => document.querySelector("main").insertAdjacentHTML("afterbegin", `
  <figure class="cs-slot" data-consentry="placeholder" data-service="youtube" data-title="A post" ${attributes}>
  <svg class="cs-size" width="300" height="150"></svg><form></form></figure>`)"""


def test_widget_opens_in_place_in_its_sandbox(guarded: Site, page: Page) -> None:
    """A placeholder with a sandbox opens into a frame that has the server's, whatever the page says, and tells its height."""
    page.goto(guarded.url)
    page.evaluate(
        _PLACEHOLDER, 'data-frame="/consent/embed/youtube/a.b-c" data-sandbox="allow-scripts allow-same-origin"'
    )
    answer(page, "Accept all")
    frame = page.locator("iframe[title='A post']")
    expect(frame).to_have_attribute("sandbox", SANDBOX)
    expect(frame).to_have_attribute("data-resize", "")


@pytest.mark.parametrize(
    "address",
    [
        "javascript:parent.reached=1",
        "data:text/html,x",
        "//elsewhere.example/consent/embed/youtube/x",
        "/bare",
        "/consent/embed/youtube/../../../bare",
        "/consent/embed/youtube/..%2f..%2f..%2fbare",
        "/consent/embed/stats/x",
    ],
)
def test_markup_that_looks_like_a_placeholder_opens_nothing(guarded: Site, page: Page, address: str) -> None:
    """What a user wrote into the page opens no address of theirs after a yes: neither a script in the site's name nor a page."""
    page.goto(guarded.url)
    page.evaluate(_PLACEHOLDER, f'data-frame="{address}"')
    answer(page, "Accept all")
    page.wait_for_timeout(LATE)
    assert page.evaluate("() => window.reached") is None
    expect(page.locator("iframe")).to_have_count(0)


def test_markup_that_looks_like_a_form_of_ours_is_not_sent(guarded: Site, page: Page) -> None:
    """A form with our mark and another action is the browser's: no script of ours sends an answer there."""
    page.goto(guarded.url)
    page.evaluate(
        """() => {
          document.querySelector("main").insertAdjacentHTML("afterbegin",
            '<form data-consentry="first" method="get" action="/form"><button name="answer" value="accept_all">Fake</button></form>');
          window.fetch = (...given) => { sessionStorage.fetched = given[0] };
        }"""
    )
    page.get_by_role("button", name="Fake").click()
    page.wait_for_url("**/form?answer=accept_all")
    assert page.evaluate("() => sessionStorage.fetched") is None
