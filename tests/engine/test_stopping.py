"""The stop rule, on records and models made by hand, and at the end of whole searches."""

import pytest

from ce_nas.api import Search
from ce_nas.components.registry import POLICIES
from ce_nas.core.records import Activity, Objective, Observation
from ce_nas.energy.ledger import LedgerTotals
from ce_nas.engine.search_progress import SearchProgress
from ce_nas.engine.stopping import StopRule
from ce_nas.search.base import Searcher
from ce_nas.space.base import Space

SPACE = Space("toy", ["a", "b"], [list(map(str, range(40)))] * 2)
OBJECTIVES = [Objective("x", "", maximise=False, reference=1.0), Objective("y", "", maximise=False, reference=1.0)]


class Scripted(Searcher):
    """A searcher without a model, or with one that expects the same of every further training."""

    name = "scripted"

    def __init__(self, gain=None):
        self.gain = gain

    def ask(self, n, exclude):
        return []

    def tell(self, observations):
        pass

    def expected_gain(self, trainings):
        return None if self.gain is None else self.gain * trainings


def trainings_until_stop(rule, hypervolumes, g_per_training=100.0):
    """The number of trainings after which the rule says stop; None if it never does."""
    progress = SearchProgress(SPACE, OBJECTIVES)
    for count, hypervolume in enumerate(hypervolumes, 1):
        cell = (count % 40, count // 40)
        progress.add_evaluation(Observation(cell, (1.0 - hypervolume, 0.0)))
        if rule.update(progress, LedgerTotals(carbon_g={Activity.TRAINING: g_per_training * count})):
            return count
    return None


def flat_after(rise, total=200):
    """Hypervolumes that rise in steps of one in a hundred, and then rest."""
    return [min(count, rise) / (2 * rise) for count in range(1, total)]


def test_flat_record_without_a_model_stops_once_half_the_trainings_added_nothing():
    assert trainings_until_stop(StopRule("auto", Scripted()), flat_after(30)) == 59  # within a rounding of twice the 30


def test_model_that_expects_nothing_needs_only_a_third():
    assert trainings_until_stop(StopRule("auto", Scripted(0.0)), flat_after(30)) == 44


def test_model_that_expects_more_keeps_a_flat_search_going():
    assert trainings_until_stop(StopRule("auto", Scripted(0.01)), flat_after(30)) is None


def test_rising_record_keeps_a_search_going_whatever_the_model_expects():
    rising = [count / 1000 for count in range(1, 400)]
    assert trainings_until_stop(StopRule("auto", Scripted(0.0)), rising) is None


def test_never_is_never():
    assert trainings_until_stop(StopRule("never", Scripted(0.0)), flat_after(30)) is None


@pytest.mark.parametrize(("price", "stops"), [(0.01, False), (10.0, True)])
def test_stated_price_is_per_kilogram(price, stops):
    # a third of 100 trainings adds 0.6 % and takes 3.3 kg: 0.2 %/kg
    rising = [0.5 + 1e-4 * count for count in range(1, 101)]
    assert (trainings_until_stop(StopRule(price, Scripted(0.0)), rising) is not None) == stops


def test_carbon_free_hours_never_reach_a_stated_price():
    assert trainings_until_stop(StopRule(1.0, Scripted(0.0)), flat_after(30), g_per_training=0.0) is None


def test_reason_gives_the_figures_in_one_sentence():
    rule = StopRule("auto", Scripted(0.0))
    trainings_until_stop(rule, flat_after(30))
    assert rule.reason == (
        "After 44 trainings, 14 more, about 1.40 kg of CO2eq, are expected to add 0.000 % of the hypervolume at most; "
        "less than 0.100 % is not worth its carbon."
    )


@pytest.mark.parametrize("searcher", ["random", pytest.param("surrogate", marks=pytest.mark.slow)])
def test_search_without_a_budget_ends_by_itself_and_says_why(searcher):
    stop = {"surrogate": "auto", "random": "20%/kg"}[searcher]
    search = Search(policy="vanilla", searcher=searcher, proxy_scores="none", gpus=4, hours=1000, stop=stop, seed=1000)
    result = search.run()
    at = next(row for row, entry in enumerate(result.entries) if entry.kind == "stopping")
    assert result.summary.stop == "converged"
    assert "worth its carbon" in result.entries[at].content["reason"]
    assert not [entry for entry in result.entries[at:] if entry.kind == "task_started"]
    assert result.entries[-1].content["unfinished_tasks"] == []


def test_target_is_pursued_however_little_a_kilogram_brings():
    result = Search(policy="vanilla", searcher="random", gpus=8, hours=30, target=1e9, seed=1).run()
    assert result.summary.stop == "deadline"


@pytest.mark.long
@pytest.mark.parametrize("policy", POLICIES.names())
def test_every_policy_keeps_a_stop(policy):
    result = Search(policy=policy, searcher="random", gpus=8, hours=40, stop="50%/kg").run()
    stopped = next(row for row, entry in enumerate(result.entries) if entry.kind == "stopping")
    assert result.summary.stop == "converged"
    begun = {entry.content["task"] for entry in result.entries[:stopped] if entry.kind == "task_started"}
    later = {entry.content["task"] for entry in result.entries[stopped:] if entry.kind == "task_started"}
    assert later <= begun  # at most resumed
