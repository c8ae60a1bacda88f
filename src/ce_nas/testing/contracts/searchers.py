"""The contract of searchers."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.space.base import Space
from ce_nas.space.nasbench201_cell import NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from ce_nas.core.records import Architecture
    from ce_nas.search.base import Searcher

    MakeSearcher: TypeAlias = Callable[[Space, np.random.Generator, int], Searcher]

__all__ = ["SearcherContract"]


def _enumerable_space() -> Space:
    rows = np.array(
        [(a, b, c) for a in range(4) for b in range(4) for c in range(5) if (a + b + c) % 3], dtype=np.int16
    )
    return Space("listed", ["a", "b", "c"], [[*"wxyz"], [*"wxyz"], [*"vwxyz"]], rows)


def _huge_space() -> Space:
    return Space("huge", [f"v{index}" for index in range(30)], [[*"abcd"]] * 30)


_SPACES = {"nas-bench-201": NasBench201Space, "listed": _enumerable_space, "huge": _huge_space}


class SearcherContract:
    """Proposals are new members of the space, and a function of the seed and the observations alone.

    Fixtures to override: ``make_searcher``, a function of a space, a random generator and the number of objectives
    that returns a new searcher; reference points may be 200 in every objective.
    """

    @pytest.fixture
    def make_searcher(self) -> MakeSearcher:
        raise NotImplementedError

    @pytest.fixture(params=_SPACES)
    def space(self, request: pytest.FixtureRequest) -> Space:
        return _SPACES[request.param]()

    @pytest.mark.parametrize("objectives", [2, 3])
    def test_proposals_are_unique_new_members_of_the_space(
        self, make_searcher: MakeSearcher, space: Space, objectives: int
    ) -> None:
        searcher = make_searcher(space, random_stream(0, "s"), objectives)
        proposals = [architecture for batch in _run_rounds(searcher, objectives) for architecture in batch]
        assert len(proposals) == min(48, space.size)
        assert len(set(proposals)) == len(proposals)
        assert all(space.contains(architecture) for architecture in proposals)
        assert all(type(choice) is int for architecture in proposals for choice in architecture)

    @pytest.mark.parametrize("objectives", [4, 5])
    def test_searches_up_to_five_objectives(self, make_searcher: MakeSearcher, objectives: int) -> None:
        searcher = make_searcher(_enumerable_space(), random_stream(0, "s"), objectives)
        proposals = _run_rounds(searcher, objectives, count=5)
        assert len({architecture for batch in proposals for architecture in batch}) == 30

    def test_excluded_architectures_are_not_proposed(self, make_searcher: MakeSearcher) -> None:
        space = _enumerable_space()
        searcher = make_searcher(space, random_stream(0, "s"), 2)
        members = _members(space)
        searcher.tell([_observe(architecture) for architecture in members[:20]])
        assert set(searcher.ask(100, set(members[:30]))) == set(members[30:])

    def test_arguments_are_never_changed(self, make_searcher: MakeSearcher, space: Space) -> None:
        searcher = make_searcher(space, random_stream(0, "s"), 2)
        architectures = dict.fromkeys(space.sample(random_stream(1, "cells"), 40))
        observations = [_observe(architecture) for architecture in architectures]
        exclude = set(architectures)
        before = copy.deepcopy((observations, exclude))
        searcher.tell(observations)
        searcher.ask(5, exclude)
        assert (observations, exclude) == before

    def test_same_seed_gives_same_proposals(self, make_searcher: MakeSearcher, space: Space) -> None:
        first, second, other = (_run_rounds(make_searcher(space, random_stream(seed, "s"), 2)) for seed in (3, 3, 4))
        assert first == second
        assert first != other

    def test_pickled_searcher_continues_identically(self, make_searcher: MakeSearcher, space: Space) -> None:
        original = make_searcher(space, random_stream(5, "s"), 2)
        exclude = {architecture for batch in _run_rounds(original, count=3) for architecture in batch}
        pending = original.ask(3, exclude)
        exclude |= set(pending)
        loaded = pickle.loads(pickle.dumps(original))
        results = []
        for searcher in (original, loaded):
            first = _run_rounds(searcher, count=2, exclude=exclude)
            searcher.tell([_observe(architecture) for architecture in pending])
            proposed = {architecture for batch in first for architecture in batch}
            results.append((first, _run_rounds(searcher, count=2, exclude=exclude | proposed)))
        assert results[0] == results[1]
        assert original.notes() == loaded.notes()

    def test_global_random_state_is_unchanged(self, make_searcher: MakeSearcher) -> None:
        np.random.seed(0)  # noqa: NPY002 - the state that must not change
        expected = np.random.random()  # noqa: NPY002 - as above
        np.random.seed(0)  # noqa: NPY002 - as above
        _run_rounds(make_searcher(NasBench201Space(), random_stream(0, "s"), 2), count=3)
        assert np.random.random() == expected  # noqa: NPY002 - as above

    def test_exhausted_space_ends_the_search(self, make_searcher: MakeSearcher) -> None:
        space = _enumerable_space()
        members = set(_members(space))
        searcher = make_searcher(space, random_stream(0, "s"), 2)
        assert searcher.ask(5, members) == []
        proposed: set[Architecture] = set()
        while batch := searcher.ask(7, proposed):
            proposed |= set(batch)
            searcher.tell([_observe(architecture) for architecture in batch])
        assert proposed == members
        assert searcher.ask(5, members) == []

    def test_asking_for_none_gives_none(self, make_searcher: MakeSearcher, space: Space) -> None:
        searcher = make_searcher(space, random_stream(0, "s"), 2)
        assert searcher.ask(0, set()) == []
        searcher.tell([_observe(architecture) for architecture in space.sample(random_stream(1, "cells"), 40)])
        assert searcher.ask(0, set()) == []

    def test_estimates_and_partial_trainings_are_accepted(self, make_searcher: MakeSearcher, space: Space) -> None:
        searcher = make_searcher(space, random_stream(0, "s"), 2)
        architectures = space.sample(random_stream(1, "cells"), 30)
        searcher.tell([])
        searcher.tell([_observe(architecture, fidelity=0.0) for architecture in architectures])
        searcher.tell([_observe(architecture, fidelity=0.5) for architecture in architectures[:10]])
        searcher.tell([_observe(architecture) for architecture in architectures[:15]])
        assert len(searcher.ask(4, set(architectures))) == 4

    def test_failed_trainings_with_infinite_values_are_accepted(
        self, make_searcher: MakeSearcher, space: Space
    ) -> None:
        searcher = make_searcher(space, random_stream(0, "s"), 2)
        architectures = list(dict.fromkeys(space.sample(random_stream(1, "cells"), 30)))
        searcher.tell([Observation(architecture, (np.inf, np.inf)) for architecture in architectures[:10]])
        searcher.tell([_observe(architecture) for architecture in architectures[10:]])
        assert len(searcher.ask(4, set(architectures))) == 4

    def test_notes_are_sentences(self, make_searcher: MakeSearcher) -> None:
        searcher = make_searcher(NasBench201Space(), random_stream(0, "s"), 2)
        _run_rounds(searcher)
        assert all(isinstance(note, str) and note.endswith(".") for note in searcher.notes())

    def test_searcher_has_a_name(self, make_searcher: MakeSearcher) -> None:
        assert make_searcher(NasBench201Space(), random_stream(0, "s"), 2).name


def _members(space: Space) -> Sequence[Architecture]:
    return list(map(tuple, space.members.tolist()))


def _observe(architecture: Architecture, objectives: int = 2, fidelity: float = 1.0) -> Observation:
    rows = [[1, 3, 2, 1, 2], [-2, 1, -1, 3, -3], [1, -1, 1, -1, 1], [2, -2, 1, 0, 1], [-1, 0, -2, 1, 3]]
    weights = np.array(rows)[:objectives]
    values = weights[:, np.arange(len(architecture)) % 5] @ np.array(architecture)
    return Observation(architecture, tuple(map(float, values)), fidelity)


def _run_rounds(
    searcher: Searcher, objectives: int = 2, count: int = 8, n: int = 6, exclude: Iterable[Architecture] = ()
) -> list[list[Architecture]]:
    """The proposals of ``count`` rounds of asking for ``n`` and telling."""
    excluded, proposals = set(exclude), []
    for _ in range(count):
        batch = searcher.ask(n, excluded)
        proposals.append(batch)
        excluded |= set(batch)
        searcher.tell([_observe(architecture, objectives) for architecture in batch])
    return proposals
