"""Around applications that use every freedom of PEP 3333."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import EnvironBuilder

from tests.integration.conftest import Site

from .hard import FILMS, HTML, LENGTH, LOCKED, PAGE, RAW, Wsgi, bare, gated


class Closable:
    """A body that counts how often it was closed."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = iter(pieces)
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def around(build: Callable[..., Site]) -> Callable[..., Site]:
    """Makes a site whose gate stands around any WSGI application."""

    def make(application: Wsgi, **config: object) -> Site:
        def prepare(app: Flask) -> None:
            app.wsgi_app = application  # type: ignore[method-assign, assignment]

        return build(FILMS, prepare=prepare, **config)

    return make


def _plain(_: dict[str, Any], start: Any) -> Iterable[bytes]:
    start("200 OK", [HTML, LENGTH])
    return [RAW]


def _without_length(_: dict[str, Any], start: Any) -> Iterable[bytes]:
    start("200 OK", [HTML])
    return (RAW[:100], RAW[100:])


def _generator(_: dict[str, Any], start: Any) -> Iterable[bytes]:
    start("200 OK", [HTML, LENGTH])
    return (bytes([byte]) for byte in RAW)


def _late(_: dict[str, Any], start: Any) -> Iterator[bytes]:
    start("200 OK", [HTML, LENGTH])
    yield RAW[:9]
    yield RAW[9:]


def _later(_: dict[str, Any], start: Any) -> Iterator[bytes]:
    yield b""
    yield b""
    start("200 OK", [HTML, LENGTH])
    yield RAW


def _write(_: dict[str, Any], start: Any) -> Iterable[bytes]:
    write = start("200 OK", [HTML, LENGTH])
    write(RAW[:50])
    write(RAW[50:200])
    return [RAW[200:]]


def _headers_once(_: dict[str, Any], start: Any) -> Iterable[bytes]:
    start("200 OK", iter([HTML, LENGTH]))
    return [RAW]


@pytest.mark.parametrize(
    "application",
    [_plain, _without_length, _generator, _late, _later, _write, _headers_once],
    ids=lambda one: one.__name__,
)
def test_however_a_page_is_handed_over(around: Callable[..., Site], application: Wsgi) -> None:
    """A page whose length is known is rewritten, whether it comes as a list, piece by piece, late, or by ``write()``."""
    sent = around(application).get("/x")
    assert bare(sent.text) == gated(PAGE)
    assert int(sent.headers["Content-Length"]) == len(sent.data)
    assert sent.headers.getlist("Content-Security-Policy") == [LOCKED]


def test_a_generator_without_a_length_is_a_stream(around: Callable[..., Site]) -> None:
    """It passes as it comes, with the wall; so does what ``write()`` gives without a length."""

    def generate(_: dict[str, Any], start: Any) -> Iterator[bytes]:
        start("200 OK", [HTML])
        yield RAW

    sent = around(generate).get("/x")
    assert sent.text == PAGE
    assert sent.headers["Content-Security-Policy"] == LOCKED


def test_write_without_a_length_is_not_held_back(around: Callable[..., Site]) -> None:
    """What is written has left before the application goes on."""
    left: list[bytes] = []
    seen: list[int] = []

    def application(_: dict[str, Any], start: Any) -> Iterable[bytes]:
        write = start("200 OK", [HTML])
        for piece in (b"a", b"b"):
            write(piece)
            seen.append(len(left))
        return [b"c"]

    app = around(application).app
    body = app.wsgi_app(EnvironBuilder("/").get_environ(), lambda *_: left.append)
    assert seen == [1, 2]
    assert b"".join([*left, *body]) == b"abc"


@pytest.mark.parametrize("page", [True, False])
def test_a_second_start_tells_of_an_error(around: Callable[..., Site], page: bool) -> None:
    """Whatever was to leave before it is forgotten: only the second status, headers and body do."""

    def application(_: dict[str, Any], start: Any) -> Iterator[bytes]:
        write = start("200 OK", [HTML, LENGTH, ("Set-Cookie", "login=1")])
        write(b"<p>half a page")
        yield b"more of it"
        try:
            divmod(1, 0)
        except ZeroDivisionError:
            start("500 Oh", [HTML if page else ("Content-Type", "text/plain")], sys.exc_info())
        yield b"<p>sorry" if page else b"sorry"

    starts: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> Callable[[bytes], object]:
        starts.append((status, headers))
        return lambda _: None

    body = b"".join(around(application).app.wsgi_app(EnvironBuilder("/").get_environ(), start_response))
    ((status, headers),) = starts
    assert (status, body) == ("500 Oh", b"<p>sorry" if page else b"sorry")
    assert "Set-Cookie" not in dict(headers)
    assert dict(headers)["Content-Security-Policy"] == LOCKED


def test_a_second_start_after_bytes_have_left_is_an_error(around: Callable[..., Site]) -> None:
    """The server then raises what the application caught, as PEP 3333 wants it."""

    def application(_: dict[str, Any], start: Any) -> Iterator[bytes]:
        start("200 OK", [HTML])
        yield b"<p>half"
        try:
            divmod(1, 0)
        except ZeroDivisionError:
            start("500 Oh", [HTML], sys.exc_info())

    def start_response(_status: str, _headers: list, exc_info: Any = None) -> Callable[[bytes], object]:
        if exc_info:
            raise exc_info[1]
        return lambda _: None

    body = iter(around(application).app.wsgi_app(EnvironBuilder("/").get_environ(), start_response))
    assert next(body) == b"<p>half"
    with pytest.raises(ZeroDivisionError, match="by zero"):
        next(body)


@pytest.mark.parametrize("headers", [[HTML, LENGTH], [HTML]], ids=["page", "stream"])
def test_an_error_in_the_middle_of_a_body(around: Callable[..., Site], headers: list[tuple[str, str]]) -> None:
    """It reaches the server; the body is closed once."""

    def fail() -> Iterator[bytes]:
        yield b"<p>half"
        raise ZeroDivisionError("mine")

    body = Closable()
    body.pieces = fail()

    def application(_: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", headers)
        return body

    gate = around(application).app.wsgi_app
    sent = None
    with pytest.raises(ZeroDivisionError, match="mine"):  # noqa: PT012  # a page raises at once, a stream when it is read
        sent = gate(EnvironBuilder("/").get_environ(), lambda *_: lambda _: None)
        list(sent)
    if sent is not None:
        sent.close()  # type: ignore[attr-defined]  # what a server does
    assert body.closed == 1


def test_an_error_before_the_start(around: Callable[..., Site]) -> None:
    """A generator that fails before it starts is closed, and the error reaches the server."""
    ended: list[str] = []

    def application(_: dict[str, Any], _start: Any) -> Iterator[bytes]:
        try:
            yield b""
            raise ZeroDivisionError
        finally:
            ended.append("yes")

    with pytest.raises(ZeroDivisionError):
        around(application).app.wsgi_app(EnvironBuilder("/").get_environ(), lambda *_: lambda _: None)
    assert ended == ["yes"]


@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_body_is_closed_once(around: Callable[..., Site], kind: str, method: str) -> None:
    """Whether it was rewritten or passed."""
    body = Closable(RAW[:7], RAW[7:])

    def application(_: dict[str, Any], start: Any) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", kind), LENGTH])
        return body

    around(application).client.open("/x", method=method, buffered=True)
    assert body.closed == 1
