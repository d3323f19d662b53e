"""The catalogue: what every entry must hold, and what ``use`` makes of one."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import date
from typing import Any

import pytest

from consent import PolicyError
from consent.gate.urls import is_covered
from consent.policy import Opens, Policy, advise, catalogue, parse
from consent.policy.schema import EntrySchema

#: Services that a site expects to find.
EXPECTED = re.findall(
    r"\S+",
    """
    youtube vimeo dailymotion twitch x facebook instagram linkedin tiktok pinterest reddit bluesky mastodon threads
    telegram whatsapp-share google-maps openstreetmap mapbox spotify soundcloud disqus google-analytics matomo plausible umami
    hotjar clarity segment posthog mixpanel meta-pixel google-ads google-tag-manager linkedin-insight tiktok-pixel
    pinterest-tag hubspot mailchimp criteo taboola bing-uet intercom crisp tawk zendesk google-fonts recaptcha hcaptcha
    turnstile stripe paypal
    """,
)

#: Entries for what a page only links to.
NOTHING_TO_LOAD = {"whatsapp-share"}

LANGUAGES = {"en", "de", "fr"}


def filled(entry: catalogue.Entry) -> dict[str, Any]:
    """The fields of *entry* with a host in place of each parameter."""
    return entry.filled(dict.fromkeys(entry.parameters, "vendor.example"))


@pytest.fixture(params=catalogue.ids())
def entry(request: pytest.FixtureRequest) -> catalogue.Entry:
    """Each entry in turn."""
    return catalogue.entry(request.param)


def test_the_usual_services_are_there() -> None:
    """Sixty services or more, among them those that a site expects."""
    assert [name for name in EXPECTED if name not in catalogue.ids()] == []
    assert len(catalogue.ids()) >= 60


def test_an_entry_has_the_shape(entry: catalogue.Entry) -> None:
    """Strictly: each key is known, each origin, lifetime and date can be read, each fact has a source."""
    raw = tomllib.loads(entry.source)
    assert (
        EntrySchema().validate(
            filled(entry) | {key: raw[key] for key in ("aliases", "parameters", "facts") if key in raw}
        )
        == {}
    )


def test_an_entry_can_be_used(entry: catalogue.Entry) -> None:
    """What the command prints to paste is a policy that loads, and says what the entry says."""
    text = entry.pasted.replace('"…"', '"vendor.example"')
    purpose = "" if entry.purpose == "necessary" else f"[purposes.{entry.purpose}]"
    service = parse(f'site = "a"\n{purpose}\n{text}').services[entry.id]
    assert service.catalogue == entry.id
    assert service.hosts or entry.id in NOTHING_TO_LOAD
    assert not any("{" in origin for origins in service.hosts.values() for origin in origins)


def test_an_entry_can_open(entry: catalogue.Entry) -> None:
    """A frame has its host; a widget has a marker, and a script that its own hosts let through."""
    fields = filled(entry)
    hosts, embedding = fields.get("hosts", {}), fields.get("embedding", {})
    match Opens(fields["opens"]):
        case Opens.FRAME:
            assert hosts["frame-src"]
            assert "script" not in embedding
        case Opens.WIDGET:
            assert embedding["markers"]
            assert is_covered(embedding["script"], hosts["script-src"])
        case Opens.DOCUMENT:
            assert embedding == {}


def test_an_entry_speaks_every_language(entry: catalogue.Entry) -> None:
    """What a cookie is for is said in each language that words ship for."""
    fields = filled(entry)
    for cookie in (*fields.get("cookies", ()), *fields.get("vendor_cookies", ())):
        assert set(cookie["description"]) == LANGUAGES, cookie["name"]


def test_what_is_unsure_says_why(entry: catalogue.Entry) -> None:
    """A fact that was not confirmed has a note; what only general knowledge says is not sure."""
    for fact in entry.facts:
        assert fact.sure or fact.note, fact.about
        assert not (fact.sure and fact.source == "general knowledge"), fact.about
        assert fact.seen <= date(2027, 1, 1)


def test_only_payments_are_necessary(entry: catalogue.Entry) -> None:
    """And fonts and captchas say how to do without them."""
    if entry.purpose == "necessary":
        assert entry.id in {"stripe", "paypal", "klarna", "mollie", "adyen", "braintree", "square", "amazon-pay"}
        assert not entry.fields["sells_or_shares"]
    if entry.id in {"recaptcha", "hcaptcha", "turnstile"} or "fonts" in entry.id:
        assert entry.alternative


def test_a_first_party_name_belongs_to_one_entry() -> None:
    """So that any two entries can be used together."""
    names = Counter(
        (cookie.get("kind", "cookie"), cookie["name"])
        for entry in map(catalogue.entry, catalogue.ids())
        for cookie in entry.fields.get("cookies", ())
    )
    assert {name for (_, name), count in names.items() if count > 1} == set()


def test_a_search_looks_at_names_and_hosts() -> None:
    """By what a developer knows: the name, the purpose, the company or the host."""
    assert "youtube" in {found.id for found in catalogue.search("nocookie")}
    assert "youtube" in {found.id for found in catalogue.search("YOUTUBE")}
    assert {found.id for found in catalogue.search()} == set(catalogue.ids())
    assert list(catalogue.search("no such service")) == []


def test_an_alias_belongs_to_one_entry() -> None:
    """And is the id of none."""
    entries = [catalogue.entry(name) for name in catalogue.ids()]
    names = Counter(name for entry in entries for name in {entry.id, *entry.aliases})
    assert {name for name, count in names.items() if count > 1} == set()
    assert all("aliases" not in entry.fields for entry in entries)
    assert "google-analytics" in {found.id for found in catalogue.search("gtag")}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("twitter", "x"),
        ("twiter", "x"),
        ("GA4", "google-analytics"),
        ("gtag", "google-analytics"),
        ("Google Analytics", "google-analytics"),
        ("google_analytics", "google-analytics"),
        ("fbq", "meta-pixel"),
        ("gtm", "google-tag-manager"),
        ("uet", "bing-uet"),
        ("osm", "openstreetmap"),
        ("microsoft-clarity", "clarity"),
        ("gmaps", "google-maps"),
        ("youtub", "youtube"),
        ("www.youtube-nocookie.com", "youtube"),
        ("social", ""),
        ("", ""),
        ("3", ""),
    ],
)
def test_other_names_lead_to_the_entry(text: str, meant: str) -> None:
    """By name, alias or host, then by spelling; nothing where many would do."""
    assert catalogue.nearest(text) == meant


@pytest.mark.parametrize("name", ["stripe", "paypal", "matomo"])
def test_what_to_paste_does_not_pass_unedited(name: str) -> None:
    """Every "…" is refused, with a remedy: a reason as well as a parameter."""
    with pytest.raises(PolicyError) as caught:
        parse(f'site = "a"\n[purposes.statistics]\n{catalogue.entry(name).pasted}')
    keys = {"matomo": "parameters.host"}.get(name, "reason")
    assert [problem.key for problem in caught.value.problems] == [f"services.{name}.{keys}"]
    assert caught.value.problems[0].remedy


def test_x_is_called_x() -> None:
    """Its company's name follows it in brackets wherever visitors read it."""
    assert catalogue.entry("x").name == "X"


def test_only_what_is_used_is_read() -> None:
    """An application that starts opens one file for each entry that it names, and none for the others."""
    catalogue.entry.cache_clear()
    parse('site = "a"\n[purposes.social]\n[services.youtube]\nuse = "youtube"')
    assert catalogue.entry.cache_info().currsize == 1
    parse('site = "a"')
    assert catalogue.entry.cache_info().currsize == 1


# --- use -------------------------------------------------------------------------------------


def using(*lines: str, purposes: str = "social statistics marketing preferences") -> Policy:
    """A policy whose one service ``s`` has these *lines*."""
    declared = "\n".join(f"[purposes.{purpose}]" for purpose in purposes.split())
    return parse("\n".join(['site = "a"', declared, "[services.s]", *lines]), file="some.toml")


def problems(*lines: str) -> dict[str, str]:
    """The mistakes in such a policy, by key."""
    with pytest.raises(PolicyError) as caught:
        using(*lines)
    assert "some.toml" in str(caught.value)
    return {problem.key: f"{problem.message} | {problem.remedy}" for problem in caught.value.problems}


@pytest.fixture
def own_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three small entries in place of the catalogue's, so that what ``use`` does is seen apart from what they say."""
    made = {
        "player": {
            "name": "Player",
            "purpose": "social",
            "opens": "frame",
            "provider": {"name": "Vendor", "country": "IE"},
            "sells_or_shares": True,
            "hosts": {"frame-src": ["https://player.example"], "img-src": ["https://stills.player.example"]},
            "embedding": {"sandbox": "allow-scripts", "credentialless": True, "plays": False},
            "cookies": [{"name": "_player", "lifetime": "2 days"}],
            "vendor_cookies": [{"host": ".player.example", "name": "seen*", "lifetime": "session"}],
        },
        "counter": {
            "name": "Counter",
            "purpose": "statistics",
            "opens": "document",
            "sells_or_shares": False,
            "hosts": {"script-src": ["https://{host}"], "connect-src": ["wss://{host}"]},
            "alternative": "Count on your own server.",
        },
        "till": {
            "name": "Till",
            "purpose": "necessary",
            "opens": "document",
            "provider": {"name": "Bank"},
            "sells_or_shares": False,
            "hosts": {"script-src": ["https://js.till.example"]},
        },
    }
    parameters = {"counter": {"host": "Host of your Counter, such as count.example.org."}}
    entries = {
        name: catalogue.Entry(id=name, fields=fields, parameters=parameters.get(name, {}), facts=(), source="")
        for name, fields in made.items()
    }
    monkeypatch.setattr(catalogue, "entry", entries.__getitem__)
    monkeypatch.setattr(catalogue, "ids", lambda: tuple(sorted(entries)))


@pytest.mark.usefixtures("own_entries")
class TestUse:
    def test_an_entry_is_written_out(self) -> None:
        """One line declares all that the entry holds."""
        service = using('use = "player"').services["s"]
        assert (service.id, service.name, service.purpose, service.catalogue) == ("s", "Player", "social", "player")
        assert service.opens is Opens.FRAME
        assert service.sells_or_shares
        assert service.hosts["img-src"] == ("https://stills.player.example",)
        assert service.embedding.sandbox == "allow-scripts"
        assert service.embedding.credentialless
        assert not service.embedding.plays
        assert [(cookie.name, cookie.service, cookie.host) for cookie in service.cookies] == [("_player", "s", "")]
        assert [(cookie.name, cookie.host) for cookie in service.vendor_cookies] == [("seen*", ".player.example")]

    def test_the_site_has_the_last_word_a_key_at_a_time(self) -> None:
        """A key of the site replaces the entry's whole key, inner keys included."""
        service = using(
            'use = "player"', 'name = "Films"', "cookies = []", 'hosts = { frame-src = ["https://eu.player.example"] }'
        ).services["s"]
        assert service.name == "Films"
        assert service.hosts == {"frame-src": ("https://eu.player.example",)}
        assert service.cookies == ()
        assert service.provider.name == "Vendor"

    def test_vendor_cookies_are_told_and_not_filtered(self) -> None:
        """What lies on the vendor's hosts is none of the site's cookies."""
        policy = using('use = "player"')
        assert [cookie.name for cookie in policy.cookies] == ["_player"]

    def test_nothing_material_changes_by_using_the_catalogue(self) -> None:
        """A service declared by hand that moves to the catalogue asks nobody anew."""
        by_hand = using(
            'name = "P"',
            'purpose = "social"',
            'provider = { name = "Vendor", country = "IE" }',
            "sells_or_shares = true",
            'cookies = [{ name = "_p", lifetime = "1 day" }]',
        )
        assert using('use = "player"').revision == by_hand.revision

    def test_a_parameter_is_filled_in(self) -> None:
        """In every origin that names it."""
        service = using('use = "counter"', 'parameters = { host = "count.example.org:8443" }').services["s"]
        assert service.hosts == {
            "script-src": ("https://count.example.org:8443",),
            "connect-src": ("wss://count.example.org:8443",),
        }

    def test_a_parameter_that_nothing_needs_may_be_left_out(self) -> None:
        """Where the site writes the hosts itself."""
        service = using('use = "counter"', 'hosts = { script-src = ["https://own.example"] }').services["s"]
        assert service.hosts == {"script-src": ("https://own.example",)}

    def test_a_missing_parameter_says_what_it_is(self) -> None:
        """Once, with the words of the entry."""
        assert problems('use = "counter"') == {
            "services.s.parameters.host": 'missing | Write parameters = { host = "…" }: '
            "host of your Counter, such as count.example.org"
        }

    @pytest.mark.parametrize(
        "value", ["https://a.example", "a.example/x", "a b", "*", "a.example; img-src *", "A.example"]
    )
    def test_a_parameter_is_a_host(self, value: str) -> None:
        """And cannot put anything else into the header."""
        found = problems('use = "counter"', f'parameters = {{ host = "{value}" }}')
        assert set(found) == {"services.s.parameters.host"}
        assert "host name" in found["services.s.parameters.host"]

    def test_unknown_names_are_explained(self) -> None:
        """Entries by the nearest name and the command that lists all, parameters by those there are."""
        assert problems('use = "playr"') == {
            "services.s.use": 'the catalogue has no entry "playr" | '
            'Did you mean "player"? flask consent catalogue lists all'
        }
        assert (
            "takes: none"
            in problems('use = "player"', 'parameters = { host = "a.example" }')["services.s.parameters.host"]
        )
        assert "services.s.parameters" in problems(
            'name = "S"', 'purpose = "social"', 'parameters = { host = "a.example" }'
        )
        assert set(problems("use = 3")) == {"services.s.use"}

    def test_parameters_are_a_table(self) -> None:
        """The remedy writes it, with the entry's own names."""
        for given in ("3", '"count.example.org"'):
            assert problems('use = "counter"', f"parameters = {given}") == {
                "services.s.parameters": 'not a table | Write parameters = { host = "…" }'
            }
        assert "Remove it" in problems('use = "player"', "parameters = 3")["services.s.parameters"]

    def test_two_services_with_one_entry_are_told_what_to_write(self) -> None:
        """One of them leaves the cookies to the other."""
        text = 'site = "a"\n[purposes.social]\n[services.one]\nuse = "player"\n[services.two]\nuse = "player"\n'
        with pytest.raises(PolicyError, match=r"services\.two\.cookies\.0\.name.*\[services\.two\].*cookies = \[\]"):
            parse(text)
        assert parse(text + "cookies = []\n").services["two"].cookies == ()
        by_hand = text.replace('[services.two]\nuse = "player"', '[services.two]\nname = "T"\npurpose = "social"')
        with pytest.raises(PolicyError, match=r"\[services\.one\] has it from the catalogue"):
            parse(by_hand + '[[services.two.cookies]]\nname = "_player"\nlifetime = "session"\n')

    def test_necessary_needs_a_reason_in_writing(self) -> None:
        """The remedy is the entry's own purpose, or the way to do without it."""
        found = problems('use = "counter"', 'purpose = "necessary"', 'parameters = { host = "a.example" }')
        assert list(found) == ["services.s.reason"]
        assert 'purpose = "statistics"' in found["services.s.reason"]
        assert "Count on your own server" in found["services.s.reason"]

    @pytest.mark.parametrize("reason", ["", " ", "…", "...", "__"])
    def test_a_blank_reason_is_none(self, reason: str) -> None:
        """Something has to be written: a letter or digit at least. It is said once."""
        found = problems('use = "player"', 'purpose = "necessary"', f'reason = "{reason}"')
        assert found == {"services.s.reason": "it says nothing | Write a sentence"}

    def test_a_reason_is_enough_and_the_alternative_stays_advice(self) -> None:
        """The site decides; the check keeps naming the other way."""
        lines = ('use = "counter"', 'purpose = "necessary"', 'reason = "A law wants it."')
        policy = using(*lines, 'parameters = { host = "a.example" }')
        assert policy.services["s"].reason == "A law wants it."
        assert "Count on your own server" in next(a.remedy for a in advise(policy) if a.key == "services.s.purpose")

    def test_payments_are_necessary_on_declared_routes(self) -> None:
        """Without routes the site does not start; with another purpose they may be left out."""
        assert set(problems('use = "till"')) == {"services.s.routes"}
        assert using('use = "till"', 'routes = ["/pay/*"]').services["s"].routes == ("/pay/*",)
        assert using('use = "till"', 'purpose = "preferences"').services["s"].routes == ()


def test_by_hand_necessary_needs_no_reason() -> None:
    """It is advice only, as ever."""
    assert parse('site = "a"\n[services.s]\nname = "S"\npurpose = "necessary"').services["s"].reason == ""


# --- routes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("/checkout/", True),
        ("/checkout/card/3", True),
        ("/checkout", False),
        ("/Checkout/card", False),
        ("/basket", True),
        ("/basket/", False),
        ("/", False),
        ("", False),
    ],
)
def test_a_route_is_a_path_or_what_begins_with_it(path: str, runs: bool) -> None:
    """``*`` at the end stands for anything; all else is compared as it is."""
    policy = using('name = "S"', 'purpose = "necessary"', 'routes = ["/checkout/*", "/basket"]')
    assert policy.services_on(frozenset({"s"}), path) == (frozenset({"s"}) if runs else frozenset())


def test_without_routes_nothing_is_computed() -> None:
    """The same object comes back, so that what is cached by it stays cached."""
    granted = frozenset({"s"})
    assert using('name = "S"', 'purpose = "social"').services_on(granted, "/") is granted


@pytest.mark.parametrize("route", ["checkout", "/*", "/a*b", "/a?b=c", "/a b", "/a\\\\b", "https://a.example/"])
def test_a_route_is_a_path_below_the_root(route: str) -> None:
    """A pattern for every page would be no route, and the message says so."""
    found = problems('name = "S"', 'purpose = "necessary"', f'routes = ["{route}"]')["services.s.routes.0"]
    assert ("it would be every page | Name the pages" in found) == (route == "/*")


# --- frames and widgets ----------------------------------------------------------------------


def test_what_could_never_open_is_a_mistake() -> None:
    """A frame without a host, a widget without a script or a marker."""
    by_hand = ('name = "S"', 'purpose = "social"')
    assert set(problems(*by_hand, 'opens = "frame"')) == {"services.s.hosts.frame-src"}
    assert set(problems(*by_hand, 'opens = "widget"')) == {
        "services.s.embedding.script",
        "services.s.embedding.markers",
    }


@pytest.mark.parametrize("marker", ["a", "div > p", "div.a.b", "[x]", "div[x=y]", "*", ""])
def test_a_marker_is_a_simple_selector(marker: str) -> None:
    """Only the simple forms are taken."""
    lines = ('name = "S"', 'purpose = "social"', f'embedding = {{ markers = ["{marker}"] }}')
    assert "services.s.embedding.markers.0" in problems(*lines)
