"""The hashes of one site's log as they are stored, which proofs are made of. Read 256 neighbours at a time.

Stored are the leaves and the subtrees of 256, 65,536, … of them; what stands between is worked out. Nothing here is
checked: a proof is, by who holds the roots.

Source: RFC 6962 §2.1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from ..errors import StoreError
from ..proof import leaf as leaves
from ..proof import merkle
from . import tables

#: Levels of the tree that are computed together.
_LEVELS = 8
_WIDTH = 1 << _LEVELS


class Tree:
    """See the module. What was read stays as it was: it is of one transaction."""

    def __init__(self, connection: sa.Connection, site: str) -> None:
        self._connection = connection
        self._site = site
        self._tile = lru_cache(maxsize=64)(self._read)

    def subtree(self, level: int, position: int) -> bytes:
        """Hash of a complete subtree, a :data:`~consent.proof.merkle.Subtree`.

        :raises StoreError: entries of it are missing.
        """
        base, above = level - level % _LEVELS, level % _LEVELS
        tile = self._tile(base, position >> (_LEVELS - above))
        try:
            return tile[above][position & ((_WIDTH >> above) - 1)]
        except IndexError:
            raise StoreError(f"entries of the log of {self._site}, or hashes above them, are missing") from None

    def _read(self, level: int, number: int) -> tuple[list[bytes], ...]:
        """Up to 256 neighbours of *level*, and what is above them within their common subtree."""
        first = number * _WIDTH
        column: Any
        if level:
            columns = tables.node.c
            query = sa.select(columns.hash).where(columns.site == self._site, columns.level == level)
            column = columns.position
        else:
            query = sa.select(tables.leaf.c.public).where(tables.leaf.c.site == self._site)
            column = tables.leaf.c.position
        found = self._connection.scalars(query.where(column >= first, column < first + _WIDTH).order_by(column)).all()
        row = list(found) if level else [leaves.hash_of(public.encode()) for public in found]
        rows = [row]
        for _ in range(_LEVELS):
            pairs = zip(row[::2], row[1::2], strict=False)
            row = [merkle.node_hash(left, right) for left, right in pairs]
            rows.append(row)
        return tuple(rows)
