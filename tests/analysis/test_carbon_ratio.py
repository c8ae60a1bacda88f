import math

import pytest

from ce_nas.analysis.carbon_ratio import decompose_ratio, pair_runs
from ce_nas.analysis.trajectory import Trajectory
from ce_nas.core.errors import DataError
from ce_nas.core.units import J_PER_KWH

# by hand: to a hypervolume of 90, theirs takes 40 kWh at 300 g/kWh and 80 trainings, ours 5 kWh at 200 g/kWh and 10
THEIRS = [(50, 10, 280, 20), (90, 40, 300, 80), (90, 60, 310, 120)]
OURS = [(60, 2, 210, 4), (95, 5, 200, 10)]


def make_trajectory(points):
    """A trajectory of hypervolumes and the kWh, g/kWh and trainings that they took."""
    carbon_g = [float(kwh * intensity) for _, kwh, intensity, _ in points]
    return Trajectory(
        hours=[float(hour) for hour in range(1, len(points) + 1)],
        hypervolume=[float(point[0]) for point in points],
        carbon_g=carbon_g,
        paper_carbon_g=[2 * grams for grams in carbon_g],
        energy_j=[kwh * J_PER_KWH for _, kwh, _, _ in points],
        evaluations=[point[3] for point in points],
    )


def test_carbon_ratio_and_its_factors_by_hand():
    (pair,) = pair_runs([make_trajectory(OURS)], [make_trajectory(THEIRS)])
    assert pair.hypervolume == 90
    assert pair.carbon_ratio == pytest.approx(40 * 300 / (5 * 200))  # 12
    assert pair.paper_carbon_ratio == pytest.approx(12)
    assert pair.energy_ratio == pytest.approx(8)
    assert pair.intensity_ratio == pytest.approx(1.5)
    assert pair.training_count_ratio == 8
    assert pair.energy_ratio * pair.intensity_ratio == pytest.approx(pair.carbon_ratio)


def test_seed_that_does_not_reach_the_hypervolume_counts_as_zero():
    ours = [make_trajectory(OURS), make_trajectory(OURS[:1])]
    pairs = pair_runs(ours, [make_trajectory(THEIRS)] * 2)
    assert (pairs[1].carbon_ratio, pairs[1].energy_ratio, pairs[1].intensity_ratio) == (0.0, 0.0, None)
    decomposition = decompose_ratio(pairs)
    assert decomposition.reached_share == 0.5
    assert decomposition.carbon_ratio.median == 0.0  # of two, the lower
    assert decomposition.intensity_ratio.median == pytest.approx(1.5)


def test_hypervolume_that_only_ours_reaches_gives_infinite_ratio():
    (pair,) = pair_runs([make_trajectory(OURS)], [make_trajectory(THEIRS)], 92.0)
    assert pair.carbon_ratio == math.inf
    assert pair.intensity_ratio is None


def test_no_seed_that_reaches_it_gives_no_intensity_ratio():
    decomposition = decompose_ratio(pair_runs([make_trajectory(OURS[:1])], [make_trajectory(THEIRS)]))
    assert (decomposition.intensity_ratio, decomposition.reached_share) == (None, 0.0)


def test_unequal_numbers_of_runs_are_refused():
    with pytest.raises(DataError, match="1 and 0"):
        pair_runs([make_trajectory(OURS)], [])


def test_a_hypervolume_of_zero_takes_nothing_on_both_sides():
    nothing = make_trajectory([(0, 0, 0, 0)])
    ratio = decompose_ratio(pair_runs([nothing], [nothing], 0.0))
    assert ratio.carbon_ratio.median == ratio.training_count_ratio.median == 1.0
    assert ratio.intensity_ratio is None
