"""From sightings to what a developer decides and pastes."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent import PolicyError
from consent.discovery import reports
from consent.discovery.findings import Findings, find
from consent.discovery.paste import toml
from consent.gate.cookies import CookieRules
from consent.policy import Policy, catalogue, parse, schema
from consent.policy.catalogue import Entry
from tests.policies import SMALL, policy

_OPEN = re.compile(r"^# ((?:purpose|name) = \"[^\"]+\").*$", re.MULTILINE)


def entry(name: str, **fields: Any) -> Entry:
    parameters = dict.fromkeys(re.findall(r"\{(\w+)\}", str(fields)), "A host")
    common = {"name": name.title(), "purpose": "statistics"}
    return Entry(id=name, fields=common | fields, parameters=parameters, facts=(), source="")


FILMS = entry("films", purpose="social", hosts={"frame-src": ["https://www.films.example", "https://*.films.example"]})
COUNTER = entry(
    "counter",
    hosts={"script-src": ["https://www.tags.example"], "connect-src": ["https://*.counter.example"]},
    cookies=[{"name": "_cn"}, {"name": "_cn_*"}, {"name": "cn_key", "kind": "local_storage"}],
)
ADVERTS = entry("adverts", purpose="marketing", hosts={"script-src": ["https://www.tags.example"]})
OWNED = entry("owned", hosts={"script-src": ["https://{host}"]})
SHOPS = entry("shops", hosts={"frame-src": ["https://{shop}.shops.example"]})
ENTRIES = (ADVERTS, COUNTER, FILMS, OWNED, SHOPS)


def row(name: str, directive: str = "script-src", *, kind: str = "host", count: int = 1, page: str = "/") -> dict:
    return {
        "kind": kind,
        "name": name,
        "directive": directive,
        "page": page,
        "first_day": "2026-03-01",
        "last_day": "2026-03-03",
        "count": count,
    }


def found(*rows: Mapping[str, Any], declared: Policy | None = None) -> Findings:
    made = declared or policy()
    return find(rows, made, CookieRules(made, {"session"}), ENTRIES)


def declared(text: str) -> Policy:
    """The small policy after the paste, with every purpose and name that was left open taken from its comment."""
    return parse(SMALL + "\n" + _OPEN.sub(r"\1", text))


def test_a_host_is_one_finding_however_it_came() -> None:
    """Counts add up by directive and page, the most frequent first."""
    hosts = found(
        row("https://cdn.example", "script-src", count=2, page="/a"),
        row("https://cdn.example", "img-src", count=5, page="/b"),
        row("wss://cdn.example", "connect-src", page=""),
        row("https://other.example"),
    ).hosts
    assert [(host.name, host.count) for host in hosts] == [("cdn.example", 8), ("other.example", 1)]
    assert hosts[0].by.most_common(1) == [("img-src", 5)]
    assert hosts[0].places == ("/b", "/a")
    assert hosts[0].origins["connect-src"] == {"wss://cdn.example"}


def test_what_is_declared_and_not_granted_is_told_apart() -> None:
    """Its service is named; a host that is let through anyway is no finding."""
    findings = found(row("https://stats.example.net", count=3), row("https://a.adverts.example", "img-src"))
    assert [(host.name, host.services, host.count) for host in findings.held_back] == [
        ("stats.example.net", ("matomo",), 3),
        ("a.adverts.example", ("pixel",), 1),
    ]
    assert findings.hosts == ()
    text = SMALL.replace('name = "Login"', 'name = "Login"\nhosts = { font-src = ["https://fonts.example"] }')
    assert not found(row("https://fonts.example", "font-src"), declared=parse(text))


def test_a_declared_host_under_another_directive_is_undeclared() -> None:
    """And the remedy names the service that has it already."""
    findings = found(row("https://stats.example.net", "font-src"))
    assert findings.hosts[0].services == ("matomo",)
    assert toml(findings, policy()) == (
        '# Add to [services.matomo.hosts]:\n#   font-src = ["https://stats.example.net"]\n'
    )


def test_a_worker_passes_where_its_script_does() -> None:
    """Browsers fall back from worker-src to script-src; prefetching passes with any directive."""
    rows = row("https://stats.example.net", "worker-src"), row("https://maps.example.com", "default-src")
    assert [host.services for host in found(*rows).held_back] == [("maps",), ("matomo",)]


def test_names_that_need_no_declaration_are_no_findings() -> None:
    """The framework's session, declared names and prefixes; kinds are told apart."""
    names = found(
        row("session", "set-cookie", kind="cookie"),
        row("_pk_id.1.abc", "script", kind="cookie"),
        row("_pk_id.1.abc", "script", kind="storage"),
        row("spy", "set-cookie", kind="cookie"),
        row("spy", "script", kind="cookie"),
    ).names
    assert [(name.kind, name.name, dict(name.by)) for name in names] == [
        ("cookie", "spy", {"set-cookie": 1, "script": 1}),
        ("storage", "_pk_id.1.abc", {"script": 1}),
    ]


def fitting(*rows: Mapping[str, Any]) -> list[list[str]]:
    findings = found(*rows)
    return [[fit.entry.id for fit in finding.fits] for finding in (*findings.hosts, *findings.names)]


@pytest.mark.parametrize(
    ("origin", "fits"),
    [
        ("https://www.films.example", ["films"]),
        ("https://i.films.example", ["films"]),
        ("https://films.example", []),
        ("https://notfilms.example", []),
        ("https://jo.shops.example", ["shops"]),
        ("https://shops.example", []),
        ("https://owned.my-site.example", ["owned"]),
        ("https://stats.my-site.example", []),
        ("eval", []),
    ],
)
def test_hosts_fit_entries(origin: str, fits: list[str]) -> None:
    """By name, by wildcard, by a parameter's place, and by its own name where a parameter is all there is."""
    assert fitting(row(origin, "frame-src")) == [fits]


def test_names_fit_entries() -> None:
    """By name, prefix and kind."""
    assert fitting(row("_cn", kind="cookie"), row("_cn_1", kind="cookie"), row("cn_key", kind="storage")) == [
        ["counter"],
        ["counter"],
        ["counter"],
    ]
    assert fitting(row("cn_key", kind="cookie"), row("_cnx", kind="cookie")) == [[], []]


def test_the_entry_with_more_evidence_comes_first() -> None:
    """A shared host alone fits several; a cookie decides."""
    assert fitting(row("https://www.tags.example")) == [["adverts", "counter"]]
    assert fitting(row("https://a.counter.example", "connect-src"), row("https://www.tags.example"))[1][0] == "counter"
    assert fitting(row("https://www.tags.example"), row("_cn", kind="cookie"))[0] == ["counter", "adverts"]


def test_the_same_use_of_a_host_comes_first() -> None:
    """A host in a frame is a map sooner than advertising, whatever else was found."""
    several = ({"script-src": ["https://all.example"]}, {"frame-src": ["https://all.example"]})
    entries = [entry(name, hosts=hosts) for name, hosts in zip(("adverts", "maps"), several, strict=True)]
    rows = row("https://all.example", "frame-src"), row("https://all.example:444", "script-src")
    findings = find(rows, policy(), CookieRules(policy()), entries)
    assert [fit.entry.id for fit in findings.hosts[0].fits] == ["maps", "adverts"]


def test_the_paste_of_an_entry() -> None:
    """Each entry once, its purpose where the policy has none, and what is known of its parameters."""
    findings = found(
        row("https://www.films.example", "frame-src"),
        row("https://i.films.example", "frame-src"),
        row("https://owned.my-site.example"),
    )
    bare = parse('site = "bare"\n[purposes.statistics]\n')
    assert toml(findings, bare) == (
        "[purposes.social]\n\n"
        '[services.films]\nuse = "films"\n\n'
        '[services.owned]\nuse = "owned"\n# host: A host\nparameters = { host = "owned.my-site.example" }\n'
    )


def test_the_paste_of_what_nobody_knows() -> None:
    """One service for each owner, hosts by directive, and the purpose left to the developer."""
    findings = found(
        row("https://cdn.tracker.example", "script-src", count=9),
        row("https://pixel.tracker.example", "img-src"),
        row("https://www.shop.co.uk", "default-src"),
        row("http://127.0.0.1:8000", "img-src"),
        row("theme", "set-cookie", kind="cookie"),
        row("basket", "script", kind="storage"),
    )
    text = toml(findings, policy())
    with pytest.raises(PolicyError, match="purpose: missing"):
        parse(SMALL + "\n" + text)
    made = declared(text)
    assert dict(made.services["tracker"].hosts) == {
        "script-src": ("https://cdn.tracker.example",),
        "img-src": ("https://pixel.tracker.example",),
    }
    assert dict(made.services["shop"].hosts) == {"connect-src": ("https://www.shop.co.uk",)}
    assert dict(made.services["host_127_0_0_1"].hosts) == {"img-src": ("http://127.0.0.1:8000",)}
    assert {(cookie.name, cookie.kind) for cookie in made.services["own_storage"].cookies} == {
        ("theme", "cookie"),
        ("basket", "local_storage"),
    }


def test_what_was_pasted_is_found_no_more() -> None:
    """The same rows under the new policy: nothing is undeclared, the rest is held back."""
    rows = (
        row("https://cdn.tracker.example", "script-src"),
        row("https://cdn.tracker.example", "default-src"),
        row("wss://live.tracker.example:8443", "connect-src"),
        row("theme", "set-cookie", kind="cookie"),
        row("basket", "script", kind="storage"),
        row("films", "script", kind="database"),
    )
    made = declared(toml(found(*rows), policy()))
    after = find(rows, made, CookieRules(made), ENTRIES)
    assert (after.hosts, after.names) == ((), ())
    assert {host.name for host in after.held_back} == {"cdn.tracker.example", "live.tracker.example:8443"}


@pytest.mark.parametrize("purpose", ["necessary", "social"])
def test_what_runs_off_its_routes_waits_for_no_answer(purpose: str) -> None:
    """A service with routes: off them a list of its own, on them held back, or nothing if it is necessary."""
    service = f'[services.till]\nname = "Till"\npurpose = "{purpose}"\nroutes = ["/pay/*"]\nhosts.script-src = '
    made = parse(SMALL + service + '["https://till.example"]')
    pages = ("/donate", "/pay/card", "/pa%79/…", "")
    findings = found(*(row("https://till.example", page=page) for page in pages), declared=made)
    assert [(host.name, host.services, host.places) for host in findings.elsewhere] == [
        ("till.example", ("till",), ("/donate",))
    ]
    assert [host.places for host in findings.held_back] == (
        [] if purpose == "necessary" else [("/pay/card", "/pa%79/…")]
    )
    assert findings
    assert (findings.hosts, toml(findings, made)) == ((), "")


def test_every_service_that_declares_a_host_is_named() -> None:
    """Any of them opens it; one that is necessary has opened it."""
    text = '[services.{0}]\nname = "{0}"\npurpose = "{1}"\nhosts = {{ font-src = ["https://shared.example"] }}\n'
    two = SMALL + text.format("one", "social") + text.format("two", "marketing")
    rows = row("https://shared.example", "font-src"), row("https://shared.example", "img-src")
    findings = found(*rows, declared=parse(two))
    assert [host.services for host in (*findings.held_back, *findings.hosts)] == [("one", "two")] * 2
    assert toml(findings, parse(two)).startswith("# Add to [services.one.hosts] or [services.two.hosts]:\n#   img-src")
    assert findings.hosts[0].described()["services"] == ["one", "two"]
    three = parse(two + text.format("three", "necessary"))
    assert found(rows[0], declared=three).held_back == ()


def test_a_shared_host_is_judged_by_what_is_certain() -> None:
    """Analytics and a map, whose hosts advertising shares: each use of a host leads to its own entry."""
    rows = (
        row("https://www.googletagmanager.com"),
        row("https://region1.google-analytics.com", "connect-src"),
        row("https://www.google.com", "frame-src"),
    )
    pasted = (
        '[services.google-analytics]\nuse = "google-analytics"\n\n'
        '[services.google-maps]\nuse = "google-maps"\n# or: recaptcha\n'
    )
    for begun in ("", '[purposes.marketing]\n[services.google-ads]\nuse = "google-ads"\n'):
        made = parse(f'site = "a"\n[purposes.statistics]\n[purposes.social]\n{begun}')
        findings = find(rows, made, CookieRules(made), tuple(catalogue.search()))
        assert toml(findings, made) == pasted


def test_one_host_may_belong_to_two_entries() -> None:
    """By what it was used for."""
    hosts: list[Any] = [{"script-src": ["https://all.example"]}, {"frame-src": ["https://all.example"]}]
    entries = [entry(name, hosts=named) for name, named in zip(("adverts", "charts"), hosts, strict=True)]
    rows = row("https://all.example", "frame-src"), row("https://all.example", count=2)
    findings = find(rows, policy(), CookieRules(policy()), entries)
    assert [fit.entry.id for fit in findings.hosts[0].fits] == ["adverts", "charts"]
    assert toml(findings, policy()) == '[services.charts]\nuse = "charts"\n\n[services.adverts]\nuse = "adverts"\n'


def test_a_cookie_of_one_entry_outweighs_shared_hosts() -> None:
    """Two hosts that two entries share say less than one name that is one entry's own; others are named as rivals."""
    shared = {"script-src": ["https://a.example"], "img-src": ["https://b.example"]}
    entries = [entry("adverts", hosts=shared), entry("counter", hosts=shared, cookies=[{"name": "_cn"}])]
    rows = row("https://a.example"), row("https://b.example", "img-src"), row("_cn", kind="cookie")
    counted = find(rows, policy(), CookieRules(policy()), entries)
    assert toml(counted, policy()) == '[services.counter]\nuse = "counter"\n'
    hosts_alone = find(rows[:2], policy(), CookieRules(policy()), entries)
    assert toml(hosts_alone, policy()) == '[services.adverts]\nuse = "adverts"\n# or: counter\n'


def test_a_use_that_the_entry_does_not_know_is_to_be_added() -> None:
    """With a warning that the site's hosts replace the entry's."""
    rows = row("https://www.films.example", "frame-src"), row("https://www.films.example", "img-src")
    assert toml(found(*rows), policy()) == (
        '[services.films]\nuse = "films"\n\n# Add to [services.films.hosts]:\n#   img-src = ["https://www.films.example"]\n'
        "#   (hosts written there replace all hosts of the entry: write those, too)\n"
    )
    assert toml(found(rows[1]), policy()) == toml(found(*rows), policy())


def test_what_is_pasted_and_not_completed_is_refused() -> None:
    """No placeholder reaches visitors or counts as a reason."""
    text = toml(found(row("theme", kind="cookie")), policy())
    with pytest.raises(PolicyError, match=r"own_storage\.name: missing"):
        parse(SMALL + text.replace("# purpose", "purpose"))


def test_no_name_breaks_the_paste() -> None:
    """Whatever was reported, the paste is TOML, and what no policy can name stands in a comment."""
    findings = found(
        row('a"]\\', kind="storage"),
        row("a b", kind="storage"),
        row("*", kind="cookie"),
        row("https://under_score.example", "img-src"),
        row("https://[2001:db8::1]:8", "img-src"),
        row("https://matomo.example", "img-src"),
        row("eval"),
    )
    text = toml(findings, policy())
    tomllib.loads(text)
    assert declared(text).services["matomo_2"].hosts == {"img-src": ("https://matomo.example",)}
    assert text.count("cannot be named in a policy") == 5


_HOSTS = st.from_regex(r"(https?|wss?)://[a-z0-9_.-]{1,40}(:[0-9]{1,5})?", fullmatch=True)
_KEYS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=40)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["host", *reports._NAMED]), _HOSTS | _KEYS, st.sampled_from(schema.DIRECTIVES)))
)
def test_whatever_is_reported_the_paste_is_a_policy(told: list[tuple[str, str, str]]) -> None:
    """Every name that a report can bring ends up in a file that starts, once its purposes are chosen."""
    rows = []
    for key, name, directive in told:
        if key == "host":
            said: dict[str, Any] = {"csp-report": {"blocked-uri": name, "effective-directive": directive}}
        else:
            said = {"type": "consentry-names", key: [name]}
        rows += [row(s.name, s.by, kind=s.kind) for s in reports.read(json.dumps(said).encode(), host="")]
    declared(toml(found(*rows), policy()))


def test_an_entry_in_use_is_not_pasted_twice() -> None:
    """A service that the policy has is to be extended by hand."""
    text = SMALL + '\n[services.films]\npurpose = "social"\nname = "Films"\n'
    made = parse(text)
    findings = find([row("https://www.films.example", "frame-src")], made, CookieRules(made), ENTRIES)
    assert toml(findings, made) == ('# Add to [services.films.hosts]:\n#   frame-src = ["https://www.films.example"]\n')


def test_what_was_dropped_is_counted() -> None:
    """A number of its own, beside what was kept."""
    assert found(row("", "", kind="dropped", count=7)).dropped == 7
    assert not found()


def test_every_entry_of_the_catalogue_is_found_by_its_hosts_and_cookies() -> None:
    """Whatever host without a parameter, and whatever cookie, a built-in service has leads back to it."""
    entries = tuple(catalogue.search())
    assert entries
    empty = parse('site = "empty"\n')
    for one in entries:
        rows = [
            row(origin.replace("*", "x"), directive)
            for directive, origins in one.fields.get("hosts", {}).items()
            for origin in origins
            if "{" not in origin and "://" in origin
        ]
        rows += [
            row(cookie["name"].replace("*", "x"), "script", kind="cookie")
            for cookie in one.fields.get("cookies", ())
            if cookie.get("kind", "cookie") == "cookie"
        ]
        findings = find(rows, empty, CookieRules(empty), entries)
        for finding in (*findings.hosts, *findings.names):
            assert one.id in [fit.entry.id for fit in finding.fits], (one.id, finding.name)
