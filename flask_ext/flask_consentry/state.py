"""What one application owns: the policy, the keys' seals, the gate and the store, wired together.

Kept under ``app.extensions["consentry"]``; nothing in it belongs to a request, and nothing in it is global, so that two
applications in one process never meet.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask

from consent import ConfigError, Policy
from consent.audience import counting
from consent.audience.beacons import PAGE_LASTS, SKEW, Beacons
from consent.audience.counters import Counters
from consent.audience.counting import Counting
from consent.audience.region import Regions
from consent.audience.replays import Seen
from consent.discovery import Tally
from consent.gate.headers import HeaderGate, Mode
from consent.gate.html import HtmlGate
from consent.gate.reporting import Reporting, Reports
from consent.ledger.patience import within
from consent.notice import NoticeTokens
from consent.receipt import Receipts
from consent.signing import Seal
from consent.standing import Standings

from . import ledger
from .config import Settings
from .kinds import Clock, Entropy
from .ledger import Ledger
from .metrics import Metrics

#: How often counted hits are handed to the store.
COUNT_EVERY = timedelta(seconds=5)
#: Seconds until what was counted stays in memory for the next time: it may be a request that waits, or the end.
_TO_COUNT = 2.0
#: Where an application's :class:`State` stands in ``app.extensions``.
KEY = "consentry"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """See the module.

    :param seen: Which beacons of pages were seen lately.
    :param tally: What was seen on pages and is not declared; ``None`` where nobody is asked.
    :param cookie_names: Of the receipt cookie, over HTTP and over HTTPS: ``__Host-`` binds it to this host (RFC 6265bis
        §4.1.3).
    :param marker: Name of the cookie by which a cache knows whose pages are their own; see :mod:`.marker`. It has no
        prefix, so that it is the same in every cache's configuration.
    """

    settings: Settings
    policy: Policy
    clock: Clock
    entropy: Entropy
    receipts: Receipts
    notices: NoticeTokens
    embeds: Seal
    tickets: Seal
    claims: Seal
    subjects: Seal
    beacons: Beacons
    seen: Seen
    gate: HeaderGate
    pages: HtmlGate
    ledger: Ledger
    metrics: Metrics
    counters: Counters
    counting: Counting
    tally: Tally | None
    regions: Regions
    standings: Standings
    cookie_names: tuple[str, str]
    marker: str


def build(
    app: Flask, settings: Settings, policy: Policy, *, clock: Clock, entropy: Entropy, necessary: Iterable[str]
) -> State:
    """Wire the state of *app*.

    :param necessary: Names of cookies that the framework and its extensions need.
    :raises ConfigError: the store or the database of countries cannot be used.
    """
    keys = settings.secret_keys
    receipts = Receipts(policy, keys)
    plain = settings.cookie_name or f"consent_{policy.site.replace('-', '_')}"
    own = {prefix + plain for prefix in ("", "__Host-", "__Secure-")}
    marker = plain + "_in"
    kept = ledger.build(app, settings, policy, clock=clock, entropy=entropy)
    metrics = Metrics()
    metrics.listen(app)
    tally = Tally(within(_TO_COUNT)(kept.counts.add_sightings)) if _collects(settings) else None
    reporting = Reporting(f"{settings.url_prefix}/report", tally.add) if tally is not None else None
    regions = _regions(settings, policy)
    counters = Counters(
        within(_TO_COUNT)(kept.counts.add),
        k=policy.audience.k,
        entropy=entropy,
        every=None if settings.background else COUNT_EVERY,
        forget=counting.forget,
    )
    gate = HeaderGate(policy, mode=settings.mode, necessary=set(necessary), own=own | {marker}, reporting=reporting)
    return State(
        settings=settings,
        policy=policy,
        clock=clock,
        entropy=entropy,
        receipts=receipts,
        notices=NoticeTokens(policy, keys),
        embeds=Seal(keys, site=policy.site, use="embed"),
        tickets=Seal(keys, site=policy.site, use="once"),
        subjects=Seal(keys, site=policy.site, use="subject"),
        claims=Seal(keys, site=policy.site, use="claim"),
        beacons=Beacons(policy, keys, entropy),
        seen=Seen(PAGE_LASTS + SKEW),
        gate=gate,
        pages=HtmlGate(policy),
        ledger=kept,
        metrics=metrics,
        counters=counters,
        counting=Counting(policy, regions, counters),
        tally=tally,
        regions=regions,
        standings=Standings(policy, receipts, gate.cookies, kept.revocations),
        cookie_names=(plain, ("__Secure-" if settings.cookie_domain else "__Host-") + plain),
        marker=marker,
    )


def _collects(settings: Settings) -> bool:
    """Whether browsers are asked for reports, in the mode that the site is in."""
    asked = {Mode.REPORT: (Reports.REPORT, Reports.ALWAYS), Mode.ENFORCE: (Reports.ALWAYS,), Mode.OFF: ()}
    return settings.reports in asked[settings.mode]


def _regions(settings: Settings, policy: Policy) -> Regions:
    regions = Regions(settings.geoip_database, subdivisions=policy.audience.subdivisions)
    if settings.geoip_database is not None:  # what ships with the package is unpacked only where it is needed
        try:
            regions.open()
        except (OSError, ValueError) as error:
            raise ConfigError(f"CONSENT_GEOIP_DATABASE: {settings.geoip_database} cannot be used: {error}") from None
    return regions
