"""A proxy before a PostgreSQL server that can hang: it goes on taking connections and bytes, and passes nothing on.

Unlike a server that is gone, it breaks nothing: the system acknowledges all that is sent to it.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import sqlalchemy as sa


class Proxy:
    """See the module; :func:`before` makes one.

    :ivar url: Of the database behind it.
    """

    def __init__(self, url: str) -> None:
        behind = sa.make_url(url)
        assert behind.host, "a server that listens on TCP"
        self._behind = (behind.host, behind.port or 5432)
        self._listening = socket.create_server(("127.0.0.1", 0))
        front = behind.set(host="127.0.0.1", port=self._listening.getsockname()[1])
        self.url = front.update_query_dict({"sslmode": "disable"}).render_as_string(hide_password=False)
        self._needle: bytes | None = None
        self._free = threading.Event()
        self._free.set()
        self._open = ExitStack()
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def hanging(self, needle: bytes = b"") -> Iterator[None]:
        """In the block each connection hangs from the moment on when *needle* is sent over it; then all go on."""
        self._needle = needle
        self._free.clear()
        try:
            yield
        finally:
            self._needle = None
            self._free.set()

    def close(self) -> None:
        """End it, and all connections through it."""
        self._free.set()
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._open.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                front, _ = self._listening.accept()
                back = socket.create_connection(self._behind)
                for end in (front, back):
                    self._open.callback(_end, end)
                hangs = threading.Event()
                for source, target in ((front, back), (back, front)):
                    threading.Thread(target=self._pass_on, args=(source, target, hangs), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, hangs: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if self._needle is not None and self._needle in data:
                    hangs.set()
                if hangs.is_set():
                    self._free.wait()
                target.sendall(data)
            target.shutdown(socket.SHUT_RDWR)


def _end(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextmanager
def before(url: str) -> Iterator[Proxy]:
    """A proxy before the server of *url*."""
    proxy = Proxy(url)
    try:
        yield proxy
    finally:
        proxy.close()
