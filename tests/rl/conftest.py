"""Synthetic recordings: without proxy scores trainings are random, with them they are of good architectures."""

import numpy as np
import pytest

from ce_nas.benchmarks.tabular import objective_matrix
from ce_nas.config.schema import settings_from_flags
from ce_nas.engine.inputs import RunInputs
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.pareto.sorting import nondomination_ranks
from ce_nas.rl.replay_data import RecordedSearch
from ce_nas.rl.scenarios import ScenarioDistribution, ScenarioSampler


def make_recording(values, reference, seed, *, with_proxy_scores):
    rng = np.random.default_rng(seed + 10 * with_proxy_scores)
    order = np.argsort(nondomination_ranks(values), kind="stable")[: 400 if with_proxy_scores else len(values)]
    indices = rng.permutation(order)[:120].astype(np.int32)
    hypervolumes = np.array([hypervolume(values[indices[: n + 1]], reference) for n in range(len(indices))])
    return RecordedSearch("cifar10", "lamoo", seed, with_proxy_scores, indices, hypervolumes)


@pytest.fixture(scope="session")
def recordings():
    inputs = RunInputs(settings_from_flags())
    values = objective_matrix(inputs.table, inputs.objectives)
    reference = [objective.sign * objective.reference for objective in inputs.objectives]
    return [
        make_recording(values, reference, seed, with_proxy_scores=scores)
        for seed in range(1, 7)
        for scores in (False, True)
    ]


@pytest.fixture
def scenarios(recordings):
    """Searches of 4 GPUs and 10 hours."""
    return ScenarioSampler(0, "test", recordings, ScenarioDistribution(gpus=(4,), hours=(10.0,), budgeted_share=0.0))
