"""The surrogate's data: full trainings, known objectives, proxy scores and partial trainings."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.search.observation_history import ObservationHistory, objective_values
from ce_nas.search.surrogate.encoding import RankNormaliser
from ce_nas.search.surrogate.transfer import EarlierPredictions
from ce_nas.space.visited import MAX_EXHAUSTIVE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.base import EarlierSearch, KnownMetric
    from ce_nas.search.surrogate.encoding import FeatureEncoder
    from ce_nas.space.base import Space

__all__ = ["ArchitectureTable", "SurrogateDataset", "require_consistent", "resolve_requires_training"]


#: the best architectures of an earlier search that are kept, by one objective
_MAX_EARLIER_BEST = 128


#: the architectures without a training that a measured objective is modelled from at most
_MAX_MEASURED = 256


class ArchitectureTable:
    """Values of architectures, one row each, NaN where unknown; dense for listable spaces, else sparse.

    :param width: number of values per architecture.
    """

    def __init__(self, space: Space, width: int) -> None:
        self.width = width
        self._index = space.index if space.size <= MAX_EXHAUSTIVE_SIZE else None
        self._table = np.full((space.size, width), np.nan) if self._index is not None else np.empty((0, width))
        self._rows: dict[Architecture, np.ndarray] = {}
        #: number of architectures with a known value
        self.count = 0

    def fill(self, table: np.ndarray) -> None:
        """Set the values of every member of a listable space, shape ``(size, width)``."""
        self._table[:] = table
        self.count = int(np.isfinite(self._table).any(axis=1).sum()) if self.width else 0

    def update_row(self, architecture: Architecture, values: np.ndarray) -> None:
        """Set one row, shape ``(width,)``; NaN keeps the known value."""
        if self._index is None:
            row = self._rows.setdefault(architecture, np.full(self.width, np.nan))
        else:
            row = self._table[self._index[architecture]]
        self.count += bool(np.isnan(row).all() and not np.isnan(values).all())
        row[:] = np.where(np.isnan(values), row, values)

    def lookup(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The rows of ``architectures``, shape ``(n, width)``."""
        if self._index is not None:
            return self._table[[self._index[architecture] for architecture in architectures]]
        unknown = np.full(self.width, np.nan)
        rows = [self._rows.get(architecture, unknown) for architecture in architectures]
        return np.array(rows).reshape(-1, self.width)

    @property
    def known_architectures(self) -> list[Architecture]:
        """The architectures with a known value, in the order of the members, or of their first value."""
        if self._index is None:
            return list(self._rows)
        known = np.logical_or.reduce(np.isfinite(self._table), axis=1)
        return [architecture for architecture, is_known in zip(self._index, known, strict=True) if is_known]

    @property
    def known_rows(self) -> np.ndarray:
        """All rows with known values, possibly among unknown ones, shape ``(n, width)``; not to be modified."""
        return self._table if self._index is not None else np.array(list(self._rows.values())).reshape(-1, self.width)


class SurrogateDataset:
    """All data of a search, by fidelity.

    :param requires_training: for each objective, whether it takes a training to observe it.
    :param known_objectives: for each objective its values of every member of a listable space, shape ``(size,)``, or as
        a function of architectures, or None where it is not known in advance.
    :param equivalents: for each architecture those that compute the same function, which share its proxy scores.
    """

    def __init__(
        self,
        space: Space,
        requires_training: Sequence[bool],
        known_objectives: Sequence[KnownMetric | None] = (),
        equivalents: Mapping[Architecture, Sequence[Architecture]] | None = None,
    ) -> None:
        self._space = space
        self._equivalents = equivalents or {}
        #: for each objective, whether it takes a training to observe it
        self.requires_training = np.array(requires_training, dtype=bool)
        self.full_trainings = ObservationHistory()
        #: objectives that do not require a training
        self.known_table = ArchitectureTable(space, len(requires_training))
        self._metric_functions = {
            objective: metric for objective, metric in enumerate(known_objectives) if callable(metric)
        }
        columns = {
            objective: metric for objective, metric in enumerate(known_objectives) if isinstance(metric, np.ndarray)
        }
        self._known_in_advance = {*self._metric_functions, *columns}
        if columns:
            unknown = np.full(space.size, np.nan)
            self.known_table.fill(
                np.column_stack([columns.get(objective, unknown) for objective in range(len(requires_training))])
            )
        #: objectives that are measured, before a training or by it, and not known in advance
        self.measured = [
            objective
            for objective, is_trained in enumerate(requires_training)
            if not (is_trained or objective in self._known_in_advance)
        ]
        # their values, each architecture in the order in which it was first observed
        self._measurements: dict[Architecture, tuple[float, ...]] = {}
        #: estimates of the objectives that require a training by the proxy scores, larger is better
        self.votes = ArchitectureTable(space, int(self.requires_training.sum()))
        #: proxy scores, larger is better; None before the first
        self.proxy_scores: ArchitectureTable | None = None
        #: negated values of partial trainings
        self.partial_trainings = ArchitectureTable(space, int(self.requires_training.sum()))
        #: for some objectives what earlier searches predict
        self.earlier: dict[int, EarlierPredictions] = {}
        #: the best architectures of earlier searches, by each objective
        self.earlier_best: tuple[Architecture, ...] = ()
        #: architectures with a new estimate or partial training since this was last cleared
        self.changed_architectures: set[Architecture] = set()

    @property
    def auxiliary_tables(self) -> list[ArchitectureTable]:
        """The tables that may help to predict a training, without empty ones."""
        return [table for table in (self.proxy_scores, self.partial_trainings) if table is not None and table.count]

    @property
    def counts(self) -> tuple[int, int, int]:
        """Numbers of architectures with a full training, with proxy scores, and with a partial training."""
        return (
            len(self.full_trainings),
            self.proxy_scores.count if self.proxy_scores else 0,
            self.partial_trainings.count,
        )

    @property
    def has_metric_functions(self) -> bool:
        """Whether an objective is known as a function of architectures."""
        return bool(self._metric_functions)

    def set_earlier(self, searches: Sequence[EarlierSearch], encoder: FeatureEncoder) -> None:
        """Model earlier searches of the same space, as far as they measured the objectives."""
        self.earlier, self.earlier_best = {}, ()
        for objective in sorted({*range(len(self.requires_training))} - self._known_in_advance) if searches else ():
            predictions = EarlierPredictions(self._space, encoder, searches, objective)
            if len(predictions):
                self.earlier[objective] = predictions
                best = (search.best_architectures(objective, _MAX_EARLIER_BEST) for search in searches)
                self.earlier_best = tuple(dict.fromkeys([*self.earlier_best, *itertools.chain(*best)]))

    def earlier_groups(self, objective: int, architectures: Sequence[Architecture]) -> list[np.ndarray]:
        """What earlier searches predict of an objective: a feature group each, shape ``(n, 1)``; none without any."""
        if objective not in self.earlier:
            return []
        return [column[:, None] for column in self.earlier[objective].columns(architectures).T]

    def samples(self, objective: int) -> tuple[list[Architecture], np.ndarray]:
        """What an objective is modelled from: architectures, and its values, minimised, shape ``(n,)``.

        The full trainings; of a measured objective also what was measured without one, of a limited number of
        architectures. New ones come last.
        """
        if objective in self.measured:
            values = [each[objective] for each in self._measurements.values()]
            return list(self._measurements), np.array(values, dtype=float)
        trained = self.full_trainings.observations
        return [sample.architecture for sample in trained], objective_values(trained)[:, objective]

    def known_values(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The objectives of ``architectures`` that are known without a training, shape ``(n, m)``, else NaN."""
        rows = self.known_table.lookup(architectures)
        for objective, metric in self._metric_functions.items():
            rows[:, objective] = metric(architectures)
        return rows

    def set_proxy_scores(self, table: np.ndarray, votes: np.ndarray | None = None) -> None:
        """Set the scores of every member of a listable space, shape ``(size, k)``, NaN where missing.

        :param votes: their estimate of an objective, larger is better, shape ``(size,)``; None: their mean rank.
        """
        self.proxy_scores = ArchitectureTable(self._space, table.shape[1])
        self.proxy_scores.fill(table)
        if votes is None:
            votes = RankNormaliser.fit(table).transform(table).mean(axis=1)
            votes[~np.isfinite(table).any(axis=1)] = np.nan
        self.votes.fill(np.repeat(votes[:, None], self.votes.width, axis=1))

    def tell(self, observations: Iterable[Observation]) -> None:
        """Store observations of any fidelity."""
        for observation in observations:
            values = np.array(observation.values, dtype=float)
            if not self.requires_training.all():
                self.known_table.update_row(
                    observation.architecture, np.where(self.requires_training, np.nan, _mask_infinite(values))
                )
            has_room = observation.fidelity >= 1.0 or len(self._measurements) < _MAX_MEASURED
            if self.measured and has_room and np.isfinite(values[self.measured]).all():
                self._measurements.setdefault(observation.architecture, observation.values)
            if observation.fidelity >= 1.0:
                self.full_trainings.add([observation])
                continue
            self.changed_architectures.add(observation.architecture)
            if observation.fidelity > 0.0:
                self.partial_trainings.update_row(
                    observation.architecture, -_mask_infinite(values[self.requires_training])
                )
            elif observation.scores:
                self._add_proxy_scores(observation, -_mask_infinite(values[self.requires_training]))

    def _add_proxy_scores(self, observation: Observation, votes: np.ndarray) -> None:
        """Store scores and what they say of the objectives, also for equivalent architectures without any."""
        if self.proxy_scores is None:
            self.proxy_scores = ArchitectureTable(self._space, len(observation.scores))
        scores = _mask_infinite(np.array(observation.scores))
        if len(scores) != self.proxy_scores.width:
            return
        twins = self._equivalents.get(observation.architecture, ())
        is_unscored = np.isnan(self.proxy_scores.lookup(twins)).all(axis=1).tolist() if twins else ()
        unscored = [twin for twin, missing in zip(twins, is_unscored, strict=True) if missing]
        for architecture in dict.fromkeys([observation.architecture, *unscored]):
            self.proxy_scores.update_row(architecture, scores)
            self.votes.update_row(architecture, votes)
            self.changed_architectures.add(architecture)


def _mask_infinite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def resolve_requires_training(
    objectives: int, requires_training: Sequence[bool] | None, known_objectives: Sequence[KnownMetric | None] | None
) -> list[bool]:
    """For each objective whether it takes a training to observe it: as stated, else where no values are known."""
    if requires_training is not None:
        return list(requires_training)
    return [True] * objectives if known_objectives is None else [column is None for column in known_objectives]


def require_consistent(  # noqa: PLR0913 - all that is known in advance
    space: Space,
    objectives: int,
    requires_training: Sequence[bool],
    known_objectives: Sequence[KnownMetric | None] | None,
    proxy_scores: np.ndarray | None,
    *,
    initial_proposals: int,
) -> None:
    """Check that what is known in advance fits the space and the objectives.

    :raises SettingsError: if it does not.
    """
    counts = [len(requires_training), objectives if known_objectives is None else len(known_objectives)]
    columns = [column for column in known_objectives or () if isinstance(column, np.ndarray)]
    tables = [*columns, *([] if proxy_scores is None else [proxy_scores])]
    listed = not tables or space.size <= MAX_EXHAUSTIVE_SIZE
    if (
        counts != [objectives] * 2
        or not listed
        or any(len(table) != space.size for table in tables)
        or initial_proposals < 1
    ):
        message = (
            f"Expected known_objectives and requires_training with an entry for each of the {objectives} objectives, "
            f"known values and proxy_scores of all {space.size} members of a listable space, and initial_proposals of "
            f"at least 1; got {counts[1]} and {counts[0]} entries, tables of {[len(table) for table in tables]} rows "
            f"and initial_proposals={initial_proposals}."
        )
        raise SettingsError(message)
