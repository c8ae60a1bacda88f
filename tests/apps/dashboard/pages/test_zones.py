import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.apps.dashboard.pages.zones import Wish, zones_page
from ce_nas.apps.dashboard.zone_forecast import AHEAD_H, Outlook
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Forecast
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.report.i18n.words import Words

NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


class Fixed:
    """Two zones whose coming days are made up, and one that cannot be read."""

    def __init__(self):
        dirty_now = np.where(np.arange(AHEAD_H) < 12, 500.0, 100.0)
        self.found = {
            "later": self.outlook("later", dirty_now, NOW),
            "flat": self.outlook("flat", np.full(AHEAD_H, 200.0), NOW - timedelta(hours=5)),
            "lost": "Expected a file, found none.",
        }

    @staticmethod
    def outlook(zone, ahead, issued):
        bands = {0.1: ahead * 0.9, 0.9: ahead * 1.1}
        forecast = Forecast("made-up", 0.0, 0.0, 3600.0, ahead, bands)
        return Outlook(zone, synthetic_trace("solar"), issued, np.full(48, 300.0), 3600.0, forecast, ahead)

    def names(self):
        return list(self.found)

    def of(self, name, now):
        return self.found[name]


def test_the_best_start_is_said_with_its_grams():
    text = zones_page(Fixed(), Wish(hours=10, within=48, gpus=8), NOW, Words("en"))
    assert "Start at 2026-05-04 21:00" in text
    assert "80% less than" in text
    grams = 8 * 287.0 * 1.56 / 1000 * 10 * 100
    assert f"{grams / 1000:.2f} kg" in text
    assert "05-04 21:00 - 07:00" in text


def test_where_nothing_is_gained_by_waiting_it_is_said():
    text = zones_page(Fixed(), Wish("flat", 10, 48, 8), NOW, Words("en"))
    assert "<strong>Start now</strong>" in text


def test_a_zone_that_cannot_be_read_spoils_nothing():
    text = zones_page(Fixed(), Wish(), NOW, Words("en"))
    assert "lost: Expected a file, found none." in text
    assert "The record of zone flat ends at 2026-05-04 04:00" in text
    close = zones_page(Fixed(), Wish("lost"), NOW, Words("ja"))
    assert "Expected a file, found none." in close


def test_each_day_has_its_best_start_and_every_hour_its_band():
    text = zones_page(Fixed(), Wish(hours=1, within=96), NOW, Words("en"))
    days = re.findall(r'<th scope="row">(2026-05-\d\d)</th>', text)
    assert days == [f"2026-05-0{day}" for day in (4, 5, 6, 7, 8)]
    assert "450 - 550" in text
    assert "80% of the forecast" in text
    assert "95% of the forecast" not in text


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"hours": "x"}, "hours as a whole number"),
        ({"hours": "0"}, "from 1 to 96"),
        ({"within": "97"}, "within as a whole number from 1 to 96"),
        ({"gpus": "-1"}, "gpus as a whole number"),
        ({"hours": "9", "within": "8"}, "9 h within 8 h"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(stated, said):
    with pytest.raises(SettingsError, match=said):
        Wish.of(stated)


def test_what_is_left_out_is_as_by_default():
    assert Wish.of({"hours": " ", "zone": "solar"}) == Wish("solar", 8, 48, 8)
