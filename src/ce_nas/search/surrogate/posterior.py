"""The surrogate's posterior over candidates: their objectives, known or modelled, and expected improvements."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.pareto.dominance import is_nondominated
from ce_nas.pareto.sorting import argsort_rank_and_crowding
from ce_nas.search.observation_history import objective_values
from ce_nas.search.surrogate.acquisition import expected_hypervolume_improvements, normal_quadrature_nodes
from ce_nas.search.surrogate.encoding import ScoreEncoder, rank_correlation
from ce_nas.search.surrogate.gaussian_process import GpPosterior, GroupKernel, fit_kernel, leave_one_out_log_density
from ce_nas.search.surrogate.target_transforms import LogTransform, StandardTransform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.surrogate.encoding import FeatureEncoder
    from ce_nas.search.surrogate.training_set import ArchitectureTable, SurrogateDataset

__all__ = ["CandidatePosterior"]

#: quadrature nodes of an expectation
_QUADRATURE_NODES = 8
#: the most samples a kernel is fitted to: the best, and an evenly spaced share of the rest
_MAX_BEST_SAMPLES, _MAX_OTHER_SAMPLES = 96, 48
#: the fewest trainings by which proxy scores and earlier searches are judged
_MIN_JUDGED_SAMPLES = 8
#: the slope variance from which on an earlier search counts
_MIN_SLOPE_VARIANCE = 1e-6


class CandidatePosterior:
    """Models of the objectives over fixed candidates, with fixed kernels; samples may be added.

    :param candidates: the architectures to predict.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param kernels: for some objectives, the kernel to use, or with ``fit`` to start from.
    """

    def __init__(  # noqa: PLR0913 - candidates, their features and data, and the kernels
        self,
        candidates: Sequence[Architecture],
        feature_encoder: FeatureEncoder,
        dataset: SurrogateDataset,
        reference: np.ndarray,
        kernels: Mapping[int, GroupKernel],
        *,
        fit: bool,
    ) -> None:
        self.candidates = candidates
        #: the index of each candidate
        self.index = {architecture: index for index, architecture in enumerate(candidates)}
        self.kernels: dict[int, GroupKernel] = {}
        self._feature_encoder = feature_encoder
        self._dataset = dataset
        self._reference = reference
        self._auxiliary_tables = [
            (table, ScoreEncoder.fit(*_known_scores(table, feature_encoder))) for table in dataset.auxiliary_tables
        ]
        self._known_values = dataset.known_values(candidates)
        self._modelled = np.flatnonzero(np.isnan(self._known_values).any(axis=0)).tolist()
        self._nodes = normal_quadrature_nodes(_QUADRATURE_NODES, len(self._modelled))
        self._front = np.empty((0, len(reference)))
        self._posteriors: dict[int, GpPosterior] = {}
        self._transforms: dict[int, LogTransform | StandardTransform] = {}
        self._means: dict[int, np.ndarray] = {}
        self._fit_kernels(kernels, fit=fit)
        groups = self._feature_groups(candidates)
        self._posteriors = {
            objective: GpPosterior(kernel, groups[objective]) for objective, kernel in self.kernels.items()
        }
        self.update()

    def update(self) -> None:
        """Add the new full trainings and measurements, and update all values."""
        groups_of: dict[tuple[Architecture, ...], dict[int, list[np.ndarray]]] = {}
        for objective, posterior in self._posteriors.items():
            architectures, targets = self._dataset.samples(objective)
            if new := tuple(architectures[len(posterior) :]):
                if new not in groups_of:  # the trained objectives have the same
                    groups_of[new] = self._feature_groups(new)
                posterior.add(groups_of[new][objective])
            transform = self._transforms[objective] = self._output_transform(objective, targets)
            self._means[objective] = posterior.mean(transform.transform(targets))
        values = objective_values(self._dataset.full_trainings.observations)
        inside = values[(values < self._reference).all(axis=1)]
        self._front = inside[is_nondominated(inside)]

    def refresh(self, changed: Sequence[Architecture]) -> None:
        """Reload the known values and features of some candidates; to be followed by :meth:`update`."""
        rows = np.array([self.index[architecture] for architecture in changed], dtype=np.intp)
        self._known_values[rows] = self._dataset.known_values(changed)
        if self._auxiliary_tables and self._posteriors:
            groups = self._feature_groups(changed)
            for objective, posterior in self._posteriors.items():
                posterior.update_candidates(rows, groups[objective])

    def expected_improvements(self) -> np.ndarray:
        """The expected hypervolume improvement by a training of each candidate, shape ``(candidates,)``."""
        return expected_hypervolume_improvements(
            self._front, self._values_at_node, self._nodes, len(self._known_values), self._reference
        )

    def fantasise(self, index: int) -> None:
        """Condition on the training of a candidate, with its expected values."""
        expected = self._values_at_node(np.array([index]), np.zeros(len(self._modelled)))
        self._front = np.vstack([self._front, expected])
        for posterior in self._posteriors.values():
            posterior.fantasise(index)

    def subset(self, indices: np.ndarray) -> CandidatePosterior:
        """A copy over some of the candidates, for fantasies."""
        part = copy.copy(self)
        part.restrict(indices)
        return part

    def restrict(self, indices: np.ndarray) -> None:
        """Keep only some of the candidates."""
        self._known_values = self._known_values[indices]
        self._means = {objective: mean[indices] for objective, mean in self._means.items()}
        self._posteriors = {objective: posterior.subset(indices) for objective, posterior in self._posteriors.items()}

    def expected_values(self) -> np.ndarray:
        """Each candidate's objectives, known or expected, shape ``(candidates, m)``."""
        return self._values_at_node(np.arange(len(self._known_values)), np.zeros(len(self._modelled)))

    @property
    def modelled(self) -> Sequence[int]:
        """The objectives that are not known of every candidate."""
        return self._modelled

    def values_at(self, index: int, nodes: np.ndarray) -> np.ndarray:
        """The objectives of one candidate, its modelled ones a number of standard deviations from their mean.

        :param nodes: standard deviations, shape ``(n, modelled)``.
        :returns: shape ``(n, m)``.
        """
        return np.vstack([self._values_at_node(np.array([index]), node) for node in nodes])

    @property
    def uses_earlier_searches(self) -> bool:
        """Whether the kernel of an objective lets an earlier search count."""
        return any(
            bool((self.kernels[objective].slope_variances[: len(predictions)] > _MIN_SLOPE_VARIANCE).any())
            for objective, predictions in self._dataset.earlier.items()
            if objective in self.kernels
        )

    def _fit_kernels(self, kernels: Mapping[int, GroupKernel], *, fit: bool) -> None:
        samples = self._dataset.full_trainings.observations
        trained_rows = _select_kernel_samples(objective_values(samples))
        trained_groups = self._feature_groups([samples[row].architecture for row in trained_rows])
        for objective in self._modelled:
            architectures, values = self._dataset.samples(objective)
            rows, groups = trained_rows, trained_groups
            if objective in self._dataset.measured:
                rows = _select_kernel_samples(values[:, None])
                groups = self._feature_groups([architectures[row] for row in rows])
            kernel = kernels.get(objective)
            if kernel is None or len(kernel.length_scales) != len(groups[objective]):
                kernel = GroupKernel.prior(len(groups[objective]), self._linear_group_counts[objective])
            elif not fit:
                self.kernels[objective] = kernel
                continue
            targets = self._output_transform(objective, values).transform(values[rows])
            self.kernels[objective] = self._fit_with_judged_features(objective, groups[objective], targets, kernel)

    def _fit_with_judged_features(
        self, objective: int, groups: Sequence[np.ndarray], targets: np.ndarray, start: GroupKernel
    ) -> GroupKernel:
        """The fitted kernel, without the features from elsewhere that do not help to predict trainings.

        Proxy scores, and predictions by earlier searches, stay if the kernel with them predicts each training from the
        others at least as well as the kernel without; an earlier search that ranks the trainings the wrong way is left
        out.
        """
        first = self._functional_group_count
        scores = range(first, first + len(self._auxiliary_tables))
        earlier = range(scores.stop, scores.stop + len(self._dataset.earlier.get(objective, ())))
        if not (scores or earlier) or len(targets) < _MIN_JUDGED_SAMPLES:
            return fit_kernel(groups, targets, start)
        wrong = [column for column in earlier if rank_correlation(groups[column][:, 0], targets) <= 0.0]
        choices = [wrong, *([*scores, *wrong] for _ in scores[:1])]
        if len(wrong) < len(earlier):
            choices += [[*earlier], *([*scores, *earlier] for _ in scores[:1])]
        kernels = [fit_kernel(groups, targets, start.without(ignored), fixed=ignored) for ignored in choices]
        densities = [leave_one_out_log_density(groups, targets, kernel) for kernel in kernels]
        return kernels[int(np.argmax(densities))]

    def _output_transform(self, objective: int, values: np.ndarray) -> LogTransform | StandardTransform:
        transform = LogTransform if self._dataset.requires_training[objective] else StandardTransform
        return transform.fit(values, self._reference[objective])

    def _values_at_node(self, indices: np.ndarray, node: np.ndarray) -> np.ndarray:
        """The objectives of some candidates, the modelled ones ``node`` standard deviations from their mean."""
        values = np.array(self._known_values[indices])
        for objective, z in zip(self._modelled, node, strict=True):
            deviation = self._posteriors[objective].standard_deviation[indices] if z else 0.0
            modelled = self._transforms[objective].inverse_transform(self._means[objective][indices] + z * deviation)
            values[:, objective] = np.where(np.isnan(values[:, objective]), modelled, values[:, objective])
        return values

    def _feature_groups(self, architectures: Sequence[Architecture]) -> dict[int, list[np.ndarray]]:
        """The feature groups of each modelled objective."""
        groups = self._feature_encoder.functional_groups(architectures)
        self._functional_group_count = len(groups)
        groups += [
            encoder.group(table.lookup(architectures), groups[: self._functional_group_count])
            for table, encoder in self._auxiliary_tables
        ]
        trained = self._dataset.requires_training
        has_costs = not trained[self._modelled].all()
        cost_groups = self._feature_encoder.cost_groups(architectures) if has_costs else []
        linear = {
            objective: self._dataset.earlier_groups(objective, architectures)
            + ([] if trained[objective] else cost_groups)
            for objective in self._modelled
        }
        self._linear_group_counts = {objective: len(added) for objective, added in linear.items()}
        return {objective: groups + added for objective, added in linear.items()}


def _known_scores(table: ArchitectureTable, encoder: FeatureEncoder) -> tuple[np.ndarray, list[np.ndarray]]:
    """The rows of a table with known values, and the features of their architectures."""
    known = table.known_architectures
    return table.lookup(known), encoder.functional_groups(known)


def _select_kernel_samples(values: np.ndarray) -> np.ndarray:
    """Rows to fit a kernel to, ascending: all if they are few, else the best and an evenly spaced share of the rest."""
    if len(values) <= _MAX_BEST_SAMPLES + _MAX_OTHER_SAMPLES:
        return np.arange(len(values))
    order = argsort_rank_and_crowding(values)
    rest = order[_MAX_BEST_SAMPLES:][
        np.linspace(0, len(values) - _MAX_BEST_SAMPLES - 1, _MAX_OTHER_SAMPLES).astype(np.intp)
    ]
    return np.asarray(np.sort(np.concatenate([order[:_MAX_BEST_SAMPLES], rest])), dtype=np.intp)
