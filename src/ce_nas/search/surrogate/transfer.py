"""Transfer from earlier searches of the same space: a prediction of an objective for every architecture.

Trainings on another image set, device or recipe have other values, but much the same order. A Gaussian process is
fitted to each earlier search; its mean is a feature of the present search, with a linear kernel added, so that the
model of the new trainings learns by how much each earlier search counts, and models the rest (a multi-task Gaussian
process [MTGP] whose tasks are weighted as they go [RGPE]).

Sources
    [MTGP] Swersky, Snoek, Adams. Multi-Task Bayesian Optimization. NeurIPS 2013.
    [RGPE] Feurer, Letham, Bakshy. Scalable Meta-Learning for Bayesian Optimization. AutoML workshop, ICML 2018.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.search.surrogate.gaussian_process import GroupKernel, fit_kernel, leave_one_out_log_density
from ce_nas.search.surrogate.target_transforms import LogTransform
from ce_nas.space.visited import MAX_EXHAUSTIVE_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.search.base import EarlierSearch
    from ce_nas.search.surrogate.encoding import FeatureEncoder
    from ce_nas.space.base import Space

__all__ = ["EarlierPredictions"]

#: the fewest trainings of an earlier search that are modelled
MIN_EARLIER_TRAININGS = 8
#: the most trainings that a kernel is fitted to, and that predict
_MAX_FITTED, _MAX_PREDICTING = 128, 512
#: the least gain in log density of a model over none: an earlier search whose values do not follow from its
#: architectures says nothing of others
_MIN_GAIN = 0.05


class EarlierPredictions:
    """Predictions of one objective, one column per earlier search that measured it.

    Example:
        >>> from ce_nas.search.base import EarlierSearch
        >>> from ce_nas.search.surrogate.encoding import FeatureEncoder
        >>> from ce_nas.space.base import Space
        >>> space = Space("toy", ["a", "b"], [[*"uvwxyz"]] * 2)
        >>> cells = space.all_architectures[::2]
        >>> earlier = EarlierSearch("day 1", cells, np.array([[float(sum(cell))] for cell in cells]))
        >>> predictions = EarlierPredictions(space, FeatureEncoder(space), [earlier], objective=0)
        >>> predictions.columns([(0, 1), (5, 4)]).shape
        (2, 1)

    :param objective: the column of the searches' values.
    """

    def __init__(
        self, space: Space, encoder: FeatureEncoder, searches: Sequence[EarlierSearch], objective: int
    ) -> None:
        self._space = space
        self._encoder = encoder
        self._models = []
        for search in searches:
            values = search.values[:, objective]
            rows = np.flatnonzero(np.isfinite(values)).tolist()
            if len(rows) < MIN_EARLIER_TRAININGS or np.ptp(values[rows]) <= 0:
                continue
            model = _EarlierModel([search.architectures[row] for row in rows], values[rows], encoder)
            if model.gain > _MIN_GAIN:
                self._models.append(model)
        self._table: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._models)

    def columns(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Predictions in standard deviations of the earlier search, minimised, shape ``(n, searches)``, float32."""
        if self._space.size > MAX_EXHAUSTIVE_SIZE:
            return self._predict(architectures)
        if self._table is None:
            self._table = self._predict(self._space.all_architectures)
        return self._table[[self._space.index[architecture] for architecture in architectures]]

    def promised(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The mean prediction as a share of each search's range, -1 (its best) to 0 (its worst), shape ``(n,)``."""
        columns = self.columns(architectures).T
        shares = [model.share_of_range(column) for model, column in zip(self._models, columns, strict=True)]
        return np.asarray(np.mean(shares, axis=0))

    def _predict(self, architectures: Sequence[Architecture]) -> np.ndarray:
        groups = self._encoder.functional_groups(architectures)
        columns = [model.predict(architectures, groups) for model in self._models]
        return np.column_stack([np.empty((len(architectures), 0)), *columns]).astype(np.float32)


class _EarlierModel:
    """One objective in one earlier search."""

    def __init__(self, architectures: Sequence[Architecture], values: np.ndarray, encoder: FeatureEncoder) -> None:
        self._transform = LogTransform.fit(values, float(values.max()))
        targets = self._transform.transform(values)
        fitted, predicting = (_spread_rows(values, most) for most in (_MAX_FITTED, _MAX_PREDICTING))
        groups = encoder.functional_groups([architectures[row] for row in predicting])
        start = GroupKernel.prior(len(groups))
        part = np.isin(predicting, fitted)
        self._kernel = fit_kernel([group[part] for group in groups], targets[predicting][part], start)
        #: log density by which the model predicts a training from the others better than their mean and deviation do
        self.gain = leave_one_out_log_density(groups, targets[predicting], self._kernel) + 0.5 * np.log(2 * np.pi) + 0.5
        self._rows = self._kernel.scale(groups)
        covariance = self._kernel.covariance(self._rows, self._rows).astype(float)
        covariance[np.diag_indices(len(predicting))] += self._kernel.noise_variance + 1e-4
        self._weights = np.linalg.solve(covariance, targets[predicting])
        #: more trainings than predict are a table, whose values are taken as they are
        many = len(values) > len(predicting)
        self._known = dict(zip(architectures, targets.tolist(), strict=True)) if many else {}

    def predict(self, architectures: Sequence[Architecture], groups: Sequence[np.ndarray]) -> np.ndarray:
        mean = np.empty(len(architectures))
        for start in range(0, len(mean), 4096):
            rows = self._kernel.scale([group[start : start + 4096] for group in groups])
            mean[start : start + 4096] = self._kernel.covariance(rows, self._rows) @ self._weights
        if self._known:
            known = np.array([self._known.get(architecture, np.nan) for architecture in architectures])
            return np.where(np.isnan(known), mean, known)
        return mean

    def share_of_range(self, targets: np.ndarray) -> np.ndarray:
        """Predictions as a share of the search's range, -1 for its best value and 0 for its worst."""
        best, worst = self._transform.best, self._transform.cap
        return np.asarray((np.clip(self._transform.inverse_transform(targets), best, worst) - worst) / (worst - best))


def _spread_rows(values: np.ndarray, most: int) -> np.ndarray:
    """Rows of at most that many values: the better half of them the best, the others spread over the rest."""
    order = np.argsort(values, kind="stable")
    if len(order) <= most:
        return np.arange(len(order))
    half = most // 2
    rest = order[half:][np.linspace(0, len(order) - half - 1, most - half).astype(np.intp)]
    return np.sort(np.concatenate([order[:half], rest]))
