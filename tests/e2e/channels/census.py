"""Who was reached, and how: by request, by a connection over which nothing was asked, by datagram, or by name lookup.

The counting server tells hosts apart before anything is asked, by the server name of a TLS handshake. What speaks no
TLS (WebRTC, WebTransport) is counted on a port of its own for each page.

Source: RFC 6066 §3 (server name indication).
"""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.e2e.thirdparty import Elsewhere

_LOOKED_UP = re.compile(r'"host":"(?:https?://)?([a-z0-9.-]+)')


class Census(Elsewhere):
    """The counting server that also knows whom a connection was meant for."""

    def __init__(self, certificate: Path) -> None:
        super().__init__(certificate)
        self._named: list[str] = []
        self._tls.sni_callback = self._note_name

    def _note_name(self, _: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
        self._named.append(name or "")

    def reset(self) -> None:
        """Count from nothing."""
        super().reset()
        self._named.clear()

    @property
    def named(self) -> set[str]:
        """Host names that were connected to, whether or not anything was asked."""
        return set(self._named)

    @property
    def unnamed(self) -> int:
        """Connections so far that named nobody."""
        return self.connections - len(self._named)


@dataclass(slots=True)
class _Port:
    number: int
    sockets: tuple[socket.socket, ...]
    knocks: int = 0


class Ports:
    """Ports of 127.0.0.1, each opened for one page, that answer nothing and count datagrams and connections."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._ports: dict[str, _Port] = {}
        self._open = True
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._thread.join()
        for port in self._ports.values():
            for each in port.sockets:
                each.close()
        self._selector.close()

    def number(self, name: str) -> int:
        """The port that is called *name*, opened when it is first asked for."""
        if name not in self._ports:
            stream = socket.create_server(("127.0.0.1", 0))
            number = stream.getsockname()[1]
            datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagram.bind(("127.0.0.1", number))
            port = self._ports[name] = _Port(number, (stream, datagram))
            for each in port.sockets:
                each.setblocking(False)
                self._selector.register(each, selectors.EVENT_READ, port)
        return self._ports[name].number

    @property
    def knocked(self) -> set[str]:
        """Names of the ports at which anything arrived."""
        return {name for name, port in self._ports.items() if port.knocks}

    def _watch(self) -> None:
        while self._open:
            for key, _ in self._selector.select(timeout=0.05):
                arrived = key.fileobj
                assert isinstance(arrived, socket.socket)
                try:
                    if arrived.type is socket.SOCK_DGRAM:
                        arrived.recv(2048)
                    else:
                        arrived.accept()[0].close()
                except OSError:  # it went away in between
                    continue
                key.data.knocks += 1


def looked_up(log: Path) -> set[str]:
    """Host names that the browser asked the name service for, by its own network *log*."""
    return set(_found(log))


def _found(log: Path) -> Iterator[str]:
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            for found in _LOOKED_UP.finditer(line):
                yield found[1]
