"""A forecaster that learns from the past it is handed, anew each day: no training beforehand, no file.

The logarithm of the intensity is regressed on calendar and weather (:mod:`ce_nas.forecast.features`), with weights that
fade into the past; the last week's errors of that model then correct its forecast (:mod:`ce_nas.forecast.residual_correction`).
Models that forget fast and slowly, linear ones and Gaussian processes, are averaged. Quantiles are those of the
relative errors that the average would have made on earlier days.

The models are refitted at every midnight of UTC and see no later value, so the forecast is a function of the past
alone; what was worked out for one past is gone on with for a longer one that begins alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.baselines import DampedProfile
from ce_nas.forecast.features import standardised, weather_is_known
from ce_nas.forecast.hourly import Slots
from ce_nas.forecast.residual_correction import CORRECTED_DAYS, Corrections
from ce_nas.forecast.ridge import BEFORE_DAYS, Learned, Member

if TYPE_CHECKING:
    from ce_nas.forecast.base import Past

__all__ = ["LEVELS", "AdaptiveRidge"]

#: levels of the quantiles that are issued
LEVELS = (0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975)
#: with less of a past than this a model would be guesswork
LEAST_DAYS = 14
#: earlier forecasts that corrections learn from; that quantiles are taken of; the fewest for quantiles
EARLIER, JUDGED, LEAST_JUDGED = 360, 180, 20
#: slots on either side whose errors speak for a slot too
NEIGHBOURS = 2
#: how far beyond all that was ever seen a forecast may go, logarithm
BEYOND = 0.5

PLAIN = (Member(80, 20), Member(400, 20))
WAVES = (Member(400, 20, waves=0, every_days=3), Member(100, 60, waves=1, every_days=3))


class AdaptiveRidge(Forecaster):
    """Regressions on calendar and weather over the last two years, corrected by their latest errors.

    Weather is used as far as it is known ahead; coming hours without it are forecast by the calendar alone. With less
    than two weeks of a past, or steps that do not make up a day, this is :class:`DampedProfile`.
    """

    name = "adaptive"
    lookback_s = 758 * DAY_S

    def __init__(self) -> None:
        self._calendar, self._weather = Learned(), Learned()

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        slots = Slots.of(past, horizon_s, self.lookback_s)
        if slots is None or len(slots) < LEAST_DAYS * slots.a_day:
            profile = DampedProfile().predict(past, horizon_s).mean_g_per_kwh
            return Forecast(self.name, past.end_s, past.end_s, past.step_s, profile)
        level, errors = self._expected(slots)
        issued = {
            quantile: slots.in_steps(np.exp(np.clip(level + off, *_bounds(slots))), horizon_s)
            for quantile, off in _quantiles(errors).items()
        }
        mean = slots.in_steps(np.exp(np.clip(level, *_bounds(slots))), horizon_s)
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, mean, issued)

    def _expected(self, slots: Slots) -> tuple[np.ndarray, np.ndarray]:
        """The level of each coming slot, ``(ahead,)``, and the errors of earlier forecasts, ``(issues, ahead)``."""
        known = slots.known_ahead
        if not known:
            return _foretold(self._calendar, slots.reaching(0), slots.ahead)
        level, errors = _foretold(self._weather, standardised(slots.reaching(known)), slots.ahead)
        if known < slots.ahead:
            plain_level, plain_errors = _foretold(self._calendar, slots.reaching(0), slots.ahead)
            level, errors = (
                np.concatenate([with_known[..., :known], plain[..., known:]], axis=-1)
                for with_known, plain in ((level, plain_level), (errors, plain_errors))
            )
        return level, errors


def _foretold(learned: Learned, slots: Slots, ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """The level of each of ``ahead`` coming slots and errors of earlier forecasts; NaN where nothing is known."""
    ahead_days = -(-ahead // slots.a_day)
    refits = learned.upto(slots, PLAIN + WAVES if weather_is_known(slots) else PLAIN, ahead_days)
    today = len(slots) // slots.a_day
    days = range(max(BEFORE_DAYS, today - EARLIER), today + 1)
    came = _windows(slots, days, ahead_days)
    said = np.mean([_corrected(one.said(slots, days), came, len(slots) % slots.a_day) for one in refits], axis=0)
    return said[-1, :ahead], (came[:, CORRECTED_DAYS * slots.a_day :] - said)[:, :ahead]


def _windows(slots: Slots, days: range, ahead_days: int) -> np.ndarray:
    """The level from a week before each issue to the end of its forecast, NaN where it has not come.

    Shape ``(issues, slots)``; the issues are at the same time of each of ``days``, the last one at the end of the past.
    """
    come = np.concatenate([slots.level, np.full(ahead_days * slots.a_day, np.nan)])
    first = np.array(days) * slots.a_day + len(slots) % slots.a_day - CORRECTED_DAYS * slots.a_day
    return come[first[:, None] + np.arange((CORRECTED_DAYS + ahead_days) * slots.a_day)]


def _corrected(said: np.ndarray, came: np.ndarray, past_midnight: int) -> np.ndarray:
    """What one model foretells at each issue, its errors before it corrected for, shape ``(issues, slots)``.

    :param said: what its fits say, shape ``(issues, days, slots a day)``, from 8 days before the issue's midnight on.
    :param past_midnight: slots from midnight to the issue.
    """
    issues, _, a_day = said.shape
    first = (BEFORE_DAYS - CORRECTED_DAYS) * a_day + past_midnight
    said = said.reshape(issues, -1)[:, first : first + came.shape[1]]
    errors = (came - said).reshape(issues, -1, a_day)
    made = Corrections(before=errors[:, :CORRECTED_DAYS], ahead=errors[:, CORRECTED_DAYS:]).made()
    corrected: np.ndarray = said[:, CORRECTED_DAYS * a_day :] + made.reshape(issues, -1)
    return corrected


def _quantiles(errors: np.ndarray) -> dict[float, np.ndarray]:
    """Quantiles of the errors of the latest forecasts, ``(issues, ahead)``, by slot of lead; none if there are few."""
    judged = errors[np.isfinite(errors).all(axis=1)][-JUDGED:]
    if len(judged) < LEAST_JUDGED:
        return {}
    last = judged.shape[1] - 1
    near = np.clip(np.arange(last + 1)[:, None] + np.arange(-NEIGHBOURS, NEIGHBOURS + 1), 0, last)
    pooled = judged[:, near].transpose(1, 0, 2).reshape(last + 1, -1)
    return dict(zip(LEVELS, np.quantile(pooled, LEVELS, axis=1), strict=True))


def _bounds(slots: Slots) -> tuple[float, float]:
    return float(slots.level.min()) - BEYOND, float(slots.level.max()) + BEYOND
