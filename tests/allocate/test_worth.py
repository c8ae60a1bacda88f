"""How much work a search is still worth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.allocate.worth import USUAL, Work, still_worth


def test_a_search_is_reckoned_to_take_the_usual_and_then_half_as_long_again(view_of):
    for done, trainings in ((0, USUAL), (120, USUAL - 120), (195, 97.5), (400, 200)):
        view = view_of(
            evaluations=done, trained_s=done * 900.0, target=5000.0, course=(1.0,) * done, running=0, suspended=0
        )
        work = still_worth(view, 1e-3)
        assert work.trainings == trainings
        assert work.training_s == (900.0 if done else 1500.0)


def test_trainings_under_way_are_not_charged_to_those_that_have_ended(view_of):
    # eight devices train for hours of ten; the first has just ended, and seven are half-way on average
    view = view_of(
        evaluations=1, running=7, suspended=0, trained_s=(1 + 7 / 2) * 36_000.0, target=5000.0, course=(1.0,)
    )
    assert still_worth(view, 1e-3).training_s == 36_000.0
    waiting = view_of(
        evaluations=1, running=0, suspended=7, trained_s=(1 + 7 / 2) * 36_000.0, target=5000.0, course=(1.0,)
    )
    assert still_worth(waiting, 1e-3).training_s == 36_000.0


def test_without_a_target_the_last_doubling_tells(view_of):
    rising, flat = tuple(np.linspace(1.0, 2.0, 100)), (*(1.0,) * 40, *(2.0,) * 60)
    for course, worth in ((rising, True), (flat, False)):
        view = view_of(evaluations=100, course=course, hypervolume=2.0, target=math.inf)
        assert (still_worth(view, 1e-3) is not None) == worth
        assert still_worth(view_of(evaluations=100, course=course, hypervolume=2.0, target=3.0), 1e-3) is not None


@given(st.floats(1, 1000), st.floats(1, 1e5))
def test_half_of_the_searches_go_on_after_the_work_foretold(trainings, training_s):
    work = Work(trainings, training_s)
    alive = work.survival(np.linspace(0.0, 10 * work.device_s, 50))
    assert alive[0] == 1.0
    assert (np.diff(alive) < 0).all()
    assert work.survival(work.device_s) == pytest.approx(0.5)
    fine_s = np.linspace(0.0, work.device_s, 2001)
    assert work.spent(work.device_s) == pytest.approx(np.trapezoid(work.survival(fine_s), fine_s), rel=1e-4)
