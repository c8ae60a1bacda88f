"""Sizes of DARTS networks are what the tables of NAS-Bench-301 state, to the last parameter and FLOP."""

import numpy as np
import pytest

from ce_nas.core.rng import random_stream
from ce_nas.space.darts import DARTS_OPERATIONS, DartsSpace
from ce_nas.space.darts_counts import DartsCounts, cell_specs

SPACE = DartsSpace()


def test_counts_equal_official_predictions(nb301_predictions):
    architectures, rows = nb301_predictions
    counts_of = DartsCounts()
    np.testing.assert_array_equal(counts_of.parameters(architectures) / 1e6, [float(row["params_m"]) for row in rows])
    np.testing.assert_array_equal(counts_of.flops(architectures) / 1e6, [float(row["flops_m"]) for row in rows])


def test_reduction_cells_at_one_and_two_thirds():
    plan = list(cell_specs(96, 32, 8, 32))
    assert [cell.is_reduction for cell in plan] == [False, False, True, False, False, True, False, False]
    assert [cell.channels for cell in plan] == [32, 32, 64, 64, 64, 128, 128, 128]
    assert [cell.image_size for cell in plan] == [32, 32, 32, 16, 16, 16, 8, 8]
    assert [cell.after_reduction for cell in plan] == [False, False, False, True, False, False, True, False]
    assert (plan[3].channels_prev_prev, plan[3].channels_prev) == (128, 256)


def test_counts_grow_with_the_operation():
    skip, small, large = (DARTS_OPERATIONS.index(name) for name in ("skip_connect", "dil_conv_3x3", "sep_conv_5x5"))
    (base,) = SPACE.sample(random_stream(0, "counts_of"), 1)
    variable = SPACE.variables.index("normal.4.upper")
    row = [(*base[:variable], code, *base[variable + 1 :]) for code in (skip, small, large)]
    counts_of = DartsCounts()
    assert (np.diff(counts_of.parameters(row)) > 0).all()
    assert (np.diff(counts_of.flops(row)) > 0).all()


@pytest.mark.parametrize("which", ["parameters", "flops"])
def test_counts_of_no_architectures(which):
    assert getattr(DartsCounts(), which)([]).shape == (0,)


def test_count_ranges_are_tight_bounds():
    counts_of, drawn = DartsCounts(), SPACE.sample(random_stream(0, "counts_of"), 300)
    for (low, high), counts in (
        (counts_of.parameters_range, counts_of.parameters(drawn)),
        (counts_of.flops_range, counts_of.flops(drawn)),
    ):
        assert low < counts.min() < counts.max() < high
    largest, pool = (DARTS_OPERATIONS.index(name) for name in ("sep_conv_5x5", "max_pool_3x3"))
    uniform = [
        tuple(0 if variable.endswith("inputs") else code for variable in SPACE.variables) for code in (pool, largest)
    ]
    np.testing.assert_array_equal(counts_of.parameters(uniform), counts_of.parameters_range)
    assert counts_of.flops(uniform)[1] == counts_of.flops_range[1]
