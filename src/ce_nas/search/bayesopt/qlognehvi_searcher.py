"""Noisy Bayesian optimisation: Gaussian processes and acquisition function of BoTorch.

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

from ce_nas.components.registry import SEARCHERS
from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.search.bayesopt.base import BayesianSearcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.models.model_list_gp_regression import ModelListGP
    from torch import Tensor

    from ce_nas.space.base import Space

__all__ = ["QLogNehviSearcher"]

#: candidates evaluated at a time
_CHUNK_SIZE = 256


@SEARCHERS.register("qlognehvi", package="botorch", extra="bo")
class QLogNehviSearcher(BayesianSearcher):
    """qLogNEHVI, for noisy objectives [NEHVI, LogEI].

    One Gaussian process per objective is fitted to the full trainings, noise included. Earlier points of a batch, and
    running trainings, are pending. Needs the extra ``bo``; without noise, :class:`EhviSearcher` is as good and many
    times as fast.

    The parameters are those of :class:`BayesianSearcher`, and:

    :param mc_samples: Monte Carlo samples of the acquisition function.
    :raises MissingExtraError: if BoTorch is not installed.
    """

    name = "qlognehvi"

    def __init__(  # noqa: PLR0913 - what every searcher needs, and keyword settings
        self,
        space: Space,
        rng: np.random.Generator,
        reference: Sequence[float] | np.ndarray,
        *,
        startup: int = 10,
        candidates: int = 512,
        mc_samples: int = 64,
        n_restarts: int = 2,
        max_model_samples: int = 250,
    ) -> None:
        if mc_samples < 1:
            message = f"Expected mc_samples of at least 1, got mc_samples={mc_samples}."
            raise SettingsError(message)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # raised by PyTorch for BoTorch's dependencies
                import botorch  # noqa: F401 - checks the installation
        except ImportError as error:
            raise MissingExtraError(package="botorch", extra="bo", purpose="The searcher qlognehvi") from error
        super().__init__(
            space,
            rng,
            reference,
            startup=startup,
            candidates=candidates,
            n_restarts=n_restarts,
            max_model_samples=max_model_samples,
        )
        self._mc_samples = mc_samples
        self._notes: list[str] = []

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`; each note is returned once."""
        notes, self._notes = self._notes, []
        return notes

    @contextmanager
    def _acquisition_context(self) -> Iterator[None]:
        from botorch.utils.sampling import manual_seed

        with warnings.catch_warnings(), manual_seed(int(self._rng.integers(2**31))):
            warnings.simplefilter("ignore")  # added jitter and stopped optimisations: expected here
            yield

    def _build_acquisition(self, features: np.ndarray, values: np.ndarray) -> _BotorchAcquisition:
        from botorch.acquisition.multi_objective import logei
        from botorch.sampling.normal import SobolQMCNormalSampler
        from torch import Size

        # BoTorch 0.18 compiles a kernel at its first use, and waits without end for a compilation that was killed; its
        # proposals would depend on whether the machine has a compiler
        logei._load_attempted = True  # noqa: SLF001 - there is no public option
        baseline = _to_tensor(features)
        return _BotorchAcquisition(
            logei.qLogNoisyExpectedHypervolumeImprovement(
                model=self._fit_model(baseline, self._normalise_objectives(values)),
                ref_point=[0.0] * len(self._reference),
                X_baseline=baseline,
                sampler=SobolQMCNormalSampler(Size([self._mc_samples]), seed=int(self._rng.integers(2**31))),
                prune_baseline=True,
            )
        )

    def _normalise_objectives(self, values: np.ndarray) -> np.ndarray:
        """Improvement over the reference, shape ``(n, m)``, maximised: 1 for the best observed of an objective."""
        improvement = self._reference - values
        best = improvement.max(axis=0)
        scale = np.where(best > 0, best, np.maximum(np.abs(improvement).max(axis=0), 1e-12))
        return np.asarray(improvement / scale)

    def _fit_model(self, features: Tensor, objectives: np.ndarray) -> ModelListGP:
        """Fit one process per objective."""
        from botorch.exceptions.errors import ModelFittingError
        from botorch.fit import fit_gpytorch_mll
        from botorch.models.gp_regression import SingleTaskGP
        from botorch.models.model_list_gp_regression import ModelListGP
        from gpytorch.mlls import ExactMarginalLogLikelihood

        models = [SingleTaskGP(features, _to_tensor(column[:, None])) for column in objectives.T]
        for model in models:
            try:
                fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            except ModelFittingError:
                self._notes.append(
                    "A Gaussian process could not be fitted; the batch was selected with its prior length scales."
                )
                model.eval()
        return ModelListGP(*models)


class _BotorchAcquisition:
    """Adapts a BoTorch acquisition function to :class:`AcquisitionFunction`."""

    def __init__(self, function: qLogNoisyExpectedHypervolumeImprovement) -> None:
        self._function = function

    def values(self, points: np.ndarray) -> np.ndarray:
        """See :meth:`AcquisitionFunction.values`."""
        from torch import no_grad

        with no_grad():
            chunks = [
                _to_tensor(points[start : start + _CHUNK_SIZE, None]) for start in range(0, len(points), _CHUNK_SIZE)
            ]
            return np.concatenate([self._function(chunk).numpy() for chunk in chunks])

    def value_and_grad(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """See :meth:`AcquisitionFunction.value_and_grad`."""
        features = _to_tensor(point[None, None]).requires_grad_()
        value = self._function(features).sum()
        value.backward()
        return float(value.detach()), np.asarray(features.grad)[0, 0]

    def condition_on(self, point: np.ndarray) -> _BotorchAcquisition:
        """See :meth:`AcquisitionFunction.condition_on`."""
        from torch import cat

        pending, new = self._function.X_pending, _to_tensor(point[None])
        self._function.set_X_pending(new if pending is None else cat([pending, new]))
        return self


def _to_tensor(values: np.ndarray) -> Tensor:
    from torch import from_numpy

    return from_numpy(np.ascontiguousarray(values, dtype=float))
