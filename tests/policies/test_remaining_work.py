"""The remaining work is estimated from the trainings done, and limited by the budgets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.records import Rates
from ce_nas.policies.remaining_work import (
    INITIAL_MEDIAN_TRAININGS,
    MEDIAN_GROWTH_WITH_TARGET,
    RemainingWork,
    estimate_remaining_work,
    required_duty_cycle,
)
from ce_nas.testing import make_state


def test_median_trainings_grow_with_those_done():
    """The longer a search has lasted, the longer it may still last, without any improvement."""
    for done, trainings in (
        (0, INITIAL_MEDIAN_TRAININGS),
        (100, INITIAL_MEDIAN_TRAININGS + 100 * MEDIAN_GROWTH_WITH_TARGET),
        (400, INITIAL_MEDIAN_TRAININGS + 400 * MEDIAN_GROWTH_WITH_TARGET),
    ):
        state = make_state(
            evaluations=done,
            trained_s=done * 900.0,
            target_hypervolume=5000.0,
            hypervolume_by_evaluation=(4000.0,) * done,
            running=0,
            suspended=0,
        )
        work = estimate_remaining_work(state)
        assert work.median_trainings == trainings
        assert work.training_s == (900.0 if done else 1500.0)


def test_started_trainings_count_half_in_the_mean_duration():
    # eight devices train for ten hours each; the first has just ended, the other seven are half done
    known = {"target_hypervolume": 5000.0, "hypervolume_by_evaluation": (1.0,), "trained_s": (1 + 7 / 2) * 36_000.0}
    for running, suspended in ((7, 0), (0, 7)):
        state = make_state(evaluations=1, running=running, suspended=suspended, **known)
        assert estimate_remaining_work(state).training_s == 36_000.0


@pytest.mark.parametrize(("done", "left"), [(0, 70), (40, 30), (60, 21), (100, 35)])
def test_a_search_that_usually_ends_after_some_trainings_has_so_many_left(done, left):
    state = make_state(evaluations=done, trained_s=done * 900.0)
    assert estimate_remaining_work(state, expected_trainings=70).median_trainings == pytest.approx(left)


@pytest.mark.parametrize(("done", "left"), [(0, 70), (40, 130)])
def test_the_usual_number_of_trainings_counts_with_a_target_too(done, left):
    record = {"hypervolume_by_evaluation": (4000.0,) * done, "target_hypervolume": 5000.0}
    state = make_state(evaluations=done, trained_s=done * 900.0, **record)
    assert estimate_remaining_work(state, 70).median_trainings == left
    assert estimate_remaining_work(state).median_trainings == left + 130


def test_closing_gap_to_the_target_lowers_the_estimate():
    def median_trainings(*by_evaluation):
        fields = {"hypervolume": by_evaluation[-1], "hypervolume_by_evaluation": by_evaluation}
        state = make_state(evaluations=40, target_hypervolume=5000.0, **fields)
        return estimate_remaining_work(state).median_trainings

    still = median_trainings(*(4000.0,) * 40)
    slow = median_trainings(*(4000.0,) * 20, *(4500.0,) * 20)
    fast = median_trainings(*(4000.0,) * 20, *(4990.0,) * 20)
    assert still == INITIAL_MEDIAN_TRAININGS + 40 * MEDIAN_GROWTH_WITH_TARGET
    assert slow == pytest.approx(still * 0.5 ** (0.5 * 40 / 90))
    assert fast < slow
    assert median_trainings(*(4000.0,) * 20, *(4999.9999,) * 20) > 0.4 * still  # one lucky training counts little


def test_stagnation_is_expected_to_last_as_long_again():
    known = {"target_hypervolume": 5000.0, "hypervolume": 4999.0, "trained_s": 3e6}
    known["hypervolume_by_evaluation"] = (4000.0,) * 100 + (4999.0,) * 1900
    state = make_state(evaluations=2000, **known)
    assert estimate_remaining_work(state).median_trainings >= 1900


def test_required_duty_cycle_counts_open_periods():
    known = {"evaluations": 0, "hypervolume_by_evaluation": (), "trained_s": 0.0, "target_hypervolume": 5000.0}
    assert required_duty_cycle(make_state(**known, time_left_s=3600.0), 0.9) == 1.0
    week = {**known, "time_left_s": 168 * 3600.0}
    open_all, half_closed = (
        required_duty_cycle(make_state(**week, closed_periods=tuple(closed)), 0.9) for closed in ((), range(84))
    )
    assert 0.0 < open_all < 1.0
    assert half_closed == pytest.approx(2 * open_all)
    assert required_duty_cycle(make_state(**week), 0.5) < open_all
    assert required_duty_cycle(make_state(**week | {"target_hypervolume": math.inf}), 0.9) == 0.0
    assert required_duty_cycle(make_state(**week, closed_periods=tuple(range(200))), 0.9) == 1.0


def test_budgets_limit_the_remaining_work():
    rates = Rates(500.0, 500.0, 90.0, 1.8, np.array([0.4]))
    known = {"evaluations": 0, "hypervolume_by_evaluation": (), "trained_s": 0.0, "rates": rates}
    known["forecast"] = [300.0] * 10 + [100.0] * 30

    def hours(**budget):
        return estimate_remaining_work(make_state(**known | budget)).median_device_s / 3600.0

    assert hours() == pytest.approx(INITIAL_MEDIAN_TRAININGS * 1500.0 / 3600.0)
    assert hours(carbon_left_g=1000.0) == pytest.approx(1000.0 / 100.0 / 0.5)  # in the clean hours
    assert hours(energy_left_j=5 * 3.6e6) == pytest.approx(5 / 0.5)
    assert hours(cost_left=20.0) == pytest.approx(20.0 / 2.0)
    assert hours(device_s_left=9000.0) == pytest.approx(2.5)
    assert hours(evaluations_left=12) == pytest.approx(12 * 1500.0 / 3600.0)
    assert hours(carbon_left_g=1000.0, forecast=None) == hours()  # the grid is unknown
    assert hours(cost_left=20.0, rates=None) == hours()


@given(st.floats(1, 1000), st.floats(1, 1e5))
def test_lomax_survival_quantile_and_expectation_agree(trainings, training_s):
    work = RemainingWork(trainings, training_s)
    alive = work.survival(np.linspace(0.0, 10 * work.median_device_s, 50))
    assert alive[0] == 1.0
    assert (np.diff(alive) < 0).all()
    assert work.survival(work.median_device_s) == pytest.approx(0.5)
    assert work.survival(work.quantile_s(0.9)) == pytest.approx(0.1)
    fine_s = np.linspace(0.0, work.median_device_s, 2001)
    assert work.expected_spent_s(work.median_device_s) == pytest.approx(
        np.trapezoid(work.survival(fine_s), fine_s), rel=1e-4
    )
