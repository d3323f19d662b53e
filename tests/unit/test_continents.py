"""Countries and their continents, held against an independent list of territories."""

import pytest
from babel import Locale

from consent.audience.continents import _COUNTRIES, continent

#: What CLDR lists as a territory and ISO 3166-1 does not, and Antarctica, which is in no region of M49.
_NO_COUNTRY = {"AC", "AQ", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}


@pytest.mark.parametrize(
    ("region", "expected"),
    [("DE", "150"), ("DE-BY", "150"), ("TR", "142"), ("US-CA", "019"), ("TV", "009"), ("SH", "002"), ("AQ", None)],
)
def test_a_country_and_its_parts_are_in_its_continent(region: str, expected: str | None) -> None:
    assert continent(region) == expected


@pytest.mark.parametrize("region", ["unknown", "other", "", "-", "EU", "de", "150"])
def test_what_is_no_country_has_none(region: str) -> None:
    assert continent(region) is None


def test_every_country_is_in_one_continent_that_has_a_name() -> None:
    territories = {str(code): name for code, name in Locale("en").territories.items()}
    countries = [country for listed in _COUNTRIES.values() for country in listed.split()]
    assert len(countries) == len(set(countries))
    assert set(countries) == {code for code in territories if len(code) == 2} - _NO_COUNTRY
    names = [territories[code] for code in _COUNTRIES]
    assert names == ["Africa", "Oceania", "Americas", "Asia", "Europe"]
