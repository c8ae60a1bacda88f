"""A zone's record, and the pasts that are cut from it: the one place where what was known at a moment is decided."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.forecast.base import Past

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ce_nas.grid.trace import GridTrace, Series

__all__ = ["History", "Memory"]


class Memory(ABC):
    """Hands out what was known of a zone at a moment, and nothing later."""

    #: length of a step
    step_s: float

    @abstractmethod
    def past(self, now_s: float, lookback_s: float, ahead_s: float = 0.0) -> Past | None:
        """What was known at ``now_s`` of the steps that had ended in the last ``lookback_s``, and was foretold.

        What is known ahead is cut at ``ahead_s`` after the last of these steps.

        :returns: None while nothing is known.
        """


class History(Memory):
    """All that was ever recorded of a zone, on the steps of its intensity.

    :param zone: the zone's name.
    :param intensity: the true intensity, g CO2eq/kWh.
    :param mix_mw: source of electricity to its generation, MW, a value for each of the intensity's steps.
    :param known: inputs that are known ahead, at steps of their own: each must be a forecast that was made before the
        moments it speaks of, as a weather forecast is.
    """

    def __init__(
        self,
        zone: str,
        intensity: Series,
        mix_mw: Mapping[str, np.ndarray] | None = None,
        known: Mapping[str, Series] | None = None,
    ) -> None:
        self.zone = zone
        self.intensity = intensity
        self.step_s = intensity.step_s
        self._mix_mw = dict(mix_mw or {})
        self._known = {name: _on_steps(series, intensity) for name, series in (known or {}).items()}

    @classmethod
    def of(cls, trace: GridTrace, known: Mapping[str, Series] | None = None) -> History:
        """The record of a trace, its seconds counted from the trace's start."""
        return cls(trace.zone, trace.series, trace.mix_mw, known)

    def since(self, moment: datetime) -> History:
        """The same record, its seconds counted from ``moment``."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view.intensity = self.intensity.since(moment)
        return view

    @property
    def known_fingerprints(self) -> dict[str, str]:
        """SHA-256, in hexadecimal, of the values of each input that is known ahead."""
        return {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in self._known.items()}

    def past(self, now_s: float, lookback_s: float, ahead_s: float = 0.0) -> Past | None:
        """See :meth:`Memory.past`; like :meth:`Series.past` it does not reach over a gap of the intensity."""
        recent = self.intensity.past(now_s, max(round(lookback_s / self.step_s), 1))
        if not len(recent):
            return None
        series = self.intensity
        after = min(math.floor(((series.zero - series.start).total_seconds() + now_s) / series.step_s), len(series))
        first, ahead = after - len(recent), math.ceil(ahead_s / series.step_s)
        end = series.start + timedelta(seconds=after * series.step_s)
        return Past(
            intensity_g_per_kwh=recent.copy(),  # a view would lead to all that it was cut from
            step_s=series.step_s,
            end_s=(end - series.zero).total_seconds(),
            end=end,
            zone=self.zone,
            mix_mw={source: values[first:after].copy() for source, values in self._mix_mw.items()},
            known={name: values[first : after + ahead].copy() for name, values in self._known.items()},
        )

    def truth(self, start_s: float, steps: int) -> np.ndarray:
        """What came in the ``steps`` steps from ``start_s`` on, to judge a forecast by; NaN where unrecorded."""
        series = self.intensity
        first = round(((series.zero - series.start).total_seconds() + start_s) / series.step_s)
        found = np.full(steps, np.nan)
        inside = slice(max(first, 0), max(min(first + steps, len(series)), 0))
        came = series.values[inside]
        found[inside.start - first : inside.start - first + len(came)] = came
        return found


def _on_steps(known: Series, intensity: Series) -> np.ndarray:
    """What is known at each of the intensity's steps, and at as many more as it reaches beyond them.

    A longer step of ``known`` holds for all that begin in it; of shorter ones the mean counts, missing if one is.
    """
    begins_s = (intensity.start - known.start).total_seconds()
    reach_s = (known.end - intensity.start).total_seconds()
    steps = max(len(intensity), math.floor(reach_s / intensity.step_s))
    parts = max(round(intensity.step_s / known.step_s), 1)
    middles_s = begins_s + intensity.step_s * (np.arange(steps * parts) + 0.5) / parts
    places = np.floor(middles_s / known.step_s).astype(np.int64)
    inside = (places >= 0) & (places < len(known))
    values = np.where(inside, known.values[np.where(inside, places, 0)], np.nan)
    on_steps: np.ndarray = values.reshape(steps, parts).mean(axis=1)
    on_steps.flags.writeable = False
    return on_steps
