"""Real servers that share one store: what is taken back or erased on one of them stops on all, within ten seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import pytest

from consent.ledger import Database
from tests import databases, servers
from tests.policies import SMALL

pytestmark = pytest.mark.slow

#: What the design promises, in seconds.
PROMISE = 10.0

_WSGI = """
from flask import Flask
from flask_consentry import Consentry

app = Flask("host", root_path={root!r}, instance_path={instance!r})
app.config.update(SECRET_KEY="the same on every host", CONSENT_STORE_URL={store!r}, CONSENT_STORE_TIMEOUT=20)
Consentry(app)
"""


@dataclass(frozen=True, slots=True)
class Hosts:
    """Two servers.

    :param folder: Of one of them, where its commands run.
    :param wsgi: Its module.
    """

    first: str
    second: str
    folder: Path
    wsgi: str

    @property
    def both(self) -> tuple[str, str]:
        """Their addresses."""
        return self.first, self.second

    def command(self, *words: str) -> str:
        """What ``flask consent …`` says on one of them, in a process of its own."""
        path = os.pathsep.join([str(servers.ROOT), str(servers.ROOT / "flask_ext"), *sys.path])
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "wsgi", "consent", *words],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@dataclass(slots=True)
class Device:
    """A browser: its cookies go to both hosts."""

    cookies: CookieJar = field(default_factory=CookieJar)

    def copied(self) -> Device:
        """Another browser with the cookies that this one has now."""
        other = Device()
        for cookie in self.cookies:
            other.cookies.set_cookie(cookie)
        return other

    def ask(self, address: str, said: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a route answers, as JSON; *said* is posted."""
        body = None if said is None else json.dumps(said).encode()
        headers = {"Accept": "application/json", "Content-Type": "application/json", "Sec-Fetch-Site": "same-origin"}
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        with opener.open(urllib.request.Request(address, body, headers), timeout=30) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def accept(self, host: str) -> str:
        """Accept all on *host*; the receipt code."""
        notices = self.ask(f"{host}/consent/state?about=youtube")["notices"]
        answer = self.ask(f"{host}/consent/decision", {"answer": "accept_all", "notice": notices[""]})
        assert "youtube" in answer["services"]
        return str(self.ask(f"{host}/consent/receipt")["code"])

    def is_granted(self, host: str) -> bool:
        """Whether anything runs for this device there that needs consent."""
        return set(self.ask(f"{host}/consent/state")["services"]) != {"login"}


def seconds_until_both_stop(device: Device, hosts: Hosts) -> tuple[float, ...]:
    """After how long nothing is granted on each of the hosts; it has to stay so."""
    begin, stopped = time.monotonic(), dict.fromkeys(hosts.both, -1.0)
    while time.monotonic() - begin < PROMISE + 1 and min(stopped.values()) < 0:
        for host in hosts.both:
            if not device.is_granted(host):
                stopped[host] = stopped[host] if stopped[host] >= 0 else time.monotonic() - begin
            else:
                assert stopped[host] < 0, "it came back"
        time.sleep(0.05)
    assert all(0 <= seconds < PROMISE for seconds in stopped.values()), stopped
    for host in hosts.both * 2:
        assert not device.is_granted(host)
        time.sleep(0.5)
    return tuple(stopped.values())


@contextmanager
def serving(folder: Path, store: str, instances: tuple[Path, Path]) -> Iterator[Hosts]:
    """Two servers on one store."""
    with ExitStack() as running:
        addresses = []
        roots = folder / "server0", folder / "server1"
        wsgi = ""
        for root, instance in zip(roots, instances, strict=True):
            root.mkdir()
            (root / "consent.toml").write_text(SMALL, encoding="utf-8")
            wsgi = _WSGI.format(root=str(root), instance=str(instance), store=store)
            addresses.append(running.enter_context(servers.gunicorn(root, wsgi, "--threads", "4")))
        yield Hosts(addresses[0], addresses[1], roots[1], wsgi)


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def hosts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two hosts with folders of their own and one PostgreSQL; or two processes of one host and one file."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        shared = folder / "instance"
        with serving(folder, f"sqlite:///{folder / 'records.sqlite3'}", (shared, shared)) as made:
            yield made
        return
    server: databases.Server = request.getfixturevalue("postgres")
    with databases.database(server.url) as url:
        database = Database(url)
        database.upgrade()
        database.close()
        with serving(folder, url, (folder / "one", folder / "two")) as made:
            yield made


def by_withdrawing(hosts: Hosts, code: str) -> None:
    """From another device, on the second host."""
    done = Device().ask(f"{hosts.second}/consent/receipt", {"action": "withdraw", "code": code})
    assert done["recorded"] is True
    assert [record["event"] for record in done["records"]] == ["given", "withdrawn"]


def by_erasing(hosts: Hosts, code: str) -> None:
    """From another device, on the second host."""
    assert Device().ask(f"{hosts.second}/consent/receipt", {"action": "erase", "code": code})["erased"] == 1


def by_command(hosts: Hosts, code: str) -> None:
    """By hand, in a process that serves nobody."""
    shown = Device().ask(f"{hosts.second}/consent/receipt", {"action": "show", "code": code})
    subject = json.loads(shown["records"][0]["body"])["subject"]
    hosts.command("erase", "--subject", subject, "--yes")


@pytest.mark.parametrize("ended", [by_withdrawing, by_erasing, by_command])
def test_what_is_ended_once_is_ended_everywhere(
    hosts: Hosts, ended: Callable[[Hosts, str], None], report: Callable[[str], None], request: pytest.FixtureRequest
) -> None:
    """The first device's cookie grants nothing any more on both hosts, ten seconds later at most, and stays void."""
    device, other = Device(), Device()
    code = device.accept(hosts.first)
    other.accept(hosts.second)
    assert device.is_granted(hosts.first)
    assert device.is_granted(hosts.second), "control: the cookie counts on both hosts"
    ended(hosts, code)
    one, two = seconds_until_both_stop(device, hosts)
    report(f"{request.node.name}: stopped after {one:.2f} s on the first host, {two:.2f} s on the second")
    assert other.is_granted(hosts.first), "control: another visitor's cookie still counts"
    assert other.is_granted(hosts.second)


def test_a_part_taken_back_ends_the_copies(hosts: Hosts, report: Callable[[str], None]) -> None:
    """A copy of the receipt from before is void on both hosts; the new receipt lets run what is left."""
    device = Device()
    device.accept(hosts.first)
    copy = device.copied()
    assert copy.is_granted(hosts.second), "control: the copy counts"
    time.sleep(1.1)  # receipts know whole seconds
    token = device.ask(f"{hosts.second}/consent/state?about=youtube")["notices"][""]
    said = {"answer": "custom", "purposes": ["statistics"], "notice": token}
    assert device.ask(f"{hosts.second}/consent/decision", said)["services"] == ["login", "matomo"]
    one, two = seconds_until_both_stop(copy, hosts)
    report(f"a copy of an older receipt: stopped after {one:.2f} s and {two:.2f} s")
    for host in hosts.both:
        assert device.ask(f"{host}/consent/state")["services"] == ["login", "matomo"]


def test_a_process_that_begins_later_knows_at_its_first_request(hosts: Hosts, tmp_path: Path) -> None:
    """What was taken back before it began is void from its first answer on; what was not soon counts."""
    device, other = Device(), Device()
    code = device.accept(hosts.first)
    other.accept(hosts.first)
    by_withdrawing(hosts, code)
    with servers.gunicorn(tmp_path, hosts.wsgi) as later:
        assert not device.is_granted(later)
        end = time.monotonic() + PROMISE
        while not other.is_granted(later):
            assert time.monotonic() < end
            assert not device.is_granted(later)
