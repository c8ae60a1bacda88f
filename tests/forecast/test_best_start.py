import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.forecast.best_start import find_best_start


def test_best_start_and_best_hours():
    expected = np.array([400.0, 300.0, 100.0, 500.0, 100.0, 120.0, 400.0])
    best = find_best_start(expected, 2, 7)
    assert (best.now_g_per_kwh, best.start_h, best.start_g_per_kwh) == (350.0, 4, 110.0)
    assert (best.pausing_hours, best.pausing_g_per_kwh) == ((2, 4), 100.0)
    assert best.saved_share(best.pausing_g_per_kwh) == pytest.approx(1 - 100 / 350)
    assert find_best_start(expected, 2, 4).start_h == 1  # the window ends before the better hours


def test_ties_go_to_the_earliest_hour():
    best = find_best_start(np.zeros(5), 2, 5)
    assert (best.start_h, best.pausing_hours) == (0, (0, 1))
    assert best.saved_share(best.start_g_per_kwh) == 0.0


@pytest.mark.parametrize(("duration_h", "deadline_h"), [(0, 3), (4, 3), (1, 6), (-1, 3)])
def test_job_longer_than_its_window_is_rejected(duration_h, deadline_h):
    with pytest.raises(SettingsError, match="fits into its window"):
        find_best_start(np.ones(5), duration_h, deadline_h)


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=40), st.data())
def test_best_start_is_optimal_and_pausing_never_worse(values, data):
    deadline_h = data.draw(st.integers(1, len(values)))
    duration_h = data.draw(st.integers(1, deadline_h))
    expected = np.array(values)
    best = find_best_start(expected, duration_h, deadline_h)
    means = [expected[start : start + duration_h].mean() for start in range(deadline_h - duration_h + 1)]
    assert best.start_g_per_kwh == pytest.approx(min(means), abs=1e-9)
    assert means[best.start_h] == pytest.approx(min(means), abs=1e-9)
    assert best.pausing_g_per_kwh <= best.start_g_per_kwh + 1e-9 <= best.now_g_per_kwh + 2e-9
    assert len(set(best.pausing_hours)) == duration_h
    assert max(best.pausing_hours) < deadline_h
