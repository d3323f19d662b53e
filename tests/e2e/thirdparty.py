"""Everywhere that is not the site: one local port to which the browser maps every other host name, and which counts.

It tells TLS from plain HTTP by a connection's first byte, so that one port stands for all. Each connection counts, also
one over which nothing is ever asked: a connection hint gives the visitor's address away as well. What the vendors
answer is in :mod:`tests.e2e.vendors`.

Source: RFC 8446 §5.1 (a TLS record that opens a handshake begins with 22); RFC 6455 §1.3 (opening a WebSocket).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha1
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any, Self

from tests.e2e.vendors import answer

_HANDSHAKE = b"\x16"
_PATIENCE = 10.0
_WEBSOCKET = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True, slots=True)
class Request:
    """One request that reached somebody else.

    :param host: The ``Host`` it asked for, without a port.
    :param path: Path and query.
    :param referrer: What it says of the page that asked; may be empty.
    """

    host: str
    path: str
    referrer: str = ""


class Elsewhere(ThreadingMixIn, TCPServer):
    """The counting server, on a free port of 127.0.0.1. A context manager that serves while it is open.

    :param certificate: PEM file with a key and a self-signed certificate; no browser in these tests checks it.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, certificate: Path) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._lock = threading.Lock()
        self._connections = 0
        self._requests: list[Request] = []
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    @property
    def connections(self) -> int:
        """TCP connections since the last :meth:`reset`, whether or not anything was asked over them."""
        with self._lock:
            return self._connections

    @property
    def requests(self) -> tuple[Request, ...]:
        """Requests since the last :meth:`reset`, in order of arrival."""
        with self._lock:
            return tuple(self._requests)

    @property
    def hosts(self) -> set[str]:
        """Host names that were asked for anything since the last :meth:`reset`."""
        return {request.host for request in self.requests}

    def reset(self) -> None:
        """Count from nothing."""
        with self._lock:
            self._connections = 0
            self._requests.clear()

    def wait_for(self, hosts: Iterable[str]) -> None:
        """Return as soon as all of *hosts* were asked for something; after a while return all the same.

        Waits outside the browser's own events, so the page must not need the test's thread meanwhile.
        """
        wanted, end = set(hosts), time.monotonic() + _PATIENCE
        while not wanted <= self.hosts and time.monotonic() < end:
            time.sleep(0.02)

    def note(self, request: Request) -> None:
        """Count *request*."""
        with self._lock:
            self._requests.append(request)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept and count a connection; what it speaks is found out in its own thread."""
        accepted = super().get_request()
        with self._lock:
            self._connections += 1
        return accepted

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Speak TLS or plain HTTP, as the first byte says, until the browser hangs up."""
        with suppress(OSError):  # the browser may hang up at any point, which is no fault of the test
            if request.recv(1, socket.MSG_PEEK) == _HANDSHAKE:
                with self._tls.wrap_socket(request, server_side=True) as safe:
                    _Conversation(safe, client_address, self)
            else:
                _Conversation(request, client_address, self)


class _Conversation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Elsewhere

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").partition(":")[0]
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.server.note(Request(host, self.path, self.headers.get("Referer", "")))
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._agree()
            return
        said = answer(host, self.path)
        self.send_response(said.status)
        self.send_header("Content-Type", said.content_type)
        self.send_header("Content-Length", str(len(said.body)))
        # As CDNs do: a copy in the browser's cache makes no request, and so could hide what a page would load.
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said.body)

    do_POST = do_HEAD = do_OPTIONS = do_GET

    def _agree(self) -> None:
        """Open a WebSocket, and close it: a browser makes those wait that are refused again and again."""
        key = self.headers.get("Sec-WebSocket-Key", "") + _WEBSOCKET
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode())
        self.end_headers()
        self.wfile.write(b"\x88\x00")
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a test reads the count."""
