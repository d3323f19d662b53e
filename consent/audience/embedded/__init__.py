"""The countries that ship with the package: which registry gave a network to an organisation in which country.

``SOURCE.toml`` says where they come from, of which day they are, under which licence, and what they cannot tell.
``scripts/geo_countries.py`` builds both files; ``flask consent geo build`` makes a newer database from a newer file.
"""

from __future__ import annotations

import io
import tomllib
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import IO

#: What is packed, beside this module.
FILE, ABOUT = "countries.mmdb.xz", "SOURCE.toml"


@dataclass(frozen=True, slots=True)
class Source:
    """What ``SOURCE.toml`` says.

    :param attribution: The line that the licence demands wherever the data is shown.
    :param date: Day of the data.
    :param networks: How many there are in it.
    :param sha256: Of the unpacked database, in hexadecimal.
    :param limits: What the data cannot tell, in one sentence each.
    """

    name: str
    url: str
    version: str
    licence: str
    licence_url: str
    attribution: str
    date: date
    source_sha256: str
    networks: int
    sha256: str
    limits: tuple[str, ...]


def source() -> Source:
    """Where the data comes from."""
    said = tomllib.loads(files(__package__).joinpath(ABOUT).read_text(encoding="utf-8"))
    return Source(**said | {"limits": tuple(said["limits"])})


def unpacked() -> IO[bytes]:
    """The database, to be read from its beginning to its end.

    :raises ImportError: this Python was built without ``lzma``.
    :raises OSError: the file is not there.
    """
    import lzma  # noqa: PLC0415  # the rest works in a Python that lacks it

    return lzma.open(io.BytesIO(files(__package__).joinpath(FILE).read_bytes()))
