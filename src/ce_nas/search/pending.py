"""Proposals that were taken up and of which nothing was told yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["Pending"]

#: the most that are taken into account
_MOST = 32


class Pending:
    """A searcher's own proposals, until something is told of them."""

    def __init__(self) -> None:
        self._proposed: dict[Architecture, None] = {}

    def add(self, proposals: Iterable[Architecture]) -> None:
        """Remember what was proposed."""
        self._proposed.update(dict.fromkeys(proposals))

    def tell(self, observations: Sequence[Observation]) -> None:
        """Forget what something was found of."""
        for observation in observations:
            self._proposed.pop(observation.architecture, None)

    def taken(self, exclude: Container[Architecture]) -> list[Architecture]:
        """The newest proposals that were taken up, and so are excluded from now on; the others are forgotten."""
        taken = [architecture for architecture in self._proposed if architecture in exclude][-_MOST:]
        self._proposed = dict.fromkeys(taken)
        return taken
