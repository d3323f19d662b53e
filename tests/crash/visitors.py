"""Visitors who answer over HTTP, remember what the site acknowledged, and ask again until it does.

Each gives one to three answers one after the other, with a key for each. An answer is acknowledged when the response says
that it was recorded. One that was not is sent again as a browser would: same key, same receipt.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.cookies import SimpleCookie
from random import Random
from typing import Any

from consent.policy import parse
from consent.receipt import Receipts
from tests.crash.site import SECRET
from tests.policies import SMALL

COOKIE = "consent_example"
#: What the site's page has for those who allow statistics, and for nobody else.
TRACKER = "https://stats.example.net"
_PATIENCE = 60.0
#: Reads what the site hands out.
RECEIPTS = Receipts(parse(SMALL), [SECRET])
#: What one visitor after the other allows: purposes in each answer.
_STORIES: Sequence[Sequence[frozenset[str]]] = [
    [frozenset()],
    [frozenset({"statistics"})],
    [frozenset({"statistics"}), frozenset({"statistics", "social"})],
    [frozenset({"preferences"}), frozenset({"preferences", "marketing"}), frozenset()],
    [frozenset({"social"}), frozenset()],
]


@dataclass(slots=True)
class Visitor:
    """One browser.

    :param receipt: The consent cookie that it holds.
    :param subject: Whom its grants are recorded under; ``None`` if it never gave one.
    :param acknowledged: The purposes in each answer that the site acknowledged, oldest first.
    """

    number: int
    receipt: str | None = None
    subject: bytes | None = None
    acknowledged: list[frozenset[str]] = field(default_factory=list)


class Visitors:
    """A crowd of them.

    :param port: Of the site, on this machine.
    :param crowd: How many are there at the same time.
    """

    def __init__(self, port: int, *, crowd: int = 8, pause: float = 0.0) -> None:
        self._port, self._crowd, self._pause = port, crowd, pause
        self._numbers = itertools.count()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._failed: list[BaseException] = []
        #: All who ever came.
        self.visitors: list[Visitor] = []
        #: Why answers had to be sent again.
        self.again: Counter[str] = Counter()
        #: Seconds that each acknowledged answer took, the times before included.
        self.waits: list[float] = []
        self._token = ""

    @property
    def acknowledged(self) -> int:
        """Answers that the site acknowledged so far."""
        return len(self.waits)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """They come and answer; in the end each finishes what it began to say."""
        self._token = self._token or notice_token(self._port)
        threads = [threading.Thread(target=self._come, args=(Random(seat),)) for seat in range(self._crowd)]
        self._over.clear()
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
        if self._failed:
            raise self._failed[0]

    def one(self, *answers: frozenset[str]) -> Visitor:
        """One more of them, who gives *answers*, each until it is acknowledged."""
        self._token = self._token or notice_token(self._port)
        visitor = self._enter()
        for step, purposes in enumerate(answers):
            self._say(visitor, step, purposes)
        return visitor

    def _enter(self) -> Visitor:
        with self._lock:
            visitor = Visitor(next(self._numbers))
            self.visitors.append(visitor)
        return visitor

    def _come(self, chance: Random) -> None:
        try:
            while not self._over.is_set():
                visitor = self._enter()
                for step, purposes in enumerate(chance.choice(_STORIES)):
                    self._say(visitor, step, purposes)
                    if self._over.wait(self._pause):
                        break
        except BaseException as error:  # noqa: BLE001  # the test has to hear of it, whatever it is
            self._failed.append(error)

    def try_one(self, purposes: frozenset[str]) -> str | None:
        """One more of them, who answers once and goes: why it was not acknowledged, or ``None``."""
        self._token = self._token or notice_token(self._port)
        visitor, begin = self._enter(), time.monotonic()
        failure = self._send(visitor, self._body(visitor, 0, purposes))
        if failure is None:
            visitor.acknowledged.append(purposes)
            self.waits.append(time.monotonic() - begin)
        return failure

    def _body(self, visitor: Visitor, step: int, purposes: frozenset[str]) -> bytes:
        answer = {
            "answer": "custom" if purposes else "reject_all",
            "purposes": sorted(purposes),
            "notice": self._token,
            "key": f"visitor-{visitor.number:08}-{step}",
        }
        return json.dumps(answer).encode()

    def _say(self, visitor: Visitor, step: int, purposes: frozenset[str]) -> None:
        body, begin = self._body(visitor, step, purposes), time.monotonic()
        while True:
            failure = self._send(visitor, body)
            if failure is None:
                break
            with self._lock:
                self.again[failure] += 1
            assert time.monotonic() - begin < _PATIENCE, f"not acknowledged for so long: {failure}"
            time.sleep(0.02)
        self.waits.append(time.monotonic() - begin)
        visitor.acknowledged.append(purposes)

    def _send(self, visitor: Visitor, body: bytes) -> str | None:
        """Send one answer; why it was not acknowledged, or ``None``."""
        try:
            status, said, receipt = post(self._port, body, visitor.receipt)
        except (OSError, HTTPException) as error:
            return type(error).__name__
        if status != 200:
            return f"status {status}"
        if not said["recorded"]:
            return "not recorded"
        assert receipt
        visitor.receipt = receipt
        visitor.subject = visitor.subject or RECEIPTS.open(receipt).subject
        return None


def post(port: int, body: bytes, receipt: str | None) -> tuple[int, dict[str, Any], str | None]:
    """Send an answer: the status, what is said about it, and the receipt that is handed out.

    :raises OSError, HTTPException: there was no whole response.
    """
    headers = {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{port}", "Connection": "close"}
    if receipt:
        headers["Cookie"] = f"{COOKIE}={receipt}"
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("POST", "/consent/decision", body, headers)
        response = connection.getresponse()
        said = json.loads(response.read() or b"{}")
        cookie = SimpleCookie()
        for line in response.headers.get_all("Set-Cookie", []):
            cookie.load(line)
        return response.status, said, cookie[COOKIE].value if COOKIE in cookie else None
    finally:
        connection.close()


class Readers:
    """People who only read and never answered: every page has to be served, and none may track them.

    :param port: Of the site, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._failed: list[BaseException] = []
        #: Seconds that each page took.
        self.waits: list[float] = []

    @contextmanager
    def coming(self) -> Iterator[None]:
        """They read while the block runs."""
        over = threading.Event()

        def read() -> None:
            try:
                while not over.wait(0.02):
                    self.read()
            except BaseException as error:  # noqa: BLE001  # the test has to hear of it, whatever it is
                self._failed.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if self._failed:
            raise self._failed[0]

    def read(self) -> None:
        """A page, which must come, and without a tracker."""
        begin = time.monotonic()
        text = page(self._port)
        self.waits.append(time.monotonic() - begin)
        assert TRACKER not in text, "a tracker without an answer"


def page(port: int, receipt: str | None = None) -> str:
    """The site's page as somebody with *receipt* gets it."""
    headers = {"Cookie": f"{COOKIE}={receipt}"} if receipt else {}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers=headers)
    with urllib.request.urlopen(request, timeout=_PATIENCE) as response:
        text: str = response.read().decode()
    return text


def notice_token(port: int) -> str:
    """What the site's question is known by."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/consent/preferences", timeout=_PATIENCE) as page:
        found = re.search(r'name="notice" value="([^"]+)"', page.read().decode())
    assert found, "no form on the page"
    return found[1]
