"""The noise in what is published: how large it is, what it is for, and what a hit can change."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from consent import ConfigError
from consent.audience import closing, dimensions, noise
from consent.audience.dimensions import ACCEPTED, OF_A_PAGE, REFUSAL, REFUSED, WITHDRAWAL, answer
from consent.audience.view import Cell
from consent.policy.audience import Audience

_DRAWS = 40_000

#: Declared: three, whatever is answered.
PURPOSES = ("p", "q", "r")


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 3.0])
def test_noise_has_the_mean_and_the_variance_that_epsilon_says(epsilon: float) -> None:
    """Of the discrete Laplace distribution, with bounds that chance leaves once in a billion runs."""
    drawn = [count - 1_000 for count in noise.maker()([1_000] * _DRAWS, epsilon)]
    q = math.exp(-epsilon)
    variance = 2 * q / (1 - q) ** 2
    fourth = variance * (1 + 10 * q + q * q) / (1 - q) ** 2  # of the same distribution: for the variance's own spread
    assert abs(sum(drawn) / _DRAWS) < 6 * math.sqrt(variance / _DRAWS)
    found = sum(each * each for each in drawn) / _DRAWS
    assert abs(found - variance) < 6 * math.sqrt((fourth - variance**2) / _DRAWS)


def test_one_hit_more_is_e_to_the_epsilon_times_as_likely_at_most() -> None:
    """And nearly so: the noise is no larger than it needs to be."""
    epsilon = 0.7
    seen = Counter(noise.maker()([50] * _DRAWS, epsilon))
    for count in range(45, 55):
        ratio = seen[count] / seen[count + 1]
        expected = math.exp(epsilon if count >= 50 else -epsilon)
        spread = ratio * math.sqrt(1 / seen[count] + 1 / seen[count + 1])
        assert abs(ratio - expected) < 6 * spread


def test_no_counts_need_no_noise() -> None:
    assert list(noise.maker()([], 1.0)) == []


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opendp", None)
    with pytest.raises(ConfigError, match=r'epsilon: .*pip install "flask-consentry\[dp\]"'):
        closing.judge(Audience(epsilon=1.0), PURPOSES)
    assert closing.judge(Audience(), PURPOSES)({}, {}) == {}


# What is published with it.

Raw = Mapping[str, Sequence[Cell]]


def _cells(**counts: int) -> list[Cell]:
    return [Cell(value, count, min(count, 10)) for value, count in counts.items()]


def _raw() -> dict[str, list[Cell]]:
    raw = {name: _cells(a=900, b=400, c=90) for name in (*OF_A_PAGE, dimensions.LINK, dimensions.OPEN)}
    raw |= {answer(purpose): _cells(**{ACCEPTED: 90, REFUSED: 70}) for purpose in "pqr"}
    return raw | {
        WITHDRAWAL: _cells(p=30, q=40, r=2),
        REFUSAL: _cells(p=40, q=30, r=68),
        dimensions.VISITORS: _cells(visitors=800),
    }


def _without(raw: Raw, hit: Mapping[str, str]) -> dict[str, list[Cell]]:
    """The same day without one hit."""
    return {
        name: [Cell(c.value, c.count - (hit.get(name) == c.value), c.contributors) for c in cells]
        for name, cells in raw.items()
    }


def _spent(one: Raw, other: Raw, audience: Audience) -> float:
    """By how much at most two days differ in what may be read: epsilon of the whole."""
    noised: list[dict[int, tuple[Sequence[int], float]]] = []
    for raw in (one, other):
        made: dict[int, tuple[Sequence[int], float]] = {}

        def chance(
            counts: Sequence[int], epsilon: float, made: dict[int, tuple[Sequence[int], float]] = made
        ) -> Sequence[int]:
            made[len(made)] = (counts, epsilon)
            return counts

        closing.close(raw, audience, {}, PURPOSES, chance)
        noised.append(made)
    first, second = noised
    return sum(
        epsilon * sum(abs(a - b) for a, b in zip(counts, second[at][0], strict=True))
        for at, (counts, epsilon) in first.items()
    )


def test_what_was_spent_does_not_tell_who_was_there() -> None:
    """One visitor who is the only one to answer about a purpose changes no epsilon that is published."""
    many = {answer("p"): [Cell(ACCEPTED, 30, 10), Cell(REFUSED, 30, 10)]}
    one_more = many | {answer("q"): [Cell(ACCEPTED, 1, 1)], answer("r"): [Cell(REFUSED, 1, 1)]}
    read = [
        closing.close(raw, Audience(epsilon=1.0), {}, PURPOSES, lambda counts, _: counts) for raw in (many, one_more)
    ]
    assert read[0] == read[1]
    assert read[0][answer("p")].epsilon == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    "hit",
    [
        dict.fromkeys(OF_A_PAGE, "a"),
        dict.fromkeys(OF_A_PAGE, "c"),
        {dimensions.LINK: "b"},
        {dimensions.OPEN: "a"},
        {answer("p"): ACCEPTED, answer("q"): ACCEPTED, answer("r"): ACCEPTED},
        {answer("p"): REFUSED, answer("q"): REFUSED, answer("r"): REFUSED, REFUSAL: "r", WITHDRAWAL: "p"},
    ],
)
def test_one_hit_is_covered_by_the_epsilon_of_the_day(hit: Mapping[str, str]) -> None:
    """Over all that counts it: six dimensions of a page, or an answer's every purpose and what it takes back."""
    raw = _raw()
    assert 0 < _spent(raw, _without(raw, hit), Audience(epsilon=1.5)) <= 1.5 + 1e-9


def test_what_is_spent_is_said_of_each_table_and_adds_up() -> None:
    published = closing.judge(Audience(epsilon=1.5, visitors=True), PURPOSES)(_raw(), {})
    epsilons = {name: day.epsilon or 0 for name, day in published.items()}
    assert sum(epsilons[name] for name in OF_A_PAGE) == pytest.approx(1.5)
    answers = [epsilons[answer(purpose)] for purpose in "pqr"]
    assert sum(answers) + epsilons[WITHDRAWAL] == pytest.approx(1.5)
    assert epsilons[dimensions.LINK] == epsilons[dimensions.OPEN] == 1.5
    assert dimensions.VISITORS not in published  # how much one visitor changes it has no bound


def test_rows_are_those_without_noise_and_no_count_is_below_nothing() -> None:
    audience = Audience(epsilon=0.01)
    exact = closing.close(_raw(), Audience(), {}, PURPOSES)
    published = closing.judge(audience, PURPOSES)(_raw(), {})
    assert {name: {row.label for row in day.rows} for name, day in published.items()} == {
        name: {row.label for row in day.rows} for name, day in exact.items()
    }
    counts = [row.count for day in published.values() for row in day.rows]
    assert min(counts) == 0
    assert counts != [row.count for day in exact.values() for row in day.rows]


def test_an_epsilon_without_anything_to_make_noise_is_no_day() -> None:
    with pytest.raises(ValueError, match="nothing to make noise with"):
        closing.close(_raw(), Audience(epsilon=1.0), {}, PURPOSES)
