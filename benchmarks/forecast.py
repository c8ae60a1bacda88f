"""Errors of forecasts of the grid, compared with other forecasters: rolling origins on the public tables.

    python benchmarks/forecast.py --grid FOLDER [--quick] [--json FILE] [--seed N] [--keep FOLDER] [--only PART ...]

Parts
    weather     six zones with weather forecasts; models are fitted to 2020, weights and calibration to the first half
                of 2021, and every forecaster is evaluated on the 181 midnights from 2021-07-01 on, four days ahead,
                life-cycle factors: CarbonCast's protocol [CC], with CarbonCast's own forecasts.
    two-days    the same with the weather known for 48 h only. The weather table does not state when a value was issued;
                if its time stamps are the days of issue, its values for the third and fourth day were issued one and
                two days after the forecast. This part is the lower bound without such values: the protocol's true
                result is between it and ``weather``.
    calendar    all ten zones of the same table without weather.
    zero-shot   zones of another table, in 2024, that the transformer was not trained on.

Trees and networks are fitted to 2020 once; regressions are refitted each midnight to what was known by then. Peers run
in the same run: persistence, seasonal naive, and plain gradient boosting of 600 trees on lead, calendar, lags and
weather, with the weather table as stamped, and with it moved to the hours that it describes (24 h later: then it
explains wind and solar generation in 2020). All forecasters use the same weather. The pinball loss is the mean over the
quantiles of a forecaster: nine, or seven once calibrated. FOLDER holds the tables carboncast_2020_2021,
weather_forecast_2019_2022, carboncast_forecasts_2021h2 and electricity_maps_2021_2024.

Sources
    [CC] Maji, Shenoy, Sitaraman. CarbonCast: multi-day forecasting of grid carbon intensity. BuildSys 2022.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.adaptive import AdaptiveRidge
from ce_nas.forecast.backtest import BacktestResult, IssueTimes, run_backtest
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.boosting import BoostingSettings, fit_boosting
from ce_nas.forecast.conformal import CalibratedForecaster, calibrate_quantiles
from ce_nas.forecast.dataset import Span
from ce_nas.forecast.ensemble import EnsembleForecaster, fit_ensemble
from ce_nas.forecast.history import RecordedHistory
from ce_nas.forecast.online_ensemble import OnlineEnsemble
from ce_nas.forecast.simple_forecasters import Persistence, SeasonalNaive
from ce_nas.forecast.train_transformer import TransformerFitSettings, fit_transformer
from ce_nas.grid.readers import read_future_covariates, read_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.forecast.base import ForecastInput

WEATHER_ZONES = ("CISO", "PJM", "DE", "ERCO", "ISNE", "SE")
ALL_ZONES = ("BPAT", "CISO", "DE", "ERCO", "FPL", "ISNE", "NL", "PJM", "PL", "SE")
#: zones of the other table that the transformer is trained on, and those that it is not
TRAINED = ("CA-ON", "DE-LU", "SG", "US-CAL-CISO", "US-MIDA-PJM", "US-TEX-ERCO")
UNSEEN = ("AU-NSW", "IN-WE", "JP-TK", "US-NY-NYIS")
PARTS = ("weather", "two-days", "calendar", "zero-shot")
HORIZON_S = 4 * DAY_S
AHEAD_H = 96
#: how much later a value of the weather table holds than its time stamp
WEATHER_LATER_S = 24 * HOUR_S


def midnight(year: int, month: int, day: int = 1) -> datetime:
    """Return a midnight, UTC."""
    return datetime(year, month, day, tzinfo=UTC)


TRAIN, VALIDATE = Span(midnight(2020, 1), midnight(2021, 1)), Span(midnight(2021, 1), midnight(2021, 7))


@dataclass(frozen=True)
class Effort:
    """The size of the experiment."""

    #: days between issues in validation and in the test
    validate_every: int
    test_every: int
    transformer: TransformerFitSettings
    boosting: BoostingSettings
    #: trees of the plain peer, and days between its training issues
    plain_trees: int
    plain_every: int

    @classmethod
    def from_seed(cls, seed: int, *, quick: bool) -> Effort:
        """Return the size of the whole protocol, or of a quick run."""
        if quick:
            small = TransformerFitSettings(seed=seed, max_validations=2, steps_per_validation=20)
            return cls(14, 30, small, BoostingSettings(seed=seed, max_trees=30), 60, 7)
        return cls(1, 1, TransformerFitSettings(seed=seed), BoostingSettings(seed=seed), 600, 1)

    def issues(self, first: datetime, last: datetime, every: int) -> IssueTimes:
        """Return midnights in a span."""
        return IssueTimes(first, last, every * DAY_S, HORIZON_S)

    @property
    def validate(self) -> IssueTimes:
        """The issues whose four days lie in the validation span."""
        return self.issues(VALIDATE.start, VALIDATE.end - timedelta(days=4), self.validate_every)

    @property
    def test(self) -> IssueTimes:
        """The 181 issues of the protocol."""
        return self.issues(midnight(2021, 7), midnight(2021, 12, 28), self.test_every)


class CachedForecaster(Forecaster):
    """Another forecaster whose forecasts are computed once."""

    def __init__(self, inner: Forecaster) -> None:
        self.inner, self.name, self.lookback_s = inner, inner.name, inner.lookback_s
        self._forecasts: dict[tuple[str, datetime, int, float], Forecast] = {}

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """Return the forecast, in the seconds of ``inputs``."""
        key = (inputs.zone, inputs.end, len(inputs.intensity_g_per_kwh), horizon_s)
        if key not in self._forecasts:
            self._forecasts[key] = self.inner.predict(inputs, horizon_s)
        forecast = self._forecasts[key]
        return Forecast(
            self.name, inputs.end_s, inputs.end_s, inputs.step_s, forecast.mean_g_per_kwh, forecast.quantiles_g_per_kwh
        )


class LimitedWeather(Forecaster):
    """Another forecaster with covariates for some hours ahead only."""

    def __init__(self, inner: Forecaster, hours: int) -> None:
        self.name, self.lookback_s = f"{inner.name}, weather of {hours} h", inner.lookback_s
        self._inner, self._hours = inner, hours

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        ended = len(inputs.intensity_g_per_kwh)
        known = {name: values[: ended + self._hours] for name, values in inputs.future_covariates.items()}
        return self._inner.predict(replace(inputs, future_covariates=known), horizon_s)


class PlainBoosting(Forecaster):
    """600 untuned trees on lead, calendar, lags and, where given, the weather of the hour: the peer of the protocol."""

    lookback_s = 8 * DAY_S
    LAGS_H = (1, 24, 48, 72, 96, 120, 144, 168)

    def __init__(self, name: str, history: RecordedHistory, effort: Effort, seed: int) -> None:
        import lightgbm

        self.name = name
        first, last = TRAIN.start + timedelta(days=8), TRAIN.end - timedelta(days=4)
        features, targets = [], []
        for moment in effort.issues(first, last, effort.plain_every):
            now_s = (moment - history.intensity.reference_time).total_seconds()
            inputs = history.inputs_at(now_s, self.lookback_s, HORIZON_S)
            features.append(self._features(inputs))
            targets.append(history.truth(now_s, AHEAD_H))
        settings = {"learning_rate": 0.05, "num_threads": 1, "seed": seed, "deterministic": True, "verbosity": -1}
        data = lightgbm.Dataset(np.concatenate(features), np.concatenate(targets))
        self._trees = lightgbm.train(settings, data, effort.plain_trees)

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        del horizon_s
        return Forecast(
            self.name, inputs.end_s, inputs.end_s, inputs.step_s, self._trees.predict(self._features(inputs))
        )

    def _features(self, inputs: ForecastInput) -> np.ndarray:
        known = inputs.intensity_g_per_kwh
        lead = np.arange(AHEAD_H)
        at = [inputs.end + timedelta(hours=int(hours)) for hours in lead]
        calendar = [[moment.hour, moment.weekday(), moment.timetuple().tm_yday] for moment in at]
        lags = np.tile([known[-lag] for lag in self.LAGS_H] + [known[-24:].mean(), known[-168:].mean()], (AHEAD_H, 1))
        same_hour = np.stack([known[len(known) - 24 * days + lead % 24] for days in range(1, 8)], axis=1)
        weather = [
            inputs.future_covariates[name][len(known) :][:AHEAD_H, None] for name in sorted(inputs.future_covariates)
        ]
        return np.concatenate([lead[:, None], calendar, lags, same_hour, *weather], axis=1)


class ResultsCache:
    """Results of the parts of a run, each computed once and stored in a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def result(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the stored result of ``name``, or compute it by ``work``."""
        path = self._folder / f"{name}.json" if self._folder else None
        if path and path.exists():
            stored: dict[str, Any] = json.loads(path.read_text())
            return stored
        print(f"... {name}", flush=True)
        result = work()
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result, indent=1))
        return result


def record(folder: Path, zone: str, later_s: float | None) -> RecordedHistory:
    """Return the record of a zone in 2020 and 2021, with the weather ``later_s`` after its time stamps, or without."""
    known = (
        {} if later_s is None else read_future_covariates(folder / "weather_forecast_2019_2022.parquet", zone, later_s)
    )
    return RecordedHistory.from_trace(read_trace(folder / "carboncast_2020_2021.parquet", zone=zone), known)


def figures(backtest: BacktestResult) -> dict[str, Any]:
    """Return the reported figures of a backtest."""
    return {
        "mape_pct_by_day": list(backtest.mape_by_day_pct),
        "mape_pct": backtest.mape_pct,
        "mae_g_per_kwh": backtest.mae_g_per_kwh,
        "pinball_g_per_kwh": backtest.pinball_g_per_kwh,
        "coverage_pct": {f"{share:.0%}": _percent(backtest.coverage(share)) for share in (0.8, 0.95)},
        "issues": len(backtest.issue_times),
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def published(folder: Path, zone: str) -> dict[str, Any]:
    """Return the errors of CarbonCast's own forecasts of the same issues, life-cycle factors."""
    import pyarrow.parquet as pq

    filters = [("zone", "==", zone), ("kind", "==", "lifecycle")]
    table = pq.read_table(folder / "carboncast_forecasts_2021h2.parquet", filters=filters)
    lead, actual, forecast = (table[name].to_numpy() for name in ("lead_h", "actual", "forecast"))
    errors = 100 * np.abs(forecast - actual) / actual
    days = [float(errors[lead // 24 == day].mean()) for day in range(4)]
    return {"mape_pct_by_day": days, "mape_pct": float(np.mean(days)), "issues": len(errors) // AHEAD_H}


def zone_with_weather(folder: Path, zone: str, effort: Effort, network: Forecaster, seed: int) -> dict[str, Any]:
    """Return the figures of all forecasters on one zone with weather."""
    history = record(folder, zone, WEATHER_LATER_S)
    trees = fit_boosting(history, TRAIN, VALIDATE, effort.boosting)
    members = [CachedForecaster(member) for member in (AdaptiveRidge(), network, trees)]
    ensemble = CachedForecaster(fit_ensemble(members, [history], effort.validate))
    assert isinstance(ensemble.inner, EnsembleForecaster)  # noqa: S101 - for the type checker
    calibrated = CalibratedForecaster(ensemble, calibrate_quantiles(ensemble, history, effort.validate))
    peers = [
        OnlineEnsemble(),
        PlainBoosting("plain boosting, weather moved", history, effort, seed),
        Persistence(),
        SeasonalNaive(),
    ]
    forecasters = (ensemble, calibrated, *members, *peers)
    results = {model.name: figures(run_backtest(model, history, effort.test)) for model in forecasters}
    stamped = record(folder, zone, 0.0)
    results["plain boosting"] = figures(
        run_backtest(PlainBoosting("plain boosting", stamped, effort, seed), stamped, effort.test)
    )
    results["CarbonCast, published"] = published(folder, zone)
    return {"forecasters": results, "ensemble_weights": ensemble.inner.weights[zone].tolist()}


def zone_by_calendar(folder: Path, zone: str, effort: Effort, seed: int) -> dict[str, Any]:
    """Return the figures of forecasters without weather on one zone."""
    history = record(folder, zone, None)
    forecasters = [
        AdaptiveRidge(),
        OnlineEnsemble(),
        PlainBoosting("plain boosting", history, effort, seed),
        Persistence(),
        SeasonalNaive(),
    ]
    return {"forecasters": {model.name: figures(run_backtest(model, history, effort.test)) for model in forecasters}}


def zone_of_two_days(folder: Path, zone: str, effort: Effort) -> dict[str, Any]:
    """Return the figures with the weather known for two days only."""
    backtest = run_backtest(LimitedWeather(AdaptiveRidge(), 48), record(folder, zone, WEATHER_LATER_S), effort.test)
    return {"forecasters": {backtest.forecaster: figures(backtest), "CarbonCast, published": published(folder, zone)}}


def zero_shot(folder: Path, effort: Effort) -> dict[str, Any]:
    """Return the figures of a transformer of six zones on four others, every fourth midnight of 2024."""
    table = folder / "electricity_maps_2021_2024.parquet"
    seen, unseen = (
        [RecordedHistory.from_trace(read_trace(table, zone=zone)) for zone in zones] for zones in (TRAINED, UNSEEN)
    )
    spans = Span(midnight(2021, 1), midnight(2023, 1)), Span(midnight(2023, 1), midnight(2023, 7))
    network = fit_transformer(seen, *spans, effort.transformer)
    issues = effort.issues(midnight(2024, 1), midnight(2024, 12, 27), 4 * effort.test_every)
    forecasters = (network, AdaptiveRidge(), OnlineEnsemble(), Persistence(), SeasonalNaive())
    return {
        history.zone: {model.name: figures(run_backtest(model, history, issues)) for model in forecasters}
        for history in unseen
    }


def network_of(folder: Path, effort: Effort, folder_to_keep: Path | None) -> Forecaster:
    """Return the transformer of all six zones together, fitted once and stored."""
    from ce_nas.forecast.transformer import TransformerForecaster

    path = folder_to_keep / "transformer.json" if folder_to_keep else None
    if path and path.exists():
        return TransformerForecaster.load(path)
    print("... transformer of six zones", flush=True)
    histories = [record(folder, zone, WEATHER_LATER_S) for zone in WEATHER_ZONES]
    network = fit_transformer(histories, TRAIN, VALIDATE, effort.transformer)
    if path:
        network.save(path)
    return network


def show(title: str, zones: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Print a table with a block for each zone and a line for each forecaster."""
    print(f"\n{title}\n{'':12}{'MAPE %, days 1 to 4':>62}{'mean':>8}{'pinball':>9}{'80 %':>7}{'95 %':>7}")
    for zone, rows in zones.items():
        for name, row in sorted(rows.items(), key=lambda item: item[1]["mape_pct"]):
            days = "".join(f"{value:8.2f}" for value in row["mape_pct_by_day"])
            coverage = row.get("coverage_pct") or {}
            rest = (row.get("pinball_g_per_kwh"), coverage.get("80%"), coverage.get("95%"))
            cells = "".join(f"{'-' if value is None else format(value, '.2f'):>8}" for value in rest)
            print(f"{zone:12}{name:30}{days}{row['mape_pct']:8.2f}{cells}")
    names = [name for name in next(iter(zones.values())) if all(name in rows for rows in zones.values())]
    for name in sorted(names, key=lambda name: np.mean([rows[name]["mape_pct"] for rows in zones.values()])):
        print(f"{'mean':12}{name:30}{np.mean([rows[name]['mape_pct'] for rows in zones.values()]):40.2f}")


def main() -> None:
    """Run the requested parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, required=True, help="folder of the public tables")
    parser.add_argument("--quick", action="store_true", help="two zones, few issues, small models")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder of finished parts, to continue from")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts to run")
    flags = parser.parse_args()
    effort = Effort.from_seed(flags.seed, quick=flags.quick)
    cache, parts = ResultsCache(flags.keep), flags.only or PARTS
    results: dict[str, Any] = {"seed": flags.seed, "quick": flags.quick}
    if "weather" in parts:
        results |= with_weather(flags.grid, effort, cache, flags)
    if "two-days" in parts:
        zones = WEATHER_ZONES[2:4] if flags.quick else WEATHER_ZONES
        results["two_days"] = by_zone(cache, "two-days", zones, partial(zone_of_two_days, flags.grid, effort=effort))
        show("Six zones with weather of 48 h", results["two_days"])
    if "calendar" in parts:
        zones = ALL_ZONES[:2] if flags.quick else ALL_ZONES
        work = partial(zone_by_calendar, flags.grid, effort=effort, seed=flags.seed)
        results["calendar"] = by_zone(cache, "calendar", zones, work)
        show("Ten zones without weather", results["calendar"])
    if "zero-shot" in parts:
        results["zero_shot"] = cache.result("zero-shot", lambda: zero_shot(flags.grid, effort))
        show(f"Zero-shot in 2024: trained on {', '.join(TRAINED)}", results["zero_shot"])
    if flags.json:
        flags.json.write_text(json.dumps(results, indent=1))


def by_zone(
    cache: ResultsCache, part: str, zones: tuple[str, ...], work: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    """Return the figures of each forecaster on each zone."""
    return {zone: cache.result(f"{part}-{zone}", partial(work, zone=zone))["forecasters"] for zone in zones}


def with_weather(folder: Path, effort: Effort, cache: ResultsCache, flags: argparse.Namespace) -> dict[str, Any]:
    """Return and print the figures of the protocol."""
    zones = WEATHER_ZONES[2:4] if flags.quick else WEATHER_ZONES
    network = network_of(folder, effort, flags.keep)
    results = {}
    for zone in zones:
        work = partial(zone_with_weather, folder, zone, effort, network, flags.seed)
        results[zone] = cache.result(f"weather-{zone}", work)
    rows = {zone: result["forecasters"] for zone, result in results.items()}
    show("Six zones with weather, second half of 2021", rows)
    days = {zone: figures["ensemble"]["mape_pct_by_day"] for zone, figures in rows.items()}
    mean = float(np.mean(list(days.values())))
    print(f"\nmean over zones and days of the ensemble: {mean:.2f} %")
    return {
        "mape_pct_by_zone_and_day": days,
        "mean_mape_pct": mean,
        "weather": rows,
        "ensemble_weights": {zone: result["ensemble_weights"] for zone, result in results.items()},
    }


if __name__ == "__main__":
    main()
