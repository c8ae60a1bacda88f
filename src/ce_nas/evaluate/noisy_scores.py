"""Cheap scores of a space without supernets: the accuracies of its benchmark, with a supernet's noise upon them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.rng import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.evaluate.supernet_noise import SupernetNoise
    from ce_nas.space.space import Space

__all__ = ["NoisyScores"]

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
