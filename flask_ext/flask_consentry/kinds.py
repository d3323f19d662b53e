"""What an application is given from outside: its clock and its randomness."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

#: Returns the current time, aware.
Clock = Callable[[], datetime]
#: Returns as many random bytes as it is asked for.
Entropy = Callable[[int], bytes]
