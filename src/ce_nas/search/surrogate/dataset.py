"""What a surrogate was told: full trainings, and whatever else is known of an architecture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.search.archive import Archive
from ce_nas.space.visited import LISTABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.constraints import Costs
    from ce_nas.space.base import Space

__all__ = ["Knowledge", "Sheet"]


class Sheet:
    """Figures of architectures, a row each, NaN where none are known.

    :param width: how many figures an architecture has.
    """

    def __init__(self, space: Space, width: int) -> None:
        self.width = width
        self._index = space.index if space.size <= LISTABLE else None
        self._table = np.full((space.size, width), np.nan) if self._index is not None else np.empty((0, width))
        self._rows: dict[Architecture, np.ndarray] = {}
        #: how many architectures have a row
        self.count = 0

    def fill(self, table: np.ndarray) -> None:
        """Write the figures of every member of a listable space, shape ``(size, width)``."""
        self._table[:] = table
        self.count = int(np.isfinite(self._table).any(axis=1).sum()) if self.width else 0

    def put(self, architecture: Architecture, figures: np.ndarray) -> None:
        """Write one row, shape ``(width,)``, over an older one if there is one; NaN leaves what was known."""
        if self._index is None:
            row = self._rows.setdefault(architecture, np.full(self.width, np.nan))
        else:
            row = self._table[self._index[architecture]]
        self.count += bool(np.isnan(row).all() and not np.isnan(figures).all())
        row[:] = np.where(np.isnan(figures), row, figures)

    def of(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The rows of ``architectures``, shape ``(n, width)``."""
        if self._index is not None:
            return self._table[[self._index[architecture] for architecture in architectures]]
        nothing = np.full(self.width, np.nan)
        rows = [self._rows.get(architecture, nothing) for architecture in architectures]
        return np.array(rows).reshape(-1, self.width)

    @property
    def known(self) -> np.ndarray:
        """All rows that hold something, and perhaps some that do not, shape ``(n, width)``; not to be changed."""
        return self._table if self._index is not None else np.array(list(self._rows.values())).reshape(-1, self.width)


class Knowledge:
    """All that was told.

    :param trained: for each objective, whether only a training tells it.
    :param known: for each objective its value for every member of a listable space, shape ``(size,)``, or what tells it
        of any architectures, or None where it is not known beforehand.
    """

    def __init__(self, space: Space, trained: Sequence[bool], known: Sequence[Costs | None] = ()) -> None:
        self._space = space
        #: for each objective, whether only a training tells it
        self.trained = np.array(trained, dtype=bool)
        self.full = Archive()
        #: objectives that need no training
        self.costs = Sheet(space, len(trained))
        self._tellers = {objective: one for objective, one in enumerate(known) if callable(one)}
        columns = {objective: one for objective, one in enumerate(known) if isinstance(one, np.ndarray)}
        if columns:
            nothing = np.full(space.size, np.nan)
            self.costs.fill(np.column_stack([columns.get(objective, nothing) for objective in range(len(trained))]))
        #: cheap scores, larger is better; their number is known with the first
        self.scores: Sheet | None = None
        #: what trainings that were stopped early found
        self.early = Sheet(space, int(self.trained.sum()))
        #: architectures of which something cheap was told since this was last cleared
        self.changed: set[Architecture] = set()

    @property
    def cheap(self) -> list[Sheet]:
        """What may help to foresee a training, as far as anything of the kind was told."""
        return [sheet for sheet in (self.scores, self.early) if sheet is not None and sheet.count]

    @property
    def versions(self) -> tuple[int, int, int]:
        """How many architectures were trained in full, scored, and trained in part."""
        return len(self.full), self.scores.count if self.scores else 0, self.early.count

    @property
    def tells(self) -> bool:
        """Whether an objective is known of any architecture that is asked about."""
        return bool(self._tellers)

    def costs_of(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The objectives of ``architectures`` as far as no training is needed, shape ``(n, m)``, else NaN."""
        rows = self.costs.of(architectures)
        for objective, teller in self._tellers.items():
            rows[:, objective] = teller(architectures)
        return rows

    def score(self, table: np.ndarray) -> None:
        """Take in the scores of every member of a listable space, shape ``(size, k)``, NaN where there are none."""
        self.scores = Sheet(self._space, table.shape[1])
        self.scores.fill(table)

    def tell(self, observations: Iterable[Observation]) -> None:
        """Take in what was found, at whatever fidelity."""
        for observation in observations:
            values = np.array(observation.values, dtype=float)
            if not self.trained.all():
                self.costs.put(observation.architecture, np.where(self.trained, np.nan, _finite(values)))
            if observation.fidelity >= 1.0:
                self.full.add([observation])
                continue
            self.changed.add(observation.architecture)
            if observation.fidelity > 0.0:
                self.early.put(observation.architecture, -_finite(values[self.trained]))
            elif observation.scores:
                self._score(observation)

    def _score(self, observation: Observation) -> None:
        if self.scores is None:
            self.scores = Sheet(self._space, len(observation.scores))
        if len(observation.scores) == self.scores.width:
            self.scores.put(observation.architecture, _finite(np.array(observation.scores)))


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
