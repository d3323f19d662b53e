"""The record: what the site can prove of its visitors' answers."""

from .counts import Counts
from .database import Database
from .entry import Entry, KeptNotice, Revocation, Submission
from .erasure import Erased, Eraser
from .record import Event, Record, Surface, draw_up
from .sequencer import LogStatus, Sealed, Sequencer
from .snapshot import Snapshot, snapshot
from .store import Store

__all__ = [
    "Counts",
    "Database",
    "Entry",
    "Erased",
    "Eraser",
    "Event",
    "KeptNotice",
    "LogStatus",
    "Record",
    "Revocation",
    "Sealed",
    "Sequencer",
    "Snapshot",
    "Store",
    "Submission",
    "Surface",
    "draw_up",
    "snapshot",
]
