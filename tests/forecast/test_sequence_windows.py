import numpy as np
import pytest

from ce_nas.core.units import DAY_S
from ce_nas.forecast.hourly import Slots
from ce_nas.forecast.sequence_windows import CONTEXT_DAYS, LED, Columns, Grounds, Windows

CONTEXT = CONTEXT_DAYS * 24
EVER_S = 1e12


@pytest.fixture(scope="module")
def slots(grid):
    record = grid.record(known=grid.known, mix=grid.mix)
    return Slots.of(record.past(50 * DAY_S, EVER_S), 0.0, EVER_S)


def windows(slots, columns=None, days=range(20, 40)):
    columns = columns or Columns.of([slots])
    return Windows(slots, columns, Grounds(4).said(slots, days), days), columns


def test_columns_are_those_of_all_records(slots):
    columns = Columns.of([slots, slots.days(0, 10)])
    assert columns.sources == ("gas", "wind")
    assert list(columns.known) == ["dswrf_w_m2", "temperature_k", "wind_speed_m_s"]
    assert columns.known["wind_speed_m_s"][0] == pytest.approx(slots.known["wind_speed_m_s"].mean(), rel=0.1)
    rows = columns.rows(slots)
    assert rows.shape == (len(slots), columns.count)
    assert rows[:, columns.mix][:, :2].sum(axis=1) == pytest.approx(1.0)
    assert rows[:, columns.ahead.stop - 1].all()


def test_inputs_that_a_zone_lacks_are_zero_and_said_to_lack(slots):
    columns = Columns.of([slots])
    bare = Slots(slots.level, {}, {}, slots.begin, slots.slot_s, 1, 0)
    rows = columns.rows(bare)
    assert not rows[:, columns.mix].any()
    assert not rows[:, columns.ahead].any()


def test_a_window_holds_nothing_of_what_came_but_what_was_known(slots):
    issues, ahead = np.array([30 * 24 + 5]), np.array([96])
    cut, columns = windows(slots)
    window = cut.cut(issues, ahead)
    level = slots.level.copy()
    level[issues[0] :] += 3.0
    shares = {
        source: np.where(np.arange(len(slots)) < issues[0], values, 0.5) for source, values in slots.shares.items()
    }
    changed = Slots(level, shares, slots.known, slots.begin, slots.slot_s, 1, 0)
    again = windows(changed, columns)[0].cut(issues, ahead)
    assert all(np.array_equal(one, other) for one, other in zip(window, again, strict=True))
    assert not window.rows[0, CONTEXT:, columns.mix].any()
    assert window.rows[0, CONTEXT:, columns.ahead].any()


def test_what_is_not_known_ahead_is_hidden_and_the_ground_goes_by_the_calendar(slots):
    issues = np.array([30 * 24, 30 * 24])
    cut, columns = windows(slots)
    window = cut.cut(issues, np.array([96, 40]))
    assert np.array_equal(window.rows[0, : CONTEXT + 40, LED:], window.rows[1, : CONTEXT + 40, LED:])
    assert not window.rows[1, CONTEXT + 40 :, columns.ahead].any()
    assert np.array_equal(window.ground[0, :40], window.ground[1, :40])
    blind = cut.cut(issues[:1], np.array([0]))
    assert not blind.rows[:, :, columns.ahead].any()
    bare = Slots(slots.level, {}, {}, slots.begin, slots.slot_s, 1, 0)
    calendar = windows(bare, columns)[0].cut(issues[:1], np.array([0]))
    assert np.array_equal(blind.ground, calendar.ground)


def test_the_ground_of_a_past_alone_is_that_of_the_whole_record(slots, grid):
    record = grid.record(known=grid.known, mix=grid.mix)
    cut, columns = windows(slots)
    for issue in (25 * 24, 25 * 24 + 7):
        past = Slots.of(record.past(issue * 3600.0, EVER_S, 4 * DAY_S), 4 * DAY_S, EVER_S)
        today = range(issue // 24, issue // 24 + 1)
        alone = Windows(past, columns, Grounds(4).said(past, today), today).cut(np.array([issue]), np.array([96]))
        whole = cut.cut(np.array([issue]), np.array([96]))
        seen = CONTEXT + 96 - 36  # the last rows look around into hours of which a past alone knows nothing
        assert alone.rows[:, :seen] == pytest.approx(whole.rows[:, :seen], abs=1e-5)
        assert alone.ground[:, :60] == pytest.approx(whole.ground[:, :60])
        assert alone.ground == pytest.approx(whole.ground, abs=0.1)


def test_what_came_is_what_is_on_record(slots):
    cut, _ = windows(slots)
    assert np.array_equal(cut.truth(np.array([700]))[0], slots.level[700:796])
