"""Whole pages: collects the body of an HTML response, so that the HTML gate can change it before anything is sent.

A page is collected if its length is known, by ``Content-Length`` or because the body is a list, and within the cap.
What declares no length is a stream: it passes at once, piece by piece, as the site sends it, and has the wall only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from consent.gate import codings, media
from consent.gate.headers import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

_LOG = logging.getLogger("consentry")

_BEYOND = "a page left with the wall only: it is longer than CONSENT_PAGE_CAP"
#: Statuses without a body (RFC 9110 §6.4.1).
_EMPTY = ("1", "204", "304")
#: Headers that describe the bytes as the site made them.
_OF_THE_BYTES = frozenset({"accept-ranges", "content-length", "content-md5", "digest", "content-digest", "repr-digest"})

#: The gate: a page without content coding and its ``charset``, and the same page as it may leave.
Rewrite = Callable[[bytes, str | None], bytes]


class Start:
    """A ``start_response`` that keeps the start of an HTML response back until its body is known.

    :param outgoing: Makes the headers that may leave.
    :param cap: Longest page in bytes; 0: nothing is kept back.
    """

    def __init__(self, start_response: StartResponse, outgoing: Callable[[Headers], Headers], *, cap: int) -> None:
        self._start_response = start_response
        self._outgoing = outgoing
        self._cap = cap
        self._pieces: list[bytes] = []
        self._size = 0
        self._held: tuple[str, Headers, Any] | None = None
        self._sent = False
        self._through: Callable[[bytes], object] | None = None

    def __call__(
        self, status: str, headers: Iterable[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """See PEP 3333."""
        made = self._outgoing(list(headers))  # some applications hand over what can be read once only
        self.forget()  # a second start tells of an error, and nothing of the first one has left
        if self._cap and not self._sent and _is_page(status, made):
            self._held = (status, made, exc_info)
            return self._write
        return self._send(status, made, exc_info)

    def _send(self, status: str, headers: Headers, exc_info: Any) -> Callable[[bytes], object]:
        self._sent = True
        if exc_info is None:
            return self._start_response(status, headers)
        return self._start_response(status, headers, exc_info)

    def _write(self, piece: bytes) -> None:
        """The old way to give a body (PEP 3333): without a length it is a stream, and passes as it comes."""
        if self._through is not None:
            self._through(piece)
            return
        self._keep(piece)
        if self._held is not None and (self._size > self._cap or _number(self._held[1], "content-length") is None):
            self._through = self._send(*self._held)
            for kept in self._pieces:
                self._through(kept)
            self.forget()

    def _keep(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._size += len(piece)

    @property
    def begun(self) -> bool:
        """Whether the application has called this."""
        return self._sent or self._held is not None

    @property
    def is_partial(self) -> bool:
        """Whether a part of a page is kept back: it cannot be judged without the rest."""
        return self._held is not None and self._held[0].startswith("206")

    def forget(self) -> None:
        """Drop what is kept back; the application begins anew."""
        self._held = None
        self._pieces, self._size = [], 0

    def finish(self, body: Iterable[bytes], *, method: str, rewrite: Rewrite) -> Iterable[bytes]:
        """The body to send: rewritten if it is kept back and a page that can be, else as it came."""
        if self._held is None:
            return body
        status, headers, exc_info = self._held
        length = _number(headers, "content-length")
        if method == "HEAD":
            self._send(status, [h for h in headers if h[0].lower() not in _OF_THE_BYTES], exc_info)
            return body
        if length is None and not isinstance(body, list | tuple):
            return self._passed(iter(body), body)
        if length is not None and length > self._cap:
            _LOG.info(_BEYOND)
            return self._passed(iter(body), body)
        iterator = iter(body)
        for piece in iterator:
            self._keep(piece)
            if not self._collects:
                _LOG.info(_BEYOND)
                return self._passed(iterator, body)
        return self._rewritten(body, rewrite)

    @property
    def _collects(self) -> bool:
        """Whether a page is still kept back: a second start may be of something else."""
        return self._held is not None and self._size <= self._cap

    def _passed(self, rest: Iterator[bytes], body: Iterable[bytes]) -> Iterable[bytes]:
        if self._held is not None:
            self._send(*self._held)
        return Closing(chain(self._pieces, rest), body)

    def _rewritten(self, body: Iterable[bytes], rewrite: Rewrite) -> Iterable[bytes]:
        if self._held is None:
            return self._passed(iter(()), body)
        status, headers, exc_info = self._held
        content = b"".join(self._pieces)
        coding = next((value for name, value in headers if name.lower() == "content-encoding"), "")
        try:
            page = codings.opened(content, coding, cap=self._cap)
            edited = rewrite(page, _charset(headers))
            if edited is not page:
                content = codings.closed(edited, coding)
        except codings.Undecodable as error:
            _LOG.info("a page left with the wall only: %s", error)
        except Exception as error:  # noqa: BLE001  # a failure of ours breaks no page; the wall stands
            _LOG.error("a page left with the wall only because of a failure: %s", type(error).__name__)
        headers = [header for header in headers if header[0].lower() not in _OF_THE_BYTES]
        self._send(status, [*headers, ("Content-Length", str(len(content)))], exc_info)
        return Closing(iter((content,)), body)


class Closing:
    """An iterable of *pieces* that closes the *body* they were taken from (PEP 3333)."""

    def __init__(self, pieces: Iterator[bytes], body: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        """Release what the site holds for this response."""
        close(self._body)


def close(body: Iterable[bytes]) -> None:
    """Close *body*, where it can be."""
    getattr(body, "close", lambda: None)()


def _is_page(status: str, headers: Headers) -> bool:
    return media.is_page(_kind(headers).lower()) and not status.startswith(_EMPTY)


def _kind(headers: Headers) -> str:
    """The ``Content-Type``; several as browsers read them, in one list."""
    return ", ".join(value.strip() for name, value in headers if name.lower() == "content-type")


def _number(headers: Headers, header: str) -> int | None:
    value = next((value for name, value in headers if name.lower() == header), "").strip()
    return int(value) if value.isascii() and value.isdigit() else None


def _charset(headers: Headers) -> str | None:
    for parameter in _kind(headers).replace(",", ";").split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip(" \"'")
    return None
