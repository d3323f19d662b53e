"""Docs cannot rot: what README and docs/ show is read by the core itself, and what the core knows is in the docs.

The parts that need Flask are in tests/integration/test_docs.py.
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from marshmallow import Schema

from consent import Duration, Method, PolicyError, wire
from consent.gate.headers import Mode
from consent.ledger import Event, Surface, tables
from consent.ledger.export import csv_table
from consent.ledger.migrations import VERSION_TABLE
from consent.policy import NECESSARY, Basis, Kind, Opens, advise, parse, schema
from consent.proof import lines, manifest
from consent.proof.console import _parser
from consent.proof.leaf import Leaf
from consent.proof.verdict import Verdict
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
[purposes.statistics]
basis = "exempt"
[audience.links]
catalogue = "/catalogue"
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
    warnings = [*advise(parse(QUESTIONABLE)), *advise(parse('site = "a"\n[purposes.social]\n[audience]\n'))]
    messages = {warning.message.replace("member ", "(a cookie) ") for warning in warnings}
    assert len(messages) == 12
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


def rows(page: str) -> dict[str, str]:
    """Every table row of a page that begins with a name in backticks, by that name."""
    found = re.findall(r"^\| (`[^|]+) \|(.*)\|$", text(page), re.MULTILINE)
    return {name: row for names, row in found for name in re.findall(r"`([\w.]+)`", names)}


def test_record_fields() -> None:
    """docs/record.md explains every exported field, event, method and surface."""
    page = text("record.md")
    assert [name for name in csv_table.COLUMNS if name not in rows("record.md") and name != "index"] == []
    assert "`index` is the record's place in the log" in page
    visitors = set(Method) - {Method.GPC, Method.API}  # these two are not for visitors to claim
    assert [word for word in (*Event, *Surface, *sorted(visitors)) if f"`{word}`" not in page] == []


def test_tables() -> None:
    """docs/record.md has a row for every table, with each of its columns."""
    described = rows("record.md")
    for name, table in tables.metadata.tables.items():
        assert [column.name for column in table.columns if f"`{column.name}`" not in described[name]] == [], name
    assert VERSION_TABLE in described


def test_kinds_of_entries() -> None:
    """docs/record.md and docs/audit.md name every kind of entry that a log has."""
    kinds = [leaf.kind for leaf in get_args(Leaf)]
    assert len(kinds) == 5
    assert [kind for kind in kinds if kind not in rows("record.md")] == []
    assert [kind for kind in kinds if f"\n| {kind} |" not in text("audit.md")] == []


def test_lines_of_an_export() -> None:
    """docs/record.md has a row for every type of line, with each field that it may have."""
    moment, proof = datetime(2026, 3, 3, tzinfo=UTC), [bytes(32)]
    public = b'{"commitment":"","day":"2026-03-03","kind":"record"}'
    written = [
        lines.header_line(origin="a", site="a", made_at=moment, checkpoint="a"),
        lines.leaf_line(0, public, body=b"{}", salt=bytes(32), proof=proof),
        lines.notice_line(0, public, "text", "html", proof),
        lines.edition_line(0, public, b"{}", proof),
        lines.unsequenced_line(b"{}", bytes(32)),
        lines.manifest_line("a"),
    ]
    described = rows("record.md")
    for line in map(json.loads, written):
        row = described[line["type"]]
        fields = line.keys() - {"type", "manifest"}
        assert [field for field in sorted(fields) if f"`{field}`" not in row] == [], line["type"]
    assert lines.FORMAT in text("record.md")
    assert manifest.FORMAT.startswith("consentry-manifest/")


def test_verdicts() -> None:
    """docs/audit.md has a row for every verdict, with the code that the command ends with."""
    page = text("audit.md")
    for verdict in Verdict:
        assert re.search(rf"^\| `{verdict.words}` \| {verdict.value} \|", page, re.MULTILINE), verdict
    assert [word for word in ("PARTIAL", "ANCHORED", "UNANCHORED") if f"`{word}`" not in page] == []


def commands_of_the_verifier() -> dict[str, argparse.ArgumentParser]:
    (group,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    return dict(group.choices)


def test_options_of_the_verifier() -> None:
    """docs/audit.md names every command of ``consentry``, and has a row for every option of it."""
    page = text("audit.md")
    for name, command in commands_of_the_verifier().items():
        assert f"`consentry {name} " in page
        options = [option for action in command._actions for option in action.option_strings if option[:2] == "--"]
        missing = [option for option in options if not re.search(rf"^\| `{option}\b", page, re.MULTILINE)]
        assert missing == ["--help"]


def test_commands_of_the_verifier_are_real(capsys: pytest.CaptureFixture[str]) -> None:
    """Every ``consentry`` command that README or docs show is one that the verifier understands."""
    shown = [line for code in dict(blocks("console")).values() for line in code.splitlines()]
    calls = [re.sub(r"\s#.*", "", line).removeprefix("$ ").split() for line in shown if "consentry verify" in line]
    assert len(calls) >= 4
    for call in calls:
        given = _parser().parse_args(call[1:])
        assert given.key == ["site.pub"]
