"""Cheap scores of a space without supernets: the accuracies of its benchmark, with a supernet's noise upon them.

How a supernet's accuracies miss the true order: a noise model, fitted on real supernets.

Of a benchmark without supernets the cheap score of an architecture is drawn from this model instead. It works on
normal scores (the normal quantile of a rank): that of the supernet's accuracy is, given that of the true accuracy,
normal about a mean and with a spread that are straight lines between knots [copula]. So the model has the supernet's
Kendall tau over all architectures and its much weaker one among the best. Part of the noise is systematic: a supernet
errs alike on architectures that share operations, and no averaging over neighbours takes that away.

Sources
    [copula] Nelsen. An Introduction to Copulas. Springer 2006, section 2.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import TableError, one_of
from ce_nas.core.rng import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = ["ONE_SHOT", "NoisyScores", "SupernetNoise", "fit_noise", "normal_scores", "pooled", "read_noise"]

_MIXERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class NoisyScores:
    """One score an architecture, a function of the architecture and the seed alone: a seed stands for a supernet.

    :param noise: the supernet that the noise is like.
    :param space: the architectures.
    :param sample: a good many of them, drawn uniformly, by which the systematic noise is scaled.
    :param truth: the normal scores of the true accuracies of architectures.
    :param epoch_s: seconds of a training epoch of the mean architecture: the supernet's training takes one an epoch,
        and scoring an architecture a third of one.
    :param seed: of the supernet.
    """

    def __init__(  # noqa: PLR0913 - a noise, on what, how dear, and whose
        self,
        noise: SupernetNoise,
        space: Space,
        sample: Sequence[Architecture],
        truth: Callable[[Sequence[Architecture]], np.ndarray],
        *,
        epoch_s: float,
        seed: int,
    ) -> None:
        self.names = (noise.name,)
        self.score_s = epoch_s / 3.0
        self.training_s = noise.epochs * epoch_s
        self.origin = (
            f"foretold accuracies with noise like that of the supernet {noise.name!r} of NAS-Bench-201 (Kendall tau "
            f"{noise.tau:g} over all, {noise.tau_best:g} among the best tenth), seed {seed}; {self.score_s:.3g} s of a "
            f"device each (estimated), the supernet {noise.epochs} mean epochs"
        )
        self._noise, self._space, self._truth, self._seed = noise, space, truth, seed
        rng = stream(seed, "supernet")
        self._key = np.uint64(rng.integers(1 << 63))
        columns = space.encode(sample)
        self._weights = rng.standard_normal(columns.shape[1])
        systematic = columns @ self._weights
        self._centre, self._scale = float(systematic.mean()), float(systematic.std())

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the noise and its seed, in hexadecimal."""
        told = json.dumps([asdict(self._noise), self._seed], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def of(self, architectures: Sequence[Architecture]) -> tuple[np.ndarray, np.ndarray]:
        """Scores, shape ``(n, 1)``, larger is better, and the expected share of architectures below, ``(n,)``."""
        from scipy.special import ndtr

        mean, spread = self._noise.at(self._truth(architectures))
        scores = np.round(mean + spread * self._deviations(architectures), 6)
        return scores[:, None], ndtr(scores)

    def _deviations(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Noise of mean 0 and variance 1, partly alike where operations are, shape ``(n,)``."""
        systematic = (self._space.encode(architectures) @ self._weights - self._centre) / self._scale
        shared = self._noise.shared
        return np.asarray(np.sqrt(shared) * systematic + np.sqrt(1.0 - shared) * self._own(architectures))

    def _own(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Noise that every architecture has for itself: normal quantiles of a hash, shape ``(n,)``."""
        from scipy.special import ndtri

        rows = np.asarray(architectures, dtype=np.uint64)
        with np.errstate(over="ignore"):  # whole numbers modulo 2^64 are meant
            mixed = np.full(len(rows), self._key)
            for choice in rows.T:
                mixed = _mixed(mixed + choice + np.uint64(0x9E3779B97F4A7C15))
        return np.asarray(ndtri((mixed >> np.uint64(11)).astype(float) / 2.0**53 + 2.0**-54))


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64: every bit of a number comes to depend on every other."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * _MIXERS[0]
    numbers = (numbers ^ (numbers >> np.uint64(27))) * _MIXERS[1]
    return np.asarray(numbers ^ (numbers >> np.uint64(31)))


#: the model that stands for the common one-shot supernet
ONE_SHOT = "one-shot"
#: shares of the architectures below a knot
KNOTS = (0.002, 0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.995)
#: the least spread: no supernet is free of noise
_LEAST_SPREAD = 0.03
_FILE = "supernet_noise.json"


@dataclass(frozen=True, slots=True)
class SupernetNoise:
    """The noise of one supernet, or of the mean of several."""

    name: str
    #: normal scores of the true accuracy, ascending; beyond the last ones nothing changes any more
    knots: tuple[float, ...]
    #: mean normal score of the supernet's accuracy at each knot
    mean: tuple[float, ...]
    #: its deviation there
    spread: tuple[float, ...]
    #: share of the noise's variance that is systematic: a sum over an architecture's operations, 0 to 1
    shared: float
    #: epochs for which the supernet was trained
    epochs: int
    #: Kendall tau of the supernet's accuracies with the true ones, over all architectures and among the best tenth
    tau: float
    tau_best: float

    def at(self, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation of the supernet's normal score, given those of the true accuracy, shape ``(n,)`` each."""
        return np.interp(truth, self.knots, self.mean), np.interp(truth, self.knots, self.spread)


def fit_noise(name: str, true: np.ndarray, found: np.ndarray, features: np.ndarray, *, epochs: int) -> SupernetNoise:
    """The noise model of a supernet.

    :param true: true accuracies, shape ``(n,)``.
    :param found: accuracies in the supernet, shape ``(n,)``.
    :param features: which operations each architecture has, shape ``(n, k)``.
    """
    truth, scores = normal_scores(true), normal_scores(found)
    knots = _normal_quantiles(np.array(KNOTS))
    weights = _hats(truth, knots)
    mean = np.linalg.lstsq(weights, scores, rcond=None)[0]
    missed = scores - weights @ mean
    variance = np.linalg.lstsq(weights, missed**2, rcond=None)[0]
    spread = np.sqrt(np.maximum(variance, _LEAST_SPREAD**2))
    best = true >= np.quantile(true, 0.9)
    return SupernetNoise(
        name=name,
        knots=_rounded(knots),
        mean=_rounded(mean),
        spread=_rounded(spread),
        shared=round(_explained(missed / (weights @ spread), features), 3),
        epochs=epochs,
        tau=round(_tau(true, found), 3),
        tau_best=round(_tau(true[best], found[best]), 3),
    )


def pooled(name: str, models: Sequence[SupernetNoise]) -> SupernetNoise:
    """The mean of several models; of epochs the median."""

    def mean(field: str) -> Any:  # noqa: ANN401 - a number, or one a knot
        return np.mean([getattr(model, field) for model in models], axis=0)

    return SupernetNoise(
        name=name,
        knots=models[0].knots,
        mean=_rounded(mean("mean")),
        spread=_rounded(mean("spread")),
        shared=round(float(mean("shared")), 3),
        epochs=int(np.median([model.epochs for model in models])),
        tau=round(float(mean("tau")), 3),
        tau_best=round(float(mean("tau_best")), 3),
    )


def read_noise(text: str = ONE_SHOT) -> SupernetNoise:
    """The noise model called ``NAME`` among those shipped, or of ``FILE.json`` or ``FILE.json:NAME``.

    Without a name the first of the file is taken. ``scripts/supernet_noise.py`` writes such files.

    :raises TableError: if there is none.
    """
    file, _, name = text.partition(".json")
    if not _:
        shipped = _models(resources.files("ce_nas.data").joinpath(_FILE).read_text(), _FILE)
        return _named(shipped, text, "supernet")
    path = Path(f"{file}.json")
    try:
        models = _models(path.read_text(), path.name)
    except OSError as error:
        message = f"Expected noise models of supernets in {str(path)!r}, but {error.strerror or error}."
        raise TableError(message) from error
    return _named(models, name.removeprefix(":") or next(iter(models)), f"supernet in {path.name}")


def as_json(models: Sequence[SupernetNoise]) -> str:
    """The models as the text that :func:`read_noise` reads."""
    lines = [f"  {json.dumps(asdict(model))}" for model in models]
    return '{"supernets": [\n' + ",\n".join(lines) + "\n]}\n"


def normal_scores(values: np.ndarray) -> np.ndarray:
    """The normal quantile of each value's rank, shape ``(n,)``; ties share their mean rank."""
    from scipy.stats import rankdata

    return _normal_quantiles((rankdata(values) - 0.5) / len(values))


def _named(models: Mapping[str, SupernetNoise], name: str, what: str) -> SupernetNoise:
    if name not in models:
        raise TableError(one_of(what, name, models))
    return models[name]


def _models(text: str, origin: str) -> dict[str, SupernetNoise]:
    try:
        models = [_model(row) for row in json.loads(text)["supernets"]]
    except (KeyError, TypeError, ValueError) as error:
        names = ", ".join(field.name for field in fields(SupernetNoise))
        message = f"Expected 'supernets', one or more with {names}, in {origin}, but {error!r}."
        raise TableError(message) from error
    return {model.name: model for model in models}


def _model(row: Mapping[str, Any]) -> SupernetNoise:
    """A model from its JSON; :raises ValueError: or TypeError or KeyError, if it is none."""
    lines = {key: tuple(map(float, row[key])) for key in ("knots", "mean", "spread")}
    if len({len(line) for line in lines.values()}) != 1 or list(lines["knots"]) != sorted(lines["knots"]):
        message = "its knots do not ascend, or have not one mean and one spread each"
        raise ValueError(message)
    return SupernetNoise(**{**row, **lines})


def _hats(x: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """How much each knot weighs at each of ``x``, shape ``(n, knots)``: 1 there, falling to 0 at its neighbours."""
    return np.stack([np.interp(x, knots, row) for row in np.eye(len(knots))], axis=1)


def _explained(noise: np.ndarray, features: np.ndarray) -> float:
    """The share of the noise's variance that a sum over features explains."""
    columns = np.column_stack([features, np.ones(len(features))])
    left = noise - columns @ np.linalg.lstsq(columns, noise, rcond=None)[0]
    return float(1.0 - left.var() / noise.var())


def _tau(first: np.ndarray, second: np.ndarray) -> float:
    from scipy.stats import kendalltau

    return float(kendalltau(first, second).statistic)


def _normal_quantiles(shares: np.ndarray) -> np.ndarray:
    from scipy.special import ndtri

    return np.asarray(ndtri(shares))


def _rounded(numbers: np.ndarray) -> tuple[float, ...]:
    return tuple(np.round(numbers, 4).tolist())
