import math
from itertools import pairwise

import pytest

from ce_nas.analysis.trajectory import ResourceUsage, Trajectory, build_trajectory

TRAJECTORY = Trajectory(
    hours=[1.0, 2.0, 3.0],
    hypervolume=[4.0, 4.0, 9.0],
    carbon_g=[100.0, 200.0, 300.0],
    paper_carbon_g=[50.0, 60.0, 70.0],
    energy_j=[3.6e6, 5.4e6, 7.2e6],
    evaluations=[1, 2, 5],
)


def test_trajectory_is_monotonic_and_ends_at_the_summary(finished_run):
    trajectory = build_trajectory(finished_run.entries)
    for series in (
        trajectory.hours,
        trajectory.hypervolume,
        trajectory.carbon_g,
        trajectory.paper_carbon_g,
        trajectory.energy_j,
    ):
        assert all(after >= before * (1 - 1e-12) for before, after in pairwise(series))
    assert trajectory.carbon_g[-1] == pytest.approx(finished_run.summary.carbon_g["full"])
    assert trajectory.energy_j[-1] == pytest.approx(finished_run.summary.energy_j)
    assert (trajectory.final_hypervolume, trajectory.evaluations[-1]) == (
        finished_run.summary.hypervolume,
        finished_run.summary.evaluations,
    )


def test_usage_at_the_first_moment_of_a_hypervolume():
    assert (
        TRAJECTORY.usage_at_hypervolume(4.0)
        == TRAJECTORY.usage_at_hypervolume(0.1)
        == ResourceUsage(1.0, 100.0, 50.0, 3.6e6, 1)
    )
    assert TRAJECTORY.usage_at_hypervolume(4.1) == ResourceUsage(3.0, 300.0, 70.0, 7.2e6, 5)
    assert TRAJECTORY.usage_at_hypervolume(9.1) is None


def test_outcome_within_an_amount():
    reached = [TRAJECTORY.outcome_within(TRAJECTORY.carbon_g, grams)[0] for grams in (99.0, 100.0, 299.0, 300.0, 1e9)]
    assert reached == [0.0, 4.0, 4.0, 9.0, 9.0]
    assert TRAJECTORY.outcome_within(TRAJECTORY.hours, 2.5) == (4.0, ResourceUsage(2.0, 200.0, 60.0, 5.4e6, 2))
    assert TRAJECTORY.outcome_within(TRAJECTORY.hours, 0.5)[1].evaluations == 0
    assert Trajectory([], [], [], [], [], []).final_hypervolume == 0.0


def test_mean_intensity_is_weighted_by_energy():
    assert TRAJECTORY.usage_at_hypervolume(9.0).intensity_g_per_kwh == pytest.approx(300.0 / 2.0)
    assert math.isnan(ResourceUsage(0.0, 0.0, 0.0, 0.0, 0).intensity_g_per_kwh)
