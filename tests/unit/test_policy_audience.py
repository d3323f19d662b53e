"""The table [audience]: what it says, and what is wrong with it."""

from __future__ import annotations

import json

import pytest

from consent import PolicyError
from consent.lifetime import Lifetime
from consent.policy import Audience, advise, parse
from consent.policy.audience import Campaigns, Exempt, Mail

WHOLE = """
site = "example"
[purposes.statistics]
[purposes.audience]
basis = "exempt"
text.en = { label = "Regions", description = "Counts countries." }
[purposes.campaigns]
text.en = { label = "Campaigns", description = "Counts campaigns." }
[purposes.opens]
text.en = { label = "Opens", description = "Counts mails." }
[audience]
k = 20
retention = "12 months"
pages = ["/news/*", "/about", "/about"]
subdivisions = ["DE", "US"]
epsilon = 1
[audience.exempt]
purpose = "audience"
countries = ["FR", "NL"]
[audience.campaigns]
purpose = "campaigns"
names = ["spring-2026", "a.b_c"]
[audience.mail]
purpose = "opens"
campaigns = ["2026-05", "2026-06"]
[audience.links]
catalogue = "https://shop.example/catalogue"
members = "/members?from=mail#top"
"""


def problems(text: str) -> dict[str, str]:
    """The mistakes in *text*, by key."""
    with pytest.raises(PolicyError) as caught:
        parse(text)
    assert all(problem.remedy for problem in caught.value.problems)
    return {problem.key: str(problem) for problem in caught.value.problems}


def changed(old: str, new: str) -> str:
    assert old in WHOLE
    return WHOLE.replace(old, new)


def test_a_whole_table_is_read() -> None:
    """Names keep their order, and come once."""
    assert parse(WHOLE).audience == Audience(
        purpose="statistics",
        k=20,
        retention=Lifetime(months=12),
        pages=("/news/*", "/about"),
        subdivisions=frozenset({"DE", "US"}),
        epsilon=1.0,
        exempt=Exempt(purpose="audience", countries=frozenset({"FR", "NL"})),
        campaigns=Campaigns(purpose="campaigns", names=("spring-2026", "a.b_c")),
        mail=Mail(purpose="opens", campaigns=("2026-05", "2026-06")),
        links={"catalogue": "https://shop.example/catalogue", "members": "/members?from=mail#top"},
    )
    assert parse(WHOLE).audience.purposes == ("statistics", "audience", "campaigns", "opens")


@pytest.mark.parametrize(
    "text", ['site = "example"', 'site = "example"\n[audience]', 'site = "a"\n[purposes.statistics]']
)
def test_there_is_always_an_audience(text: str) -> None:
    """Where the table is missing it is the default, whether or not there is anything to count under."""
    audience = parse(text).audience
    assert audience == Audience()
    assert (audience.purpose, audience.k, audience.retention) == ("statistics", 10, Lifetime(months=25))
    assert not any((audience.exempt, audience.campaigns, audience.mail, audience.links, audience.epsilon))


def test_links_cannot_be_changed() -> None:
    """Values are frozen."""
    given = {"a": "/a"}
    audience = Audience(links=given)
    given["b"] = "https://evil.example"
    assert dict(audience.links) == {"a": "/a"}
    with pytest.raises(TypeError):
        audience.links["b"] = "/b"  # type: ignore[index]


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("[audience]\n", '[audience]\npurpose = "stats"\n', "audience.purpose", "Add [purposes.stats] or use one of: stat"),
        ("[audience]\n", '[audience]\npurpose = "necessary"\n', "audience.purpose", "Declare a purpose that visitors are"),
        ("k = 20", "k = 4", "audience.k", "from 5 to 1000"),
        ("k = 20", "k = 1001", "audience.k", "from 5 to 1000"),
        ("k = 20", "k = 10.0", "audience.k", "Write a whole number from 5 to 1000"),
        ("k = 20", 'k = "10"', "audience.k", "without quotes"),
        ("k = 20", "k = true", "audience.k", "Write a whole number"),
        ("k = 20", "kk = 20", "audience.kk", 'Did you mean "k"?'),
        ("k = 20", "lifetime = 20", "audience.lifetime", "not a key of this table"),
        ('"12 months"', '"26 months"', "audience.retention", "longer than 25 months"),
        ('"12 months"', '"770 days"', "audience.retention", "longer than 25 months"),
        ('"12 months"', '"1 day"', "audience.retention", "a week at least"),
        ('"12 months"', '"6 days"', "audience.retention", "a week at least"),
        ('"12 months"', '"soon"', "audience.retention", "not a length of time"),
        ('"/news/*"', '"/*"', "audience.pages.0", "every page"),
        ('"/news/*"', '"*"', "audience.pages.0", "every page"),
        ('"/news/*"', '"news"', "audience.pages.0", "no path"),
        ('"/news/*"', '"/*/comet"', "audience.pages.0", 'there alone, such as "/news/*"'),
        ('"/news/*"', '"/x*y"', "audience.pages.0", '"*" stands before its end'),
        ('"/news/*"', '"/news?page=*"', "audience.pages.0", "no path"),
        ('"US"', '"us"', "audience.subdivisions.1", "two capital letters"),
        ('"US"', '"UK"', "audience.subdivisions", '"UK" is no country'),
        ("epsilon = 1", 'visitors = "yes"', "audience.visitors", "neither true nor false"),
        ("epsilon = 1", "visitors = 1", "audience.visitors", "neither true nor false"),
        ("epsilon = 1", "visitors = true\nepsilon = 1", "audience.visitors", "no visitors are estimated where"),
        ("epsilon = 1", "epsilon = 0", "audience.epsilon", "from 0.01 to 10"),
        ("epsilon = 1", "epsilon = 10.5", "audience.epsilon", "from 0.01 to 10"),
        ("epsilon = 1", "epsilon = nan", "audience.epsilon", "from 0.01 to 10"),
        ("epsilon = 1", 'epsilon = "1"', "audience.epsilon", "without quotes"),
        ("epsilon = 1", "epsilon = true", "audience.epsilon", "number"),
        ('purpose = "audience"', 'purpose = "nothing"', "audience.exempt.purpose", '"nothing" is not declared'),
        ('purpose = "audience"', 'purpose = "statistics"', "audience.exempt.purpose", 'Write basis = "exempt" in [purposes.st'),
        ('purpose = "audience"', "", "audience.exempt.purpose", 'basis = "exempt"'),
        ('countries = ["FR", "NL"]', "", "audience.exempt.countries", "Name those whose law you have looked at"),
        ('countries = ["FR", "NL"]', "countries = []", "audience.exempt.countries", "Name a country"),
        ('"FR", "NL"', '"FR", "EU"', "audience.exempt.countries", '"EU" is no country'),
        ('purpose = "campaigns"', 'purpose = "audience"', "audience.campaigns.purpose", 'Write basis = "consent"'),
        ('purpose = "campaigns"', 'purpose = "statistics"', "audience.campaigns.purpose", "is the purpose of audience.purpose"),
        ('purpose = "opens"', 'purpose = "campaigns"', "audience.mail.purpose", "is the purpose of audience.campaigns.purpose"),
        ("[audience]\n", '[audience]\npurpose = "opens"\n', "audience.mail.purpose", "is the purpose of audience.purpose"),
        ('purpose = "opens"', "", "audience.mail.purpose", "missing"),
        ('names = ["spring-2026", "a.b_c"]', "", "audience.campaigns.names", "missing"),
        ('names = ["spring-2026", "a.b_c"]', "names = []", "audience.campaigns.names", "Name a campaign"),
        ('"a.b_c"', '"Spring"', "audience.campaigns.names.1", "small letters"),
        ('"a.b_c"', '".a"', "audience.campaigns.names.1", "small letters"),
        ('"a.b_c"', '"none"', "audience.campaigns.names.1", "another name"),
        ('["2026-05", "2026-06"]', '["Mai"]', "audience.mail.campaigns.0", '"2026-05"'),
        ('"2026-05"', f'"{"a" * 65}"', "audience.mail.campaigns.0", "at most 64"),
        ("catalogue =", "other =", "audience.links.other", "another name"),
        ("catalogue =", '"a b" =', "audience.links.a b", 'at most 64: "catalogue"'),
        ("[audience.links]\n", "[audience.links]\na = 3\n", "audience.links.a", "string"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_key(old: str, new: str, key: str, said: str) -> None:
    """With what is wrong, or what to write."""
    found = problems(changed(old, new))
    assert set(found) == {key}
    assert said in found[key]


@pytest.mark.parametrize(
    "target",
    [
        "",
        "catalogue",
        "http://shop.example/",
        "//evil.example",
        "/\\evil.example",
        "\\evil.example",
        "https:evil.example",
        "https:///evil.example",
        "https://",
        "https://user@shop.example/",
        "https://shop.example:443@evil.example/",
        "https://shop.example:port/",
        "https://shop.example\\.evil.example",
        "https://shop.example/a b",
        "https://shop.example/\n",
        "\thttps://shop.example/",
        "https://shop.example/\x00",
        "/\x7f",
        "/caf\u00e9",
        "javascript:alert(1)",
        "data:text/html,x",
        "/" + "a" * 2_000,
    ],
)
def test_a_link_leads_to_an_https_url_or_a_path(target: str) -> None:
    """And to nothing that browsers read otherwise."""
    written = json.dumps(target)
    found = problems(changed('"https://shop.example/catalogue"', written))
    assert set(found) == {"audience.links.catalogue"}
    assert "https" in found["audience.links.catalogue"] or "shorter" in found["audience.links.catalogue"]


@pytest.mark.parametrize("target", ["/", "/a?b=c&d#e", "https://shop.example", "https://shop.example:8443/a%20b?c=@#d"])
def test_a_plain_link_is_taken(target: str) -> None:
    """As it is written."""
    assert parse(changed("https://shop.example/catalogue", target)).audience.links["catalogue"] == target


#: Of all that is tried below, what is no mistake.
_FINE = {("pages", "[]"), ("subdivisions", "[]"), ("visitors", "true"), ("epsilon", "3")}


@pytest.mark.parametrize(
    "value", ["3", '"x"', "[]", "[1]", "{ a = 1 }", "{ value = [1] }", "true", '["x"]', "2026-05-01"]
)
@pytest.mark.parametrize(
    "key",
    [
        "audience",
        "purpose",
        "k",
        "retention",
        "pages",
        "subdivisions",
        "visitors",
        "epsilon",
        "exempt",
        "campaigns",
        "mail",
        "links",
        "exempt.purpose",
        "exempt.countries",
        "campaigns.names",
        "mail.campaigns",
        "links.a",
    ],
)
def test_any_value_of_a_known_key_is_judged(key: str, value: str) -> None:
    """A value of the wrong type is a mistake with a key, never a crash."""
    line = f"{key} = {value}" if key == "audience" else f"[audience]\n{key} = {value}"
    if (key, value) not in _FINE:
        assert all(mistaken.startswith("audience") for mistaken in problems(f'site = "x"\n{line}'))


def test_who_counts_is_asked_again_by_purposes_alone() -> None:
    """Another k or another page is nothing to ask about; it does change what is on record."""
    before, after = parse(WHOLE), parse(changed("k = 20", "k = 30"))
    assert before.revision == after.revision
    assert before.digest != after.digest
    assert parse('site = "a"').digest == parse('site = "a"\n').digest


def advice(text: str) -> dict[str, str]:
    """The warnings about *text* that are about purposes and the audience, by key."""
    found = {one.key: str(one) for one in advise(parse(text))}
    return {key: said for key, said in found.items() if key.startswith(("purposes.", "audience."))}


def test_a_purpose_that_is_counted_under_needs_no_service() -> None:
    """The counting is what runs, also where nothing but ``consent_beacon()`` says so."""
    assert advice(WHOLE) == {}
    assert set(advice(WHOLE.partition("[audience]")[0])) == {
        "purposes.audience",
        "purposes.campaigns",
        "purposes.opens",
    }


@pytest.mark.parametrize("basis", ["exempt", "opt_out"])
@pytest.mark.parametrize("table", ["", "[audience]", "[audience]\nk = 10", '[audience]\npages = ["/news/*"]'])
def test_counting_without_a_yes_everywhere_is_odd(basis: str, table: str) -> None:
    """The site may have its reasons; the law of every country it does not know. With the table, and without."""
    found = advice(f'site = "x"\n[purposes.statistics]\nbasis = "{basis}"\n{table}')
    assert set(found) == {"audience.purpose"}
    assert "visitors of every country are counted without a yes" in found["audience.purpose"]
    assert 'Write basis = "consent" in [purposes.statistics]' in found["audience.purpose"]


def test_counting_without_a_yes_is_odd_by_another_name() -> None:
    """It is the purpose of [audience] that counts, and no other."""
    text = 'site = "x"\n[purposes.statistics]\n[purposes.marketing]\nbasis = "opt_out"\n[audience]\npurpose = "{}"'
    assert "without a yes" in advice(text.format("marketing"))["audience.purpose"]
    assert "audience.purpose" not in advice(text.format("statistics"))


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("", False),
        ("[audience]", True),
        ("[audience]\nk = 10", True),
        ('[audience.links]\na = "/a"\nb = "/b"', True),
        ('[audience.mail]\npurpose = "social"\ncampaigns = ["a", "b"]', False),
        ('[audience.mail]\npurpose = "social"\ncampaigns = ["a", "b"]\n[audience.links]\na = "/a"\nb = "/b"', True),
        ('[audience.exempt]\npurpose = "preferences"\ncountries = ["FR"]', False),
        ('[audience]\npages = ["/a"]\n[audience.exempt]\npurpose = "preferences"\ncountries = ["FR"]', True),
    ],
)
def test_a_table_that_counts_nothing_is_odd(text: str, odd: bool) -> None:
    """Pages and links need the purpose, which is ``statistics`` by default; e-mails and exempt regions do not."""
    declared = 'site = "x"\n[purposes.social]\n[purposes.preferences]\nbasis = "exempt"\n'
    found = advice(declared + text)
    assert ("audience.purpose" in found) is odd
    if odd:
        assert "Add [purposes.statistics]" in found["audience.purpose"]


def test_a_single_value_is_odd() -> None:
    """Of links and newsletters one goes into Other each day: of one, nothing would ever be shown."""
    one = changed('["2026-05", "2026-06"]', '["2026-05"]').replace('catalogue = "https://shop.example/catalogue"\n', "")
    found = advice(one)
    assert set(found) == {"audience.links", "audience.mail.campaigns"}
    assert all("a single one is never shown. Declare two more" in said for said in found.values())
