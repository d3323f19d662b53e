"""A decision as the signed token in a visitor's consent cookie.

The payload, before base64 and signature, is binary and at most a few dozen bytes:

====== ==================================================================================
bytes  meaning
====== ==================================================================================
1      format, now 1
1      flags: bit 0 session, bit 1 GPC overridden, bit 2 has a subject; bits 4 to 7 method
1      number of purposes asked about, n
4      decided at, seconds since 1970, big-endian
4      valid until, likewise
16     subject, if flagged
n x 4  per purpose: its tag (3) and 0 or 1
m x 3  tags of the services granted, to the end
====== ==================================================================================

Under 200 bytes as a cookie, name included, with five purposes and sixteen granted services; four more for each
further one. Tags that the current policy does not know are left out: a service that changed is no longer granted, a
purpose that changed is no longer answered (:mod:`consent.policy.revision`). Two full refusals within one hour give the
same cookie.

Not authoritative about the past: the record in the ledger is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from .decision import Decision, Duration, Method
from .errors import ReceiptError, TokenError
from .policy import Policy
from .policy.revision import TAG_SIZE
from .signing import Seal

_HEAD = struct.Struct(">BBBII")
_FORMAT = 1
_SUBJECT_SIZE = 16
_SESSION, _OVERRIDDEN, _SUBJECT = 1, 2, 4
_METHODS = tuple(Method)


class Receipt(NamedTuple):
    """A receipt whose signature was checked: times in seconds since 1970, and the *choice* as it was packed.

    Equal choices are equal bytes, whoever made them.
    """

    begin: int
    end: int
    session: bool
    subject: bytes | None
    choice: bytes


class Receipts:
    """Writes and reads the receipts of one site.

    :param policy: What tags refer to; its site is part of every signature.
    :param keys: Oldest to newest: the last signs, all are accepted.
    :raises ValueError: there is no key.
    """

    def __init__(self, policy: Policy, keys: Sequence[str | bytes]) -> None:
        self._policy = policy
        self._seal = Seal(keys, site=policy.site, use="receipt")
        # Many visitors make few different choices: each is read once, and its values are shared.
        self._choices = lru_cache(maxsize=1024)(self._read_choices)

    def write(self, decision: Decision) -> str:
        """*decision* as a cookie value."""
        flags = (
            (_SESSION if decision.duration is Duration.SESSION else 0)
            | (_OVERRIDDEN if decision.gpc_overridden else 0)
            | (_SUBJECT if decision.subject else 0)
            | _METHODS.index(decision.method) << 4
        )
        begin, end = int(decision.decided_at.timestamp()), int(decision.valid_until.timestamp())
        purposes = self._policy.purposes
        answers = [p.tag + bytes([decision.answers[p.id]]) for p in purposes.values() if p.id in decision.answers]
        granted = [tag for service, tag in self._policy.service_tags.items() if service in decision.services]
        head = _HEAD.pack(_FORMAT, flags, len(answers), begin, end)
        return self._seal.close(head + (decision.subject or b"") + b"".join(answers) + b"".join(granted))

    def open(self, value: str) -> Receipt:
        """What *value* holds, with the choice still packed: all that the gate needs of most visitors.

        :raises ReceiptError: it was not signed here, or is no receipt.
        """
        try:
            payload = self._seal.open(value)
            form, flags, _, begin, end = _HEAD.unpack_from(payload)
        except (TokenError, struct.error) as error:
            raise ReceiptError("not a receipt of this site") from error
        if form != _FORMAT:
            raise ReceiptError(f"unknown receipt format {form}")
        tags_at = _HEAD.size + (_SUBJECT_SIZE if flags & _SUBJECT else 0)
        subject = payload[_HEAD.size : tags_at] or None
        return Receipt(begin, end, bool(flags & _SESSION), subject, payload[1:3] + payload[tags_at:])

    def decision(self, receipt: Receipt) -> Decision:
        """The decision that *receipt* holds, whether or not it still stands.

        :raises ReceiptError: it holds none.
        """
        flags, count = receipt.choice[0], receipt.choice[1]
        try:
            answers, services = self._choices(receipt.choice[2:], count)
            return Decision(
                answers=answers,
                services=services,
                duration=Duration.SESSION if receipt.session else Duration.PERSISTENT,
                method=_METHODS[flags >> 4],
                decided_at=datetime.fromtimestamp(receipt.begin, UTC),
                valid_until=datetime.fromtimestamp(receipt.end, UTC),
                subject=receipt.subject,
                gpc_overridden=bool(flags & _OVERRIDDEN),
            )
        except (ValueError, IndexError, OverflowError) as error:
            raise ReceiptError("not a receipt of this site") from error

    def read(self, value: str) -> Decision:
        """:meth:`open` and :meth:`decision` in one."""
        return self.decision(self.open(value))

    def _read_choices(self, tags: bytes, count: int) -> tuple[Mapping[str, bool], frozenset[str]]:
        """Answers and services of the *tags*, the first *count* of them purposes' with their answer."""
        services_at = count * (TAG_SIZE + 1)
        if len(tags) < services_at or (len(tags) - services_at) % TAG_SIZE:
            raise ReceiptError("a receipt of the wrong length")
        answers = {}
        for at in range(0, services_at, TAG_SIZE + 1):
            purpose = self._policy.purpose_by_tag.get(tags[at : at + TAG_SIZE])
            if purpose is not None:
                answers[purpose] = tags[at + TAG_SIZE] == 1
        named = (tags[at : at + TAG_SIZE] for at in range(services_at, len(tags), TAG_SIZE))
        granted = (self._policy.service_by_tag.get(tag) for tag in named)
        return MappingProxyType(answers), frozenset(service for service in granted if service is not None)
