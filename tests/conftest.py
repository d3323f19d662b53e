"""What all tests share: the databases, and figures that a run reports at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import databases
from tests.postgres_programs import NoServerError

_FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with no figures."""
    config.stash[_FIGURES] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of several processes, each hands its figures to the one that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = session.config.stash[_FIGURES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take them; a process that died has none."""
    node.config.stash[_FIGURES] += getattr(node, "workeroutput", {}).get("figures", [])


def pytest_report_header() -> str:
    """Which PostgreSQL the tests will use."""
    return databases.outlook()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was measured, and which PostgreSQL was used."""
    if config.stash[_FIGURES]:
        terminalreporter.section("figures")
        for line in config.stash[_FIGURES]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes lines for the end of the run's report."""
    return request.config.stash[_FIGURES].append


@pytest.fixture(scope="session")
def postgres(report: Callable[[str], None]) -> Iterator[databases.Server]:
    """The run's PostgreSQL server, started when the first test asks for it."""
    begin = time.monotonic()
    try:
        server = databases.start()
    except NoServerError as error:
        pytest.fail(str(error), pytrace=False)
    report(f"{server.described}: ready in {time.monotonic() - begin:.1f} s")
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, empty database, once on each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'a b%20' / 'records.sqlite3'}"
        return
    server: databases.Server = request.getfixturevalue("postgres")
    with databases.database(server.url) as url:
        yield url
