"""What would have been right, seen from the end: demonstrations for a policy to begin with, and what to reward it by.

Which hours are clean, and how many trainings a scenario's level takes, is known of a search on record. In each
situation the rest of the true trace says what a later hour would have cost that working now makes needless: the last
one needed, in the order of the forecast, since nobody can pick hours in the order of the truth. Whether to work now
is right if this hour is cheaper than that, and it matters by as much as it is. Needed is the work that was really
left, or what was believed to be, if that is more: who acts cannot count on luck. A policy that learns this from
observations alone learns the price up to which working now is right on average.

Situations are those that a rule which wavers gets into, and, once there is a policy, those that it gets into itself.

Source
    [DAgger] Ross, Gordon, Bagnell. A Reduction of Imitation Learning and Structured Prediction to No-Regret Online
    Learning. AISTATS 2011.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.rng import stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.energy.power_model import AVERAGE_PUE, TRAINING_W
from ce_nas.forecast.resampling import coming_periods
from ce_nas.policies.base import Allocator, Decision
from ce_nas.policies.learned.actions import MENU, division, possible
from ce_nas.policies.learned.features import observe
from ce_nas.policies.learned.policy import Learned
from ce_nas.policies.remaining_work import work_ahead
from ce_nas.rl.evaluate import MISSED, play
from ce_nas.rl.scenarios import training_s

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ce_nas.core.records import View
    from ce_nas.policies.learned.network import PolicyNetwork
    from ce_nas.rl.scenarios import Scenario, Scenarios

__all__ = ["Demonstrations", "Hindsight", "Wavering", "demonstrate", "together"]

REST, EVALUATE, SAMPLE = MENU.index((0.0, 0.0)), MENU.index((1.0, 0.0)), MENU.index((0.0, 1.0))
#: so many scores are always worth having; more of them only where trainings are ranked by them
FEW_SCORES = 1000
#: share of the hours left that may be needed before time is short; then an hour is worth so many of the dearest ones
SHORT, TOO_LATE = 0.85, 1.5
#: periods before and after the last one needed that tell what it costs
BESIDE = 2
#: share of the trainings to come that is still to come at the least, however long those under way have been
LEAST_LEFT = 1 / 3


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


class Hindsight:
    """What is known of a scenario from its end: the true intensity of every period, and the work that it takes."""

    def __init__(self, scenario: Scenario, period_s: float) -> None:
        trace, periods = scenario.intensity, max(int(scenario.hours * HOUR_S / period_s), 1)
        self._scenario = scenario
        self._intensities = np.array([trace.mean(at * period_s, (at + 1) * period_s) for at in range(periods)])
        self._all_kwh = scenario.gpus * TRAINING_W * AVERAGE_PUE * period_s / J_PER_KWH
        self._a_period = scenario.gpus * period_s / training_s(scenario.dataset)
        self._training_s = training_s(scenario.dataset)

    def intensities(self, view: View) -> np.ndarray:
        """Of the periods from the present one to the deadline, g/kWh, shape ``(periods,)``; one or more."""
        return self._intensities[min(round(view.now_s / view.period_s), len(self._intensities) - 1) :]

    def needed(self, view: View) -> float:
        """Periods that all devices still have to work in; what is under way counts as far as it has come."""
        trainings = self._scenario.trainings or 0
        left = max(trainings - view.evaluations, 1)
        return max(trainings - view.trained_s / self._training_s, LEAST_LEFT * left) / self._a_period

    def to_come_g(self, view: View) -> float:
        """The least that the rest of the search can emit, with the fine for a target that is out of reach by now, g."""
        if self._scenario.trainings is None or view.hypervolume >= view.target:
            return 0.0
        ordered, needed = np.sort(self.intensities(view)), self.needed(view)
        whole = min(int(needed), len(ordered))
        parts = ordered[:whole].sum() + (ordered[whole] * (needed - whole) if whole < len(ordered) else 0.0)
        missed_g = MISSED * self._scenario.work_g if needed > len(ordered) else 0.0
        return float(self._all_kwh * parts + missed_g)

    def judged(self, view: View) -> tuple[np.ndarray, np.ndarray, int, float]:
        """Observation, mask, what was right, and how much it mattered."""
        prices = self.intensities(view)
        prices = prices[: max(len(prices) - 1, 1)]
        believed = work_ahead(view).device_s / (view.devices * view.period_s)
        needed = max(int(np.ceil(max(self.needed(view), believed))), 1)
        in_time = needed <= SHORT * len(prices)
        dearest = _replaced(view, prices, needed) if in_time else TOO_LATE * prices.max()
        mask = possible(view)
        too_dear = float((prices[0] - dearest) / prices.mean())
        choice = REST if too_dear > 0 and mask[REST] else _work(view)
        return observe(view), mask, choice, abs(too_dear)


def _replaced(view: View, prices: np.ndarray, needed: int) -> float:
    """What the hour would have cost, in truth, that working now makes needless: of the later ones, the last that is
    needed in the order of the forecast, and a few beside it. Nobody can pick hours in the order of the truth.
    """
    if view.forecast is None or len(prices) <= 1 + BESIDE:
        return float(np.sort(prices)[min(needed, len(prices)) - 1])
    later = view.forecast.ahead(view.now_s, view.period_s, len(prices))[1:]
    last = min(needed, len(later)) - 1
    order = np.argsort(later, kind="stable") + 1
    return float(prices[order[max(last - BESIDE, 0) : last + BESIDE + 1]].mean())


class _Watched(Allocator):
    """Keeps what a policy saw."""

    name = "watched"

    def __init__(self) -> None:
        self.views: list[View] = []

    def decide(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        self.views.append(view)
        return self.choose(view)

    @abstractmethod
    def choose(self, view: View) -> Decision:
        """What it does."""


class Wavering(_Watched):
    """Works while few of the periods ahead are forecast cleaner, and now and then does the opposite."""

    name = "wavering"

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        self._rng = rng
        self._patience = rng.uniform(0.1, 1.0)
        self._reach = int(rng.choice([12, 24, 48]))
        self._against = rng.uniform(0.0, 0.3)

    def choose(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        coming = coming_periods(view)[: self._reach]
        cleaner = float(np.mean(coming < coming[0])) if len(coming) else 0.0
        works = (cleaner < self._patience) != (self._rng.random() < self._against)
        choice = _work(view) if works else REST
        return Decision(division(choice, view.devices), "It wavers.")


class _Following(_Watched):
    """Does what a network says."""

    name = "following"

    def __init__(self, network: PolicyNetwork) -> None:
        super().__init__()
        self._learned = Learned(network)

    def choose(self, view: View) -> Decision:
        """See :meth:`Allocator.decide`."""
        return self._learned.decide(view)


def _work(view: View) -> int:
    """How devices work: all of them score first, as long as scores are wanted."""
    ranked = view.backlog > 0
    return SAMPLE if view.can_sample and (view.samples < FEW_SCORES or ranked) else EVALUATE


def demonstrate(
    scenarios: Scenarios, numbers: Iterable[int], seed: int, policy: PolicyNetwork | None = None
) -> Demonstrations:
    """What would have been right in the scenarios of these numbers, where ``policy`` gets to, or a rule that wavers."""
    found = []
    for number in numbers:
        scenario = scenarios[number]
        if scenario.trainings is None:  # nothing that a policy does could help
            continue
        watched = _Following(policy) if policy else Wavering(stream(seed, f"wavering.{number}"))
        play(scenario, watched)
        hindsight = Hindsight(scenario, watched.views[0].period_s)
        found += [hindsight.judged(view) for view in watched.views]
    observations, masks, choices, weights = zip(*found, strict=True)
    return Demonstrations(np.array(observations), np.array(masks), np.array(choices), np.array(weights))


def together(one: Demonstrations, other: Demonstrations) -> Demonstrations:
    """Those of both."""
    return Demonstrations(
        np.concatenate([one.observations, other.observations]),
        np.concatenate([one.masks, other.masks]),
        np.concatenate([one.choices, other.choices]),
        np.concatenate([one.weights, other.weights]),
    )
