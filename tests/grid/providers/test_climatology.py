"""Typical days: what they are the mean of, and when there is none."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.climatology import likeness, own_profile
from ce_nas.grid.providers.normalize import Kind, Reading, Window, regular
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.grid.trace import Factors, Signal

START = datetime(2024, 5, 1, tzinfo=UTC)


class Named:
    """As much of a source as a likeness looks at."""

    name = "named"

    def __init__(self, factors=Factors.LIFECYCLE, signal=Signal.AVERAGE):
        self.factors, self.signal = factors, signal


def kept(days, value, absent=lambda _: False):
    """A series of so many days; ``value`` of each moment, missing where ``absent``."""
    window = Window.around(START, START + timedelta(days=days), 3600.0)
    moments = [window.moment(step) for step in range(window.steps)]
    readings = [Reading(moment, value(moment), Quality.MEASURED) for moment in moments if not absent(moment)]
    return regular(Kind("named", "DE", Factors.LIFECYCLE, Signal.AVERAGE, 3600.0), window, readings, START)


def test_a_typical_day_is_the_mean_of_what_was_kept():
    profile = own_profile(kept(8, lambda moment: 100.0 + moment.hour + moment.day % 2))
    assert profile.at(datetime(2031, 12, 24, 5, tzinfo=UTC)) == pytest.approx(105.5)
    assert "8 days" in profile.name


def test_what_is_missing_is_left_out_and_not_counted_as_nothing():
    def on_the_third(moment):
        return moment.day == 3

    profile = own_profile(kept(8, lambda moment: 100.0 + moment.hour, on_the_third))
    assert profile.at(START) == pytest.approx(100.0)
    assert "7 days" in profile.name


@pytest.mark.parametrize("series", [None, kept(6, lambda _: 100.0), kept(9, lambda _: 100.0, lambda at: at.hour == 4)])
def test_too_little_of_a_past_makes_no_typical_day(series):
    assert own_profile(series) is None


def test_a_likeness_is_the_mean_day_of_the_month_of_the_built_in_zone():
    trace = synthetic_trace("solar", year=2023)
    profile = likeness("solar", Named())
    first = round((datetime(2023, 3, 1, tzinfo=UTC) - trace.start).total_seconds() / 3600)
    march = trace.g_per_kwh[first : first + 31 * 24].reshape(31, 24).mean(axis=0)
    assert np.allclose(profile.g_per_kwh[2], march)
    assert profile.at(datetime(2024, 3, 9, 13, tzinfo=UTC)) == pytest.approx(march[13])


@pytest.mark.parametrize("source", [Named(factors=Factors.DIRECT), Named(signal=Signal.MARGINAL)])
def test_what_counts_something_else_has_no_likeness(source):
    with pytest.raises(SettingsError, match="leave the like out"):
        likeness("solar", source)


def test_an_unknown_zone_is_said():
    with pytest.raises(TraceError, match="atlantis"):
        likeness("atlantis", Named())
