"""An estimate of how many distinct visitors there were, of nothing but 8,192 small numbers.

The numbers come from keyed digests; the key is the caller's to make and to drop. They are not for keeping, either: with
few visitors they say much of each digest. The estimate is.

Error: 1.2 % (one standard deviation) from some thousands of visitors on, less below.

Sources: Flajolet and others, HyperLogLog (AofA 2007); Ertl, New cardinality estimation algorithms for HyperLogLog
sketches (arXiv 1702.01284), algorithm 6: without bias over the whole range.
"""

from __future__ import annotations

import math

_INDEX_BITS = 13
_REGISTERS = 1 << _INDEX_BITS
_REST_BITS = 64 - _INDEX_BITS
_REST = (1 << _REST_BITS) - 1


class Visitors:
    """Counts distinct digests, roughly. For one thread at a time."""

    def __init__(self) -> None:
        self._registers = bytearray(_REGISTERS)

    def add(self, digest: bytes) -> None:
        """Count the visitor of *digest*, 8 bytes that are spread evenly; another time changes nothing."""
        bits = int.from_bytes(digest, "big")
        register = bits >> _REST_BITS
        rank = _REST_BITS + 1 - (bits & _REST | 1).bit_length()
        self._registers[register] = max(self._registers[register], rank)

    def estimate(self) -> int:
        """How many there were."""
        z = 0.0
        for rank in range(_REST_BITS, 0, -1):
            z = (z + self._registers.count(rank)) / 2
        z += _REGISTERS * _sigma(self._registers.count(0) / _REGISTERS)
        return round(_REGISTERS * _REGISTERS / (2 * math.log(2) * z))


def _sigma(x: float) -> float:
    """How much the share of registers that nobody has touched adds; without bound where that is all of them."""
    if x == 1:
        return math.inf
    total, power, factor = x, x, 1.0
    while True:
        power *= power
        more = total + power * factor
        if more == total:
            return total
        total, factor = more, factor * 2
