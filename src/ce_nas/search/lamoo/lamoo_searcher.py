"""LaMOO: a partition of the space selects a region, and an inner searcher searches it.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, field_serializer, field_validator

from ce_nas.components.base import SearcherSettings
from ce_nas.components.quantities import Share  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.registry import SEARCHERS, Choice
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.search.base import Searcher
from ce_nas.search.lamoo.kernel_cache import KernelCache
from ce_nas.search.lamoo.partition_tree import PartitionSettings, PartitionTree
from ce_nas.search.lamoo.region_cache import RegionCache
from ce_nas.search.observation_history import ObservationHistory, objective_values
from ce_nas.search.random import RandomSearcher, sample_uniform
from ce_nas.search.regions import RegionalSearcher, UnionContainer, WholeSpace, filter_excluded

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.components.registry import Component
    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.base import SearchContext
    from ce_nas.search.lamoo.partition_tree import PartitionNode
    from ce_nas.search.regions import Region
    from ce_nas.space.base import Space

__all__ = ["LamooSearcher", "PathRegion"]

#: largest space whose regions are listed
_MAX_LISTED_SIZE = 1 << 20
#: proposals requested at once from an inner searcher that is not adaptive
PROPOSAL_BLOCK_SIZE = 8


class PathRegion:
    """The region on every side of a node's path."""

    def __init__(self, region_cache: RegionCache, node: PartitionNode, history: ObservationHistory) -> None:
        self._region_cache = region_cache
        self._node = node
        self._history = history
        self.path = node.path

    @property
    def samples(self) -> Sequence[Observation]:
        """See :attr:`Region.samples`: the node's own, and those inside that came after the tree was built."""
        observations = self._history.observations
        later = observations[len(self._node.root.rows) :]
        inside = self.contains([sample.architecture for sample in later]) if later else ()
        return [*(observations[row] for row in self._node.rows.tolist()), *compress(later, inside)]

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """See :meth:`Region.contains`."""
        return self._region_cache.contains(self.path, architectures)

    def rows(self, space: Space) -> np.ndarray:  # noqa: ARG002 - the cache holds the space
        """See :meth:`Region.rows`."""
        return self._region_cache.rows(self.path)


class _ComplementRegion:
    """The complement of a region."""

    samples: Sequence[Observation] = ()

    def __init__(self, region: Region) -> None:
        self._region = region

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """See :meth:`Region.contains`."""
        return ~self._region.contains(architectures)

    def rows(self, space: Space) -> np.ndarray:
        """See :meth:`Region.rows`."""
        return np.delete(np.arange(space.size), self._region.rows(space))


class LamooSettings(SearcherSettings):
    """Settings of the searcher lamoo."""

    inner: Annotated[SearcherSettings, Choice(SEARCHERS, "searcher.inner", nested=True)] = Field(
        default_factory=lambda: SEARCHERS.validate("random", "searcher.inner"),
        description="Searcher that samples the chosen region, by name, or a table of its name and options.",
    )
    exploration_share: Share = Field(
        0.1, description="Share of the proposals from outside the chosen region, against over-pruning."
    )

    @field_validator("inner")
    @classmethod
    def _require_regional(cls, inner: SearcherSettings) -> SearcherSettings:
        if not _is_regional(SEARCHERS.get(inner.name)):
            regional = [component.name for component in SEARCHERS.components() if _is_regional(component)]
            raise ValueError(unknown_choice_message("inner searcher", inner.name, regional))
        if common := inner.model_fields_set & (inner.shared - {"name"}):
            message = f"Expected {', '.join(sorted(common))} in [searcher], got it in searcher.inner: move it there."
            raise ValueError(message)
        return inner

    @field_serializer("inner")
    def _write_inner(self, inner: SearcherSettings) -> str | dict[str, Any]:
        """The name, with the options where there are any."""
        options = {key: value for key, value in inner.model_dump(mode="json").items() if key not in inner.shared}
        return {"name": inner.name, **options} if options else inner.name


def _is_regional(component: Component) -> bool:
    return isinstance(component.factory, type) and issubclass(component.factory, RegionalSearcher)


@SEARCHERS.register("lamoo", LamooSettings, stream="searcher")
class LamooSearcher(Searcher):
    """Learns a partition of the space and searches its most promising leaf [LaMOO].

    The tree is built from full trainings only, and rebuilt after enough new ones. A region is kept while the inner
    searcher holds it. An inner searcher that is not adaptive is asked for several proposals at once, which are returned
    one by one. Where a region is exhausted, its deepest boundary is dropped, which :meth:`notes` reports.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Observation
        >>> from ce_nas.space.nasbench201_cell import NasBench201Space
        >>> space = NasBench201Space()
        >>> searcher = LamooSearcher(space, np.random.default_rng(0), reference=(25.0, 25.0))
        >>> cells = searcher.ask(40, exclude=set())
        >>> searcher.tell([Observation(cell, (float(sum(cell)), float(24 - cell[0] - cell[5]))) for cell in cells])
        >>> proposals = searcher.ask(3, exclude=set(cells))
        >>> [searcher.region_of(proposal) for proposal in proposals]
        ['++', '++', '++']

    :param space: the space to search.
    :param rng: the generator of all draws outside the inner searcher.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param inner: the searcher inside a region; None for random sampling.
    :param settings: how the space is split.
    :param exploration_share: share of the proposals from outside the selected region, against over-pruning; 0 to 1.
    :param whole_space_share: share of the calls in which the inner searcher searches the whole space; 0 to 1.
    :param rebuild_every: new full trainings before the tree is rebuilt, at least.
    :param rebuild_share: the same as a share of all full trainings, since late in a search a few change little.
    """

    name = "lamoo"

    def __init__(  # noqa: PLR0913 - what every searcher needs, and keyword settings
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        inner: RegionalSearcher | None = None,
        settings: PartitionSettings | None = None,
        *,
        exploration_share: float = 0.1,
        whole_space_share: float = 0.0,
        rebuild_every: int = 8,
        rebuild_share: float = 0.08,
    ) -> None:
        if not (0 <= exploration_share <= 1 and 0 <= whole_space_share <= 1) or rebuild_every < 1 or rebuild_share < 0:
            message = (
                "Expected an exploration_share and a whole_space_share from 0 to 1, rebuild_every of at least 1 and "
                f"rebuild_share of at least 0, got exploration_share={exploration_share}, whole_space_share="
                f"{whole_space_share}, rebuild_every={rebuild_every} and rebuild_share={rebuild_share}."
            )
            raise SettingsError(message)
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        self._inner = inner or RandomSearcher(space, rng)
        self.uses_proxy_scores = self._inner.uses_proxy_scores
        self._settings = settings or PartitionSettings()
        self._exploration_share = exploration_share
        self._whole_space_share = whole_space_share
        self._rebuild_every = rebuild_every
        self._rebuild_share = rebuild_share
        self._region_cache = RegionCache(space)
        self._history = ObservationHistory()
        self._partition: PartitionTree | None = None
        self._kernel_cache: KernelCache | None = None
        self._current_node: PartitionNode | None = None
        self._new_since_rebuild = 0
        self._prefetched: list[Architecture] = []
        self._origin_regions: dict[Architecture, str] = {}
        self._notes: list[str] = []

    @property
    def partition(self) -> PartitionTree | None:
        """The current tree; None before the first full training, or while a rebuild is due."""
        return self._partition

    @classmethod
    def from_settings(cls, settings: LamooSettings, context: SearchContext) -> Self:  # type: ignore[override]
        """See :meth:`Searcher.from_settings`."""
        return cls(
            context.space,
            context.random_stream(settings.name),
            reference=context.reference,
            inner=SEARCHERS.build(settings.inner, context),
            exploration_share=settings.exploration_share,
        )

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`; proposals inside the selected region come first."""
        if n != 1 or self._inner.is_adaptive:
            return self._ask(n, exclude)
        self._prefetched = filter_excluded(self._prefetched, exclude) or self._ask(PROPOSAL_BLOCK_SIZE, exclude)
        first, self._prefetched = self._prefetched[:1], self._prefetched[1:]
        return first

    def _ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        node = self._current_node = self._select_node()
        region = self._region_of_node(node)
        n_outside = self._sample_exploration_count(n) if node is not None and node.path else 0
        outside = sample_uniform(self._space, self._rng, n_outside, exclude, _ComplementRegion(region))
        self._origin_regions.update(dict.fromkeys(outside, f"outside {_path_signs(node)}"))
        inside = self._inner.ask_within(n - len(outside), UnionContainer(exclude, set(outside)), region)
        self._origin_regions.update(dict.fromkeys(inside, _path_signs(node)))
        while len(inside) + len(outside) < n and node is not None and node.parent is not None:
            node = self._drop_deepest_boundary(node, node.parent)
            known = UnionContainer(exclude, set(inside), set(outside))
            more = self._inner.ask_within(n - len(inside) - len(outside), known, self._region_of_node(node))
            self._origin_regions.update(dict.fromkeys(more, _path_signs(node)))
            inside += more
        return inside + outside

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._inner.tell(observations)
        known = len(self._history)
        trainings = self._history.add(observations)
        self._new_since_rebuild += len(trainings)
        repeated = len(self._history) - known < len(trainings)  # the tree holds older values of an architecture
        if repeated or self._new_since_rebuild >= max(self._rebuild_every, self._rebuild_share * len(self._history)):
            self._partition = None
            self._prefetched.clear()

    def region_of(self, architecture: Architecture) -> str | None:
        """See :meth:`Searcher.region_of`: one sign per boundary from the root down, ``+`` for its good side.

        An empty text is the whole space, and ``outside +-`` the complement of ``+-``. The boundaries are those at the
        time of the last proposal of the architecture.
        """
        return self._origin_regions.get(architecture)

    def sample_best_region(self, n: int) -> list[Architecture]:
        """See :meth:`Searcher.sample_best_region`; for listable spaces, once there is a partition."""
        node = self._select_node() if len(self._history) and self._space.size <= _MAX_LISTED_SIZE else None
        if node is None or not node.path:
            return []
        rows = self._region_of_node(node).rows(self._space)
        step = max(-(-len(rows) // n), 1)
        return self._space.architectures(self._space.members[rows[::step]])

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`; each note is returned once."""
        notes, self._notes = self._notes, []
        return notes + self._inner.notes()

    def _select_node(self) -> PartitionNode | None:
        """The node to search: the current one while the inner searcher holds it, else the partition's choice."""
        if not len(self._history) or (
            self._current_node is not None and self._current_node.path and self._inner.holds_region
        ):
            return self._current_node
        if self._whole_space_share and self._rng.random() < self._whole_space_share:
            return self._current_partition().root
        is_random = self._settings.select == "proportional"
        return self._current_partition().select_leaf(self._rng.random() if is_random else 0.0)

    def _current_partition(self) -> PartitionTree:
        if self._partition is None:
            samples = self._history.observations
            self._partition = PartitionTree(
                self._update_kernel_cache(samples), objective_values(samples), self._reference, self._settings
            )
            self._region_cache.clear()
            self._new_since_rebuild = 0
        return self._partition

    def _update_kernel_cache(self, samples: Sequence[Observation]) -> KernelCache:
        """The kernel cache of all samples, with the new ones added."""
        known = len(self._kernel_cache) if self._kernel_cache else 0
        if new := [sample.architecture for sample in samples[known:]]:
            features = self._space.encode(new)
            if self._kernel_cache is None:
                self._kernel_cache = KernelCache(features)
            else:
                self._kernel_cache.add(features)
        assert self._kernel_cache is not None  # noqa: S101 - a partition has at least one sample
        return self._kernel_cache

    def _region_of_node(self, node: PartitionNode | None) -> Region:
        if node is None or not node.path:
            return WholeSpace(self._history.observations)
        return PathRegion(self._region_cache, node, self._history)

    def _sample_exploration_count(self, n: int) -> int:
        """How many of ``n`` proposals to draw outside: the share, rounded randomly."""
        return int(n * self._exploration_share + self._rng.random())

    def _drop_deepest_boundary(self, node: PartitionNode, parent: PartitionNode) -> PartitionNode:
        self._notes.append(
            f"The region behind {len(node.path)} boundaries ({len(node.rows)} samples) had too few new architectures; "
            "its deepest boundary was dropped."
        )
        return parent


def _path_signs(node: PartitionNode | None) -> str:
    """The path of a node, one sign per boundary."""
    return "".join("+" if side.good else "-" for side in (node.path if node else ()))
