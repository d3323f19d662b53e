"""Nothing gets through: every channel, four visitors, five kinds of site policy, counted by who was reached.

Each channel has its control: the same markup in the same launch mode with the gate off gets through. One page tries all
channels, each at hosts of its own, so that one load proves them all and each is still asserted by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path

import pytest
from playwright.sync_api import Playwright

from consent.gate.csp import ContentPolicy
from consent.policy import Policy, load
from tests.e2e import sites
from tests.e2e.channels.census import Census, Ports
from tests.e2e.channels.site import POLICIES, SERVICE, TRACKER, channel_site
from tests.e2e.channels.visitors import HEADS, Measured, Visitor, call_from_worker, measure
from tests.e2e.channels.ways import CHANNELS, Channel
from tests.e2e.sites import Clock, Site

#: Chromium fetches no SVG fragment from another origin at all: there is nothing to stop, and no control.
_NEVER = {"svg-use"}

_VISITORS = [visitor for visitor in Visitor if visitor is not Visitor.CONTROL]
_LIVE = [channel for channel in CHANNELS if channel.name not in _NEVER]
#: Channels that a site's own policy leaves open, at least: less would prove little.
_OPEN = {"none": 46, "hosts": 46, "nonce": 40, "strict-dynamic": 30, "report-only": 46}

Measure = Callable[[Visitor], Measured]

each_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
each_policy = pytest.mark.parametrize("policy", POLICIES)
each_visitor = pytest.mark.parametrize("visitor", _VISITORS, ids=lambda visitor: visitor.value)


@pytest.fixture(scope="module")
def census(pem: Path) -> Iterator[Census]:
    """Everybody else."""
    with Census(pem) as server:
        yield server


@pytest.fixture(scope="module")
def ports() -> Iterator[Ports]:
    """Where WebRTC and WebTransport knock."""
    with Ports() as opened:
        yield opened


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory, _clock: Clock, ports: Ports) -> Iterator[tuple[Site, Policy]]:
    """The channel site behind its gate, and the site's policy."""
    folder = tmp_path_factory.mktemp("channels")
    with sites.served(channel_site(folder, _clock, ports.number, mode="enforce")) as started:
        yield started, load(folder / "consent.toml")


@pytest.fixture(scope="module")
def ungated(tmp_path_factory: pytest.TempPathFactory, _clock: Clock, ports: Ports) -> Iterator[Site]:
    """The channel site with its gate off."""
    with sites.served(channel_site(tmp_path_factory.mktemp("off"), _clock, ports.number, mode="off")) as started:
        yield started


@pytest.fixture(scope="module")
def measured(
    playwright: Playwright,
    gated: tuple[Site, Policy],
    ungated: Site,
    census: Census,
    ports: Ports,
    tmp_path_factory: pytest.TempPathFactory,
) -> Measure:
    """What a visitor's pages reached; each visitor looks once, when first asked about."""
    known: dict[Visitor, Measured] = {}

    def look(visitor: Visitor) -> Measured:
        if visitor not in known:
            site = ungated if visitor is Visitor.CONTROL else gated[0]
            known[visitor] = measure(playwright, visitor, site, census, ports, tmp_path_factory.mktemp(visitor.value))
        return known[visitor]

    return look


def test_channels_are_those_of_the_issue() -> None:
    """The set holds the 33 channels that leak in Chromium, SVG fragments beside them, and more than ten others."""
    named = [channel.name for channel in CHANNELS]
    assert len(named) == len(set(named))
    assert len([channel for channel in _LIVE if channel.issue]) == 33
    assert len([channel for channel in CHANNELS if not channel.issue]) >= 14


def test_limits_are_few() -> None:
    """What no header and no rewriting stops from connecting: WebRTC, and hints and frames that scripts make."""
    limited = {channel.name: channel.guarded for channel in CHANNELS if channel.limit}
    assert limited == {
        "created-iframe": True,
        "form-into-frame": True,
        "created-preconnect": True,
        "frame-preconnect": True,
        "webrtc": True,
        "frame-location": False,
        "link-into-frame": False,
        "preconnect-in-srcdoc": False,
    }


@pytest.mark.parametrize("head", HEADS)
@each_channel
def test_channel_gets_through_with_the_gate_off(measured: Measure, channel: Channel, head: str) -> None:
    """Control: in the same browser, with the gate off, the channel reaches the tracker."""
    seen = measured(Visitor.CONTROL).pages["none", head]
    assert (channel.name in seen.reached[TRACKER]) is (channel.name not in _NEVER)
    assert (channel.name in seen.asked[TRACKER]) is (channel.asks and channel.name not in _NEVER)


@each_policy
def test_site_policy_alone_stops_little(measured: Measure, policy: str) -> None:
    """Control: whatever policy the site has of its own, most channels are open until the gate is on."""
    for head in HEADS:
        assert len(measured(Visitor.CONTROL).pages[policy, head].reached[TRACKER]) >= _OPEN[policy]


@each_visitor
@each_policy
@each_channel
def test_nothing_gets_through(measured: Measure, channel: Channel, policy: str, visitor: Visitor) -> None:
    """The channel brings no request to what was not granted, and but for a limit no connection, datagram or look-up."""
    closed = (TRACKER,) if visitor is Visitor.GRANTING else (TRACKER, SERVICE)
    for head in HEADS:
        seen = measured(visitor).pages[policy, head]
        for whose in closed:
            assert channel.name not in seen.asked[whose], f"asked {whose} on a page with {head}"
            if not channel.limit or (channel.guarded and head == "head"):
                assert channel.name not in seen.reached[whose], f"reached {whose} on a page with {head}"


@each_visitor
def test_nobody_else_is_reached(measured: Measure, visitor: Visitor) -> None:
    """No connection is left that names nobody."""
    assert measured(visitor).unnamed == 0


@each_policy
@each_channel
def test_granted_service_loads(measured: Measure, channel: Channel, policy: str) -> None:
    """By each channel a granted service is reached exactly where it is with the gate off."""
    if not channel.grantable:
        return
    for head in HEADS:
        free = measured(Visitor.CONTROL).pages[policy, head].reached[SERVICE]
        granted = measured(Visitor.GRANTING).pages[policy, head].reached[SERVICE]
        assert (channel.name in granted) is (channel.name in free)


def test_service_worker_outlives_no_grant(
    playwright: Playwright, gated: tuple[Site, Policy], census: Census, tmp_path: Path
) -> None:
    """A service worker of the site's own keeps the headers that it came with, so a grant gives it nothing to outlive."""
    assert call_from_worker(playwright, gated[0], census, tmp_path, visitor=Visitor.WITHDRAWING) == (False, False)


def test_service_worker_can_call_with_the_gate_off(
    playwright: Playwright, ungated: Site, census: Census, tmp_path: Path
) -> None:
    """Control: with the gate off the worker reaches the service whenever it is told to."""
    assert call_from_worker(playwright, ungated, census, tmp_path, visitor=Visitor.CONTROL) == (True, True)


@pytest.mark.parametrize("path", ["/{policy}/head/raw/", "/{policy}/bare/raw/"])
@each_policy
def test_site_policy_is_untouched(gated: tuple[Site, Policy], policy: str, path: str) -> None:
    """The site's own policy leaves byte for byte as it was set, in a header of its own beside the gate's."""
    site, declared = gated
    headers = _headers(site, path.format(policy=policy))
    locked = ContentPolicy(declared).locked
    own = POLICIES[policy]
    expected = {("Content-Security-Policy", locked)} | ({own} if own else set())
    assert {(name, value) for name, value in headers.items() if name.startswith("Content-Security")} == expected


@pytest.mark.parametrize("path", ["/worker.js", "/service.js", "/rules/raw.json", "/own.gif", "/missing"])
def test_every_file_carries_the_gate(gated: tuple[Site, Policy], path: str) -> None:
    """A worker's file and every other response carry the gate's policy: a worker goes by its own."""
    site, declared = gated
    assert _headers(site, path).get_all("Content-Security-Policy") == [ContentPolicy(declared).locked]


def _headers(site: Site, path: str) -> HTTPMessage:
    connection = HTTPConnection(site.url.removeprefix("http://"), timeout=10)
    connection.request("GET", path)
    with connection.getresponse() as response:
        response.read()
        headers = response.msg
    connection.close()
    return headers
