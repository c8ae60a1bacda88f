import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.records import Allocation, Forecast
from ce_nas.policies.learned.actions import MENU, division, possible, shared_out
from ce_nas.policies.remaining_work import SURE, share_needed

HOUR_S = 3600.0


def forecast(*values):
    return Forecast("test", 0.0, 0.0, HOUR_S, np.array(values, dtype=float))


CLEANER_LATER = forecast(300, 200, 250)
DIRTIER_LATER = forecast(200, 300, 250)


@given(st.integers(0, len(MENU) - 1), st.integers(1, 70))
def test_every_entry_divides_all_devices(choice, devices):
    found = division(choice, devices)
    assert found.devices == devices
    assert min(found.counts().values()) >= 0
    evaluating, sampling = MENU[choice]
    assert abs(found.evaluating - evaluating * devices) <= 0.5
    assert found.idle == 0
    if evaluating + sampling == 1.0:
        assert found.released == 0


@settings(max_examples=60)
@given(
    st.integers(1, 20),
    st.booleans(),
    st.sampled_from([0.0, 3.0, math.inf]),
    st.sampled_from([CLEANER_LATER, DIRTIER_LATER, None]),
)
def test_what_is_possible_makes_sense_and_there_is_always_something(
    view_of, devices, can_sample, evaluations_left, coming
):
    view = view_of(devices=devices, can_sample=can_sample, evaluations_left=evaluations_left, forecast=coming)
    mask = possible(view)
    assert mask.any()
    chosen = [division(int(choice), devices) for choice in np.flatnonzero(mask)]
    assert len(set(chosen)) == len(chosen)
    for one in chosen:
        assert can_sample or one.sampling == 0
        assert evaluations_left > 0 or one.evaluating == 0


def test_devices_rest_only_for_a_cleaner_period_before_the_deadline(view_of):
    rest = MENU.index((0.0, 0.0))
    assert possible(view_of(forecast=CLEANER_LATER))[rest]
    assert not possible(view_of(forecast=DIRTIER_LATER))[rest]
    assert not possible(view_of(forecast=None))[rest]
    assert not possible(view_of(forecast=CLEANER_LATER, time_left_s=HOUR_S))[rest]
    assert not possible(view_of(forecast=forecast(300, 299, 299)))[rest]  # not worth a stop and a start
    assert possible(view_of(forecast=DIRTIER_LATER, can_sample=False, evaluations_left=0)).tolist() == [
        True, *[False] * (len(MENU) - 1),
    ]  # fmt: skip


def test_nothing_rests_once_every_hour_is_needed_to_be_sure_of_the_target(view_of):
    rest, coming = MENU.index((0.0, 0.0)), forecast(*np.linspace(300, 200, 40))
    far = {"forecast": coming, "target": 9000.0, "hypervolume": 4000.0}
    assert not possible(view_of(time_left_s=20 * HOUR_S, **far))[rest]
    assert possible(view_of(time_left_s=1000 * HOUR_S, **far))[rest]
    assert shared_out(0.0, 0.0, view_of(time_left_s=20 * HOUR_S, **far)) == Allocation(0, 8)


def test_while_time_is_scarce_only_the_dirtier_hours_are_for_rest(view_of):
    rest, far = MENU.index((0.0, 0.0)), {"target": 9000.0, "hypervolume": 4000.0, "time_left_s": 40 * HOUR_S}
    middling, dirty = (forecast(*([now] + [200] * 20 + [300] * 19)) for now in (250, 400))
    assert share_needed(view_of(forecast=dirty, **far), SURE) == 1.0
    assert possible(view_of(forecast=dirty, **far))[rest]
    assert not possible(view_of(forecast=middling, **far))[rest]


@settings(max_examples=60)
@given(st.tuples(st.floats(0, 1), st.floats(0, 1)), st.integers(1, 40), st.booleans(), st.booleans())
def test_shares_of_ones_own_are_kept_to_as_far_as_possible(view_of, shares, devices, can_sample, known):
    evaluating, sampling = shares
    view = view_of(devices=devices, can_sample=can_sample, forecast=CLEANER_LATER if known else None)
    found = shared_out(evaluating, sampling, view)
    assert found.devices == devices
    assert min(found.counts().values()) >= 0
    assert can_sample or not found.sampling
    if not known:
        assert found.released == 0
    else:
        assert abs(found.evaluating - evaluating * devices) <= 0.5


def test_shares_say_what_the_menu_says(view_of):
    view = view_of(forecast=CLEANER_LATER)
    for choice, (evaluating, sampling) in enumerate(MENU):
        assert shared_out(evaluating, sampling, view) == division(choice, view.devices)
    assert shared_out(0.0, 0.0, view_of(forecast=DIRTIER_LATER)) == Allocation(0, 8)


@pytest.mark.parametrize("devices", [1, 2, 3])
def test_on_few_devices_entries_that_mean_the_same_are_offered_once(view_of, devices):
    view = view_of(devices=devices, forecast=CLEANER_LATER)
    divisions = [division(int(choice), devices) for choice in np.flatnonzero(possible(view))]
    assert len(divisions) == len(set(divisions)) >= 3
