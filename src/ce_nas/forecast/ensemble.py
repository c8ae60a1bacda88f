"""A weighted mean of several forecasters, its weights chosen by zone and day of lead on hours kept for that.

Forecasts are averaged in logarithms, and so are their quantiles, level by level. Weights are tenths that sum to one:
those with the least mean absolute percentage error over the issues of a validation span, drawn a little towards equal
weights, since half a year is a short time to tell forecasters apart. A zone that no weights were chosen for gets the
mean of the others' weights.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import ModelError, SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.forecast.backtest import backtest
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.model_file import load_model, save_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ce_nas.forecast.backtest import Backtest, Issues
    from ce_nas.forecast.base import Past
    from ce_nas.forecast.history import History

__all__ = ["BlendForecaster", "fit_blend"]

KIND = "blend"
#: shares that a weight is made of
TENTHS = 10
#: by how much of the mean error weights far from equal must be better, at the farthest
DRAW = 0.02
#: intensities below this one, g CO2eq/kWh, count as this much
FLOOR_G_PER_KWH = 0.01


class BlendForecaster(Forecaster):
    """Several forecasters in one.

    :param parts: the forecasters.
    :param weights: zone to the weight of each part, shape ``(days of lead, parts)``; the last day holds for later ones.
    """

    name = KIND

    def __init__(self, parts: Sequence[Forecaster], weights: Mapping[str, np.ndarray]) -> None:
        self.parts = tuple(parts)
        self.weights = {zone: np.asarray(values, dtype=float) for zone, values in weights.items()}
        self.lookback_s = max(part.lookback_s for part in parts)

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        made = [part.predict(_recent(past, part.lookback_s), horizon_s) for part in self.parts]
        weights = self._by_step(past, len(made[0].mean_g_per_kwh))
        levels = set.intersection(*(set(forecast.quantiles_g_per_kwh) for forecast in made))
        mean = _mean([forecast.mean_g_per_kwh for forecast in made], weights)
        quantiles = {
            level: _mean([forecast.quantiles_g_per_kwh[level] for forecast in made], weights)
            for level in sorted(levels)
        }
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, mean, quantiles)

    def save(self, path: str | Path) -> Path:
        """Write the weights, and return where; the parts are saved by themselves (``choice.save`` does both)."""
        weights = {zone: values.tolist() for zone, values in self.weights.items()}
        return save_model(path, {"kind": KIND, "parts": [part.name for part in self.parts], "weights": weights}, {})

    @classmethod
    def load(cls, path: str | Path, parts: Sequence[Forecaster]) -> BlendForecaster:
        """Read the weights of ``parts`` back.

        :raises ModelError: if the file is missing, damaged, of something else, or of other parts.
        """
        settings, _ = load_model(path)
        names = [part.name for part in parts]
        if settings.get("kind") != KIND or settings.get("parts") != names:
            found = f"{settings.get('kind')!r} of {settings.get('parts')}"
            message = (
                f"Expected a {KIND} of {names} in {str(path)!r}, got {found}. Choose another file, or these parts."
            )
            raise ModelError(message)
        try:
            return cls(parts, _checked(settings["weights"], len(parts)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = f"Expected weights by zone in {str(path)!r}, but {error!r} is amiss. Fit the blend again."
            raise ModelError(message) from error

    def _by_step(self, past: Past, steps: int) -> np.ndarray:
        """The weight of each part at each coming step, shape ``(parts, steps)``."""
        known = self.weights.get(past.zone)
        days = known if known is not None else np.mean(list(self.weights.values()), axis=0)
        day = (np.arange(steps) * past.step_s // DAY_S).astype(np.int64)
        weights: np.ndarray = days[np.minimum(day, len(days) - 1)].T
        return weights


def fit_blend(parts: Sequence[Forecaster], records: Sequence[History], issues: Issues) -> BlendForecaster:
    """The blend of ``parts`` that is best at ``issues``, on each record by itself.

    :raises SettingsError: if there is no part, or nothing came after any issue of a record.
    """
    if not parts:
        message = "Expected one forecaster or more to blend, got none."
        raise SettingsError(message)
    weights = {}
    for record in records:
        tests = [backtest(part, record, issues) for part in parts]
        weights[record.zone] = np.array([_best(tests, day) for day in range(math.ceil(issues.horizon_s / DAY_S))])
    return BlendForecaster(parts, weights)


def _best(tests: Sequence[Backtest], day: int) -> np.ndarray:
    """The weights with the least error on one day of lead, shape ``(parts,)``."""
    steps = max(round(DAY_S / tests[0].step_s), 1)
    of_day = slice(day * steps, (day + 1) * steps)
    truth = tests[0].truth[:, of_day]
    known = truth > 0
    logs = np.stack([np.log(np.maximum(test.mean[:, of_day][known], FLOOR_G_PER_KWH)) for test in tests], axis=1)
    came = truth[known]
    best, found = math.inf, np.full(len(tests), 1 / len(tests))
    for weights in _mixtures(len(tests)):
        off = float(np.mean(np.abs(np.exp(logs @ weights) / came - 1)))
        off *= 1 + DRAW * float(np.abs(weights - 1 / len(tests)).sum()) / 2
        if off < best:
            best, found = off, weights
    return found


def _mixtures(parts: int, tenths: int = TENTHS) -> list[np.ndarray]:
    """All weights in tenths that sum to ``tenths``, over ten."""
    if parts == 1:
        return [np.array([tenths / TENTHS])]
    return [
        np.append(rest, first / TENTHS) for first in range(tenths + 1) for rest in _mixtures(parts - 1, tenths - first)
    ]


def _mean(values: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(values, FLOOR_G_PER_KWH))
    mean: np.ndarray = np.exp((logs * weights).sum(axis=0))
    return mean


def _recent(past: Past, lookback_s: float) -> Past:
    """The past as far back as one of the parts looks."""
    steps = max(round(lookback_s / past.step_s), 1)
    drop = max(len(past.intensity_g_per_kwh) - steps, 0)
    return replace(
        past,
        intensity_g_per_kwh=past.intensity_g_per_kwh[drop:],
        mix_mw={source: values[drop:] for source, values in past.mix_mw.items()},
        known={name: values[drop:] for name, values in past.known.items()},
    )


def _checked(content: Mapping[str, Any], parts: int) -> dict[str, np.ndarray]:
    weights = {zone: np.asarray(values, dtype=float) for zone, values in content.items()}
    for zone, values in weights.items():
        if values.ndim != 2 or values.shape[1] != parts or not np.allclose(values.sum(axis=1), 1):
            message = f"weights of zone {zone}"
            raise ValueError(message)
    if not weights:
        message = "no zone"
        raise ValueError(message)
    return weights
