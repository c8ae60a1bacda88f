"""Write the statistics behind the built-in synthetic zones: ``python scripts/calibrate_zones.py --data DIR``.

DIR holds two public tables as Parquet: ``carboncast_2020_2021.parquet`` (CarbonCast, Apache-2.0) and
``electricity_maps_2021_2024.parquet`` (Electricity Maps, ODbL), hourly, UTC, g CO2eq/kWh, with the columns ``zone``,
``time``, ``carbon_intensity_lifecycle``. Only means, deviations, quantiles and correlations are stored, no row of
either. The years of a zone are first scaled to one level, so that a trend over the years is not part of the residual.
With ``--check`` nothing is written; the stored zones are compared with the real ones instead.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import nnls
from scipy.special import ndtr

from ce_nas.core.errors import TraceError
from ce_nas.grid.readers import read_trace
from ce_nas.grid.synthetic import PADDING_DAYS, AutoregressiveComponent, autocorrelation, synthetic_trace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.grid.trace import GridTrace

OUTPUT = Path(__file__).parents[1] / "src" / "ce_nas" / "grid" / "zones.json"
CARBONCAST = "carboncast_2020_2021.parquet"
ELECTRICITY_MAPS = "electricity_maps_2021_2024.parquet"
DATASETS = {
    CARBONCAST: "CarbonCast 2020-2021 (Apache-2.0)",
    ELECTRICITY_MAPS: "Electricity Maps 2021-2024 (ODbL)",
}

#: standard normal deviates at which the residuals' quantiles are stored
DEVIATES = np.arange(-3.5, 3.51, 0.25)
#: lags, in hours, over which the residual's autocorrelation is fitted
LAGS = np.arange(1, 15 * 24 + 1)
#: candidate components of the residual: memory in hours, period in hours or 0, and whether it is smooth
COMPONENTS = (
    [(memory, 0.0, False) for memory in (1.5, 5.0, 12.0, 36.0, 110.0, 400.0, 1500.0)]
    + [(memory, 0.0, True) for memory in (1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0)]
    + [(memory, period, False) for memory in (18.0, 60.0, 250.0, 1500.0) for period in (24.0, 12.0)]
)
HOURS, HOURS_PER_WEEK = 24, 168


@dataclass(frozen=True)
class CalibratedZone:
    """A built-in zone, and the real zone of its statistics."""

    name: str
    file: str
    source_zone: str
    utc_offset_h: float
    description: str


ZONES = (
    CalibratedZone("coal", CARBONCAST, "PL", 1, "mostly coal: dirty at all hours, cleaner when the wind blows"),
    CalibratedZone("coal-flat", ELECTRICITY_MAPS, "IN-WE", 5.5, "coal with some sun: dirty, and hardly moving"),
    CalibratedZone("coal-solar", ELECTRICITY_MAPS, "AU-NSW", 10, "coal at night, sun by day: dirty, with a deep noon"),
    CalibratedZone("gas", ELECTRICITY_MAPS, "SG", 8, "nearly all gas: flat, so that waiting gains next to nothing"),
    CalibratedZone("gas-nuclear", CARBONCAST, "ISNE", -5, "gas over a nuclear base: follows the demand of the day"),
    CalibratedZone("hydro", CARBONCAST, "BPAT", -8, "mostly water: clean, moving with the seasons of the rivers"),
    CalibratedZone("hydro-nuclear", CARBONCAST, "SE", 1, "water and nuclear: very clean, small moves"),
    CalibratedZone("imports", ELECTRICITY_MAPS, "JP-TK", 9, "gas and coal from overseas, a noon of sun"),
    CalibratedZone(
        "mixed", ELECTRICITY_MAPS, "US-MIDA-PJM", -5, "gas, coal and nuclear: a middling level and slow moves"
    ),
    CalibratedZone(
        "nuclear", ELECTRICITY_MAPS, "CA-ON", -5, "nuclear and water, gas at the peaks: clean, rising in steps"
    ),
    CalibratedZone(
        "solar", ELECTRICITY_MAPS, "US-CAL-CISO", -8, "much sun over gas: the duck curve, clean noons, dirty evenings"
    ),
    CalibratedZone("wind", ELECTRICITY_MAPS, "DE-LU", 1, "wind and sun over coal: swings by days with the weather"),
    CalibratedZone(
        "windy-gas", ELECTRICITY_MAPS, "US-TEX-ERCO", -6, "wind, sun and gas: clean windy nights, wide swings"
    ),
)


def main() -> None:
    """Calibrate every zone, or compare the stored statistics with the real ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the two tables")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the file to write")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args()
    if arguments.check:
        print_comparison(arguments.data)
        return
    stored = {
        "provenance": "Written by: python scripts/calibrate_zones.py --data DIR. Life-cycle average intensity, "
        "g CO2eq/kWh, hourly, UTC; each zone names its data set. Statistics only, no rows.",
        "deviates": DEVIATES.tolist(),
        "zones": {zone.name: calibrate(zone, arguments.data) for zone in ZONES},
    }
    arguments.output.write_text(format_json(stored), encoding="utf-8")
    print(f"{arguments.output}: {len(ZONES)} zones, {arguments.output.stat().st_size} bytes")


def calibrate(zone: CalibratedZone, data: Path) -> dict[str, Any]:
    """Compute the statistics of one zone, as stored."""
    trace = read_trace(data / zone.file, zone=zone.source_zone)
    real = remove_yearly_trend(trace)
    local = real.index + pd.Timedelta(hours=round(zone.utc_offset_h))
    is_weekend = np.asarray(local.day_of_week >= 5)
    profile, weekend = profile_and_weekend(real, is_weekend)
    residual = real.to_numpy() - expand(profile, real.index) - np.where(is_weekend, weekend[real.index.hour], 0.0)
    scale = month_by_hour(pd.Series(residual**2, real.index)) ** 0.5
    standard = residual / expand(scale, real.index)
    quantiles = np.quantile(standard, ndtr(DEVIATES))
    normal = np.interp(standard, quantiles, DEVIATES)
    return {
        "description": zone.description,
        "source": f"{DATASETS[zone.file]}, zone {zone.source_zone}, life-cycle",
        "mean": round_numbers(real.mean()),
        "lowest": round_numbers(trace.g_per_kwh.min()),
        "highest": round_numbers(trace.g_per_kwh.max()),
        "utc_offset_h": zone.utc_offset_h,
        "weekend": round_numbers(weekend),
        "residuals": round_numbers(quantiles),
        "parts": fit_components(normal),
        "profile": round_numbers(profile),
        "scale": round_numbers(scale),
    }


def remove_yearly_trend(trace: GridTrace) -> pd.Series:
    """The hours of a trace without gaps, with each year scaled to the mean of all years."""
    index = pd.date_range(trace.start, periods=len(trace.series), freq="h")
    real = pd.Series(np.asarray(trace.g_per_kwh), index)
    return real * real.mean() / real.groupby(index.year).transform("mean")


def profile_and_weekend(real: pd.Series, is_weekend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of working days by month and hour, and the difference of weekends by hour."""
    working = month_by_hour(real[~is_weekend])
    over = real[is_weekend].to_numpy() - expand(working, real.index[is_weekend])
    return working, pd.Series(over).groupby(real.index[is_weekend].hour).mean().to_numpy()


def month_by_hour(values: pd.Series) -> np.ndarray:
    """Means, shape ``(12, 24)``."""
    return values.groupby([values.index.month, values.index.hour]).mean().to_numpy().reshape(-1, HOURS)


def expand(table: np.ndarray, index: pd.DatetimeIndex) -> np.ndarray:
    """The value of a table of months and hours at each time."""
    return table[index.month - 1, index.hour]


def fit_components(normal: np.ndarray) -> list[list[float]]:
    """Fit autoregressive components whose autocorrelations add up to that of ``normal``; the fields of each."""
    centred = normal - normal.mean()
    real = np.array([centred[lag:] @ centred[:-lag] for lag in LAGS]) / (centred @ centred)
    basis = np.column_stack([autocorrelation(AutoregressiveComponent(1.0, *part), LAGS) for part in COMPONENTS])
    weight = 1.0 + 8.0 / LAGS**0.5 + np.where(LAGS % HOURS == 0, 4.0, 0.0)
    sum_to_one = 100.0
    shares, _ = nnls(
        np.vstack([basis * weight[:, None], sum_to_one * np.ones(len(COMPONENTS))]),
        np.append(real * weight, sum_to_one),
    )
    shares = np.where(shares < 0.004, 0.0, shares)
    shares /= shares.sum()
    return [
        [round_numbers(share), memory, period, smooth]
        for share, (memory, period, smooth) in zip(shares, COMPONENTS, strict=True)
        if share
    ]


def round_numbers(values: Any) -> Any:  # noqa: ANN401 - numbers of any shape
    """Round to four significant digits, as plain numbers."""
    if isinstance(values, np.ndarray):
        return [round_numbers(value) for value in values]
    return float(f"{float(values):.4g}")


def format_json(stored: dict[str, Any]) -> str:
    """Format as JSON with one line per field of a zone, small and easy to diff."""
    zones = ",\n".join(
        f'"{name}": {{\n' + ",\n".join(f'"{key}": {format_compact(value)}' for key, value in fields.items()) + "\n}"
        for name, fields in stored["zones"].items()
    )
    head = ",\n".join(f'"{key}": {format_compact(stored[key])}' for key in ("provenance", "deviates"))
    return f'{{\n{head},\n"zones": {{\n{zones}\n}}\n}}\n'


def format_compact(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Format a value as compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def print_comparison(data: Path) -> None:
    """Print the real and the synthetic statistics of each zone (mean over years, mean over seeds)."""
    print(f"{'zone':14}{'':10}{'mean':>8}{'std':>8}{'range':>8}{'r1':>7}{'r24':>7}{'r168':>7}{'min':>8}{'max':>8}")
    for zone in ZONES:
        real = remove_yearly_trend(read_trace(data / zone.file, zone=zone.source_zone))
        print_row(zone.name, "real", [year.to_numpy() for _, year in real.groupby(real.index.year)])
        print_row("", "synthetic", list(synthetic_years(zone.name)))


def synthetic_years(zone: str) -> Iterator[np.ndarray]:
    """Twenty synthetic years without their padding."""
    for seed in range(20):
        yield synthetic_trace(zone, seed=seed).g_per_kwh[PADDING_DAYS * HOURS : -PADDING_DAYS * HOURS]


def print_row(name: str, kind: str, years: list[np.ndarray]) -> None:
    """Print one row of the table."""
    mean, std, daily, *correlations = np.mean([astuple(compute_trace_statistics(year)) for year in years], axis=0)
    ends = np.array([[year.min(), year.max()] for year in years])
    print(
        f"{name:14}{kind:10}{mean:8.1f}{std:8.2f}{daily:8.2f}"
        + "".join(f"{value:7.3f}" for value in correlations)
        + f"{ends[:, 0].min():8.1f}{ends[:, 1].max():8.1f}"
    )


@dataclass(frozen=True, slots=True)
class TraceStatistics:
    """Level, spread and autocorrelation of an hourly series."""

    mean_g_per_kwh: float
    std_g_per_kwh: float
    #: mean over the days of the maximum minus the minimum
    daily_range_g_per_kwh: float
    #: at lags of an hour, a day and a week
    autocorrelation_1h: float
    autocorrelation_24h: float
    autocorrelation_168h: float


def compute_trace_statistics(hourly_g_per_kwh: np.ndarray) -> TraceStatistics:
    """Return the statistics of an hourly series without gaps, ``(hours,)``; an incomplete last day is left out.

    :raises TraceError: if it is shorter than two weeks or has a gap.
    """
    values = hourly_g_per_kwh[: len(hourly_g_per_kwh) // HOURS * HOURS]
    if len(values) < 2 * HOURS_PER_WEEK or np.isnan(values).any():
        message = f"Expected at least {2 * HOURS_PER_WEEK} hours without a gap, got {len(values)}; use a longer series."
        raise TraceError(message)
    return TraceStatistics(
        mean_g_per_kwh=float(values.mean()),
        std_g_per_kwh=float(values.std()),
        daily_range_g_per_kwh=float(np.ptp(values.reshape(-1, HOURS), axis=1).mean()),
        autocorrelation_1h=_autocorrelation(values, 1),
        autocorrelation_24h=_autocorrelation(values, HOURS),
        autocorrelation_168h=_autocorrelation(values, HOURS_PER_WEEK),
    )


def _autocorrelation(values: np.ndarray, lag: int) -> float:
    """Return the autocorrelation at ``lag``; 1 of a constant series."""
    centred = values - values.mean()
    energy = float(centred @ centred)
    return float(centred[lag:] @ centred[:-lag]) / energy if energy else 1.0


if __name__ == "__main__":
    main()
