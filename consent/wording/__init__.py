"""The words that visitors read, one message file per language, and how that language writes times and countries.

A language is complete or absent: a file with a missing key fails in the tests, never before a visitor. Plurals, dates,
lengths of time and names of countries come from Babel (Unicode CLDR).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from babel import Locale
from babel.dates import format_date, format_time
from babel.units import format_unit

from ..lifetime import Lifetime

_MESSAGES = files(__name__) / "messages"


@dataclass(frozen=True, slots=True)
class Wording:
    """One language's words. Attribute access reaches the strings of ``[ui]``: ``words.accept_all``.

    :param language: BCP 47 tag of the message file.
    :param direction: ``ltr`` or ``rtl``.
    :param ui: Every string of the interface, by key, with ``str.format`` placeholders.
    :param purposes: Label and description of the usual purposes, by purpose id.
    """

    language: str
    direction: str
    ui: Mapping[str, str]
    purposes: Mapping[str, Mapping[str, str]]

    def __getattr__(self, key: str) -> str:
        try:
            return self.ui[key]
        except KeyError:
            raise AttributeError(f"no message {key!r} in {self.language}.toml") from None

    def format(self, key: str, **values: object) -> str:
        """The message *key* with its placeholders filled in."""
        return self.ui[key].format(**values)

    def plural(self, key: str, count: int) -> str:
        """The message ``key_one`` or ``key_other`` (CLDR category), with ``{count}`` filled in."""
        category = self._locale.plural_form(count)
        return self.ui.get(f"{key}_{category}", self.ui[f"{key}_other"]).format(count=count)

    def duration(self, lifetime: Lifetime | None) -> str:
        """A lifetime as people say it: "13 months"; ``None`` is the browser session."""
        if lifetime is None:
            return self.ui["session"]
        number, unit = lifetime.parts
        return format_unit(number, f"duration-{unit}", length="long", locale=self._locale)

    def country(self, code: str) -> str:
        """Name of an ISO 3166-1 country; the code itself where CLDR has no name, nothing for nothing."""
        return str(self._locale.territories.get(code, code))

    def date(self, moment: datetime) -> str:
        """A day as people write it."""
        return format_date(moment.date(), format="long", locale=self._locale)

    def time(self, moment: datetime) -> str:
        """An hour and its minute in UTC as people write them, without the word UTC."""
        return format_time(moment.astimezone(UTC), format="short", locale=self._locale)

    def name_of(self, language: str) -> str:
        """Name of a language, of which the BCP 47 tag is given; the tag itself where CLDR has no name."""
        return str(self._locale.languages.get(language, language))

    @property
    def _locale(self) -> Locale:
        return _locale(self.language)


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")


@cache
def languages() -> tuple[str, ...]:
    """Every language that ships, as BCP 47 tags."""
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in _MESSAGES.iterdir() if entry.name.endswith(".toml"))
    )


@cache
def wording(language: str) -> Wording:
    """The words of *language*.

    :raises LookupError: no message file ships for it.
    """
    if language not in languages():
        raise LookupError(language)
    data = tomllib.loads((_MESSAGES / f"{language}.toml").read_text(encoding="utf-8"))
    purposes = {purpose: MappingProxyType(dict(text)) for purpose, text in data["purposes"].items()}
    return Wording(language, data["direction"], MappingProxyType(dict(data["ui"])), MappingProxyType(purposes))
