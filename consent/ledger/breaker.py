"""Whether to try the store at all: after a failure, not for a second, then two, four, eight and ten.

So an outage costs only the first few requests their wait. What is tried now and then meanwhile, nobody waits for.

Source: M. Nygard, "Release It!" (Circuit Breaker).
"""

from __future__ import annotations

import threading
import time

#: Seconds.
_FIRST, _LONGEST = 1.0, 10.0


class Breaker:
    """Closed while all is well; open after a failure until something succeeds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pause = 0.0
        self._next = 0.0
        #: Read without the lock: whether the store is thought to be down.
        self.is_open = False

    def failed(self) -> bool:
        """Open; whether it was closed."""
        with self._lock:
            was_open, self.is_open = self.is_open, True
            if not was_open or time.monotonic() >= self._next:
                self._pause = min(_LONGEST, 2 * self._pause) if was_open else _FIRST
                self._next = time.monotonic() + self._pause
            return not was_open

    def worked(self) -> bool:
        """Close; whether it was open."""
        if not self.is_open:
            return False
        with self._lock:
            was_open, self.is_open = self.is_open, False
            return was_open

    def wants_a_try(self) -> bool:
        """Whether it is time to try the store again; true for one caller in each pause."""
        with self._lock:
            if not self.is_open or time.monotonic() < self._next:
                return False
            self._pause = min(_LONGEST, 2 * self._pause)
            self._next = time.monotonic() + self._pause
            return True
