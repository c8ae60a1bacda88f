"""Gradient-boosted trees that foretell how far the ground will be off: LightGBM on what is known of each coming hour.

The ground is that of :mod:`ce_nas.forecast.sequence_windows`: regressions on calendar and weather that adapt each day. Trees
cannot extrapolate, and a year is short, so they are told nothing of levels or of the season, only differences: errors
of the ground lately and at the same time of day, weather around the hour, the mix of the last day. Quantiles are those
of the errors on the later span.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import MissingExtraError, ModelError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.forecast.adaptive import LEAST_DAYS, LEVELS
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.baselines import DampedProfile
from ce_nas.forecast.dataset import AHEAD_DAYS, HOURS_A_DAY, lessons_of
from ce_nas.forecast.hourly import Slots
from ce_nas.forecast.model_file import load_model, save_model
from ce_nas.forecast.sequence_windows import CONTEXT_DAYS, Columns, Grounds, Window, Windows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from ce_nas.forecast.base import Past
    from ce_nas.forecast.dataset import Lessons, Span
    from ce_nas.forecast.history import History

__all__ = ["BoostingForecaster", "BoostingSettings", "fit_boosting"]

KIND = "boosting"
CONTEXT, AHEAD = CONTEXT_DAYS * HOURS_A_DAY, AHEAD_DAYS * HOURS_A_DAY
#: hours over which the last errors are averaged
LATELY_H = (1, 3, 6, 12, 24, 72, 168)
#: hours around a coming one at which what is known is looked at too
AROUND_H = (-6, -3, 3, 6)
#: hours between two forecasts that are learned from; no part of a day, so that all times of day are
EVERY_H = 9


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """How the trees are grown."""

    seed: int = 0
    #: trees at the most, and trees without gain on the later span before it stops
    trees: int = 400
    patience: int = 50
    leaves: int = 15
    #: hours that a leaf must hold
    leaf_hours: int = 400
    learning_rate: float = 0.03
    threads: int = 1


class BoostingForecaster(Forecaster):
    """Trees that were fitted to one zone.

    With less than two weeks of a past, or steps of more than an hour, this is :class:`DampedProfile`.

    :param trees: as LightGBM writes them.
    :param offsets: quantiles of the errors, in spreads of the last week, shape ``(levels, coming hours)``.
    :raises MissingExtraError: if lightgbm is not installed.
    :raises ModelError: if the trees cannot be read.
    """

    name = KIND
    lookback_s = 758 * DAY_S

    def __init__(self, columns: Columns, trees: str, offsets: np.ndarray, training: Mapping[str, Any]) -> None:
        self._columns, self._trees, self._offsets, self._training = columns, trees, offsets, dict(training)
        lightgbm = _lightgbm()
        try:
            self._booster = lightgbm.Booster(model_str=trees)
        except lightgbm.basic.LightGBMError as error:
            message = f"Expected trees as LightGBM writes them, but {error}. Fit the model again."
            raise ModelError(message) from error
        self._grounds = Grounds(AHEAD_DAYS)

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        slots = Slots.of(past, AHEAD_DAYS * DAY_S, self.lookback_s)
        if slots is None or slots.a_day != HOURS_A_DAY or len(slots) < LEAST_DAYS * HOURS_A_DAY:
            profile = DampedProfile().predict(past, horizon_s).mean_g_per_kwh
            return Forecast(self.name, past.end_s, past.end_s, past.step_s, profile)
        today = range(len(slots) // HOURS_A_DAY, len(slots) // HOURS_A_DAY + 1)
        windows = Windows(slots, self._columns, self._grounds.said(slots, today), today)
        window = windows.cut(np.array([len(slots)]), np.array([slots.known_ahead]))
        off = self._booster.predict(_told(window, self._columns))
        levels = window.ground[0] + window.spread[0] * (off + self._offsets)
        quantiles = {
            level: slots.in_steps(np.exp(values), horizon_s) for level, values in zip(LEVELS, levels, strict=True)
        }
        mean = slots.in_steps(np.exp(window.ground[0] + window.spread[0] * off), horizon_s)
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, mean, quantiles)

    def save(self, path: str | Path) -> Path:
        """Write the model's two files, and return where its settings are."""
        settings = {"kind": KIND, "columns": asdict(self._columns), "training": self._training}
        text = np.frombuffer(self._trees.encode(), dtype=np.uint8)
        return save_model(path, settings, {"trees": text, "offsets": self._offsets})

    @classmethod
    def load(cls, path: str | Path) -> BoostingForecaster:
        """Read a model back.

        :raises ModelError: if its files are missing, damaged, or of something else.
        """
        settings, arrays = load_model(path)
        if settings.get("kind") != KIND:
            message = f"Expected a {KIND} model in {str(path)!r}, got {settings.get('kind')!r}. Choose another file."
            raise ModelError(message)
        try:
            columns = Columns.read(settings["columns"])
            trees, offsets = arrays["trees"].tobytes().decode(), arrays["offsets"].reshape(len(LEVELS), AHEAD)
            return cls(columns, trees, offsets, settings["training"])
        except (KeyError, TypeError, ValueError) as error:
            message = f"Expected the parts of a {KIND} model in {str(path)!r}, but {error!r} is amiss. Fit it again."
            raise ModelError(message) from error


def fit_boosting(
    history: History, train: Span, validate: Span, settings: BoostingSettings = BoostingSettings()
) -> BoostingForecaster:
    """Trees fitted to a zone's forecasts issued in ``train``, as many as do best in ``validate``.

    Nothing later than the end of ``validate`` is looked at. The same seed gives the same trees on the same machine.

    :raises SettingsError: if the record has no window in one of the spans.
    :raises MissingExtraError: if lightgbm is not installed.
    """
    lightgbm = _lightgbm()
    columns, (lessons,) = lessons_of([history], train, validate)
    given = [
        lightgbm.Dataset(*_taught(lessons, columns, issues), free_raw_data=False)
        for issues in (lessons.train[::EVERY_H], lessons.validate)
    ]
    booster = lightgbm.train(
        {
            "objective": "regression_l1", "num_leaves": settings.leaves, "min_data_in_leaf": settings.leaf_hours,
            "learning_rate": settings.learning_rate, "feature_fraction": 0.4, "bagging_fraction": 0.5,
            "bagging_freq": 1, "lambda_l2": 1.0, "seed": settings.seed, "num_threads": settings.threads,
            "deterministic": True, "force_row_wise": True, "verbosity": -1,
        },
        given[0],
        settings.trees,
        valid_sets=[given[1]],
        callbacks=[lightgbm.early_stopping(settings.patience, verbose=False)],
    )  # fmt: skip
    trees = booster.model_to_string(num_iteration=booster.best_iteration)
    left = (given[1].get_label() - booster.predict(given[1].get_data())).reshape(-1, AHEAD)
    training = {"zone": history.zone, "train": train.content(), "validate": validate.content(), **asdict(settings)}
    return BoostingForecaster(columns, trees, _quantiles(left), training)


def _taught(lessons: Lessons, columns: Columns, issues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the trees are told at each coming hour after ``issues``, and how far the ground was off then, in spreads."""
    window = lessons.windows.cut(issues, np.full(len(issues), lessons.known_ahead))
    off = (lessons.windows.truth(issues) - window.ground) / window.spread
    return _told(window, columns), off.ravel()


def _told(window: Window, columns: Columns) -> np.ndarray:
    """A row for each coming hour of each window, shape ``(windows * ahead, columns)``."""
    past, coming = window.rows[:, :CONTEXT], window.rows[:, CONTEXT:, 1 : columns.mix.start]
    known = window.rows[:, CONTEXT:, columns.ahead]
    at = np.arange(AHEAD)
    around = [known[:, np.clip(at + hours, 0, AHEAD - 1)] - known for hours in AROUND_H]
    errors = [past[:, CONTEXT - hours :, 0].mean(axis=1) for hours in LATELY_H]
    once = np.concatenate([np.stack(errors, axis=1), past[:, -HOURS_A_DAY:, columns.mix].mean(axis=1)], axis=1)
    lead = np.broadcast_to(at.astype(np.float32)[:, None], (len(past), AHEAD, 1))
    parts = [lead, coming, known, *around, np.repeat(once[:, None], AHEAD, axis=1)]
    return np.concatenate(parts, axis=2).reshape(len(past) * AHEAD, -1)


def _quantiles(left: np.ndarray) -> np.ndarray:
    """Quantiles of errors ``(issues, coming hours)``, those of the hours around taken together."""
    near = np.clip(np.arange(AHEAD)[:, None] + np.arange(-2, 3), 0, AHEAD - 1)
    pooled = left[:, near].transpose(1, 0, 2).reshape(AHEAD, -1)
    quantiles: np.ndarray = np.quantile(pooled, LEVELS, axis=1)
    return quantiles


def _lightgbm() -> ModuleType:
    try:
        import lightgbm
    except ImportError as error:
        package, extra = "lightgbm", "forecast"
        raise MissingExtraError(package, extra, "Gradient boosting of forecasts") from error
    return lightgbm
