"""Sizes of DARTS networks are what the tables of NAS-Bench-301 state, to the last parameter and FLOP."""

import numpy as np
import pytest

from ce_nas.core.rng import stream
from ce_nas.space.darts import DARTS_OPERATIONS, DartsSpace
from ce_nas.space.darts_counts import DartsSizes, stages

SPACE = DartsSpace()


def test_they_are_those_of_the_official_predictions(nb301_predictions):
    architectures, rows = nb301_predictions
    sizes = DartsSizes()
    np.testing.assert_array_equal(sizes.parameters(architectures) / 1e6, [float(row["params_m"]) for row in rows])
    np.testing.assert_array_equal(sizes.flops(architectures) / 1e6, [float(row["flops_m"]) for row in rows])


def test_the_reductions_stand_at_a_third_and_two_thirds():
    plan = list(stages(96, 32, 8, 32))
    assert [stage.reduction for stage in plan] == [False, False, True, False, False, True, False, False]
    assert [stage.channels for stage in plan] == [32, 32, 64, 64, 64, 128, 128, 128]
    assert [stage.image for stage in plan] == [32, 32, 32, 16, 16, 16, 8, 8]
    assert [stage.after_reduction for stage in plan] == [False, False, False, True, False, False, True, False]
    assert (plan[3].before_last, plan[3].last) == (128, 256)


def test_a_cheaper_operation_makes_a_smaller_network():
    skip, small, large = (DARTS_OPERATIONS.index(name) for name in ("skip_connect", "dil_conv_3x3", "sep_conv_5x5"))
    (base,) = SPACE.sample(stream(0, "sizes"), 1)
    place = SPACE.variables.index("normal.4.upper")
    row = [(*base[:place], code, *base[place + 1 :]) for code in (skip, small, large)]
    sizes = DartsSizes()
    assert (np.diff(sizes.parameters(row)) > 0).all()
    assert (np.diff(sizes.flops(row)) > 0).all()


@pytest.mark.parametrize("which", ["parameters", "flops"])
def test_no_sizes_for_no_architectures(which):
    assert getattr(DartsSizes(), which)([]).shape == (0,)


def test_the_ranges_hold_every_network_and_are_reached():
    sizes, drawn = DartsSizes(), SPACE.sample(stream(0, "sizes"), 300)
    for (low, high), found in (
        (sizes.parameters_range, sizes.parameters(drawn)),
        (sizes.flops_range, sizes.flops(drawn)),
    ):
        assert low < found.min() < found.max() < high
    largest, pool = (DARTS_OPERATIONS.index(name) for name in ("sep_conv_5x5", "max_pool_3x3"))
    uniform = [
        tuple(0 if variable.endswith("inputs") else code for variable in SPACE.variables) for code in (pool, largest)
    ]
    np.testing.assert_array_equal(sizes.parameters(uniform), sizes.parameters_range)
    assert sizes.flops(uniform)[1] == sizes.flops_range[1]
