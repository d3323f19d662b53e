"""What goes on beside the requests: revocations are read, what waits is brought to the store, the log is signed.

All of it can be done by hand as well, with ``CONSENT_BACKGROUND = False``: ``flask consent seal``.
"""

from __future__ import annotations

from flask import Flask

from consent.ledger.background import Background, Job
from consent.ledger.revocations import EVERY

from . import publishing, signals
from .kinds import Clock
from .ledger import Ledger
from .state import COUNT_EVERY, State

#: Where an application's background work stands in ``app.extensions``.
KEY = "consentry.background"

#: Seconds between two looks at what waits to be sequenced: far below the 60 within which it has to be.
SEAL_EVERY = 5.0
#: Seconds between two looks at the spool.
SHIP_EVERY = 1.0
#: Seconds between two looks for records of erased subjects that came in late.
_SWEEP_EVERY = 600.0
#: Seconds until what was not published is tried again.
_PUBLISH_EVERY = 30.0


def background(app: Flask, state: State) -> Background:
    """The jobs of *app*, whose thread starts with the first request."""
    ledger, clock = state.ledger, state.clock
    published: list[bool] = []

    def publish() -> None:
        if not published:
            publishing.publish(app, now=clock())
            published.append(True)

    def ship() -> None:
        if not ledger.spool.path.exists():
            return
        shipped = more = ledger.shipper.ship()
        while more:
            ledger.revocations.keep_up()  # a long queue must not hold up what was taken back elsewhere
            more = ledger.shipper.ship()
        if shipped:
            ledger.eraser.sweep(now=clock())

    return Background(
        (
            Job("refresh", EVERY.total_seconds(), ledger.revocations.refresh),
            Job("publish", _PUBLISH_EVERY, publish),
            Job("ship", SHIP_EVERY, ship),
            Job("count", COUNT_EVERY.total_seconds(), state.counters.flush),
            Job("seal", SEAL_EVERY, lambda: seal(app, ledger, clock)),
            Job("sweep", _SWEEP_EVERY, lambda: ledger.database.exists and ledger.eraser.sweep(now=clock())),
        )
    )


def seal(app: Flask, ledger: Ledger, clock: Clock) -> None:
    """Sequence and sign what waits, unless another process is at it."""
    while ledger.database.exists and ledger.sequencer.due():
        done = ledger.sequencer.seal(clock(), at_most=500, wait=False)  # short: visitors' answers wait meanwhile
        if done.signed:
            signals.send(app, signals.checkpoint_signed, size=done.size)
        if done.busy or not done.added:
            return
        ledger.revocations.keep_up()
