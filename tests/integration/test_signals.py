"""What a site may listen to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask

from consent import StoreError
from consent.ledger import Record
from consent.ledger.spool import SpoolFull, SpoolStatus
from flask_consentry import signals

from .conftest import Site

#: Name of a signal, and what it said.
Heard = list[tuple[str, dict[str, Any]]]


@contextmanager
def listening(app: Flask) -> Iterator[Heard]:
    """Hears every signal of *app*."""
    heard: Heard = []
    receivers = []
    for name, signal in signals.ALL.items():

        def receive(sender: Flask, *, _name: str = name, **said: Any) -> None:
            assert sender is app
            heard.append((_name, said))

        signal.connect(receive, sender=app)
        receivers.append(receive)
    yield heard
    for signal, receive in zip(signals.ALL.values(), receivers, strict=True):
        signal.disconnect(receive, sender=app)


def names(heard: Heard) -> list[str]:
    return [name for name, _ in heard]


@contextmanager
def away(site: Site, monkeypatch: pytest.MonkeyPatch, *, spool: bool = False) -> Iterator[None]:
    """The store fails; the spool, too, if asked."""

    def fails(*_: object, **__: object) -> None:
        raise StoreError("away")

    def is_full(*_: object, **__: object) -> None:
        raise SpoolFull("full")

    with monkeypatch.context() as patched:
        patched.setattr(type(site.state.ledger.store), "append_many", fails)
        if spool:
            patched.setattr(type(site.state.ledger.spool), "put", is_full)
        yield


def test_an_answer(site: Site) -> None:
    """The record goes with it."""
    with listening(site.app) as heard:
        site.accept()
    assert names(heard) == ["decision_recorded"]
    record = heard[0][1]["record"]
    assert isinstance(record, Record)
    assert record == site.records[0]


def test_an_outage(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It begins once, what is answered meanwhile is told, and it ends once."""
    with listening(site.app) as heard:
        with away(site, monkeypatch):
            assert site.accept().status_code == 200
            assert site.post(answer="reject_all").status_code == 200
        assert names(heard)[:2] == ["store_failed", "decision_spooled"]
        assert names(heard).count("store_failed") == 1
        assert names(heard).count("decision_spooled") == 2
        assert isinstance(heard[0][1]["error"], StoreError)
        del heard[:]
        for _ in range(50):  # somebody tries the store again before long
            site.client.delete_cookie("consent_example")
            site.accept()
            if "decision_recorded" in names(heard):
                break
            _wait()
    assert "store_back" in names(heard)
    assert names(heard).count("store_back") == 1


def _wait() -> None:
    import time

    time.sleep(0.2)


def test_a_lost_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing took it: a grant is refused, and somebody hears of it."""
    with listening(site.app) as heard, away(site, monkeypatch, spool=True):
        assert site.accept().status_code == 503
    assert "decision_lost" in names(heard)
    assert isinstance(dict(heard)["decision_lost"]["record"], Record)
    assert "decision_recorded" not in names(heard)


def test_a_spool_that_fills(build: Callable[..., Site], monkeypatch: pytest.MonkeyPatch) -> None:
    """At half of what it may hold, once."""
    site = build(CONSENT_SPOOL_CAP=1_000_000)
    monkeypatch.setattr(site.state.ledger.spool._file, "cap_bytes", 60_000)
    with listening(site.app) as heard, away(site, monkeypatch):
        for _ in range(12):
            site.client.delete_cookie("consent_example")
            if site.accept().status_code != 200:
                break
    assert names(heard).count("spool_half_full") == 1
    assert isinstance(dict(heard)["spool_half_full"]["status"], SpoolStatus)


@pytest.mark.parametrize("name", sorted(signals.ALL))
def test_a_receiver_that_fails_breaks_nothing(site: Site, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged by type; the other receivers are told all the same."""

    def fails(_: Flask, **__: Any) -> None:
        raise ValueError("canary")

    signal = signals.ALL[name]
    signal.connect(fails, sender=site.app)
    with listening(site.app) as heard:
        signals.send(site.app, signal, size=1)
    assert names(heard) == [name]
    assert "ValueError" in caplog.text
    assert "canary" not in caplog.text


def test_a_failing_receiver_breaks_no_answer(site: Site) -> None:
    """Whatever it raises."""

    def fails(_: Flask, **__: Any) -> None:
        raise ZeroDivisionError

    signals.decision_recorded.connect(fails, sender=site.app)
    assert site.accept().status_code == 200
    assert len(site.records) == 1


def test_a_signal_is_of_one_application(build: Callable[..., Site]) -> None:
    """Two in one process do not hear each other."""
    one, other = build(), build()
    with listening(one.app) as heard:
        other.accept()
        assert heard == []
        one.accept()
        assert names(heard) == ["decision_recorded"]


def test_a_muted_signal_is_silent(site: Site) -> None:
    """As blinker has it."""
    with listening(site.app) as heard, signals.checkpoint_signed.muted():
        signals.send(site.app, signals.checkpoint_signed, size=1)
    assert heard == []


def test_nothing_is_logged_of_who_answered(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A record in a signal is the site's to handle; the log has nothing of it."""
    caplog.set_level(logging.DEBUG)

    def fails(_: Flask, *, record: Record, **__: Any) -> None:
        raise ValueError(record)

    signals.decision_recorded.connect(fails, sender=site.app)
    site.accept()
    (record,) = site.records
    assert "ValueError" in caplog.text, "control"
    assert record.subject is not None
    assert record.subject.hex() not in caplog.text
    assert str(record.record_id) not in caplog.text
