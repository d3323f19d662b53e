"""Given consents as Kantara Consent Receipts 1.1."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consent import Method
from consent.ledger import Event
from consent.ledger.export import kantara
from consent.ledger.export.shown import Shown
from consent.policy import parse
from tests.policies import SMALL, changed
from tests.shown import declarations, shown

OLD = changed('name = "Matomo"', 'name = "Our own counter"')
EXEMPT = parse(SMALL.replace("[purposes.statistics]", '[purposes.statistics]\nbasis = "exempt"'))
#: Fields that the specification demands, and the types that they have.
MUST: dict[str, type] = {
    "version": str,
    "jurisdiction": str,
    "consentTimestamp": int,
    "collectionMethod": str,
    "consentReceiptID": str,
    "piiPrincipalId": str,
    "piiControllers": list,
    "policyUrl": str,
    "services": list,
    "sensitive": bool,
    "spiCat": list,
}
CONTROLLER: dict[str, type] = {"piiController": str, "contact": str, "address": dict, "email": str, "phone": str}
PURPOSE: dict[str, type] = {
    "purpose": str,
    "purposeCategory": list,
    "consentType": str,
    "piiCategory": list,
    "primaryPurpose": bool,
    "termination": str,
    "thirdPartyDisclosure": bool,
}


def receipts(*records: Shown) -> list[dict[str, Any]]:
    """The export, read again."""
    blocks = kantara.blocks(records, declarations(OLD, EXEMPT), policy_url="https://example.org/consent/preferences")
    found: list[dict[str, Any]] = json.loads(b"".join(blocks))
    return found


def assert_has(found: dict[str, Any], wanted: dict[str, type]) -> None:
    """Every field is there, of its type, and not empty but for a list of nothing."""
    for name, kind in wanted.items():
        assert type(found[name]) is kind, name
        assert found[name] != "", name


@pytest.mark.parametrize(
    "record",
    [
        shown(),
        shown(event=Event.RENEWED),
        shown(subject=None, purposes={}, services=("youtube",), method=Method.ONCE),
        shown(policy_hash="0" * 64),
        shown(policy_hash=OLD.digest, jurisdiction="FR"),
        shown(purposes={"statistics": True}, services=()),
    ],
)
def test_every_field_that_must_be_there_is(record: Shown) -> None:
    """In receipts of every kind."""
    [found] = receipts(record)
    assert_has(found, MUST)
    assert found["version"] == "KI-CR-v1.1.0"
    for controller in found["piiControllers"]:
        assert_has(controller, CONTROLLER)
    assert found["services"]
    for service in found["services"]:
        assert service["service"]
        for purpose in service["purposes"]:
            assert_has(purpose, PURPOSE)
            assert purpose["thirdPartyDisclosure"] is ("thirdPartyName" in purpose)


def test_only_what_was_given_is_receipted() -> None:
    """Refusals and withdrawals have no place in the format."""
    events = [shown(number, event=event) for number, event in enumerate(Event)]
    given = [record.fields["record_id"] for record in events if record.fields["event"] in ("given", "renewed")]
    assert [found["consentReceiptID"] for found in receipts(*events)] == given


def test_only_what_was_granted_is_on_it() -> None:
    """A purpose that was denied is not, nor is one that needs no consent; who has only those has no receipt."""
    [found] = receipts(shown(purposes={"statistics": True, "social": False}, services=("matomo",)))
    assert [service["service"] for service in found["services"]] == ["Matomo"]
    exempt: dict[str, Any] = {"policy_hash": EXEMPT.digest, "services": ("matomo", "youtube")}
    [found] = receipts(shown(purposes={"statistics": True, "social": True}, **exempt))
    assert [service["service"] for service in found["services"]] == ["YouTube"]
    assert receipts(shown(policy_hash=EXEMPT.digest, purposes={"statistics": True}, services=("matomo",))) == []


def test_a_receipt_tells_services_purposes_and_companies() -> None:
    """With the names of the policy in force then."""
    [found] = receipts(
        shown(policy_hash=OLD.digest, purposes={"statistics": True, "social": True}, services=("matomo", "youtube"))
    )
    assert [service["service"] for service in found["services"]] == ["Our own counter", "YouTube"]
    [purpose] = found["services"][1]["purposes"]
    assert purpose["thirdPartyName"] == "Google Ireland Limited"
    assert purpose["purposeCategory"] == ["10 - 3rd Party Sharing for Core Function"]
    assert purpose["termination"].startswith("2026-08-30T12:34:56+00:00")
    assert found["piiControllers"][0]["piiController"] == "Example Ltd"
    assert found["consentTimestamp"] == 1772541296


def test_what_is_not_known_is_said() -> None:
    """No name of today's policy stands in for an older one."""
    [found] = receipts(shown(policy_hash="0" * 64))
    assert "not known any more" in found["collectionMethod"]
    assert [service["service"] for service in found["services"]] == ["matomo", "example"]
    assert "Example Ltd" not in json.dumps(found)


def test_the_array_is_one_however_it_is_cut() -> None:
    """Whole JSON without receipts and with many in several blocks."""
    assert receipts() == []
    many = [shown(number) for number in range(200)]
    blocks = list(kantara.blocks(many, declarations(), policy_url="/"))
    assert len(blocks) > 2
    assert len(json.loads(b"".join(blocks))) == 200
