"""What would have been right, seen from the end: demonstrations for a policy to begin with.

A scenario is played twice. Played without waiting it tells how many trainings its level takes, which hardly depends on
when they are done. Played by a rule that wavers it leads through all kinds of situations. In each of these the rest of
the true trace and of the work say which of the hours left are the cheapest ones that suffice: whether to work now is
right if this hour is one of them, and it matters by as much as its intensity is away from the dearest one of them. A
policy that learns this from observations alone learns the price up to which working now is right on average.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.allocate.allocator import Allocator, Decision
from ce_nas.allocate.menu import MENU, division, possible
from ce_nas.allocate.observation import observe
from ce_nas.allocate.outlook import coming_periods
from ce_nas.core.rng import stream
from ce_nas.learn.episodes import play
from ce_nas.learn.recording import Unwaiting
from ce_nas.learn.scenario import prepared

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import View
    from ce_nas.learn.scenario import Scenario, Scenarios

__all__ = ["Demonstrations", "Wavering", "demonstrate"]

REST, EVALUATE, BOTH = MENU.index((0.0, 0.0)), MENU.index((1.0, 0.0)), MENU.index((0.5, 0.5))
#: by how much, in mean intensities, an hour may be dearer than the dearest that suffices and still be right: who acts
#: does not know what hindsight does, and what was put off may not be made up for
ALLOWANCE = 0.15
#: so many scores are always worth having; more of them only where trainings are ranked by them
FEW_SCORES = 1000
#: share of the hours left that may be needed before time is short; then an hour is worth so many of the dearest ones
SHORT, TOO_LATE = 0.85, 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Demonstrations:
    """Situations, and what was right in them."""

    #: shape (n, features)
    observations: np.ndarray
    #: which entries of the menu made sense, shape (n, entries)
    masks: np.ndarray
    #: the right entry, shape (n,)
    choices: np.ndarray
    #: how much it matters, 0 or more, shape (n,)
    weights: np.ndarray


class Wavering(Allocator):
    """Works while few of the periods ahead are forecast cleaner, and now and then does the opposite.

    It keeps what it saw.
    """

    name = "wavering"

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._patience = rng.uniform(0.1, 1.0)
        self._reach = int(rng.choice([12, 24, 48]))
        self._against = rng.uniform(0.0, 0.3)
        self.views: list[View] = []

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        self.views.append(view)
        coming = coming_periods(view)[: self._reach]
        cleaner = float(np.mean(coming < coming[0])) if len(coming) else 0.0
        works = (cleaner < self._patience) != (self._rng.random() < self._against)
        choice = _work(view) if works else REST
        return Decision(division(choice, view.devices), "It wavers.")


def _work(view: View) -> int:
    """How devices work: half of them score first, as long as scores are wanted."""
    ranked = view.backlog > 0
    return BOTH if view.can_sample and (view.samples < FEW_SCORES or ranked) else EVALUATE


def demonstrate(scenarios: Scenarios, numbers: Iterable[int], seed: int) -> Demonstrations:
    """What would have been right in the scenarios of these numbers."""
    found = []
    for number in numbers:
        scenario = scenarios[number]
        needed = play(replace(scenario, budget=None), Unwaiting())  # a budget changes the hours, not the work
        if not needed.reached:  # nothing that a policy does could help
            continue
        wavering = Wavering(stream(seed, f"wavering.{number}"))
        play(scenario, wavering)
        found += [_judged(view, scenario, needed.trainings) for view in wavering.views]
    observations, masks, choices, weights = zip(*found, strict=True)
    return Demonstrations(np.array(observations), np.array(masks), np.array(choices), np.array(weights))


def _judged(view: View, scenario: Scenario, trainings: int) -> tuple[np.ndarray, np.ndarray, int, float]:
    """Observation, mask, what was right, and how much it mattered."""
    materials = prepared(scenario)
    left = np.arange(max(math.floor(view.time_left_s / view.period_s), 1))
    prices = np.array(
        [
            materials.intensity.mean(view.now_s + at * view.period_s, view.now_s + (at + 1) * view.period_s)
            for at in left[: max(len(left) - 1, 1)]
        ]
    )
    a_period = view.devices * view.period_s / float(materials.table.train_s.mean())
    needed = max(math.ceil((trainings - view.evaluations) / a_period), 1)
    in_time = needed <= SHORT * len(prices)
    dearest = np.sort(prices)[needed - 1] if in_time else TOO_LATE * prices.max()
    mask = possible(view)
    too_dear = float((prices[0] - dearest) / prices.mean()) - ALLOWANCE
    choice = REST if too_dear > 0 and mask[REST] else _work(view)
    return observe(view), mask, choice, abs(too_dear)
