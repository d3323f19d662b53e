"""What one application owns: the policy, the keys' seals, the gate and the store, wired together.

Kept under ``app.extensions["consentry"]``; nothing in it belongs to a request, and nothing in it is global, so that two
applications in one process never meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from consent import ConfigError, Grants, Policy, ReceiptError, Signals, allowed
from consent.audience.beacons import Beacons
from consent.audience.counters import Counters
from consent.audience.region import Regions
from consent.decision import window
from consent.gate.headers import HeaderGate
from consent.ledger import Store
from consent.notice import NoticeTokens
from consent.receipt import Receipt, Receipts
from consent.signing import Seal

from .config import Settings

Clock = Callable[[], datetime]
#: Returns as many random bytes as it is asked for.
Entropy = Callable[[int], bytes]

#: Receipts remembered after checking, so that a visitor's second page costs no signature.
_REMEMBERED = 16_384
#: Different choices remembered.
_CHOICES = 1024


class Standing(NamedTuple):
    """What a visitor's receipt allows from *begin* until *end*, seconds since 1970; without one, what all may."""

    grants: Grants
    receipt: Receipt | None = None
    begin: float = 0
    end: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """See the module.

    :param standing: From a receipt and whether GPC is on, to the decision and what it allows; answers from memory.
    :param cookie_names: Of the receipt cookie, over HTTP and over HTTPS.
    :param undecided: From whether GPC is on, to what is allowed without a decision.
    """

    settings: Settings
    policy: Policy
    clock: Clock
    entropy: Entropy
    receipts: Receipts
    notices: NoticeTokens
    embeds: Seal
    tickets: Seal
    beacons: Beacons
    gate: HeaderGate
    store: Store
    counters: Counters
    regions: Regions | None
    standing: Callable[[str, bool], Standing]
    undecided: Callable[[bool], Standing]
    cookie_names: tuple[str, str]

    def cookie_name(self, *, secure: bool) -> str:
        """Name of the receipt cookie: ``__Host-`` binds it to this host over HTTPS (RFC 6265bis §4.1.3)."""
        return self.cookie_names[secure]


def build(settings: Settings, policy: Policy, *, clock: Clock, entropy: Entropy, necessary: Iterable[str]) -> State:
    """Wire one application's state.

    :param necessary: Names of cookies that the framework and its extensions need.
    :raises ConfigError: the store or the database of countries cannot be used.
    """
    keys = settings.secret_keys
    receipts = Receipts(policy, keys)
    undecided = {gpc: Standing(allowed(policy, None, Signals(gpc))) for gpc in (False, True)}
    known: dict[tuple[bytes, bool], Grants] = {}

    @lru_cache(maxsize=_REMEMBERED)
    def standing(value: str, gpc: bool) -> Standing:
        try:
            receipt = receipts.open(value)
            # Many visitors make few different choices.
            grants = known.get((receipt.choice, gpc))
            if grants is None:
                grants = allowed(policy, receipts.decision(receipt), Signals(gpc))
                if len(known) < _CHOICES:
                    known[receipt.choice, gpc] = grants
        except ReceiptError:
            return undecided[gpc]
        begin, end = window(receipt.begin, receipt.end, session=receipt.session)
        return Standing(grants, receipt, begin, end)

    plain = settings.cookie_name
    own = {prefix + plain for prefix in ("", "__Host-", "__Secure-")}
    store = Store(settings.store_url, site=policy.site)
    return State(
        settings=settings,
        policy=policy,
        clock=clock,
        entropy=entropy,
        receipts=receipts,
        notices=NoticeTokens(policy, keys),
        embeds=Seal(keys, site=policy.site, use="embed"),
        tickets=Seal(keys, site=policy.site, use="once"),
        beacons=Beacons(policy, keys),
        gate=HeaderGate(policy, mode=settings.mode, necessary=own | set(necessary)),
        store=store,
        counters=Counters(store.add_counts),
        regions=_regions(settings),
        standing=standing,
        undecided=undecided.__getitem__,
        cookie_names=(plain, ("__Secure-" if settings.cookie_domain else "__Host-") + plain),
    )


def _regions(settings: Settings) -> Regions | None:
    if settings.geoip_database is None:
        return None
    try:
        return Regions(settings.geoip_database)
    except (OSError, ValueError) as error:
        raise ConfigError(f"CONSENT_GEOIP_DATABASE: {settings.geoip_database} cannot be used: {error}") from None
