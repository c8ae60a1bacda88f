"""The regret of forecasts: the emissions of a job scheduled by each forecaster over a year of 80-hour windows.

    python benchmarks/forecast_regret.py --grid FOLDER [--quick] [--json FILE] [--seed N] [--forecasters NAME ...]

In each of 109 consecutive windows of 2021, a job of 40 hours on 8 GPUs (3.6 kW from the grid) may pause at will: it is
scheduled by the forecast, again every hour with a new forecast every ``--replan`` hours, and its emissions are those of
the true intensity. ``regret`` is the difference to the best schedule, by window: the median and the mean, each with
the 95 % interval of a bootstrap over windows. ``kept`` is the share of the possible saving that was achieved. FOLDER
holds the public tables carboncast_2020_2021.parquet and weather_forecast_2019_2022.parquet.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_duration, format_time
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.forecast.history import RecordedHistory
from ce_nas.forecast.registry import create_forecaster, load_forecaster
from ce_nas.grid.readers import read_future_covariates, read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.forecast.base import Forecaster

ZONES = ("CISO", "DE", "ERCO", "PJM")
FORECASTERS = ("persistence", "seasonal-naive", "damped-profile", "adaptive")
FIRST, LAST = datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
#: how much later a value of the weather table holds than its time stamp
WEATHER_LATER_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class DeferrableJob:
    """A job that runs at any time of its window."""

    #: power from the grid: 8 GPUs with their share of a host at 287 W, PUE 1.56
    power_w: float = 8 * 287.0 * 1.56
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


def history_of(folder: Path, zone: str) -> RecordedHistory:
    """Return the record of a zone in 2020 and 2021, with its weather."""
    known = read_future_covariates(folder / "weather_forecast_2019_2022.parquet", zone, WEATHER_LATER_S)
    return RecordedHistory.from_trace(read_trace(folder / "carboncast_2020_2021.parquet", zone=zone), known)


def mean_interval(values: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Return the mean, and the 95 % percentile interval of its bootstrap."""
    rows = np.random.default_rng(seed).integers(len(values), size=(10_000, len(values)))
    low, high = np.quantile(values[rows].mean(axis=1), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def row(regret: ForecastRegret, seed: int) -> dict[str, Any]:
    """Return the figures of one forecaster on one zone."""
    median = bootstrap_median(regret.regret_g.tolist(), seed)
    return {
        "zone": regret.zone,
        "forecaster": regret.forecaster,
        "windows": len(regret.starts),
        "best_g": float(regret.optimal_g.mean()),
        "at_once_g": float(regret.immediate_g.mean()),
        "regret_g_median": [median.median, median.low, median.high],
        "regret_g_mean": list(mean_interval(regret.regret_g, seed)),
        "regret_pct_of_best": 100 * float(regret.regret_g.sum() / regret.optimal_g.sum()),
        "kept_share": regret.saved_share,
    }


def show(figures: dict[str, Any]) -> None:
    """Print one line of the table."""
    median, mean = ("{:.0f} [{:.0f}, {:.0f}]".format(*figures[key]) for key in ("regret_g_median", "regret_g_mean"))
    cells = (
        f"{figures['zone']:6}",
        f"{figures['forecaster']:24}",
        f"{figures['best_g']:>9,.0f}",
        f"{figures['at_once_g']:>9,.0f}",
        f"{median:>20}",
        f"{mean:>20}",
        f"{figures['regret_pct_of_best']:6.2f}",
        f"{100 * figures['kept_share']:6.1f}",
    )
    print(" ".join(cells), flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--grid", type=Path, required=True, help="folder of the public tables")
    parser.add_argument("--zones", nargs="+", default=ZONES)
    parser.add_argument("--forecasters", nargs="+", default=FORECASTERS)
    parser.add_argument("--replan", type=float, default=1.0, help="hours between two forecasts")
    parser.add_argument("--quick", action="store_true", help="one zone, one window in ten, no learning forecaster")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    args = parser.parse_args()
    zones, names = (args.zones[:1], args.forecasters[:3]) if args.quick else (args.zones, args.forecasters)
    job = DeferrableJob(replan_s=args.replan * HOUR_S)
    head = f"{'zone':6} {'forecaster':24} {'best, g':>9} {'at once':>9} {'regret, g, median':>20} {'mean':>20}"
    print(head, "% best kept %")
    rows = []
    for zone in zones:
        history = history_of(args.grid, zone)
        for name in names:
            forecaster: Forecaster = load_forecaster(Path(name)) if name.endswith(".json") else create_forecaster(name)
            starts = list(window_starts(FIRST, LAST, job.window_s))[:: 10 if args.quick else 1]
            rows.append(row(compute_regret(forecaster, history, job, iter(starts)), args.seed))
            show(rows[-1])
            if args.json:
                args.json.write_text(json.dumps({"replan_h": args.replan, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
