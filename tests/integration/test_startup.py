"""What stops an application from starting, and what it says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from consent import ConfigError, PolicyError
from flask_consentry import Consentry
from tests.policies import SMALL

from .conftest import Site


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"CONSENT_MOD": "off"}, "CONSENT_MOD: unknown setting. Did you mean CONSENT_MODE?"),
        ({"CONSENT_MODE": "of"}, "CONSENT_MODE: not a mode: 'of'. Use one of: enforce, report, off"),
        ({"CONSENT_URL_PREFIX": "consent/"}, "CONSENT_URL_PREFIX: wrong value"),
        ({"CONSENT_COOKIE_NAME": "__Host-consent"}, "CONSENT_COOKIE_NAME: wrong value"),
        ({"CONSENT_COOKIE_DOMAIN": "https://example.com"}, "CONSENT_COOKIE_DOMAIN: wrong value"),
        ({"CONSENT_SECRET_KEYS": "one"}, "CONSENT_SECRET_KEYS: not a list of keys"),
        ({"CONSENT_RECORD_DEVICE": "yes"}, "CONSENT_RECORD_DEVICE: neither True nor False"),
        ({"CONSENT_GEOIP_DATABASE": "missing.mmdb"}, "CONSENT_GEOIP_DATABASE: there is no file"),
        ({"CONSENT_POLICY": 3}, "CONSENT_POLICY: not a path"),
        (
            {"SECRET_KEY": None},
            "SECRET_KEY: there is no key to sign answers with. Set SECRET_KEY before Consentry(app)",
        ),
        ({"CONSENT_STORE_URL": "sqlite://"}, "CONSENT_STORE_URL: write sqlite:"),
        ({"CONSENT_STORE_URL": "postgresql+pg8000://db/x"}, "CONSENT_STORE_URL: write sqlite:"),
        ({"CONSENT_STORE_URL": "no url"}, "this is not a database URL"),
        ({"CONSENT_STORE_URL": 7}, "CONSENT_STORE_URL: not a database URL"),
    ],
)
def test_a_wrong_setting_stops_the_start(build: Callable[..., Site], config: dict[str, object], said: str) -> None:
    """Key and remedy are named."""
    with pytest.raises(ConfigError) as caught:
        build(**config)
    assert said in str(caught.value)


def test_all_wrong_settings_are_named_at_once(build: Callable[..., Site]) -> None:
    """One start, every mistake."""
    with pytest.raises(ConfigError) as caught:
        build(CONSENT_MODE="of", CONSENT_URL_PREFIX="x", CONSENT_MOD=1)
    assert str(caught.value).count("\n  - ") == 3


def test_a_password_in_a_store_url_is_not_repeated(build: Callable[..., Site]) -> None:
    """Errors end up in logs."""
    with pytest.raises(ConfigError) as caught:
        build(CONSENT_STORE_URL="mysql://user:canary@db/x")
    assert "canary" not in str(caught.value)


def test_a_wrong_policy_stops_the_start(build: Callable[..., Site]) -> None:
    """The file is named with every mistake."""
    with pytest.raises(PolicyError, match=r"consent\.toml has 2 mistakes"):
        build('site = "x"\nfoo = 1\nbar = 2')


def test_a_policy_that_no_export_can_show_stops_the_start(build: Callable[..., Site]) -> None:
    """Its question and its edition would make every later export invalid: setting, file and remedy are named."""

    def declaring(services: int) -> str:
        service = '[services.s{}]\nname = "S"\npurpose = "social"\nprovider.name = "P"\nprovider.country = "DE"\n'
        service += f'provider.privacy_url = "https://example.net/{"x" * 1900}"\n'
        return SMALL + "".join(service.format(number) for number in range(services))

    site = build(declaring(450))
    assert site.accept().status_code == 200
    assert len(site.get("/consent/preferences").text) > 900_000
    with pytest.raises(
        ConfigError, match=r"CONSENT_POLICY: \S+consent\.toml declares [\d,]+ bytes, and .* Write shorter"
    ):
        build(declaring(600))


def test_a_missing_policy_stops_the_start(tmp_path: Path) -> None:
    """The path and the setting are named."""
    app = Flask("nowhere", root_path=str(tmp_path))
    app.config["SECRET_KEY"] = "x"
    with pytest.raises(PolicyError, match=r"consent\.toml.*\n.*does not exist.*CONSENT_POLICY"):
        Consentry(app)


def test_a_database_of_countries_must_be_one(build: Callable[..., Site], tmp_path: Path) -> None:
    """Any other file is refused at the start."""
    wrong = tmp_path / "wrong.mmdb"
    wrong.write_bytes(b"x" * 1000)
    with pytest.raises(ConfigError, match="CONSENT_GEOIP_DATABASE"):
        build(CONSENT_GEOIP_DATABASE=str(wrong))


def test_keys_rotate_with_flasks_own_setting(build: Callable[..., Site]) -> None:
    """``SECRET_KEY_FALLBACKS`` keeps earlier answers valid; without it they are void."""
    old, rotated, new = (
        build(SECRET_KEY="old"),
        build(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["old"]),
        build(SECRET_KEY="new"),
    )
    old.accept()
    assert old.receipt
    for site, known in ((rotated, True), (new, False)):
        site.client.set_cookie("consent_example", old.receipt)
        assert ("TUBE" in site.get().text) is known
    rotated.accept()
    assert rotated.receipt
    new.client.set_cookie("consent_example", rotated.receipt)
    assert "TUBE" in new.get().text


def test_a_spool_that_cannot_be_used_is_told_at_the_start(
    build: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    """In one line with the remedy; the store may be well, so that the site starts and records."""
    site = build(CONSENT_SPOOL="/dev/null/nowhere")
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "nothing would be recorded while the store is away: CONSENT_SPOOL: name a file of its own" in caplog.text
    assert "/dev/null/nowhere cannot be written" in caplog.text
    assert site.post(answer="reject_all").get_json()["recorded"]


def test_a_start_without_store_and_spool_promises_nothing(
    build: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    """No line says that answers wait somewhere."""
    away = "postgresql://somebody:canary@127.0.0.1:1/nothing"
    build(CONSENT_SPOOL="/dev/null/nowhere", CONSENT_STORE_URL=away)
    assert "now: nothing is recorded until it can be reached" in caplog.text
    assert "wait in the spool" not in caplog.text
    caplog.clear()
    build(CONSENT_STORE_URL=away)
    assert "now: answers wait in the spool" in caplog.text
    assert "canary" not in caplog.text


def test_starting_touches_no_disk(build: Callable[..., Site]) -> None:
    """The store is opened by the first answer, after any fork."""
    site = build()
    site.get()
    assert not site.state.ledger.database.path.exists()
    site.post(answer="reject_all")
    assert site.state.ledger.database.path.exists()
