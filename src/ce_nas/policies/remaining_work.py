"""How much work a search is still worth: told from what its trainings brought lately.

Nobody knows how many trainings a search needs. What is known is that searches age well: the longer one has gone on, the
longer it may go on, and the faster it has closed in on its target lately, the sooner it will be there. The figures here
were fitted to searches on record (HW-NAS-Bench and NAS-Bench-201, three data sets, LaMOO and the surrogate, 47 searches
with seeds from 100 on, targets from 0.99 of what they end at to nearly all of it), by maximum likelihood.

Work now, or rather later? What each is expected to cost, by the forecast and the belief of the work that is left.

The planner asks this with start-ups and half of the devices as further choices, which takes it milliseconds
(:func:`~ce_nas.policies.lookahead.best_level`). Here only all and none are weighed, for several beliefs at once: the
learned policy sees by how much, and learns where the plan is better not followed.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import View

__all__ = ["SURE", "Prospect", "Work", "prospect", "share_needed", "still_worth", "work_ahead"]

#: trainings that are as likely to be enough as not: so many before the first, and more by these shares of those done
USUAL = 200
AGEING, AGEING_BLIND = 1.5, 0.4
#: what share of the trainings done ago the gap to the target is compared with, and the least ratio that counts
_AGO, _LEAST = 4, 0.05
#: the chance with which rules that plan so many hours want them to be enough
SURE = 0.9
#: what hours a budget of carbon is taken to be spent in: those up to this quantile of the coming ones, in periods
_CLEAN, _LOOKED_AHEAD = 0.25, 168
#: after so many trainings half of what its progress tells is believed
_EARLY = 50
#: the fewest trainings after which a search may be worth no more
_FEWEST = 20
#: seconds that a training is reckoned to take before one has ended
_TRAINING_S = 1500.0
#: how heavy the tail is: the chance that a search goes on falls with this power of the work, in the end
_TAIL = 2.0
_SCALE = 1.0 / (2.0 ** (1.0 / _TAIL) - 1.0)


@dataclass(frozen=True, slots=True)
class Work:
    """Work ahead, as far as it can be foretold."""

    #: trainings that are as likely to be enough as not
    trainings: float
    #: time of a device that one takes
    training_s: float

    @property
    def device_s(self) -> float:
        """Time of devices that is as likely to be enough as not."""
        return self.trainings * self.training_s

    def enough_s(self, chance: float) -> float:
        """Time of devices that is enough with this chance, 0 to less than 1."""
        return float(self.device_s * _SCALE * ((1.0 - chance) ** (-1.0 / _TAIL) - 1.0))

    def survival(self, device_s: np.ndarray) -> np.ndarray:
        """The chance that the search goes on after so much more work: a half after :attr:`device_s`, with a long tail.

        Searches age well: one that has gone on for long may go on for long.
        """
        alive: np.ndarray = (1.0 + device_s / (self.device_s * _SCALE)) ** -_TAIL
        return alive

    def left_s(self, device_s: np.ndarray) -> np.ndarray:
        """The time of devices that is still to come on average, of a search that goes on after so much more work."""
        left_s: np.ndarray = (self.device_s * _SCALE + device_s) / (_TAIL - 1.0)
        return left_s

    def spent(self, device_s: np.ndarray) -> np.ndarray:
        """The time of devices expected to be spent until then, by searches that go on and those that have ended."""
        scale_s = self.device_s * _SCALE
        spent_s: np.ndarray = scale_s / (_TAIL - 1.0) * (1.0 - (1.0 + device_s / scale_s) ** (1.0 - _TAIL))
        return spent_s


def still_worth(view: View, gain: float) -> Work | None:
    """The work that the search is still worth, or None if it is worth no more.

    With a target it is worth whatever it takes. Without one it is worth more as long as the last doubling of its
    trainings brought more than ``gain`` of the hypervolume.
    """
    done = view.evaluations
    if math.isinf(view.target) and done > _FEWEST:
        brought = view.hypervolume - view.course[done // 2]
        if brought <= gain * view.hypervolume:
            return None
    return work_ahead(view)


def share_needed(view: View, sure: float) -> float:
    """The share of the time left in which all devices must work to reach the target with this chance, 0 to 1."""
    if math.isinf(view.target):
        return 0.0
    closed_s = view.period_s * sum(period * view.period_s < view.time_left_s for period in view.closed)
    open_s = view.devices * (view.time_left_s - closed_s)
    return min(work_ahead(view).enough_s(sure) / open_s, 1.0) if open_s > 0 else 1.0


def work_ahead(view: View) -> Work:
    """The work that is as likely to be enough as not, as far as budgets afford it."""
    training_s = _training_s(view)
    return Work(max(min(_trainings(view), _affordable_s(view) / training_s, view.evaluations_left), 1.0), training_s)


def _affordable_s(view: View) -> float:
    """Time of devices that the budgets leave for trainings, in hours like the cleaner and cheaper ones to come."""
    left_s = [view.device_s_left]
    if view.rates is not None and view.rates.training_w > 0:
        energy_j = view.energy_left_j
        if view.forecast is not None and view.carbon_left_g < math.inf:
            periods = int(min(max(view.time_left_s // view.period_s, 1), _LOOKED_AHEAD))
            clean = float(np.quantile(view.forecast.ahead(view.now_s, view.period_s, periods), _CLEAN))
            energy_j = min(energy_j, view.carbon_left_g / max(clean, 1e-9) * J_PER_KWH)
        hour = view.rates.device_hour / HOUR_S + view.rates.training_w / J_PER_KWH * view.rates.prices_per_kwh.min()
        left_s += [energy_j / view.rates.training_w, view.cost_left / hour if hour > 0 else math.inf]
    return min(left_s)


def _training_s(view: View) -> float:
    """What a training takes: those that are under way count as half done, or the first hours would look wasted."""
    if not view.evaluations:
        return _TRAINING_S
    return view.trained_s / (view.evaluations + (view.running + view.suspended) / 2)


def _trainings(view: View) -> float:
    """How many more are as likely to be enough as not."""
    done = view.evaluations
    if math.isinf(view.target):
        return USUAL + AGEING_BLIND * done
    trusted = 0.5 * done / (done + _EARLY)  # in the first trainings a gap falls fast, and that tells little
    return max((USUAL + AGEING * done) * math.pow(_closing(view), trusted), float(_still_for(view)))


def _still_for(view: View) -> int:
    """How many trainings ago the hypervolume grew last: the next gain is as likely as not to take as many again."""
    return view.evaluations - bisect_left(view.course, view.hypervolume) if view.evaluations else 0


def _closing(view: View) -> float:
    """The gap to the target now by what it was after a quarter of the trainings: 1 if nothing was gained since."""
    ago = view.evaluations // _AGO
    before = view.target - view.course[ago - 1] if ago else 0.0
    gap = view.target - view.hypervolume
    return min(max(gap / before, _LEAST), 1.0) if before > 0 else 1.0


#: what the periods beyond those that are known are taken to cost: this quantile of the known ones
_LATER = 0.25
#: what work costs that is left for after the deadline, in units of a mean period
_MISS = 1.5


class Prospect:
    """What is expected, each in units of all devices at work for a mean period, shape ``(beliefs,)``."""

    def __init__(self, works: np.ndarray, rests: np.ndarray) -> None:
        #: what the rest of the search costs if all devices work in the first period
        self.works = works
        #: and if none does
        self.rests = rests

    @property
    def margin(self) -> np.ndarray:
        """What it costs more to rest now; below 0 where resting is the cheaper, shape ``(beliefs,)``."""
        return np.asarray(self.rests - self.works)

    @property
    def cost(self) -> np.ndarray:
        """What the rest of the search costs, shape ``(beliefs,)``."""
        return np.asarray(np.minimum(self.rests, self.works))


def prospect(prices: np.ndarray, beliefs: Sequence[Work], all_s: float, periods_left: float) -> Prospect:
    """Backward induction over the coming periods and the work done in them, for each belief of the work that is left.

    :param prices: what the coming periods cost, 1 on average, shape ``(periods,)``.
    :param all_s: time of the devices in a period.
    :param periods_left: periods until the deadline; those beyond ``prices`` are like the cleaner ones in it.
    """
    periods = len(prices)
    done_s = all_s * np.arange(periods + 1)
    more_s = all_s * max(periods_left - periods, 0.0)
    alive = np.array([belief.survival(done_s) for belief in beliefs])
    spent = np.array([belief.spent(done_s) for belief in beliefs]) / all_s
    # by work, then by belief: so the work that can be done by a period lies in one piece of memory
    within = np.ascontiguousarray((np.diff(spent) / alive[:, :-1]).T)  # less than all: the search may end within it
    goes_on = np.ascontiguousarray((alive[:, 1:] / alive[:, :-1]).T)
    later = float(np.quantile(prices, _LATER))
    ahead = np.array([_after(belief, done_s, more_s, later) for belief in beliefs]).T / all_s
    now, works = prices[:, None, None] * within, np.empty_like(within)
    for period in range(periods - 1, 0, -1):
        done = period + 1
        work = np.multiply(goes_on[:done], ahead[1 : done + 1], out=works[:done])
        work += now[period, :done]
        np.minimum(work, ahead[:done], out=ahead[:done])
    return Prospect(within[0] * prices[0] + goes_on[0] * ahead[1], ahead[0])


def _after(belief: Work, done_s: np.ndarray, more_s: float, later: float) -> np.ndarray:
    """What is to come after the periods planned, by the work done in them, device-seconds, shape ``(work,)``."""
    alive = belief.survival(done_s)
    within_s = (belief.spent(done_s + more_s) - belief.spent(done_s)) / alive
    missed_s = belief.survival(done_s + more_s) / alive * belief.left_s(done_s + more_s)
    return np.asarray(later * within_s + _MISS * missed_s)
