import math
from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.experiments.limits import GreedyFront, cleanest_hours_g
from ce_nas.grid.trace import Series

HOUR_S = 3600.0


def test_greedy_front_takes_the_least_work_that_reaches_the_share():
    values = np.array([[0.0, 3.0], [1.0, 1.0], [3.0, 0.0], [3.9, 3.9]])
    front = GreedyFront(values, [4.0, 4.0], np.array([10.0, 100.0, 10.0, 1.0]))
    assert front.hypervolume_max == pytest.approx(11.0)
    assert front.training_count(9.0 / 11.0) == 1  # the second alone reaches 9
    assert front.work_s(9.0 / 11.0) == 100.0
    assert front.training_count(1.0) == 3
    assert front.work_s(1.0) == 120.0  # the dominated one is never trained
    assert front.work_s(7.0 / 11.0) == 20.0  # the two short ones


def test_work_goes_to_the_cleanest_hours():
    intensity = Series(datetime(2021, 1, 1, tzinfo=UTC), HOUR_S, np.array([400.0, 100.0, 300.0, 200.0]))
    kwh_per_hour = 2.0  # two devices of 1 kW
    grams = cleanest_hours_g(intensity, 3 * HOUR_S, devices=2, deadline_s=4 * HOUR_S, power_w=1000.0)
    assert grams == pytest.approx(kwh_per_hour * 100.0 + 1.0 * 200.0)
    earlier = cleanest_hours_g(intensity, 3 * HOUR_S, devices=2, deadline_s=2 * HOUR_S, power_w=1000.0)
    assert earlier == pytest.approx(kwh_per_hour * 100.0 + 1.0 * 400.0)
    assert math.isinf(cleanest_hours_g(intensity, 9 * HOUR_S, devices=2, deadline_s=4 * HOUR_S, power_w=1000.0))
