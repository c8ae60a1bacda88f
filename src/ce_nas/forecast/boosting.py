"""Gradient-boosted trees that predict the deviation from a baseline at each hour ahead, by LightGBM.

The baseline is that of :mod:`ce_nas.forecast.dataset`: ridge regressions on calendar and weather, refitted daily. Trees
cannot extrapolate, and a year is short, so their features are differences, not levels or the season: recent errors of
the baseline and those at the same time of day, weather around the hour, the mix of the last day. Quantiles are those of
the errors on the validation span.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import MissingExtraError, ModelError
from ce_nas.forecast.dataset import CONTEXT_DAYS, HORIZON_DAYS, FeatureLayout, RidgeBaselines, build_datasets
from ce_nas.forecast.hourly import HOURS_PER_DAY, QUANTILE_LEVELS, HourlyForecaster, pool_error_quantiles
from ce_nas.forecast.model_file import load_model, save_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import ModuleType

    from ce_nas.forecast.dataset import Span, WindowBatch, ZoneDataset
    from ce_nas.forecast.history import RecordedHistory
    from ce_nas.forecast.hourly import HourlySeries

__all__ = ["BoostingForecaster", "BoostingSettings", "fit_boosting"]

MODEL_KIND = "boosting"
CONTEXT_H, HORIZON_H = CONTEXT_DAYS * HOURS_PER_DAY, HORIZON_DAYS * HOURS_PER_DAY
#: hours over which the last errors are averaged
LAG_WINDOWS_H = (1, 3, 6, 12, 24, 72, 168)
#: offsets from an hour ahead at which its covariates are also used, hours
COVARIATE_OFFSETS_H = (-6, -3, 3, 6)
#: hours between two training issues; not a divisor of 24, so that all times of day occur
STRIDE_H = 9


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """How the trees are grown."""

    seed: int = 0
    #: upper bound of the trees, and trees without improvement on the validation span before training stops
    max_trees: int = 400
    patience: int = 50
    num_leaves: int = 15
    #: hours that a leaf must hold
    min_data_in_leaf: int = 400
    learning_rate: float = 0.03
    num_threads: int = 1


class BoostingForecaster(HourlyForecaster):
    """Trees fitted to one zone.

    :param trees: the model text of LightGBM.
    :param quantile_offsets: quantiles of the errors, in spreads of the last week, shape ``(levels, hours ahead)``.
    :param training: provenance, for those who read the file.
    :raises MissingExtraError: if lightgbm is not installed.
    :raises ModelError: if the trees cannot be read.
    """

    name = MODEL_KIND
    horizon_days = HORIZON_DAYS

    def __init__(
        self, layout: FeatureLayout, trees: str, quantile_offsets: np.ndarray, training: Mapping[str, Any]
    ) -> None:
        self._layout, self._trees = layout, trees
        self._quantile_offsets, self._training = quantile_offsets, dict(training)
        lightgbm = _import_lightgbm()
        try:
            self._booster = lightgbm.Booster(model_str=trees)
        except lightgbm.basic.LightGBMError as error:
            message = f"Expected trees as LightGBM writes them, but {error}. Fit the model again."
            raise ModelError(message) from error
        self._baselines = RidgeBaselines(HORIZON_DAYS)

    def predict_log(self, slots: HourlySeries, zone: str) -> tuple[np.ndarray, Mapping[float, np.ndarray]]:
        """See :meth:`HourlyForecaster.predict_log`."""
        del zone
        window = self._baselines.build_current_window(slots, self._layout)
        deviation = self._booster.predict(_features(window, self._layout))
        quantiles = window.baseline[0] + window.spread[0] * (deviation + self._quantile_offsets)
        mean = window.baseline[0] + window.spread[0] * deviation
        return mean, dict(zip(QUANTILE_LEVELS, quantiles, strict=True))

    def save(self, path: str | Path) -> Path:
        """Write the model's two files, and return the path of its settings."""
        settings = {"kind": MODEL_KIND, "layout": asdict(self._layout), "training": self._training}
        text = np.frombuffer(self._trees.encode(), dtype=np.uint8)
        return save_model(path, settings, {"trees": text, "offsets": self._quantile_offsets})

    @classmethod
    def load(cls, path: str | Path) -> BoostingForecaster:
        """Read a model.

        :raises ModelError: if its files are missing, damaged, or of another kind.
        """
        settings, arrays = load_model(path, MODEL_KIND)
        try:
            layout = FeatureLayout.from_json(settings["layout"])
            trees = arrays["trees"].tobytes().decode()
            offsets = arrays["offsets"].reshape(len(QUANTILE_LEVELS), HORIZON_H)
            return cls(layout, trees, offsets, settings["training"])
        except (KeyError, TypeError, ValueError) as error:
            message = f"Expected the content of a {MODEL_KIND} model in {str(path)!r}, got {error!r}. Fit it again."
            raise ModelError(message) from error


def fit_boosting(
    history: RecordedHistory, train: Span, validate: Span, settings: BoostingSettings = BoostingSettings()
) -> BoostingForecaster:
    """Fit trees to forecasts of a zone issued in ``train``, as many as are best in ``validate``.

    Nothing after the end of ``validate`` is used. The same seed gives the same trees on the same machine.

    :raises SettingsError: if the record has no window in one of the spans.
    :raises MissingExtraError: if lightgbm is not installed.
    """
    lightgbm = _import_lightgbm()
    layout, (dataset,) = build_datasets([history], train, validate)
    training_set, validation_set = (
        lightgbm.Dataset(*_training_matrix(dataset, layout, issues), free_raw_data=False)
        for issues in (dataset.training_issues[::STRIDE_H], dataset.validation_issues)
    )
    booster = lightgbm.train(
        {
            "objective": "regression_l1", "num_leaves": settings.num_leaves,
            "min_data_in_leaf": settings.min_data_in_leaf, "learning_rate": settings.learning_rate,
            "feature_fraction": 0.4, "bagging_fraction": 0.5,
            "bagging_freq": 1, "lambda_l2": 1.0, "seed": settings.seed, "num_threads": settings.num_threads,
            "deterministic": True, "force_row_wise": True, "verbosity": -1,
        },
        training_set,
        settings.max_trees,
        valid_sets=[validation_set],
        callbacks=[lightgbm.early_stopping(settings.patience, verbose=False)],
    )  # fmt: skip
    trees = booster.model_to_string(num_iteration=booster.best_iteration)
    errors = (validation_set.get_label() - booster.predict(validation_set.get_data())).reshape(-1, HORIZON_H)
    training = {"zone": history.zone, "train": train.to_json(), "validate": validate.to_json(), **asdict(settings)}
    return BoostingForecaster(layout, trees, pool_error_quantiles(errors), training)


def _training_matrix(dataset: ZoneDataset, layout: FeatureLayout, issues: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the features of each hour ahead of ``issues``, and the deviation from the baseline, in spreads."""
    window = dataset.windows.build(issues, np.full(len(issues), dataset.covariate_horizon))
    deviation = (dataset.windows.targets(issues) - window.baseline) / window.spread
    return _features(window, layout), deviation.ravel()


def _features(window: WindowBatch, layout: FeatureLayout) -> np.ndarray:
    """Return a row for each hour ahead of each window, shape ``(windows * ahead, columns)``."""
    past, ahead = window.features[:, :CONTEXT_H], window.features[:, CONTEXT_H:, 1 : layout.mix_slice.start]
    known = window.features[:, CONTEXT_H:, layout.covariate_slice]
    at = np.arange(HORIZON_H)
    around = [known[:, np.clip(at + hours, 0, HORIZON_H - 1)] - known for hours in COVARIATE_OFFSETS_H]
    errors = [past[:, CONTEXT_H - hours :, 0].mean(axis=1) for hours in LAG_WINDOWS_H]
    by_window = np.concatenate(
        [np.stack(errors, axis=1), past[:, -HOURS_PER_DAY:, layout.mix_slice].mean(axis=1)], axis=1
    )
    lead = np.broadcast_to(at.astype(np.float32)[:, None], (len(past), HORIZON_H, 1))
    columns = [lead, ahead, known, *around, np.repeat(by_window[:, None], HORIZON_H, axis=1)]
    return np.concatenate(columns, axis=2).reshape(len(past) * HORIZON_H, -1)


def _import_lightgbm() -> ModuleType:
    try:
        import lightgbm
    except ImportError as error:
        package, extra = "lightgbm", "forecast"
        raise MissingExtraError(package, extra, "Gradient boosting of forecasts") from error
    return lightgbm
