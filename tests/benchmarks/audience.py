"""What counting costs: a look-up of a region, a counted hit, a beacon, a report; and what cutting an address loses.

``make bench`` runs all but the last. What is measured and what it costs at least take turns within a round, so that a noisy
machine disturbs both alike. Ratios are medians over rounds; times of the first two are those of the best round.

- **Look-up**: an address to a region, against cutting the address and a bare look-up of what is left, by the same reader
  (in C) in the same database.
- **Hit**: an address, a user agent (in cache) and a language to six counters, against the same bare look-up, cut in the
  two ways that Python has: by the standard library's ``ipaddress``, as most would write it, and by bytes of ``socket``,
  which is the least that it can cost. The goal is about the first.
- **Beacon**: a request for the picture that is counted, with a consent cookie, through the whole application and the gate,
  against an empty response of a bare Flask application. Each beacon is another one: what came before does not count.
- **Report**: see :mod:`.audience_report`.

``--agreement FILE`` needs the database that the shipped one was made of: 200,000 of its networks, an address each, whole
against cut.
"""

from __future__ import annotations

import argparse
import gc
import ipaddress
import os
import random
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import maxminddb
from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from consent import Grants
from consent.audience import embedded
from consent.audience.counters import Counters
from consent.audience.counting import Asked, Counting
from consent.audience.network import network
from consent.audience.region import UNKNOWN, Regions, networks
from consent.policy import NECESSARY, parse
from flask_consentry import Consentry
from flask_consentry.state import KEY, State

from . import audience_report, gate

LOOK_UP_GOAL = HIT_GOAL = 2.0
HIT_MICROSECONDS = 15.0
BEACON_GOAL = 1.3
AGREEMENT_GOAL = 0.999
#: Requests that are timed at once.
BATCH = 100
_CHANCE = random.Random(5)  # the same sample every time


def addresses(count: int) -> dict[int, list[str]]:
    """Public addresses, evenly over both spaces."""
    four = [socket.inet_ntoa(_CHANCE.randbytes(4)) for _ in range(2 * count)]
    six = [socket.inet_ntop(socket.AF_INET6, b"\x2a\x02" + _CHANCE.randbytes(14)) for _ in range(2 * count)]
    return {version: [one for one in some if network(one)][:count] for version, some in ((4, four), (6, six))}


Work = Callable[[str], object]


def by_bytes(reader: maxminddb.Reader, version: int) -> Work:
    """Cut an address, and look up what is left: the least that this can cost."""
    family, size, kept = (socket.AF_INET, 4, 3) if version == 4 else (socket.AF_INET6, 16, 6)
    rest = bytes(size - kept)

    def look_up(address: str) -> object:
        return reader.get(socket.inet_ntop(family, socket.inet_pton(family, address)[:kept] + rest))

    return look_up


def by_ipaddress(reader: maxminddb.Reader, version: int) -> Work:
    """The same as most would write it."""
    kind, cut = (ipaddress.IPv4Address, 8) if version == 4 else (ipaddress.IPv6Address, 80)

    def look_up(address: str) -> object:
        return reader.get(kind(int(kind(address)) >> cut << cut))

    return look_up


@contextmanager
def countries() -> Iterator[maxminddb.Reader]:
    """A bare reader, in C, of the countries that ship."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "countries.mmdb")
        with embedded.unpacked() as source:
            file.write_bytes(source.read())
        with maxminddb.open_database(file, maxminddb.MODE_MMAP_EXT) as reader:
            yield reader


def microseconds(work: Work, on: Sequence[str]) -> float:
    """What one costs, of many."""
    begin = time.perf_counter()
    for one in on:
        work(one)
    return (time.perf_counter() - begin) / len(on) * 1e6


def compared(bare: Work, ours: Work, on: Sequence[str], rounds: int) -> tuple[float, float, float]:
    """The best of both, since noise only adds, and the median of what *ours* is of *bare* in the same round."""
    pairs = [(microseconds(bare, on), microseconds(ours, on)) for _ in range(rounds)]
    floor, cost = (min(column) for column in zip(*pairs, strict=True))
    return floor, cost, statistics.median(ours / bare for bare, ours in pairs)


def judged(*, met: bool) -> str:
    """How a goal was met."""
    return "ok" if met else "MISSED"


def look_ups(rounds: int, count: int) -> bool:
    """Print what a look-up costs; whether the goal is met."""
    regions, fine = Regions(), True
    begin = time.perf_counter()
    regions.of("8.8.8.8")
    print(f"first look-up, which unpacks the countries that ship: {(time.perf_counter() - begin) * 1e3:.0f} ms")
    with countries() as reader:
        for version, on in addresses(count).items():
            floor, ours, ratio = compared(by_bytes(reader, version), regions.of, on, rounds)
            met = ratio <= LOOK_UP_GOAL
            fine = fine and met
            print(
                f"look-up, IPv{version}: bare {floor:.2f} µs, address to region {ours:.2f} µs, x {ratio:.2f}", end=" "
            )
            print(f"(goal {LOOK_UP_GOAL:g}): {judged(met=met)}")
    return fine


def hits(rounds: int, count: int) -> bool:
    """Print what a counted hit costs; whether the goals are met."""
    policy, now, fine = parse(gate.POLICY.read_text(encoding="utf-8")), datetime.now(UTC), True
    grants = Grants(frozenset({NECESSARY, policy.audience.purpose}), frozenset(), session_only=False, variant="")
    counters = Counters(lambda _: None, k=policy.audience.k, entropy=os.urandom, every=None)
    counting = Counting(policy, Regions(), counters)
    browser = gate.environ("")

    def count_it(address: str) -> bool:
        asked = Asked(address, browser["HTTP_USER_AGENT"], browser["HTTP_ACCEPT_LANGUAGE"])
        return counting.page(asked, page="/news", campaign=None, grants=grants, decision=None, now=now)

    with countries() as reader:
        for version, on in addresses(count).items():
            if not all(map(count_it, on)):  # and every counter knows enough contributors afterwards, as by noon
                raise SystemExit("a hit was not counted")
            floor, ours, ratio = compared(by_ipaddress(reader, version), count_it, on, rounds)
            least, _, of_least = compared(by_bytes(reader, version), count_it, on, rounds)
            met = ratio <= HIT_GOAL and ours <= HIT_MICROSECONDS
            fine = fine and met
            print(
                f"hit, IPv{version}: address to counters {ours:.2f} µs (goal {HIT_MICROSECONDS:g}), bare by ipaddress",
                end=" ",
            )
            print(f"{floor:.2f} µs, x {ratio:.2f} (goal {HIT_GOAL:g}): {judged(met=met)};", end=" ")
            print(f"bare by bytes {least:.2f} µs, x {of_least:.2f} (no goal)")
    return fine


def beacons(rounds: int) -> bool:
    """Print what a beacon costs that is counted; whether the goal is met."""
    (receipt,) = gate.receipts(1)
    with tempfile.TemporaryDirectory() as folder:
        empty, asked = Flask("bench", root_path=folder), gate.environ(receipt)
        empty.secret_key = "bench"
        empty.add_url_rule("/", "empty", Response)
        asked["HTTP_COOKIE"] = asked["HTTP_COOKIE"].partition("; ")[2]  # no session, which only Flask would read
        asked |= {"REMOTE_ADDR": "8.8.8.8", "HTTP_ACCEPT": "image/*", "HTTP_SEC_FETCH_DEST": "image"}
        bare = [asked] * BATCH
        fine = True
        for app, name, goal in (
            (gate.application(folder, gated=True), "as a rule", BEACON_GOAL),
            (beneath(ProxyFix, folder), "with ProxyFix beneath the gate", BEACON_GOAL),
            (beneath(partial, folder), "with other middleware there, so that Flask answers", None),
        ):
            if counted(app, pictures(app, asked)) != BATCH:
                raise SystemExit("a beacon was not counted")
            times: list[tuple[float, float]] = []
            for number in range(rounds + 5):
                some_more = pictures(app, asked)
                gc.collect()
                if number % 2:
                    floor, ours = gate.per_request(empty, bare), gate.per_request(app, some_more)
                else:
                    ours, floor = gate.per_request(app, some_more), gate.per_request(empty, bare)
                times.append((floor, ours))
            floor, ours = (statistics.median(column) for column in zip(*times[5:], strict=True))
            ratio = statistics.median(ours / floor for floor, ours in times[5:])
            met = goal is None or ratio <= goal
            fine = fine and met
            print(f"beacon, {name}: empty response {floor:.1f} µs, beacon {ours:.1f} µs, x {ratio:.2f}", end=" ")
            print("(no goal)" if goal is None else f"(goal {goal:g}): {judged(met=met)}")
    return fine


def beneath(middleware: Callable[[Any], Any], folder: str) -> Flask:
    """The gated application where *middleware* stands between the gate and Flask."""
    app = Flask("beneath", root_path=folder)
    app.config.update(SECRET_KEY="bench", CONSENT_POLICY=str(gate.POLICY))
    app.wsgi_app = middleware(app.wsgi_app)  # type: ignore[method-assign]
    Consentry(app)
    return app


def pictures(app: Flask, asked: gate.Environ) -> list[gate.Environ]:
    """Requests for the beacons of as many pages, like *asked* for the rest."""
    state: State = app.extensions[KEY]
    tokens = (state.beacons.for_page("/news", service="page_counter", now=state.clock()) for _ in range(BATCH))
    return [asked | {"PATH_INFO": f"/consent/beacon/{token}.gif"} for token in tokens]


def counted(app: Flask, requests: list[gate.Environ]) -> int:
    """How many of *requests* are counted."""
    count_it, done = Counting.page, list[bool]()

    def watched(self: Counting, *args: Any, **kwargs: Any) -> bool:
        done.append(count_it(self, *args, **kwargs))
        return done[-1]

    with patch.object(Counting, "page", watched):
        gate.per_request(app, requests)
    return sum(done)


def agreement(file: Path, count: int) -> bool:
    """Print how often a cut address has the country of the whole one in *file*; whether the goals are met.

    What is announced to other networks is a /24 or a /48, or wider. A network of *file* that is so wide loses nothing,
    whatever the addresses: its blocks have one country each. What can lose is a block that several networks share, so
    these are counted in as blocks of their own, and on their own; neither has a goal, since no majority is better than
    the one that the countries that ship are built with. *As it is* is *file* itself as CONSENT_GEOIP_DATABASE, which is
    asked for the first address of a block.
    """
    whole, cut, fine = Regions(file), Regions(), True
    whole.open()
    with maxminddb.open_database(file) as reader:
        for version, announced, size in ((4, 24, 4), (6, 48, 16)):
            family = socket.AF_INET if version == 4 else socket.AF_INET6
            block = 1 << (8 * size - announced)
            found = [(first, last) for kind, first, last, _ in networks(file) if kind == version]
            wide = [one for one in found if one[1] - one[0] + 1 >= block]
            small = [one for one in found if one[1] - one[0] + 1 < block]
            shared = [(number * block, (number + 1) * block - 1) for number in {first // block for first, _ in small}]
            sizes = [last - first + 1 for first, last in found]
            samples = {
                f"networks of /{announced} and wider": (some(wide, count), AGREEMENT_GOAL),
                "addresses, evenly spread": (_CHANCE.choices(found, sizes, k=count), AGREEMENT_GOAL),
                f"of these networks and the {len(shared):,} /{announced} that smaller ones share": (
                    some(wide + shared, count),
                    None,
                ),
                f"networks smaller than /{announced}, of {len(small):,}": (some(small, count), None),
            }
            for what, (sample, goal) in samples.items():
                same = as_it_is = asked = 0
                for first, last in sample:
                    address = socket.inet_ntop(family, _CHANCE.randint(first, last).to_bytes(size, "big"))
                    said = reader.get(address)
                    if network(address) is None or not isinstance(said, dict):
                        continue
                    asked += 1
                    same += cut.of(address) == said.get("country_code", UNKNOWN)
                    as_it_is += whole.of(address) == said.get("country_code", UNKNOWN)
                share = same / asked
                fine = fine and (goal is None or share >= goal)
                judged = f" (goal {goal:.1%}): {'ok' if share >= goal else 'MISSED'}" if goal else ", no goal"
                print(f"IPv{version}, {asked:,} {what}: {share:.3%}{judged}; as it is {as_it_is / asked:.3%}")
    return fine


def some(networks: Sequence[tuple[int, int]], count: int) -> Sequence[tuple[int, int]]:
    """*count* of *networks*, or all if there are no more, none of them twice."""
    return _CHANCE.sample(networks, min(count, len(networks)))


def main() -> int:
    """Measure; 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--agreement", type=Path, metavar="FILE")
    given = parser.parse_args()
    if given.agreement:
        return 0 if agreement(given.agreement, 200_000) else 1
    met = [
        look_ups(given.rounds, given.count),
        hits(given.rounds, given.count),
        beacons(10 * given.rounds),
        audience_report.report(given.rounds),
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    raise SystemExit(main())
