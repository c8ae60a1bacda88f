"""Histories: nothing of the future is in the inputs."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.history import RecordedHistory
from ce_nas.grid.trace import EmissionFactorType, GridTrace, Series, Signal

START = datetime(2021, 7, 1, tzinfo=UTC)


def series(values, step_s=HOUR_S, start=START):
    return Series(start, step_s, np.asarray(values, dtype=float))


def test_inputs_hold_ended_steps_and_known_covariates():
    history = RecordedHistory(
        "X", series(range(10)), {"gas": np.arange(10) * 10.0}, {"wind": series(range(100, 120), start=START)}
    )
    inputs = history.inputs_at(4.5 * HOUR_S, 3 * HOUR_S, 2 * HOUR_S)
    assert inputs.intensity_g_per_kwh.tolist() == [1, 2, 3]
    assert inputs.mix_mw["gas"].tolist() == [10, 20, 30]
    assert inputs.future_covariates["wind"].tolist() == [101, 102, 103, 104, 105]
    assert (inputs.end_s, inputs.end, inputs.zone) == (4 * HOUR_S, START + timedelta(hours=4), "X")


def test_seconds_count_from_the_time_origin():
    history = RecordedHistory("X", series(range(10))).with_time_origin(START + timedelta(hours=6, minutes=30))
    inputs = history.inputs_at(0.0, DAY_S)
    assert inputs.intensity_g_per_kwh.tolist() == [0, 1, 2, 3, 4, 5]
    assert (inputs.end_s, inputs.end) == (-1800.0, START + timedelta(hours=6))


def test_nothing_is_known_before_the_record_and_after_a_gap():
    history = RecordedHistory("X", series([1, np.nan, 3]))
    assert history.inputs_at(0.0, DAY_S) is None
    assert history.inputs_at(2 * HOUR_S, DAY_S) is None
    assert history.inputs_at(9 * HOUR_S, DAY_S).end_s == 3 * HOUR_S


def test_covariates_reach_beyond_the_record_to_the_horizon():
    history = RecordedHistory("X", series(range(4)), None, {"wind": series(range(8))})
    assert len(history.inputs_at(4 * HOUR_S, HOUR_S, 96 * HOUR_S).future_covariates["wind"]) == 5
    assert len(history.inputs_at(4 * HOUR_S, HOUR_S).future_covariates["wind"]) == 1


def test_covariates_are_resampled_to_the_intensity():
    fine, coarse = series(range(8), 900.0), series([5, 7], 2 * HOUR_S, START - timedelta(hours=1))
    history = RecordedHistory("X", series(range(4)), None, {"fine": fine, "coarse": coarse})
    inputs = history.inputs_at(4 * HOUR_S, DAY_S)
    assert inputs.future_covariates["fine"][:2].tolist() == [1.5, 5.5]
    assert np.isnan(inputs.future_covariates["fine"][2:]).all()
    assert inputs.future_covariates["coarse"][:3].tolist() == [5, 7, 7]
    assert np.isnan(inputs.future_covariates["coarse"][3])


def test_record_of_a_trace_has_its_mix():
    mix = {"gas": np.array([1.0, 2.0])}
    trace = GridTrace("X", series([10, 20]), EmissionFactorType.DIRECT, Signal.AVERAGE, "made up", mix_mw=mix)
    inputs = RecordedHistory.from_trace(trace).inputs_at(HOUR_S, DAY_S)
    assert inputs.mix_mw["gas"].tolist() == [1.0]


def test_covariate_fingerprints():
    first, same, other = (
        RecordedHistory("X", series([1, 2]), None, {"wind": series(values)}) for values in ((1, 2), (1, 2), (1, 3))
    )
    assert first.covariate_fingerprints == same.covariate_fingerprints != other.covariate_fingerprints


@given(now_h=st.floats(0.1, 60), ahead_h=st.integers(0, 30), seed=st.integers(0, 99))
def test_future_is_not_in_the_inputs(now_h, ahead_h, seed):
    rng = np.random.default_rng(seed)
    intensity, gas, wind = rng.random((3, 60))
    n_ended = int(now_h)
    results = []
    for _ in range(2):
        history = RecordedHistory("X", series(intensity), {"gas": gas}, {"wind": series(wind)})
        results.append(history.inputs_at(now_h * HOUR_S, 7 * DAY_S, ahead_h * HOUR_S))
        intensity, gas, wind = intensity.copy(), gas.copy(), wind.copy()
        intensity[n_ended:], gas[n_ended:], wind[n_ended + ahead_h :] = rng.random((3, 1))
    first, second = results
    if first is None:
        assert second is None
        return
    assert first.intensity_g_per_kwh == pytest.approx(second.intensity_g_per_kwh, abs=0)
    assert np.array_equal(first.mix_mw["gas"], second.mix_mw["gas"])
    assert np.array_equal(first.future_covariates["wind"], second.future_covariates["wind"])


@pytest.mark.parametrize(
    ("start_h", "expected"),
    [(1, [1, 2, 3]), (9, [9, 10, np.nan]), (-2, [np.nan, np.nan, 0]), (50, [np.nan] * 3), (-50, [np.nan] * 3)],
)
def test_truth_is_missing_where_unrecorded(start_h, expected):
    history = RecordedHistory("X", series(range(11))).with_time_origin(START + timedelta(hours=1))
    truth = history.truth((start_h - 1) * HOUR_S, 3)
    assert np.array_equal(truth, expected, equal_nan=True)


def test_the_past_that_is_handed_out_cannot_change_the_record():
    history = RecordedHistory("X", series(range(10)), {"gas": np.arange(10.0)}, {"wind": series(range(10))})
    first = history.inputs_at(6 * HOUR_S, DAY_S, HOUR_S)
    for values in (first.intensity_g_per_kwh, first.mix_mw["gas"], first.future_covariates["wind"]):
        with suppress(ValueError):  # it may be read-only instead
            values[:] = -1.0
    second = history.inputs_at(6 * HOUR_S, DAY_S, HOUR_S)
    assert second.intensity_g_per_kwh.tolist() == [0, 1, 2, 3, 4, 5]
    assert second.mix_mw["gas"].tolist() == [0, 1, 2, 3, 4, 5]
    assert second.future_covariates["wind"].min() >= 0


def test_nothing_that_is_handed_out_leads_to_the_whole_record():
    """An array that shares the record's memory has the future in its ``base``."""
    history = RecordedHistory("X", series(range(10)), {"gas": np.arange(10.0)}, {"wind": series(range(10))})
    inputs = history.inputs_at(6 * HOUR_S, DAY_S, HOUR_S)
    for values in (inputs.intensity_g_per_kwh, inputs.mix_mw["gas"], inputs.future_covariates["wind"]):
        assert values.base is None
