"""Docs cannot rot: what README and docs/ show is read by the core itself, and what the core knows is in the docs.

The parts that need Flask are in tests/integration/test_docs.py.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from marshmallow import Schema

from consent import Duration, Method, PolicyError, wire
from consent.gate.headers import Mode
from consent.ledger import Event, Surface, tables
from consent.ledger.export import _FIELDS as EXPORTED
from consent.policy import NECESSARY, Basis, Kind, Opens, advise, parse, schema
from consent.wording import languages, wording

ROOT = Path(__file__).parents[2]
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))) if page.exists()]
_BLOCK = re.compile(r"^```([\w+-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

#: The mistakes that docs/policy.md shows the message for.
MISTAKEN = """
site = "my-site"
[controller]
nam = "My Site"
[purposes.social]
[purposes.research]
[services.youtube]
purpose = "socal"
name = "YouTube"
[services.youtube.hosts]
frame-src = ["https://www.youtube-nocookie.com/embed"]
"""

#: A policy that earns every warning there is.
QUESTIONABLE = """
site = "my-site"
[decision]
lifetime = "14 months"
refusal_lifetime = "1 month"
[purposes.social]
[services.login]
purpose = "necessary"
name = "Login"
alternative = "Ask for the password each time."
[[services.login.cookies]]
name = "member"
lifetime = "2 years"
"""


def blocks(language: str, pages: list[Path] = PAGES) -> Iterator[tuple[str, str]]:
    """Every fenced block of *language*, with where it stands."""
    for page in pages:
        for number, (written, code) in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8"))):
            if written == language:
                yield f"{page.name}-{number}", code


def cases(language: str) -> list:
    return [pytest.param(code, id=where) for where, code in blocks(language)]


def text(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def anchors(markdown: str) -> set[str]:
    """The ids that GitHub gives to the headings of a page."""
    prose = _BLOCK.sub("", markdown)
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose))
    return {heading.replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("code", cases("toml"))
def test_toml(code: str) -> None:
    """Every TOML block is valid TOML, and a valid policy where it is a whole one."""
    tomllib.loads(code)
    if re.search(r"^site =", code, re.MULTILINE):
        parse(code)


@pytest.mark.parametrize("code", cases("json"))
def test_json(code: str) -> None:
    """Every JSON block is valid JSON."""
    json.loads(code)


@pytest.mark.parametrize("code", cases("python"))
def test_python(code: str) -> None:
    """Every Python block compiles."""
    compile(code, "docs", "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    """Every relative link leads to a file that is there, and to a heading that is in it."""
    for link in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page.name}: {link}"


def test_index() -> None:
    """The map of the docs leads to every page."""
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in text("index.md")


def test_policy_keys() -> None:
    """docs/policy.md has a table row for every key of every table of the policy file."""
    schemas = [one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, Schema)]
    keys = {key for one in schemas for key in one().fields}
    assert keys >= {"site", "purposes", "cookies", "version"}
    # `text` is a table of tables, `label` and `description` are in it.
    missing = [key for key in sorted(keys) if not re.search(rf"^\| `{key}` \|", text("policy.md"), re.MULTILINE)]
    assert missing == []


def test_policy_words() -> None:
    """docs/policy.md names every directive, storage kind, basis, language and built-in purpose."""
    kinds = (*Kind, *Opens, *Basis, *languages(), *wording("en").purposes, *schema.DIRECTIVES)
    page = text("policy.md")
    assert [word for word in kinds if f"`{word}`" not in page and f'`"{word}"`' not in page] == []


def test_policy_starts_with_the_smallest() -> None:
    """The first block of docs/policy.md is the smallest policy: the error about a missing file says so."""
    first = next(code for _, code in blocks("toml", [ROOT / "docs" / "policy.md"]))
    assert first == 'site = "my-site"\n'


def test_policy_errors() -> None:
    """docs/policy.md shows an error message as it is."""
    with pytest.raises(PolicyError) as raised:
        parse(MISTAKEN)
    assert str(raised.value) in text("policy.md")


def test_policy_warnings() -> None:
    """docs/policy.md explains every warning."""
    warnings = [*advise(parse(QUESTIONABLE)), *advise(parse('site = "a"\n[purposes.social]\n'))]
    messages = {warning.message.replace("member ", "(a cookie) ") for warning in warnings}
    assert len(messages) == 9
    assert [message for message in sorted(messages) if f"| {message} |" not in text("policy.md")] == []


def test_modes() -> None:
    """docs/configuration.md compares all modes."""
    assert "| | " + " | ".join(f"`{mode}`" for mode in Mode) + " |" in text("configuration.md")


def test_decision_fields() -> None:
    """docs/decisions.md has a row for every field and every answer that is taken."""
    page = text("decisions.md")
    rows = {*wire._SCHEMA.fields, *wire._METHODS}
    assert [row for row in sorted(rows) if not re.search(rf"^\| `{row}` \|", page, re.MULTILINE)] == []
    assert [word for word in (*Duration, *Surface, NECESSARY) if word not in page] == []


def test_record_fields() -> None:
    """docs/record.md explains every exported field, event, method and surface, and names every table."""
    page = text("record.md")
    columns = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    rows = {name for names in columns for name in names}
    assert set(EXPORTED) <= rows
    assert set(tables.metadata.tables) <= rows
    visitors = set(Method) - {Method.GPC, Method.API}  # these two are not for visitors to claim
    assert [word for word in (*Event, *Surface, *sorted(visitors)) if f"`{word}`" not in page] == []
