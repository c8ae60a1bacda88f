"""How far forecasts of the grid are off, beside those of others: rolling origins on the public tables.

    python benchmarks/forecast.py --grid FOLDER [--quick] [--json FILE] [--seed N] [--keep FOLDER] [--only PART ...]

Parts
    weather     six zones with weather forecasts; models learn from 2020, weights and calibration from the first half
                of 2021, and every forecaster is judged on the 181 midnights from 2021-07-01 on, four days ahead,
                life-cycle factors: CarbonCast's protocol [CC]. CarbonCast's own issues stand beside them.
    two-days    the same with the weather known for 48 h only. The weather table does not say when a value was issued;
                if its stamps are the days of issue, then what it says of the third and the fourth day was issued one
                and two days after the forecast. This part is the lower bound of what can be had without such values:
                the truth of the protocol lies between it and ``weather``.
    calendar    all ten zones of the same table without weather.
    zero-shot   zones of another table, in 2024, that the transformer was not trained on.

What is learned when: ``once`` is fitted to 2020 (trees, networks); ``daily`` regressions are refitted each midnight on
what was known by then. Peers run in the same run: persistence, seasonal naive, and plain gradient boosting of 600 trees
on lead, calendar, lags and weather, once with the weather table as it is stamped and once with it moved to the hours it
speaks of (24 h later: so it explains wind and solar generation in 2020). All forecasters that use the table use the
same values. The pinball loss is the mean over the quantiles that a forecaster issues: nine, or seven once calibrated.
FOLDER holds the tables
carboncast_2020_2021, weather_forecast_2019_2022, carboncast_forecasts_2021h2 and electricity_maps_2021_2024.

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
from ce_nas.forecast.backtest import Backtest, Issues, backtest
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.baselines import Persistence, SeasonalNaive
from ce_nas.forecast.boosting import BoostingSettings, fit_boosting
from ce_nas.forecast.conformal import Calibrated, calibrate
from ce_nas.forecast.dataset import Span
from ce_nas.forecast.ensemble import BlendForecaster, fit_blend
from ce_nas.forecast.history import History
from ce_nas.forecast.train_transformer import FitSettings, fit_transformer
from ce_nas.grid.readers import read_known, read_trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.forecast.base import Past

WEATHER_ZONES = ("CISO", "PJM", "DE", "ERCO", "ISNE", "SE")
ALL_ZONES = ("BPAT", "CISO", "DE", "ERCO", "FPL", "ISNE", "NL", "PJM", "PL", "SE")
#: zones of the other table that the transformer is trained on, and those that it has never seen
TRAINED = ("CA-ON", "DE-LU", "SG", "US-CAL-CISO", "US-MIDA-PJM", "US-TEX-ERCO")
UNSEEN = ("AU-NSW", "IN-WE", "JP-TK", "US-NY-NYIS")
PARTS = ("weather", "two-days", "calendar", "zero-shot")
HORIZON_S = 4 * DAY_S
AHEAD_H = 96
#: by how much the weather table's stamps are early
WEATHER_LATER_S = 24 * HOUR_S


def midnight(year: int, month: int, day: int = 1) -> datetime:
    """A moment, UTC."""
    return datetime(year, month, day, tzinfo=UTC)


TRAIN, VALIDATE = Span(midnight(2020, 1), midnight(2021, 1)), Span(midnight(2021, 1), midnight(2021, 7))


@dataclass(frozen=True)
class Effort:
    """How much is done."""

    #: days from one issue to the next in validation and in the test
    validate_every: int
    test_every: int
    transformer: FitSettings
    boosting: BoostingSettings
    #: trees of the plain peer, and days between two of its training issues
    plain_trees: int
    plain_every: int

    @classmethod
    def of(cls, seed: int, *, quick: bool) -> Effort:
        """The whole protocol, or a glimpse of it."""
        if quick:
            small = FitSettings(seed=seed, looks=2, steps=20)
            return cls(14, 30, small, BoostingSettings(seed=seed, trees=30), 60, 7)
        return cls(1, 1, FitSettings(seed=seed), BoostingSettings(seed=seed), 600, 1)

    def issues(self, first: datetime, last: datetime, every: int) -> Issues:
        """Midnights in a span."""
        return Issues(first, last, every * DAY_S, HORIZON_S)

    @property
    def validate(self) -> Issues:
        """Those whose four days lie in the validation span."""
        return self.issues(VALIDATE.begin, VALIDATE.end - timedelta(days=4), self.validate_every)

    @property
    def test(self) -> Issues:
        """The 181 of the protocol."""
        return self.issues(midnight(2021, 7), midnight(2021, 12, 28), self.test_every)


class Remembered(Forecaster):
    """Another forecaster, each of whose forecasts is made once."""

    def __init__(self, inner: Forecaster) -> None:
        self.inner, self.name, self.lookback_s = inner, inner.name, inner.lookback_s
        self._made: dict[tuple[str, datetime, int, float], Forecast] = {}

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """The forecast, on the clock of ``past``."""
        key = (past.zone, past.end, len(past.intensity_g_per_kwh), horizon_s)
        if key not in self._made:
            self._made[key] = self.inner.predict(past, horizon_s)
        made = self._made[key]
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, made.mean_g_per_kwh, made.quantiles_g_per_kwh)


class ShortSighted(Forecaster):
    """Another forecaster that is told what is known ahead for some hours only."""

    def __init__(self, inner: Forecaster, hours: int) -> None:
        self.name, self.lookback_s = f"{inner.name}, weather of {hours} h", inner.lookback_s
        self._inner, self._hours = inner, hours

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See the seam."""
        ended = len(past.intensity_g_per_kwh)
        known = {name: values[: ended + self._hours] for name, values in past.known.items()}
        return self._inner.predict(replace(past, known=known), horizon_s)


class PlainBoosting(Forecaster):
    """600 untuned trees on lead, calendar, lags and, where given, the weather of the hour: the peer of the protocol."""

    lookback_s = 8 * DAY_S
    LAGS_H = (1, 24, 48, 72, 96, 120, 144, 168)

    def __init__(self, name: str, history: History, effort: Effort, seed: int) -> None:
        import lightgbm

        self.name = name
        first, last = TRAIN.begin + timedelta(days=8), TRAIN.end - timedelta(days=4)
        told, came = [], []
        for moment in effort.issues(first, last, effort.plain_every):
            now_s = (moment - history.intensity.zero).total_seconds()
            past = history.past(now_s, self.lookback_s, HORIZON_S)
            told.append(self._rows(past))
            came.append(history.truth(now_s, AHEAD_H))
        settings = {"learning_rate": 0.05, "num_threads": 1, "seed": seed, "deterministic": True, "verbosity": -1}
        data = lightgbm.Dataset(np.concatenate(told), np.concatenate(came))
        self._trees = lightgbm.train(settings, data, effort.plain_trees)

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See the seam."""
        del horizon_s
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, self._trees.predict(self._rows(past)))

    def _rows(self, past: Past) -> np.ndarray:
        known = past.intensity_g_per_kwh
        lead = np.arange(AHEAD_H)
        at = [past.end + timedelta(hours=int(hours)) for hours in lead]
        calendar = [[moment.hour, moment.weekday(), moment.timetuple().tm_yday] for moment in at]
        lags = np.tile([known[-lag] for lag in self.LAGS_H] + [known[-24:].mean(), known[-168:].mean()], (AHEAD_H, 1))
        same_hour = np.stack([known[len(known) - 24 * days + lead % 24] for days in range(1, 8)], axis=1)
        weather = [past.known[name][len(known) :][:AHEAD_H, None] for name in sorted(past.known)]
        return np.concatenate([lead[:, None], calendar, lags, same_hour, *weather], axis=1)


class Kept:
    """Results of the parts of a run, each worked out once and kept in a folder."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def result(self, name: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What was kept under ``name``, or what ``work`` gives."""
        where = self._folder / f"{name}.json" if self._folder else None
        if where and where.exists():
            found: dict[str, Any] = json.loads(where.read_text())
            return found
        print(f"... {name}", flush=True)
        made = work()
        if where:
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_text(json.dumps(made, indent=1))
        return made


def record(folder: Path, zone: str, later_s: float | None) -> History:
    """A zone of 2020 and 2021, with the weather ``later_s`` after its stamps, or with none."""
    known = {} if later_s is None else read_known(folder / "weather_forecast_2019_2022.parquet", zone, later_s)
    return History.of(read_trace(folder / "carboncast_2020_2021.parquet", zone=zone), known)


def figures(found: Backtest) -> dict[str, Any]:
    """What is reported of a backtest."""
    return {
        "mape_pct_by_day": list(found.mape_by_day_pct),
        "mape_pct": found.mape_pct,
        "mae_g_per_kwh": found.mae_g_per_kwh,
        "pinball_g_per_kwh": found.pinball_g_per_kwh,
        "coverage_pct": {f"{share:.0%}": _percent(found.coverage(share)) for share in (0.8, 0.95)},
        "issues": len(found.issued),
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def published(folder: Path, zone: str) -> dict[str, Any]:
    """CarbonCast's own forecasts of the same issues, life-cycle factors."""
    import pyarrow.parquet as pq

    wanted = [("zone", "==", zone), ("kind", "==", "lifecycle")]
    table = pq.read_table(folder / "carboncast_forecasts_2021h2.parquet", filters=wanted)
    lead, actual, said = (table[name].to_numpy() for name in ("lead_h", "actual", "forecast"))
    off = 100 * np.abs(said - actual) / actual
    days = [float(off[lead // 24 == day].mean()) for day in range(4)]
    return {"mape_pct_by_day": days, "mape_pct": float(np.mean(days)), "issues": len(off) // AHEAD_H}


def zone_with_weather(folder: Path, zone: str, effort: Effort, network: Forecaster, seed: int) -> dict[str, Any]:
    """All forecasters on one zone with weather."""
    history = record(folder, zone, WEATHER_LATER_S)
    trees = fit_boosting(history, TRAIN, VALIDATE, effort.boosting)
    parts = [Remembered(one) for one in (AdaptiveRidge(), network, trees)]
    blend = Remembered(fit_blend(parts, [history], effort.validate))
    assert isinstance(blend.inner, BlendForecaster)  # noqa: S101 - says so to readers
    calibrated = Calibrated(blend, calibrate(blend, history, effort.validate))
    peers = [
        PlainBoosting("plain boosting, weather moved", history, effort, seed),
        Persistence(),
        SeasonalNaive(),
    ]
    found = {one.name: figures(backtest(one, history, effort.test)) for one in (blend, calibrated, *parts, *peers)}
    stamped = record(folder, zone, 0.0)
    found["plain boosting"] = figures(
        backtest(PlainBoosting("plain boosting", stamped, effort, seed), stamped, effort.test)
    )
    found["CarbonCast, published"] = published(folder, zone)
    return {"forecasters": found, "blend_weights": blend.inner.weights[zone].tolist()}


def zone_by_calendar(folder: Path, zone: str, effort: Effort, seed: int) -> dict[str, Any]:
    """Forecasters that know no weather on one zone."""
    history = record(folder, zone, None)
    contest = [AdaptiveRidge(), PlainBoosting("plain boosting", history, effort, seed), Persistence(), SeasonalNaive()]
    return {"forecasters": {one.name: figures(backtest(one, history, effort.test)) for one in contest}}


def zone_of_two_days(folder: Path, zone: str, effort: Effort) -> dict[str, Any]:
    """What is lost where the weather is known for two days only."""
    found = backtest(ShortSighted(AdaptiveRidge(), 48), record(folder, zone, WEATHER_LATER_S), effort.test)
    return {"forecasters": {found.forecaster: figures(found), "CarbonCast, published": published(folder, zone)}}


def zero_shot(folder: Path, effort: Effort) -> dict[str, Any]:
    """A transformer of six zones on four others, every fourth midnight of 2024."""
    table = folder / "electricity_maps_2021_2024.parquet"
    seen, unseen = ([History.of(read_trace(table, zone=zone)) for zone in zones] for zones in (TRAINED, UNSEEN))
    spans = Span(midnight(2021, 1), midnight(2023, 1)), Span(midnight(2023, 1), midnight(2023, 7))
    network = fit_transformer(seen, *spans, effort.transformer)
    issues = effort.issues(midnight(2024, 1), midnight(2024, 12, 27), 4 * effort.test_every)
    contest = (network, AdaptiveRidge(), Persistence(), SeasonalNaive())
    return {history.zone: {one.name: figures(backtest(one, history, issues)) for one in contest} for history in unseen}


def network_of(folder: Path, effort: Effort, kept: Path | None) -> Forecaster:
    """The transformer of all six zones together, fitted once and kept."""
    from ce_nas.forecast.transformer import TransformerForecaster

    where = kept / "transformer.json" if kept else None
    if where and where.exists():
        return TransformerForecaster.load(where)
    print("... transformer of six zones", flush=True)
    histories = [record(folder, zone, WEATHER_LATER_S) for zone in WEATHER_ZONES]
    network = fit_transformer(histories, TRAIN, VALIDATE, effort.transformer)
    if where:
        network.save(where)
    return network


def show(title: str, zones: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Print a table: a block a zone, a line a forecaster."""
    print(f"\n{title}\n{'':12}{'MAPE %, days 1 to 4':>62}{'mean':>8}{'pinball':>9}{'80 %':>7}{'95 %':>7}")
    for zone, rows in zones.items():
        for name, row in sorted(rows.items(), key=lambda item: item[1]["mape_pct"]):
            days = "".join(f"{value:8.2f}" for value in row["mape_pct_by_day"])
            held = row.get("coverage_pct") or {}
            rest = (row.get("pinball_g_per_kwh"), held.get("80%"), held.get("95%"))
            cells = "".join(f"{'-' if value is None else format(value, '.2f'):>8}" for value in rest)
            print(f"{zone:12}{name:30}{days}{row['mape_pct']:8.2f}{cells}")
    names = [name for name in next(iter(zones.values())) if all(name in rows for rows in zones.values())]
    for name in sorted(names, key=lambda one: np.mean([rows[one]["mape_pct"] for rows in zones.values()])):
        print(f"{'mean':12}{name:30}{np.mean([rows[name]['mape_pct'] for rows in zones.values()]):40.2f}")


def main() -> None:
    """Run the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grid", type=Path, required=True, help="folder of the public tables")
    parser.add_argument("--quick", action="store_true", help="two zones, few issues, small models")
    parser.add_argument("--json", type=Path, help="write all figures here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder to keep finished parts in, and to go on from")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="parts to run")
    flags = parser.parse_args()
    effort = Effort.of(flags.seed, quick=flags.quick)
    kept, parts = Kept(flags.keep), flags.only or PARTS
    results: dict[str, Any] = {"seed": flags.seed, "quick": flags.quick}
    if "weather" in parts:
        results |= with_weather(flags.grid, effort, kept, flags)
    if "two-days" in parts:
        zones = WEATHER_ZONES[2:4] if flags.quick else WEATHER_ZONES
        results["two_days"] = by_zone(kept, "two-days", zones, partial(zone_of_two_days, flags.grid, effort=effort))
        show("Six zones with weather of 48 h", results["two_days"])
    if "calendar" in parts:
        zones = ALL_ZONES[:2] if flags.quick else ALL_ZONES
        work = partial(zone_by_calendar, flags.grid, effort=effort, seed=flags.seed)
        results["calendar"] = by_zone(kept, "calendar", zones, work)
        show("Ten zones without weather", results["calendar"])
    if "zero-shot" in parts:
        results["zero_shot"] = kept.result("zero-shot", lambda: zero_shot(flags.grid, effort))
        show(f"Zero-shot in 2024: trained on {', '.join(TRAINED)}", results["zero_shot"])
    if flags.json:
        flags.json.write_text(json.dumps(results, indent=1))


def by_zone(kept: Kept, part: str, zones: tuple[str, ...], work: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The figures of each forecaster on each zone."""
    return {zone: kept.result(f"{part}-{zone}", partial(work, zone=zone))["forecasters"] for zone in zones}


def with_weather(folder: Path, effort: Effort, kept: Kept, flags: argparse.Namespace) -> dict[str, Any]:
    """The table of the protocol."""
    zones = WEATHER_ZONES[2:4] if flags.quick else WEATHER_ZONES
    network = network_of(folder, effort, flags.keep)
    found = {}
    for zone in zones:
        work = partial(zone_with_weather, folder, zone, effort, network, flags.seed)
        found[zone] = kept.result(f"weather-{zone}", work)
    rows = {zone: one["forecasters"] for zone, one in found.items()}
    show("Six zones with weather, second half of 2021", rows)
    days = {zone: one["blend"]["mape_pct_by_day"] for zone, one in rows.items()}
    mean = float(np.mean(list(days.values())))
    print(f"\nmean over zones and days of the blend: {mean:.2f} %")
    return {
        "mape_pct_by_zone_and_day": days,
        "mean_mape_pct": mean,
        "weather": rows,
        "blend_weights": {zone: one["blend_weights"] for zone, one in found.items()},
    }


if __name__ == "__main__":
    main()
