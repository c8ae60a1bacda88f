import math

import pytest

from ce_nas.analysis.trajectory import Spent, Track, track

COURSE = Track(
    hours=[1.0, 2.0, 3.0],
    hypervolume=[4.0, 4.0, 9.0],
    carbon_g=[100.0, 200.0, 300.0],
    paper_carbon_g=[50.0, 60.0, 70.0],
    energy_j=[3.6e6, 5.4e6, 7.2e6],
    evaluations=[1, 2, 5],
)


def test_the_track_only_rises_and_ends_at_the_summary(result):
    course = track(result.entries)
    for series in (course.hours, course.hypervolume, course.carbon_g, course.paper_carbon_g, course.energy_j):
        assert series == sorted(series)
    assert course.carbon_g[-1] == pytest.approx(result.summary.carbon_g["full"])
    assert course.energy_j[-1] == pytest.approx(result.summary.energy_j)
    assert (course.final, course.evaluations[-1]) == (result.summary.hypervolume, result.summary.evaluations)


def test_what_had_been_spent_is_that_of_the_first_moment():
    assert COURSE.to_reach(4.0) == COURSE.to_reach(0.1) == Spent(1.0, 100.0, 50.0, 3.6e6, 1)
    assert COURSE.to_reach(4.1) == Spent(3.0, 300.0, 70.0, 7.2e6, 5)
    assert COURSE.to_reach(9.1) is None


def test_what_was_found_within_an_amount():
    found = [COURSE.within(COURSE.carbon_g, grams)[0] for grams in (99.0, 100.0, 299.0, 300.0, 1e9)]
    assert found == [0.0, 4.0, 4.0, 9.0, 9.0]
    assert COURSE.within(COURSE.hours, 2.5) == (4.0, Spent(2.0, 200.0, 60.0, 5.4e6, 2))
    assert COURSE.within(COURSE.hours, 0.5)[1].evaluations == 0
    assert Track([], [], [], [], [], []).final == 0.0


def test_the_mean_intensity_is_weighed_with_the_energy():
    assert COURSE.to_reach(9.0).intensity_g_per_kwh == pytest.approx(300.0 / 2.0)
    assert math.isnan(Spent(0.0, 0.0, 0.0, 0.0, 0).intensity_g_per_kwh)
