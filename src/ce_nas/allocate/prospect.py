"""Work now, or rather later? What each is expected to cost, by the forecast and the belief of the work that is left.

The planner asks this with start-ups and half of the devices as further choices, which takes it milliseconds
(:func:`~ce_nas.allocate.lookahead.best_level`). Here only all and none are weighed, for several beliefs at once: the
learned policy sees by how much, and learns where the plan is better not followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.allocate.worth import Work

__all__ = ["Prospect", "prospect"]

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
