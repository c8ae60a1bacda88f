"""The oracle: right, and unknown to the settings."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.forecast.base import ForecastInput
from ce_nas.forecast.oracle import OracleForecaster
from ce_nas.grid.trace import Series

HOUR_S = 3600.0
START = datetime(2021, 1, 1, tzinfo=UTC)


def predict(values, hours_known, horizon_h):
    now = START + timedelta(hours=hours_known)
    series = Series(START, HOUR_S, np.array(values)).relative_to(now)
    return OracleForecaster(series).predict(
        ForecastInput(series.past(0.0, 3), HOUR_S, 0.0, now, "zone"), horizon_h * HOUR_S
    )


def test_oracle_predicts_the_truth():
    assert predict([1.0, 2.0, 3.0, 4.0, 5.0], 2, 2).mean_g_per_kwh.tolist() == [3.0, 4.0]


def test_oracle_ends_with_the_record_or_at_a_gap():
    assert predict([1.0, 2.0, 3.0], 1, 9).mean_g_per_kwh.tolist() == [2.0, 3.0]
    assert predict([1.0, 2.0, np.nan, 4.0], 1, 9).mean_g_per_kwh.tolist() == [2.0]
    assert predict([1.0, 2.0], 2, 9).mean_g_per_kwh.tolist() == [2.0]


def test_oracle_is_named_in_the_journal_and_unknown_to_settings():
    settings = settings_from_flags(hours=2, gpus=2, searcher="random", policy="look-ahead")
    search = Search.from_settings(settings)
    result = Search.from_settings(settings, forecaster=OracleForecaster(search._inputs.intensity)).run()
    assert "knows the future" in result.summary.forecaster
    with pytest.raises(SettingsError, match="Unknown forecaster"):
        Search(forecaster="truth").run()
