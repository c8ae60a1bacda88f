"""Recorded searches that take no time to make: blind ones train at random, informed ones what is good."""

import numpy as np
import pytest

from ce_nas.benchmarks.tabular import table_values
from ce_nas.config.schema import settings_from_flags
from ce_nas.engine.inputs import Materials
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.pareto.sorting import front_ranks
from ce_nas.rl.replay_data import Recording


def made_up(values, reference, seed, *, informed):
    rng = np.random.default_rng(seed + 10 * informed)
    order = np.argsort(front_ranks(values), kind="stable")[: 400 if informed else len(values)]
    rows = rng.permutation(order)[:120].astype(np.int32)
    found = np.array([hypervolume(values[rows[: at + 1]], reference) for at in range(len(rows))])
    return Recording("cifar10", "lamoo", seed, informed, rows, found)


@pytest.fixture(scope="session")
def records():
    materials = Materials(settings_from_flags())
    values = table_values(materials.table, materials.objectives)
    reference = [item.sign * item.reference for item in materials.objectives]
    return [made_up(values, reference, seed, informed=informed) for seed in range(1, 7) for informed in (False, True)]


@pytest.fixture
def scenarios(records):
    """Searches of 4 GPUs and 10 hours."""
    from ce_nas.rl.scenarios import Range, Scenarios

    return Scenarios(0, "test", records, Range(gpus=(4,), hours=(10.0,), budgeted=0.0))
