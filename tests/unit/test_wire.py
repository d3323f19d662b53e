"""The answer as it arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import AnswerError, Duration, Method
from consent.ledger.record import Surface
from consent.wire import from_form, read

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "answer",
        "purposes",
        "services",
        "service",
        "ask_again",
        "notice",
        "key",
        "next",
        "surface",
        "embed",
        "override_gpc",
        "other",
    ]
)


def test_a_form_and_a_json_body_say_the_same() -> None:
    """The two differ only in how they are written."""
    form = from_form(
        {"answer": ["custom"], "purposes": ["a", "b"], "ask_again": ["yes"], "surface": ["banner"], "next": [""]}
    )
    body = {"answer": "custom", "purposes": ["a", "b"], "ask_again": True, "surface": "banner"}
    assert read(form) == read(body)
    assert read(body).duration is Duration.SESSION
    assert read(body).surface is Surface.BANNER


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"answer": "maybe"},
        {"answer": "gpc"},
        {"answer": "api"},
        {"answer": "accept_all", "purposes": "all"},
        {"answer": "accept_all", "key": "short"},
        {"answer": "accept_all", "shoes": 44},
        {"answer": "accept_all", "surface": "api"},
        {"answer": "custom", "purposes": ["p"] * 201},
    ],
)
def test_a_grant_must_be_well_formed(body: dict[str, object]) -> None:
    """What is unknown or out of bounds grants nothing."""
    with pytest.raises(AnswerError):
        read(body)


@pytest.mark.parametrize("answer", ["reject_all", "withdraw"])
def test_a_refusal_is_read_whatever_stands_beside_it(answer: str) -> None:
    """No broken field turns a refusal away."""
    assert read({"answer": answer, "key": "!", "purposes": 7, "shoes": 44}).method is Method(answer)


def test_an_error_does_not_repeat_what_was_sent() -> None:
    """A value that a visitor sent is not echoed into logs or answers."""
    with pytest.raises(AnswerError) as caught:
        read({"answer": "accept_all", "key": "canary@example.org"})
    assert "canary" not in str(caught.value)


@given(st.dictionaries(NAMES, JSON, max_size=6) | JSON)
def test_any_json_is_an_answer_or_an_answer_error(body: object) -> None:
    """Nothing that a client sends fails in another way."""
    try:
        read(body)  # type: ignore[arg-type]
    except AnswerError:
        pass


def test_nothing_ticked_is_read_as_the_refusal_it_is() -> None:
    """Saving an empty choice says no, whatever is broken beside it."""
    assert read({"answer": "custom", "notice": "x" * 5000}).method is Method.CUSTOM
    with pytest.raises(AnswerError):
        read({"answer": "custom", "services": ["youtube"], "notice": "x" * 5000})
