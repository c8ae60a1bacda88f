"""Rows of a linear model: what is seen of a slot never changes while the past grows."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.core.units import DAY_S
from ce_nas.forecast.features import VIEW_DAYS, plain_rows, standardised, wave_rows, weather_is_known
from ce_nas.forecast.hourly import Slots

VIEW = round(VIEW_DAYS * 24)


@pytest.fixture(scope="module")
def seen(grid):
    """The slots of so many days of the grid, with its weather one day ahead."""
    record = grid.record(known=grid.known)

    def seen(days):
        past = record.past(days * DAY_S, 100 * DAY_S, DAY_S)
        return standardised(Slots.of(past, DAY_S, 100 * DAY_S))

    return seen


@pytest.mark.parametrize("rows", [plain_rows, lambda slots: wave_rows(slots, 3)])
def test_a_row_stays_as_the_past_grows(seen, rows):
    early, late = seen(20), seen(23)
    final = len(early) + early.ahead - VIEW
    np.testing.assert_allclose(rows(early)[VIEW:final], rows(late)[VIEW:final], rtol=0, atol=1e-12)


@pytest.mark.parametrize("rows", [plain_rows, lambda slots: wave_rows(slots, 3)])
def test_the_intensity_is_not_looked_at(seen, rows):
    slots = seen(10)
    other = replace(slots, level=slots.level[::-1] + 1)
    assert np.array_equal(rows(slots), rows(other))


def test_every_row_says_its_slot_of_the_day(seen):
    slots = seen(10)
    rows = plain_rows(slots)
    assert rows.shape[0] == len(slots) + slots.ahead
    assert np.array_equal(rows[:, : slots.a_day].argmax(axis=1), slots.place_in_day)
    assert np.array_equal(rows[:, : slots.a_day].sum(axis=1), np.ones(len(rows)))
    assert np.isfinite(rows).all()


def test_without_weather_there_is_the_calendar(seen):
    slots = replace(seen(10), known={})
    assert not weather_is_known(slots)
    assert plain_rows(slots).shape[1] < plain_rows(seen(10)).shape[1]


def test_missing_weather_counts_as_usual_weather(grid):
    wind = grid.known["wind_speed_m_s"].copy()
    wind[30] = np.nan
    record = grid.record(known={**grid.known, "wind_speed_m_s": wind})
    slots = standardised(Slots.of(record.past(10 * DAY_S, 100 * DAY_S, DAY_S), DAY_S, 100 * DAY_S))
    assert slots.known["wind_speed_m_s"][30] == 0.0


def test_waves_are_bounded_and_drawn_by_their_seed(seen):
    slots = seen(10)
    waves = wave_rows(slots, 3, 50)
    assert waves.shape == (len(slots) + slots.ahead, 50)
    assert np.abs(waves).max() <= np.sqrt(0.5)
    assert np.array_equal(waves, wave_rows(slots, 3, 50))
    assert not np.array_equal(waves, wave_rows(slots, 4, 50))
