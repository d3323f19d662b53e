"""From a request's cookies to what its visitor may have: the receipt in force, the grants, and what must be deleted.

Pure but for memory: the same header gives the same answer, so that a visitor's second page costs one look-up; whether
its receipt was revoked since is asked each time. Anything odd makes the visitor undecided.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from .decision import window
from .errors import ReceiptError
from .gate.cookies import CookieRules
from .grants import Grants, allowed, locked
from .ledger.revocations import Revocations
from .policy import Policy
from .receipt import Receipt, Receipts
from .signals import Signals

#: ``Cookie`` headers remembered, of at most a kilobyte; longer ones are read every time.
_HEADERS = 16_384
_LONGEST = 1024
#: Different choices remembered: many visitors make few.
_CHOICES = 1024
#: Seconds that the first request of a process waits until it is known which receipts were revoked.
_PATIENCE = 0.25

_FOREVER = (float("-inf"), float("inf"))


class Standing(NamedTuple):
    """What a visitor may have from *begin* until *end* (exclusive), in seconds since 1970.

    :param receipt: The receipt that says so; ``None`` for the undecided.
    :param unwelcome: Names of cookies that the browser sent and may not keep.
    :param sure: Whether it is known that the receipt was not revoked; if not, it grants nothing, and nobody is asked
        again or loses a cookie for that.
    """

    grants: Grants
    receipt: Receipt | None
    begin: float
    end: float
    unwelcome: tuple[str, ...] = ()
    sure: bool = True


class Standings:
    """Reads the visitors of one site.

    :param rules: The cookies that the site declares.
    :param revocations: Receipts that count no more; ``None``: all do.
    :ivar everybody: What holds on a page that all visitors share, whoever asks for it.
    """

    def __init__(
        self, policy: Policy, receipts: Receipts, rules: CookieRules, revocations: Revocations | None = None
    ) -> None:
        self._policy = policy
        self._receipts = receipts
        self._rules = rules
        self._revocations = revocations
        self._undecided = {gpc: Standing(allowed(policy, None, Signals(gpc)), None, *_FOREVER) for gpc in (False, True)}
        self.everybody = Standing(locked(policy), None, *_FOREVER)
        self._nothing_yet = replace(locked(policy), variant=f"{policy.edition}w")
        self._choices: dict[tuple[bytes, bool], Grants] = {}
        self._remembered = lru_cache(maxsize=_HEADERS)(self._read)

    def read(self, header: str | None, cookie: str, *, gpc: bool, now: float) -> Standing:
        """What the visitor with this ``Cookie`` *header* may have.

        :param cookie: Name of the receipt cookie.
        :param gpc: Whether the browser sends Global Privacy Control.
        :param now: Seconds since 1970.
        """
        if not header:
            return self._undecided[gpc]
        found = (self._remembered if len(header) <= _LONGEST else self._read)(header, cookie, gpc)
        if not found.begin <= now < found.end:
            return self._without(header, gpc)
        receipt, revocations = found.receipt, self._revocations
        if receipt is None or receipt.subject is None or revocations is None:
            return found
        if not revocations.known and not revocations.wait(_PATIENCE):
            return found._replace(grants=self._nothing_yet, sure=False)
        return self._without(header, gpc) if revocations.void(receipt.subject, receipt.begin) else found

    def _read(self, header: str, cookie: str, gpc: bool) -> Standing:
        value = receipt_in(header, cookie)
        if value is None:
            return self._without(header, gpc)
        try:
            receipt = self._receipts.open(value)
            grants = self._choices.get((receipt.choice, gpc)) or self._worked_out(receipt, gpc)
        except ReceiptError:
            return self._without(header, gpc)
        begin, end = window(receipt.begin, receipt.end, session=receipt.session)
        return Standing(grants, receipt, begin, end, tuple(self._rules.unwelcome(header, grants)))

    def _worked_out(self, receipt: Receipt, gpc: bool) -> Grants:
        grants = allowed(self._policy, self._receipts.decision(receipt), Signals(gpc))
        if len(self._choices) < _CHOICES:
            self._choices[receipt.choice, gpc] = grants
        return grants

    def _without(self, header: str, gpc: bool) -> Standing:
        """The standing of a visitor whose receipt does not count."""
        undecided = self._undecided[gpc]
        return undecided._replace(unwelcome=tuple(self._rules.unwelcome(header, undecided.grants)))


def receipt_in(header: str, cookie: str) -> str | None:
    """The value of *cookie* in a ``Cookie`` header; ``None`` if it is not there, or there twice."""
    prefix = cookie + "="
    at = header.find(prefix)
    if at < 0:
        return None
    if header.find(prefix, at + 1) >= 0 or (at and header[at - 1] not in " ;"):
        found = [pair for pair in map(str.strip, header.split(";")) if pair.startswith(prefix)]
        return found[0].removeprefix(prefix) if len(found) == 1 else None
    end = header.find(";", at)
    return header[at + len(prefix) : end if end >= 0 else None].strip()
