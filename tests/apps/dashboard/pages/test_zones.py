import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.apps.dashboard.pages.zones import JobRequest, zones_page
from ce_nas.apps.dashboard.zone_forecast import HORIZON_H, ZoneForecast
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Forecast
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.report.i18n.translator import Translator

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


class FixedForecasts:
    """Two zones with made-up forecasts, and one that cannot be read."""

    def __init__(self):
        high_then_low = np.where(np.arange(HORIZON_H) < 12, 500.0, 100.0)
        self.forecasts = {
            "later": self.forecast("later", high_then_low, NOW),
            "flat": self.forecast("flat", np.full(HORIZON_H, 200.0), NOW - timedelta(hours=5)),
            "lost": "Expected a file, found none.",
        }

    @staticmethod
    def forecast(zone, hourly, issued_at):
        bands = {0.1: hourly * 0.9, 0.9: hourly * 1.1}
        made_up = Forecast("made-up", 0.0, 0.0, 3600.0, hourly, bands)
        return ZoneForecast(zone, synthetic_trace("solar"), issued_at, np.full(48, 300.0), 3600.0, made_up, hourly)

    def zone_names(self):
        return list(self.forecasts)

    def get(self, name, now):
        return self.forecasts[name]


def test_best_start_and_its_carbon():
    text = zones_page(FixedForecasts(), JobRequest(hours=10, within=48, gpus=8), NOW, Translator("en"))
    assert "Start at 2026-05-04 21:00" in text
    assert "80 % less than" in text
    grams = 8 * 287.0 * 1.56 / 1000 * 10 * 100
    assert f"{grams / 1000:.2f} kg" in text
    assert "05-04 21:00 - 07:00" in text


def test_start_now_if_waiting_saves_nothing():
    text = zones_page(FixedForecasts(), JobRequest("flat", 10, 48, 8), NOW, Translator("en"))
    assert "<strong>Start now</strong>" in text


def test_zones_that_wait_for_the_same_share_a_line():
    forecasts = FixedForecasts()
    forecasts.forecasts = dict.fromkeys(("later", "flat"), "Wait.") | {"lost": "Expected a file, found none."}
    text = zones_page(forecasts, JobRequest("flat"), NOW, Translator("en"))
    assert "<li>later, flat: Wait.</li>" in text
    assert "lost: Expected a file, found none." in text
    assert "Forecasters: " not in text  # there is none to name
    assert "<table" not in text


def test_an_unreadable_zone_leaves_the_others():
    text = zones_page(FixedForecasts(), JobRequest(), NOW, Translator("en"))
    assert "lost: Expected a file, found none." in text
    assert "The data of zone flat ends at 2026-05-04 04:00" in text
    detail = zones_page(FixedForecasts(), JobRequest("lost"), NOW, Translator("ja"))
    assert "Expected a file, found none." in detail


def test_best_start_per_day_and_band_per_hour():
    text = zones_page(FixedForecasts(), JobRequest(hours=1, within=96), NOW, Translator("en"))
    days = re.findall(r'<th scope="row">(2026-05-\d\d)</th>', text)
    assert days == [f"2026-05-0{day}" for day in (4, 5, 6, 7, 8)]
    assert "450 - 550" in text
    assert "80 % forecast interval" in text
    assert "95 % forecast interval" not in text


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"hours": "x"}, "hours as a whole number"),
        ({"hours": "0"}, "from 1 to 96"),
        ({"within": "97"}, "within as a whole number from 1 to 96"),
        ({"gpus": "-1"}, "gpus as a whole number"),
        ({"hours": "9", "within": "8"}, "9 h within 8 h"),
    ],
)
def test_an_invalid_job_is_refused(query, message):
    with pytest.raises(SettingsError, match=message):
        JobRequest.from_query(query)


def test_missing_values_take_their_defaults():
    assert JobRequest.from_query({"hours": " ", "zone": "solar"}) == JobRequest("solar", 8, 48, 8)
