"""The audience report in a browser: under a strict policy, with the keyboard, on narrow screens, light and dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from playwright.sync_api import Browser, BrowserContext, Page, expect

from consent.audience.view import last_closed
from flask_consentry import Consentry
from tests import closed_days
from tests.e2e import sites
from tests.e2e.sites import Clock, Site
from tests.e2e.small_site import STRICT
from tests.e2e.thirdparty import Elsewhere

_POLICY = """
site = "report"
[controller]
name = "Millbrook Mill"
[purposes.statistics]
[purposes.social]
"""

#: Contrast of every text with what is behind it: name, ratio, and whether it is large (WCAG 2.2, 1.4.3).
_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = channels(element instanceof SVGElement ? style.fill : style.color).slice(0, 3);
    const [light, dark] = [luminance(ink), luminance(behind(element).slice(0, 3))].sort((a, b) => b - a);
    found.push([element.textContent.trim().slice(0, 30), (light + 0.05) / (dark + 0.05)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def reporting(tmp_path_factory: pytest.TempPathFactory, _clock: Clock) -> Iterator[Site]:
    """A site with a strict policy of its own and two months of numbers."""
    with sites.served(_site(tmp_path_factory.mktemp("report"), _clock)) as started:
        yield started


def _site(folder: Path, clock: Clock) -> Flask:
    (folder / "consent.toml").write_text(_POLICY, encoding="utf-8")
    app = Flask("report", root_path=str(folder), instance_path=str(folder / "instance"))
    app.config.update(SECRET_KEY="e2e", CONSENT_AUTHORIZE=lambda action: action == "report")

    @app.after_request
    def own_policy(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = STRICT
        return response

    Consentry(app, clock=clock.now)
    ledger = app.extensions["consentry"].ledger
    ledger.database.upgrade()
    newest = last_closed(clock.now())
    closed_days.publish(ledger, closed_days.made_up(newest - timedelta(days=59), 60))
    return app


@pytest.fixture
def said(page: Page) -> list[str]:
    """All that the browser's console says, but for the icon of the site, which it has not."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if "404" not in message.text else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


@pytest.mark.parametrize("js", [True, False], ids=["js", "no-js"])
def test_a_strict_policy_has_nothing_to_object_to(
    page: Page, reporting: Site, said: list[str], elsewhere: Elsewhere
) -> None:
    """With and without scripts: nothing in the console, nobody else asked, all drawn."""
    page.goto(reporting.url + "/consent/report")
    expect(page.get_by_role("heading", name="Audience", level=1)).to_be_visible()
    expect(page.get_by_role("img")).to_have_count(6)
    column = page.locator(".r-yes rect").first
    expect(column).to_have_css("fill", "rgb(29, 95, 163)")
    assert said == []
    assert elsewhere.hosts == set()


def test_pictures_have_names_and_tables(page: Page, reporting: Site) -> None:
    """What a screen reader is told of a picture, and the table that a key opens."""
    page.goto(reporting.url + "/consent/report")
    views = page.get_by_role("img", name="Page views", exact=True)
    expect(views).to_be_visible()
    expect(views).to_have_accessible_description(re.compile("^Most: "))
    expect(page.get_by_role("img", name="Regions", exact=True)).to_have_accessible_description(re.compile("a day"))
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "As a table: Page views":
            break
    page.keyboard.press("Enter")
    table = page.get_by_role("table", name="Page views")
    expect(table.get_by_role("row")).to_have_count(29)
    expect(table.get_by_role("columnheader", name="Page views")).to_be_visible()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "region", "it can be scrolled by keys"


def test_other_days_by_the_form(page: Page, reporting: Site) -> None:
    """Without scripts, too: it is a form with GET."""
    page.goto(reporting.url + "/consent/report")
    page.get_by_label("Until").fill("2001-01-01")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("name the earlier day first")
    page.get_by_role("link", name="3 months").click()
    expect(page.get_by_role("link", name="3 months")).to_have_attribute("aria-current", "page")
    expect(page.get_by_text("91 days, by day")).to_be_visible()


@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_narrow_screens(browser: Browser, reporting: Site, direction: str) -> None:
    """At 320 px nothing is beside the screen, with all tables open, in either direction."""
    context: BrowserContext = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(reporting.url + "/consent/report")
    page.evaluate("dir => { document.documentElement.dir = dir }", direction)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('.r-chart text')].map(one => one.getBoundingClientRect().height)"
        ".filter(height => height > 0))"
    )
    assert smallest > 9, "labels can be read"
    names = page.locator(".r-bars tbody th").evaluate_all("all => all.map(one => one.getBoundingClientRect().width)")
    assert min(names) > 200, "a name has a line of its own"
    assert (
        page.locator(".r-card .r-bars").evaluate_all(
            "all => all.filter(one => { const card = one.closest('.r-card').getBoundingClientRect();"
            " const own = one.getBoundingClientRect(); return own.right > card.right || own.left < card.left }).length"
        )
        == 0
    )
    expect(page.get_by_role("table", name="Pages", exact=True).get_by_role("rowheader").first).to_have_text("/")
    context.close()


@pytest.mark.parametrize(
    "looks",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "dark", "contrast": "more"}],
    ids=["light", "dark", "dark-more"],
)
def test_contrast(browser: Browser, reporting: Site, looks: dict[str, Any]) -> None:
    """Every text has at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    context = browser.new_context(**looks)
    page = context.new_page()
    page.goto(reporting.url + "/consent/report")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    found = page.evaluate(_CONTRAST)
    assert len(found) > 300
    assert [(text, ratio) for text, ratio in found if ratio < 4.5] == []
    context.close()


#: Contrasts that are not of text: outline of a shaded country and of a field with what is around (WCAG 2.2, 1.4.11).
_SHAPES = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const light = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
      .map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  const ratio = (one, other) => Math.max(light(one) / light(other), light(other) / light(one));
  const style = (selector) => getComputedStyle(document.querySelector(selector));
  const land = style(".r-key.r-land").backgroundColor;
  return [
    ratio(style(".r-map [class^=r-shade]").stroke, land),
    ratio(style(".r-form input").borderTopColor, style(".r-form input").backgroundColor),
    ratio(style(".r-form input").borderTopColor, style("html").backgroundColor),
  ];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_of_shapes(browser: Browser, reporting: Site, scheme: Any) -> None:
    """Every one has at least 3 to 1 (WCAG 2.2, 1.4.11)."""
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    page.goto(reporting.url + "/consent/report")
    ratios = page.evaluate(_SHAPES)
    assert min(ratios) >= 3, ratios
    context.close()


def test_paper(browser: Browser, reporting: Site) -> None:
    """Dark on white whatever the screen is, and without what cannot be used there."""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(reporting.url + "/consent/report")
    page.emulate_media(media="print")
    expect(page.locator("html")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("html")).to_have_css("color", "rgb(27, 36, 48)")
    expect(page.get_by_role("button", name="Show")).to_be_hidden()
    expect(page.get_by_role("img", name="Regions", exact=True)).to_be_visible()
    rows = page.locator("details.r-more tbody tr")
    assert rows.count() > 3
    for row in rows.all():
        assert row.locator("td").first.bounding_box(), "what is folded away on a screen is printed"
    context.close()
