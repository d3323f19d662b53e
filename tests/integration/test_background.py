"""The threads beside the requests: so many per process, from the first request on, across forks, under real gunicorn."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from flask import Flask

from consent import StoreError
from consent.ledger.background import Background, Job
from flask_consentry import Consentry
from tests import servers
from tests.policies import SMALL

NAME = "consentry-background"


def running() -> int:
    """How many threads there are of it."""
    return sum(thread.name.startswith(NAME) for thread in threading.enumerate())


def until(is_so: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    """Other tests' threads would be counted."""
    until(lambda: not running())
    yield
    until(lambda: not running())


def test_nothing_runs_before_it_is_woken() -> None:
    """Making one starts no thread: a server may fork yet."""
    Background([Job("x", 1, lambda: None)])
    assert not running()


def test_jobs_run_at_once_and_then_at_their_periods() -> None:
    """In the order given, and never later than their period says."""
    runs: list[tuple[str, float]] = []
    a, b = (partial(lambda name: runs.append((name, time.monotonic())), name) for name in "ab")
    background = Background([Job("a", 0.1, a), Job("b", 0.3, b)])
    begin = time.monotonic()
    background.wake()
    until(lambda: sum(name == "b" for name, _ in runs) == 4)
    background.stop()
    assert [name for name, _ in runs[:2]] == ["a", "b"]
    assert runs[1][1] - begin < 0.2
    times = [at for name, at in runs if name == "b"]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(0.23 < gap < 0.5 for gap in gaps)
    assert 6 <= sum(name == "a" for name, _ in runs) <= 15


def test_waking_is_once_and_cheap() -> None:
    """However many threads do it at once, one is started; then it costs less than two microseconds."""
    background = Background([Job("x", 5, lambda: None)])
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: background.wake(), range(200)))
    assert running() == 1
    begin = time.perf_counter()
    for _ in range(10_000):
        background.wake()
    assert time.perf_counter() - begin < 0.1  # 0.4 us each where nothing else runs
    background.stop()
    assert running() == 0
    background.wake()
    assert running() == 1
    background.stop()
    background.stop()


def test_a_job_that_fails_stops_no_other_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged by its type alone, once, and again when it works."""
    runs: Counter[str] = Counter()

    def fails() -> None:
        runs["fails"] += 1
        if runs["fails"] < 4:
            raise ZeroDivisionError("somebody@example.org")

    background = Background([Job("fails", 0.05, fails), Job("works", 0.05, lambda: runs.update(["works"]))])
    background.wake()
    until(lambda: runs["fails"] >= 6)
    background.stop()
    assert runs["works"] >= 4
    assert [record.getMessage() for record in caplog.records if record.name == "consentry"] == [
        "background job 'fails' fails: ZeroDivisionError",
        "background job 'fails' works again",
    ]
    assert "somebody" not in caplog.text


def test_an_error_of_ours_is_logged_with_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """Which says what to do, and never holds anything personal."""

    def fails() -> None:
        raise StoreError("the log does not go on. Restore a backup")

    background = Background([Job("seal", 0.05, fails)])
    background.wake()
    until(lambda: caplog.records)
    background.stop()
    (said,) = {record.getMessage() for record in caplog.records}
    assert said == "background job 'seal' fails: StoreError: the log does not go on. Restore a backup"


def test_a_job_that_takes_long_leaves_the_others_their_turn() -> None:
    """Nor does it run without a pause."""
    runs: Counter[str] = Counter()

    def slow() -> None:
        runs["slow"] += 1
        time.sleep(0.1)

    background = Background([Job("slow", 0.01, slow), Job("quick", 0.01, lambda: runs.update(["quick"]))])
    background.wake()
    until(lambda: runs["slow"] >= 5)
    background.stop()
    assert runs["quick"] >= 4


def test_a_job_that_hangs_holds_up_no_other_lane() -> None:
    """Each lane has a thread of its own, which goes on."""
    runs: Counter[str] = Counter()
    end = threading.Event()

    def hang() -> None:
        runs["hangs"] += 1
        end.wait(30)

    background = Background(
        [Job("hangs", 0.01, hang), Job("behind", 0.01, lambda: runs.update(["behind"]))],
        [Job("hangs too", 0.01, hang)],
        [Job("beside", 0.01, lambda: runs.update(["beside"]))],
    )
    background.wake()
    until(lambda: runs["beside"] >= 5)
    assert running() == 3
    assert runs == {"hangs": 2, "beside": runs["beside"]}
    end.set()
    background.stop()


def test_it_keeps_no_application_alive() -> None:
    """Nobody holds the application any more: its threads end by themselves."""

    class Application:
        def __init__(self) -> None:
            self.runs = 0
            self.background = Background([Job("x", 60, self.run)], [Job("y", 60, self.run)])

        def run(self) -> None:
            self.runs += 1

    application = Application()
    gone = weakref.ref(application)
    application.background.wake()
    while application.runs < 2:
        time.sleep(0.005)
    del application
    gc.collect()
    until(lambda: not running())
    gc.collect()
    assert gone() is None


def test_a_site_that_nobody_holds_is_gone(tmp_path: Path) -> None:
    """Not even what it does at the end of the process keeps it, or a process that makes many would never lose one."""
    (tmp_path / "consent.toml").write_text(SMALL)
    app = Flask("site", root_path=str(tmp_path), instance_path=str(tmp_path / "instance"))
    app.config["SECRET_KEY"] = "key"
    Consentry(app)
    app.add_url_rule("/", "home", lambda: "home")
    app.test_client().get("/")
    gone = weakref.ref(app)
    del app

    def is_gone() -> bool:
        gc.collect()
        return gone() is None

    until(is_gone)
    until(lambda: not running())


def test_a_child_starts_its_own() -> None:
    """After a fork the parent's thread is not there; the child's first request starts another, and ends at its exit."""
    output = _run("""
        import os, sys, threading, time
        from consent.ledger.background import Background, Job
        runs = []
        background = Background([Job("x", 0.05, lambda: runs.append(os.getpid()))], [Job("y", 0.05, lambda: None)])
        background.wake()
        while not runs:
            time.sleep(0.01)
        child = os.fork()
        runs.clear()
        if child == 0:
            time.sleep(0.2)
            before = list(runs)
            background.wake()
            end = time.monotonic() + 5
            while os.getpid() not in runs and time.monotonic() < end:
                time.sleep(0.01)
            print(before == [], set(runs) == {os.getpid()}, flush=True)
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(threading.active_count(), background.wake(), threading.active_count())
    """)
    assert output == "True True\n3 None 3\n"


def test_the_process_does_not_wait_for_jobs_that_hang() -> None:
    """It ends within two seconds or so, whatever its jobs do, and however many of them."""
    output = _run("""
        import atexit, time
        atexit.register(lambda: print("within two seconds" if time.monotonic() - begin < 3 else "late"))
        from consent.ledger.background import Background, Job
        background = Background([Job("x", 1, lambda: time.sleep(600))], [Job("y", 1, lambda: time.sleep(600))])
        background.wake()
        time.sleep(0.1)
        begin = time.monotonic()
    """)
    assert output == "within two seconds\n"


WSGI = """
import os, threading, time
from pathlib import Path
from flask import Flask
from flask_consentry import Consentry

here = Path(__file__).parent
app = Flask("site", root_path=str(here), instance_path=str(here / "instance"))
app.config.update(SECRET_KEY="test")
Consentry(app)
before = [thread.name for thread in threading.enumerate()]

@app.route("/")
def page():
    names = sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("consentry"))
    return f"{os.getpid()} {os.getppid()} {'consentry' in str(before)} {','.join(names)}"
"""


@pytest.mark.parametrize("options", [("--preload",), (), ("--preload", "--worker-class", "gthread", "--threads", "4")])
def test_every_worker_of_gunicorn_has_its_own(tmp_path: Path, options: tuple[str, ...]) -> None:
    """The master has none; each worker has both from its first request on, also one that replaces another."""
    (tmp_path / "consent.toml").write_text(SMALL, encoding="utf-8")
    with servers.gunicorn(tmp_path, WSGI, "--workers", "2", "--max-requests", "40", *options) as address:
        workers: set[str] = set()
        for _ in range(150):
            try:
                with urllib.request.urlopen(address + "/") as answer:
                    worker, _, before, names = answer.read().decode().split(" ")
            except ConnectionResetError:  # by a worker that has served its number of requests
                continue
            assert before == "False"
            assert names == f"{NAME}-0,{NAME}-1"
            workers.add(worker)
            if len(workers) > 2:
                break
        assert len(workers) > 2


def _run(script: str) -> str:
    path = os.pathsep.join([str(servers.ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
