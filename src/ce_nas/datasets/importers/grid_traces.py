"""Import grid traces into one file per zone, with life-cycle and direct intensity and the generation mix.

Layouts
    Electricity Maps' portal: a CSV per zone and year, with ``Datetime (UTC)``, ``Zone id``, ``Carbon intensity
    gCO2eq/kWh (direct)`` and ``(Life cycle)`` or ``(LCA)``; similar tables, too. CarbonCast: ``UTC time``,
    ``carbon_intensity``, with the zone and the factors in the file's name, ``CISO_lifecycle_emissions.csv``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import TraceError
from ce_nas.core.formatting import format_duration
from ce_nas.datasets.importers.base import ConvertedFile, TraceLayout
from ce_nas.grid.readers import list_factors, list_zones, read_trace
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from ce_nas.grid.trace import GridTrace

__all__ = ["convert_files", "zone_file_name"]

_CARBONCAST_FILE_PATTERN = re.compile(r"(?P<zone>[A-Za-z0-9-]+)_(?P<factors>lifecycle|direct)_emissions\.csv")
#: columns of a stored file, by names that the trace reader accepts
INTENSITY_COLUMNS = {
    EmissionFactorType.LIFECYCLE: "carbon_intensity_lifecycle",
    EmissionFactorType.DIRECT: "carbon_intensity_direct",
}


@dataclass(frozen=True, slots=True)
class _FileSeries:
    """One series of one file."""

    file: Path
    trace: GridTrace


def zone_file_name(zone: str) -> str:
    """The file of a zone."""
    return f"{zone}.parquet"


def convert_files(files: Sequence[Path], layout: TraceLayout | None = None) -> list[ConvertedFile]:
    """One file per zone, merged from all files that contain it.

    :param layout: what the user states of the files.
    :raises TraceError: if a file has no intensities, or two of them contradict each other.
    """
    zones: dict[str, list[_FileSeries]] = defaultdict(list)
    for file in files:
        for series in _read_series(file, layout or TraceLayout()):
            zones[series.trace.zone].append(series)
    return [_convert_zone(zone, file_series) for zone, file_series in zones.items()]


def _read_series(file: Path, layout: TraceLayout) -> Iterator[_FileSeries]:
    if match := _CARBONCAST_FILE_PATTERN.fullmatch(file.name):
        factors, zone = EmissionFactorType(match["factors"]), match["zone"]
        yield _FileSeries(file, read_trace(file, zone=zone, factors=factors, signal=Signal.AVERAGE, **layout.reading))
        return
    known_factors = [] if layout.factors or layout.intensity_column else list_factors(file)
    wanted: list[EmissionFactorType | None] = [kind for kind in INTENSITY_COLUMNS if kind in known_factors]
    wanted = wanted or [layout.factors]
    for zone in [layout.zone] if layout.zone else list_zones(file):
        for kind in wanted:
            trace = read_trace(file, zone=zone, factors=kind, **layout.reading)
            if trace.factors not in INTENSITY_COLUMNS:
                message = (
                    f"Expected life-cycle or direct intensities in {file.name}, but it does not say which; state "
                    "--factors lifecycle or --factors direct."
                )
                raise TraceError(message)
            yield _FileSeries(file, trace)


def _convert_zone(zone: str, file_series: Sequence[_FileSeries]) -> ConvertedFile:
    import pandas as pd

    _check_zone(zone, file_series[0].file)
    series = {name: _merge_intensities(zone, factors, file_series) for factors, name in INTENSITY_COLUMNS.items()}
    columns = {name: values for name, values in series.items() if values is not None}
    frame = pd.DataFrame(columns).sort_index()
    missing = int(frame.isna().any(axis=1).sum())
    frame = frame.join(_merge_mixes(file_series))
    notes = [f"{missing:,} of {len(frame):,} steps lack a value; they remain gaps."] if missing else []
    if len(steps := sorted({each.trace.step_s for each in file_series})) > 1:
        notes.append(f"The files have steps of {', '.join(map(format_duration, steps))}: each value holds for its own.")
    frame = frame.rename_axis("time").reset_index()
    frame.insert(0, "zone", zone)
    source_files = tuple(dict.fromkeys(each.file for each in file_series))
    return ConvertedFile(zone_file_name(zone), frame, len(frame), source_files, tuple(notes))


def _check_zone(zone: str, file: Path) -> None:
    """Check that a zone is a valid file name inside the folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", zone):
        message = f"Expected a zone such as US-CAL-CISO in {file.name}, got {zone!r}."
        raise TraceError(message)


def _merge_intensities(
    zone: str, factors: EmissionFactorType, file_series: Sequence[_FileSeries]
) -> pd.Series[float] | None:
    """All values with these emission factors, by time, NaN where one is missing; None if there are none.

    Where files have different steps, each value holds on the shortest for its own step.

    :raises TraceError: if two files have different values for the same zone and time.
    """
    import pandas as pd

    matching = [each for each in file_series if each.trace.factors is factors]
    if not matching:
        return None
    step_s = _common_step_s(file_series)
    merged = pd.concat([_to_series(each.trace, step_s) for each in matching])
    known = merged[merged.notna()]
    repeated = known[known.index.duplicated(keep=False)].groupby(level=0)
    contradicted = repeated.nunique()
    if (contradicted > 1).any():
        moment = contradicted[contradicted > 1].index[0]
        message = f"Expected one value a time for zone {zone}, but the files contradict each other at {moment}."
        raise TraceError(message)
    return merged.groupby(level=0).first()


def _merge_mixes(file_series: Sequence[_FileSeries]) -> pd.DataFrame:
    """The generation mix, MW, by time; without columns if no file has one."""
    import pandas as pd

    step_s = _common_step_s(file_series)
    mixes = [
        pd.DataFrame({name: _hold(values, each.trace, step_s) for name, values in each.trace.mix_mw.items()},
                     index=_timestamps(each.trace, step_s))
        for each in file_series
    ]  # fmt: skip
    return pd.concat(mixes).groupby(level=0).first()


def _common_step_s(file_series: Sequence[_FileSeries]) -> float:
    """The longest step of which every file's step is a multiple."""
    return float(np.gcd.reduce([round(each.trace.step_s) for each in file_series]))


def _to_series(trace: GridTrace, step_s: float) -> pd.Series[float]:
    import pandas as pd

    values = np.asarray(trace.g_per_kwh, dtype=float)
    return pd.Series(_hold(values, trace, step_s), index=_timestamps(trace, step_s))


def _hold(values: np.ndarray, trace: GridTrace, step_s: float) -> np.ndarray:
    """Each value as often as the common step is in its own."""
    return np.repeat(values, round(trace.step_s / step_s))


def _timestamps(trace: GridTrace, step_s: float) -> pd.DatetimeIndex:
    import pandas as pd

    steps = len(trace.g_per_kwh) * round(trace.step_s / step_s)
    return pd.date_range(trace.start, periods=steps, freq=pd.Timedelta(seconds=step_s))
