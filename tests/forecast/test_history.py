"""Nothing of the future is in a past, whatever is on record."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.history import History
from ce_nas.grid.trace import Factors, GridTrace, Series, Signal

START = datetime(2021, 7, 1, tzinfo=UTC)


def series(values, step_s=HOUR_S, start=START):
    return Series(start, step_s, np.asarray(values, dtype=float))


def test_a_past_holds_what_had_ended_and_what_was_foretold():
    history = History(
        "X", series(range(10)), {"gas": np.arange(10) * 10.0}, {"wind": series(range(100, 120), start=START)}
    )
    past = history.past(4.5 * HOUR_S, 3 * HOUR_S, 2 * HOUR_S)
    assert past.intensity_g_per_kwh.tolist() == [1, 2, 3]
    assert past.mix_mw["gas"].tolist() == [10, 20, 30]
    assert past.known["wind"].tolist() == [101, 102, 103, 104, 105]
    assert (past.end_s, past.end, past.zone) == (4 * HOUR_S, START + timedelta(hours=4), "X")


def test_seconds_count_from_the_moment_asked_for():
    history = History("X", series(range(10))).since(START + timedelta(hours=6, minutes=30))
    past = history.past(0.0, DAY_S)
    assert past.intensity_g_per_kwh.tolist() == [0, 1, 2, 3, 4, 5]
    assert (past.end_s, past.end) == (-1800.0, START + timedelta(hours=6))


def test_before_the_record_and_after_a_gap_nothing_is_known():
    history = History("X", series([1, np.nan, 3]))
    assert history.past(0.0, DAY_S) is None
    assert history.past(2 * HOUR_S, DAY_S) is None
    assert history.past(9 * HOUR_S, DAY_S).end_s == 3 * HOUR_S


def test_what_is_known_ahead_may_reach_beyond_the_record_and_is_cut_at_the_horizon():
    history = History("X", series(range(4)), None, {"wind": series(range(8))})
    assert len(history.past(4 * HOUR_S, HOUR_S, 96 * HOUR_S).known["wind"]) == 5
    assert len(history.past(4 * HOUR_S, HOUR_S).known["wind"]) == 1


def test_other_steps_are_brought_to_those_of_the_intensity():
    fine, coarse = series(range(8), 900.0), series([5, 7], 2 * HOUR_S, START - timedelta(hours=1))
    history = History("X", series(range(4)), None, {"fine": fine, "coarse": coarse})
    past = history.past(4 * HOUR_S, DAY_S)
    assert past.known["fine"][:2].tolist() == [1.5, 5.5]
    assert np.isnan(past.known["fine"][2:]).all()
    assert past.known["coarse"][:3].tolist() == [5, 7, 7]
    assert np.isnan(past.known["coarse"][3])


def test_a_record_of_a_trace_has_its_mix():
    mix = {"gas": np.array([1.0, 2.0])}
    trace = GridTrace("X", series([10, 20]), Factors.DIRECT, Signal.AVERAGE, "made up", mix_mw=mix)
    past = History.of(trace).past(HOUR_S, DAY_S)
    assert past.mix_mw["gas"].tolist() == [1.0]


def test_what_is_known_ahead_is_told_apart_by_its_values():
    one, same, other = (
        History("X", series([1, 2]), None, {"wind": series(values)}) for values in ((1, 2), (1, 2), (1, 3))
    )
    assert one.known_fingerprints == same.known_fingerprints != other.known_fingerprints


@given(now_h=st.floats(0.1, 60), ahead_h=st.integers(0, 30), seed=st.integers(0, 99))
def test_the_future_is_not_in_a_past(now_h, ahead_h, seed):
    rng = np.random.default_rng(seed)
    intensity, gas, wind = rng.random((3, 60))
    ended = int(now_h)
    seen = []
    for _ in range(2):
        history = History("X", series(intensity), {"gas": gas}, {"wind": series(wind)})
        seen.append(history.past(now_h * HOUR_S, 7 * DAY_S, ahead_h * HOUR_S))
        intensity, gas, wind = intensity.copy(), gas.copy(), wind.copy()
        intensity[ended:], gas[ended:], wind[ended + ahead_h :] = rng.random((3, 1))
    first, second = seen
    if first is None:
        assert second is None
        return
    assert first.intensity_g_per_kwh == pytest.approx(second.intensity_g_per_kwh, abs=0)
    assert np.array_equal(first.mix_mw["gas"], second.mix_mw["gas"])
    assert np.array_equal(first.known["wind"], second.known["wind"])


@pytest.mark.parametrize(
    ("start_h", "expected"),
    [(1, [1, 2, 3]), (9, [9, 10, np.nan]), (-2, [np.nan, np.nan, 0]), (50, [np.nan] * 3), (-50, [np.nan] * 3)],
)
def test_the_truth_is_what_came_and_missing_where_nothing_is_on_record(start_h, expected):
    history = History("X", series(range(11))).since(START + timedelta(hours=1))
    found = history.truth((start_h - 1) * HOUR_S, 3)
    assert np.array_equal(found, expected, equal_nan=True)
