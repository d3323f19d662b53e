"""The site's side of regions: what records keep, and ``flask consent geo``."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result

from consent.audience import embedded
from flask_consentry.cli import consent_commands
from flask_consentry.jobs import background
from tests.geo import IPV4, country, database

from .conftest import Site

WHERE = {"REMOTE_ADDR": "9.9.9.237"}


def run(site: Site, *words: str) -> Result:
    """One command of ``flask consent geo``."""
    return site.app.test_cli_runner().invoke(consent_commands, ["geo", *words])


def accepted(site: Site, **headers: str) -> str | None:
    """The jurisdiction in the record of a visitor who accepts."""
    site.clock.advance(seconds=1)
    sent = {"answer": "accept_all", "notice": site.token()}
    client = site.app.test_client()
    said = client.post("/consent/decision", json=sent, headers=headers, environ_overrides=WHERE)
    assert said.get_json()["recorded"]
    return site.records[-1].jurisdiction


def test_records_keep_no_country_by_themselves(build: Callable[..., Site]) -> None:
    """The countries that ship are there, and not for records."""
    site = build()
    assert site.state.regions.of("8.8.8.8") == "US"
    assert accepted(site) is None


def test_records_keep_the_country_of_the_operators_database(build: Callable[..., Site], tmp_path: Path) -> None:
    """As soon as one is set, also once it was replaced; never what is unknown, and never from a header."""
    file = database(tmp_path / "country.mmdb", {IPV4: country("IE")})
    site = build(CONSENT_GEOIP_DATABASE=str(file))
    assert accepted(site) == "IE"
    database(file, {IPV4: country("FR")})
    (job,) = (job for lane in background(site.app, site.state).lanes for job in lane if job.name == "regions")
    job.work()
    assert accepted(site) == "FR"
    database(file, {"8.8.8.0/24": country("US")})
    job.work()
    assert accepted(site) is None
    forged = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "CF-Connecting-IP", "CF-IPCountry")
    assert accepted(site, **dict.fromkeys(forged, "8.8.8.8")) is None


def test_status(build: Callable[..., Site], tmp_path: Path) -> None:
    """Which database, of which day, under which licence, and what it cannot tell."""
    said = run(build(), "status")
    assert said.exit_code == 0
    about = embedded.source()
    assert [part for part in (str(about.date), about.attribution, *about.limits) if part not in said.output] == []
    file = database(tmp_path / "country.mmdb", {IPV4: country("IE")})
    site = build(CONSENT_GEOIP_DATABASE=str(file))
    assert f"{file} (Test-Country)" in run(site, "status").output
    told = json.loads(run(site, "status", "--json").output)
    assert told.keys() == {"path", "kind", "date", "age_days", "jurisdiction"}
    assert (told["path"], told["jurisdiction"]) == (str(file), True)


def test_build(build: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From CSV, from a database; the result is taken by a site."""
    site = build()
    monkeypatch.chdir(tmp_path)
    Path("ranges.csv").write_text("9.9.9.0,9.9.9.255,CH\n", encoding="utf-8")
    said = run(site, "build", "ranges.csv", "--date", "2026-11-01")
    assert said.exit_code == 0, said.output
    assert said.output.startswith("consent-countries.mmdb: 1 network of 1 countries, of 2026-11-01.\n")
    assert run(site, "build", "consent-countries.mmdb", "--output", "again.mmdb").exit_code == 0
    newer = build(CONSENT_GEOIP_DATABASE=str(tmp_path / "again.mmdb"))
    assert newer.state.regions.open().built == date(2026, 11, 1)
    assert accepted(newer) == "CH"


def test_build_from_what_is_not(build: Callable[..., Site], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message that names the file and what to do, and nothing is written."""
    site = build()
    monkeypatch.chdir(tmp_path)
    file = Path("in")
    for content, told in (
        (b"", "there is no country in it"),
        (b"\0\0\0", "not a MaxMind database"),
        (b"\xff\xfe", "neither"),
        (b"x,y,z\n1,2\n", "line 2 is not a range"),
    ):
        file.write_bytes(content)
        said = run(site, "build", "in", "--output", "out")
        assert said.exit_code == 1
        assert told in said.output
        assert "Traceback" not in said.output
        assert not Path("out").exists()
    assert "--output names the file" in run(site, "build", "in", "--output", "in").output
    assert "missing cannot be built from" in run(site, "build", "missing").output
