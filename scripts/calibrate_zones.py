"""Write the statistics behind the built-in synthetic zones: ``python scripts/calibrate_zones.py --data DIR``.

DIR holds two public tables as Parquet: ``carboncast_2020_2021.parquet`` (CarbonCast, Apache-2.0) and
``electricity_maps_2021_2024.parquet`` (Electricity Maps, ODbL), hourly, UTC, g CO2eq/kWh, with the columns ``zone``,
``time``, ``carbon_intensity_lifecycle``. Only means, deviations, quantiles and correlations are stored, no row of
either. The years of a zone are first brought to one level, so that a trend over the years is no residual.
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

from ce_nas.grid.calibration import shape_of
from ce_nas.grid.readers import read_trace
from ce_nas.grid.synthetic import DAYS_AROUND, Part, correlations, synthetic_trace

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
#: what the residual may be made of: memory in hours, the period in which it turns or 0, and whether it is smooth
PARTS = (
    [(memory, 0.0, False) for memory in (1.5, 5.0, 12.0, 36.0, 110.0, 400.0, 1500.0)]
    + [(memory, 0.0, True) for memory in (1.5, 3.0, 6.0, 12.0, 24.0, 48.0, 96.0)]
    + [(memory, period, False) for memory in (18.0, 60.0, 250.0, 1500.0) for period in (24.0, 12.0)]
)
HOURS = 24


@dataclass(frozen=True)
class Shaped:
    """A built-in zone, and the real one whose statistics it has."""

    name: str
    file: str
    zone: str
    utc_offset_h: float
    description: str


SHAPES = (
    Shaped("coal", CARBONCAST, "PL", 1, "mostly coal: dirty at all hours, cleaner when the wind blows"),
    Shaped("coal-flat", ELECTRICITY_MAPS, "IN-WE", 5.5, "coal with some sun: dirty, and hardly moving"),
    Shaped("coal-solar", ELECTRICITY_MAPS, "AU-NSW", 10, "coal at night, sun by day: dirty, with a deep noon"),
    Shaped("gas", ELECTRICITY_MAPS, "SG", 8, "nearly all gas: flat, so that waiting gains next to nothing"),
    Shaped("gas-nuclear", CARBONCAST, "ISNE", -5, "gas over a nuclear base: follows the demand of the day"),
    Shaped("hydro", CARBONCAST, "BPAT", -8, "mostly water: clean, moving with the seasons of the rivers"),
    Shaped("hydro-nuclear", CARBONCAST, "SE", 1, "water and nuclear: very clean, small moves"),
    Shaped("imports", ELECTRICITY_MAPS, "JP-TK", 9, "gas and coal from overseas, a noon of sun"),
    Shaped("mixed", ELECTRICITY_MAPS, "US-MIDA-PJM", -5, "gas, coal and nuclear: a middling level and slow moves"),
    Shaped("nuclear", ELECTRICITY_MAPS, "CA-ON", -5, "nuclear and water, gas at the peaks: clean, rising in steps"),
    Shaped(
        "solar", ELECTRICITY_MAPS, "US-CAL-CISO", -8, "much sun over gas: the duck curve, clean noons, dirty evenings"
    ),
    Shaped("wind", ELECTRICITY_MAPS, "DE-LU", 1, "wind and sun over coal: swings by days with the weather"),
    Shaped("windy-gas", ELECTRICITY_MAPS, "US-TEX-ERCO", -6, "wind, sun and gas: clean windy nights, wide swings"),
)


def main() -> None:
    """Calibrate every zone, or compare what is stored with what is real."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the two tables")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="the file to write")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    chosen = parser.parse_args()
    if chosen.check:
        check(chosen.data)
        return
    stored = {
        "provenance": "Written by: python scripts/calibrate_zones.py --data DIR. Life-cycle average intensity, "
        "g CO2eq/kWh, hourly, UTC; each zone names its data set. Statistics only, no rows.",
        "deviates": DEVIATES.tolist(),
        "zones": {shaped.name: calibrated(shaped, chosen.data) for shaped in SHAPES},
    }
    chosen.output.write_text(as_text(stored), encoding="utf-8")
    print(f"{chosen.output}: {len(SHAPES)} zones, {chosen.output.stat().st_size} bytes")


def calibrated(shaped: Shaped, data: Path) -> dict[str, Any]:
    """The statistics of one zone, as stored."""
    trace = read_trace(data / shaped.file, zone=shaped.zone)
    real = levelled(trace)
    local = real.index + pd.Timedelta(hours=round(shaped.utc_offset_h))
    is_weekend = np.asarray(local.day_of_week >= 5)
    profile, weekend = profile_and_weekend(real, is_weekend)
    residual = real.to_numpy() - spread(profile, real.index) - np.where(is_weekend, weekend[real.index.hour], 0.0)
    scale = month_by_hour(pd.Series(residual**2, real.index)) ** 0.5
    standard = residual / spread(scale, real.index)
    quantiles = np.quantile(standard, ndtr(DEVIATES))
    normal = np.interp(standard, quantiles, DEVIATES)
    return {
        "description": shaped.description,
        "source": f"{DATASETS[shaped.file]}, zone {shaped.zone}, life-cycle",
        "mean": short(real.mean()),
        "lowest": short(trace.g_per_kwh.min()),
        "highest": short(trace.g_per_kwh.max()),
        "utc_offset_h": shaped.utc_offset_h,
        "weekend": short(weekend),
        "residuals": short(quantiles),
        "parts": parts(normal),
        "profile": short(profile),
        "scale": short(scale),
    }


def levelled(trace: GridTrace) -> pd.Series:
    """The hours of a trace without gaps, each year brought to the mean of all."""
    index = pd.date_range(trace.start, periods=len(trace.series), freq="h")
    real = pd.Series(np.asarray(trace.g_per_kwh), index)
    return real * real.mean() / real.groupby(index.year).transform("mean")


def profile_and_weekend(real: pd.Series, is_weekend: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of working days by month and hour, and what weekends add by hour."""
    working = month_by_hour(real[~is_weekend])
    over = real[is_weekend].to_numpy() - spread(working, real.index[is_weekend])
    return working, pd.Series(over).groupby(real.index[is_weekend].hour).mean().to_numpy()


def month_by_hour(values: pd.Series) -> np.ndarray:
    """Means, shape ``(12, 24)``."""
    return values.groupby([values.index.month, values.index.hour]).mean().to_numpy().reshape(-1, HOURS)


def spread(table: np.ndarray, index: pd.DatetimeIndex) -> np.ndarray:
    """A table of months and hours at each time."""
    return table[index.month - 1, index.hour]


def parts(normal: np.ndarray) -> list[list[float]]:
    """The autoregressions whose autocorrelations add up to that of ``normal``: the fields of a Part each."""
    centred = normal - normal.mean()
    real = np.array([centred[lag:] @ centred[:-lag] for lag in LAGS]) / (centred @ centred)
    basis = np.column_stack([correlations(Part(1.0, *part), LAGS) for part in PARTS])
    weight = 1.0 + 8.0 / LAGS**0.5 + np.where(LAGS % HOURS == 0, 4.0, 0.0)
    sum_to_one = 100.0
    shares, _ = nnls(
        np.vstack([basis * weight[:, None], sum_to_one * np.ones(len(PARTS))]), np.append(real * weight, sum_to_one)
    )
    shares = np.where(shares < 0.004, 0.0, shares)
    shares /= shares.sum()
    return [
        [short(share), memory, period, smooth]
        for share, (memory, period, smooth) in zip(shares, PARTS, strict=True)
        if share
    ]


def short(values: Any) -> Any:  # noqa: ANN401 - numbers of any shape
    """Four significant digits, as plain numbers."""
    if isinstance(values, np.ndarray):
        return [short(value) for value in values]
    return float(f"{float(values):.4g}")


def as_text(stored: dict[str, Any]) -> str:
    """JSON with a line a field of a zone, small and fit to be compared."""
    zones = ",\n".join(
        f'"{name}": {{\n' + ",\n".join(f'"{key}": {compact(value)}' for key, value in fields.items()) + "\n}"
        for name, fields in stored["zones"].items()
    )
    head = ",\n".join(f'"{key}": {compact(stored[key])}' for key in ("provenance", "deviates"))
    return f'{{\n{head},\n"zones": {{\n{zones}\n}}\n}}\n'


def compact(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """The shortest JSON of a value."""
    return json.dumps(value, separators=(",", ":"))


def check(data: Path) -> None:
    """Print the real shape of each zone beside the synthetic one (mean over years, mean over seeds)."""
    print(f"{'zone':14}{'':6}{'mean':>8}{'std':>8}{'range':>8}{'r1':>7}{'r24':>7}{'r168':>7}{'min':>8}{'max':>8}")
    for shaped in SHAPES:
        real = levelled(read_trace(data / shaped.file, zone=shaped.zone))
        line(shaped.name, "real", [year.to_numpy() for _, year in real.groupby(real.index.year)])
        line("", "made", list(made(shaped.name)))


def made(zone: str) -> Iterator[np.ndarray]:
    """Twenty synthetic years without the weeks around them."""
    for seed in range(20):
        yield synthetic_trace(zone, seed=seed).g_per_kwh[DAYS_AROUND * HOURS : -DAYS_AROUND * HOURS]


def line(name: str, kind: str, years: list[np.ndarray]) -> None:
    """One line of the table."""
    mean, std, daily, *correlations = np.mean([astuple(shape_of(year)) for year in years], axis=0)
    ends = np.array([[year.min(), year.max()] for year in years])
    print(
        f"{name:14}{kind:6}{mean:8.1f}{std:8.2f}{daily:8.2f}"
        + "".join(f"{value:7.3f}" for value in correlations)
        + f"{ends[:, 0].min():8.1f}{ends[:, 1].max():8.1f}"
    )


if __name__ == "__main__":
    main()
