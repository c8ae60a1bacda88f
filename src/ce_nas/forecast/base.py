"""The forecaster's seam: the past in, the coming hours out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import numpy as np

    from ce_nas.core.records import Forecast

__all__ = ["Forecaster", "Past"]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What is known of a zone at one moment: the steps that have ended, and what was foretold of the coming ones."""

    #: intensity a step, oldest first, g CO2eq/kWh, shape (steps,); one step or more
    intensity_g_per_kwh: np.ndarray
    #: length of a step
    step_s: float
    #: when the last of these steps ended, seconds since the run began
    end_s: float
    #: the same moment by the calendar, UTC
    end: datetime
    #: name of the zone
    zone: str
    #: source of electricity to its generation a step, MW, shape (steps,), NaN where missing; empty if not known
    mix_mw: Mapping[str, np.ndarray] = field(default_factory=dict)
    #: input that is known ahead (a weather forecast, a day-ahead production forecast) to its values, shape
    #: (steps + ahead,): those of the past's steps and then of the coming ones, NaN where missing; empty if none are
    known: Mapping[str, np.ndarray] = field(default_factory=dict)


class Forecaster(ABC):
    """Expects the coming hours from the past alone."""

    #: the name it is chosen by
    name: str
    #: how much of the past it looks at
    lookback_s: float

    @abstractmethod
    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """The intensity expected from ``past.end_s`` on, for ``horizon_s`` or longer, in steps of the past's length."""
