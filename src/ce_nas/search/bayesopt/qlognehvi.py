"""Bayesian optimisation under noise: Gaussian processes and acquisition function of BoTorch.

Sources
    [NEHVI] Daulton, Balandat, Bakshy. Parallel Bayesian Optimization of Multiple Noisy Objectives with Expected
    Hypervolume Improvement. NeurIPS 2021.
    [LogEI] Ament, Daulton, Eriksson, Balandat, Bakshy. Unexpected Improvements to Expected Improvement for Bayesian
    Optimization. NeurIPS 2023.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.search.bayesopt.base import BayesianSearcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.models.model_list_gp_regression import ModelListGP
    from torch import Tensor

    from ce_nas.space.base import Space

__all__ = ["QLogNehviSearcher"]

#: candidates rated at a time
_CHUNK = 256


class QLogNehviSearcher(BayesianSearcher):
    """qLogNEHVI, for trainings that come out otherwise each time [NEHVI, LogEI].

    A Gaussian process an objective is fitted to the full trainings, noise included. The earlier proposals of a batch,
    and those under way, are pending. Needs the extra ``bo``; where there is no noise, :class:`EhviSearcher` is as good
    and many times as fast.

    The parameters are those of :class:`BayesianSearcher`, and:

    :param draws: Monte Carlo draws of the acquisition function.
    :raises MissingExtraError: if BoTorch is not installed.
    """

    name = "qlognehvi"

    def __init__(  # noqa: PLR0913 - a space, a stream, a reference, and five settings
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        *,
        startup: int = 10,
        candidates: int = 512,
        draws: int = 64,
        climbs: int = 2,
        most: int = 250,
    ) -> None:
        if draws < 1:
            message = f"Expected draws of at least 1, got draws={draws}."
            raise SettingsError(message)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of PyTorch, at what BoTorch builds on
                import botorch  # noqa: F401 - is it there?
        except ImportError as error:
            raise MissingExtraError(package="botorch", extra="bo", purpose="The searcher qlognehvi") from error
        super().__init__(space, rng, reference, startup=startup, candidates=candidates, climbs=climbs, most=most)
        self._draws = draws
        self._notes: list[str] = []

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`; each note is handed out once."""
        notes, self._notes = self._notes, []
        return notes

    @contextmanager
    def _reckoning(self) -> Iterator[None]:
        from botorch.utils.sampling import manual_seed

        with warnings.catch_warnings(), manual_seed(int(self._rng.integers(2**31))):
            warnings.simplefilter("ignore")  # of jitter added and climbs cut short: neither is a fault here
            yield

    def _promise(self, features: np.ndarray, values: np.ndarray) -> _Acquisition:
        from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
        from botorch.sampling.normal import SobolQMCNormalSampler
        from torch import Size

        trained = _tensor(features)
        return _Acquisition(
            qLogNoisyExpectedHypervolumeImprovement(
                model=self._model(trained, self._gains(values)),
                ref_point=[0.0] * len(self._reference),
                X_baseline=trained,
                sampler=SobolQMCNormalSampler(Size([self._draws]), seed=int(self._rng.integers(2**31))),
                prune_baseline=True,
            )
        )

    def _gains(self, values: np.ndarray) -> np.ndarray:
        """How much better than the reference, shape ``(n, m)``, maximised: 1 for the best seen in an objective."""
        gains = self._reference - values
        best = gains.max(axis=0)
        return np.asarray(gains / np.where(best > 0, best, np.maximum(np.abs(gains).max(axis=0), 1e-12)))

    def _model(self, features: Tensor, gains: np.ndarray) -> ModelListGP:
        """A fitted process an objective."""
        from botorch.exceptions.errors import ModelFittingError
        from botorch.fit import fit_gpytorch_mll
        from botorch.models.gp_regression import SingleTaskGP
        from botorch.models.model_list_gp_regression import ModelListGP
        from gpytorch.mlls import ExactMarginalLogLikelihood

        models = [SingleTaskGP(features, _tensor(column[:, None])) for column in gains.T]
        for model in models:
            try:
                fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            except ModelFittingError:
                self._notes.append(
                    "A Gaussian process could not be fitted; the batch was chosen with its prior length scales."
                )
                model.eval()
        return ModelListGP(*models)


class _Acquisition:
    """An acquisition function of BoTorch as a promise."""

    def __init__(self, function: qLogNoisyExpectedHypervolumeImprovement) -> None:
        self._function = function

    def at(self, points: np.ndarray) -> np.ndarray:
        """See :meth:`Promise.at`."""
        from torch import no_grad

        with no_grad():
            chunks = [_tensor(points[start : start + _CHUNK, None]) for start in range(0, len(points), _CHUNK)]
            return np.concatenate([self._function(chunk).numpy() for chunk in chunks])

    def with_slopes(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """See :meth:`Promise.with_slopes`."""
        features = _tensor(point[None, None]).requires_grad_()
        value = self._function(features).sum()
        value.backward()
        return float(value.detach()), np.asarray(features.grad)[0, 0]

    def given(self, point: np.ndarray) -> _Acquisition:
        """See :meth:`Promise.given`."""
        from torch import cat

        pending, new = self._function.X_pending, _tensor(point[None])
        self._function.set_X_pending(new if pending is None else cat([pending, new]))
        return self


def _tensor(values: np.ndarray) -> Tensor:
    from torch import from_numpy

    return from_numpy(np.ascontiguousarray(values, dtype=float))
