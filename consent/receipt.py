"""A decision as the signed token in a visitor's consent cookie.

The payload, before base64 and signature, is binary and at most a few dozen bytes:

====== ==================================================================================
bytes  meaning
====== ==================================================================================
1      format, now 1
1      flags: bit 0 session, bit 1 GPC overridden, bit 2 has a subject; bits 4 to 7 method
4      decided at, seconds since 1970, big-endian
4      valid until, likewise
1      number of purposes asked about, n
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
from collections.abc import Sequence
from datetime import UTC, datetime

from .decision import Decision, Duration, Method
from .errors import ReceiptError, TokenError
from .policy import Policy
from .policy.revision import TAG_SIZE
from .signing import Seal

_HEAD = struct.Struct(">BBIIB")
_FORMAT = 1
_SUBJECT_SIZE = 16
_SESSION, _OVERRIDDEN, _SUBJECT = 1, 2, 4
_METHODS = tuple(Method)


class Receipts:
    """Writes and reads the receipts of one site.

    :param policy: What tags refer to; its site is part of every signature.
    :param keys: Oldest to newest: the last signs, all are accepted.
    :raises ValueError: there is no key.
    """

    def __init__(self, policy: Policy, keys: Sequence[str | bytes]) -> None:
        self._policy = policy
        self._seal = Seal(keys, site=policy.site, use="receipt")

    def write(self, decision: Decision) -> str:
        """*decision* as a cookie value."""
        flags = (
            (_SESSION if decision.duration is Duration.SESSION else 0)
            | (_OVERRIDDEN if decision.gpc_overridden else 0)
            | (_SUBJECT if decision.subject else 0)
            | _METHODS.index(decision.method) << 4
        )
        begin, end = int(decision.decided_at.timestamp()), int(decision.valid_until.timestamp())
        purposes, services = self._policy.purposes, self._policy.services
        answers = [purposes[p].tag + bytes([yes]) for p, yes in decision.answers.items() if p in purposes]
        granted = [services[s].tag for s in sorted(decision.services) if s in services]
        head = _HEAD.pack(_FORMAT, flags, begin, end, len(answers))
        return self._seal.close(head + (decision.subject or b"") + b"".join(answers) + b"".join(granted))

    def read(self, value: str) -> Decision:
        """The decision that *value* holds, whether or not it still stands.

        :raises ReceiptError: it is not a receipt of this site.
        """
        try:
            payload = self._seal.open(value)
            return self._decode(payload)
        except (TokenError, struct.error, ValueError, IndexError, OverflowError) as error:
            raise ReceiptError("not a receipt of this site") from error

    def _decode(self, payload: bytes) -> Decision:
        form, flags, begin, end, count = _HEAD.unpack_from(payload)
        if form != _FORMAT:
            raise ReceiptError(f"unknown receipt format {form}")
        at = _HEAD.size
        subject = payload[at : at + _SUBJECT_SIZE] if flags & _SUBJECT else None
        at += _SUBJECT_SIZE if flags & _SUBJECT else 0
        step = TAG_SIZE + 1
        services_at = at + count * step
        if len(payload) < services_at or (len(payload) - services_at) % TAG_SIZE:
            raise ReceiptError("a receipt of the wrong length")
        answers = {}
        for start in range(at, services_at, step):
            purpose = self._policy.purpose_by_tag.get(payload[start : start + TAG_SIZE])
            if purpose is not None:
                answers[purpose] = payload[start + TAG_SIZE] == 1
        tags = (payload[start : start + TAG_SIZE] for start in range(services_at, len(payload), TAG_SIZE))
        granted = (self._policy.service_by_tag.get(tag) for tag in tags)
        return Decision(
            answers=answers,
            services=frozenset(service for service in granted if service is not None),
            duration=Duration.SESSION if flags & _SESSION else Duration.PERSISTENT,
            method=_METHODS[flags >> 4],
            decided_at=datetime.fromtimestamp(begin, UTC),
            valid_until=datetime.fromtimestamp(end, UTC),
            subject=subject,
            gpc_overridden=bool(flags & _OVERRIDDEN),
        )
