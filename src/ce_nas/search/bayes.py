"""Bayesian optimisation: Gaussian processes, and batches by expected hypervolume improvement under noise.

Sources
    [NEHVI] Daulton, Balandat, Bakshy. Parallel Bayesian Optimization of Multiple Noisy Objectives with Expected
    Hypervolume Improvement. NeurIPS 2021.
    [LogEI] Ament, Daulton, Eriksson, Balandat, Bakshy. Unexpected Improvements to Expected Improvement for Bayesian
    Optimization. NeurIPS 2023.
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.pareto.dominance import is_front
from ce_nas.pareto.sorting import best_first
from ce_nas.search.archive import Archive, values_of
from ce_nas.search.regional import AnyOf, RegionalSearcher, WholeSpace, distinct
from ce_nas.search.uniform import draw
from ce_nas.space.domains import Float
from ce_nas.space.mixed import MixedSpace

if TYPE_CHECKING:
    from collections.abc import Container, Generator, Sequence

    from botorch.acquisition.acquisition import AcquisitionFunction
    from botorch.models.model_list_gp_regression import ModelListGP
    from botorch.sampling.base import MCSampler
    from torch import Tensor

    from ce_nas.core.records import Architecture, Observation
    from ce_nas.search.regional import Region
    from ce_nas.space.space import Space

    Acquisitions = Generator[AcquisitionFunction, Tensor, None]

__all__ = ["QLogNehviSearcher"]

#: objectives beyond this mark what failed, or broke a constraint, and are not modelled
_FAR = 1e50
#: candidates rated at a time
_CHUNK = 256
#: variance of what is not noisy, as a share of the objective's
_NO_NOISE = 1e-6
#: bounds of a climb up the acquisition function
_CLIMB = {"maxiter": 20, "maxfun": 40}
#: how far of the way from a start to the end of its climb is tried while the point lies outside the region
_WAY_BACK = (1.0, 0.5, 0.25, 0.1)


class QLogNehviSearcher(RegionalSearcher):
    """qLogNEHVI over a set of candidates of the region, of which the best climb on where variables are real.

    A Gaussian process an objective is fitted to the full trainings. Candidates are drawn at random in the region, and
    around the front; the batch is chosen one after the other, each with those before it as pending [NEHVI, LogEI].

    :param space: the space to search.
    :param rng: the searcher's own generator.
    :param reference: reference point of the hypervolume, minimised, shape ``(m,)``.
    :param startup: full trainings before the first model; random until then.
    :param candidates: how many candidates are drawn for a batch, half of them around the front.
    :param draws: Monte Carlo draws of the acquisition function.
    :param climbs: how many candidates climb for each place of a batch; 0 for none.
    :param most: so many full trainings, the best, are modelled.
    :param noisy: whether a training repeated may come out otherwise; if not, qLogEHVI takes the place of qLogNEHVI,
        which is several times as fast on three objectives.
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
        noisy: bool = True,
    ) -> None:
        if min(startup, draws) < 1 or min(candidates, most) < 2 or climbs < 0:
            message = (
                "Expected startup and draws of at least 1, candidates and most of at least 2 and climbs of at least 0, "
                f"got startup={startup}, draws={draws}, candidates={candidates}, most={most} and climbs={climbs}."
            )
            raise SettingsError(message)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of PyTorch, at what BoTorch builds on
                import botorch  # noqa: F401 - is it there?
        except ImportError as error:
            raise MissingExtraError(package="botorch", extra="bo", purpose="The searcher qlognehvi") from error
        self._space = space
        self._rng = rng
        self._reference = np.asarray(reference, dtype=float)
        self._startup = startup
        self._candidates = candidates
        self._draws = draws
        self._climbs = climbs if _real_columns(space).any() else 0
        self._most = most
        self._noisy = noisy
        self._archive = Archive()
        self._notes: list[str] = []

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`."""
        return self.ask_within(n, exclude, WholeSpace(self._archive.observations))

    def ask_within(self, n: int, exclude: Container[Architecture], region: Region) -> list[Architecture]:
        """See :meth:`RegionalSearcher.ask_within`."""
        samples = [one for one in self._archive.observations if (np.abs(one.values) < _FAR).all()]
        found: list[Architecture] = []
        if n and len(samples) >= self._startup and (pool := self._pool(samples, exclude, region)):
            found = self._chosen(n, samples, pool, exclude, region)
        return found + draw(self._space, self._rng, n - len(found), AnyOf(exclude, set(found)), region)

    def tell(self, observations: Sequence[Observation]) -> None:
        """See :meth:`Searcher.tell`."""
        self._archive.add(observations)

    def notes(self) -> list[str]:
        """See :meth:`Searcher.notes`; each note is handed out once."""
        notes, self._notes = self._notes, []
        return notes

    def _pool(
        self, samples: Sequence[Observation], exclude: Container[Architecture], region: Region
    ) -> list[Architecture]:
        """Candidates in the region that are not excluded: drawn at random, and changes of the front's architectures."""
        at_home = {sample.architecture for sample in region.samples}
        around = self._around([sample for sample in samples if sample.architecture in at_home] or samples)
        near = [one for one in distinct(around, exclude) if self._space.contains(one)]
        inside = region.contains(near).tolist() if near else []
        near = [one for one, yes in zip(near, inside, strict=True) if yes]
        return draw(self._space, self._rng, self._candidates - len(near), AnyOf(exclude, set(near)), region) + near

    def _around(self, samples: Sequence[Observation]) -> list[Architecture]:
        """Changed copies of the front's architectures, half as many as candidates are wanted."""
        front = np.array([samples[row].architecture for row in np.flatnonzero(is_front(values_of(samples))).tolist()])
        rows = front[self._rng.integers(len(front), size=self._candidates // 2)]
        mutates = self._rng.random(rows.shape) < max(1.0 / rows.shape[1], 0.3)
        return self._space.architectures(self._space.mutated(rows, mutates, self._rng))

    def _chosen(
        self,
        n: int,
        samples: Sequence[Observation],
        pool: list[Architecture],
        exclude: Container[Architecture],
        region: Region,
    ) -> list[Architecture]:
        from botorch.utils.sampling import manual_seed

        found: list[Architecture] = []
        with warnings.catch_warnings(), manual_seed(int(self._rng.integers(2**31))):
            warnings.simplefilter("ignore")  # of jitter added and climbs cut short: neither is a fault here
            acquisitions = self._under_noise(samples) if self._noisy else self._without_noise(samples)
            acquisition = next(acquisitions)
            for place in range(min(n, len(pool))):
                if place:
                    acquisition = acquisitions.send(_tensor(self._space.encode(found[-1:])))
                best = self._best(acquisition, pool, AnyOf(exclude, found), region)
                found.append(best)
                pool = [one for one in pool if one != best]
        return found

    def _best(
        self,
        acquisition: AcquisitionFunction,
        pool: list[Architecture],
        exclude: Container[Architecture],
        region: Region,
    ) -> Architecture:
        """The candidate that promises most, climbs of the most promising ones included."""
        ratings = _rated(acquisition, self._space.encode(pool))
        order: list[int] = np.argsort(-ratings, kind="stable").tolist()
        best = pool[order[0]]
        if not self._climbs:
            return best
        starts = self._space.encode([pool[row] for row in order[: self._climbs]])
        ends = self._ends(acquisition, starts, exclude, region)
        if ends and (reached := _rated(acquisition, self._space.encode(ends))).max() > ratings.max():
            return ends[int(reached.argmax())]
        return best

    def _ends(
        self,
        acquisition: AcquisitionFunction,
        starts: np.ndarray,
        exclude: Container[Architecture],
        region: Region,
    ) -> list[Architecture]:
        """Where climbs from ``starts`` lead, each taken back towards its start until it lies in the region."""
        ends = []
        for start in starts:
            top = _climbed(acquisition, start, _real_columns(self._space))
            way = self._decoded(np.array([start + share * (top - start) for share in _WAY_BACK]))
            inside = region.contains(way).tolist()
            ends += [one for one, yes in zip(way, inside, strict=True) if yes and one not in exclude][:1]
        return ends

    def _decoded(self, units: np.ndarray) -> list[Architecture]:
        if not isinstance(self._space, MixedSpace):
            raise TypeError  # climbs are made in spaces with real variables alone
        return self._space.decode(units)

    def _under_noise(self, samples: Sequence[Observation]) -> Acquisitions:
        """Give qLogNEHVI, place by place of a batch; it is sent the points chosen meanwhile [NEHVI, LogEI]."""
        from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
        from torch import cat

        features, gains = self._modelled(samples)
        acquisition = qLogNoisyExpectedHypervolumeImprovement(
            model=self._model(features, gains),
            ref_point=[0.0] * len(self._reference),
            X_baseline=features,
            sampler=self._sampler(),
            prune_baseline=True,
        )
        pending = yield acquisition
        while True:
            acquisition.set_X_pending(pending)
            pending = cat([pending, (yield acquisition)])

    def _without_noise(self, samples: Sequence[Observation]) -> Acquisitions:
        """Give qLogEHVI, place by place of a batch; of the points chosen meanwhile the means are believed."""
        from botorch.acquisition.multi_objective.logei import qLogExpectedHypervolumeImprovement
        from botorch.utils.multi_objective.box_decompositions import FastNondominatedPartitioning
        from torch import cat, no_grad, zeros

        features, gains = self._modelled(samples)
        model = self._model(features, gains)
        front = _tensor(gains)
        reference = zeros(len(self._reference), dtype=front.dtype)
        while True:
            chosen = yield qLogExpectedHypervolumeImprovement(
                model=model,
                ref_point=reference,
                partitioning=FastNondominatedPartitioning(ref_point=reference, Y=front),  # type: ignore[arg-type]
                sampler=self._sampler(),
            )
            with no_grad():
                believed = model.posterior(chosen).mean
                front = cat([front, believed])
                model = self._model(cat([features, chosen]), front.numpy(), like=model)
                features = cat([features, chosen])

    def _sampler(self) -> MCSampler:
        from botorch.sampling.normal import SobolQMCNormalSampler
        from torch import Size

        return SobolQMCNormalSampler(Size([self._draws]), seed=int(self._rng.integers(2**31)))

    def _modelled(self, samples: Sequence[Observation]) -> tuple[Tensor, np.ndarray]:
        """The best trainings encoded, shape ``(n, columns)``, and their gains, shape ``(n, m)``."""
        rows = best_first(values_of(samples))[: self._most]
        modelled = [samples[row] for row in rows.tolist()]
        features = _tensor(self._space.encode([one.architecture for one in modelled]))
        return features, self._gains(values_of(modelled))

    def _gains(self, values: np.ndarray) -> np.ndarray:
        """How much better than the reference, shape ``(n, m)``, maximised: 1 for the best seen in an objective."""
        gains = self._reference - values
        best = gains.max(axis=0)
        return np.asarray(gains / np.where(best > 0, best, np.maximum(np.abs(gains).max(axis=0), 1e-12)))

    def _model(self, features: Tensor, gains: np.ndarray, like: ModelListGP | None = None) -> ModelListGP:
        """A process an objective, fitted, or with the length scales and all of ``like``."""
        from botorch.exceptions.errors import ModelFittingError
        from botorch.fit import fit_gpytorch_mll
        from botorch.models.gp_regression import SingleTaskGP
        from botorch.models.model_list_gp_regression import ModelListGP
        from gpytorch.mlls import ExactMarginalLogLikelihood

        columns = [column[:, None] for column in gains.T]
        noises = [None if self._noisy else np.full_like(one, _NO_NOISE * max(one.var(), _NO_NOISE)) for one in columns]
        models = [
            SingleTaskGP(features, _tensor(column), None if noise is None else _tensor(noise))
            for column, noise in zip(columns, noises, strict=True)
        ]
        if like is not None:
            for model, fitted in zip(models, like.models, strict=True):
                model.mean_module, model.covar_module = fitted.mean_module, fitted.covar_module
                model.eval()
            return ModelListGP(*models)
        for model in models:
            try:
                fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
            except ModelFittingError:
                self._notes.append(
                    "A Gaussian process could not be fitted; the batch was chosen with its prior length scales."
                )
                model.eval()
        return ModelListGP(*models)


def _rated(acquisition: AcquisitionFunction, features: np.ndarray) -> np.ndarray:
    """The acquisition function at each row of ``features``, shape ``(n,)``; larger is better."""
    from torch import no_grad

    with no_grad():
        starts = range(0, len(features), _CHUNK)
        chunks = [_tensor(features[start : start + _CHUNK, None]) for start in starts]
        return np.concatenate([acquisition(chunk).numpy() for chunk in chunks])


def _climbed(acquisition: AcquisitionFunction, start: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The end of a gradient climb from ``start`` in its real columns, shape ``(columns,)``, within the unit cube."""
    from scipy.optimize import minimize

    point = start.copy()

    def loss(numbers: np.ndarray) -> tuple[float, np.ndarray]:
        point[real] = numbers
        features = _tensor(point[None, None]).requires_grad_()
        value = -acquisition(features).sum()
        value.backward()
        return float(value), np.asarray(features.grad)[0, 0, real]

    point[real] = minimize(
        loss, start[real], jac=True, method="L-BFGS-B", bounds=[(0.0, 1.0)] * int(real.sum()), options=_CLIMB
    ).x
    return point


def _real_columns(space: Space) -> np.ndarray:
    """Which columns of the encoding belong to real variables, shape ``(columns,)``."""
    if not isinstance(space, MixedSpace):
        return np.zeros(1, dtype=bool)
    kinds = [isinstance(domain, Float) for domain in space.domains]
    return np.repeat(kinds, space.widths)


def _tensor(values: np.ndarray) -> Tensor:
    from torch import from_numpy

    return from_numpy(np.ascontiguousarray(values, dtype=float))
