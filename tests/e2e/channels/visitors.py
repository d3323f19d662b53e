"""Four visitors and a control, each with a browser of their own, who open every page of the channel site once.

The browser is a plain profile and no isolated context: only there do connection hints really connect.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, Playwright

from tests.e2e import chromium
from tests.e2e.channels.census import Census, Ports, looked_up
from tests.e2e.channels.site import POLICIES, SERVICE, TRACKER
from tests.e2e.channels.ways import CHANNELS
from tests.e2e.journeys import answer, take_back
from tests.e2e.sites import Site

#: Time for what should not come to come all the same, in ms; what is later still is told by its host's name.
SETTLE = 500
HEADS = ("head", "bare")

#: Looked up for real, so that the browser's log tells: a mapped name is never looked up. `.test` is nobody's (RFC 6761).
_LOOKED_UP = [channel.name for channel in CHANNELS if channel.name in ("dns-prefetch", "link-header-dns")]


#: The service workers that are ready to be told something.
_WORKERS = "(await navigator.serviceWorker.getRegistrations()).map(({active}) => active).filter(Boolean)"
_ACTIVE = f"async () => {_WORKERS}.length > 0"
_CALL = f"async (url) => {_WORKERS}.forEach((worker) => worker.postMessage(url))"


class Visitor(enum.Enum):
    """Who looks at the pages."""

    UNDECIDED = "undecided"
    REFUSING = "refusing"
    WITHDRAWING = "withdrawing"
    GRANTING = "granting"
    #: Undecided as well, on the site with the gate off.
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one page reached: channels by name.

    :param asked: Those by which the host of whom (the key) got a request.
    :param reached: Those by which it got a request, a connection, a datagram, or its name was looked up.
    """

    asked: dict[str, frozenset[str]]
    reached: dict[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one visitor's pages reached.

    :param pages: By kind of site policy and head.
    :param unnamed: Connections of which nobody can tell whom they were meant for.
    """

    pages: dict[tuple[str, str], Seen]
    unnamed: int


def measure(
    playwright: Playwright, visitor: Visitor, site: Site, census: Census, ports: Ports, folder: Path
) -> Measured:
    """Open every page as *visitor* and tell what was reached."""
    before, log = census.unnamed, folder / "net.json"
    with _plain_browser(playwright, census, folder / "profile", log) as context:
        page = context.new_page()
        _become(visitor, page, site)
        for policy in POLICIES:
            for head in HEADS:
                page.goto(f"{site.url}/{policy}/{head}/{_run(visitor, policy, head)}/", wait_until="load")
                page.wait_for_timeout(SETTLE)
    names = looked_up(log)
    pages = {
        (policy, head): _seen(_run(visitor, policy, head), census, ports, names)
        for policy in POLICIES
        for head in HEADS
    }
    return Measured(pages, census.unnamed - before)


def call_from_worker(
    playwright: Playwright, site: Site, census: Census, folder: Path, *, visitor: Visitor
) -> tuple[bool, bool]:
    """Whether a service worker that *visitor* has, a grant given, reaches the service before and after a withdrawal."""
    hosts = [f"{when}.{visitor.value}-worker.{SERVICE}" for when in ("early", "late")]
    with _plain_browser(playwright, census, folder / "profile", folder / "net.json") as context:
        page = context.new_page()
        page.goto(site.url + "/")
        if visitor is Visitor.WITHDRAWING:
            answer(page, "Accept all")
        page.goto(f"{site.url}/none/head/{visitor.value}-before/")
        page.wait_for_function(_ACTIVE)
        page.evaluate(_CALL, f"https://{hosts[0]}/x")
        page.wait_for_timeout(SETTLE)
        page.goto(site.url + "/")
        if visitor is Visitor.WITHDRAWING:
            take_back(page)
        page.evaluate(_CALL, f"https://{hosts[1]}/x")
        page.wait_for_timeout(SETTLE)
    return hosts[0] in census.hosts, hosts[1] in census.hosts


@contextmanager
def _plain_browser(playwright: Playwright, census: Census, profile: Path, log: Path) -> Iterator[BrowserContext]:
    options: dict[str, Any] = chromium.launch_options(census.port)
    (rules,) = (each for each in options["args"] if each.startswith("--host-resolver-rules="))
    options["args"].remove(rules)
    options["args"].remove("--no-pings")  # hyperlink auditing is one of the channels
    unmapped = "".join(f", EXCLUDE {name}.*" for name in _LOOKED_UP)
    # WebTransport and WebRTC keep their ports; the first rule that fits counts.
    rules = rules.replace("=MAP *", "=MAP web-transport.* 127.0.0.1, MAP webrtc.* 127.0.0.1, MAP *") + unmapped
    options["args"] += [rules, f"--log-net-log={log}"]
    context = playwright.chromium.launch_persistent_context(profile, locale="en-IE", **options)
    context.set_default_timeout(15_000)
    try:
        yield context
    finally:
        context.close()


def _become(visitor: Visitor, page: Page, site: Site) -> None:
    """Answer the question as *visitor* does, and for the one who takes it back, use what was granted before."""
    if visitor in (Visitor.UNDECIDED, Visitor.CONTROL):
        return
    page.goto(site.url + "/")
    answer(page, "Reject all" if visitor is Visitor.REFUSING else "Accept all")
    if visitor is Visitor.WITHDRAWING:
        page.goto(f"{site.url}/none/head/before/")
        page.wait_for_timeout(SETTLE)
        page.goto(site.url + "/")
        take_back(page)


def _run(visitor: Visitor, policy: str, head: str) -> str:
    return f"{visitor.value}-{policy}-{head}"


def _seen(run: str, census: Census, ports: Ports, names: set[str]) -> Seen:
    def channels(hosts: set[str]) -> dict[str, frozenset[str]]:
        parts = [host.split(".", 2) for host in hosts]
        of_run = [(part[0], part[2]) for part in parts if len(part) == 3 and part[1] == run]
        return {whose: frozenset(name for name, at in of_run if at == whose) for whose in (TRACKER, SERVICE)}

    knocked = {f"{name}.{TRACKER}" for name in ports.knocked}
    return Seen(channels(census.hosts), channels(census.hosts | census.named | knocked | (names & _dns(run))))


def _dns(run: str) -> set[str]:
    return {f"{name}.{run}.{whose}" for name in _LOOKED_UP for whose in (TRACKER, SERVICE)}
