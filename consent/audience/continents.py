"""From a country to its continent: ISO 3166-1 alpha-2 codes to the regions of UN M49. Facts only, no names.

Antarctica (AQ) is in no region of M49. Taiwan (TW), which M49 does not list, is in Asia; Kosovo (XK, a code that ISO
leaves to its users) in Europe. CLDR has the names of the regions in many languages, under the same codes.

Sources: UN Statistics Division, Standard country or area codes for statistical use (M49); ISO 3166-1.
"""

from __future__ import annotations

AFRICA = "002"
OCEANIA = "009"
AMERICAS = "019"
ASIA = "142"
EUROPE = "150"

_COUNTRIES = {
    AFRICA: """
        AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY MA MG ML MR
        MU MW MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA ZM ZW
    """,
    OCEANIA: "AS AU CC CK CX FJ FM GU HM KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    AMERICAS: """
        AG AI AR AW BB BL BM BO BQ BR BS BV BZ CA CL CO CR CU CW DM DO EC FK GD GF GL GP GS GT GY HN HT JM
        KN KY LC MF MQ MS MX NI PA PE PM PR PY SR SV SX TC TT US UY VC VE VG VI
    """,
    ASIA: """
        AE AF AM AZ BD BH BN BT CN CY GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY
        NP OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE
    """,
    EUROPE: """
        AD AL AT AX BA BE BG BY CH CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC
        MD ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK
    """,
}
_CONTINENT = {country: continent for continent, countries in _COUNTRIES.items() for country in countries.split()}


def continent(region: str) -> str | None:
    """M49 code of the continent of *region* (``DE`` or ``DE-BY``); ``None`` if it has none or is no country."""
    return _CONTINENT.get(region.partition("-")[0])
