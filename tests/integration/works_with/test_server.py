"""The same over a socket: gunicorn with threads, one connection for many requests."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.servers import gunicorn

from .hard import FILMS, LOCKED, PAGE, bare, gated

DOCUMENT = bytes(range(256)) * 400

WSGI = """
import pathlib, time
from flask import Flask, Response, send_file
from flask_consentry import Consentry

here = pathlib.Path(__file__).parent
app = Flask(__name__, root_path=str(here), instance_path=str(here / "instance"))
app.config["SECRET_KEY"] = "of the tests"
Consentry(app)


@app.get("/page")
def page():
    return (here / "page.html").read_bytes()


@app.get("/file")
def file():
    return send_file(here / "page.html")


@app.get("/film")
def film():
    return send_file(here / "film.mp4")


@app.get("/stream")
def stream():
    def pieces():
        yield "<p>first"
        for _ in range(400):
            if (here / "go").exists():
                break
            time.sleep(0.05)
        else:
            yield "<p>nobody read the first piece"
        yield "<p>second"

    return Response(pieces())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the application lives."""
    made = tmp_path_factory.mktemp("served")
    (made / "consent.toml").write_text(FILMS, "utf-8")
    (made / "page.html").write_bytes(PAGE.encode())
    (made / "film.mp4").write_bytes(DOCUMENT)
    return made


@pytest.fixture(scope="module")
def connection(folder: Path) -> Iterator[HTTPConnection]:
    """One connection to the application, kept open."""
    with gunicorn(folder, WSGI, "--worker-class", "gthread", "--threads", "4") as address:
        made = HTTPConnection(urlsplit(address).netloc, timeout=30)
        yield made
        made.close()


def _ask(connection: HTTPConnection, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    assert response.getheader("Content-Security-Policy") == LOCKED
    return response


def test_one_connection_serves_one_response_after_the_other(connection: HTTPConnection) -> None:
    """Each response is as long as it says: pages, their heads, files, parts, what is confirmed, what is missing."""
    tag = ""
    for path in ("/page", "/file", "/page"):
        head = _ask(connection, path, "HEAD")
        assert (head.status, head.read()) == (200, b"")
        sent = _ask(connection, path)
        body = sent.read()
        assert bare(body.decode()) == gated(PAGE)
        assert sent.getheader("Content-Length") == str(len(body))
        tag = sent.getheader("ETag") or tag
    fresh = _ask(connection, "/file", If_None_Match=tag, Sec_Fetch_Dest="document")
    assert (fresh.status, fresh.read()) == (304, b"")
    part = _ask(connection, "/file", Range="bytes=5-9")
    assert (part.status, bare(part.read().decode())) == (200, gated(PAGE))
    some = _ask(connection, "/film", Range="bytes=1000-1999")
    assert (some.status, some.read()) == (206, DOCUMENT[1000:2000])
    assert _ask(connection, "/film").read() == DOCUMENT
    assert _ask(connection, "/missing").status == 404


def test_the_first_piece_of_a_stream_arrives_before_the_second_is_made(
    folder: Path, connection: HTTPConnection
) -> None:
    """Through the gate and the server, to the socket."""
    connection.close()
    sent = _ask(connection, "/stream")
    assert sent.getheader("Transfer-Encoding") == "chunked"
    assert sent.read1() == b"<p>first"
    (folder / "go").touch()
    assert sent.read() == b"<p>second"
