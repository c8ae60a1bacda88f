"""Transforms of objectives to the targets of a Gaussian process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["LogTransform", "StandardTransform"]

#: log values with a smaller standard deviation are equal within rounding
_MIN_LOG_SPREAD = 1e-8


@dataclass(frozen=True, slots=True)
class LogTransform:
    """Transforms an objective to targets with mean 0 and variance 1, with a higher resolution of good values.

    Example:
        >>> transform = LogTransform.fit(np.array([1.0, 2.0, 5.0, np.inf]), reference=10.0)
        >>> transform.inverse_transform(transform.transform(np.array([1.0, 5.0, np.inf]))).round(6)
        array([ 1.,  5., 10.])
    """

    best: float
    margin: float
    #: worse values are clipped to this one
    cap: float
    centre: float
    scale: float

    @classmethod
    def fit(cls, values: np.ndarray, reference: float) -> LogTransform:
        """Fit to minimised ``values``, shape ``(n,)``, of which some must be finite."""
        finite = values[np.isfinite(values)]
        best, median = float(finite.min()), float(np.median(finite))
        cap = max(reference, median)
        margin = max(median - best, 1e-3 * (cap - best), 1e-9)
        logs = np.log(np.minimum(values, cap) - best + margin)
        spread = float(logs.std())
        return cls(best, margin, cap, float(logs.mean()), spread if spread > _MIN_LOG_SPREAD else 1.0)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Targets of values; failures are as bad as the cap."""
        capped = np.minimum(np.nan_to_num(values, nan=self.cap, posinf=self.cap, neginf=self.best), self.cap)
        return np.asarray((np.log(capped - self.best + self.margin) - self.centre) / self.scale)

    def inverse_transform(self, targets: np.ndarray) -> np.ndarray:
        """Values of targets, none worse than the cap."""
        logs = np.minimum(targets * self.scale + self.centre, np.log(self.cap - self.best + self.margin))
        return np.asarray(np.exp(logs) + self.best - self.margin)


@dataclass(frozen=True, slots=True)
class StandardTransform:
    """Transforms an additive objective to targets: its values, standardised.

    Example:
        >>> StandardTransform.fit(np.array([1.0, 3.0]), reference=9.0).transform(np.array([1.0, 3.0]))
        array([-1.,  1.])
    """

    #: replaces the value of failures
    failure_value: float
    centre: float
    scale: float

    @classmethod
    def fit(cls, values: np.ndarray, reference: float) -> StandardTransform:
        """Fit to minimised ``values``, shape ``(n,)``, of which some must be finite."""
        finite = values[np.isfinite(values)]
        return cls(max(reference, float(finite.max())), float(finite.mean()), float(finite.std()) or 1.0)

    def transform(self, values: np.ndarray) -> np.ndarray:
        """Targets of values."""
        return np.asarray((np.where(np.isfinite(values), values, self.failure_value) - self.centre) / self.scale)

    def inverse_transform(self, targets: np.ndarray) -> np.ndarray:
        """Values of targets."""
        return np.asarray(targets * self.scale + self.centre)
