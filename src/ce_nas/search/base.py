"""The searcher's seam: asked for architectures, told what came of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation

__all__ = ["Searcher"]


class Searcher(ABC):
    """Proposes architectures and learns from what is found; the loop around it belongs to someone else.

    A searcher draws from a generator of its own only, never changes what it is handed, and the same sequence of
    calls always gives the same proposals.
    """

    #: the name it is chosen by
    name: str
    #: whether it learns from cheap scores and early-stopped trainings itself: nobody need rank its proposals by them
    foresees: bool = False

    @abstractmethod
    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """Up to ``n`` different architectures, best first, none of them in ``exclude``.

        Fewer, or none, come back where the searcher finds no more; it never searches without end.
        """

    @abstractmethod
    def tell(self, observations: Sequence[Observation]) -> None:
        """Take in what was found; the values are objectives, all minimised."""

    def fidelity_of(self, architecture: Architecture) -> float:  # noqa: ARG002 - most train everything in full
        """The share of a full training that ``architecture``, just proposed, is to get; above 0 and up to 1."""
        return 1.0

    def region_of(self, architecture: Architecture) -> str | None:  # noqa: ARG002 - most divide no space
        """The part of the space that ``architecture`` was proposed from; None where the space is not divided."""
        return None

    def promising(self, n: int) -> list[Architecture]:  # noqa: ARG002 - most divide no space
        """Up to ``n`` members of the region that promises most, spread evenly; none where the space is not divided."""
        return []

    def notes(self) -> list[str]:
        """What the searcher did since it was last asked that a reader of the journal should know."""
        return []
