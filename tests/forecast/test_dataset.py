from datetime import timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.units import DAY_S
from ce_nas.forecast.dataset import (
    CONTEXT_DAYS,
    HORIZON_DAYS,
    N_BASELINE_FEATURES,
    FeatureLayout,
    RidgeBaselines,
    Span,
    WindowBuilder,
    build_datasets,
)
from ce_nas.forecast.hourly import HourlySeries

CONTEXT = CONTEXT_DAYS * 24
UNLIMITED_S = 1e12


@pytest.fixture(scope="module")
def slots(grid):
    record = grid.record(known=grid.known, mix=grid.mix)
    return HourlySeries.from_inputs(record.inputs_at(50 * DAY_S, UNLIMITED_S), 0.0, UNLIMITED_S)


def build_windows(slots, layout=None, days=range(20, 40)):
    layout = layout or FeatureLayout.from_series([slots])
    return WindowBuilder(slots, layout, RidgeBaselines(4).predict(slots, days), days), layout


def test_layout_has_columns_of_all_series(slots):
    layout = FeatureLayout.from_series([slots, slots.slice_days(0, 10)])
    assert layout.mix_sources == ("gas", "wind")
    assert list(layout.covariate_scales) == ["dswrf_w_m2", "temperature_k", "wind_speed_m_s"]
    assert layout.covariate_scales["wind_speed_m_s"][0] == pytest.approx(
        slots.future_covariates["wind_speed_m_s"].mean(), rel=0.1
    )
    rows = layout.features(slots)
    assert rows.shape == (len(slots), layout.n_features)
    assert rows[:, layout.mix_slice][:, :2].sum(axis=1) == pytest.approx(1.0)
    assert rows[:, layout.covariate_slice.stop - 1].all()


def test_missing_inputs_are_zero_and_flagged(slots):
    layout = FeatureLayout.from_series([slots])
    bare = HourlySeries(slots.log_intensity, {}, {}, slots.start, slots.slot_s, 1, 0)
    rows = layout.features(bare)
    assert not rows[:, layout.mix_slice].any()
    assert not rows[:, layout.covariate_slice].any()


def test_window_holds_nothing_unknown_at_the_issue(slots):
    issues, horizon = np.array([30 * 24 + 5]), np.array([96])
    builder, layout = build_windows(slots)
    window = builder.build(issues, horizon)
    level = slots.log_intensity.copy()
    level[issues[0] :] += 3.0
    shares = {
        source: np.where(np.arange(len(slots)) < issues[0], values, 0.5) for source, values in slots.mix_shares.items()
    }
    changed = HourlySeries(level, shares, slots.future_covariates, slots.start, slots.slot_s, 1, 0)
    again = build_windows(changed, layout)[0].build(issues, horizon)
    assert all(np.array_equal(before, after) for before, after in zip(window, again, strict=True))
    assert not window.features[0, CONTEXT:, layout.mix_slice].any()
    assert window.features[0, CONTEXT:, layout.covariate_slice].any()


def test_unknown_covariates_are_hidden_and_baseline_is_calendar(slots):
    issues = np.array([30 * 24, 30 * 24])
    builder, layout = build_windows(slots)
    window = builder.build(issues, np.array([96, 40]))
    assert np.array_equal(
        window.features[0, : CONTEXT + 40, N_BASELINE_FEATURES:],
        window.features[1, : CONTEXT + 40, N_BASELINE_FEATURES:],
    )
    assert not window.features[1, CONTEXT + 40 :, layout.covariate_slice].any()
    assert np.array_equal(window.baseline[0, :40], window.baseline[1, :40])
    blind = builder.build(issues[:1], np.array([0]))
    assert not blind.features[:, :, layout.covariate_slice].any()
    bare = HourlySeries(slots.log_intensity, {}, {}, slots.start, slots.slot_s, 1, 0)
    calendar = build_windows(bare, layout)[0].build(issues[:1], np.array([0]))
    assert np.array_equal(blind.baseline, calendar.baseline)


def test_baseline_of_a_past_is_that_of_the_record(slots, grid):
    record = grid.record(known=grid.known, mix=grid.mix)
    builder, layout = build_windows(slots)
    for issue in (25 * 24, 25 * 24 + 7):
        past = HourlySeries.from_inputs(
            record.inputs_at(issue * 3600.0, UNLIMITED_S, 4 * DAY_S), 4 * DAY_S, UNLIMITED_S
        )
        today = range(issue // 24, issue // 24 + 1)
        past_window = WindowBuilder(past, layout, RidgeBaselines(4).predict(past, today), today).build(
            np.array([issue]), np.array([96])
        )
        record_window = builder.build(np.array([issue]), np.array([96]))
        seen = CONTEXT + 96 - 36  # the last rows look around into hours of which a past past_window knows nothing
        assert past_window.features[:, :seen] == pytest.approx(record_window.features[:, :seen], abs=1e-5)
        assert past_window.baseline[:, :60] == pytest.approx(record_window.baseline[:, :60])
        assert past_window.baseline == pytest.approx(record_window.baseline, abs=0.1)


def test_targets_are_the_recorded_levels(slots):
    builder, _ = build_windows(slots)
    assert np.array_equal(builder.targets(np.array([700]))[0], slots.log_intensity[700:796])


@pytest.fixture
def spans(start):
    return Span(start, start + timedelta(days=60)), Span(start + timedelta(days=60), start + timedelta(days=70))


def test_issues_lie_in_their_span(grid, spans):
    _, (dataset,) = build_datasets([grid.record(known=grid.known)], *spans)
    assert (dataset.training_issues.min(), dataset.training_issues.max()) == (42 * 24, (60 - HORIZON_DAYS) * 24)
    assert dataset.validation_issues.tolist() == [day * 24 for day in range(60, 66)]
    assert dataset.covariate_horizon == 96


def test_layout_scales_come_from_the_training_span(grid, spans):
    late = np.arange(len(grid.intensity)) >= 60 * 24
    known = {name: np.where(late, 1e6, values) for name, values in grid.known.items()}
    (first, _), (again, _) = (build_datasets([grid.record(known=weather)], *spans) for weather in (grid.known, known))
    assert first == again
    assert set(first.covariate_scales) == set(grid.known)


def test_record_without_covariates_has_no_covariate_horizon(grid, spans):
    layout, (dataset,) = build_datasets([grid.record()], *spans)
    assert (layout.mix_sources, dict(layout.covariate_scales), dataset.covariate_horizon) == ((), {}, 0)


def test_steps_longer_than_an_hour_are_rejected(windy_grid, spans):
    with pytest.raises(SettingsError, match="got steps of 10800 s"):
        build_datasets([windy_grid(80, 0, 10800.0).record()], *spans)


def test_span_to_json(start):
    assert Span(start, start + timedelta(days=1)).to_json() == ["2021-03-01 00:00 UTC", "2021-03-02 00:00 UTC"]
