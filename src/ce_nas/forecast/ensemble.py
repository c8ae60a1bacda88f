"""A weighted mean of forecasters, with weights by zone and day of lead chosen on a validation span.

Means and quantiles are averaged in logarithms, level by level. Weights are tenths that sum to one: those with the least
mean absolute percentage error over the issues of the validation span, shrunk a little towards equal weights, as half a
year is short to distinguish forecasters. A zone without chosen weights gets the mean of the others' weights.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import ModelError, SettingsError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.forecast.backtest import run_backtest
from ce_nas.forecast.base import Forecaster, steps_per_day
from ce_nas.forecast.model_file import load_model, save_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ce_nas.forecast.backtest import BacktestResult, IssueTimes
    from ce_nas.forecast.base import ForecastInput
    from ce_nas.forecast.history import RecordedHistory

__all__ = ["EnsembleForecaster", "fit_ensemble"]

MODEL_KIND = "ensemble"
#: weights are multiples of one over this
WEIGHT_DIVISIONS = 10
#: penalty of the weights farthest from equal, as a share of the error
EQUAL_WEIGHT_SHRINKAGE = 0.02
#: lower bound of intensities before their logarithm, g CO2eq/kWh
MIN_INTENSITY_G_PER_KWH = 0.01


class EnsembleForecaster(Forecaster):
    """A weighted geometric mean of forecasters.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.forecast.base import ForecastInput
        >>> from ce_nas.forecast.simple_forecasters import Persistence, SeasonalNaive
        >>> ensemble = EnsembleForecaster([Persistence(), SeasonalNaive()], {"DE": np.array([[0.5, 0.5]])})
        >>> inputs = ForecastInput(np.full(48, 300.0), 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE")
        >>> ensemble.predict(inputs, 7200.0).mean_g_per_kwh.round(6).tolist()
        [300.0, 300.0]

    :param members: the forecasters.
    :param weights: zone to the weight of each member, shape ``(days of lead, members)``; later days have the last row.
    """

    name = MODEL_KIND

    def __init__(self, members: Sequence[Forecaster], weights: Mapping[str, np.ndarray]) -> None:
        self.members = tuple(members)
        self.weights = {zone: np.asarray(values, dtype=float) for zone, values in weights.items()}
        self.lookback_s = max(member.lookback_s for member in members)

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`; the quantiles are those that all members have."""
        forecasts = [member.predict(inputs.truncate(member.lookback_s), horizon_s) for member in self.members]
        weights = self._weights_by_step(inputs, len(forecasts[0].mean_g_per_kwh))
        levels = set.intersection(*(set(forecast.quantiles_g_per_kwh) for forecast in forecasts))
        mean = _weighted_geometric_mean([forecast.mean_g_per_kwh for forecast in forecasts], weights)
        quantiles = {
            level: _weighted_geometric_mean([forecast.quantiles_g_per_kwh[level] for forecast in forecasts], weights)
            for level in sorted(levels)
        }
        return Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, mean, quantiles)

    def save(self, path: str | Path) -> Path:
        """Write the weights, and return their path; the members have files of their own (``save_forecaster``)."""
        weights = {zone: values.tolist() for zone, values in self.weights.items()}
        names = [member.name for member in self.members]
        return save_model(path, {"kind": MODEL_KIND, "members": names, "weights": weights}, {})

    @classmethod
    def load(cls, path: str | Path, members: Sequence[Forecaster]) -> EnsembleForecaster:
        """Read the weights of ``members``.

        :raises ModelError: if the file is missing, damaged, of another kind, or of other members.
        """
        settings, _ = load_model(path, MODEL_KIND)
        names = [member.name for member in members]
        if settings.get("members") != names:
            message = (
                f"Expected an {MODEL_KIND} of {names} in {str(path)!r}, got one of {settings.get('members')}. "
                f"Choose another file, or these members."
            )
            raise ModelError(message)
        try:
            return cls(members, _parse_weights(settings["weights"], len(members)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            message = f"Expected weights by zone in {str(path)!r}, got {error!r}. Fit the ensemble again."
            raise ModelError(message) from error

    def _weights_by_step(self, inputs: ForecastInput, steps: int) -> np.ndarray:
        """Return the weight of each member at each step ahead, shape ``(members, steps)``."""
        own = self.weights.get(inputs.zone)
        days = own if own is not None else np.mean(list(self.weights.values()), axis=0)
        lead_day = (np.arange(steps) * inputs.step_s // DAY_S).astype(np.int64)
        weights: np.ndarray = days[np.minimum(lead_day, len(days) - 1)].T
        return weights


def fit_ensemble(
    members: Sequence[Forecaster], records: Sequence[RecordedHistory], issues: IssueTimes
) -> EnsembleForecaster:
    """Choose the weights of ``members`` that are best at ``issues``, on each record by itself.

    :raises SettingsError: if there is no member, or no truth after the issues of a record.
    """
    if not members:
        message = "Expected one forecaster or more to combine, got none."
        raise SettingsError(message)
    weights = {}
    for record in records:
        backtests = [run_backtest(member, record, issues) for member in members]
        weights[record.zone] = np.array(
            [_best_weights(backtests, day) for day in range(math.ceil(issues.horizon_s / DAY_S))]
        )
    return EnsembleForecaster(members, weights)


def _best_weights(backtests: Sequence[BacktestResult], lead_day: int) -> np.ndarray:
    """Return the weights with the least error on one day of lead, shape ``(members,)``."""
    steps = steps_per_day(backtests[0].step_s)
    of_day = slice(lead_day * steps, (lead_day + 1) * steps)
    truth = backtests[0].truth[:, of_day]
    known = truth > 0
    logs = np.stack(
        [np.log(np.maximum(test.mean[:, of_day][known], MIN_INTENSITY_G_PER_KWH)) for test in backtests], axis=1
    )
    observed = truth[known]
    best_error, best = math.inf, np.full(len(backtests), 1 / len(backtests))
    for weights in _weight_grid(len(backtests)):
        error = float(np.mean(np.abs(np.exp(logs @ weights) / observed - 1)))
        error *= 1 + EQUAL_WEIGHT_SHRINKAGE * float(np.abs(weights - 1 / len(backtests)).sum()) / 2
        if error < best_error:
            best_error, best = error, weights
    return best


def _weight_grid(n_members: int, divisions: int = WEIGHT_DIVISIONS) -> list[np.ndarray]:
    """Return all weights in tenths that sum to ``divisions`` tenths."""
    if n_members == 1:
        return [np.array([divisions / WEIGHT_DIVISIONS])]
    return [
        np.append(rest, first / WEIGHT_DIVISIONS)
        for first in range(divisions + 1)
        for rest in _weight_grid(n_members - 1, divisions - first)
    ]


def _weighted_geometric_mean(values: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    logs = np.log(np.maximum(values, MIN_INTENSITY_G_PER_KWH))
    mean: np.ndarray = np.exp((logs * weights).sum(axis=0))
    return mean


def _parse_weights(content: Mapping[str, Any], n_members: int) -> dict[str, np.ndarray]:
    weights = {zone: np.asarray(values, dtype=float) for zone, values in content.items()}
    for zone, values in weights.items():
        if values.ndim != 2 or values.shape[1] != n_members or not np.allclose(values.sum(axis=1), 1):
            message = f"weights of zone {zone}"
            raise ValueError(message)
    if not weights:
        message = "no zone"
        raise ValueError(message)
    return weights
