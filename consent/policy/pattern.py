"""What a policy names several things by: a text, or the beginning of texts with a ``*`` behind it. Nothing cleverer."""

from __future__ import annotations


def fits(pattern: str, text: str) -> bool:
    """Whether *text* is *pattern*, or begins with what stands before the ``*`` at its end.

    >>> fits("/news/*", "/news/1"), fits("/news", "/news/1")
    (True, False)
    """
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
