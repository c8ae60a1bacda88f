from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.forecast.base import Past
from ce_nas.forecast.hourly import Slots

END = datetime(2021, 7, 4, 6, tzinfo=UTC)


def past_of(values, step_s=HOUR_S, end=END, known=None, mix=None):
    return Past(np.asarray(values, dtype=float), step_s, 0.0, end, "zone", mix or {}, known or {})


def test_slots_begin_with_a_day_and_end_with_the_past():
    slots = Slots.of(past_of(np.arange(1, 61)), 4 * DAY_S, 100 * DAY_S)
    assert slots.begin == datetime(2021, 7, 2, tzinfo=UTC)
    assert np.exp(slots.level) == pytest.approx(np.arange(7, 61))
    assert slots.place_in_day[:26].tolist() == [*range(24), 0, 1]
    assert slots.weekday[[0, 24, 48]].tolist() == [4, 5, 6]
    assert slots.day_share[[0, 12, 24]] == pytest.approx([0.5 / 24, 12.5 / 24, 0.5 / 24])


def test_short_steps_are_averaged_and_given_back():
    slots = Slots.of(past_of(np.repeat(np.arange(1.0, 31.0), 12), 300.0), 2 * HOUR_S, DAY_S * 100)
    assert (slots.steps, slots.ahead, len(slots)) == (12, 2, 30)
    assert np.exp(slots.level) == pytest.approx(np.arange(1, 31))
    assert slots.in_steps(np.array([1.0, 2.0]), 1.5 * HOUR_S).tolist() == [1.0] * 12 + [2.0] * 6


def test_steps_that_make_up_no_day_have_no_slots():
    assert Slots.of(past_of(np.ones(100), 7 * HOUR_S), DAY_S, 100 * DAY_S) is None
    assert Slots.of(past_of(np.ones(100), 420.0), DAY_S, 100 * DAY_S) is None


def test_a_long_past_begins_at_an_anchor_that_stays_while_the_end_moves():
    begins = {
        Slots.of(past_of(np.ones(3000), end=END + timedelta(hours=hours)), DAY_S, 100 * DAY_S).begin
        for hours in range(72)
    }
    assert len(begins) == 1
    assert END - timedelta(days=100) <= begins.pop() < END - timedelta(days=69)


def test_what_is_known_ahead_is_counted_up_to_the_first_hole():
    wind = np.concatenate([np.ones(48 + 10), [np.nan], np.ones(13)])
    slots = Slots.of(past_of(np.ones(48), known={"wind": wind}), DAY_S, 100 * DAY_S)
    assert slots.known_ahead == 10
    ended = Slots.of(past_of(np.ones(48), known={"wind": wind, "sun": np.ones(48)}), DAY_S, 100 * DAY_S)
    assert (ended.known_ahead, list(ended.useful)) == (10, ["wind"])
    assert len(ended.reaching(10).known["wind"]) == len(ended) + 10
    assert Slots.of(past_of(np.ones(48)), DAY_S, 100 * DAY_S).known_ahead == 0


def test_shares_are_of_all_sources_and_missing_where_nothing_was_generated():
    mix = {"coal": np.array([3.0, 0.0, np.nan] * 8), "wind": np.array([1.0, 0.0, 2.0] * 8)}
    slots = Slots.of(past_of(np.ones(24), mix=mix, end=datetime(2021, 7, 4, tzinfo=UTC)), DAY_S, 100 * DAY_S)
    assert slots.shares["coal"][:3] == pytest.approx([0.75, np.nan, np.nan], nan_ok=True)
    assert slots.shares["wind"][:3] == pytest.approx([0.25, np.nan, 1.0], nan_ok=True)


def test_days_can_be_cut_out():
    slots = Slots.of(past_of(np.arange(1, 55), known={"wind": np.arange(54.0 + 48)}), 2 * DAY_S, 100 * DAY_S)
    part = slots.days(2, 4)
    assert part.begin == datetime(2021, 7, 4, tzinfo=UTC)
    assert (len(part), part.ahead) == (6, 42)
    assert part.known["wind"].tolist() == list(range(48, 96))
