"""A provider's forecasts beside another forecaster's, weighed by what both said then and what was published since."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.forecast.published_forecasts import (
    JUDGED_INTERVAL_S,
    MIN_ISSUES,
    PRIOR_WEIGHT,
    ForecastJudge,
    PublishedForecast,
)

START = datetime(2024, 5, 15, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TRUE_G_PER_KWH = 300.0


def run(days, other, published, *, every_h=6, known=lambda step: TRUE_G_PER_KWH):
    """Let a judge combine two constant forecasts for some days, and return its last combination."""
    judge, steps = ForecastJudge(3600.0), 48
    for hours in range(0, days * 24 + 1, every_h):
        combined = judge.combine(START + hours * HOUR, np.full(steps, other), np.full(steps, published), known)
    return combined


def test_values_are_those_of_their_steps_and_unknown_outside():
    forecast = PublishedForecast(START, START, 3600.0, np.array([1.0, 2.0, np.nan, 4.0]))
    np.testing.assert_array_equal(forecast.values_from(START + HOUR, 4), [2.0, np.nan, 4.0, np.nan])
    np.testing.assert_array_equal(forecast.values_from(START - 2 * HOUR, 4), [np.nan, np.nan, 1.0, 2.0])
    np.testing.assert_array_equal(forecast.values_from(START + DAY, 2), [np.nan, np.nan])
    np.testing.assert_array_equal(forecast.values_from(START - DAY, 2), [np.nan, np.nan])
    assert forecast.value_at(START + HOUR) == 2.0
    assert forecast.value_at(START + 2 * HOUR) is None


def test_without_known_errors_both_weigh_the_same():
    combined = run(0, 100.0, 400.0)
    np.testing.assert_allclose(combined.g_per_kwh, 200.0)  # geometric mean
    np.testing.assert_array_equal(combined.weights, PRIOR_WEIGHT)
    assert combined.error_pct is None


def test_the_better_one_gains_weight_for_each_day_of_lead_once_enough_issues_are_known():
    right, wrong = run(4, 330.0, 300.0), run(4, 300.0, 330.0)
    assert (right.weights > 0.7).all()
    assert (wrong.weights < 0.3).all()
    few = run(1, 330.0, 300.0)
    np.testing.assert_array_equal(few.weights, PRIOR_WEIGHT)
    first_day_alone = run(3, 330.0, 300.0)  # of the second day of lead fewer issues than needed are known
    assert first_day_alone.weights[0] > PRIOR_WEIGHT
    assert first_day_alone.weights[-1] == pytest.approx(first_day_alone.weights[24])
    assert MIN_ISSUES * JUDGED_INTERVAL_S == 2 * 86400


def test_hours_that_the_provider_leaves_out_are_the_others_alone():
    judge, other = ForecastJudge(3600.0), np.full(48, 100.0)
    published = np.where(np.arange(48) < 24, 400.0, np.nan)
    combined = judge.combine(START, other, published, lambda step: TRUE_G_PER_KWH)
    np.testing.assert_allclose(combined.g_per_kwh[:24], 200.0)
    np.testing.assert_array_equal(combined.g_per_kwh[24:], 100.0)
    np.testing.assert_array_equal(combined.weights[24:], 0.0)


def test_only_steps_that_have_ended_and_been_published_count():
    asked = []

    assert run(4, 330.0, 300.0, known=asked.append).error_pct is None
    assert max(asked) == START + 4 * DAY - HOUR
    np.testing.assert_array_equal(run(4, 330.0, 300.0, known=lambda step: None).weights, PRIOR_WEIGHT)


def test_one_decision_in_six_hours_is_judged():
    hourly, six_hourly = run(4, 330.0, 300.0, every_h=1), run(4, 330.0, 300.0)
    np.testing.assert_array_equal(hourly.weights, six_hourly.weights)


def test_the_error_is_that_of_the_combined_forecasts_as_they_were_issued():
    combined = run(1, 330.0, 330.0)
    assert combined.error_pct == pytest.approx(10.0)


def test_half_hours_and_zero_intensity():
    judge = ForecastJudge(1800.0)
    for hours in range(0, 97, 6):
        combined = judge.combine(START + hours * HOUR, np.full(96, 330.0), np.zeros(96), lambda _: TRUE_G_PER_KWH)
    assert np.isfinite(combined.g_per_kwh).all()
    assert (combined.weights < 0.1).all()
