"""Simulated supernet scores: a benchmark's accuracies with noise like that of real supernets.

A benchmark without supernets draws the proxy score of an architecture from a noise model that was fitted on real
supernets. The model works on normal scores (the normal quantile of a rank): given the normal score of the true
accuracy, that of the supernet's accuracy is normal, with a mean and a spread that are linear between knots [copula].
So the model reproduces the supernet's Kendall tau over all architectures and its much lower one among the best. Part
of the noise is systematic: a supernet errs alike on architectures that share operations, so that averaging over
neighbours does not remove it.

Sources
    [copula] Nelsen. An Introduction to Copulas. Springer 2006, section 2.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import TableError, unknown_choice_message
from ce_nas.core.rank_correlation import kendall_tau
from ce_nas.core.rng import random_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = [
    "DEFAULT_NOISE_MODEL",
    "SimulatedSupernetScores",
    "SupernetNoise",
    "fit_noise_model",
    "normal_scores",
    "pool_noise_models",
    "read_noise_model",
]

#: the model of a common one-shot supernet
DEFAULT_NOISE_MODEL = "one-shot"
#: share of the architectures below each knot
KNOT_QUANTILES = (0.002, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.995)
#: lower bound of the spread: every supernet is noisy
_MIN_SPREAD = 0.03
_BUILTIN_NOISE_FILE = "supernet_noise.json"
_SPLITMIX64_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True)
class SupernetNoise:
    """The noise of one supernet, or the mean of several."""

    name: str
    #: normal scores of the true accuracy, ascending; mean and spread are constant beyond the outermost ones
    knots: tuple[float, ...]
    #: mean normal score of the supernet's accuracy at each knot
    mean: tuple[float, ...]
    #: its standard deviation there
    spread: tuple[float, ...]
    #: share of the noise's variance that is systematic: a sum over an architecture's operations, 0 to 1
    shared: float
    #: training epochs of the supernet
    epochs: int
    #: Kendall tau of the supernet's accuracies with the true ones, over all architectures and among the best tenth
    tau: float
    tau_best: float

    def conditional_moments(self, true_scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the supernet's normal score, given the true one, shape ``(n,)`` each."""
        return np.interp(true_scores, self.knots, self.mean), np.interp(true_scores, self.knots, self.spread)


class SimulatedSupernetScores:
    """One score per architecture, a function of the architecture and the seed alone: each seed is another supernet.

    :param noise: the noise model.
    :param space: the architectures.
    :param sample: a large uniform sample of them, which scales the systematic noise.
    :param true_scores: the normal scores of the true accuracies of architectures.
    :param epoch_s: training epoch of the mean architecture, s: an epoch of the supernet takes as long, and scoring an
        architecture a third.
    :param seed: of the supernet.

    Example:
        >>> import numpy as np
        >>> from ce_nas.space.base import Space
        >>> space = Space("small", ["a", "b", "c"], [["x", "y", "z"]] * 3)
        >>> sample = space.sample(np.random.default_rng(0), 27)
        >>> scores = SimulatedSupernetScores(
        ...     read_noise_model(), space, sample, lambda each: np.zeros(len(each)), epoch_s=30.0, seed=0
        ... )
        >>> scores.score(sample)[0].shape, scores.scoring_time_s, scores.supernet_training_s
        ((27, 1), 10.0, 26250.0)
    """

    def __init__(  # noqa: PLR0913 - one call site, each a quantity of the simulated supernet
        self,
        noise: SupernetNoise,
        space: Space,
        sample: Sequence[Architecture],
        true_scores: Callable[[Sequence[Architecture]], np.ndarray],
        *,
        epoch_s: float,
        seed: int,
    ) -> None:
        self.names = (noise.name,)
        self.scoring_time_s = epoch_s / 3.0
        self.supernet_training_s = noise.epochs * epoch_s
        self.origin = (
            f"predicted accuracies with noise like that of the supernet {noise.name!r} of NAS-Bench-201 (Kendall tau "
            f"{noise.tau:g} over all, {noise.tau_best:g} among the best tenth), seed {seed}; "
            f"{self.scoring_time_s:.3g} s of a device each (estimated), the supernet {noise.epochs} mean epochs"
        )
        self._noise, self._space, self._true_scores, self._seed = noise, space, true_scores, seed
        rng = random_stream(seed, "supernet")
        self._hash_key = np.uint64(rng.integers(1 << 63))
        columns = space.encode(sample)
        self._systematic_weights = rng.standard_normal(columns.shape[1])
        systematic = columns @ self._systematic_weights
        self._systematic_mean, self._systematic_std = float(systematic.mean()), float(systematic.std())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the noise and its seed, in hexadecimal."""
        content = json.dumps([asdict(self._noise), self._seed], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    def score(self, architectures: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """Scores, shape ``(n, 1)``, larger is better, and the expected share of architectures below, ``(n,)``."""
        from scipy.special import ndtr

        mean, spread = self._noise.conditional_moments(self._true_scores(architectures))
        scores = np.round(mean + spread * self._standardized_noise(architectures), 6)
        return scores[:, None], ndtr(scores)

    def _standardized_noise(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Noise of mean 0 and variance 1, partly shared by architectures with common operations, shape ``(n,)``."""
        systematic = (
            self._space.encode(architectures) @ self._systematic_weights - self._systematic_mean
        ) / self._systematic_std
        shared = self._noise.shared
        return np.asarray(np.sqrt(shared) * systematic + np.sqrt(1.0 - shared) * self._independent_noise(architectures))

    def _independent_noise(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Noise independent between architectures: normal quantiles of a hash, shape ``(n,)``."""
        from scipy.special import ndtri

        rows = np.asarray(architectures, dtype=np.uint64)
        with np.errstate(over="ignore"):  # integers modulo 2^64 are intended
            mixed = np.full(len(rows), self._hash_key)
            for choice in rows.T:
                mixed = _splitmix64(mixed + choice + np.uint64(0x9E3779B97F4A7C15))
        return np.asarray(ndtri((mixed >> np.uint64(11)).astype(float) / 2.0**53 + 2.0**-54))


def _splitmix64(numbers: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64: every output bit depends on every input bit."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _SPLITMIX64_MULTIPLIERS[0]
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _SPLITMIX64_MULTIPLIERS[1]
    return np.asarray(numbers ^ (numbers >> np.uint64(31)))


def fit_noise_model(
    name: str, true_accuracies: np.ndarray, supernet_accuracies: np.ndarray, features: np.ndarray, *, epochs: int
) -> SupernetNoise:
    """Fit the noise model of a supernet.

    :param true_accuracies: shape ``(n,)``.
    :param supernet_accuracies: shape ``(n,)``.
    :param features: one-hot operations of each architecture, shape ``(n, k)``.
    """
    truth, scores = normal_scores(true_accuracies), normal_scores(supernet_accuracies)
    knots = _normal_quantiles(np.array(KNOT_QUANTILES))
    weights = _build_hat_basis(truth, knots)
    mean = np.linalg.lstsq(weights, scores, rcond=None)[0]
    residuals = scores - weights @ mean
    variance = np.linalg.lstsq(weights, residuals**2, rcond=None)[0]
    spread = np.sqrt(np.maximum(variance, _MIN_SPREAD**2))
    best = true_accuracies >= np.quantile(true_accuracies, 0.9)
    return SupernetNoise(
        name=name,
        knots=_round_to_tuple(knots),
        mean=_round_to_tuple(mean),
        spread=_round_to_tuple(spread),
        shared=round(_explained_variance_share(residuals / (weights @ spread), features), 3),
        epochs=epochs,
        tau=_rounded_tau(true_accuracies, supernet_accuracies),
        tau_best=_rounded_tau(true_accuracies[best], supernet_accuracies[best]),
    )


def pool_noise_models(name: str, models: Sequence[SupernetNoise]) -> SupernetNoise:
    """The mean of several models, with the median of their epochs."""

    def mean(field: str) -> Any:  # noqa: ANN401 - a number, or an array with one per knot
        return np.mean([getattr(model, field) for model in models], axis=0)

    return SupernetNoise(
        name=name,
        knots=models[0].knots,
        mean=_round_to_tuple(mean("mean")),
        spread=_round_to_tuple(mean("spread")),
        shared=round(float(mean("shared")), 3),
        epochs=int(np.median([model.epochs for model in models])),
        tau=round(float(mean("tau")), 3),
        tau_best=round(float(mean("tau_best")), 3),
    )


def read_noise_model(text: str = DEFAULT_NOISE_MODEL) -> SupernetNoise:
    """The shipped noise model ``NAME``, or the one in ``FILE.json`` or ``FILE.json:NAME``.

    Without a name the first model of the file is used. ``scripts/supernet_noise.py`` writes such files.

    :raises TableError: if there is no such model.
    """
    file, extension, name = text.partition(".json")
    if not extension:
        shipped = _parse_models(
            resources.files("ce_nas.data").joinpath(_BUILTIN_NOISE_FILE).read_text(), _BUILTIN_NOISE_FILE
        )
        return _find_model(shipped, text, "supernet")
    path = Path(f"{file}.json")
    try:
        models = _parse_models(path.read_text(), path.name)
    except OSError as error:
        message = f"Expected noise models of supernets in {str(path)!r}, but {error.strerror or error}."
        raise TableError(message) from error
    return _find_model(models, name.removeprefix(":") or next(iter(models)), f"supernet in {path.name}")


def noise_models_to_json(models: Sequence[SupernetNoise]) -> str:
    """The models as the text that :func:`read_noise_model` reads."""
    lines = [f"  {json.dumps(asdict(model))}" for model in models]
    return '{"supernets": [\n' + ",\n".join(lines) + "\n]}\n"


def normal_scores(values: np.ndarray) -> np.ndarray:
    """The normal quantile of each value's rank, shape ``(n,)``; ties share their mean rank."""
    from scipy.stats import rankdata

    return _normal_quantiles((rankdata(values) - 0.5) / len(values))


def _find_model(models: Mapping[str, SupernetNoise], name: str, what: str) -> SupernetNoise:
    if name not in models:
        raise TableError(unknown_choice_message(what, name, models))
    return models[name]


def _parse_models(text: str, origin: str) -> dict[str, SupernetNoise]:
    try:
        models = [_parse_model(row) for row in json.loads(text)["supernets"]]
    except (KeyError, TypeError, ValueError) as error:
        names = ", ".join(field.name for field in fields(SupernetNoise))
        message = f"Expected 'supernets', a list of objects with {names}, in {origin}, but {error!r}."
        raise TableError(message) from error
    return {model.name: model for model in models}


def _parse_model(row: Mapping[str, Any]) -> SupernetNoise:
    """A model from its JSON.

    :raises ValueError: if its values are invalid; also TypeError and KeyError.
    """
    curves = {key: tuple(map(float, row[key])) for key in ("knots", "mean", "spread")}
    if len({len(curve) for curve in curves.values()}) != 1 or list(curves["knots"]) != sorted(curves["knots"]):
        message = "its knots are not ascending, or lack a mean or a spread"
        raise ValueError(message)
    return SupernetNoise(**{**row, **curves})


def _build_hat_basis(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Hat function of each knot at each of ``x``, shape ``(n, knots)``: 1 at the knot, 0 at its neighbours."""
    return np.stack([np.interp(x, knots, row) for row in np.eye(len(knots))], axis=1)


def _explained_variance_share(noise: np.ndarray, features: np.ndarray) -> float:
    """The share of the noise's variance that a sum over features explains."""
    columns = np.column_stack([features, np.ones(len(features))])
    residuals = noise - columns @ np.linalg.lstsq(columns, noise, rcond=None)[0]
    return float(1.0 - residuals.var() / noise.var())


def _rounded_tau(true_accuracies: np.ndarray, supernet_accuracies: np.ndarray) -> float:
    tau = kendall_tau(true_accuracies, supernet_accuracies)
    return math.nan if tau is None else round(tau, 3)


def _normal_quantiles(shares: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return np.asarray(ndtri(shares))


def _round_to_tuple(numbers: np.ndarray) -> tuple[float, ...]:
    return tuple(np.round(numbers, 4).tolist())
