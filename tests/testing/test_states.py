import numpy as np
import pytest

from ce_nas.core.records import Forecast
from ce_nas.testing import make_state, replace_state


def test_fields_of_all_parts_are_set_by_name():
    state = make_state(now_s=60.0, past_g_per_kwh=[1, 2], evaluations=3, cost_left=4.0, running=5)
    assert (state.now_s, state.search.evaluations, state.budget.cost_left, state.cluster.running) == (60.0, 3, 4.0, 5)
    assert state.grid.past_g_per_kwh.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(("forecast", "mean"), [(250.0, [250.0]), ([1, 2], [1.0, 2.0]), (np.ones(3), [1.0] * 3)])
def test_forecast_is_made_from_numbers(forecast, mean):
    built = make_state(forecast=forecast, past_step_s=900.0).grid.forecast
    assert (built.mean_g_per_kwh.tolist(), built.step_s, built.issued_s) == (mean, 900.0, 0.0)


def test_forecast_and_none_stay_as_given():
    forecast = Forecast("mine", 0.0, 0.0, 3600.0, np.ones(2))
    assert make_state(forecast=forecast).grid.forecast is forecast
    assert make_state(forecast=None).grid.forecast is None


def test_replace_state_changes_only_the_named_fields():
    state = make_state()
    changed = replace_state(state, evaluations=21)
    assert (state.search.evaluations, changed.search.evaluations) == (20, 21)
    assert changed.grid is state.grid
    assert changed.budget is state.budget


def test_unknown_field_is_refused_with_a_suggestion():
    with pytest.raises(TypeError, match="Did you mean 'evaluations'"):
        make_state(evaluation=3)
