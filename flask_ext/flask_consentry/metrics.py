"""Counters of one process, and the text in which a monitoring system reads them. No visitor is in any of it.

A counter begins at zero with its process and is kept nowhere. It listens to :mod:`.signals`, so what is counted is what
a site could count itself. What all processes share (the log, the spool) is a gauge, read when somebody asks.

Source: Prometheus, "Exposition formats" (text format 0.0.4), "Metric and label naming".
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Flask

from consent.ledger import Event, Record
from consent.ledger.per_process import PerProcess

from . import signals

#: The type of the text.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: The counter that tells what kind of answer it was, and the kinds: a rate needs each of them from zero on.
_BY_EVENT = "consentry_decisions_total"
_EVENTS = (Event.GIVEN.value, Event.REFUSED.value, Event.WITHDRAWN.value, Event.RENEWED.value)
#: Counter to signal, and what it counts.
_COUNTED = {
    _BY_EVENT: (signals.decision_recorded, "Answers that the store has, by event."),
    "consentry_decisions_spooled_total": (signals.decision_spooled, "Answers that the spool took instead."),
    "consentry_decisions_lost_total": (signals.decision_lost, "Answers that nothing took."),
    "consentry_store_failures_total": (signals.store_failed, "Times that the store began to fail."),
    "consentry_checkpoints_signed_total": (signals.checkpoint_signed, "Checkpoints signed."),
    "consentry_subjects_erased_total": (signals.subject_erased, "Subjects erased."),
}


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with its samples.

    :param kind: ``counter`` or ``gauge``.
    :param samples: Labels and value; a value that is not known is left out.
    """

    name: str
    kind: str
    help: str
    samples: tuple[tuple[Mapping[str, str], float], ...] = field(default=())


def gauge(name: str, help: str, value: float | None, **labels: str) -> Family:  # noqa: A002  # the format's own word
    """A gauge with one value; without a sample where the value is not known."""
    return Family(name, "gauge", help, () if value is None else ((labels, value),))


class _Counts:
    """What one process has counted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.found: Counter[tuple[str, str]] = Counter()


class Metrics:
    """The counters of one application in this process. A forked process begins anew, under its own number."""

    def __init__(self) -> None:
        self._counts = PerProcess(_Counts)
        self._receivers: list[Callable[..., None]] = []  # signals hold them weakly

    def listen(self, app: Flask) -> None:
        """Count what happens to *app* from now on."""
        for name, (signal, _) in _COUNTED.items():
            receiver = self._counting(name)
            self._receivers.append(receiver)
            signal.connect(receiver, sender=app)

    def families(self) -> Iterator[Family]:
        """The counters as they are now."""
        counts, process = self._counts(), str(os.getpid())
        with counts.lock:
            found = dict(counts.found)
        for name, (_, told) in _COUNTED.items():
            samples = (
                ({"process": process} | ({"event": event} if event else {}), found.get((name, event), 0))
                for event in (_EVENTS if name == _BY_EVENT else ("",))
            )
            yield Family(name, "counter", told, tuple(samples))

    def _counting(self, name: str) -> Callable[..., None]:
        def count(_: Flask, *, record: Record | None = None, **__: Any) -> None:
            event = record.event.value if name == _BY_EVENT and record is not None else ""
            counts = self._counts()
            with counts.lock:
                counts.found[name, event] += 1

        return count


def text(families: Iterable[Family]) -> str:
    """*families* in the text format."""
    return "".join(_written(family) for family in families)


def _written(family: Family) -> str:
    said = family.help.replace("\\", "\\\\").replace("\n", "\\n")
    lines = [f"# HELP {family.name} {said}\n", f"# TYPE {family.name} {family.kind}\n"]
    lines += [f"{family.name}{_labels(labels)} {_number(value)}\n" for labels, value in family.samples]
    return "".join(lines)


def _labels(labels: Mapping[str, str]) -> str:
    written = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
    return f"{{{written}}}" if written else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
