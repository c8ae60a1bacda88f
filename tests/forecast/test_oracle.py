"""The forecaster that knows the future is right, and cannot be chosen by name."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.api import Study
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.forecast.base import Past
from ce_nas.forecast.oracle import Truth
from ce_nas.grid.trace import Series

HOUR_S = 3600.0
START = datetime(2021, 1, 1, tzinfo=UTC)


def issued(values, hours_known, horizon_h):
    begun = START + timedelta(hours=hours_known)
    series = Series(START, HOUR_S, np.array(values)).since(begun)
    return Truth(series).predict(Past(series.past(0.0, 3), HOUR_S, 0.0, begun, "zone"), horizon_h * HOUR_S)


def test_it_issues_what_comes():
    assert issued([1.0, 2.0, 3.0, 4.0, 5.0], 2, 2).mean_g_per_kwh.tolist() == [3.0, 4.0]


def test_it_ends_where_the_record_does_or_has_a_gap():
    assert issued([1.0, 2.0, 3.0], 1, 9).mean_g_per_kwh.tolist() == [2.0, 3.0]
    assert issued([1.0, 2.0, np.nan, 4.0], 1, 9).mean_g_per_kwh.tolist() == [2.0]
    assert issued([1.0, 2.0], 2, 9).mean_g_per_kwh.tolist() == [2.0]


def test_the_journal_names_it_and_the_settings_do_not_know_it():
    settings = settings_from_flags(hours=2, gpus=2, searcher="uniform", policy="look-ahead")
    study = Study(settings)
    result = Study(settings, forecaster=Truth(study._materials.intensity)).run()
    assert "knows the future" in result.summary.forecaster
    with pytest.raises(SettingsError, match="Unknown forecaster"):
        Study.of(forecaster="truth").run()
