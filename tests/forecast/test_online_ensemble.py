"""The ensemble that weighs its members online."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.adaptive import AdaptiveRidge
from ce_nas.forecast.hourly import QUANTILE_LEVELS, HourlySeries
from ce_nas.forecast.online_ensemble import (
    MEMBERS,
    PRETRAINED_WEIGHT,
    OnlineEnsemble,
    _simple_members,
)
from ce_nas.forecast.simple_forecasters import DampedProfile, SeasonalNaive


@pytest.mark.long
def test_is_near_its_best_member(grid, issue, error):
    record = grid.record(known=grid.known)
    days = range(60, 72, 4)
    ensemble, adaptive, naive = (
        np.mean([error(issue(forecaster, record, day), record, day) for day in days])
        for forecaster in (OnlineEnsemble(), AdaptiveRidge(), SeasonalNaive())
    )
    assert ensemble < 1.05 * adaptive < naive


def test_names_its_members_and_its_error(grid, issue):
    forecast = issue(OnlineEnsemble(), grid.record(), 50)
    assert set(forecast.members) == {*MEMBERS, "pretrained-transformer"}
    assert sum(forecast.members.values()) == pytest.approx(1.0, abs=0.002)
    assert 0 < forecast.rolling_error_pct < 100
    assert not forecast.fallback


def test_stand_in_is_named_and_has_intervals(grid, issue):
    record = grid.record()
    forecast = issue(OnlineEnsemble(), record, 10)
    assert forecast.fallback == "damped-profile: 10.0 of the 14 days of history that online-ensemble needs are known"
    assert np.array_equal(forecast.mean_g_per_kwh, issue(DampedProfile(), record, 10).mean_g_per_kwh)
    assert list(forecast.quantiles_g_per_kwh) == list(QUANTILE_LEVELS)


@pytest.mark.long
def test_quantiles_are_ordered_and_covering(grid, issue):
    forecaster, record, covered = OnlineEnsemble(), grid.record(known=grid.known), []
    for day in range(45, 76, 2):
        forecast = issue(forecaster, record, day)
        bands = np.array([forecast.quantiles_g_per_kwh[level] for level in QUANTILE_LEVELS])
        assert (np.diff(bands, axis=0) >= 0).all()
        truth = record.truth(day * DAY_S, 96)
        covered.append((bands[QUANTILE_LEVELS.index(0.1)] <= truth) & (truth <= bands[QUANTILE_LEVELS.index(0.9)]))
    assert 0.6 < np.mean(covered) < 0.97


@pytest.mark.long
def test_continuing_equals_starting_from_scratch(grid, issue, monkeypatch):
    monkeypatch.setattr("ce_nas.forecast.online_ensemble.CACHE", _NoCache())
    record, continued = grid.record(known=grid.known), OnlineEnsemble()
    for day in (40, 41.5):
        continuing, scratch = issue(continued, record, day), issue(OnlineEnsemble(), record, day)
        assert np.array_equal(continuing.mean_g_per_kwh, scratch.mean_g_per_kwh)
        assert all(
            np.array_equal(values, scratch.quantiles_g_per_kwh[level])
            for level, values in continuing.quantiles_g_per_kwh.items()
        )


def test_the_same_past_is_computed_once(grid, issue, monkeypatch):
    record = grid.record(zone="computed once")
    first = issue(OnlineEnsemble(), record, 33)
    first.mean_g_per_kwh[:] = -1.0
    monkeypatch.setattr(AdaptiveRidge, "hindcast", None)
    again = issue(OnlineEnsemble(), record, 33)
    assert (again.mean_g_per_kwh > 0).all()


class _NoCache:
    def get(self, key):
        return None

    def put(self, key, forecast):
        pass


class _Fitted(SeasonalNaive):
    """A model that knows the level of the coming days, or one that is far off."""

    def __init__(self, record, factor):
        self._record, self._factor = record, factor

    name = "stub"

    def predict(self, inputs, horizon_s):
        truth = self._record.truth(inputs.end_s, inputs.horizon_steps(horizon_s))
        return replace(super().predict(inputs, horizon_s), mean_g_per_kwh=self._factor * np.nan_to_num(truth, nan=1.0))


def test_the_transformer_begins_with_its_prior_weight_and_is_weighed_by_its_errors(grid, issue):
    record = grid.record()
    early = issue(OnlineEnsemble(), record, 15).members["pretrained-transformer"]
    assert early == pytest.approx(PRETRAINED_WEIGHT, abs=0.001)  # fewer than ten midnights are known
    later = issue(OnlineEnsemble(), record, 60).members["pretrained-transformer"]
    assert later != early
    plain, mixed = (issue(OnlineEnsemble(pretrained=used), record, 60) for used in (False, True))
    assert "pretrained-transformer" not in plain.members
    assert mixed.mean_g_per_kwh.tolist() != plain.mean_g_per_kwh.tolist()


def test_the_transformer_is_left_out_where_its_training_has_seen_the_zone(grid, issue):
    seen = grid.record(zone="DE")  # March to May 2021, before the end of its training
    forecast = issue(OnlineEnsemble(), seen, 60)
    assert "pretrained-transformer" not in forecast.members
    expected = issue(OnlineEnsemble(pretrained=False), seen, 60).mean_g_per_kwh
    assert forecast.mean_g_per_kwh.tolist() == expected.tolist()


def test_long_steps_have_no_transformer(windy_grid, issue):
    record = windy_grid(80, 0, 2 * HOUR_S).record()
    assert "pretrained-transformer" not in issue(OnlineEnsemble(), record, 60).members


@pytest.mark.parametrize(("factor", "low", "high"), [(1.0, 0.8, 1.0), (3.0, 0.0, 0.05)])
def test_fitted_model_is_weighed_by_its_errors(grid, issue, factor, low, high):
    record = grid.record()
    forecast = issue(OnlineEnsemble(_Fitted(record, factor), f"digest {factor}"), record, 60.25)
    assert low <= forecast.members["fitted stub"] <= high
    assert sum(forecast.members.values()) == pytest.approx(1.0, abs=0.003)


def test_simple_members_equal_the_forecasters(grid, issue):
    record = grid.record()
    slots = HourlySeries.from_inputs(record.inputs_at(30 * DAY_S, 1e9), 4 * DAY_S, 1e9)
    damped, naive, _ = np.exp(_simple_members(slots, 3))
    for back, (one, other) in enumerate(zip(damped[::-1], naive[::-1], strict=True)):
        np.testing.assert_allclose(one, issue(DampedProfile(), record, 30 - back).mean_g_per_kwh, rtol=1e-9)
        np.testing.assert_allclose(other, issue(SeasonalNaive(), record, 30 - back).mean_g_per_kwh, rtol=1e-9)


@pytest.mark.parametrize("step_s", [1800.0, 3 * HOUR_S])
def test_other_step_lengths(windy_grid, issue, error, step_s):
    grid = windy_grid(30, 2, step_s)
    record = grid.record()
    forecast = issue(OnlineEnsemble(), record, 24)
    assert len(forecast.mean_g_per_kwh) == 4 * DAY_S / step_s
    assert error(forecast, record, 24) < 0.4
