"""What the HTML gate costs: a page rewritten, all edits and placeholders included, beside a plain parse of it.

Part of ``make bench``. The pages are the saved news pages beside the checkout, or, without them, the standard library's
manual with trackers planted into it. Parse and gate take turns, page by page, so that a noisy machine disturbs both
alike. Figures: medians over rounds; then the median over pages.
"""

from __future__ import annotations

import pydoc
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from turbohtml import parse

from consent.gate.csp import ContentPolicy
from consent.gate.found import Found
from consent.gate.html import HtmlGate
from consent.policy import NECESSARY, Policy
from consent.policy import parse as parse_policy

NEWS = sorted(Path(__file__).parents[2].with_name("shared").glob("data/pages/*.html"))
ROUNDS = 60
GOAL_MS, GOAL_RATIO, GOAL_HEADER_US = 2.0, 5.0, 5.0
SIZES = (10_000, 50_000, 200_000, 1_000_000, 5_000_000)

POLICY = """
site = "bench"
[purposes.social]
[purposes.statistics]
[purposes.marketing]
[services.youtube]
use = "youtube"
[services.x]
use = "x"
[services.google-analytics]
use = "google-analytics"
[services.meta-pixel]
use = "meta-pixel"
"""
_TRACKERS = """<script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>
<noscript><img height="1" width="1" src="https://www.facebook.com/tr?id=1&ev=PageView&noscript=1"></noscript>
<iframe width="560" height="315" src="https://www.youtube.com/embed/x" title="Film"></iframe>
<img src="https://pixel.example/p.gif" srcset="https://pixel.example/2.gif 2x" alt="">
"""


def pages() -> dict[str, bytes]:
    """Real pages by name."""
    if NEWS:
        return {file.stem: file.read_bytes() for file in NEWS}
    found = {}
    for name in ("argparse", "email.message", "logging", "pathlib", "random", "zipfile"):
        text = pydoc.html.page(name, pydoc.html.document(__import__(name, fromlist=["_"])))
        found[name] = text.replace("</table>", _TRACKERS + "</table>").encode()
    return found


def stand_in(found: Found, number: int) -> str:
    """About as long as a real placeholder; what rendering one costs is in the whole gate's figures."""
    return f'<figure id="cs-found-{number}" data-service="{found.service}">' + "x" * 2500 + "</figure>"


def rewriter(policy: Policy) -> Callable[[bytes], bytes]:
    """The gate for an undecided visitor."""
    gate = HtmlGate(policy)
    services = frozenset(policy.services_of[NECESSARY])
    return partial(
        gate.rewrite, base=gate.base("https", "news.example"), services=services, charset="utf-8", stand_in=stand_in
    )


def milliseconds(work: Callable[[], object], rounds: int) -> float:
    """Median time of *work*."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e3


def verdict(met: bool) -> str:
    """Whether a goal is met."""
    return "met" if met else "MISSED"


def bench_pages(rewrite: Callable[[bytes], bytes]) -> None:
    """Each page, and the medians."""
    each, ratios = [], []
    for name, page in pages().items():
        text = page.decode("utf-8", "replace")
        gate, plain = [], []
        for _ in range(ROUNDS // 10):
            gate.append(milliseconds(lambda page=page: rewrite(page), 10))  # type: ignore[misc]
            plain.append(milliseconds(lambda text=text: parse(text), 10))  # type: ignore[misc]
        took, parsed = statistics.median(gate), statistics.median(plain)
        each.append(took / len(page) * 1e5)
        ratios.append(took / parsed)
        edits = rewrite(page).count(b"data-consentry-") + rewrite(page).count(b"cs-found-")
        print(
            f"  {name:<22} {len(page) / 1000:6.0f} kB   gate {took:5.2f} ms = {each[-1]:4.2f} ms/100 kB   parse {parsed:5.2f} ms"
            f"   ratio {ratios[-1]:4.1f}   {edits:3} edits"
        )
    size, ratio = statistics.median(each), statistics.median(ratios)
    print(f"HTML gate, median             {size:4.2f} ms per 100 kB   (goal <= {GOAL_MS}: {verdict(size <= GOAL_MS)})")
    print(
        f"HTML gate / plain parse       {ratio:4.1f}                 (goal <= {GOAL_RATIO}: {verdict(ratio <= GOAL_RATIO)})"
    )


def bench_growth(rewrite: Callable[[bytes], bytes]) -> None:
    """One page repeated to sizes from 10 kB to 5 MB: the cost per byte must not grow."""
    page = max(pages().values(), key=len)
    print("Growth:")
    for size in SIZES:
        grown = (page * (size // len(page) + 1))[:size]
        took = milliseconds(lambda grown=grown: rewrite(grown), 5 if size > 500_000 else 30)  # type: ignore[misc]
        print(f"  {size / 1000:6.0f} kB   {took:7.2f} ms = {took / size * 1e5:4.2f} ms/100 kB")


def bench_header(policy: Policy) -> None:
    """The Content-Security-Policy of a set of grants that was seen before."""
    built, services = ContentPolicy(policy), frozenset(policy.services)
    built.header(services)
    count = 100_000
    begin = time.perf_counter()
    for _ in range(count):
        built.header(services)
    took = (time.perf_counter() - begin) / count * 1e6
    print(
        f"CSP header from cache         {took:4.2f} us                (goal <= {GOAL_HEADER_US}: {verdict(took <= GOAL_HEADER_US)})"
    )


def main() -> None:
    """Measure and print."""
    policy = parse_policy(POLICY)
    rewrite = rewriter(policy)
    bench_pages(rewrite)
    bench_growth(rewrite)
    bench_header(policy)


if __name__ == "__main__":
    main()
