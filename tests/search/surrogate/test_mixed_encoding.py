"""The surrogate in mixed spaces: a group a variable, numbers as numbers, and a search that finds a smooth front."""

import numpy as np

from ce_nas.core.records import Observation
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.surrogate.encoding import FeatureEncoder
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.space.conditional import ConditionalSpace
from ce_nas.space.distributions import Categorical, Float, Integer

REFERENCE = np.array([30.0, 65.0])
SPACE = ConditionalSpace(
    "own",
    {
        "kind": Categorical(["a", "b", "c"]),
        "rate": Float(1e-4, 1.0, log=True),
        "width": Integer(1, 64),
        "momentum": Float(0.0, 1.0, when={"kind": "a"}),
    },
)


def test_every_variable_is_a_group_and_a_number_one_column():
    groups = FeatureEncoder(SPACE).functional_groups([(0, 1e-4, 1, 0.5), (1, 1.0, 64, 0.5)])
    assert [group.shape for group in groups] == [(2, 3), (2, 1), (2, 1), (2, 1)]
    assert np.ptp(groups[1]) == 2.0
    assert np.ptp(groups[3]) == 0.0


def values(architecture):
    chosen = SPACE.configuration(architecture)
    error = (np.log10(chosen["rate"]) + 2.0) ** 2 + (chosen["kind"] != "b") + 20.0 / chosen["width"]
    return float(error), float(chosen["width"])


def reached(architectures):
    return hypervolume(np.array([values(each) for each in architectures]), REFERENCE)


def test_the_front_is_found_in_fewer_trainings_than_at_random():
    def known(architectures):
        return np.array([float(each[2]) for each in architectures])

    rng = np.random.default_rng(0)
    searcher = SurrogateSearcher(SPACE, rng, reference=REFERENCE, known_objectives=[None, known])
    assert searcher._initial_proposals == 8
    seen = []
    for _ in range(22):
        (architecture,) = searcher.ask(1, set(seen))
        seen.append(architecture)
        searcher.tell([Observation(architecture, values(architecture))])
    at_random = [reached(SPACE.sample(np.random.default_rng(seed), 45)) for seed in range(5)]
    assert reached(seen) > max(at_random)
