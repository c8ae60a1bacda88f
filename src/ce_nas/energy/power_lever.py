"""The power limit of the GPUs as part of the plan: which limit, and what a site's power cap leaves.

- `PowerSettings`: the section ``[power]`` of the settings
- `PowerLever`: the limit with the lowest emissions under a bound on the slow-down
- `PowerCapSchedule`: what a site may draw over time, read from a file
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field, PlainSerializer

from ce_nas.components.quantities import Duration, File, SettingsSection, Share, flag
from ce_nas.core.errors import EnergyError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

    from ce_nas.energy.power_profile import PowerLimit, PowerProfile

__all__ = [
    "DEFAULT_GPU_SHARE",
    "DEFAULT_PROFILE",
    "MEASURED_PROFILE",
    "PowerCapSchedule",
    "PowerLever",
    "PowerSettings",
]

#: the GPU of the power model, and its share of the power at the plug during training: 172 W of 287 W [EC-NAS]
DEFAULT_PROFILE = "rtx6000"
DEFAULT_GPU_SHARE = 0.6
#: the profile that a live search measures
MEASURED_PROFILE = "measured"

#: the name of a built-in profile, or a file, absolute in a journal
_ProfileSource = Annotated[
    str, PlainSerializer(lambda source: str(Path(source).resolve()) if Path(source).suffix else source)
]
_TIME_COLUMNS = ("time", "datetime", "timestamp", "start", "utc", "time_s", "seconds")
_CAP_COLUMNS = ("w", "cap_w", "power_w", "watts", "cap", "power")


class PowerSettings(SettingsSection):
    """The GPUs' power limit as part of the plan, and a site's power cap over time."""

    lever: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="Choose the GPUs' power limit each period: the lowest emissions within max_slowdown; live, it "
        "needs the permission to set it, and is restored at the end.",
        json_schema_extra=flag("power_lever"),
    )
    profile: _ProfileSource = Field(
        DEFAULT_PROFILE,
        description="How power and speed follow the limit: a40, p100, rtx6000, v100 (measured by Zeus), a CSV or JSON "
        "file of power_limit, time_per_epoch and average_power, or measured: in a live search's first trainings.",
        json_schema_extra=flag("power_profile"),
    )
    profile_slice: Duration = Field(
        20.0, gt=0, description="Time at each limit while the profile is measured, in real time."
    )
    max_slowdown: Share = Field(0.05, description="Largest slow-down of work by the lever, as a share of its duration.")
    gpu_share: Share = Field(
        DEFAULT_GPU_SHARE,
        description="Share of cluster.training_w that the GPU draws; the rest, its part of the host, does not fall "
        "with the limit.",
    )
    cap: File | None = Field(
        None,
        description="CSV or Parquet file of what the site may draw over time, PUE included: time (UTC, or seconds of "
        "the run) and W, each until the next; an empty cell is no cap.",
        json_schema_extra=flag("power_cap"),
    )
    cap_signal: File | None = Field(
        None,
        description="File with what the site may draw now, W, PUE included, blank for no cap; a live search reads it "
        "every cap_poll.",
    )
    cap_poll: Duration = Field(60.0, gt=0, description="Time between two readings of cap_signal.")
    cap_notice: Duration = Field(
        120.0,
        description="Time before a lower cap at which devices are slowed, and suspended where that is not enough.",
    )

    @property
    def is_used(self) -> bool:
        """Whether anything changes the power limit of the devices."""
        return bool(self.lever or self.cap or self.cap_signal)


class PowerLever:
    """The power limits of a device, with power at the plug, and the choice of one.

    Example:
        >>> from ce_nas.energy.power_profile import PowerProfile
        >>> lever = PowerLever(PowerProfile.builtin("rtx6000"), max_slowdown=0.05, gpu_share=0.6)
        >>> limit = lever.choose(now_g_per_kwh=400.0, later_g_per_kwh=400.0)
        >>> limit.limit_w, round(limit.time_factor, 3), round(limit.energy_factor, 3)
        (180.0, 1.047, 0.908)

    :param max_slowdown: largest increase of the duration of work that :meth:`choose` accepts, as a share of it.
    :param gpu_share: the GPU's share of the power at the plug at work; the rest does not depend on the limit.
    """

    def __init__(self, profile: PowerProfile, max_slowdown: float, gpu_share: float) -> None:
        self.profile = profile
        self.max_slowdown = max_slowdown
        #: the GPU's share of the power at the plug at work
        self.gpu_share = gpu_share
        #: all limits, highest first, with the power at the plug
        self.limits = tuple(
            replace(limit, power_factor=1.0 - gpu_share + gpu_share * limit.power_factor) for limit in profile.limits()
        )
        self._allowed = tuple(limit for limit in self.limits if limit.time_factor <= 1.0 + max_slowdown)
        self._least_energy = min(limit.energy_factor for limit in self._allowed)

    @property
    def unlimited(self) -> PowerLimit:
        """The default limit."""
        return self.limits[0]

    @property
    def slowest(self) -> PowerLimit:
        """The slowest limit that :meth:`choose` may choose."""
        return self._allowed[-1]

    @property
    def most_efficient(self) -> PowerLimit:
        """The limit with the least energy for the same work; below it fewer devices do more with the same power."""
        return min(self.limits, key=lambda limit: (limit.energy_factor, limit.time_factor))

    def choose(self, now_g_per_kwh: float, later_g_per_kwh: float) -> PowerLimit:
        """Choose the limit with the fewest grams for an hour: those of the hour, and of the work it leaves for later.

        In an hour dirtier than those in which the rest is done, work is slowed more, in a cleaner one less.

        :param now_g_per_kwh: intensity of the coming period, g CO2eq/kWh.
        :param later_g_per_kwh: intensity of the hours in which the rest will be done, g CO2eq/kWh.
        """

        def grams(limit: PowerLimit) -> tuple[float, float]:
            done_later = 1.0 - 1.0 / limit.time_factor
            carbon = now_g_per_kwh * limit.power_factor + later_g_per_kwh * self._least_energy * done_later
            return carbon, limit.energy_factor

        return min(self._allowed, key=grams)


@dataclass(frozen=True, slots=True)
class PowerCapSchedule:
    """What a site may draw over time; each cap holds until the next, the last for ever.

    Example:
        >>> schedule = PowerCapSchedule((3600.0, 7200.0), (1000.0, math.inf))
        >>> schedule.lowest_w(0.0, 3599.0), schedule.lowest_w(0.0, 3600.0), schedule.lowest_w(7200.0, 9000.0)
        (inf, 1000.0, inf)
    """

    #: seconds since the start of the run, ascending
    times_s: tuple[float, ...]
    #: the cap from each time on, PUE included, W; infinite for none
    caps_w: tuple[float, ...]

    def lowest_w(self, start_s: float, end_s: float) -> float:
        """Return the lowest cap between two times, both included, W; infinite without one."""
        first = bisect.bisect_right(self.times_s, start_s) - 1
        last = bisect.bisect_right(self.times_s, end_s)
        return min(self.caps_w[max(first, 0) : last], default=math.inf) if last > 0 else math.inf

    def changes_between(self, start_s: float, end_s: float) -> Sequence[float]:
        """Return the times at which the cap changes, both ends excluded, s."""
        return [at_s for at_s in self.times_s if start_s < at_s < end_s]

    @classmethod
    def read(cls, path: Path, start: datetime) -> PowerCapSchedule:
        """Read a file of times (UTC, or seconds of the run) and W.

        :param start: start of the run, UTC.
        :raises EnergyError: if there is no such file, a column is missing, or a value is no time or no power.
        """
        from ce_nas.core.table_cells import is_blank, parse_numbers
        from ce_nas.core.table_file import read_table_file

        frame = read_table_file(path, EnergyError).frame
        spelled = {str(column).strip().lower(): column for column in frame.columns}
        columns = [next((spelled[name] for name in names if name in spelled), None) for names in _COLUMN_NAMES]
        if None in columns:
            message = (
                f"Expected the columns 'time' and 'cap_w' in the power cap {str(path)!r}, found "
                f"{', '.join(map(repr, frame.columns))}; name them so."
            )
            raise EnergyError(message)
        times_s, caps = _read_times_s(frame[columns[0]], path, start), frame[columns[1]]
        caps_w = np.where(is_blank(caps), np.inf, parse_numbers(caps))
        if not (caps_w >= 0).all():
            message = (
                f"Expected W of 0 or more, or empty cells, in {str(path)!r}, got {caps[~(caps_w >= 0)].iloc[0]!r}."
            )
            raise EnergyError(message)
        order = np.argsort(times_s, kind="stable")
        if (np.diff(times_s[order]) == 0).any():
            message = f"Expected every time once in the power cap {str(path)!r}, got one twice; leave one out."
            raise EnergyError(message)
        return cls(tuple(times_s[order].tolist()), tuple(caps_w[order].tolist()))


_COLUMN_NAMES = (_TIME_COLUMNS, _CAP_COLUMNS)


def _read_times_s(cells: pd.Series, path: Path, start: datetime) -> np.ndarray:
    """The seconds of the run; numbers below a year are seconds already."""
    from ce_nas.core.table_cells import parse_numbers
    from ce_nas.core.time_text import parse_times
    from ce_nas.core.units import DAY_S

    numbers = parse_numbers(cells) if cells.dtype.kind in "iufO" else np.full(len(cells), np.nan)
    if np.isfinite(numbers).all() and np.abs(numbers).max() < 366 * DAY_S:
        return numbers
    parsed = parse_times(cells)
    if parsed.unread.any():
        message = (
            f"Expected a time such as 2021-07-02T06:00 in every row of the power cap {str(path)!r}, got "
            f"{cells[parsed.unread].iloc[0]!r}."
        )
        raise EnergyError(message)
    return np.asarray(parsed.us / 1e6 - start.timestamp())
