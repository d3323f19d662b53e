"""Every adversarial form, opened in Chromium behind no gate, behind the whole gate, and behind the HTML gate alone."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flask import Flask, Response, request
from playwright.sync_api import BrowserContext, Error, Page, Playwright

from consent.gate.html import HtmlGate
from consent.policy import load
from flask_consentry import Consentry
from tests.adversarial import FORMS, Form
from tests.e2e import chromium
from tests.e2e.channels.census import Census
from tests.e2e.sites import Site

#: Windows that load at the same time; a tab that nobody sees follows no speculation rules.
_WINDOWS = 8
#: Time for what should not come to come all the same, in ms, after each handful of pages.
_SETTLE = 250

_CONSENT = """
site = "forms"
languages = ["en"]

[controller]
name = "Forms"
email = "privacy@forms.example"

[purposes.statistics]

[services.statistics]
purpose = "statistics"
name = "Statistics"

[services.statistics.hosts]
script-src = ["https://statistics.test"]
"""

_NAMES = frozenset(form.name for form in FORMS)
_WORD = re.compile(r"[a-z0-9-]+")


class Gating(enum.Enum):
    """What stands between a page and its visitor."""

    NOTHING = "nothing"
    ALL = "all"
    HTML = "html"


def form_site(folder: Path, gating: Gating, port: int) -> Flask:
    """A site that serves each form at the path of its name, and needs no answer from anybody.

    :param port: Of everybody else.
    """
    policy = folder / "consent.toml"
    policy.write_text(_CONSENT)
    app = Flask("form_site")
    pages = {form.name: form for form in FORMS}
    gate, declared = HtmlGate(load(policy)), load(policy)
    necessary = frozenset(declared.services_of["necessary"])

    @app.get("/<name>")
    def page(name: str) -> Response:
        form = pages.get(name)
        if form is None:
            return Response("GIF89a", content_type="image/gif")
        body = form.page(port=port)
        if gating is Gating.HTML:
            base = gate.base(request.scheme, request.host)
            body = gate.rewrite(body, base=base, services=necessary, charset=form.charset)
        response = Response(body)
        if form.content_type:
            response.headers["Content-Type"] = form.content_type
        else:
            del response.headers["Content-Type"]
        return response

    if gating is not Gating.HTML:
        app.config["SECRET_KEY"] = "e2e"
        app.config["CONSENT_POLICY"] = str(policy)
        app.config["CONSENT_STORE_URL"] = f"sqlite:///{folder / 'consent.sqlite3'}"
        app.config["CONSENT_MODE"] = "enforce" if gating is Gating.ALL else "off"
        Consentry(app)
    return app


def reached(
    playwright: Playwright, site: Site, census: Census, profile: Path, forms: tuple[Form, ...], *, js: bool
) -> tuple[frozenset[str], int]:
    """Names of the *forms* by which anybody else was asked or connected to, and how many connections there were."""
    census.reset()
    with _plain_browser(playwright, census, profile, js=js) as context:
        windows = [_window(context) for _ in range(_WINDOWS)]
        for at in range(0, len(forms), _WINDOWS):
            batch = list(zip(windows, forms[at : at + _WINDOWS], strict=False))
            for window, form in batch:
                _go(window, f"{site.url}/{form.name}")
            for window, _ in batch:
                with suppress(Error):  # a page that leads away, or one whose film never comes, is as good
                    window.wait_for_load_state("load", timeout=3000)
            windows[0].wait_for_timeout(_SETTLE)
        connections, names = census.connections, census.named
        words = {word for asked in census.requests for word in _WORD.findall(asked.path)}
    return frozenset(_NAMES & (words | {name.partition(".")[0] for name in names})), connections


def _window(context: BrowserContext) -> Page:
    """A new window, as seen as any."""
    session = context.new_cdp_session(context.pages[0])
    with context.expect_page() as opened:
        session.send("Target.createTarget", {"url": "about:blank", "newWindow": True})
    return opened.value


def _go(window: Page, address: str) -> None:
    """Go there; once more, if the page before was just about to lead elsewhere. It may be offered as a download."""
    with suppress(Error):
        window.goto(address, wait_until="commit")
        return
    with suppress(Error):
        window.goto(address, wait_until="commit")


@contextmanager
def _plain_browser(playwright: Playwright, census: Census, profile: Path, *, js: bool) -> Iterator[BrowserContext]:
    options = chromium.launch_options(census.port)
    options["args"].remove("--no-pings")
    context = playwright.chromium.launch_persistent_context(profile, java_script_enabled=js, **options)
    context.set_default_timeout(15_000)
    try:
        yield context
    finally:
        context.close()
