"""Searches that differ by their grid, policy or hours ask their searchers the same for long: answers are remembered."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from ce_nas.core.records import StopReason
from ce_nas.engine.build import build_engine, build_searcher
from ce_nas.engine.inputs import RunInputs
from ce_nas.search.base import Searcher
from ce_nas.store.journal import NullJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from ce_nas.config.schema import Settings
    from ce_nas.core.records import Architecture, Observation
    from ce_nas.engine.engine import Engine
    from ce_nas.store.journal import Journal

__all__ = ["RememberedSearcher", "build_remembered", "run_to_level"]


class RememberedSearcher(Searcher):
    """A searcher of a listed space whose answers to the same calls are taken from a memory.

    :param build: makes the searcher, whose calls are made up for once an answer is not remembered.
    :param memory: digest of all calls so far to the answer of the last; shared by searchers of one kind and seed.
    """

    def __init__(
        self, build: Callable[[], Searcher], memory: dict[bytes, Any], members: Sequence[Architecture]
    ) -> None:
        self._build, self._memory, self._members = build, memory, members
        self._searcher: Searcher | None = None
        self._calls: list[tuple[str, Any]] = []
        self._digest = hashlib.sha256()
        #: called after each observation of trainings
        self.on_tell: Callable[[], None] = lambda: None
        if b"" not in memory:
            memory[b""] = build()
        first = memory[b""]
        self.name, self.uses_proxy_scores = first.name, first.uses_proxy_scores
        self.parallel_loss, self.usual_trainings = first.parallel_loss, first.usual_trainings

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        mask = np.fromiter((member in exclude for member in self._members), dtype=bool, count=len(self._members))
        answer: list[Architecture] = self._answer("ask", (n, np.packbits(mask).tobytes()))
        return list(answer)

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._answer("tell", tuple(observations))
        self.on_tell()

    def expected_gain(self, trainings: int) -> float | None:
        """See :meth:`Searcher.expected_gain`."""
        gain: float | None = self._answer("expected_gain", trainings)
        return gain

    def _answer(self, name: str, argument: Any) -> Any:  # noqa: ANN401 - of any method
        self._digest.update(repr((name, argument)).encode())
        self._calls.append((name, argument))
        key = self._digest.digest()
        if key not in self._memory or self._searcher is not None:
            if self._searcher is None:
                self._searcher = self._build()
                for earlier in self._calls[:-1]:
                    self._call(self._searcher, *earlier)
            self._memory[key] = self._call(self._searcher, name, argument)
        return self._memory[key]

    def _call(self, searcher: Searcher, name: str, argument: Any) -> Any:  # noqa: ANN401 - of any method
        if name != "ask":
            return getattr(searcher, name)(argument)
        n, packed = argument
        mask = np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=len(self._members))
        return searcher.ask(n, {self._members[row] for row in np.flatnonzero(mask).tolist()})


def build_remembered(
    settings: Settings, memories: dict[Any, dict[bytes, Any]], journal: Journal | None = None
) -> tuple[Engine, RememberedSearcher]:
    """The engine of a simulated search, with a remembered searcher.

    :param memories: of each problem, searcher and seed.
    """
    inputs = RunInputs(settings)
    kind = repr((settings.problem, settings.searcher, settings.seed))
    memory = memories.setdefault(kind, {})
    searcher = RememberedSearcher(lambda: build_searcher(inputs), memory, inputs.benchmark.space.all_architectures)
    return build_engine(inputs, journal or NullJournal(), searcher=searcher), searcher


def run_to_level(settings: Settings, share: float, memories: dict[Any, dict[bytes, Any]]) -> Engine:
    """Run a search that does not know it until it has so much of the largest hypervolume, or ends."""
    engine, searcher = build_remembered(settings, memories)
    largest = RunInputs(settings).hypervolume_max
    assert largest is not None  # noqa: S101 - of a table

    def check() -> None:
        if engine.progress.hypervolume >= share * largest:
            engine.stop_reason = StopReason.TARGET

    searcher.on_tell = check
    with threadpool_limits(limits=1):
        engine.run()
    return engine
