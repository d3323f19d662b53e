"""Records as ISO/IEC TS 27560 in the terms of the Data Privacy Vocabulary, read by a JSON-LD library as anybody would."""

from __future__ import annotations

import json
import re
import warnings
from datetime import timedelta
from typing import Any

import pytest
from rdflib import RDF, BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, XSD

from consent import Method
from consent.ledger import Event, Surface
from consent.ledger.export import dpv
from consent.ledger.export.shown import Shown
from consent.policy import parse
from tests.entries import NOW
from tests.policies import SMALL, changed
from tests.shown import POLICY, declarations, shown

DPV, PD, GDPR, LOC = (Namespace(f"https://w3id.org/dpv{part}#") for part in ("", "/pd", "/legal/eu/gdpr", "/loc"))
#: The terms used, each looked up in the vocabulary's own files: w3c/dpv, folder 2.3.
TERMS = {
    DPV: """ConsentExpired ConsentGiven ConsentNotice ConsentRecord ConsentRefused ConsentUnknown ConsentWithdrawn
        DataController DataSubject DataSubjectRight EndlessDuration EnforceSecurity ExpressedConsent Marketing
        PersonalisedAdvertising Process ProvideConsent Purpose Recipient RenewedConsentGiven Service
        ServicePersonalisation ServiceProvision ServiceUsageAnalytics SocialMediaMarketing StorageCondition
        StorageDuration TargetedAdvertising TemporalDuration ThirdParty UnknownApplicability UntilEventDuration
        UntilTimeDuration UserInterfacePersonalisation WithdrawConsent
        hasAddress hasApplicability hasConsentControl hasConsentStatus hasContact hasDataController hasDataSubject
        hasDuration hasIndicationMethod hasJurisdiction hasLegalBasis hasLocation hasName hasNotice hasPersonalData
        hasProcess hasPurpose hasRecipient hasRight hasService hasStorageCondition isExercisedAt isIndicatedAtTime
        isIndicatedBy""",
    PD: "BrowsingBehaviour IPAddress UserAgent",
    GDPR: "A15 A17 A6-1-a A7-3",
}
SITE = dpv.Site(preferences="https://example.org/consent/preferences", receipt="https://example.org/consent/receipt")
NOTICE = "ab" * 32
OLD = changed('name = "Matomo"', 'name = "Our own counter"')
EXEMPT = parse(SMALL.replace("[purposes.statistics]", '[purposes.statistics]\nbasis = "exempt"'))


def document(*records: Shown, now: Any = NOW, **options: Any) -> dict[str, Any]:
    """The export as JSON."""
    known = options.pop("declared", declarations(OLD, EXEMPT))
    blocks = dpv.blocks(records, options.pop("notice_days", {NOTICE: "2026-03-01"}), known, SITE, now=now)
    found: dict[str, Any] = json.loads(b"".join(blocks))
    return found


def one(record: Shown, **options: Any) -> dict[str, Any]:
    """The one record of an export as JSON."""
    [found] = document(record, **options)["@graph"]
    assert isinstance(found, dict)
    return found


def graph(*records: Shown, **options: Any) -> Graph:
    """The export as RDF."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the library's reader uses what the library deprecates
        return Graph().parse(data=json.dumps(document(*records, **options)), format="json-ld")


def every_kind() -> list[Shown]:
    """A record of each event, way, place and sort of policy."""
    events = [
        shown(n, index=n, event=event, method=method)
        for n, (event, method) in enumerate(zip(Event, Method, strict=False))
    ]
    return [
        *events,
        shown(10, event=Event.REFUSED, subject=None, purposes={"statistics": False}, services=()),
        shown(11, purposes={}, services=("youtube",), subject=None, method=Method.ONCE, surface=Surface.PLACEHOLDER),
        shown(12, purposes={"social": False}, services=("youtube",), notice=NOTICE, language="de", jurisdiction="DE"),
        shown(13, policy_hash=OLD.digest),
        shown(14, policy_hash="0" * 64),
        shown(15, policy_hash=EXEMPT.digest),
        shown(
            16,
            purposes=dict.fromkeys(POLICY.purposes, True),
            services=("colours", "matomo", "maps", "pixel", "youtube"),
        ),
        shown(17, purposes={}, services=()),
    ]


def test_only_terms_of_the_vocabulary_are_used() -> None:
    """Neither a misspelt one nor one that the guide names and the vocabulary lacks."""
    known = {space[name] for space, names in TERMS.items() for name in names.split()}
    used = {
        term
        for triple in graph(*every_kind(), now=NOW + timedelta(days=1000))
        for term in triple
        if isinstance(term, URIRef) and term.startswith("https://w3id.org/dpv") and "/schema/" not in term
    }
    assert {term for term in used if term not in LOC} <= known
    assert {term for term in used if term in LOC} == {LOC.DE, LOC.US, LOC.GB}
    assert DPV.ConsentTerminated not in known


def test_every_record_has_what_the_standard_demands() -> None:
    """Each mandatory field is there once at least, in records of every kind."""
    found = graph(*every_kind())
    records = list(found.subjects(RDF.type, DPV.ConsentRecord))
    assert len(records) == len(every_kind())
    for record in records:
        assert (record, DCTERMS.conformsTo, URIRef(dpv.PROFILE)) in found
        assert (record, DCTERMS.identifier, Literal(str(record).removeprefix("urn:uuid:"))) in found
        for term in ("hasDataSubject", "hasNotice", "hasDataController", "hasProcess", "hasConsentControl", "hasRight"):
            assert (record, DPV[term], None) in found, term
        for status in found.objects(record, DPV.hasConsentStatus):
            for term in ("isIndicatedAtTime", "isIndicatedBy", "hasDuration", "hasIndicationMethod"):
                assert (status, DPV[term], None) in found, term
        for process in found.objects(record, DPV.hasProcess):
            for term in ("hasPurpose", "hasDataController", "hasRecipient", "hasStorageCondition", "hasPersonalData"):
                assert (process, DPV[term], None) in found, term


@pytest.mark.parametrize("record", every_kind())
def test_processes_and_states_are_lists(record: Shown) -> None:
    """However many there are: the guide's own examples repeat keys, which JSON does not have."""
    found = one(record)
    assert isinstance(found["dpv:hasProcess"], list)
    assert isinstance(found["dpv:hasConsentStatus"], list)
    assert found["dpv:hasProcess"]
    assert found["dpv:hasConsentStatus"]


@pytest.mark.parametrize("record", every_kind())
def test_a_state_is_of_processes_of_its_record(record: Shown) -> None:
    """And no process is in two states, but for one that was granted and has expired."""
    found = one(record)
    names = {process["@id"] for process in found["dpv:hasProcess"]}
    assert len(names) == len(found["dpv:hasProcess"])
    about = [name for status in found["dpv:hasConsentStatus"] for name in status.get("dpv:hasProcess", [])]
    assert set(about) <= names
    assert len(about) == len(set(about))


@pytest.mark.parametrize(
    ("event", "granted", "denied"),
    [
        (Event.GIVEN, "ConsentGiven", "ConsentRefused"),
        (Event.RENEWED, "RenewedConsentGiven", "ConsentRefused"),
        (Event.WITHDRAWN, "ConsentGiven", "ConsentWithdrawn"),
    ],
)
def test_each_purpose_has_its_own_state(event: Event, granted: str, denied: str) -> None:
    """A yes to one purpose is no yes to another in the same record."""
    found = one(shown(event=event, purposes={"statistics": True, "marketing": False}, services=("matomo",)))
    states = {status["@type"]: status["dpv:hasProcess"] for status in found["dpv:hasConsentStatus"]}
    assert states == {
        f"dpv:{granted}": [f"{found['@id']}#statistics"],
        f"dpv:{denied}": [f"{found['@id']}#marketing"],
    }


def test_a_service_granted_by_itself_does_not_grant_its_purpose() -> None:
    """The purpose stays refused with its other services; the one service is a process of its own."""
    found = one(shown(purposes={"social": False}, services=("youtube",), method=Method.ALWAYS))
    states = {status["@type"]: status["dpv:hasProcess"] for status in found["dpv:hasConsentStatus"]}
    assert states == {
        "dpv:ConsentGiven": [f"{found['@id']}#social.services"],
        "dpv:ConsentRefused": [f"{found['@id']}#social"],
    }
    services = {
        process["@id"].partition("#")[2]: [service["dct:identifier"] for service in process["dpv:hasService"]]
        for process in found["dpv:hasProcess"]
    }
    assert services == {"social": ["maps"], "social.services": ["youtube"]}


def test_a_refusal_is_nobodys() -> None:
    """Its subject is a blank node, another one for each."""
    refusals = [shown(n, event=Event.REFUSED, subject=None, purposes={"social": False}, services=()) for n in (1, 2)]
    subjects = list(graph(*refusals).objects(None, DPV.hasDataSubject))
    assert len(set(subjects)) == 2
    assert all(isinstance(subject, BNode) for subject in subjects)


def test_records_of_one_subject_are_tied_together() -> None:
    """By the same name, which says what the ledger calls it."""
    found = graph(shown(1, subject=b"\xab" * 16), shown(2, subject=b"\xab" * 16))
    [subject] = set(found.objects(None, DPV.hasDataSubject))
    assert isinstance(subject, URIRef)
    assert (subject, DCTERMS.identifier, Literal("ab" * 16)) in found


def test_what_has_run_out_is_expired() -> None:
    """Only what was granted, only once its time has come; nothing of that is written to the ledger."""
    record = shown(purposes={"statistics": True, "marketing": False}, services=("matomo",))
    until = NOW + timedelta(days=180)

    def states(moment: Any) -> list[str]:
        return [status["@type"] for status in one(record, now=moment)["dpv:hasConsentStatus"]]

    assert states(until - timedelta(seconds=1)) == ["dpv:ConsentGiven", "dpv:ConsentRefused"]
    assert states(until) == ["dpv:ConsentGiven", "dpv:ConsentRefused", "dpv:ConsentExpired"]
    expired = one(record, now=until)["dpv:hasConsentStatus"][-1]
    assert expired["dpv:hasProcess"] == [f"urn:uuid:{record.fields['record_id']}#statistics"]
    assert expired["dpv:isIndicatedAtTime"] == record.fields["valid_until"]
    refused = shown(event=Event.REFUSED, subject=None, purposes={"social": False}, services=())
    assert len(one(refused, now=until)["dpv:hasConsentStatus"]) == 1


def test_times_are_typed() -> None:
    """A program can compare them."""
    found = graph(shown())
    [moment] = set(found.objects(None, DPV.isIndicatedAtTime))
    assert isinstance(moment, Literal)
    assert moment.datatype == XSD.dateTime
    assert moment.toPython() == NOW
    lasts = {value.datatype for value in found.objects(None, RDF.value) if isinstance(value, Literal)}
    assert lasts == {XSD.dateTime, XSD.duration, None}


def test_a_notice_is_named_by_its_hash() -> None:
    """With the day from which it could be shown, and its language."""
    found = one(shown(notice=NOTICE, language="de"))["dpv:hasNotice"]
    assert found == {
        "@type": "dpv:ConsentNotice",
        "@id": "ni:///sha-256;q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s",
        "dct:identifier": NOTICE,
        "dct:date": "2026-03-01",
        "dct:language": "de",
    }
    assert one(shown())["dpv:hasNotice"]["dpv:hasApplicability"] == "dpv:UnknownApplicability"


def test_what_was_declared_then_is_what_is_said() -> None:
    """Names of an older policy come from its edition; without one, nothing of today's policy is put in their place."""
    today, old, unknown = (one(shown(policy_hash=h)) for h in (POLICY.digest, OLD.digest, "0" * 64))
    assert "Our own counter" in json.dumps(old)
    assert "Our own counter" not in json.dumps(today)
    assert "known to the log since 2026-03-03" in old["dct:provenance"]
    assert "not known any more" in unknown["dct:provenance"]
    said = json.dumps(unknown, ensure_ascii=False)
    assert "Example Ltd" not in said
    assert "Matomo" not in said
    assert "matomo" in said, "what the record names is there"
    assert not any("dpv:hasLegalBasis" in process for process in unknown["dpv:hasProcess"])


def test_what_needs_no_consent_is_not_called_given() -> None:
    """A purpose that runs unless the visitor objects has neither a state nor consent as its ground."""
    found = one(
        shown(policy_hash=EXEMPT.digest, purposes={"statistics": True, "social": True}, services=("matomo", "maps"))
    )
    [status] = found["dpv:hasConsentStatus"]
    assert status["dpv:hasProcess"] == [f"{found['@id']}#social"]
    grounds = {
        process["@id"].partition("#")[2]: process.get("dpv:hasLegalBasis") for process in found["dpv:hasProcess"]
    }
    assert grounds == {"statistics": None, "social": ["dpv:ExpressedConsent", "eu-gdpr:A6-1-a"]}
    assert "did not object" in json.dumps(found)


def test_recipients_and_what_they_store_are_told() -> None:
    """Providers with their country; lifetimes in ISO 8601; the site itself where it does it alone."""
    found = one(shown(purposes={"marketing": True, "preferences": True}, services=("colours", "pixel")))
    by_purpose = {process["@id"].partition("#")[2]: process for process in found["dpv:hasProcess"]}
    [company] = by_purpose["marketing"]["dpv:hasRecipient"]
    assert (company["dpv:hasName"], company["dpv:hasLocation"]) == ("Advert Inc.", "loc:US")
    assert by_purpose["preferences"]["dpv:hasRecipient"] == [found["dpv:hasDataController"][0]["@id"]]
    [kept] = by_purpose["marketing"]["dpv:hasStorageCondition"]
    assert kept["dct:title"] == "_ad"
    assert kept["dpv:hasDuration"]["rdf:value"]["@value"] == "P3M"


def test_how_to_withdraw_is_said() -> None:
    """Where the site has its pages for it."""
    found = one(shown())
    assert found["dpv:hasConsentControl"] == {
        "@type": ["dpv:ProvideConsent", "dpv:WithdrawConsent"],
        "dpv:isExercisedAt": SITE.preferences,
    }
    assert [right["@type"][1] for right in found["dpv:hasRight"]] == ["eu-gdpr:A7-3", "eu-gdpr:A15", "eu-gdpr:A17"]


def test_a_record_replaces_the_one_before() -> None:
    """As the ledger ties them."""
    first = shown(1).fields["record_id"]
    found = shown(2)
    found.fields["supersedes"] = first
    assert one(found)["dct:replaces"] == f"urn:uuid:{first}"


def test_the_document_is_one_however_it_is_cut() -> None:
    """Whole JSON without records, with one, and with many in several blocks."""
    assert document()["@graph"] == []
    many = [shown(number) for number in range(60)]
    blocks = list(dpv.blocks(many, {}, declarations(), SITE, now=NOW))
    assert len(blocks) > 2
    ids = [record["dct:identifier"] for record in json.loads(b"".join(blocks))["@graph"]]
    assert ids == [record.fields["record_id"] for record in many]
    assert not re.search(rb"\bnull\b", b"".join(blocks))
