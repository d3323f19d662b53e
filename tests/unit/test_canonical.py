"""Canonical JSON: one spelling for each value, and no other is read."""

from __future__ import annotations

import enum
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.proof import canonical, opening
from consent.proof.canonical import DEEPEST, LARGEST, decode, encode
from consent.proof.errors import FormatError

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
_KEYS = st.text(st.characters(max_codepoint=127), max_size=6)
_INTEGERS = st.integers(-LARGEST, LARGEST)
VALUES = st.recursive(
    st.none() | st.booleans() | _INTEGERS | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


def reads(data: bytes) -> bool:
    """Whether *data* is read; any other error than the module's own is a failure of the test."""
    try:
        decode(data)
    except FormatError:
        return False
    return True


def test_the_examples_of_the_rfc() -> None:
    """RFC 8785 §3.2.2.2 and §3.2.3, as far as integers and ASCII keys go."""
    assert encode("\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/") == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()
    assert encode({"literals": [None, True, False]}) == b'{"literals":[null,true,false]}'
    assert encode({"\r": "Carriage Return", "1": "One", "\x7f": "Control"}) == (
        b'{"\\r":"Carriage Return","1":"One","\x7f":"Control"}'
    )


@given(VALUES)
def test_values_round_trip(value: Any) -> None:
    """Every value comes back from its bytes, which any JSON reader understands."""
    data = encode(value)
    assert decode(data) == value
    assert json.loads(data) == value
    assert b"\n" not in data


@given(VALUES)
def test_other_spellings_are_refused(value: Any) -> None:
    """The same value with other spaces, escapes or order is refused wherever its bytes differ."""
    data = encode(value)
    for other in (
        json.dumps(value).encode(),
        json.dumps(value, indent=0, sort_keys=True).encode(),
        json.dumps(value, sort_keys=True, separators=(",", ":")).encode(),
        json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()[::-1],
        data + b" ",
        b" " + data,
        data + b"\n",
        b"\xef\xbb\xbf" + data,
        data.decode().encode("utf-16"),
    ):
        assert reads(other) is False or other == encode(decode(other))
        assert reads(other) is (other == data) or decode(other) != value


@given(VALUES, st.data())
def test_a_changed_byte_is_another_value(value: Any, data: st.DataObject) -> None:
    """With a byte changed, what is read, if anything, says something else."""
    spelt = encode(value)
    at = data.draw(st.integers(0, len(spelt) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda byte: byte != spelt[at]))
    changed = spelt[:at] + bytes([byte]) + spelt[at + 1 :]
    assert not reads(changed) or json.dumps(decode(changed)) != json.dumps(value)


@given(st.binary())
def test_anything_else_is_refused(data: bytes) -> None:
    """Random bytes are refused, or are the one spelling of what they say."""
    assert not reads(data) or encode(decode(data)) == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nul",
        b"1.0",
        b"1e3",
        b"-0",
        b"01",
        b"+1",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"[1.5]",
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b'{"a":1,}',
        b"[1,]",
        b"[1, 2]",
        b'"\\u0041"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\u000a"',
        b'"\\u001F"',
        b'"\\u20ac"',
        b'"\n"',
        b'"\x00"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\\ud800"',
        b'"\\ud83d\\ude00"',
        b'"\xc0\x80"',
        '{"é":1}'.encode(),
        b"'a'",
        b"//",
        b"1 2",
        b"%d" % (LARGEST + 1),
        b"-%d" % (LARGEST + 1),
        b"9" * 5000,
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_canonical(data: bytes) -> None:
    """Every spelling that other readers might take, or take for something else, is refused in so many words."""
    with pytest.raises(FormatError) as caught:
        decode(data)
    assert re.fullmatch(r"[a-zA-Z0-9 ,-]+", str(caught.value))


class _Colour(enum.StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        b"bytes",
        {1, 2},
        {1: 2},
        {None: 2},
        {"é": 1},
        [1.5],
        {"a": [object()]},
        LARGEST + 1,
        "\ud800",
        {"\ud800": 1},
    ],
)
def test_what_has_no_canonical_form(value: object) -> None:
    """Numbers with a fraction, bytes, keys that are no ASCII text and halves of characters have no spelling."""
    with pytest.raises(FormatError):
        encode(value)


def test_values_of_related_types() -> None:
    """Tuples are lists, and a text of an enumeration is its text."""
    assert encode(({"a": _Colour.RED},)) == b'[{"a":"red"}]'
    assert encode([LARGEST, -LARGEST, 0]) == b"[%d,%d,0]" % (LARGEST, -LARGEST)


def test_depth_has_a_bound() -> None:
    """Values nest as deeply as is written down and no deeper, from either side."""
    value: Any = 1
    for _ in range(DEEPEST):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(FormatError, match="deep"):
        encode([value])
    with pytest.raises(FormatError, match="deep"):
        decode(b"[" * (DEEPEST + 1) + b"1" + b"]" * (DEEPEST + 1))
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(FormatError, match="deep"):
        canonical.encode(endless)


@given(st.text())
def test_the_pattern_for_texts(text: str) -> None:
    """What the verifier takes for a text is what is spelt canonically."""
    pattern = re.compile(opening.TEXT)
    for spelt in (json.dumps(text, ensure_ascii=False), json.dumps(text), f'"{text}"'):
        data = spelt.encode("utf-8", "surrogatepass")
        if reads(data) and isinstance(decode(data), str):
            assert pattern.fullmatch(data)
        elif pattern.fullmatch(data):
            with pytest.raises(UnicodeDecodeError):
                data.decode()
