"""The interface of forecasters: the known past in, the hours ahead out."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from ce_nas.core.units import DAY_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import numpy as np

    from ce_nas.components.base import ComponentSettings
    from ce_nas.core.records import Forecast

__all__ = ["FORECAST_HORIZON_S", "PAST_WINDOW_S", "ForecastInput", "Forecaster", "steps_per_day"]

#: horizon of the forecast of a decision, and length of the past shown to a policy, s
FORECAST_HORIZON_S = 4 * DAY_S
PAST_WINDOW_S = 14 * DAY_S


def steps_per_day(step_s: float) -> int:
    """Return the number of steps in a day; 1 for longer steps."""
    return max(round(DAY_S / step_s), 1)


@dataclass(frozen=True, slots=True, eq=False)
class ForecastInput:
    """What is known of a zone at one moment: the steps that have ended, and covariates known ahead.

    Example:
        >>> from datetime import UTC, datetime
        >>> import numpy as np
        >>> ForecastInput(np.full(48, 300.0), 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE").steps_per_day
        24
    """

    #: intensity by step, oldest first, g CO2eq/kWh, shape (steps,); at least one step
    intensity_g_per_kwh: np.ndarray
    #: length of a step
    step_s: float
    #: end of the last of these steps, seconds since the start of the run
    end_s: float
    #: the same moment by the calendar, UTC
    end: datetime
    #: name of the zone
    zone: str
    #: source of electricity to its generation by step, MW, shape (steps,), NaN where missing; empty if unknown
    mix_mw: Mapping[str, np.ndarray] = field(default_factory=dict)
    #: covariate known ahead (a weather forecast, a day-ahead production forecast) to its values, shape
    #: (steps + ahead,): at the past steps, then at those ahead; NaN where missing; empty if there are none
    future_covariates: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def steps_per_day(self) -> int:
        """Number of steps in a day; 1 for longer steps."""
        return steps_per_day(self.step_s)

    def horizon_steps(self, horizon_s: float) -> int:
        """Return the number of steps of a forecast that reaches ``horizon_s`` ahead."""
        return max(math.ceil(horizon_s / self.step_s), 1)

    def truncate(self, lookback_s: float, stop: int | None = None, horizon_s: float = math.inf) -> ForecastInput:
        """Return what was known after ``stop`` steps, back to ``lookback_s`` before and ahead to ``horizon_s``."""
        n_steps = len(self.intensity_g_per_kwh)
        stop = n_steps if stop is None else stop
        first = max(stop - max(round(lookback_s / self.step_s), 1), 0)
        end_ahead = stop + math.ceil(horizon_s / self.step_s) if math.isfinite(horizon_s) else None
        back_s = (n_steps - stop) * self.step_s
        return replace(
            self,
            intensity_g_per_kwh=self.intensity_g_per_kwh[first:stop],
            end_s=self.end_s - back_s,
            end=self.end - timedelta(seconds=back_s),
            mix_mw={source: values[first:stop] for source, values in self.mix_mw.items()},
            future_covariates={name: values[first:end_ahead] for name, values in self.future_covariates.items()},
        )


class Forecaster(ABC):
    """Predicts the intensity ahead from the past alone.

    Example:
        >>> import numpy as np
        >>> from ce_nas.core.records import Forecast
        >>> class Mean(Forecaster):
        ...     name = "mean"
        ...     lookback_s = 86400.0
        ...
        ...     def predict(self, inputs, horizon_s):
        ...         steps = inputs.horizon_steps(horizon_s)
        ...         mean = np.full(steps, inputs.intensity_g_per_kwh.mean())
        ...         return Forecast(self.name, inputs.end_s, inputs.end_s, inputs.step_s, mean)
        >>> from datetime import UTC, datetime
        >>> inputs = ForecastInput(np.array([100.0, 300.0]), 3600.0, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "DE")
        >>> Mean().predict(inputs, 7200.0).mean_g_per_kwh.tolist()
        [200.0, 200.0]
    """

    #: the name by which it is chosen
    name: str
    #: length of the history that it uses
    lookback_s: float
    #: shortest history that it needs; with less, a fallback acts, which its forecast names
    min_history_s: float = 0.0

    @classmethod
    def from_settings(cls, settings: ComponentSettings) -> Self:
        """Create the forecaster with the options of its settings as keywords."""
        return cls(**settings.options())

    @abstractmethod
    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """Predict the intensity from ``inputs.end_s`` on, for ``horizon_s`` or longer, at the step of ``inputs``."""
