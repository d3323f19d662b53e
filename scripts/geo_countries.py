"""Write the countries that ship with the package anew.

    npm pack @ip-location-db/geo-whois-asn-country-mmdb
    python scripts/geo_countries.py ip-location-db-geo-whois-asn-country-mmdb-*.tgz

The same input makes the same files, byte for byte. Afterwards change ``NOTICE`` and ``docs/audience.md`` if the licence
or the limits have changed, and look at what ``tests/benchmarks/audience.py --agreement`` prints.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import maxminddb

from consent.audience import building, embedded

NAME = "@ip-location-db/geo-whois-asn-country-mmdb"
MEMBER = "package/geo-whois-asn-country.mmdb"
FOLDER = Path(embedded.__file__).parent
ABOUT = """\
# Written by scripts/geo_countries.py.
name = "NRO delegated statistics, WHOIS and geofeeds, as put together by ip-location-db"
url = "https://www.npmjs.com/package/{name}"
version = "{version}"
licence = "CC BY 4.0"
licence_url = "https://creativecommons.org/licenses/by/4.0/"
attribution = "Countries of networks: data of the Number Resource Organization (nro.net), CC BY 4.0, changed."
date = {date}
source_sha256 = "{source}"
networks = {networks}
sha256 = "{unpacked}"
limits = [
    "The country of the network, not of the visitor: a VPN or a proxy counts where it is.",
    "One country for each /24 (IPv4) and each /48 (IPv6); no smaller regions.",
    "As of the date above, and older with every day: networks move.",
    "Its publisher warns of mistakes in the data of this channel. Another source agreed for 98 % of IPv4.",
]
"""


def main(tarball: Path) -> None:
    """Build, pack, describe.

    :raises SystemExit: the file is not the package.
    """
    with tarfile.open(tarball) as package, tempfile.TemporaryDirectory() as name:
        about = json.load(package.extractfile("package/package.json") or sys.exit("no package.json"))
        if about["name"] != NAME:
            sys.exit(f"this is {about['name']}, not {NAME}")
        source, made = Path(name, "source.mmdb"), Path(name, "countries.mmdb")
        source.write_bytes((package.extractfile(MEMBER) or sys.exit(f"no {MEMBER}")).read())
        with maxminddb.open_database(source) as reader:
            built = datetime.fromtimestamp(reader.metadata().build_epoch, UTC)
        done = building.build(
            building.ranges(source), made, built=built, about=f"Country of the network, of {NAME} {about['version']}"
        )
        raw = made.read_bytes()
        packed = lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME)
        (FOLDER / embedded.FILE).write_bytes(packed)
        (FOLDER / embedded.ABOUT).write_text(
            ABOUT.format(
                name=NAME,
                version=about["version"],
                date=built.date(),
                source=hashlib.sha256(source.read_bytes()).hexdigest(),
                networks=done.networks,
                unpacked=hashlib.sha256(raw).hexdigest(),
            ),
            encoding="utf-8",
        )
    print(f"{done.networks:,} networks of {done.countries} countries: {len(raw):,} bytes, packed {len(packed):,}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
