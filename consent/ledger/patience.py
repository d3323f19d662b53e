"""How long a thread waits for the store, whatever it asks of it.

A store that hangs says nothing and breaks nothing: a server that is frozen, a proxy that takes all and passes nothing
on. So whoever must not wait for ever says so around what it does. What comes too late is cut off, and fails with a
:class:`~consent.errors.StoreError`, as ever. Where nothing is said, as in a command, nothing is cut off.

SQLite is no server. Nobody waits for its answer, and its locks have a bound of their own; a statement of it that takes
long is cut off by :func:`within`. A disk that hangs is cut off by nobody.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_END: ContextVar[float] = ContextVar("consentry_end", default=math.inf)
_SILENCE: ContextVar[float] = ContextVar("consentry_silence", default=math.inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All that this thread asks of the store in the block takes *seconds* at most, however much it is.

    For requests: somebody waits for them. Of blocks in each other, the one that ends first counts.
    """
    token = _END.set(min(_END.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _END.reset(token)


@contextmanager
def answered_within(seconds: float) -> Iterator[None]:
    """A server is silent for *seconds* at most while this thread asks something of it in the block.

    For work that may take long where there is much of it. Of blocks in each other, the one with the least counts.
    """
    token = _SILENCE.set(min(_SILENCE.get(), seconds))
    try:
        yield
    finally:
        _SILENCE.reset(token)


@contextmanager
def without() -> Iterator[None]:
    """No bound of before the block counts in it: it is somebody else's work."""
    tokens = _END.set(math.inf), _SILENCE.set(math.inf)
    try:
        yield
    finally:
        _END.reset(tokens[0])
        _SILENCE.reset(tokens[1])


def end() -> float:
    """When this thread's time is over, by :func:`time.monotonic`; infinity where it has no bound."""
    return _END.get()


def silence() -> float:
    """How many seconds this thread waits for a server that is silent; infinity where it has no bound."""
    return _SILENCE.get()


def is_over() -> bool:
    """Whether this thread's time is over."""
    return time.monotonic() > _END.get()
