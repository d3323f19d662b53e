"""What a site may listen to: blinker signals about the ledger, with the application as their sender.

::

    from flask_consentry import signals

    @signals.store_failed.connect_via(app)
    def page_somebody(app, *, error, **_): ...

A receiver gets the application, then what the signal says by name; take ``**_`` as well, since a later version may say
more. It runs where the thing happens, in a request or in the background thread, so it should be quick. What it raises
is logged by type and goes no further: a receiver breaks no answer and no other receiver. Not a queue: what happens in
another process is told there.

Source: Flask, "Signals"; blinker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from blinker import NamedSignal, Namespace
from flask import Flask

_LOG = logging.getLogger("consentry")

_signals = Namespace()

#: The store has a visitor's answer. ``record``: the :class:`~consent.ledger.Record`, which is personal data.
decision_recorded = _signals.signal("decision-recorded")
#: The store did not take an answer, so it waits in this host's spool. ``record``: as above.
decision_spooled = _signals.signal("decision-spooled")
#: Neither took it: a grant was not honoured, a refusal took effect all the same. ``record``: as above; it is nowhere.
decision_lost = _signals.signal("decision-lost")
#: The store fails, and did not before. ``error``: the :class:`~consent.StoreError`.
store_failed = _signals.signal("store-failed")
#: The store works again.
store_back = _signals.signal("store-back")
#: The spool has passed half of what it may hold. ``status``: the :class:`~consent.ledger.spool.SpoolStatus`.
spool_half_full = _signals.signal("spool-half-full")
#: A checkpoint of the log was signed. ``size``: how many entries it covers.
checkpoint_signed = _signals.signal("checkpoint-signed")
#: Somebody's records were erased. ``records``: how many; ``withdrew``: whether a grant still stood. Not whose.
subject_erased = _signals.signal("subject-erased")

#: All of them, by the name they have here.
ALL = {signal.name.replace("-", "_"): signal for signal in _signals.values()}


#: What the ledger's writer calls them, see :class:`consent.ledger.writer.Writer`.
_OF_THE_WRITER = {
    "recorded": decision_recorded,
    "spooled": decision_spooled,
    "lost": decision_lost,
    "store_failed": store_failed,
    "store_back": store_back,
    "spool_half_full": spool_half_full,
}


def from_writer(app: Flask) -> Callable[..., None]:
    """What to tell the writer of *app* to call."""

    def on_event(name: str, **said: Any) -> None:
        send(app, _OF_THE_WRITER[name], **said)

    return on_event


def send(app: Flask, signal: NamedSignal, **said: Any) -> None:
    """Tell every receiver of *signal*; never raises."""
    if signal.is_muted:
        return
    for receiver in list(signal.receivers_for(app)):
        try:
            app.ensure_sync(receiver)(app, **said)
        except Exception as error:  # noqa: BLE001  # a receiver of the site's breaks no answer
            _LOG.error("a receiver of %s failed: %s", signal.name, type(error).__name__)
