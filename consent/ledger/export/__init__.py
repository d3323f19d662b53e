"""Records as files: NDJSON, which can be verified; CSV, DPV JSON-LD and Kantara receipts for looking at and exchange.

All of them stream from one look at the log. Where the bytes go is :mod:`.file`'s; what was declared when a record was
made is :mod:`.declared`'s.
"""

from .declared import Declarations
from .file import TargetError, Unfinished, is_stream, unfinished
from .ndjson import Ndjson, Progress, Written
from .resume import NotResumableError, Part
from .selection import Selection
from .shown import Records

__all__ = [
    "Declarations",
    "Ndjson",
    "NotResumableError",
    "Part",
    "Progress",
    "Records",
    "Selection",
    "TargetError",
    "Unfinished",
    "Written",
    "is_stream",
    "unfinished",
]
