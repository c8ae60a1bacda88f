"""Forecasts of the grid's carbon intensity: from the known past of a zone to the hours ahead.

- base: `Forecaster`, the interface, and `ForecastInput`, all that a forecaster may see
- history, live_history: the only sources of a `ForecastInput`: a recorded zone, and a provider's data during a run
- simple_forecasters: persistence, seasonal naive, damped profile, and season-trend decomposition
- hourly: the past as hourly slots, and the base class of the forecasters that learn from it
- features, ridge, adaptive: ridge regression on calendar and weather, refitted daily
- online_ensemble: the default, an ensemble weighed by its latest errors, with intervals
- weather_trees: boosted trees on the weather, a member of the default where the weather is known
- published_forecasts: a live provider's own forecasts as a member, judged by their errors
- stacking, forecast_cache: the ensemble's weights and intervals from errors; the forecasts that a process keeps
- pretrained, transformer_inference: the transformer that ships and forecasts any zone, by numpy alone
- dataset: training windows, shared by the transformer and the trees
- transformer, transformer_network, train_transformer: quantiles by a patch transformer
- boosting: gradient-boosted trees
- ensemble, conformal: weighted means of forecasters, and calibrated quantiles
- backtest: rolling-origin evaluation
- model_file, forecaster_selection: fitted models on disk, and the choice of a forecaster by name
- resampling, best_start: means over decision periods, and the cleanest hours for a job
- oracle: the true future, for bounds
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.forecast.adaptive import AdaptiveRidge
    from ce_nas.forecast.backtest import BacktestResult, IssueTimes, run_backtest
    from ce_nas.forecast.base import Forecaster, ForecastInput
    from ce_nas.forecast.best_start import BestStart, find_best_start
    from ce_nas.forecast.boosting import BoostingForecaster, BoostingSettings, fit_boosting
    from ce_nas.forecast.conformal import CalibratedForecaster, Calibration, calibrate_quantiles
    from ce_nas.forecast.dataset import Span
    from ce_nas.forecast.ensemble import EnsembleForecaster, fit_ensemble
    from ce_nas.forecast.forecaster_selection import (
        create_forecaster,
        load_forecaster,
        save_forecaster,
        select_forecaster,
    )
    from ce_nas.forecast.history import RecordedHistory, ZoneHistory
    from ce_nas.forecast.live_history import LiveHistory
    from ce_nas.forecast.online_ensemble import OnlineEnsemble
    from ce_nas.forecast.oracle import OracleForecaster
    from ce_nas.forecast.pretrained import PretrainedTransformer
    from ce_nas.forecast.simple_forecasters import DampedProfile, MstlForecaster, Persistence, SeasonalNaive
    from ce_nas.forecast.train_transformer import TransformerFitSettings, fit_transformer
    from ce_nas.forecast.transformer import TransformerForecaster

__all__ = [
    "AdaptiveRidge",
    "BacktestResult",
    "BestStart",
    "BoostingForecaster",
    "BoostingSettings",
    "CalibratedForecaster",
    "Calibration",
    "DampedProfile",
    "EnsembleForecaster",
    "ForecastInput",
    "Forecaster",
    "IssueTimes",
    "LiveHistory",
    "MstlForecaster",
    "OnlineEnsemble",
    "OracleForecaster",
    "Persistence",
    "PretrainedTransformer",
    "RecordedHistory",
    "SeasonalNaive",
    "Span",
    "TransformerFitSettings",
    "TransformerForecaster",
    "ZoneHistory",
    "calibrate_quantiles",
    "create_forecaster",
    "find_best_start",
    "fit_boosting",
    "fit_ensemble",
    "fit_transformer",
    "load_forecaster",
    "run_backtest",
    "save_forecaster",
    "select_forecaster",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adaptive": ["AdaptiveRidge"],
        "backtest": ["BacktestResult", "IssueTimes", "run_backtest"],
        "base": ["ForecastInput", "Forecaster"],
        "simple_forecasters": ["DampedProfile", "MstlForecaster", "Persistence", "SeasonalNaive"],
        "best_start": ["BestStart", "find_best_start"],
        "boosting": ["BoostingForecaster", "BoostingSettings", "fit_boosting"],
        "conformal": ["CalibratedForecaster", "Calibration", "calibrate_quantiles"],
        "dataset": ["Span"],
        "ensemble": ["EnsembleForecaster", "fit_ensemble"],
        "history": ["RecordedHistory", "ZoneHistory"],
        "live_history": ["LiveHistory"],
        "online_ensemble": ["OnlineEnsemble"],
        "oracle": ["OracleForecaster"],
        "pretrained": ["PretrainedTransformer"],
        "forecaster_selection": ["create_forecaster", "load_forecaster", "save_forecaster", "select_forecaster"],
        "train_transformer": ["TransformerFitSettings", "fit_transformer"],
        "transformer": ["TransformerForecaster"],
    },
)
