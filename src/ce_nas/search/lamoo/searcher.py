"""LaMOO: the partition chooses a region, and any searcher that can stay within one searches it.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.search.archive import Archive, values_of
from ce_nas.search.base import Searcher
from ce_nas.search.lamoo.kernel_cache import Kinship
from ce_nas.search.lamoo.partition_tree import Partition, PartitionSettings
from ce_nas.search.lamoo.region_cache import Membership
from ce_nas.search.random import UniformSearcher, draw
from ce_nas.search.regions import AnyOf, WholeSpace, left_of

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.lamoo.partition_tree import Node
    from ce_nas.search.regions import Region, RegionalSearcher
    from ce_nas.space.base import Space

__all__ = ["LamooSearcher", "PathRegion"]

#: spaces up to this size have their regions listed
_LISTED = 1 << 20
#: proposals that are drawn at once where nothing is learned between them
BLOCK = 8


class PathRegion:
    """The part of a space that lies on the stated side of every boundary of a path."""

    def __init__(self, membership: Membership, node: Node, known: Archive) -> None:
        self._membership = membership
        self._node = node
        self._known = known
        self.path = node.path

    @property
    def samples(self) -> Sequence[Observation]:
        """See :attr:`Region.samples`: those that the tree was built of, and those of the later ones that lie here."""
        known = self._known.observations
        later = known[len(self._node.root.rows) :]
        inside = self.contains([sample.architecture for sample in later]) if later else ()
        return [*(known[row] for row in self._node.rows.tolist()), *compress(later, inside)]

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """See :meth:`Region.contains`."""
        return self._membership.holds(self.path, architectures)

    def rows(self, space: Space) -> np.ndarray:  # noqa: ARG002 - the membership knows its space
        """See :meth:`Region.rows`."""
        return self._membership.rows(self.path)


class _Outside:
    """All that a region leaves out."""

    samples: Sequence[Observation] = ()

    def __init__(self, region: Region) -> None:
        self._region = region

    def contains(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """See :meth:`Region.contains`."""
        return ~self._region.contains(architectures)

    def rows(self, space: Space) -> np.ndarray:
        """See :meth:`Region.rows`."""
        return np.delete(np.arange(space.size), self._region.rows(space))


class LamooSearcher(Searcher):
    """Learning space partitions: searches the leaf of the partition that promises most [LaMOO].

    Only full trainings build the tree, and it is built anew once enough of them have come since. A region is searched
    on as long as the inner searcher is in the midst of something there; one that learns nothing is asked for a few
    proposals at once, which are handed out one by one. A region that has nothing left is never searched on: its deepest
    boundary is dropped, and :meth:`notes` says so.

    :param space: the space to search.
    :param rng: the generator of all that is drawn outside the inner searcher.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param inner: who searches inside a region; None for uniform draws.
    :param settings: how the space is divided.
    :param outside: the share of proposals drawn outside the chosen region, against pruning too much; 0 to 1.
    :param whole: the share of the turns at which the inner searcher has the whole space, which does the same for one
        that goes far by itself; 0 to 1.
    :param rebuild_every: so many new full trainings build the tree anew.
    :param rebuild_share: and there must be so many for each one known: late in a search a few change little.
    """

    name = "lamoo"

    def __init__(  # noqa: PLR0913 - a space, a stream, a reference, and what to divide and search with
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        inner: RegionalSearcher | None = None,
        settings: PartitionSettings | None = None,
        *,
        outside: float = 0.1,
        whole: float = 0.0,
        rebuild_every: int = 8,
        rebuild_share: float = 0.08,
    ) -> None:
        if not (0 <= outside <= 1 and 0 <= whole <= 1) or rebuild_every < 1 or rebuild_share < 0:
            message = (
                "Expected shares outside the region and in the whole space from 0 to 1, a rebuild every 1 or more "
                f"trainings and a rebuild share of at least 0, got outside={outside}, whole={whole}, "
                f"rebuild_every={rebuild_every} and rebuild_share={rebuild_share}."
            )
            raise SettingsError(message)
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        self._inner = inner or UniformSearcher(space, rng)
        self.foresees = self._inner.foresees
        self._settings = settings or PartitionSettings()
        self._outside = outside
        self._whole = whole
        self._rebuild_every = rebuild_every
        self._rebuild_share = rebuild_share
        self._membership = Membership(space)
        self._archive = Archive()
        self._partition: Partition | None = None
        self._kin: Kinship | None = None
        self._held: Node | None = None
        self._unlearned = 0
        self._drawn: list[Architecture] = []
        self._origins: dict[Architecture, str] = {}
        self._notes: list[str] = []

    @property
    def partition(self) -> Partition | None:
        """The tree as it stands; None before the first full training, or when it is to be learned anew."""
        return self._partition

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`; what lies inside the chosen region comes first."""
        if n != 1 or self._inner.learns:
            return self._ask(n, exclude)
        self._drawn = left_of(self._drawn, exclude) or self._ask(BLOCK, exclude)
        first, self._drawn = self._drawn[:1], self._drawn[1:]
        return first

    def _ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        node = self._held = self._chosen()
        region = self._region(node)
        strays = self._strays(n) if node is not None and node.path else 0
        away = draw(self._space, self._rng, strays, exclude, _Outside(region))
        self._origins.update(dict.fromkeys(away, f"outside {_sides(node)}"))
        found = self._inner.ask_within(n - len(away), AnyOf(exclude, set(away)), region)
        self._origins.update(dict.fromkeys(found, _sides(node)))
        while len(found) + len(away) < n and node is not None and node.parent is not None:
            node = self._relaxed(node, node.parent)
            taken = AnyOf(exclude, set(found), set(away))
            more = self._inner.ask_within(n - len(found) - len(away), taken, self._region(node))
            self._origins.update(dict.fromkeys(more, _sides(node)))
            found += more
        return found + away

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._inner.tell(observations)
        known = len(self._archive)
        told = self._archive.add(observations)
        self._unlearned += len(told)
        again = len(self._archive) - known < len(told)  # older values of an architecture are in the tree
        if again or self._unlearned >= max(self._rebuild_every, self._rebuild_share * len(self._archive)):
            self._partition = None
            self._drawn.clear()

    def region_of(self, architecture: Architecture) -> str | None:
        """See :meth:`Searcher.region_of`: a sign for each boundary from the root down, ``+`` on its good side.

        Nothing stands for the whole space, and ``outside +-`` for what was drawn outside of ``+-``. The boundaries are
        those of the moment at which the architecture was proposed last.
        """
        return self._origins.get(architecture)

    def promising(self, n: int) -> list[Architecture]:
        """See :meth:`Searcher.promising`; of a space that can be listed, once it is divided."""
        node = self._chosen() if len(self._archive) and self._space.size <= _LISTED else None
        if node is None or not node.path:
            return []
        rows = self._region(node).rows(self._space)
        step = max(-(-len(rows) // n), 1)
        return self._space.architectures(self._space.members[rows[::step]])

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`; each note is handed out once."""
        notes, self._notes = self._notes, []
        return notes + self._inner.notes()

    def _chosen(self) -> Node | None:
        """Where to search: where the inner searcher is at work still, else what the partition chooses."""
        if not len(self._archive) or (self._held is not None and self._held.path and self._inner.busy):
            return self._held
        if self._whole and self._rng.random() < self._whole:
            return self._divided().root
        by_chance = self._settings.select == "share"
        return self._divided().chosen(self._rng.random() if by_chance else 0.0)

    def _divided(self) -> Partition:
        if self._partition is None:
            samples = self._archive.observations
            self._partition = Partition(self._kinship(samples), values_of(samples), self._reference, self._settings)
            self._membership.forget()
            self._unlearned = 0
        return self._partition

    def _kinship(self, samples: Sequence[Observation]) -> Kinship:
        """How much alike all samples are; those that came since it was last asked for are added."""
        known = len(self._kin) if self._kin else 0
        if fresh := [sample.architecture for sample in samples[known:]]:
            features = self._space.encode(fresh)
            if self._kin is None:
                self._kin = Kinship(features)
            else:
                self._kin.add(features)
        assert self._kin is not None  # noqa: S101 - a partition is made of one sample or more
        return self._kin

    def _region(self, node: Node | None) -> Region:
        if node is None or not node.path:
            return WholeSpace(self._archive.observations)
        return PathRegion(self._membership, node, self._archive)

    def _strays(self, n: int) -> int:
        """How many of ``n`` proposals to draw outside: the share, rounded up or down by chance."""
        return int(n * self._outside + self._rng.random())

    def _relaxed(self, node: Node, parent: Node) -> Node:
        self._notes.append(
            f"The region behind {len(node.path)} boundaries ({len(node.rows)} samples) had too few new architectures; "
            "its deepest boundary was dropped."
        )
        return parent


def _sides(node: Node | None) -> str:
    """The path of a node, a sign for each boundary."""
    return "".join("+" if constraint.good else "-" for constraint in (node.path if node else ()))
