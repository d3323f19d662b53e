"""What the gate costs: one WSGI request to a bare Flask app and to the same app with the full gate, side by side.

``make bench`` runs it. Both apps answer the same HTML page to the same browser-like request with a consent cookie; each
round times the bare app and the gated one alternately, so that a noisy machine disturbs both alike. *Warm* is one visitor
again and again; *distinct* is 10,000 visitors, each with a receipt never seen before (a cold cache: every signature is
checked). These rewrite no HTML (``CONSENT_PAGE_CAP = 0``); the last two lines are the whole gate, on the same small page
and on a large one with trackers. Ratios matter, absolute times are this machine's.

Figures: median over rounds of the time per request.
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask

from consent import Answer, Method, decide
from consent.policy import parse
from consent.receipt import Receipts
from flask_consentry import Consentry
from tests.benchmarks.html import pages

POLICY = Path(__file__).parents[2] / "examples" / "site" / "consent.toml"
PAGE = "<!doctype html><title>t</title>" + "<p>A page of some text.</p>" * 100
WARM_GOAL, DISTINCT_GOAL = 15, 35

Environ = dict[str, Any]


def application(folder: str, *, gated: bool, cap: int = 0, content: str = PAGE) -> Flask:
    """The bare app, or the same with the gate, which rewrites pages up to *cap*."""
    app = Flask("bench", root_path=folder)
    app.config.update(SECRET_KEY="bench", CONSENT_POLICY=str(POLICY), CONSENT_PAGE_CAP=cap)

    @app.route("/")
    def page() -> str:
        return content

    if gated:
        Consentry(app)
    return app


def environ(cookie: str) -> Environ:
    """A browser's request as a WSGI server hands it over."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.5",
        "HTTP_ACCEPT_ENCODING": "gzip, deflate, br, zstd",
        "HTTP_COOKIE": f"session=eyJtZW1iZXIiOjF9.aR9xYQ.1x2y3z; consent_millbrook={cookie}",
        "HTTP_SEC_FETCH_DEST": "document",
        "HTTP_SEC_FETCH_MODE": "navigate",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": None,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def receipts(count: int) -> list[str]:
    """As many grants of different visitors."""
    policy = parse(POLICY.read_text(encoding="utf-8"))
    writer = Receipts(policy, ["bench"])
    accept = Answer(method=Method.ACCEPT_ALL, asked=tuple(policy.purposes))
    now = datetime.now(UTC)
    return [writer.write(decide(policy, None, accept, now=now, subject=os.urandom(16))) for _ in range(count)]


def per_request(app: Flask, requests: Sequence[Environ]) -> float:
    """Microseconds for each of *requests*, one after the other."""

    def start_response(*_: Any) -> Callable[[bytes], object]:
        return lambda _: None

    serve: Callable[[Environ, Any], Iterator[bytes]] = app.wsgi_app  # type: ignore[assignment]
    begin = time.perf_counter()
    for request in requests:
        answer = serve(request, start_response)
        for _ in answer:
            pass
        getattr(answer, "close", bool)()
    return (time.perf_counter() - begin) / len(requests) * 1e6


def side_by_side(bare: Flask, gated: Flask, rounds: Iterator[list[str]]) -> tuple[float, float]:
    """Medians of both, over *rounds* of cookies; within a round the two take turns in small batches."""
    times: tuple[list[float], list[float]] = ([], [])
    for number, cookies in enumerate(rounds):
        batches = [[environ(cookie) for cookie in cookies] for _ in range(2)]
        apps = [(bare, 0), (gated, 1)]
        gc.collect()
        for app, which in apps if number % 2 else reversed(apps):
            times[which].append(per_request(app, batches[which]))
    return statistics.median(times[0]), statistics.median(times[1])


def report(name: str, bare: float, gated: float, goal: int | None) -> None:
    """One line of the result."""
    added = (gated / bare - 1) * 100
    figures = f"bare {bare:7.1f} us   gate {gated:7.1f} us   added {gated - bare:6.1f} us = {added:5.1f} %"
    judged = f"(goal <= {goal} %: {'met' if added <= goal else 'MISSED'})" if goal is not None else "(no goal)"
    print(f"{name:<30} {figures}   {judged}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="batches of 100 requests for each app (default 200)")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        bare, gated = application(folder, gated=False), application(folder, gated=True)
        (visitor,) = receipts(1)
        side_by_side(bare, gated, iter([[visitor] * 100] * 20))  # warm up
        report("one visitor, warm", *side_by_side(bare, gated, iter([[visitor] * 100] * rounds)), WARM_GOAL)
        many = receipts(10_000)
        chunks = [many[at : at + 100] for at in range(0, len(many), 100)]
        report("10,000 visitors, first visit", *side_by_side(bare, gated, iter(chunks)), DISTINCT_GOAL)
        report("10,000 visitors, second visit", *side_by_side(bare, gated, iter(chunks)), DISTINCT_GOAL)
        whole = application(folder, gated=True, cap=2**21)
        report("whole gate, small page", *side_by_side(bare, whole, iter([[visitor] * 100] * rounds)), None)
        news = max(pages().values(), key=len).decode("utf-8", "replace")
        bare, whole = (
            application(folder, gated=False, content=news),
            application(folder, gated=True, cap=2**21, content=news),
        )
        name = f"whole gate, {len(news) // 1000} kB of news"
        report(name, *side_by_side(bare, whole, iter([[visitor] * 10] * (rounds // 4))), None)


if __name__ == "__main__":
    main()
