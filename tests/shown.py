"""Records as the exports for looking at get them, without a database."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from consent.edition import edition
from consent.ledger import body
from consent.ledger.export import Declarations
from consent.ledger.export.shown import Shown
from consent.policy import Policy
from tests.entries import NOW, entry
from tests.policies import policy

#: The policy of :func:`shown` records, unless they name another.
POLICY = policy()


def shown(number: int = 0, *, index: int | None = 0, **changes: Any) -> Shown:
    """A record of :func:`tests.entries.entry`, of today's policy, at *index* of the log."""
    at = changes.pop("at", None)
    known = {"policy_hash": POLICY.digest, "revision": POLICY.revision}
    record = replace(entry(number, at=at).record, **known | changes)
    return Shown(index, json.loads(body.encode(record)))


def declarations(*older: Policy) -> Declarations:
    """What today's policy declares, and what *older* ones did as the log has it."""
    return Declarations(POLICY, [(NOW, edition(one, {}, since=NOW).body.decode()) for one in older])
