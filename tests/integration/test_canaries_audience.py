"""An address and a user agent, sent along with 10,000 hits by every path there is, are nowhere afterwards.

Neither as they came nor in any form that they can be written in, nor as a digest that somebody could compute. What was
searched stands at the end of the run's report. What the test does not look into: the memory of the process, but for
the counters. The user agents seen last stand there, and what a request says, while it is answered.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import logging
import pickle
import random
import re
import socket
import sqlite3
import tempfile
from base64 import b16encode, b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, render_template_string, request

from consent.ledger import tables
from consent.ledger.database import Database
from flask_consentry import consent
from flask_consentry.cli import consent_commands
from flask_consentry.jobs import close
from tests import databases
from tests.geo import country, database

from .audience import COUNTING
from .conftest import PAGE, Site

HITS = 10_000
#: Nobody's, as far as these tests go; no byte of the first is a letter's.
IPV4, IPV6 = "197.231.186.233", "2a03:c5e7:bae9:d1f3:a1b2:c3d4:e5f6:9788"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0 Canary/7f3a9c"
LANGUAGE = "de-canary, en;q=0.5"
POLICY = (
    COUNTING.replace("[audience]", "[audience]\nvisitors = true\nk = 5")
    + '[audience.exempt]\npurpose = "preferences"\ncountries = ["DE"]\n'
)
#: What a proxy adds, which nobody may read.
FORWARDED = ("X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP", "CF_CONNECTING_IP", "TRUE_CLIENT_IP")


def forms() -> dict[str, bytes]:
    """Every form of the canaries that is searched for, by what it is."""
    found: dict[str, bytes] = {
        "user agent": AGENT.encode(),
        "user agent, its end": b"Canary/7f3a9c",
        "language": b"de-canary",
    }
    secrets: dict[str, bytes] = {"user agent": AGENT.encode()}
    for name, text in (("IPv4", IPV4), ("IPv6", IPV6)):
        address = ipaddress.ip_address(text)
        kept = 24 if address.version == 4 else 48
        network = ipaddress.ip_network((text, kept), strict=False)
        begin = network.network_address
        found |= {
            f"{name}, text": text.encode(),
            f"{name}, exploded": address.exploded.encode(),
            f"{name}, packed": address.packed,
            f"{name}, packed, reversed": address.packed[::-1],
            f"{name}, integer": str(int(address)).encode(),
            f"{name}, hexadecimal": address.packed.hex().encode(),
            f"{name}, network, text": str(begin).removesuffix(".0").removesuffix("::").encode(),
            f"{name}, network, packed": begin.packed if address.version == 4 else begin.packed[:6],
            f"{name}, network, integer": str(int(begin)).encode(),
            f"{name}, network, hexadecimal": begin.packed.hex().encode()[: 8 if address.version == 4 else 12],
            f"{name}, for the domain name system": address.reverse_pointer.encode(),
        }
        secrets |= {f"{name}, text": text.encode(), f"{name}, packed": address.packed}
        secrets |= {f"{name}, network, text": str(network).encode(), f"{name}, network, packed": begin.packed}
        for joint in (b"", b"|", b"\0", b"-", b":"):
            secrets[f"{name} and user agent by {joint!r}"] = text.encode() + joint + AGENT.encode()
            secrets[f"{name}, network, and user agent by {joint!r}"] = begin.packed + joint + AGENT.encode()
    for name, secret in secrets.items():
        for coding, coded in (("base64", b64encode(secret)), ("base64, URL-safe", urlsafe_b64encode(secret))):
            found[f"{name}, {coding}"] = coded.rstrip(b"=")[: -1 if len(secret) % 3 else None]
        for digest in ("md5", "sha1", "sha256", "sha512", "blake2b", "blake2s"):
            made = hashlib.new(digest, secret).digest()
            found[f"{name}, {digest}"] = made[:8]
            found[f"{name}, {digest}, hexadecimal"] = made.hex().encode()[:16]
        for size in (8, 16, 32):
            found[f"{name}, blake2b of {size} bytes"] = hashlib.blake2b(secret, digest_size=size).digest()[:8]
    return found


FORMS = forms()


def caught(where: bytes) -> list[str]:
    """Which forms stand in *where*; hexadecimal also in capitals."""
    there = [name for name, form in FORMS.items() if form in where]
    return there + [name for name, form in FORMS.items() if "hexadecimal" in name and form.upper() in where]


def test_control_every_form_is_found() -> None:
    """Beside others, in a file."""
    for name, form in FORMS.items():
        assert name in caught(b"\x00before" + form + b"after\xff")
    assert caught(b16encode(socket.inet_aton(IPV4)))
    assert not caught(random.Random(1).randbytes(1 << 20))


class Drive:
    """Sends hits with the canaries along, and keeps what came back.

    :param heard: Every different body, and every header.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.hits = 0
        self.heard: set[bytes] = set()
        self.statuses: dict[str, int] = {}

    def __call__(self, url: str, method: str = "GET", *, cookie: str = "", body: bytes = b"", **more: Any) -> str:
        self.hits += 1
        url = url.removeprefix("http://localhost")
        path, _, query = url.partition("?")
        address = (IPV4, IPV6, f"::ffff:{IPV4}")[self.hits % 3]
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": address,
            "HTTP_HOST": "localhost",
            "HTTP_USER_AGENT": AGENT,
            "HTTP_ACCEPT_LANGUAGE": LANGUAGE,
            "HTTP_COOKIE": cookie,
            "HTTP_ORIGIN": "http://localhost",
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": "application/json" if body else "",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        environ |= {f"HTTP_{name}": environ["REMOTE_ADDR"] for name in FORWARDED} | more
        said: list[bytes] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            said.append(repr((status, headers)).encode())
            return said.append

        answer = self.site.app.wsgi_app(environ, start_response)
        page = b"".join(answer)
        getattr(answer, "close", bool)()
        self.heard |= {*said, page, environ["wsgi.errors"].getvalue().encode()}
        return page.decode("utf-8", "replace")

    def many(self, count: int, urls: Iterable[str], method: str = "GET", **more: Any) -> None:
        """*count* hits, of *urls* in turn."""
        given = list(urls)
        for number in range(count):
            self(given[number % len(given)], method, **more)


@contextmanager
def away(site: Site, server_url: str | None) -> Iterator[None]:
    """The database cannot be reached: it lets nobody in, or somebody else has the file."""
    kept = site.state.ledger.database
    kept.close()
    if server_url is None:
        with closing(sqlite3.connect(kept.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    name = sa.make_url(str(site.state.settings.store_url)).database
    with databases.connected(server_url) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    kept.close()


def reachable(*roots: object) -> Iterator[bytes]:
    """Every text, number and byte string that *roots* hold, as bytes."""
    waiting, seen = list(roots), set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, type | logging.Logger) or callable(one):
            continue
        seen.add(id(one))
        if isinstance(one, bytes | bytearray):
            yield bytes(one)
        elif isinstance(one, str | int):
            yield str(one).encode("utf-8", "replace")
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            waiting += one
        else:
            slots = [name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())]
            waiting += [*getattr(one, "__dict__", {}).values(), *(getattr(one, name, None) for name in slots)]


def rows(store: Database) -> bytes:
    """All tables, as text."""
    with store.read() as connection:
        names = sa.inspect(connection).get_table_names()
        said = [repr(connection.execute(sa.select("*").select_from(sa.table(name))).all()) for name in sorted(names)]
    assert len(names) > 8
    return "\n".join(said).encode()


def test_canaries_are_nowhere(
    build: Callable[..., Site],
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    report: Callable[[str], None],
) -> None:
    """See the module."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    geo = database(
        tmp_path / "geo.mmdb", {f"{IPV4.rpartition('.')[0]}.0/24": country("DE"), "2a03:c5e7:bae9::/48": country("DE")}
    )
    server = request.getfixturevalue("postgres").url if database_url.startswith("postgresql") else None
    if server:
        with closing(Database(database_url)) as made:
            made.upgrade()
    with logged(tmp_path / "everything.log"):
        site = build(
            POLICY,
            prepare=_prepared,
            TESTING=False,
            CONSENT_STORE_URL=database_url,
            CONSENT_GEOIP_DATABASE=str(geo),
            CONSENT_RECORD_DEVICE=True,
            CONSENT_AUTHORIZE=lambda _: True,
            CONSENT_REPORTS="always",
        )
        drive = Drive(site)
        meanwhile: dict[str, bytes] = {}

        def look(when: str) -> None:
            meanwhile.update({f"{name}, {when}": content for name, content in files(tmp_path)})

        given = everything(site, drive, geo, lambda: away(site, server), look)
        raw = table(site)
        exported = exports(site, drive, tmp_path)
    assert drive.hits == HITS
    logs = [len(content) for name, content in meanwhile.items() if name.endswith("-wal, before the outage")]
    assert server or max(logs) > 100_000, "control: hits are in the write-ahead log at that time"
    searched = meanwhile | dict(files(tmp_path))
    searched |= {
        "bodies and headers of answers": b"\n".join(drive.heard),
        "addresses and tokens given out, and what is signed in them": b"\n".join(opened(given)),
        "what commands said": exported,
        "the counters in memory": b"\n".join(reachable(site.state.counters, site.state.seen, site.state.counting)),
        "the state, as it shows and as it can be pickled": b"\n".join(shown(site)),
        "the tables, as text": rows(site.state.ledger.database),
    }
    if server:
        searched |= dict(of_server(server))
    found = {where: there for where, content in searched.items() if (there := caught(content))}
    assert found == {}
    counts = ", ".join(f"{status} {count}" for status, count in sorted(drive.statuses.items()))
    sizes: dict[str, int] = {}
    for where, content in searched.items():
        name = where.partition(", before")[0].partition(", in the")[0].partition(", with")[0].rpartition("/")[2]
        sizes[name] = sizes.get(name, 0) + len(content)
    parts = "; ".join(f"{name} ({size / 1000:,.0f} kB)" for name, size in sizes.items() if size)
    engine = "PostgreSQL" if server else "SQLite"
    report(f"canaries in {drive.hits:,} hits, {engine} ({counts}): none of {len(FORMS)} forms in: {parts}")
    assert raw["page"] > 2000, "control: hits were counted"
    assert {raw["region"], raw["browser"], raw["language"]} == {raw["page"]}
    assert all(raw[name] for name in ("open", "link", "visitors", "region_exempt", "answer.statistics"))


def table(site: Site) -> dict[str, int]:
    """Hits that were counted and not closed yet, or published, by dimension."""
    columns = tables.audience.c
    query = sa.select(columns.dimension, sa.func.sum(columns.count)).group_by(columns.dimension)
    with site.state.ledger.database.read() as connection:
        return {dimension: int(count) for dimension, count in connection.execute(query)}


def _prepared(app: Flask) -> None:
    app.add_url_rule("/me", "me", lambda: consent.subject or "nobody")
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.route("/boom")
    def boom() -> str:
        raise ZeroDivisionError

    @app.errorhandler(404)
    def missing(_: Exception) -> tuple[str, int]:
        return render_template_string(PAGE), 404

    @app.before_request
    def fail() -> None:
        if "fail" in request.args:
            raise RuntimeError("a handler of the site's")


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """All that anybody says, at DEBUG, goes to a file."""
    root, handler = logging.getLogger(), logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(name)s %(pathname)s %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()
    assert "a hit was not counted" in path.read_text(), "control: failures were logged"


class Crowd:
    """Visitors who allow everything, one who refuses, and a reader of the newsletter.

    :param given: The addresses that were given out to them.
    """

    def __init__(self, site: Site, drive: Drive) -> None:
        self._site, self._drive = site, drive
        self.notice = site.token("/consent/preferences")
        self._cookies = [self.answer("accept_all") for _ in range(60)]
        self.answer("reject_all")
        subject = drive("/me", cookie=self._cookies[0])
        assert len(subject) == 22
        site.app.config["SERVER_NAME"] = "localhost"
        with site.app.app_context():
            self.given = [str(consent.email_beacon("2026-05", subject)), consent.link("catalogue", subject)]
        site.app.config["SERVER_NAME"] = None

    def answer(self, answer: str) -> str:
        """Somebody answers; the receipt that came with that."""
        self._site.clock.advance(seconds=1)
        body = f'{{"answer": "{answer}", "notice": "{self.notice}"}}'.encode()
        before = set(self._drive.heard)
        self._drive("/consent/decision", "POST", body=body)
        found = re.findall(rb"consent_example=[\w.-]+", b"".join(self._drive.heard - before))
        return str(found[0].decode()) if found else ""

    def look(self, count: int) -> None:
        """So many beacons, each rendered for its own hit."""
        self._drive.many(count, self._beacons(count), cookie=self._cookies[0])

    def do_everything(self, count: int) -> None:
        """Hits by every path, the most by that of a page: some ten times *count*."""
        drive, beacons, cookie = self._drive, self._beacons, self._cookies[0]
        for each in self._cookies[: count // 10]:
            (url,) = re.findall(r'src="(/consent/beacon/[^"]+)"', drive("/news/1", cookie=each))
            self.given.append(unescape(url))
            drive(url, cookie=each)
        self.look(count * 5)
        drive.many(count, beacons(5), cookie=cookie)  # replayed
        drive.many(count, ["/consent/beacon/forged.gif", "/consent/open/forged.gif", "/consent/link/forged"])
        drive.many(count, beacons(count), "HEAD", cookie=cookie)
        drive.many(count // 2, beacons(count), cookie=cookie, HTTP_SEC_PURPOSE="prefetch")
        drive.many(count // 4, re.findall(r"/consent/open/[^\"]+", self.given[0]))
        drive.many(count // 4, [self.given[1]])
        drive("/")
        drive.many(count // 4, beacons(count // 4))  # by the exemption
        for number, url in enumerate(beacons(count // 4)):
            drive(url, cookie=cookie, REMOTE_ADDR=f"197.231.{number}.7")  # others, so that something is published
        drive.many(
            count // 10, ["/consent/preferences", "/consent/receipt", "/consent/state", "/nothing/here", "/boom"]
        )
        drive.many(count // 10, ["/?fail=1", "/consent/beacon/x.gif?fail=1", "/consent/link/x?fail=1"], cookie=cookie)
        drive.many(count // 10, ["/consent/decision", "/consent/report", "/consent/receipt"], "POST")
        drive.many(4, ["/consent/metrics", "/consent/report"])
        self._site.clock.advance(seconds=6)

    def _beacons(self, count: int) -> list[str]:
        now = self._site.clock()
        return [f"/consent/beacon/{self._site.state.beacons.for_page('/', now=now)}.gif" for _ in range(count)]


def everything(
    site: Site, drive: Drive, geo: Path, outage: Callable[[], Any], look: Callable[[str], None]
) -> list[str]:
    """10,000 hits, while all is well and while it is not; the addresses that were given out."""
    crowd, whole = Crowd(site, drive), geo.read_bytes()
    crowd.do_everything(200)
    geo.write_bytes(whole[: len(whole) // 2])
    site.state.regions.refresh()
    crowd.do_everything(100)
    geo.unlink()
    site.state.regions.refresh()
    crowd.do_everything(40)
    geo.write_bytes(whole)
    site.state.regions.refresh()
    look("before the outage")
    with outage():
        crowd.do_everything(40)
        crowd.answer("reject_all")
        crowd.answer("accept_all")
        look("in the outage")
    for part, name in ((site.state.counters, "add"), (site.state.standings, "read")):
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr(type(part), name, lambda *_, **__: 1 / 0)
            crowd.look(100)
    crowd.look(HITS - drive.hits)
    site.state.counters.flush(now=site.clock())
    look("with all counted")
    return crowd.given


def exports(site: Site, drive: Drive, folder: Path) -> bytes:
    """All that commands and reports say, once the day is over."""
    site.clock.advance(days=2)
    assert close(site.state) == 1, "control: a day was published"
    hits = drive.hits
    assert "2 March" in drive("/consent/report?from=2026-03-01&until=2026-03-04"), "control"
    drive("/consent/metrics")
    drive.hits = hits
    runner, said = site.app.test_cli_runner(), []
    for number, words in enumerate(
        (
            ["keys", "new"],
            ["seal"],
            ["status"],
            ["doctor"],
            ["discover"],
            ["report", "--format", "csv"],
            ["report", "--format", "json"],
            ["report"],
            ["export", "--format", "csv", "--output", str(folder / "records.csv")],
            ["export", "--output", str(folder / "records.ndjson")],
            ["geo", "status"],
        )
    ):
        result = runner.invoke(consent_commands, words)
        assert result.exit_code in (0, 1, 2), (number, words, result.output)
        said.append(result.output_bytes)
    assert (folder / "records.ndjson").exists(), said
    return b"\n".join(said)


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of the run, by the sort of file it is: database, write-ahead log, spool, logs, exports, settings."""
    kinds: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "geo.mmdb":
            name = str(path.relative_to(folder))
            kinds[name] = path.read_bytes()
    yield from kinds.items()


def opened(given: Iterable[str]) -> Iterator[bytes]:
    """*given*, and the payloads of the tokens in it."""
    for text in given:
        yield text.encode()
        for payload in re.findall(r"/(?:beacon|open|link)/([\w-]+)\.", text):
            yield b64decode(payload + "==", altchars=b"-_")


def shown(site: Site) -> Iterator[bytes]:
    """What the parts of the state say of themselves, and what of them can be pickled."""
    state = site.state
    for name in state.__slots__:
        part = getattr(state, name)
        yield repr(part).encode()
        try:
            yield pickle.dumps(part)
        except Exception as error:  # noqa: BLE001  # locks, functions, connections
            yield repr(error).encode()


def of_server(url: str) -> Iterator[tuple[str, bytes]]:
    """The write-ahead log of the server, and what it said; where it runs on this machine and lets us look."""
    with databases.connected(url) as admin:
        (where,) = admin.execute("SHOW data_directory").fetchone() or ("",)
        admin.execute("CHECKPOINT")
    data = Path(where)
    try:
        segments = [path for path in (data / "pg_wal").iterdir() if path.is_file()]
        yield "the server's write-ahead log", b"".join(path.read_bytes() for path in segments)
        logs = [path for path in data.parent.glob("*log*") if path.is_file()]
        yield "the server's log", b"".join(path.read_bytes() for path in logs)
    except OSError:
        return
