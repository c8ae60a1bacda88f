"""What the errors of forecasts cost: a job placed by each forecaster over a year of 80-hour windows, in grams.

    python benchmarks/forecast_regret.py --grid FOLDER [--quick] [--json FILE] [--seed N] [--forecasters NAME ...]

In each of 109 back-to-back windows of 2021 a job of 40 hours on 8 GPUs (3.6 kW from the grid) is placed by the
forecast, planned anew every hour and forecast anew every ``--replan`` hours, and priced by the truth. ``regret`` is
what it emitted more than the best placement, a window: the median and the mean, each with the 95 % interval of a
bootstrap over windows. ``kept`` is the share of what waiting could save that was saved. FOLDER holds the public tables
carboncast_2020_2021.parquet and weather_forecast_2019_2022.parquet.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.core.units import HOUR_S
from ce_nas.forecast.decision_regret import Job, Regret, regret, windows
from ce_nas.forecast.history import History
from ce_nas.forecast.registry import load, named
from ce_nas.grid.readers import read_known, read_trace

if TYPE_CHECKING:
    from ce_nas.forecast.base import Forecaster

ZONES = ("CISO", "DE", "ERCO", "PJM")
FORECASTERS = ("persistence", "seasonal-naive", "damped-profile", "adaptive")
FIRST, LAST = datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)
#: the weather table is stamped a day before the hours that it speaks of
WEATHER_LATER_S = 24 * HOUR_S


def history_of(folder: Path, zone: str) -> History:
    """A zone's record of 2020 and 2021, with its weather."""
    known = read_known(folder / "weather_forecast_2019_2022.parquet", zone, WEATHER_LATER_S)
    return History.of(read_trace(folder / "carboncast_2020_2021.parquet", zone=zone), known)


def mean_interval(values: np.ndarray, seed: int) -> tuple[float, float, float]:
    """The mean, and the 95 % percentile interval of its bootstrap."""
    rows = np.random.default_rng(seed).integers(len(values), size=(10_000, len(values)))
    low, high = np.quantile(values[rows].mean(axis=1), [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def row(found: Regret, seed: int) -> dict[str, Any]:
    """The figures of one forecaster on one zone."""
    median = bootstrap_median(found.regret_g.tolist(), seed)
    return {
        "zone": found.zone,
        "forecaster": found.forecaster,
        "windows": len(found.starts),
        "best_g": float(found.best_g.mean()),
        "at_once_g": float(found.at_once_g.mean()),
        "regret_g_median": [median.median, median.low, median.high],
        "regret_g_mean": list(mean_interval(found.regret_g, seed)),
        "regret_pct_of_best": 100 * float(found.regret_g.sum() / found.best_g.sum()),
        "kept_share": found.kept_share,
    }


def show(figures: dict[str, Any]) -> None:
    """One line of the table."""
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
    job = Job(replan_s=args.replan * HOUR_S)
    head = f"{'zone':6} {'forecaster':24} {'best, g':>9} {'at once':>9} {'regret, g, median':>20} {'mean':>20}"
    print(head, "% best kept %")
    rows = []
    for zone in zones:
        history = history_of(args.grid, zone)
        for name in names:
            forecaster: Forecaster = load(Path(name)) if name.endswith(".json") else named(name)
            starts = list(windows(FIRST, LAST, job.window_s))[:: 10 if args.quick else 1]
            rows.append(row(regret(forecaster, history, job, iter(starts)), args.seed))
            show(rows[-1])
            if args.json:
                args.json.write_text(json.dumps({"replan_h": args.replan, "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
