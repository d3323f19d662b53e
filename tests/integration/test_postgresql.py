"""The PostgreSQL server of the tests itself: each way to get one, its crash and return, and that nothing of it is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests import databases
from tests.databases import VARIABLE, Server, connected, database
from tests.postgres import PostgresServer
from tests.postgres_programs import NoServerError, Programs, find

ROOT = Path(__file__).parents[2]
_STRICT = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "data_checksums": "on"}


def _programs(way: str) -> Programs:
    try:
        return find(system=way == "system", wheel=way == "wheel")
    except NoServerError:
        pytest.skip(f"this machine has no PostgreSQL of this way: {way}")


@pytest.fixture(params=["system", "wheel"])
def own(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PostgresServer]:
    """A server of the test's own, from each place that programs come from."""
    server = PostgresServer(_programs(request.param))
    server.start()
    yield server
    server.close()


def test_a_server_of_ours_is_as_strict_as_a_real_one(own: PostgresServer) -> None:
    """Nothing that makes PostgreSQL safe is turned off, and TCP wants the password."""
    with connected(own.url) as connection:
        assert {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in _STRICT} == _STRICT  # type: ignore[index]
    wrong = sa.make_url(own.url).set(password="wrong").render_as_string(hide_password=False)
    with pytest.raises(psycopg.OperationalError, match="password"), connected(wrong):
        pass


def test_what_was_committed_outlives_the_death_of_every_process(own: PostgresServer) -> None:
    """After SIGKILL of the server and all its children it starts anew under the same URL."""
    with connected(own.url) as connection:
        connection.execute("CREATE TABLE kept (number int)")
        connection.execute("INSERT INTO kept VALUES (1)")
        assert own.kill() > 4, "there must be more than the first process"
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError), connected(own.url):
        pass
    own.start()
    with connected(own.url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]


@pytest.mark.parametrize("way", ["system", "wheel"])
def test_its_folder_may_have_a_space_and_is_deleted(way: str) -> None:
    """Over TCP and over the socket, whose path is part of the URL."""
    short = Path("/tmp") / f"consentry test {os.getpid()}"  # noqa: S108 # a path that is short enough for a socket
    short.mkdir()
    try:
        server = PostgresServer(_programs(way), under=short)
        server.start()
        for url in (server.url, server.socket_url):
            engine = sa.create_engine(url)
            with engine.connect() as connection:
                assert connection.scalar(sa.text("SELECT 1")) == 1
            engine.dispose()
        server.close()
        assert list(short.iterdir()) == []
    finally:
        short.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's programs are hidden from the user that the server runs as")
def test_programs_in_a_folder_of_roots_own_are_copied(tmp_path: Path) -> None:
    """A checkout in root's home directory, with the wheel in its environment."""
    wheel = _programs("wheel").folder.parent
    hidden = tmp_path / "pgserver" / wheel.name
    shutil.copytree(wheel, hidden)
    shutil.copytree(wheel.parents[1] / "pgserver.libs", tmp_path / "pgserver.libs")
    server = PostgresServer(Programs(hidden / "bin", "hidden"))
    server.start()
    server.close()


def test_a_named_server_is_used_and_left_as_it_was(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the URL in the environment nothing is started; databases are made there and dropped."""
    monkeypatch.setenv(VARIABLE, sa.make_url(postgres.url).set(drivername="postgresql").render_as_string(False))
    assert VARIABLE in databases.outlook()
    given = databases.start()
    assert isinstance(given, databases.GivenServer)
    assert VARIABLE in given.described
    with connected(given.url) as connection:
        before = connection.execute("SELECT count(*) FROM pg_database").fetchone()
        with database(given.url) as fresh, connected(fresh) as inside:
            inside.execute("CREATE TABLE something (number int)")
        assert connection.execute("SELECT count(*) FROM pg_database").fetchone() == before
    given.close()
    with connected(postgres.url):
        pass


def test_each_test_has_an_empty_database(database_url: str) -> None:
    """On either engine, it can be connected to, and there is no table."""
    if database_url.startswith("sqlite"):
        Path(sa.make_url(database_url).database or "").parent.mkdir()
    engine = sa.create_engine(database_url)
    assert sa.inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE something (number int)"))
    engine.dispose()


_CRASHED = """
import os, signal, sys
from tests.postgres import PostgresServer
from tests.postgres_programs import find
server = PostgresServer(find())
server.start()
print(server._folder, server._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_it_when_the_tests_crash() -> None:
    """The server and its folder go although nobody was left to end them."""
    python = [sys.executable, "-c", _CRASHED]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    crashed = subprocess.run(python, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert crashed.returncode == -signal.SIGKILL, crashed.stderr
    folder, process = crashed.stdout.rsplit(maxsplit=1)
    end = time.monotonic() + 20
    while Path(folder).exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(process), 0)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/none", "does not answer"),
        ("sqlite:///records.sqlite3", "not of PostgreSQL"),
        ("no url", "not a database URL"),
    ],
)
def test_without_a_server_the_tests_fail_and_say_what_to_do(url: str, said: str) -> None:
    """A whole run of pytest: failed, not skipped, with the remedy and without the password."""
    test = f"{Path(__file__).relative_to(ROOT)}::{test_each_test_has_an_empty_database.__name__}"
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", test],
        env=os.environ | {VARIABLE: url},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout
    assert f"PostgreSQL for tests: the server of {VARIABLE}" in run.stdout
    assert said in run.stdout
    assert "apt-get install postgresql" in run.stdout
    assert "1 passed, 1 error" in run.stdout
    assert "secret" not in run.stdout


def test_a_machine_without_postgresql_is_told_what_to_do() -> None:
    """Every way is named."""
    with pytest.raises(NoServerError, match=r"(?s)apt-get install postgresql.*pgserver.*CONSENT_TEST_POSTGRES_URL"):
        find(system=False, wheel=False)
