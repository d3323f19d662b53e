"""``GET /consent/metrics``: the counters of this process and the state of the ledger, for a monitoring system.

There is no such route without ``CONSENT_AUTHORIZE``. What it shows is about no visitor; how busy a site is, is still
nobody's business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from flask import Response

from consent.ledger import LogStatus
from consent.ledger.patience import within
from consent.ledger.spool import SpoolStatus
from consent.version import VERSION

from .. import condition, metrics
from ..condition import Condition
from ..current import state as current_state
from ..metrics import Family, gauge
from .admission import refused
from .problems import never_stored

#: Seconds that a request waits for the store, all in all.
_PATIENCE = 5.0


@within(_PATIENCE)
def get() -> Response:
    """The metrics, to whom they are shown."""
    state = current_state()
    if (answer := refused(state, "metrics")) is not None:
        return answer
    families = [*state.metrics.families(), *_gauges(condition.look(state))]
    return never_stored(Response(metrics.text(families), content_type=metrics.CONTENT_TYPE))


#: Gauge, what it says, and how it is read.
_OF_THE_LOG: tuple[tuple[str, str, Callable[[LogStatus], float | None]], ...] = (
    ("consentry_log_entries", "Entries in the log.", lambda log: log.size),
    ("consentry_log_pending", "Records that wait for their index.", lambda log: log.pending),
    ("consentry_checkpoint_entries", "Entries that the newest checkpoint covers.", lambda log: log.checkpoint_size),
    ("consentry_checkpoint_timestamp_seconds", "When it was signed.", lambda log: _stamp(log.signed_at)),
    ("consentry_anchored_entries", "Entries that a checkpoint outside covers.", lambda log: log.anchored_size),
    ("consentry_anchored_timestamp_seconds", "When it was handed out.", lambda log: _stamp(log.anchored_at)),
)
_OF_THE_SPOOL: tuple[tuple[str, str, Callable[[SpoolStatus], float]], ...] = (
    ("consentry_spool_rows", "Answers that wait in this host's spool.", lambda spool: spool.rows),
    ("consentry_spool_refused_rows", "Answers in it that the store would not have.", lambda spool: spool.refused),
    ("consentry_spool_bytes", "What they take up.", lambda spool: spool.bytes),
    ("consentry_spool_cap_bytes", "What they may take up.", lambda spool: spool.cap),
)


def _gauges(found: Condition) -> Iterator[Family]:
    log, spool = found.log, found.spool
    yield gauge("consentry_info", "What runs.", 1, version=VERSION, engine=found.engine)
    yield gauge("consentry_store_up", "Whether the store can be read.", found.reachable)
    for name, told, of_log in _OF_THE_LOG:
        yield gauge(name, told, of_log(log) if log else None)
    waiting = found.waiting.total_seconds() if log else None
    yield gauge("consentry_log_waiting_seconds", "How long the longest of the records has waited.", waiting)
    for name, told, of_spool in _OF_THE_SPOOL:
        yield gauge(name, told, of_spool(spool) if spool else None)
    spooled = found.spooled.total_seconds() if spool else None
    yield gauge("consentry_spool_waiting_seconds", "How long the longest of the answers has waited.", spooled)


def _stamp(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None
