"""What goes on beside the requests: revocations are read, what waits is brought to the store, the log is signed.

And the audience's days are closed when they are over.

All of it can be done by hand as well, with ``CONSENT_BACKGROUND = False``: ``flask consent seal``.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from consent.audience import closing, noise
from consent.ledger.background import Background, Job
from consent.ledger.patience import answered_within
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
#: Seconds between two looks for days of the audience that are over.
_CLOSE_EVERY = 600.0
#: Seconds between two looks whether the database of regions was replaced.
_REGIONS_EVERY = 5.0
#: Seconds until what was not published is tried again.
_PUBLISH_EVERY = 30.0
#: Seconds that all but the revocations wait for a server that is silent: no visitor waits for them.
_PATIENCE = 30.0


def background(app: Flask, state: State) -> Background:
    """The jobs of *app*, whose threads start with the first request.

    Revocations have one to themselves: nothing else may delay what was taken back elsewhere.

    :raises ConfigError: the policy asks for noise, and what makes it is not installed.
    """
    if state.policy.audience.epsilon is not None:
        noise.check()
    ledger, clock = state.ledger, state.clock
    published: list[object] = []

    def publish() -> None:
        if published != [ledger.database.identity]:  # also where somebody has restored a file of before
            publishing.publish(app, now=clock())
            published[:] = [ledger.database.identity]

    def ship() -> None:
        if not ledger.spool.path.exists():
            return
        shipped = 0
        while more := ledger.shipper.ship():
            shipped += more
        if shipped:
            ledger.eraser.sweep(now=clock())

    return Background(
        [Job("refresh", EVERY.total_seconds(), ledger.revocations.refresh)],
        [
            _patient("publish", _PUBLISH_EVERY, publish),
            _patient("ship", SHIP_EVERY, ship),
            _patient("count", COUNT_EVERY.total_seconds(), lambda: state.counters.flush(now=clock())),
            Job("regions", _REGIONS_EVERY, state.regions.refresh),
            _patient("seal", SEAL_EVERY, lambda: seal(app, ledger, clock)),
            _patient("sweep", _SWEEP_EVERY, lambda: ledger.database.exists and ledger.eraser.sweep(now=clock())),
            _patient("close", _CLOSE_EVERY, lambda: ledger.database.exists and close(state)),
        ],
    )


def _patient(name: str, period: float, work: Callable[[], object]) -> Job:
    """A job that gives a server up that hangs, late."""

    def patient() -> None:
        with answered_within(_PATIENCE):
            work()

    return Job(name, period, patient)


def seal(app: Flask, ledger: Ledger, clock: Clock) -> None:
    """Sequence and sign what waits, unless another process is at it."""
    while ledger.database.exists and ledger.sequencer.due():
        done = ledger.sequencer.seal(clock(), at_most=500, wait=False)  # short: visitors' answers wait meanwhile
        if done.signed:
            signals.send(app, signals.checkpoint_signed, size=done.size)
        if done.busy or not done.added:
            return


def close(state: State) -> int:
    """Publish the days that are over: how many. Drop those that are older than the policy keeps them."""
    counts, policy, now = state.ledger.counts, state.policy, state.clock()
    closed = 0
    if counts.waiting(now=now):  # whoever judges may need what takes long to load
        closed = counts.close(closing.judge(policy.audience, policy.purposes), now=now)
    counts.forget(closing.kept_since(policy.audience.retention, now=now))
    return closed
