"""Grid traces as their makers hand them out, kept as a file a zone: life-cycle, direct and the mix beside each other.

Layouts
    Electricity Maps' portal: a CSV a zone and year, with ``Datetime (UTC)``, ``Zone id``, ``Carbon intensity
    gCO2eq/kWh (direct)`` and ``(Life cycle)`` or ``(LCA)``; tables after theirs too. CarbonCast: ``UTC time``,
    ``carbon_intensity``, with the zone and the factors in the file's name, ``CISO_lifecycle_emissions.csv``.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import TraceError
from ce_nas.datasets.importers.base import Piece
from ce_nas.grid.readers import factors_in, read_trace, zones_in
from ce_nas.grid.trace import Factors, Signal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd

    from ce_nas.grid.trace import GridTrace

__all__ = ["read", "zone_file"]

_CARBONCAST = re.compile(r"(?P<zone>[A-Za-z0-9-]+)_(?P<factors>lifecycle|direct)_emissions\.csv")
#: columns of a kept file, under names that the reader of traces knows
COLUMNS = {Factors.LIFECYCLE: "carbon_intensity_lifecycle", Factors.DIRECT: "carbon_intensity_direct"}


@dataclass(frozen=True, slots=True)
class _Part:
    """One series of one file."""

    file: Path
    trace: GridTrace


def zone_file(zone: str) -> str:
    """The file of a zone."""
    return f"{zone}.parquet"


def read(files: Sequence[Path]) -> list[Piece]:
    """A piece a zone, of all that the files hold of it.

    :raises TraceError: if a file holds no intensities, or two of them contradict each other.
    """
    zones: dict[str, list[_Part]] = defaultdict(list)
    for file in files:
        for part in _parts(file):
            zones[part.trace.zone].append(part)
    return [_piece(zone, parts) for zone, parts in zones.items()]


def _parts(file: Path) -> Iterator[_Part]:
    if named := _CARBONCAST.fullmatch(file.name):
        kind, zone = Factors(named["factors"]), named["zone"]
        yield _Part(file, read_trace(file, zone=zone, factors=kind, signal=Signal.AVERAGE))
        return
    said = factors_in(file)
    stated = [kind for kind in COLUMNS if kind in said]
    if not stated:
        message = (
            f"Expected columns of life-cycle or direct intensities in {file.name}, found none that says which; use it "
            "as it is with --trace and --factors."
        )
        raise TraceError(message)
    for zone in zones_in(file):
        for kind in stated:
            yield _Part(file, read_trace(file, zone=zone, factors=kind))


def _piece(zone: str, parts: Sequence[_Part]) -> Piece:
    import pandas as pd

    _check_zone(zone, parts[0].file)
    series = {COLUMNS[kind]: _joined(zone, kind, parts) for kind in COLUMNS}
    columns = {name: found for name, found in series.items() if found is not None}
    frame = pd.DataFrame(columns).sort_index()
    missing = int(frame.isna().any(axis=1).sum())
    frame = frame.join(_mix(parts))
    notes = (f"{missing:,} of {len(frame):,} steps lack a value; they stay gaps.",) if missing else ()
    frame = frame.rename_axis("time").reset_index()
    frame.insert(0, "zone", zone)
    return Piece(zone_file(zone), frame, len(frame), tuple(dict.fromkeys(part.file for part in parts)), notes)


def _check_zone(zone: str, file: Path) -> None:
    """A zone names a file, and must not lead out of the folder."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", zone):
        message = f"Expected a zone such as US-CAL-CISO in {file.name}, got {zone!r}."
        raise TraceError(message)


def _joined(zone: str, kind: Factors, parts: Sequence[_Part]) -> pd.Series[float] | None:
    """All values of that kind, by their time, NaN where one is missing; None if there are none.

    :raises TraceError: if two files have different values, or steps, for the same zone.
    """
    import pandas as pd

    mine = [part for part in parts if part.trace.factors is kind]
    if not mine:
        return None
    if len({part.trace.step_s for part in mine}) > 1:
        steps = ", ".join(f"{part.trace.step_s:g} s in {part.file.name}" for part in mine)
        message = f"Expected one step for zone {zone}, got {steps}; import them apart."
        raise TraceError(message)
    pieces = [_series(part.trace) for part in mine]
    whole = pd.concat(pieces)
    known = whole[whole.notna()]
    repeated = known[known.index.duplicated(keep=False)].groupby(level=0)
    contradicted = repeated.nunique()
    if (contradicted > 1).any():
        moment = contradicted[contradicted > 1].index[0]
        message = f"Expected one value a time for zone {zone}, but the files contradict each other at {moment}."
        raise TraceError(message)
    return whole.groupby(level=0).first()


def _mix(parts: Sequence[_Part]) -> pd.DataFrame:
    """The generation mix, MW, by time; without columns where no file has one."""
    import pandas as pd

    pieces = [pd.DataFrame(dict(part.trace.mix_mw), index=_times(part.trace)) for part in parts]
    return pd.concat(pieces).groupby(level=0).first()


def _series(trace: GridTrace) -> pd.Series[float]:
    import pandas as pd

    return pd.Series(np.asarray(trace.g_per_kwh, dtype=float), index=_times(trace))


def _times(trace: GridTrace) -> pd.DatetimeIndex:
    import pandas as pd

    step = pd.Timedelta(seconds=trace.step_s)
    return pd.date_range(trace.start, periods=len(trace.g_per_kwh), freq=step)
