"""The policy file: what it says, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent import PolicyError, UnknownPurpose, UnknownService
from consent.policy import Basis, advise, load, parse
from tests.policies import SMALL, changed, policy


def problems(text: str) -> dict[str, str]:
    """The mistakes in *text*, by key."""
    with pytest.raises(PolicyError) as caught:
        parse(text, file="some.toml")
    assert str(caught.value).startswith("some.toml has ")
    assert all(problem.remedy for problem in caught.value.problems)
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_a_whole_file_is_read() -> None:
    """Purposes keep their order, words come with the SDK, the provider is the controller unless named."""
    small = policy()
    assert list(small.purposes) == ["preferences", "statistics", "social", "marketing"]
    assert small.purposes["statistics"].texts["de"].label == "Besuche zählen"
    assert small.purposes["statistics"].basis is Basis.CONSENT
    assert small.services["matomo"].provider.name == "Example Ltd"
    assert small.services["pixel"].sells_or_shares
    assert not small.services["youtube"].sells_or_shares
    assert small.services_of["necessary"] == ("login",)


def test_every_mistake_is_reported_at_once_with_key_and_remedy() -> None:
    """One run of the developer's editor mends the whole file."""
    found = problems(
        SMALL.replace('site = "example"', 'site = "Example!"\nsit = 1')
        .replace('lifetime = "13 months"', 'lifetime = "3 fortnights"')
        .replace('purpose = "statistics"', 'purpose = "statistic"')
        .replace('"https://maps.example.com"', '"https://maps.example.com/embed"')
        .replace('languages = ["en", "de"]', 'languages = ["en", "tlh"]')
    )
    assert set(found) == {
        "site",
        "sit",
        "languages",
        "services.matomo.purpose",
        "services.matomo.cookies.0.lifetime",
        "services.maps.hosts.frame-src.0",
    }
    assert 'Did you mean "site"?' in found["sit"]
    assert "Add [purposes.statistic] or use one of" in found["services.matomo.purpose"]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("site = ", ""),
        ('site = "x"\n[purposes.necessary]', "purposes.necessary"),
        ('site = "x"\n[purposes.own]', "purposes.own.text.en"),
        (
            'site = "x"\n[services.a]\npurpose = "necessary"\nname = "A"\n[services.a.hosts]\nscript = ["https://a.example"]',
            "services.a.hosts.script",
        ),
        (
            'site = "x"\n[services.a]\npurpose = "necessary"\nname = "A"\n[[services.a.cookies]]\nname = "*"\nlifetime = "session"',
            "services.a.cookies.0.name",
        ),
        (
            'site = "x"\n[services.a]\npurpose = "necessary"\nname = "A"\n[[services.a.cookies]]\nname = "a b"\nlifetime = "session"',
            "services.a.cookies.0.name",
        ),
        ('site = "x"\n[controller]\ncountry = "Ireland"', "controller.country"),
        ('site = "x"\n[controller]\nprivacy_url = "javascript:alert(1)"', "controller.privacy_url"),
        ('site = "x"\n[decision]\nlifetime = "100 years"', "decision.lifetime"),
        ('site = "x"\nlanguages = []', "languages"),
        ('site = "x"\npurposes = 3', "purposes"),
        ('site = "x"\n[purposes]\nstatistics = 3', "purposes.statistics"),
    ],
)
def test_a_mistake_is_named_by_its_key(text: str, key: str) -> None:
    """The developer is told where to look."""
    assert key in problems(text)


def test_a_cookie_name_belongs_to_one_service() -> None:
    """A name declared twice is a contradiction."""
    assert "services.pixel.cookies.0.name" in problems(SMALL.replace('name = "_ad"', 'name = "colours"'))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error names the path and the setting that changes it."""
    with pytest.raises(PolicyError, match=r"consent\.toml.*\n.*CONSENT_POLICY"):
        load(tmp_path / "consent.toml")


@given(st.text())
def test_any_text_is_a_policy_or_a_policy_error(text: str) -> None:
    """No file makes the loader fail in another way."""
    try:
        parse(text)
    except PolicyError:
        pass


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3), max_leaves=5
    )
)
def test_any_value_of_a_known_key_is_judged(value: object) -> None:
    """A value of the wrong type is a mistake with a key, never a crash."""
    import json

    for key in ("site", "languages", "controller", "decision", "purposes", "services"):
        if value is None:
            continue
        try:
            parse(f"{key} = {json.dumps(value)}")
        except PolicyError:
            pass


def test_a_corrected_typo_changes_the_hash_but_not_the_revision() -> None:
    """Nobody is asked again for a comma."""
    before, after = policy(), changed('name = "Matomo"', 'name = "Matomo Analytics"')
    assert before.revision == after.revision
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "Google Ireland Limited"', 'name = "Somebody Else"'),
        ('country = "GB"', 'country = "US"'),
        ('purpose = "social"\nname = "Maps"', 'purpose = "marketing"\nname = "Maps"'),
        ('name = "YouTube"', 'name = "YouTube"\nsells_or_shares = true'),
        ('name = "Maps"', 'name = "Maps"\nversion = 2'),
        ("[purposes.social]", "[purposes.social]\nversion = 2"),
        ('name = "_pk_ses"\nlifetime = "session"', 'name = "_pk_ses"\nlifetime = "24 months"'),
        ('name = "YouTube"', 'name = "YouTube"\ncookies = [{ name = "a", lifetime = "session", kind = "indexed_db" }]'),
    ],
)
def test_a_material_change_changes_the_revision(old: str, new: str) -> None:
    """Another provider, country, purpose, use or memory is something new."""
    assert policy().revision != changed(old, new).revision


@pytest.mark.parametrize(
    "line",
    [
        'routes = ["/films/*"]',
        'opens = "frame"',
        'embedding = { sandbox = "allow-scripts", plays = false }',
        'vendor_cookies = [{ host = ".youtube.com", name = "YSC", lifetime = "session" }]',
        'alternative = "Host the film yourself."',
    ],
)
def test_how_a_service_is_shown_asks_nobody_anew(line: str) -> None:
    """Where it runs, how it stands in a page and what else is told about it change the hash and no receipt."""
    after = changed('name = "YouTube"', f'name = "YouTube"\n{line}')
    assert after.revision == policy().revision
    assert after.service_tags == policy().service_tags
    assert after.digest != policy().digest


def test_lists_of_tables_are_explained() -> None:
    """The remedy shows the double brackets."""
    for key in ("cookies", "vendor_cookies"):
        found = problems(SMALL + f'[services.own]\npurpose = "social"\nname = "Own"\n{key} = "a"\n')
        assert f"Write [[services.own.{key}]]" in found[f"services.own.{key}"]


def test_a_missing_purpose_lists_those_there_are() -> None:
    """Those of the file, and the one that is built in."""
    found = problems('site = "a"\n[purposes.social]\n[services.own]\nname = "Own"\n')
    assert found == {
        "services.own.purpose": 'services.own.purpose: missing. Write purpose = "…" with one of: necessary, social'
    }


def test_an_empty_text_is_one_mistake() -> None:
    """Said once for each key."""
    text = 'site = "a"\n[services.own]\nname = ""\npurpose = "necessary"\nreason = ""\nhosts = "a"\n'
    with pytest.raises(PolicyError) as caught:
        parse(text)
    assert sorted(problem.key.rpartition(".")[2] for problem in caught.value.problems) == ["hosts", "name", "reason"]
    assert "Write hosts = { … }" in str(caught.value)


def test_a_name_without_quotes_is_a_name_that_is_missing() -> None:
    """A template's unknown variable is empty; the message asks for quotes."""
    with pytest.raises(UnknownService, match=r'the service is missing\. Is it in quotes\? Write service="youtube"'):
        policy().service("")
    with pytest.raises(UnknownPurpose, match=r'the purpose is missing\. Is it in quotes\? Write "statistics"'):
        policy().require_purpose("")


def test_advice_names_what_is_odd() -> None:
    """Each warning of the check has its own cause."""
    odd = parse(
        """
        site = "odd"
        [decision]
        lifetime = "14 months"
        refusal_lifetime = "1 month"
        [purposes.social]
        [services.chat]
        purpose = "necessary"
        name = "Chat"
        alternative = "Answer e-mails."
        [[services.chat.cookies]]
        name = "chat"
        lifetime = "2 years"
        """
    )
    assert {advice.key for advice in advise(odd)} == {
        "controller.name",
        "controller.email",
        "decision.refusal_lifetime",
        "decision.lifetime",
        "purposes.social",
        "services.chat.reason",
        "services.chat.purpose",
        "services.chat.provider",
        "services.chat.cookies",
    }
    assert list(advise(policy())) == []


@pytest.mark.parametrize(
    ("hosts", "opens"),
    [("frame-src = ['https://a.example']", "frame"), ("frame-src = ['https://a.example']\nimg-src = ['https://a.example']", "document")],
)  # fmt: skip
def test_what_loads_nothing_but_frames_is_a_frame(hosts: str, opens: str) -> None:
    """A service declared in three lines gets its placeholder, too."""
    text = f'site = "x"\n[purposes.social]\n[services.a]\npurpose = "social"\nname = "A"\n[services.a.hosts]\n{hosts}\n'
    assert parse(text).services["a"].opens == opens
