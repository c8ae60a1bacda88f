"""What every forecaster keeps, whatever it expects."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.adaptive import AdaptiveRidge
from ce_nas.forecast.base import Past
from ce_nas.forecast.baselines import DampedProfile, Persistence, SeasonalNaive
from ce_nas.forecast.conformal import Calibrated
from ce_nas.grid.trace import Series


def transformer():
    """A network of the smallest size with weights of no meaning."""
    pytest.importorskip("torch", reason="the transformer needs torch")
    import torch

    from ce_nas.forecast.sequence_windows import Columns
    from ce_nas.forecast.transformer import Fitted, TransformerForecaster
    from ce_nas.forecast.transformer_network import Shape, Transformer

    columns = Columns(sources=(), known={})
    shape = {"columns": columns.count, "context": 168, "ahead": 96, "zones": 1, "levels": 9, "width": 8, "heads": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Transformer(Shape(**shape))
    weights = {name: values.numpy() for name, values in net.state_dict().items()}
    return TransformerForecaster(Fitted(columns, ("zone",), shape, {}), [weights])


def mstl():
    pytest.importorskip("statsforecast", reason="the forecaster mstl needs the extra 'baselines'")
    from ce_nas.forecast.baselines import Mstl

    return Mstl()


FORECASTERS = {
    "transformer": transformer,
    "adaptive": AdaptiveRidge,
    "persistence": Persistence,
    "seasonal-naive": SeasonalNaive,
    "damped-profile": DampedProfile,
    "damped-profile, calibrated": lambda: Calibrated(DampedProfile()),
    "damped-profile, slow": lambda: DampedProfile(fading_s=1e9),
    "mstl": mstl,
}
START = datetime(2021, 7, 2, 6, tzinfo=UTC)
STEPS = (300.0, 900.0, 1800.0, HOUR_S, 3 * HOUR_S, 7 * HOUR_S, DAY_S, 30 * DAY_S)


def past_of(values, step_s=HOUR_S, end_s=0.0):
    return Past(np.asarray(values, dtype=float), step_s, end_s, START + timedelta(seconds=end_s), "zone")


@pytest.fixture(params=FORECASTERS)
def forecaster(request):
    return FORECASTERS[request.param]()


@pytest.mark.parametrize("name", FORECASTERS)
@given(
    values=st.lists(st.floats(0, 2000), min_size=1, max_size=60),
    step_s=st.sampled_from(STEPS),
    horizon_s=st.floats(1, 4 * DAY_S),
    end_s=st.floats(-1e6, 1e6),
)
def test_a_forecast_reaches_its_horizon_and_is_never_negative(name, values, step_s, horizon_s, end_s):
    forecast = FORECASTERS[name]().predict(past_of(values, step_s, end_s), horizon_s)
    reach_s = len(forecast.mean_g_per_kwh) * forecast.step_s
    assert horizon_s <= reach_s * (1 + 1e-12)
    assert reach_s < horizon_s + 2 * step_s
    assert np.isfinite(forecast.mean_g_per_kwh).all()
    assert (forecast.mean_g_per_kwh >= 0).all()
    assert (forecast.issued_s, forecast.start_s, forecast.step_s) == (end_s, end_s, step_s)


@pytest.mark.parametrize("horizon_h", [1, 24, 96])
@pytest.mark.parametrize("known", [1, 5, 23, 24, 25, 168, 400])
def test_whole_hours_give_as_many_steps_with_however_short_a_past(forecaster, known, horizon_h):
    values = 300 + 50 * np.cos(np.arange(known))
    assert len(forecaster.predict(past_of(values), horizon_h * HOUR_S).mean_g_per_kwh) == horizon_h


def test_the_future_cannot_be_known(forecaster):
    known = 300 + 50 * np.cos(np.arange(240))
    issued = []
    for future in (np.zeros(96), np.full(96, 1900.0), np.full(96, np.nan)):
        series = Series(START - timedelta(hours=240), HOUR_S, np.concatenate([known, future])).since(START)
        past = series.past(0.0, round(forecaster.lookback_s / HOUR_S))
        issued.append(forecaster.predict(past_of(past), 4 * DAY_S).mean_g_per_kwh)
    assert np.array_equal(issued[0], issued[1])
    assert np.array_equal(issued[0], issued[2])


def test_no_more_is_looked_at_than_the_lookback_says(forecaster):
    recent = 300 + 50 * np.cos(np.arange(round(forecaster.lookback_s / HOUR_S)))
    longer = np.concatenate([np.full(500, 1700.0), recent])
    few, many = (forecaster.predict(past_of(values), 2 * DAY_S).mean_g_per_kwh for values in (recent, longer))
    assert np.array_equal(few, many)


def test_the_past_is_never_changed(forecaster):
    values = 300 + 50 * np.cos(np.arange(200))
    values.flags.writeable = False
    forecast = forecaster.predict(past_of(values), DAY_S)
    assert np.array_equal(values, 300 + 50 * np.cos(np.arange(200)))
    forecast.mean_g_per_kwh[:] = -1
    assert (values > 0).all()


def test_a_flat_grid_is_forecast_flat(forecaster):
    for known in (1, 30, 500):
        assert forecaster.predict(past_of(np.full(known, 123.4)), DAY_S).mean_g_per_kwh == pytest.approx(123.4)


def test_the_same_past_gives_the_same_forecast_under_its_own_name(forecaster):
    past = past_of(300 + 50 * np.cos(np.arange(200)))
    first, again = forecaster.predict(past, DAY_S), forecaster.predict(past, DAY_S)
    assert np.array_equal(first.mean_g_per_kwh, again.mean_g_per_kwh)
    assert first.forecaster == forecaster.name
