"""Training data of the transformer and the trees: windows of slots around an issue, as columns of numbers.

A window holds the last week and the slots ahead. A model does not predict the intensity itself but how far it will
deviate from a *baseline*: the prediction of ridge regressions on calendar and weather, fitted at the last midnight
(:mod:`ce_nas.forecast.ridge`), with their latest errors decaying. Deviations are in spreads of the last week. So a
model need not learn the level or the variability of a zone, and can predict zones that it was not trained on.

The windows of a record are split into a training span and a later validation span.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_time
from ce_nas.core.units import DAY_S
from ce_nas.forecast.features import SATURDAY, SUNDAY, standardise_covariates
from ce_nas.forecast.hourly import HOURS_PER_DAY, HourlySeries
from ce_nas.forecast.ridge import HINDCAST_DAYS, IncrementalRidges, RidgeConfig, decayed_errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ce_nas.forecast.history import RecordedHistory

__all__ = [
    "CONTEXT_DAYS",
    "HORIZON_DAYS",
    "FeatureLayout",
    "RidgeBaselines",
    "Span",
    "WindowBatch",
    "WindowBuilder",
    "ZoneDataset",
    "build_datasets",
]

#: days of the past in a window
CONTEXT_DAYS = 7
#: days that models predict; a longer horizon repeats the last one
HORIZON_DAYS = 4
#: days of a record before its first window, which the baseline needs to settle
WARM_UP_DAYS = 42
#: longer than any record
UNLIMITED_LOOKBACK_S = 1e12
#: the regressions whose mean is the baseline
BASELINE_RIDGES = (RidgeConfig(400, 20), RidgeConfig(60, 20))
#: lower bound of the spread of a window
MIN_SPREAD = 1e-6
#: the first columns: error of the baseline in the past, the baseline, the difference of its members, the error at the
#: same time on the last day and over the week, and whether the slot is ahead
N_BASELINE_FEATURES = 6
#: columns of the calendar: time of day twice, day of the week, weekend
N_CALENDAR_FEATURES = 8


@dataclass(frozen=True, slots=True)
class Span:
    """An interval of time without its end, UTC."""

    start: datetime
    end: datetime

    def to_json(self) -> list[str]:
        """Return both ends as text."""
        return [format_time(self.start), format_time(self.end)]


@dataclass(frozen=True, slots=True)
class FeatureLayout:
    """The columns that a model was trained on, and their scales."""

    #: sources of the generation mix
    mix_sources: tuple[str, ...]
    #: covariate to its mean and spread in training
    covariate_scales: Mapping[str, tuple[float, float]]

    @classmethod
    def from_series(cls, series: Sequence[HourlySeries]) -> FeatureLayout:
        """Build the layout of all columns that any of the series has."""
        scales: dict[str, tuple[float, float]] = {}
        for name in sorted({name for slots in series for name in slots.future_covariates}):
            values = np.concatenate(
                [slots.future_covariates[name] for slots in series if name in slots.future_covariates]
            )
            scales[name] = (float(np.nanmean(values)), float(np.nanstd(values)) or 1.0)
        return cls(tuple(sorted({source for slots in series for source in slots.mix_shares})), scales)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> FeatureLayout:
        """Read the layout from plain JSON.

        :raises KeyError, TypeError, ValueError: if it is something else.
        """
        scales = {name: (float(mean), float(spread)) for name, (mean, spread) in content["covariate_scales"].items()}
        return cls(tuple(content["mix_sources"]), scales)

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return N_BASELINE_FEATURES + N_CALENDAR_FEATURES + len(self.mix_sources) + 1 + len(self.covariate_scales) + 1

    @property
    def mix_slice(self) -> slice:
        """The columns of the mix; the last one is 1 where the mix is known."""
        first = N_BASELINE_FEATURES + N_CALENDAR_FEATURES
        return slice(first, first + len(self.mix_sources) + 1)

    @property
    def covariate_slice(self) -> slice:
        """The columns of the covariates; the last one is 1 where they are known."""
        return slice(self.mix_slice.stop, self.n_features)

    def features(self, slots: HourlySeries) -> np.ndarray:
        """Return the rows of all slots, with zeros in the baseline's columns, ``(slots + ahead, columns)``, float32."""
        rows = np.zeros((len(slots) + slots.horizon, self.n_features), dtype=np.float32)
        rows[:, N_BASELINE_FEATURES : self.mix_slice.start] = _calendar_features(slots)
        for column, source in enumerate(self.mix_sources, self.mix_slice.start):
            if source in slots.mix_shares:
                rows[: len(slots), column] = np.nan_to_num(slots.mix_shares[source])
        rows[: len(slots), self.mix_slice.stop - 1] = bool(slots.mix_shares)
        for column, (name, (mean, spread)) in enumerate(self.covariate_scales.items(), self.covariate_slice.start):
            if name in slots.future_covariates:
                rows[:, column] = np.nan_to_num((slots.future_covariates[name] - mean) / spread)
        is_known = [
            np.isfinite(slots.future_covariates[name])
            for name in self.covariate_scales
            if name in slots.future_covariates
        ]
        rows[:, self.covariate_slice.stop - 1] = np.all(is_known, axis=0) if is_known else 0.0
        return rows


class WindowBatch(NamedTuple):
    """Windows as a model takes them, and what its output is relative to."""

    #: shape (windows, context + ahead, columns), float32
    features: np.ndarray
    #: the baseline with its decaying errors, logarithm, shape (windows, ahead)
    baseline: np.ndarray
    #: unit of the deviations from the baseline, logarithm, shape (windows, 1)
    spread: np.ndarray


class RidgeBaselines:
    """The baselines of one record: with covariates, and by the calendar alone."""

    def __init__(self, horizon_days: int) -> None:
        self._horizon_days = horizon_days
        self._calendar_ridges, self._covariate_ridges = IncrementalRidges(), IncrementalRidges()

    def predict(self, slots: HourlySeries, days: range) -> tuple[np.ndarray, np.ndarray]:
        """Predict around the midnights before ``days``: by the calendar, and with covariates (NaN if unknown).

        Shape ``(members, days, slots)`` each.
        """
        plain = self._predict(self._calendar_ridges, slots.with_horizon(0), days)
        known = slots.covariate_horizon if slots.horizon else len(slots.future_covariates)
        if not known:
            return plain, np.full_like(plain, np.nan)
        seen = slots.with_horizon(known) if slots.horizon else slots
        return plain, self._predict(self._covariate_ridges, standardise_covariates(seen), days)

    def build_current_window(self, slots: HourlySeries, layout: FeatureLayout) -> WindowBatch:
        """Build the one window whose issue is the end of ``slots``."""
        today = len(slots) // slots.slots_per_day
        days = range(today, today + 1)
        windows = WindowBuilder(slots, layout, self.predict(slots, days), days)
        return windows.build(np.array([len(slots)]), np.array([slots.covariate_horizon]))

    def _predict(self, ridges: IncrementalRidges, slots: HourlySeries, days: range) -> np.ndarray:
        fitted = ridges.fit(slots, BASELINE_RIDGES, self._horizon_days)
        return np.stack([ridge.predict(slots, days).reshape(len(days), -1) for ridge in fitted])


class WindowBuilder:
    """Builds windows of one record.

    :param baselines: of :meth:`RidgeBaselines.predict`, for ``days``.
    """

    def __init__(
        self, slots: HourlySeries, layout: FeatureLayout, baselines: tuple[np.ndarray, np.ndarray], days: range
    ) -> None:
        self._features = layout.features(slots)
        self._log_intensity = slots.log_intensity
        self._calendar_baseline, self._covariate_baseline = baselines
        self._first_day = days.start
        self._layout = layout
        self._slots_per_day = slots.slots_per_day
        self._context = CONTEXT_DAYS * self._slots_per_day
        self._horizon = self._calendar_baseline.shape[2] - (HINDCAST_DAYS + 1) * self._slots_per_day

    def build(self, issues: np.ndarray, covariate_horizon: np.ndarray) -> WindowBatch:
        """Build the windows whose issues are before the slots of these numbers.

        :param covariate_horizon: number of slots ahead at which covariates are used, shape ``(windows,)``.
        """
        baseline, difference = self._window_baselines(issues, covariate_horizon)
        at = issues[:, None] + np.arange(-self._context, self._horizon)
        rows = self._features[at]
        past = self._log_intensity[at[:, : self._context]]
        spread = past.std(axis=1, keepdims=True) / 2 + MIN_SPREAD
        errors = past - baseline[:, : self._context]
        is_ahead = np.arange(-self._context, self._horizon) >= 0
        rows[:, is_ahead, self._layout.mix_slice] = 0.0
        is_unknown = is_ahead & (np.arange(-self._context, self._horizon) >= covariate_horizon[:, None])
        rows[:, :, self._layout.covariate_slice] *= ~is_unknown[:, :, None] & (covariate_horizon > 0)[:, None, None]
        rows[:, ~is_ahead, 0] = errors / spread
        rows[:, :, 1] = (baseline - past.mean(axis=1, keepdims=True)) / spread / 2
        rows[:, :, 2] = difference / spread
        rows[:, is_ahead, 3] = self._repeat_day(errors[:, -self._slots_per_day :]) / spread
        week = errors.reshape(len(issues), CONTEXT_DAYS, self._slots_per_day).mean(axis=1)
        rows[:, is_ahead, 4] = self._repeat_day(week) / spread
        rows[:, :, 5] = is_ahead
        decayed = decayed_errors(errors, self._slots_per_day, self._horizon)
        return WindowBatch(rows, baseline[:, self._context :] + decayed, spread)

    def targets(self, issues: np.ndarray) -> np.ndarray:
        """Return the level observed after each issue, shape ``(issues, ahead)``."""
        observed: np.ndarray = self._log_intensity[issues[:, None] + np.arange(self._horizon)]
        return observed

    def _window_baselines(self, issues: np.ndarray, covariate_horizon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the baseline over each window, and the difference of its members, ``(windows, context + ahead)``."""
        days = issues // self._slots_per_day - self._first_day
        first = (HINDCAST_DAYS - CONTEXT_DAYS) * self._slots_per_day + issues % self._slots_per_day
        at = first[:, None] + np.arange(self._context + self._horizon)
        plain, known = (
            predictions[:, days[:, None], at] for predictions in (self._calendar_baseline, self._covariate_baseline)
        )
        is_known = (
            np.arange(-self._context, self._horizon)
            < np.where(covariate_horizon > 0, covariate_horizon, -self._context)[:, None]
        )
        members = np.where(is_known, known, plain)
        return members.mean(axis=0), members[0] - members[-1]

    def _repeat_day(self, day: np.ndarray) -> np.ndarray:
        return np.tile(day, (1, self._horizon // self._slots_per_day))


@dataclass(frozen=True, slots=True, eq=False)
class ZoneDataset:
    """The windows of one record, and the issues of training and validation."""

    windows: WindowBuilder
    #: numbers of the slots before which forecasts are issued
    training_issues: np.ndarray
    validation_issues: np.ndarray
    #: number of slots ahead for which any covariate is known
    covariate_horizon: int

    @classmethod
    def from_series(
        cls, zone: str, slots: HourlySeries, layout: FeatureLayout, spans: tuple[Span, Span]
    ) -> ZoneDataset:
        """Build the windows of a record in its training and validation span.

        :raises SettingsError: if one of the spans has none.
        """
        days = range(HINDCAST_DAYS, len(slots) // slots.slots_per_day - HORIZON_DAYS)
        windows = WindowBuilder(slots, layout, RidgeBaselines(HORIZON_DAYS).predict(slots, days), days)
        issues = np.arange(max(WARM_UP_DAYS, HINDCAST_DAYS) * slots.slots_per_day, days.stop * slots.slots_per_day)
        train, validate = (issues[_inside_mask(slots, issues, span)] for span in spans)
        validate = validate[validate % slots.slots_per_day == 0]
        if not len(train) or not len(validate):
            message = (
                f"Expected zone {zone!r} to have forecasts of {HORIZON_DAYS} days to learn from in both spans, after "
                f"{WARM_UP_DAYS} days of warm-up; its record covers {format_time(slots.start)} on, {len(slots)} hours "
                f"without a gap. Choose other spans, or a longer record."
            )
            raise SettingsError(message)
        return cls(windows, train, validate, HORIZON_DAYS * slots.slots_per_day if slots.future_covariates else 0)


def build_datasets(
    records: Sequence[RecordedHistory], train: Span, validate: Span
) -> tuple[FeatureLayout, list[ZoneDataset]]:
    """Build the layout from the records in ``train``, and the dataset of each; nothing after ``validate`` is used.

    :raises SettingsError: if a record has no window in one of the spans, or steps that do not add up to hours.
    """
    series = [_hourly_series(history, validate.end) for history in records]
    layout = FeatureLayout.from_series([_days_before(slots, train.end) for slots in series])
    spans = (train, validate)
    return layout, [
        ZoneDataset.from_series(history.zone, slots, layout, spans)
        for history, slots in zip(records, series, strict=True)
    ]


def _calendar_features(slots: HourlySeries) -> np.ndarray:
    day, week = 2 * np.pi * slots.day_fraction, 2 * np.pi * (slots.weekday + slots.day_fraction) / 7
    cycles = [np.sin(day), np.cos(day), np.sin(2 * day), np.cos(2 * day), np.sin(week), np.cos(week)]
    return np.stack([*cycles, slots.weekday == SATURDAY, slots.weekday == SUNDAY], axis=1)


def _hourly_series(history: RecordedHistory, end: datetime) -> HourlySeries:
    """Return the hours of a record before ``end``, back to the last gap."""
    until_s = (end - history.intensity.reference_time).total_seconds()
    inputs = history.inputs_at(until_s, UNLIMITED_LOOKBACK_S)
    slots = HourlySeries.from_inputs(inputs, 0.0, UNLIMITED_LOOKBACK_S) if inputs else None
    if slots is None or slots.slots_per_day != HOURS_PER_DAY:
        message = (
            f"Expected a record of zone {history.zone!r} before {format_time(end)} in steps of an hour or a part of "
            f"one, got steps of {history.step_s:g} s. Choose another file."
        )
        raise SettingsError(message)
    return slots


def _days_before(slots: HourlySeries, end: datetime) -> HourlySeries:
    return slots.slice_days(0, max(math.floor((end - slots.start).total_seconds() / DAY_S), 1))


def _inside_mask(slots: HourlySeries, issues: np.ndarray, span: Span) -> np.ndarray:
    """Return whether the forecasts issued before these slots lie in a span."""
    first_s, last_s = ((moment - slots.start).total_seconds() for moment in (span.start, span.end))
    at_s = issues * slots.slot_s
    inside: np.ndarray = (first_s <= at_s) & (at_s + HORIZON_DAYS * DAY_S <= last_s)
    return inside
