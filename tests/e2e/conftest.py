"""Fixtures: one browser for all tests, a fresh context for each, sites on real ports, and everybody else counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.e2e import certificate, chromium, sites
from tests.e2e.sites import Clock, Site
from tests.e2e.thirdparty import Elsewhere

#: Opens the profile in a folder as a browser that is started anew; keywords go to ``launch_persistent_context``.
Restart = Callable[..., AbstractContextManager[BrowserContext]]

_WAIT = 10_000


@pytest.fixture(scope="session")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate."""
    return certificate.write(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="session")
def _elsewhere(pem: Path) -> Iterator[Elsewhere]:
    with Elsewhere(pem) as server:
        yield server


@pytest.fixture
def elsewhere(_elsewhere: Elsewhere) -> Elsewhere:
    """The counting server, at zero."""
    _elsewhere.reset()
    return _elsewhere


@pytest.fixture(scope="session")
def _clock() -> Clock:
    return Clock()


@pytest.fixture
def clock(_clock: Clock) -> Iterator[Clock]:
    """The clock of every site; put right again after the test."""
    yield _clock
    _clock.ahead = timedelta(0)


@pytest.fixture(scope="session")
def site(_clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example site."""
    with sites.served(sites.example_site(tmp_path_factory.mktemp("site"), _clock)) as started:
        yield started


@pytest.fixture(scope="session")
def ungated(_clock: Clock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example site with the gate off: the control of every test that nothing gets through."""
    app = sites.example_site(tmp_path_factory.mktemp("ungated"), _clock, CONSENT_MODE="off")
    with sites.served(app) as started:
        yield started


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright itself."""
    expect.set_options(timeout=_WAIT)
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright, _elsewhere: Elsewhere) -> Iterator[Browser]:
    """The one browser that the tests share."""
    started = playwright.chromium.launch(**chromium.launch_options(_elsewhere.port))
    yield started
    started.close()


@pytest.fixture
def js() -> bool:
    """Whether the visitor's browser runs scripts; :data:`tests.e2e.journeys.with_and_without_js` asks for both."""
    return True


@pytest.fixture
def context(browser: Browser, js: bool, elsewhere: Elsewhere) -> Iterator[BrowserContext]:
    """A visitor who was never here: no cookies, no cache."""
    fresh = browser.new_context(java_script_enabled=js, locale="en-IE")
    fresh.set_default_timeout(_WAIT)
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """That visitor's tab."""
    return context.new_page()


@pytest.fixture
def restart(playwright: Playwright, tmp_path: Path, js: bool, elsewhere: Elsewhere) -> Restart:
    """Start the browser on a profile that is kept on disk, as often as wanted; leaving the block closes it."""

    @contextmanager
    def start(*args: str, back_forward_cache: bool = False) -> Iterator[BrowserContext]:
        options: dict[str, Any] = chromium.launch_options(elsewhere.port, back_forward_cache=back_forward_cache)
        options["args"] += args
        started = playwright.chromium.launch_persistent_context(
            tmp_path / "profile", java_script_enabled=js, locale="en-IE", **options
        )
        started.set_default_timeout(_WAIT)
        try:
            yield started
        finally:
            started.close()

    return start
