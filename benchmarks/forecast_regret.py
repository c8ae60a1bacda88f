"""Forecasts judged by grams: what deferrable jobs emit when each forecaster schedules them, beside its errors.

    python benchmarks/forecast_regret.py --grid FOLDER [--quick] [--json FILE] [--seed N] [--zones ZONE ...]
        [--forecasters NAME ...] [--weather yes|no|both] [--first DATE] [--last DATE] [--replan HOURS] [--hindsight]

Jobs of 3, 12 and 40 hours on one device may pause at will within 24 hours, 80 hours and a week (40 not within 24). A
forecast is issued every ``--replan`` hours, 96 hours ahead and continued by its mean day, as in a search; the job runs
when the hour is among the cleanest that it still needs. Its emissions are those of the true intensity. ``kept`` is the
share of the possible saving, against a start at once, that was achieved over all windows, with the 95 % interval of a
bootstrap over windows. Beside it: the mean absolute percentage error over four days, the pinball loss, and the share
of the truth inside the 80 and 95 % intervals, at the midnights. Forecasters without quantiles are calibrated for it.

FOLDER holds the public tables carboncast_2020_2021, weather_forecast_2019_2022, electricity_maps_2021_2024 and, for the
forecaster ``carboncast``, carboncast_forecasts_2021h2 (parquet). ``--forecasters fracast`` judges a general foundation
model, which needs the package of that name.

``--hindsight`` shows what these members could keep at best, with what no forecaster may use: the best single member of
each zone, chosen on the truth of the span itself; the fixed combination of members that a search on that truth finds
best; and the default forecaster when it is given the true wind and solar generation of the coming four days.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_duration, format_time
from ce_nas.core.records import Forecast
from ce_nas.core.units import HOUR_S, J_PER_KWH, parse_time
from ce_nas.forecast.backtest import IssueTimes, run_backtest
from ce_nas.forecast.base import FORECAST_HORIZON_S, Forecaster
from ce_nas.forecast.conformal import CalibratedForecaster
from ce_nas.forecast.forecaster_selection import create_forecaster, load_forecaster
from ce_nas.forecast.history import RecordedHistory
from ce_nas.forecast.hourly import HourlyForecaster
from ce_nas.forecast.simple_forecasters import SeasonalNaive
from ce_nas.forecast.weather_trees import WeatherTrees
from ce_nas.grid.readers import read_future_covariates, read_trace
from ce_nas.grid.trace import Series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ce_nas.forecast.base import ForecastInput
    from ce_nas.forecast.hourly import HourlySeries
    from ce_nas.grid.trace import GridTrace

    Figures = dict[str, Any]

ZONES = ("CISO", "DE", "ERCO", "PJM", "ISNE", "SE", "BPAT", "FPL", "NL", "PL")
WEATHER_ZONES = ("CISO", "DE", "ERCO", "PJM", "ISNE", "SE")
CARBONCAST, FOUNDATION = "carboncast", "fracast"
FORECASTERS = ("persistence", "seasonal-naive", "damped-profile", "adaptive", "auto", CARBONCAST)
#: forecasters that are combined in hindsight, and generation that is then known ahead
HINDSIGHT_MEMBERS, KNOWN_SOURCES = (
    ("adaptive", "damped-profile", "seasonal-naive", "pretrained-transformer"),
    ("wind", "solar"),
)
#: shares by which the search in hindsight moves a combination towards a member
HINDSIGHT_SHARES = (0.2, 0.5)
FIRST, LAST = datetime(2021, 7, 1, tzinfo=UTC), datetime(2021, 12, 28, tzinfo=UTC)
#: hours of the jobs, and of their windows
JOBS_H, WINDOWS_H = (3, 12, 40), (24, 80, 168)
#: how much later a value of the weather table holds than its time stamp
WEATHER_LATER_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class DeferrableJob:
    """A job that runs at any time of its window."""

    #: power from the grid: a GPU with its share of a host at 287 W, PUE 1.56
    power_w: float = 287.0 * 1.56
    #: total duration
    duration_s: float = 40 * HOUR_S
    #: length of the window
    window_s: float = 80 * HOUR_S
    #: time between two forecasts; it is scheduled again at every step
    replan_s: float = HOUR_S


@dataclass(frozen=True, eq=False)
class ForecastRegret:
    """The emissions of a job in each window, g CO2eq, shape (windows,)."""

    forecaster: str
    zone: str
    #: start of each window, UTC
    starts: tuple[datetime, ...]
    #: scheduled by the forecast
    scheduled_g: np.ndarray
    #: scheduled by the truth: the minimum
    optimal_g: np.ndarray
    #: started at once
    immediate_g: np.ndarray

    @property
    def regret_g(self) -> np.ndarray:
        """Emissions above the minimum in each window; not negative."""
        regret: np.ndarray = self.scheduled_g - self.optimal_g
        return regret

    @property
    def saved_share(self) -> float:
        """Share of the possible saving that was achieved, over all windows; NaN if nothing could be saved."""
        possible = float((self.immediate_g - self.optimal_g).sum())
        return float((self.immediate_g - self.scheduled_g).sum()) / possible if possible > 0 else math.nan


def window_starts(first: datetime, last: datetime, length_s: float) -> Iterator[datetime]:
    """Return the starts of consecutive windows that end by ``last``."""
    count = math.floor((last - first).total_seconds() / length_s)
    return (first + timedelta(seconds=number * length_s) for number in range(count))


def compute_regret(
    forecaster: Forecaster, history: RecordedHistory, job: DeferrableJob, starts: Iterator[datetime]
) -> ForecastRegret:
    """Schedule ``job`` by forecasts in each window; windows with a gap in the record are skipped.

    :raises SettingsError: if the job is longer than its window, or no window is recorded.
    """
    steps, needed = round(job.window_s / history.step_s), round(job.duration_s / history.step_s)
    if not 0 < needed <= steps:
        message = (
            f"Expected a job that fits into its window of {format_duration(job.window_s)} and runs for a step of "
            f"{format_duration(history.step_s)} or longer, got {format_duration(job.duration_s)}."
        )
        raise SettingsError(message)
    recorded, rows = [], []
    for start in starts:
        truth = history.truth((start - history.intensity.reference_time).total_seconds(), steps)
        runs = None if np.isnan(truth).any() else _schedule_job(forecaster, history, job, start)
        if runs is not None:
            recorded.append(start)
            rows.append((truth[runs].sum(), np.sort(truth)[:needed].sum(), truth[:needed].sum()))
    if not rows:
        message = (
            f"Expected windows inside the record of zone {history.zone!r}, which covers "
            f"{format_time(history.intensity.start)} to {format_time(history.intensity.end)}; choose other dates."
        )
        raise SettingsError(message)
    scheduled_g, optimal_g, immediate_g = np.array(rows).T * job.power_w * history.step_s / J_PER_KWH
    return ForecastRegret(forecaster.name, history.zone, tuple(recorded), scheduled_g, optimal_g, immediate_g)


def _schedule_job(
    forecaster: Forecaster, history: RecordedHistory, job: DeferrableJob, start: datetime
) -> np.ndarray | None:
    """Return the steps of the window in which the job runs; None if nothing was known yet.

    At each step, the cleanest of the remaining steps by the latest forecast are chosen, as many as the job still needs;
    it runs if the current step is one of them.
    """
    steps, needed = round(job.window_s / history.step_s), round(job.duration_s / history.step_s)
    start_s = (start - history.intensity.reference_time).total_seconds()
    interval = max(round(job.replan_s / history.step_s), 1)
    expected = np.empty(0)
    runs: list[int] = []
    for step in range(steps):
        if len(runs) == needed:
            break
        if step % interval == 0:
            left_s = (steps - step) * history.step_s
            inputs = history.inputs_at(start_s + step * history.step_s, forecaster.lookback_s, left_s)
            if inputs is None:
                return None
            expected = forecaster.predict(inputs, left_s).mean_g_per_kwh[: steps - step]
        ahead = expected[step % interval :]
        if np.argsort(ahead, kind="stable")[: needed - len(runs)].min() == 0:
            runs.append(step)
    return np.array(runs)


class IssuedForecasts(Forecaster):
    """The forecasts of a forecaster, each issued once, 96 hours ahead, and continued by their mean day."""

    def __init__(self, forecaster: Forecaster) -> None:
        self.name, self.lookback_s = forecaster.name, forecaster.lookback_s
        self._forecaster = forecaster
        self.issued: dict[datetime, Forecast] = {}

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        forecast = self.issued.get(inputs.end)
        if forecast is None:
            known = inputs.truncate(self.lookback_s, horizon_s=FORECAST_HORIZON_S)
            forecast = self.issued[inputs.end] = self._forecaster.predict(known, FORECAST_HORIZON_S)
        return replace(
            forecast, mean_g_per_kwh=_continue(forecast, inputs.horizon_steps(horizon_s)), quantiles_g_per_kwh={}
        )


def _continue(forecast: Forecast, steps: int) -> np.ndarray:
    """Return the forecast of as many steps, those beyond its end by its mean day; the others exactly as forecast."""
    known = forecast.mean_g_per_kwh[:steps]
    return np.concatenate([known, forecast.resample(forecast.start_s, forecast.step_s, steps)[len(known) :]])


class KnownAhead(RecordedHistory):
    """A record that shows covariates 96 hours ahead, whatever the horizon."""

    def inputs_at(self, now_s: float, lookback_s: float, horizon_s: float = 0.0) -> ForecastInput | None:
        """See :meth:`RecordedHistory.inputs_at`."""
        return super().inputs_at(now_s, lookback_s, max(horizon_s, FORECAST_HORIZON_S))


class FoundationForecasts(Forecaster):
    """Fracast-0, a foundation model of time series, with the weights of its package (``pip install fracast``)."""

    name = FOUNDATION

    def __init__(self) -> None:
        from fracast import FracastModel

        self._model = FracastModel.from_pretrained(weights="fp32")
        self.lookback_s = self._model.context_length * HOUR_S

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        past = inputs.truncate(self.lookback_s).intensity_g_per_kwh
        found = self._model.forecast(past, horizon=inputs.horizon_steps(horizon_s))
        median = found[:, self._model.quantiles.index(0.5)]
        return Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, np.maximum(median, 0.0).astype(float))


class PublishedForecasts(Forecaster):
    """CarbonCast's published forecasts, issued every midnight; from one to the next the last one holds."""

    name = CARBONCAST
    lookback_s = 24 * HOUR_S

    def __init__(self, folder: Path, zone: str) -> None:
        import pandas as pd

        table = pd.read_parquet(folder / "carboncast_forecasts_2021h2.parquet")
        table = table[(table["zone"] == zone) & (table["kind"] == "lifecycle")].sort_values(["issue", "lead_h"])
        self._issues = {
            rows["time"].iloc[0].to_pydatetime().replace(tzinfo=UTC): rows["forecast"].to_numpy(float)
            for _, rows in table.groupby("issue")
        }

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        midnight = inputs.end.replace(hour=0)
        values = self._issues.get(midnight)
        if values is None:
            return SeasonalNaive().predict(inputs, horizon_s)
        ahead = values[round((inputs.end - midnight).total_seconds() / HOUR_S) :]
        whole = Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, ahead)
        return replace(whole, mean_g_per_kwh=_continue(whole, inputs.horizon_steps(horizon_s)))


def history_of(folder: Path, zone: str, *, weather: bool, generation: bool = False) -> RecordedHistory:
    """Return the record of a zone, with its weather on request.

    :param generation: whether the true generation of :data:`KNOWN_SOURCES` is known ahead, for a bound.
    """
    known = (
        read_future_covariates(folder / "weather_forecast_2019_2022.parquet", zone, WEATHER_LATER_S) if weather else {}
    )
    name = "carboncast_2020_2021" if zone in ZONES else "electricity_maps_2021_2024"
    trace = read_trace(folder / f"{name}.parquet", zone=zone)
    if generation:
        known |= known_generation(trace)
    return KnownAhead.from_trace(trace, known)


def known_generation(trace: GridTrace) -> dict[str, Series]:
    """Return the generation of :data:`KNOWN_SOURCES`, as far as the record has it, GW; 0 where it is missing."""
    known = {}
    for source in KNOWN_SOURCES:
        if source in trace.mix_mw and np.nanmax(trace.mix_mw[source]) > 0:
            values = np.nan_to_num(trace.mix_mw[source]) / 1000.0
            known[f"{source}_generation"] = Series(trace.series.start, trace.series.step_s, values)
    return known


def kept_interval(regret: ForecastRegret, seed: int) -> tuple[float, float, float]:
    """Return the share of the possible saving that was kept, and the 95 % interval of its bootstrap over windows."""
    rows = np.random.default_rng(seed).integers(len(regret.starts), size=(2000, len(regret.starts)))
    kept = (regret.immediate_g - regret.scheduled_g)[rows].sum(axis=1)
    possible = (regret.immediate_g - regret.optimal_g)[rows].sum(axis=1)
    low, high = np.quantile(kept / np.maximum(possible, 1e-9), [0.025, 0.975])
    return regret.saved_share, float(low), float(high)


def error_figures(
    forecaster: Forecaster, issued: IssuedForecasts, history: RecordedHistory, issues: IssueTimes
) -> Figures:
    """Return the errors at ``issues``; quantiles are calibrated where the forecaster has none."""
    has_quantiles = any(forecast.quantiles_g_per_kwh for forecast in issued.issued.values())
    result = run_backtest(forecaster if has_quantiles else CalibratedForecaster(forecaster), history, issues)
    return {
        "mape_pct": result.mape_pct,
        "mape_by_day_pct": list(result.mape_by_day_pct),
        "pinball_g_per_kwh": result.pinball_g_per_kwh,
        "in_80_pct": None if (inside := result.coverage(0.8)) is None else 100 * inside,
        "in_95_pct": None if (inside := result.coverage(0.95)) is None else 100 * inside,
    }


class Replay(Forecaster):
    """The forecasts that were issued before, where there are any."""

    def __init__(self, forecaster: Forecaster, issued: IssuedForecasts) -> None:
        self.name, self.lookback_s = forecaster.name, forecaster.lookback_s
        self._forecaster, self._issued = forecaster, issued

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        known = self._issued.issued.get(inputs.end)
        if known is None or len(known.mean_g_per_kwh) != inputs.horizon_steps(horizon_s):
            return self._forecaster.predict(inputs, horizon_s)
        return replace(known, issued_s=inputs.end_s, start_s=inputs.end_s)


def regrets(
    forecaster: Forecaster, history: RecordedHistory, span: tuple[datetime, datetime], replan_h: float
) -> Iterator[tuple[str, ForecastRegret]]:
    """Schedule every job by the forecasts; yield its name and what it cost."""
    for window_h in WINDOWS_H:
        for hours in JOBS_H:
            if hours <= window_h:
                job = DeferrableJob(duration_s=hours * HOUR_S, window_s=window_h * HOUR_S, replan_s=replan_h * HOUR_S)
                starts = window_starts(*span, math.ceil(window_h / 24) * 24 * HOUR_S)
                yield f"{hours} h in {window_h} h", compute_regret(forecaster, history, job, starts)


def judge(
    forecaster: Forecaster, history: RecordedHistory, span: tuple[datetime, datetime], replan_h: float, seed: int
) -> Figures:
    """Return the figures of one forecaster on one zone: the share kept of each job, and its errors."""
    issued, jobs, (first, last) = IssuedForecasts(forecaster), {}, span
    for name, regret in regrets(issued, history, span, replan_h):
        jobs[name] = {
            "kept_share": list(kept_interval(regret, seed)),
            "windows": len(regret.starts),
            "regret_g_mean": float(regret.regret_g.mean()),
            "best_g_mean": float(regret.optimal_g.mean()),
            "at_once_g_mean": float(regret.immediate_g.mean()),
        }
    errors = error_figures(Replay(forecaster, issued), issued, history, IssueTimes(first, last - timedelta(days=4)))
    kept = float(np.mean([job["kept_share"][0] for job in jobs.values()]))
    return {"zone": history.zone, "forecaster": forecaster.name, **errors, "kept_share_mean": kept, "jobs": jobs}


class TreesAlone(HourlyForecaster):
    """The default's trees on the weather as a forecaster; where they have no forecast, yesterday."""

    name = WeatherTrees.name

    def __init__(self) -> None:
        self._trees = WeatherTrees()

    def predict_log(self, slots: HourlySeries, zone: str) -> tuple[np.ndarray, Mapping[float, np.ndarray]]:
        """See :meth:`HourlyForecaster.predict_log`; without quantiles."""
        del zone
        yesterday = np.resize(slots.log_intensity[-slots.slots_per_day :], slots.horizon)
        by_trees = self._trees.predict_log(slots)
        return yesterday if by_trees is None else np.where(np.isfinite(by_trees), by_trees, yesterday), {}


class FixedCombination(Forecaster):
    """A mean of forecasts that were issued before, in logarithms, with fixed weights."""

    name = "fixed combination"
    lookback_s = HOUR_S

    def __init__(self, issued: Sequence[IssuedForecasts], weights: np.ndarray) -> None:
        self._issued, self._weights = issued, weights

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        logs = [np.log(np.maximum(member.issued[inputs.end].mean_g_per_kwh, 0.01)) for member in self._issued]
        mean = np.exp(np.tensordot(self._weights, np.stack(logs), axes=1))
        whole = Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, mean)
        return replace(whole, mean_g_per_kwh=_continue(whole, inputs.horizon_steps(horizon_s)))


def best_combination(kept: Callable[[np.ndarray], float], n_members: int) -> tuple[np.ndarray, float, int]:
    """Search weights for the largest share kept; return them, that share, and the index of the best single member.

    It starts from the best single member and moves towards each of the others in turn, where that helps.
    """
    corners = np.eye(n_members)
    singles = [kept(corner) for corner in corners]
    best = int(np.argmax(singles))
    weights, share = corners[best], singles[best]
    for corner in np.delete(corners, best, axis=0):
        tried = [(1 - step) * weights + step * corner for step in HINDSIGHT_SHARES]
        shares = [kept(one) for one in tried]
        if max(shares) > share:
            weights, share = tried[int(np.argmax(shares))], max(shares)
    return weights, share, best


def judge_hindsight(
    members: Sequence[Forecaster], history: RecordedHistory, span: tuple[datetime, datetime], replan_h: float
) -> Figures:
    """Return the best single member and the best combination found on the truth of the span itself."""
    issued = [IssuedForecasts(member) for member in members]
    shares = [_kept_mean(member, history, span, replan_h) for member in issued]  # issues all forecasts
    weights, kept, best = best_combination(
        lambda weights: _kept_mean(FixedCombination(issued, weights), history, span, replan_h), len(issued)
    )
    return {
        "members": dict(zip([member.name for member in members], shares, strict=True)),
        "best_member": members[best].name,
        "best_combination": dict(zip([member.name for member in members], weights.tolist(), strict=True)),
        "best_combination_kept": kept,
    }


def _kept_mean(
    forecaster: Forecaster, history: RecordedHistory, span: tuple[datetime, datetime], replan_h: float
) -> float:
    """Return the mean share kept over the jobs."""
    return float(np.mean([regret.saved_share for _, regret in regrets(forecaster, history, span, replan_h)]))


def show_hindsight(args: argparse.Namespace) -> None:
    """Print what the members could keep at best in each zone, with hindsight."""
    heads = ("auto", "best single member", "best combination", "wind and sun known")
    print(f"{'zone':7} {'wx':4} {heads[0]:>6} {heads[1]:>30} {heads[2]:>17} {heads[3]:>19}")
    span, rows = (args.first, args.last), []
    for zone, weather in zone_cases(args):
        history = history_of(args.grid, zone, weather=weather)
        members = [create_forecaster(name) for name in HINDSIGHT_MEMBERS] + ([TreesAlone()] if weather else [])
        members.append(create_forecaster("online-ensemble"))
        figures = judge_hindsight(members, history, span, args.replan)
        informed = history_of(args.grid, zone, weather=weather, generation=True)
        known = _kept_mean(IssuedForecasts(create_forecaster("online-ensemble")), informed, span, args.replan)
        rows.append({"zone": zone, "weather": weather, **figures, "generation_known_kept": known})
        single, kept = figures["best_member"], figures["members"]
        shares = (kept["online-ensemble"], kept[single], figures["best_combination_kept"], known)
        auto, alone, combined, informed_kept = (f"{100 * share:.1f}" for share in shares)
        cells = f"{auto:>6} {f'{single} {alone}':>30} {combined:>17} {informed_kept:>19}"
        print(f"{zone:7} {'yes' if weather else 'no':4} {cells}", flush=True)
        if args.json:
            args.json.write_text(json.dumps({"replan_h": args.replan, "rows": rows}, indent=2) + "\n")


def zone_cases(args: argparse.Namespace) -> Iterator[tuple[str, bool]]:
    """Yield the zones, and whether the weather is known."""
    for zone in args.zones:
        for weather in {"yes": (True,), "no": (False,), "both": (True, False)}[args.weather]:
            if not weather or zone in WEATHER_ZONES:
                yield zone, weather


def build(name: str, zone: str, folder: Path) -> Forecaster | None:
    """Return a forecaster by name or file; None for published forecasts that the zone does not have."""
    if name == CARBONCAST:
        is_known = (folder / "carboncast_forecasts_2021h2.parquet").is_file() and zone in WEATHER_ZONES
        return PublishedForecasts(folder, zone) if is_known else None
    if name == FOUNDATION:
        return FoundationForecasts()
    if name == "auto":
        return create_forecaster("online-ensemble")
    return load_forecaster(Path(name)) if name.endswith(".json") else create_forecaster(name)


def show(figures: Figures) -> None:
    """Print one line of the table."""
    pinball, in_80, in_95 = (figures[key] for key in ("pinball_g_per_kwh", "in_80_pct", "in_95_pct"))
    cells = [
        f"{figures['zone']:7}",
        f"{'yes' if figures['weather'] else 'no':4}",
        f"{figures['forecaster']:16}",
        f"{figures['mape_pct']:6.2f}",
        "     -" if pinball is None else f"{pinball:6.2f}",
        "    -" if in_80 is None else f"{in_80:5.1f}",
        "    -" if in_95 is None else f"{in_95:5.1f}",
        f"{100 * figures['kept_share_mean']:6.1f}",
        *(f"{100 * job['kept_share'][0]:6.1f}" for job in figures["jobs"].values()),
    ]
    print(" ".join(cells), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--grid", type=Path, required=True, help="folder of the public tables")
    parser.add_argument("--zones", nargs="+", default=ZONES)
    parser.add_argument("--forecasters", nargs="+", default=FORECASTERS)
    parser.add_argument(
        "--weather", choices=("yes", "no", "both"), default="both", help="with weather where it is known"
    )
    parser.add_argument("--first", type=parse_time, default=FIRST)
    parser.add_argument("--last", type=parse_time, default=LAST)
    parser.add_argument("--replan", type=float, default=6.0, help="hours between two forecasts")
    parser.add_argument("--hindsight", action="store_true", help="what the members could keep at best")
    parser.add_argument("--quick", action="store_true", help="one zone, three weeks, without weather")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    args = parser.parse_args()
    if args.quick:
        args.zones, args.weather, args.last = args.zones[:1], "no", args.first + timedelta(days=21)
    if args.hindsight:
        show_hindsight(args)
        return
    names = [f"{hours}/{window}" for window in WINDOWS_H for hours in JOBS_H if hours <= window]
    head = f"{'zone':7} {'wx':4} {'forecaster':16} {'MAPE':>6} {'pinb.':>6} {'in 80':>5} {'in 95':>5} {'kept %':>6} "
    print(head + " ".join(f"{name:>6}" for name in names))
    rows = []
    for zone, weather in zone_cases(args):
        history = history_of(args.grid, zone, weather=weather)
        for name in args.forecasters:
            forecaster = build(name, zone, args.grid)
            if forecaster is None or (weather and name in ("persistence", "seasonal-naive", "damped-profile")):
                continue
            if name == CARBONCAST and not weather:  # its forecasts use the weather
                continue
            figures = judge(forecaster, history, (args.first, args.last), args.replan, args.seed)
            rows.append({**figures, "forecaster": name, "weather": weather})
            show(rows[-1])
            if args.json:
                args.json.write_text(json.dumps({"replan_h": args.replan, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
