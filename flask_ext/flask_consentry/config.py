"""Read ``CONSENT_*`` keys once, into one frozen value.

A misspelt key fails at start-up, where a developer sees it, rather than being ignored until a visitor is tracked by
mistake. Every mistake is reported at once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from flask import Flask

from consent import ConfigError
from consent.gate.caching import CacheMode
from consent.gate.headers import Mode
from consent.gate.reporting import Reports

PREFIX = "CONSENT_"

_Choice = TypeVar("_Choice", Mode, CacheMode, Reports)

_COOKIE_NAME = re.compile(r"(?!__)[A-Za-z][A-Za-z0-9_-]{0,39}")
_URL_PREFIX = re.compile(r"(?:/[A-Za-z0-9_-]+)+")
_DOMAIN = re.compile(r"(?:[a-z0-9-]+\.)+[a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Effective settings of one application."""

    #: ``CONSENT_POLICY``: the policy file; relative to the application's folder. Default ``consent.toml``.
    policy: Path
    #: ``CONSENT_MODE``: ``enforce`` (default), ``report`` or ``off``.
    mode: Mode
    #: ``CONSENT_REPORTS``: ``report`` (default: in that mode), ``always`` (in ``enforce``, too) or ``never``.
    reports: Reports
    #: ``CONSENT_CACHE_MODE``: ``variant`` (default), or ``static`` for one locked page that caches may share.
    cache_mode: CacheMode
    #: ``CONSENT_STORE_URL``: where records are kept. Default: ``consent.sqlite3`` in the instance folder, SQLite.
    store_url: str
    #: ``CONSENT_SIGNING_KEY``: the file of the keys that sign the log, readable by its owner alone. Default:
    #: ``consent-signing-SITE.key`` in the instance folder, with the policy's site id.
    signing_key: Path | None
    #: ``CONSENT_SIGNING_KEY_TEXT``: what would stand in that file, for sites that keep secrets in their environment.
    signing_key_text: str | None = field(repr=False)
    #: ``CONSENT_STORE_TIMEOUT``: seconds that an answer waits for the store before it goes to the spool. Default 0.25.
    store_timeout: float
    #: ``CONSENT_SPOOL``: where answers wait on this host while the store cannot be reached. Default:
    #: ``consent-spool.sqlite3`` in the instance folder.
    spool: Path
    #: ``CONSENT_SPOOL_CAP``: how large that file may grow, in bytes. Default 256 MiB.
    spool_cap: int
    #: ``CONSENT_BACKGROUND``: whether a thread of each process sequences, ships and refreshes. Default ``True``.
    background: bool
    #: ``CONSENT_AUTHORIZE``: decides who may see what is not for visitors: called with the name of an action. Default:
    #: nobody, and there are no such routes.
    authorize: Callable[[str], object] | None
    #: ``CONSENT_SMTP_URL``: the mail server for checkpoints, ``smtp://user:password@host:port``. Default: none.
    smtp_url: str | None = field(repr=False)
    #: ``CONSENT_URL_PREFIX``: where the routes are mounted. Default ``/consent``.
    url_prefix: str
    #: ``CONSENT_COOKIE_NAME``: name of the receipt cookie, without ``__Host-``. Default ``consent_`` and the site's id.
    cookie_name: str | None
    #: ``CONSENT_COOKIE_DOMAIN``: a parent domain whose subdomains share one answer. Default: this host only.
    cookie_domain: str | None
    #: ``CONSENT_SECRET_KEYS``: signing keys, oldest first.
    #: Default: ``SECRET_KEY_FALLBACKS``, reversed, then ``SECRET_KEY``.
    secret_keys: tuple[str | bytes, ...] = field(repr=False)
    #: ``CONSENT_PAGE_CAP``: the longest HTML page, in bytes, that is read and rewritten; 0: none is. Default 2 MiB.
    page_cap: int
    #: ``CONSENT_GEOIP_DATABASE``: a file of regions; records then keep the country. Default: none, and the countries
    #: that ship with the package are used for counting alone.
    geoip_database: Path | None
    #: ``CONSENT_RECORD_DEVICE``: whether grants keep a coarse device class and browser family. Default ``False``.
    record_device: bool
    #: ``CONSENT_RELOAD``: whether a page that nobody has touched is loaded anew, once, when a service is allowed that
    #: runs in the page itself. Default ``False``: it starts with the next page.
    reload: bool

    @classmethod
    def from_app(cls, app: Flask) -> Settings:
        """Read *app*'s config; later changes to it have no effect.

        :raises ConfigError: a ``CONSENT_*`` key is unknown or wrong, or there is no secret key; names all of them.
        """
        given: Mapping[str, Any] = app.config.get_namespace(PREFIX)
        known = [field.name for field in fields(cls)]
        problems = [_unknown(name, known) for name in sorted(set(given) - set(known))]
        values: dict[str, Any] = {}
        for name in known:
            try:
                values[name] = _READERS[name](app, given.get(name))
            except ValueError as error:
                key = "SECRET_KEY" if name == "secret_keys" and name not in given else PREFIX + name.upper()
                problems.append(f"{key}: {error}")
        if app.url_map.host_matching:
            problems.append("host_matching=True: the routes of consent cannot be found. Use SERVER_NAME and subdomains")
        taken = {app.config["SESSION_COOKIE_NAME"], app.config.get("REMEMBER_COOKIE_NAME")} - {None}
        if values.get("cookie_name") in taken:
            problems.append(f"{PREFIX}COOKIE_NAME: another cookie of the site has this name. Choose one of its own")
        if problems:
            lines = "\n".join(f"  - {problem}" for problem in problems)
            raise ConfigError(f"the config of the application {app.import_name!r} has mistakes:\n{lines}")
        return cls(**values)


def _unknown(name: str, known: list[str]) -> str:
    key = PREFIX + name.upper()
    close = difflib.get_close_matches(name, known, n=1)
    remedy = (
        f"Did you mean {PREFIX}{close[0].upper()}?" if close else "Remove it; docs/configuration.md lists the settings"
    )
    return f"{key}: unknown setting. {remedy}"


def _policy(app: Flask, value: Any) -> Path:
    if value is not None and not (isinstance(value, str | Path) and str(value)):
        raise ValueError(f"not a path: {value!r}. Write the policy file's path")
    return Path(app.root_path, value or "consent.toml")


def _one_of(default: _Choice) -> Callable[[Flask, Any], _Choice]:
    kind = type(default)

    def read(_: Flask, value: Any) -> _Choice:
        try:
            return kind(value if value is not None else default)
        except ValueError:
            raise ValueError(f"not a mode: {value!r}. Use one of: {', '.join(kind)}") from None

    return read


def _store_url(app: Flask, value: Any) -> str:
    if value is None:
        return f"sqlite:///{Path(app.instance_path, 'consent.sqlite3')}"
    if not isinstance(value, str):
        raise ValueError(f"not a database URL: {value!r}. Write sqlite:////PATH or postgresql://user@host/database")
    return value


def _in_instance(name: str | None) -> Callable[[Flask, Any], Path | None]:
    def read(app: Flask, value: Any) -> Path | None:
        if value is not None and not (isinstance(value, str | Path) and str(value)):
            raise ValueError("not a path. Write the path of a file")
        found = value or name
        return Path(app.instance_path, found) if found else None

    return read


def _text(scheme: re.Pattern[str], remedy: str) -> Callable[[Flask, Any], str | None]:
    """A text that may hold a secret: no message repeats it."""

    def read(_: Flask, value: Any) -> str | None:
        if value is None or (isinstance(value, str) and scheme.match(value)):
            return value
        raise ValueError(remedy)

    return read


def _authorize(_: Flask, value: Any) -> Callable[[str], object] | None:
    if value is None or callable(value):
        return value  # type: ignore[no-any-return]  # what it takes and returns shows when it is called
    if isinstance(value, str) and re.fullmatch(r"[\w.]+:\w+", value):
        module, name = value.split(":")
        try:
            found = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ValueError(f'{value} cannot be imported: {error}. Write "module:function"') from None
        if callable(found):
            return found  # type: ignore[no-any-return]  # as above
    raise ValueError('not a function. Write one, or "module:function"')


def _matching(pattern: re.Pattern[str], default: str | None, remedy: str) -> Callable[[Flask, Any], str | None]:
    def read(_: Flask, value: Any) -> str | None:
        if value is None:
            return default
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(f"wrong value: {value!r}. {remedy}")
        return value

    return read


def _secret_keys(app: Flask, value: Any) -> tuple[str | bytes, ...]:
    if value is None:
        newest, older = app.config.get("SECRET_KEY"), app.config.get("SECRET_KEY_FALLBACKS") or []
        if not isinstance(older, list | tuple):
            raise ValueError('SECRET_KEY_FALLBACKS is not a list of keys. Write ["an older key"]')
        value = [*reversed(older), newest] if newest else []
    if not isinstance(value, list | tuple) or not all(isinstance(key, str | bytes) and key for key in value):
        raise ValueError("not a list of keys. Write the keys as a list of texts, oldest first")
    if not value:
        raise ValueError("there is no key to sign answers with. Set SECRET_KEY before Consentry(app)")
    return tuple(value)


def _geoip_database(app: Flask, value: Any) -> Path | None:
    if value is None:
        return None
    if not isinstance(value, str | Path):
        raise ValueError(f"not a path: {value!r}. Write the path of a GeoIP2 or GeoLite2 file")
    path = Path(app.root_path, value)
    if not path.is_file():
        raise ValueError(f"there is no file {path}. Write the path of a GeoIP2 or GeoLite2 file, or remove the setting")
    return path


def _bytes(default: int, remedy: str, *, least: int = 0) -> Callable[[Flask, Any], int]:
    def read(_: Flask, value: Any) -> int:
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise ValueError(f"not a number of bytes: {value!r}. Write a whole number{remedy}")
        return value

    return read


def _seconds(default: float) -> Callable[[Flask, Any], float]:
    def read(_: Flask, value: Any) -> float:
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0.01 <= value <= 60:
            raise ValueError(f"not a number of seconds: {value!r}. Write one from 0.01 to 60")
        return float(value)

    return read


def _switch(*, default: bool) -> Callable[[Flask, Any], bool]:
    def read(_: Flask, value: Any) -> bool:
        if value not in (None, True, False):
            raise ValueError(f"neither True nor False: {value!r}. Write one of them; in the environment, true or false")
        return default if value is None else bool(value)

    return read


_READERS: Mapping[str, Callable[[Flask, Any], Any]] = {
    "policy": _policy,
    "mode": _one_of(Mode.ENFORCE),
    "reports": _one_of(Reports.REPORT),
    "cache_mode": _one_of(CacheMode.VARIANT),
    "store_url": _store_url,
    "url_prefix": _matching(_URL_PREFIX, "/consent", 'Write a path such as "/consent", without a slash at the end'),
    "cookie_name": _matching(_COOKIE_NAME, None, 'Write letters, digits, "_" and "-"; "__Host-" is added on HTTPS'),
    "cookie_domain": _matching(_DOMAIN, None, 'Write a parent domain in small letters, such as "example.com"'),
    "secret_keys": _secret_keys,
    "page_cap": _bytes(2 * 1024 * 1024, ", 0 to rewrite no page"),
    "geoip_database": _geoip_database,
    "record_device": _switch(default=False),
    "reload": _switch(default=False),
    "signing_key": _in_instance(None),
    "signing_key_text": _text(re.compile(r"\s*(#|PRIVATE)"), "not a key. Write what flask consent keys new made"),
    "store_timeout": _seconds(0.25),
    "spool": _in_instance("consent-spool.sqlite3"),
    "spool_cap": _bytes(256 * 1024 * 1024, " of at least 1,000,000", least=1_000_000),
    "background": _switch(default=True),
    "authorize": _authorize,
    "smtp_url": _text(re.compile("smtps?://."), 'not a mail server. Write "smtp://user:password@host:port"'),
}
