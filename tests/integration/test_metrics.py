"""``GET /consent/metrics``: who may see it, and what it says."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Response, abort, redirect, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from consent import StoreError
from consent.ledger import Database
from flask_consentry import metrics, signals
from flask_consentry.cli import consent_commands
from flask_consentry.metrics import Family, gauge
from tests.policies import SMALL

from .conftest import Site

_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)')


def read(response: TestResponse) -> dict[str, float]:
    """Samples by name and labels, without the process; the text is checked on the way."""
    assert response.status_code == 200
    assert response.content_type == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, float] = {}
    declared: set[str] = set()
    for line in response.text.splitlines():
        if line.startswith("# HELP "):
            continue
        if line.startswith("# TYPE "):
            name, kind = line.removeprefix("# TYPE ").split()
            assert kind in ("counter", "gauge")
            assert name not in declared, "one group a metric"
            declared.add(name)
            continue
        matched = _SAMPLE.fullmatch(line)
        assert matched, line
        assert matched[1] in declared
        labels = re.sub(r'(?:^|,)process="\d+"', "", matched[2] or "").strip(",")
        found[f"{matched[1]}{{{labels}}}" if labels else matched[1]] = float(matched[3])
    assert response.text.endswith("\n")
    return found


def may(action: str) -> bool:
    assert action == "metrics"
    return True


@pytest.fixture
def shown(build: Callable[..., Site]) -> Site:
    """A site that shows its metrics to everybody."""
    return build(CONSENT_AUTHORIZE=may)


def get(site: Site) -> TestResponse:
    return site.get("/consent/metrics")


def test_nobody_sees_it_without_a_function(site: Site) -> None:
    """There is no such page."""
    response = get(site)
    assert response.status_code == 404
    assert "consentry_" not in response.text
    assert response.headers["Cache-Control"] == "no-store"


def refuses(_: str) -> bool:
    return False


def fails(_: str) -> bool:
    raise ZeroDivisionError("canary")


def aborts(_: str) -> None:
    abort(401)


def redirects(_: str) -> Any:
    return redirect("/login")


def answers(_: str) -> Any:
    return Response("no", 403)


def tells(_: str) -> Any:
    return "no", 403


def words(_: str) -> Any:
    return "no"


def takes_nothing() -> bool:
    return True


async def is_asynchronous(_: str) -> bool:
    return True


class AsynchronousCall:
    """ensure_sync() does not know that calling it gives a coroutine."""

    async def __call__(self, _: str) -> bool:
        return True


@pytest.mark.parametrize(
    "function",
    [
        refuses,
        fails,
        aborts,
        redirects,
        answers,
        tells,
        words,
        takes_nothing,
        AsynchronousCall(),
        lambda _: None,
        lambda _: 0,
    ],
)
def test_who_is_not_allowed_sees_nothing(
    build: Callable[..., Site], function: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A failure means no, and so does what is no answer at all."""
    caplog.set_level(logging.DEBUG)
    response = get(build(CONSENT_AUTHORIZE=function))
    assert response.status_code == 403
    assert "consentry_" not in response.text
    assert response.headers["Cache-Control"] == "no-store"
    assert "canary" not in caplog.text


def test_an_asynchronous_function_counts_as_flask_can_call_it(build: Callable[..., Site]) -> None:
    """Where it cannot, it means no."""
    assert get(build(CONSENT_AUTHORIZE=is_asynchronous)).status_code in (200, 403)


def test_a_function_may_look_at_the_request(build: Callable[..., Site]) -> None:
    """Such as at a token that the monitoring system sends."""
    from flask import request

    site = build(CONSENT_AUTHORIZE=lambda _: request.headers.get("Authorization") == "Bearer secret")
    assert get(site).status_code == 403
    assert site.get("/consent/metrics", Authorization="Bearer secret").status_code == 200
    assert site.client.post("/consent/metrics").status_code == 405


def test_what_is_allowed_is_kept_by_nobody(shown: Site) -> None:
    """No cache, no cookie."""
    response = get(shown)
    assert response.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in response.headers


def test_answers_are_counted_by_event(shown: Site) -> None:
    """Each once; a repeated look counts nothing."""
    events = ("given", "refused", "withdrawn", "renewed")
    assert [read(get(shown))[f'consentry_decisions_total{{event="{event}"}}'] for event in events] == [0, 0, 0, 0]
    shown.accept()
    shown.post(answer="withdraw")
    shown.client.delete_cookie("consent_example")
    shown.post(answer="reject_all")
    read(get(shown))
    found = read(get(shown))
    assert found['consentry_decisions_total{event="given"}'] == 1
    assert found['consentry_decisions_total{event="withdrawn"}'] == 1
    assert found['consentry_decisions_total{event="refused"}'] == 1
    assert found["consentry_decisions_lost_total"] == 0
    assert f'process="{os.getpid()}"' in get(shown).text


def test_every_counter_counts(shown: Site) -> None:
    """Each listens to its signal."""
    before = read(get(shown))
    for signal in signals.ALL.values():
        signals.send(shown.app, signal, record=None)
    after = read(get(shown))
    counters = [name for name in metrics._COUNTED if name != "consentry_decisions_total"]
    assert len(counters) == 5
    assert {name: after[name] - before[name] for name in counters} == dict.fromkeys(counters, 1)


def test_two_applications_count_apart(build: Callable[..., Site]) -> None:
    """In one process."""
    one, other = build(CONSENT_AUTHORIZE=may), build(CONSENT_AUTHORIZE=may)
    one.accept()
    assert read(get(one))['consentry_decisions_total{event="given"}'] == 1
    assert read(get(other))['consentry_decisions_total{event="given"}'] == 0


def test_a_child_begins_anew(shown: Site) -> None:
    """What its parent counted is the parent's."""
    shown.accept()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, _given(shown))
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"0"
    os.close(reading)
    assert _given(shown) == b"1", "control"


def _given(site: Site) -> bytes:
    found = re.search(r'event="given".* (\d+)\n', metrics.text(site.state.metrics.families()))
    assert found
    return found[1].encode()


def test_the_ledger_is_read_when_asked(build: Callable[..., Site], database_url: str) -> None:
    """Log, checkpoint, what waits, the spool; on both engines."""
    database = Database(database_url)
    if database.is_postgresql:
        database.upgrade()
    database.close()
    site = build(CONSENT_AUTHORIZE=may, CONSENT_STORE_URL=database_url)
    runner = site.app.test_cli_runner()
    assert runner.invoke(consent_commands, ["keys", "new"]).exit_code == 0
    site.accept()
    site.clock.advance(seconds=30)
    found = read(get(site))
    assert found["consentry_store_up"] == 1
    assert (found["consentry_log_entries"], found["consentry_log_pending"]) == (0, 1)
    assert found["consentry_log_waiting_seconds"] == 30
    assert "consentry_checkpoint_timestamp_seconds" not in found
    assert (found["consentry_spool_rows"], found["consentry_spool_cap_bytes"]) == (0, 256 * 2**20)
    assert runner.invoke(consent_commands, ["seal"]).exit_code == 0
    found = read(get(site))
    assert (found["consentry_log_entries"], found["consentry_checkpoint_entries"]) == (4, 4)
    assert found["consentry_log_pending"] == 0
    assert found["consentry_checkpoint_timestamp_seconds"] == pytest.approx(site.clock.now.timestamp())
    assert found["consentry_checkpoints_signed_total"] == 1
    engine = "PostgreSQL" if database.is_postgresql else "SQLite"
    assert any(f'engine="{engine}"' in name for name in found if name.startswith("consentry_info"))


def test_looking_makes_nothing(shown: Site) -> None:
    """No database before the first answer."""
    assert read(get(shown))["consentry_store_up"] == 1
    assert not shown.state.ledger.database.path.exists()


def test_a_store_that_is_away_is_a_number(shown: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Monitoring is most needed then."""

    def fails(*_: object) -> None:
        raise StoreError("away")

    shown.accept()
    monkeypatch.setattr(type(shown.state.ledger.sequencer), "status", fails)
    found = read(get(shown))
    assert found["consentry_store_up"] == 0
    assert "consentry_log_entries" not in found
    assert found["consentry_spool_rows"] == 0


def test_nothing_in_it_is_about_a_visitor(shown: Site) -> None:
    """No subject, no record, no path, no language."""
    shown.accept()
    (record,) = shown.records
    assert record.subject is not None
    text = get(shown).text
    for canary in (record.subject.hex(), str(record.record_id), record.record_id.hex, "en", "/consent"):
        assert not re.search(rf'"{re.escape(canary)}"', text)
    labels = set(re.findall(r'(\w+)="', text))
    assert labels == {"event", "process", "version", "engine"}


@given(st.text(), st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_every_text_is_one_line(told: str, label: str, value: float) -> None:
    """Whatever stands in a label or a help text, it begins no other line."""
    text = metrics.text([Family("a_b", "gauge", told, (({"label": label}, value),))])
    lines = text.split("\n")
    assert len(lines) == 4
    assert lines[0].startswith("# HELP a_b ")
    name, _, written = lines[2].rpartition(" ")
    assert float(written) == value
    inner = name.removeprefix('a_b{label="').removesuffix('"}')
    unescaped = re.sub(r"\\(.)", lambda found: {"n": "\n"}.get(found[1], found[1]), inner, flags=re.DOTALL)
    assert unescaped == label


def test_an_unknown_value_has_no_sample() -> None:
    """Rather than a wrong one."""
    assert metrics.text([gauge("a", "b", None)]) == "# HELP a b\n# TYPE a gauge\n"
    assert metrics.text([gauge("a", "b", value=True)]).endswith("\na 1\n")


def test_a_metrics_page_of_a_site_with_another_prefix(build: Callable[..., Site]) -> None:
    """Under the prefix, as every other route."""
    site = build(SMALL, CONSENT_AUTHORIZE=may, CONSENT_URL_PREFIX="/privacy/choices")
    assert site.get("/privacy/choices/metrics").status_code == 200


def test_people_are_led_to_a_login_before_anybody_is_asked(build: Callable[..., Site]) -> None:
    """As docs/operations.md shows it: the function itself says no more than yes or no."""
    assert build(CONSENT_AUTHORIZE=redirects).get("/consent/report").status_code == 403
    site = build(CONSENT_AUTHORIZE=refuses)

    @site.app.before_request
    def log_in_first() -> Any:
        return redirect("/login") if request.endpoint == "consentry.audience" else None

    led = site.get("/consent/report")
    assert (led.status_code, led.headers["Location"]) == (302, "/login")
    assert get(site).status_code == 403
