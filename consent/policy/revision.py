"""When a changed policy must ask again, decided without keeping any history.

A receipt carries a *tag* of every purpose that was asked about and of every service that was granted. A tag is three
bytes of a hash over what is material: for a purpose its id; for a service its purpose, its provider and the provider's
country, whether data is sold or shared, and how long it remembers a browser. Change one of these and the tag in old
receipts no longer fits, so that the service is denied until asked for, and only it. Correct a typo, add a host of the
same provider or a translation, and every tag stays: nobody is asked. ``version = 2`` on a purpose or service asks anew
on the developer's word. No file or table of past policies is needed, so that a rollback, a second host or a lost disk
cannot turn a refusal into a grant.

Not the record's job: which words were shown is proved by the notice's hash (:mod:`consent.notice`).

Source: EDPB Guidelines 05/2020 on consent, §110 (processing that changes considerably needs consent anew).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

#: Bytes of a tag. Two of sixty services share one by chance in 1 of 10,000 policies; the loader refuses such a policy.
TAG_SIZE = 3


def tag(*material: str) -> bytes:
    """The tag of one purpose or service, from what is material about it."""
    return hashlib.sha256("\x1f".join(material).encode()).digest()[:TAG_SIZE]


def fingerprint(tags: Iterable[bytes]) -> str:
    """The revision of a whole policy: 8 hexadecimal digits that change with any of its *tags*."""
    return hashlib.sha256(b"".join(sorted(tags))).hexdigest()[:8]
