import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.dominance import dominance_numbers
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.search.successive_halving import SuccessiveHalvingSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.space.base import Space

SPACE = Space("grid", ["a", "b", "c"], [[*"uvwxyz"]] * 3)


def values(cell, fidelity=1.0):
    return float(10 + cell[0] ** 2 - 2 * cell[1] + 3 * (fidelity < 1)), float(20 - 3 * cell[0] + cell[2])


INNER = {
    "random": lambda: RandomSearcher(SPACE, random_stream(0, "s")),
    "nsga2": lambda: Nsga2Searcher(SPACE, random_stream(0, "s")),
    "lamoo": lambda: LamooSearcher(SPACE, random_stream(0, "s"), (50.0, 30.0)),
    "surrogate": lambda: SurrogateSearcher(SPACE, random_stream(0, "s"), (50.0, 30.0), requires_training=[True, False]),
}


def trained(searcher, rounds=12, n=6):
    """What was trained at which fidelity, in order."""
    full, history = set(), []
    for _ in range(rounds):
        asked = searcher.ask(n, full)
        observations = [Observation(cell, values(cell, f), f) for cell in asked for f in [searcher.fidelity_of(cell)]]
        full |= {observation.architecture for observation in observations if observation.fidelity == 1.0}
        history += [(observation.architecture, observation.fidelity) for observation in observations]
        searcher.tell(observations)
    return history


@pytest.mark.parametrize("inner", INNER)
def test_initial_fidelity_and_promotion_rate(inner):
    history = trained(SuccessiveHalvingSearcher(INNER[inner](), initial_fidelity=0.1, promotion_rate=0.25))
    partial = [cell for cell, fidelity in history if fidelity == 0.1]
    full = [cell for cell, fidelity in history if fidelity == 1.0]
    assert len(set(partial)) == len(partial)
    assert len(set(full)) == len(full)
    assert 0.15 * len(partial) < len(full) <= 0.25 * len(partial)
    for cell in full:
        assert history.index((cell, 0.1)) < history.index((cell, 1.0))


@pytest.mark.parametrize("inner", ["nsga2", "lamoo", "surrogate"])
def test_better_architectures_are_promoted(inner):
    history = trained(SuccessiveHalvingSearcher(INNER[inner](), initial_fidelity=0.1, promotion_rate=0.25))
    better_shares = []
    for position, (cell, fidelity) in enumerate(history):
        if fidelity == 1.0:  # compared with all that could have been promoted then
            started = [other for other, fidelity in history[:position] if fidelity == 0.1]
            numbers = dict(zip(started, dominance_numbers([values(other) for other in started]), strict=True))
            better_shares.append(np.mean([number < numbers[cell] for number in numbers.values()]))
    assert np.mean(better_shares) < 0.4


def test_inner_searcher_observes_every_fidelity():
    inner = INNER["surrogate"]()
    trained(SuccessiveHalvingSearcher(inner, initial_fidelity=0.1))
    assert inner._dataset.partial_trainings.count > inner._dataset.counts[0] > 3


def test_unaccepted_promotion_is_proposed_again():
    searcher = SuccessiveHalvingSearcher(INNER["nsga2"](), initial_fidelity=0.1, promotion_rate=1.0)
    cells = searcher.ask(4, set())
    searcher.tell([Observation(cell, values(cell), 0.1) for cell in cells])
    first = searcher.ask(2, set())
    assert all(searcher.fidelity_of(cell) == 1.0 for cell in first)
    assert set(searcher.ask(4, set())) >= set(first)


def test_exhausted_space_promotes_the_rest():
    searcher = SuccessiveHalvingSearcher(INNER["random"](), initial_fidelity=0.1, promotion_rate=0.01)
    members = list(SPACE.index)
    searcher.tell([Observation(cell, values(cell), 0.1) for cell in members])
    assert len(searcher.ask(10, set())) == 10


def test_default_fidelity_is_a_full_training():
    assert INNER["random"]().fidelity_of((0, 0, 0)) == 1.0


@pytest.mark.parametrize(
    "wrong", [{"initial_fidelity": 0.0}, {"initial_fidelity": 1.0}, {"promotion_rate": 0.0}, {"promotion_rate": 1.1}]
)
def test_invalid_settings_are_rejected(wrong):
    with pytest.raises(SettingsError, match="Expected initial_fidelity"):
        SuccessiveHalvingSearcher(INNER["random"](), **wrong)
