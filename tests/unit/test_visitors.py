"""The estimate of how many there were: near the truth, in little memory, of digests alone."""

from __future__ import annotations

import random
import sys

import pytest

from consent.audience.visitors import Visitors


@pytest.mark.parametrize("number", [0, 1, 2, 10])
def test_few_are_counted_exactly(number: int) -> None:
    """However often each comes."""
    chance = random.Random(number)
    digests = [chance.randbytes(8) for _ in range(number)]
    visitors = Visitors()
    for digest in digests * 3:
        visitors.add(digest)
    assert visitors.estimate() == number


@pytest.mark.parametrize("number", [100, 1_000, 5_000, 20_000, 40_000, 100_000])
def test_many_are_estimated(number: int) -> None:
    """Within 5 %."""
    chance = random.Random(number)
    visitors = Visitors()
    for _ in range(number):
        visitors.add(chance.randbytes(8))
    assert abs(visitors.estimate() / number - 1) < 0.05


def test_memory_is_fixed() -> None:
    """Eight thousand bytes, with one visitor or with many, even of hostile digests."""
    visitors = Visitors()
    for digest in (bytes(8), b"\xff" * 8, *(bytes([number]) * 8 for number in range(256))):
        visitors.add(digest)
    assert len(visitors._registers) == 8_192
    assert sys.getsizeof(visitors._registers) < 10_000
    assert visitors.estimate() > 0


def test_full_registers_are_still_a_number() -> None:
    """What no honest digests do."""
    visitors = Visitors()
    for register in range(8_192):
        visitors.add((register << 51).to_bytes(8, "big"))
    assert visitors.estimate() > 1_000_000
