"""Which origins a visitor's pages may reach, and which service holds one back."""

from __future__ import annotations

from functools import lru_cache

from ..policy import Opens, Policy, Service
from .urls import is_covered

#: Origins remembered for each set of grants; pages name few, and an attacker's many must not fill the memory.
_ORIGINS = 4096


class Reach:
    """The origins of one set of granted services.

    :param services: Ids of what is granted, the necessary ones among them.
    """

    def __init__(self, policy: Policy, services: frozenset[str]) -> None:
        self._origins = policy.origins(services)
        self._held = [service for service in policy.services.values() if service.id not in services]
        self.admits = lru_cache(maxsize=_ORIGINS)(self._admits)

    def _admits(self, origin: str) -> bool:
        """Whether something granted may be loaded from *origin*."""
        return is_covered(origin, self._origins)

    def frame_holder(self, origin: str) -> Service | None:
        """The service, not granted, that would show a frame from *origin*."""
        shown = (s for s in self._held if s.opens is not Opens.DOCUMENT)
        return next((s for s in shown if is_covered(origin, s.hosts.get("frame-src", ()))), None)

    @property
    def widgets(self) -> list[Service]:
        """Services, not granted, whose script draws where a marker stands in the page."""
        return [s for s in self._held if s.opens is Opens.WIDGET and s.embedding.markers and s.embedding.script]
