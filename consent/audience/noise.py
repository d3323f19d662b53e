"""Noise for counts that are published: differential privacy, by OpenDP, where a site asks for it. An extra.

What is promised: whatever is read of a day would be read nearly as likely if any one hit (a page that was seen, a link
that was followed, an answer) had not been; by a factor of e^epsilon at most, over all dimensions that count it. *One
hit*, not one visitor: who comes ten times is covered by ten times epsilon, and on every day anew.

What is not: which rows there are. That is decided by the rule of k contributors on the true counts, before any noise.

The noise is the discrete Laplace distribution with scale 1/epsilon: a hit changes one row of a dimension, by one. It is
made once, when a day is closed, and what is published is all that is kept: to read it again tells nothing more. That a
count below 0 is published as 0 takes nothing from the promise; it makes small counts larger in the mean.

Sources: Dwork and others, TCC 2006; Ghosh, Roughgarden and Sundararajan, STOC 2009 (the geometric mechanism); Canonne,
Kamath and Steinke, The Discrete Gaussian, NeurIPS 2020 §5 (exact sampling); OpenDP, make_laplace.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence

from ..errors import ConfigError

#: Makes counts noisy, each with an epsilon.
Maker = Callable[[Sequence[int], float], Sequence[int]]


def check() -> None:
    """Do nothing if noise can be made here. Loads nothing.

    :raises ConfigError: OpenDP is not installed.
    """
    if importlib.util.find_spec("opendp") is None:
        remedy = 'Run: pip install "flask-consentry[dp]", or take epsilon out'
        raise ConfigError(f"[audience] epsilon: noise needs OpenDP, which is not here. {remedy}")


def maker() -> Maker:
    """OpenDP's. Loading it takes up to a second and some 40 MB, so only who closes days does.

    :raises ConfigError: see :func:`check`.
    """
    check()
    from opendp import domains, measurements, metrics, mod  # noqa: PLC0415  # an extra, and large

    mod.enable_features("contrib")  # all of its measurements are contributed; this one is proven
    space = domains.vector_domain(domains.atom_domain(T="i64")), metrics.l1_distance(T="i64")

    def noised(counts: Sequence[int], epsilon: float) -> Sequence[int]:
        made: Sequence[int] = measurements.make_laplace(*space, scale=1 / epsilon)(list(counts))
        return made

    return noised
