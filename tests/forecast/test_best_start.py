import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.forecast.best_start import timing


def test_the_best_start_and_the_best_hours():
    expected = np.array([400.0, 300.0, 100.0, 500.0, 100.0, 120.0, 400.0])
    found = timing(expected, 2, 7)
    assert (found.now_g_per_kwh, found.start, found.start_g_per_kwh) == (350.0, 4, 110.0)
    assert (found.hours, found.hours_g_per_kwh) == ((2, 4), 100.0)
    assert found.saved(found.hours_g_per_kwh) == pytest.approx(1 - 100 / 350)
    assert timing(expected, 2, 4).start == 1  # the window ends before the better hours


def test_of_equal_hours_the_earliest_and_nothing_is_saved_of_nothing():
    found = timing(np.zeros(5), 2, 5)
    assert (found.start, found.hours) == (0, (0, 1))
    assert found.saved(found.start_g_per_kwh) == 0.0


@pytest.mark.parametrize(("hours", "within"), [(0, 3), (4, 3), (1, 6), (-1, 3)])
def test_a_job_that_does_not_fit_is_refused(hours, within):
    with pytest.raises(SettingsError, match="fits into its window"):
        timing(np.ones(5), hours, within)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=40), st.data())
def test_no_start_is_better_than_the_best_and_pauses_never_cost(values, data):
    within = data.draw(st.integers(1, len(values)))
    hours = data.draw(st.integers(1, within))
    expected = np.array(values)
    found = timing(expected, hours, within)
    means = [expected[start : start + hours].mean() for start in range(within - hours + 1)]
    assert found.start_g_per_kwh == pytest.approx(min(means), abs=1e-9)
    assert means[found.start] == pytest.approx(min(means), abs=1e-9)
    assert found.hours_g_per_kwh <= found.start_g_per_kwh + 1e-9 <= found.now_g_per_kwh + 2e-9
    assert len(set(found.hours)) == hours
    assert max(found.hours) < within
