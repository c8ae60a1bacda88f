import numpy as np
import pytest

from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.random import RandomSearcher
from ce_nas.search.short_trainings import ShortTrainingsSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.space.base import Space
from ce_nas.store.run_dir import read_run_entries

SPACE = Space("toy", ["a", "b", "c", "d"], [list("vwxyz")] * 4)
CELLS = SPACE.all_architectures
COST = SPACE.members.sum(axis=1) + 1.0
_RNG = np.random.default_rng(0)
ERROR = 40.0 - 1.2 * COST + _RNG.normal(0.0, 3.0, (4, 5))[np.arange(4), SPACE.members].sum(axis=1)
ERROR -= ERROR.min() - 1.0
#: after a short training every error is larger, and noisy
SHORT_ERROR = 10.0 + 1.3 * ERROR + _RNG.normal(0.0, 1.0, SPACE.size)
REFERENCE = np.array([60.0, 20.0])
VALUES = np.column_stack([ERROR, COST])
SHORT = 0.05


def surrogate(seed, name):
    return SurrogateSearcher(SPACE, random_stream(seed, name), REFERENCE, known_objectives=[None, COST])


def with_short(seed=0, count=16):
    return ShortTrainingsSearcher(surrogate(seed, "full"), surrogate(seed, "short"), SHORT, count)


def observe(searcher, cells):
    found = []
    for cell in cells:
        row, fidelity = SPACE.index[cell], searcher.fidelity_of(cell)
        error = ERROR[row] if fidelity == 1.0 else SHORT_ERROR[row]
        found.append(Observation(cell, (float(error), float(COST[row])), fidelity))
    searcher.tell(found)
    return found


def search(searcher, spent):
    """The share of the hypervolume missing after full trainings that cost as much, short ones included."""
    full, cost = {}, 0.0
    while cost < spent:
        for found in observe(searcher, searcher.ask(4, full)):
            cost += found.fidelity
            if found.fidelity == 1.0:
                full[found.architecture] = found.values
    return 1.0 - hypervolume(list(full.values()), REFERENCE) / hypervolume(VALUES, REFERENCE)


def test_the_stated_number_of_short_trainings_comes_first():
    searcher, full, fidelities = with_short(count=10), {}, []
    for _ in range(5):
        found = observe(searcher, searcher.ask(4, full))
        fidelities += [one.fidelity for one in found]
        full.update({one.architecture: None for one in found if one.fidelity == 1.0})
    assert fidelities == [SHORT] * 10 + [1.0] * 10


def test_short_trainings_are_not_repeated_but_may_be_completed():
    searcher, full, seen, completed = with_short(count=30), {}, set(), 0
    while len(full) < 24:
        for found in observe(searcher, searcher.ask(4, full)):
            if found.fidelity < 1.0:
                assert found.architecture not in seen
                seen.add(found.architecture)
            else:
                completed += found.architecture in seen
                full[found.architecture] = None
    assert len(seen) == 30
    assert completed > 0


def test_a_short_training_that_did_not_begin_is_issued_again():
    searcher = with_short(count=2)
    (first,) = searcher.ask(1, exclude=set())
    assert searcher.fidelity_of(first) == SHORT
    pair = searcher.ask(2, exclude=set())  # the first was not accepted
    assert [searcher.fidelity_of(cell) for cell in pair] == [SHORT, SHORT]
    (third,) = searcher.ask(1, exclude=set(pair))
    assert searcher.fidelity_of(third) == 1.0


def test_fewer_full_trainings_reach_the_same():
    plain = np.mean([search(surrogate(seed, "full"), 10.0) for seed in range(3)])
    shorter = np.mean([search(with_short(seed), 10.0) for seed in range(3)])
    assert shorter < 0.8 * plain


def test_no_gain_is_expected_while_trainings_are_short():
    searcher = with_short(count=8)
    observe(searcher, searcher.ask(8, set()))
    assert with_short(count=8).expected_gain(4) is None
    full = {}
    while len(full) < 16:
        full.update({one.architecture: None for one in observe(searcher, searcher.ask(4, full))})
    assert searcher.expected_gain(4) > 0.0


@pytest.mark.parametrize(("fidelity", "count"), [(0.0, 4), (1.0, 4), (0.5, 0)])
def test_invalid_settings_are_refused(fidelity, count):
    with pytest.raises(SettingsError, match=r"^Expected a fidelity above 0"):
        ShortTrainingsSearcher(surrogate(0, "full"), RandomSearcher(SPACE, random_stream(0, "s")), fidelity, count)


def test_options_without_effect_are_refused():
    with pytest.raises(SettingsError, match="has no effect without the length of a short training"):
        settings_from_flags(searcher={"short_trainings": 8})
    with pytest.raises(SettingsError, match="has no effect without successive halving"):
        settings_from_flags(searcher={"short_trainings": 8, "initial_fidelity": 0.1, "promotion_rate": 0.5})


@pytest.mark.long
def test_a_whole_search_trains_shortly_first(shared_data, tmp_path):
    problem = {"name": "hwnasbench", "table": str(shared_data / "nasbench201/nb201.parquet"), "measured_only": True}
    problem |= {"objectives": ["accuracy", "raspi4_latency"], "proxy_scores": "none"}
    searcher = {"initial_fidelity": 0.06, "short_trainings": 12}
    Search(problem=problem, searcher=searcher, policy="vanilla", gpus=4, hours=2, stop="never").run(tmp_path / "run")
    entries = read_run_entries(tmp_path / "run")
    fidelities = [entry.content["fidelity"] for entry in entries if entry.kind == "evaluated"]
    assert fidelities.count(0.06) == 12
    assert fidelities.count(1.0) > 8
