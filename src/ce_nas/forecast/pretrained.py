"""A transformer that ships with the package and forecasts zones that it was not trained on, from their past alone.

One network for all zones (``scripts/pretrain_transformer.py`` trains it). It sees the logarithm of the intensity of the
last three weeks, in the mean and the spread of the last week, so that it need not know a zone's level or variability
([RevIN]), in patches of six hours ([PatchTST]), with the calendar. What it predicts is the deviation from a plain
baseline: the mean day of the week with a decaying correction, yesterday, and the same hours of the last three weeks. It
runs with numpy alone.

Sources
    [PatchTST] Nie et al. A time series is worth 64 words. ICLR 2023.
    [RevIN] Kim et al. Reversible instance normalization. ICLR 2022.
"""

from __future__ import annotations

import hashlib
import io
import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.components.registry import FORECASTERS
from ce_nas.core.units import DAY_S, HOUR_S, parse_time
from ce_nas.forecast.hourly import (
    ANCHOR_INTERVAL_DAYS,
    DAYS_PER_WEEK,
    HOURS_PER_DAY,
    QUANTILE_LEVELS,
    HourlyForecaster,
)
from ce_nas.forecast.transformer_inference import predict_quantiles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ce_nas.forecast.hourly import HourlySeries

__all__ = ["PretrainedTransformer", "build_windows", "load_pretrained"]

CONTEXT_H, HORIZON_H, PATCH_H = 21 * HOURS_PER_DAY, 4 * HOURS_PER_DAY, 6
#: columns of an hour: its value, three baselines, two harmonics of the day, three weekdays, the year, and whether it is
#: ahead
N_COLUMNS = 14
#: shares of the baseline: the corrected mean day, yesterday, the mean of the last three weeks
BASELINE_WEIGHTS = (0.5, 0.25, 0.25)
#: time in which the correction of the mean day decays, h
CORRECTION_DECAY_H = 24.0
#: lower bound of a week's spread, logarithm, and the largest value in spreads
MIN_SPREAD, MAX_VALUE = 0.01, 8.0
WIDTH, HEADS, LAYERS = 64, 4, 3
_WEEK_H = DAYS_PER_WEEK * HOURS_PER_DAY
_WEIGHTS_FILE = "pretrained_transformer.npz"


@FORECASTERS.register("pretrained-transformer")
class PretrainedTransformer(HourlyForecaster):
    """The network that ships, as a forecaster of any zone.

    Example:
        >>> from datetime import UTC, datetime
        >>> from ce_nas.forecast.base import ForecastInput
        >>> day = 300 + 100 * np.sin(np.arange(24) / 24 * 2 * np.pi)
        >>> inputs = ForecastInput(np.tile(day, 30), 3600.0, 0.0, datetime(2024, 7, 2, tzinfo=UTC), "DE")
        >>> bool(np.allclose(PretrainedTransformer().predict(inputs, 86400.0).mean_g_per_kwh, day, rtol=0.15))
        True
    """

    name = "pretrained-transformer"
    #: the context, and the days by which a past may be cut to a fixed date of the calendar
    lookback_s = CONTEXT_H * HOUR_S + (ANCHOR_INTERVAL_DAYS + 1) * DAY_S
    horizon_days = HORIZON_H // HOURS_PER_DAY

    def __init__(self) -> None:
        #: by the names of the network's parameters
        self.weights, self._zone_ends, self.sha256 = load_pretrained()

    def predict_log(self, slots: HourlySeries, zone: str) -> tuple[np.ndarray, Mapping[float, np.ndarray]]:
        """See :meth:`HourlyForecaster.predict_log`; the mean is the median."""
        del zone
        values = self.predict_windows(slots, np.array([len(slots)]))[0].T
        quantiles = dict(zip(QUANTILE_LEVELS, values, strict=True))
        return quantiles[0.5], quantiles

    def predict_windows(self, slots: HourlySeries, ends: np.ndarray) -> np.ndarray:
        """Return the logarithm's quantiles as issued after each of ``ends`` slots, ``(windows, ahead, levels)``."""
        log = np.stack([slots.log_intensity[_context_rows(int(end))] for end in ends])
        hour = (slots.slot_of_day[0] + ends - CONTEXT_H) % HOURS_PER_DAY
        weekday = (slots.weekday[0] + (slots.slot_of_day[0] + ends - CONTEXT_H) // HOURS_PER_DAY) % DAYS_PER_WEEK
        year_share = (slots.start.timetuple().tm_yday - 1 + (ends - CONTEXT_H) / HOURS_PER_DAY) / 365.25
        features, baseline, level, spread = build_windows(log, hour, weekday, year_share)
        spread = np.minimum(spread, log[:, -_WEEK_H:].std(axis=1))  # a flat week stays flat
        deviations = predict_quantiles(self.weights, features, patch_size=PATCH_H, heads=HEADS, ahead=HORIZON_H)
        result: np.ndarray = level[:, None, None] + spread[:, None, None] * (baseline[:, :, None] + deviations)
        return result

    def has_seen(self, zone: str, moment: datetime) -> bool:
        """Whether the training used hours of ``zone`` after ``moment``."""
        end = self._zone_ends.get(zone)
        return end is not None and parse_time(end) > moment


def build_windows(
    log_intensity: np.ndarray, hour: np.ndarray, weekday: np.ndarray, year_share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the network's inputs, and what its outputs are relative to.

    :param log_intensity: of the hours before the issue, shape ``(windows, CONTEXT_H)``, oldest first.
    :param hour: hour of the day at the beginning of each window, shape ``(windows,)``, UTC.
    :param weekday: likewise; Monday is 0.
    :param year_share: likewise; share of the year that has passed.
    :returns: features ``(windows, CONTEXT_H + HORIZON_H, N_COLUMNS)`` and baseline ``(windows, HORIZON_H)`` in spreads
        about the level; level and spread ``(windows,)`` of the logarithm.
    """
    week = log_intensity[:, -_WEEK_H:]
    level, spread = week.mean(axis=1), np.maximum(week.std(axis=1), MIN_SPREAD)
    values = np.clip((log_intensity - level[:, None]) / spread[:, None], -MAX_VALUE, MAX_VALUE)
    days = HORIZON_H // HOURS_PER_DAY
    mean_day = values[:, -_WEEK_H:].reshape(len(values), DAYS_PER_WEEK, HOURS_PER_DAY).mean(axis=1)
    decay = np.exp(-np.arange(1, HORIZON_H + 1) / CORRECTION_DECAY_H)
    corrected = np.tile(mean_day, days) + (values[:, -1] - mean_day[:, -1])[:, None] * decay
    yesterday = np.tile(values[:, -HOURS_PER_DAY:], days)
    weeks = np.mean([values[:, -back * _WEEK_H :][:, :HORIZON_H] for back in (1, 2, 3)], axis=0)
    features = np.zeros((len(values), CONTEXT_H + HORIZON_H, N_COLUMNS), dtype=np.float32)
    features[:, :CONTEXT_H, 0] = values
    features[:, CONTEXT_H:, 1], features[:, CONTEXT_H:, 2], features[:, CONTEXT_H:, 3] = corrected, yesterday, weeks
    hours = hour[:, None] + np.arange(CONTEXT_H + HORIZON_H)
    angle = 2 * np.pi * (hours % HOURS_PER_DAY) / HOURS_PER_DAY
    season = 2 * np.pi * (year_share[:, None] + np.arange(CONTEXT_H + HORIZON_H) / HOURS_PER_DAY / 365.25)
    day = (weekday[:, None] + hours // HOURS_PER_DAY) % DAYS_PER_WEEK
    calendar = (np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle), day == 5, day == 6, day == 0,
                np.sin(season), np.cos(season))  # fmt: skip
    for column, column_values in enumerate(calendar, 4):
        features[:, :, column] = column_values
    features[:, CONTEXT_H:, 13] = 1.0
    shares = BASELINE_WEIGHTS
    return features, shares[0] * corrected + shares[1] * yesterday + shares[2] * weeks, level, spread


@cache
def load_pretrained() -> tuple[dict[str, np.ndarray], dict[str, str], str]:
    """The weights that ship, float32; zone to the end of its hours in the training; and the file's SHA-256."""
    content = (resources.files("ce_nas.data") / _WEIGHTS_FILE).read_bytes()
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        training = json.loads(str(arrays["training"]))
        weights = {name: arrays[name].astype(np.float32) for name in arrays.files if name != "training"}
    return weights, dict(training["zones"]), hashlib.sha256(content).hexdigest()


def _context_rows(end: int) -> np.ndarray:
    """Return the slots of a window that ends before ``end``; before the first slot, those of a later week."""
    rows = np.arange(end - CONTEXT_H, end)
    return np.where(rows < 0, rows + _WEEK_H * -(rows // _WEEK_H), rows)
