"""The body of a record: spelt out by hand for speed, and always what the general encoder would spell."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import Duration, Method
from consent.ledger import Event, Record, Surface, body
from consent.ledger.record import new_id
from consent.proof import canonical
from consent.proof.errors import FormatError
from tests.entries import entry

_text = st.text(st.characters(codec="utf-8"), max_size=30)
_BEGIN = datetime(1970, 1, 2, tzinfo=UTC)
_moment = st.timedeltas(timedelta(0), timedelta(days=300_000)).map(lambda passed: _BEGIN + passed)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record that can be kept."""

    def some(strategy: st.SearchStrategy[Any]) -> Any:
        return draw(strategy)

    return Record(
        record_id=new_id(some(_moment), some(st.binary(min_size=10, max_size=10))),
        site=some(_text),
        subject=some(st.none() | st.binary(min_size=16, max_size=16)),
        event=some(st.sampled_from(Event)),
        purposes=some(st.dictionaries(st.text(st.characters(codec="ascii"), max_size=12), st.booleans(), max_size=6)),
        services=tuple(some(st.lists(_text, max_size=4))),
        duration=some(st.sampled_from(Duration)),
        valid_until=some(_moment).replace(microsecond=0),
        revision=some(_text),
        policy_hash=some(_text),
        notice=some(st.none() | _text),
        language=some(st.none() | _text),
        method=some(st.sampled_from(Method)),
        surface=some(st.sampled_from(Surface)),
        gpc=some(st.booleans()),
        gpc_conflict=some(st.booleans()),
        gpc_overridden=some(st.booleans()),
        sdk_version=some(_text),
        jurisdiction=some(st.none() | _text),
        device_class=some(st.none() | _text),
        browser=some(st.none() | _text),
        supersedes=some(st.none() | st.uuids()),
    )


@given(records())
def test_it_is_the_canonical_form(record: Record) -> None:
    """Byte for byte what :mod:`consent.proof.canonical` makes of the fields, and it reads back."""
    written = body.encode(record)
    assert written == canonical.encode(body.plain(record))
    assert body.decode(written) == record


@pytest.mark.parametrize(
    "change", [{"site": "\ud800"}, {"browser": "a\udfffb"}, {"purposes": {"ü": True}}, {"services": ("\ud83d",)}]
)
def test_what_has_no_canonical_form_is_refused(change: dict[str, Any]) -> None:
    """Half a character, and a key beyond ASCII."""
    record = dataclasses.replace(entry(1).record, **change)
    with pytest.raises(FormatError):
        canonical.encode(body.plain(record))
    with pytest.raises(FormatError):
        body.encode(record)


def test_every_field_is_in_it() -> None:
    """One that is added to the record and forgotten here would be lost."""
    names = {field.name for field in dataclasses.fields(Record)}
    assert canonical.decode(body.encode(entry(1).record)).keys() == names | {"recorded_at"}
    assert uuid.UUID(canonical.decode(body.encode(entry(1).record))["record_id"]) == entry(1).record.record_id
