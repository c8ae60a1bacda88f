"""How a GPU's power limit changes its power and its speed: built-in profiles, and files of measurements.

Sources
    [Zeus] You, Chung, Chowdhury. Zeus: Understanding and Optimizing GPU Energy Consumption of DNN Training. NSDI 2023:
        time and power of trainings (image, speech, language and recommendation networks) by power limit on four GPUs;
        the built-in profiles are medians that ``benchmarks/power.py --data`` computes from the published measurements.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import EnergyError, unknown_choice_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["BUILTIN_PROFILES", "PowerLimit", "PowerProfile", "TypeLimit", "read_power_profile"]

#: watts between two limits that a profile offers
LIMIT_STEP_W = 5.0
#: name -> points: power limit, W; median time per epoch and power, each relative to the default limit [Zeus]
BUILTIN_PROFILES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "a40": (
        (300.0, 1.0, 1.0),
        (275.0, 1.005, 0.981),
        (250.0, 1.011, 0.961),
        (225.0, 1.016, 0.919),
        (200.0, 1.046, 0.847),
        (175.0, 1.076, 0.776),
        (150.0, 1.332, 0.674),
        (125.0, 1.965, 0.622),
        (100.0, 2.824, 0.538),
    ),
    "p100": (
        (250.0, 1.0, 1.0),
        (225.0, 1.001, 1.0),
        (200.0, 1.005, 0.995),
        (175.0, 1.017, 0.969),
        (150.0, 1.036, 0.934),
        (125.0, 1.06, 0.815),
    ),
    "rtx6000": (
        (260.0, 1.0, 1.0),
        (250.0, 1.007, 0.978),
        (225.0, 1.018, 0.921),
        (200.0, 1.03, 0.848),
        (175.0, 1.051, 0.762),
        (150.0, 1.1, 0.68),
        (125.0, 1.219, 0.597),
        (100.0, 1.824, 0.481),
    ),
    "v100": (
        (250.0, 1.0, 1.0),
        (225.0, 1.013, 0.945),
        (200.0, 1.037, 0.867),
        (175.0, 1.063, 0.781),
        (150.0, 1.112, 0.682),
        (125.0, 1.173, 0.591),
        (100.0, 1.38, 0.508),
    ),
}
_COLUMNS = {
    "limit": ("power_limit", "power_limit_w", "limit_w", "limit"),
    "time": ("time_per_epoch", "time_per_epoch_s", "time_factor", "time_s", "time"),
    "power": ("average_power", "average_power_w", "power_factor", "power_w", "power"),
}


@dataclass(frozen=True, slots=True)
class TypeLimit:
    """The limit of one type of GPU among several."""

    #: name of the type, as NVML says it
    name: str
    limit_w: float
    #: the limit as a share of the default one of its profile
    share: float
    #: power at work relative to the default limit, at the plug
    power_factor: float


@dataclass(frozen=True, slots=True)
class PowerLimit:
    """A power limit of a device, and what it changes at work."""

    #: limit of the GPU, W
    limit_w: float
    #: duration of work relative to the default limit
    time_factor: float
    #: power at work relative to the default limit: of the GPU in a profile, at the plug in a plan
    power_factor: float
    #: the limit of each type, where the GPUs are of several with profiles of their own; the above are their means
    of_types: tuple[TypeLimit, ...] = field(default=(), repr=False)

    @property
    def largest_power_factor(self) -> float:
        """Power at work relative to the default limit, of the type that is limited least."""
        return max((each.power_factor for each in self.of_types), default=self.power_factor)

    @property
    def energy_factor(self) -> float:
        """Energy of the same work relative to the default limit."""
        return self.time_factor * self.power_factor


class PowerProfile:
    """Time and power of a GPU by its power limit, interpolated between measured limits.

    A lower limit is never taken to be faster, nor to draw more: measurements scatter.

    Example:
        >>> profile = PowerProfile.builtin("rtx6000")
        >>> profile.at(200.0)
        PowerLimit(limit_w=200.0, time_factor=1.03, power_factor=0.848)

    :param points: measured limits; the highest is the default one, to which time and power are relative.
    :param name: for instance the model of the GPU.
    :param origin: where the measurements come from.
    :raises EnergyError: if there are fewer than two limits, or a value is not above zero.
    """

    def __init__(self, points: Sequence[PowerLimit], name: str, origin: str) -> None:
        ordered = sorted(points, key=lambda point: -point.limit_w)
        values = np.array([(point.limit_w, point.time_factor, point.power_factor) for point in ordered], dtype=float)
        if len({point.limit_w for point in ordered}) < max(len(ordered), 2):
            message = f"Expected two or more different power limits in {origin}, got {len(ordered)}; measure more."
            raise EnergyError(message)
        if not (np.isfinite(values).all() and (values > 0).all()):
            message = f"Expected limits, times and powers above zero in {origin}, got {values.min():g}; leave it out."
            raise EnergyError(message)
        self.name = name
        self.origin = origin
        self._limits_w = values[::-1, 0]
        self._times = np.maximum.accumulate(values[:, 1] / values[0, 1])[::-1]
        self._powers = np.minimum.accumulate(values[:, 2] / values[0, 2])[::-1]

    @classmethod
    def builtin(cls, name: str) -> PowerProfile:
        """A built-in profile.

        :raises EnergyError: if there is none of that name.
        """
        if name not in BUILTIN_PROFILES:
            raise EnergyError(unknown_choice_message("power profile", name, BUILTIN_PROFILES))
        points = [PowerLimit(*point) for point in BUILTIN_PROFILES[name]]
        return cls(points, name, f"{name}: medians of measured trainings [Zeus, NSDI 2023]")

    @property
    def default_limit_w(self) -> float:
        """The highest limit, W."""
        return float(self._limits_w[-1])

    @property
    def points(self) -> tuple[PowerLimit, ...]:
        """The measured limits, highest first."""
        columns = (self._limits_w[::-1].tolist(), self._times[::-1].tolist(), self._powers[::-1].tolist())
        return tuple(PowerLimit(*point) for point in zip(*columns, strict=True))

    def at(self, limit_w: float) -> PowerLimit:
        """Time and power at a limit; one outside the measured range is taken for the nearest measured one."""
        limit_w = float(np.clip(limit_w, self._limits_w[0], self._limits_w[-1]))
        time, power = (float(np.interp(limit_w, self._limits_w, column)) for column in (self._times, self._powers))
        return PowerLimit(limit_w, time, power)

    def limits(self) -> tuple[PowerLimit, ...]:
        """The limits to choose from, highest first: the default one, and every 5 W below it."""
        grid_w = np.arange(np.ceil(self._limits_w[0] / LIMIT_STEP_W) * LIMIT_STEP_W, self.default_limit_w, LIMIT_STEP_W)
        return tuple(self.at(limit_w) for limit_w in [self.default_limit_w, *grid_w[::-1].tolist()])

    def scaled_to(self, default_limit_w: float) -> PowerProfile:
        """The same shape for a GPU with another default limit."""
        scale = default_limit_w / self.default_limit_w
        points = zip((self._limits_w * scale).tolist(), self._times.tolist(), self._powers.tolist(), strict=True)
        return PowerProfile([PowerLimit(*point) for point in points], self.name, self.origin)


def read_power_profile(source: str) -> PowerProfile:
    """A built-in profile by its name, or one that a CSV, Parquet or JSON file holds.

    A table has a column of limits (``power_limit``), of times (``time_per_epoch``) and of powers (``average_power``),
    in any unit of time and in W, as [Zeus] publishes them. Its other columns say what was trained: each training is
    taken relative to its own highest limit, and the profile is the median over those that were measured at the highest
    limit of all. A JSON file is a list of objects with these keys.

    :raises EnergyError: if there is neither such a profile nor such a file, or it holds no profile.
    """
    if source in BUILTIN_PROFILES:
        return PowerProfile.builtin(source)
    path = Path(source)
    if not path.suffix:
        choices = [*BUILTIN_PROFILES, "FILE.csv", "FILE.json"]
        raise EnergyError(unknown_choice_message("power profile", source, choices))
    return _profile_of_table(_read_frame(path), path)


def _read_frame(path: Path) -> pd.DataFrame:
    if path.suffix.lower() != ".json":
        from ce_nas.core.table_file import read_table_file

        return read_table_file(path, EnergyError).frame
    import pandas as pd

    try:
        frame = pd.DataFrame(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        message = f"Expected a list of objects in the power profile {str(path)!r}, but it cannot be read ({error})."
        raise EnergyError(message) from error
    if frame.empty:
        message = f"Expected power limits in {str(path)!r}, found none; measure some."
        raise EnergyError(message)
    return frame


def _profile_of_table(frame: pd.DataFrame, path: Path) -> PowerProfile:
    from ce_nas.core.table_cells import parse_numbers

    spelled = {str(column).strip().lower(): column for column in frame.columns}
    found = {key: next((spelled[name] for name in names if name in spelled), None) for key, names in _COLUMNS.items()}
    if missing := next((key for key, column in found.items() if column is None), None):
        message = (
            f"Expected a column {_COLUMNS[missing][0]!r} in the power profile {str(path)!r}, found "
            f"{', '.join(map(repr, frame.columns))}; name it so."
        )
        raise EnergyError(message)
    others = [column for column in frame.columns if column not in found.values()]
    rows = frame.assign(**{key: parse_numbers(frame[column]) for key, column in found.items()})[[*found, *others]]
    if rows[[*found]].isna().to_numpy().any():
        message = f"Expected a number in every row of {str(path)!r} for limit, time and power; leave the others out."
        raise EnergyError(message)
    top_w, relative = rows["limit"].max(), []
    for _, training in rows.groupby(others, dropna=False) if others else [("", rows)]:
        at_top = training[training["limit"] == top_w]
        if len(at_top) == 1:
            row = at_top.iloc[0]
            relative.append(
                training.assign(time=training["time"] / row["time"], power=training["power"] / row["power"])
            )
    if not relative:
        message = f"Expected a training measured once at the highest limit, {top_w:g} W, in {str(path)!r}, found none."
        raise EnergyError(message)
    import pandas as pd

    medians = pd.concat(relative).groupby("limit")[["time", "power"]].median()
    points = [PowerLimit(float(limit_w), float(time), float(power)) for limit_w, time, power in medians.itertuples()]
    return PowerProfile(points, path.stem, f"{path.name}: medians of {len(relative)} trainings")
