import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.pareto.dominance import dominance_numbers
from ce_nas.search.lamoo.searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import UniformSearcher
from ce_nas.search.successive_halving import PromotingSearcher
from ce_nas.search.surrogate.searcher import SurrogateSearcher
from ce_nas.space.base import Space

SPACE = Space("grid", ["a", "b", "c"], [[*"uvwxyz"]] * 3)


def values(cell, fidelity=1.0):
    return float(10 + cell[0] ** 2 - 2 * cell[1] + 3 * (fidelity < 1)), float(20 - 3 * cell[0] + cell[2])


INNER = {
    "uniform": lambda: UniformSearcher(SPACE, stream(0, "s")),
    "nsga2": lambda: Nsga2Searcher(SPACE, stream(0, "s")),
    "lamoo": lambda: LamooSearcher(SPACE, stream(0, "s"), (50.0, 30.0)),
    "surrogate": lambda: SurrogateSearcher(SPACE, stream(0, "s"), (50.0, 30.0), trained=[True, False]),
}


def trained(searcher, rounds=12, n=6):
    """What was trained at which fidelity, in order."""
    full, history = set(), []
    for _ in range(rounds):
        asked = searcher.ask(n, full)
        told = [Observation(cell, values(cell, f), f) for cell in asked for f in [searcher.fidelity_of(cell)]]
        full |= {item.architecture for item in told if item.fidelity == 1.0}
        history += [(item.architecture, item.fidelity) for item in told]
        searcher.tell(told)
    return history


@pytest.mark.parametrize("inner", INNER)
def test_everything_begins_in_part_and_the_stated_share_is_carried_on(inner):
    history = trained(PromotingSearcher(INNER[inner](), early=0.1, share=0.25))
    early = [cell for cell, fidelity in history if fidelity == 0.1]
    full = [cell for cell, fidelity in history if fidelity == 1.0]
    assert len(set(early)) == len(early)
    assert len(set(full)) == len(full)
    assert 0.15 * len(early) < len(full) <= 0.25 * len(early)
    for cell in full:
        assert history.index((cell, 0.1)) < history.index((cell, 1.0))


@pytest.mark.parametrize("inner", ["nsga2", "lamoo", "surrogate"])
def test_the_better_ones_are_carried_on(inner):
    history = trained(PromotingSearcher(INNER[inner](), early=0.1, share=0.25))
    begun = [cell for cell, fidelity in history if fidelity == 0.1]
    numbers = dict(zip(begun, dominance_numbers([values(cell) for cell in begun]), strict=True))
    carried_on = [numbers[cell] for cell, fidelity in history if fidelity == 1.0]
    assert np.mean(carried_on) < 0.8 * np.mean(list(numbers.values()))


def test_the_inner_searcher_is_told_every_fidelity():
    inner = INNER["surrogate"]()
    trained(PromotingSearcher(inner, early=0.1))
    assert inner._knowledge.early.count > inner._knowledge.versions[0] > 3


def test_a_promotion_that_was_not_taken_up_is_proposed_again():
    searcher = PromotingSearcher(INNER["nsga2"](), early=0.1, share=1.0)
    cells = searcher.ask(4, set())
    searcher.tell([Observation(cell, values(cell), 0.1) for cell in cells])
    first = searcher.ask(2, set())
    assert all(searcher.fidelity_of(cell) == 1.0 for cell in first)
    assert set(searcher.ask(4, set())) >= set(first)


def test_once_nothing_new_is_left_the_rest_is_carried_on():
    searcher = PromotingSearcher(INNER["uniform"](), early=0.1, share=0.01)
    members = list(SPACE.index)
    searcher.tell([Observation(cell, values(cell), 0.1) for cell in members])
    assert len(searcher.ask(10, set())) == 10


def test_a_searcher_trains_everything_in_full_by_itself():
    assert INNER["uniform"]().fidelity_of((0, 0, 0)) == 1.0


@pytest.mark.parametrize("wrong", [{"early": 0.0}, {"early": 1.0}, {"share": 0.0}, {"share": 1.1}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(SettingsError, match="Expected early"):
        PromotingSearcher(INNER["uniform"](), **wrong)
