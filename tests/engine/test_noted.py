from dataclasses import replace

import numpy as np
import pytest

from ce_nas.core.records import Forecast, View
from ce_nas.engine.noted import AHEAD, noted


@pytest.fixture
def view():
    """A view at the third hour, ten hours before the end, with a forecast that grows by 10 an hour from 100 on."""
    mean = 100.0 + 10.0 * np.arange(48)
    quantiles = {0.9: mean + 20.0, 0.1: mean - 20.0}
    empty = dict.fromkeys(View.__dataclass_fields__, 0)
    known = {**empty, "now_s": 10800.0, "period_s": 3600.0, "time_left_s": 36000.0}
    return View(**{**known, "forecast": Forecast("made", 10800.0, 10800.0, 3600.0, mean, quantiles)})


def test_the_coming_period_and_those_after_it_are_kept(view):
    kept = noted(view)
    assert kept["forecast_g_per_kwh"] == pytest.approx(100.0)
    assert kept["quantiles_g_per_kwh"] == {"0.1": 80.0, "0.9": 120.0}
    assert kept["ahead_g_per_kwh"] == [100.0 + 10.0 * hour for hour in range(10)]
    assert len(noted(replace(view, time_left_s=1e6))["ahead_g_per_kwh"]) == AHEAD


def test_what_is_not_known_is_left_out(view):
    assert noted(replace(view, forecast=None)) == {
        "forecast_g_per_kwh": None, "quantiles_g_per_kwh": {}, "ahead_g_per_kwh": [],
    }  # fmt: skip


def test_the_journal_holds_it(small_study):
    entries = small_study(forecaster="persistence").run().entries
    decided = [entry.content for entry in entries if entry.kind == "decided"]
    assert all(content["ahead_g_per_kwh"][0] == round(content["forecast_g_per_kwh"], 1) for content in decided)
