"""From ``Accept-Language`` to the one language that is counted; the rest of the header would tell visitors apart.

Sources: RFC 9110 §12.5.4 (Accept-Language) and §12.4.2 (weights); RFC 5646 §2.1; ISO 639-1 (languages of two letters).
"""

from __future__ import annotations

import re
from functools import lru_cache

from .view import OTHER

#: Characters that are looked at.
LONGEST = 256
_WEIGHT = re.compile(r"q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")

_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es
et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki
kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no
nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te
tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
#: ISO 639-1.
LANGUAGES = frozenset(_CODES.split())
#: What some browsers call languages by.
_ALSO = {"fil": "tl", "in": "id", "iw": "he", "ji": "yi"}


def language(accepted: str) -> str:
    """The language that *accepted* asks for most, two small letters; ``other`` if it says none that is known.

    :param accepted: A header's value, of which 256 characters are looked at.
    """
    return _read(accepted[:LONGEST])


def cache_clear() -> None:
    """Forget the headers that were read."""
    _read.cache_clear()


@lru_cache(maxsize=1024)
def _read(accepted: str) -> str:
    best, most = "", 0.0
    for part in accepted.split(","):
        tag, _, parameters = part.partition(";")
        weight = 1.0
        if parameters:
            written = _WEIGHT.fullmatch(parameters.strip().lower())
            weight = float(written[1]) if written else 0.0
        if weight > most and tag.strip() not in ("", "*"):
            best, most = tag.strip(), weight
    primary = best.partition("-")[0].lower()
    primary = _ALSO.get(primary, primary)
    return primary if primary in LANGUAGES else OTHER
