"""Regressions refitted day after day: going on equals starting anew, and a fit knows nothing of what came after it."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.core.units import DAY_S
from ce_nas.forecast.features import standardised
from ce_nas.forecast.hourly import Slots
from ce_nas.forecast.ridge import BEFORE_DAYS, Learned, Member, Refits

MEMBERS = (Member(half_life_days=30, penalty=5.0), Member(half_life_days=60, penalty=20.0, waves=1, every_days=3))
AHEAD_DAYS = 2


@pytest.fixture(scope="module")
def seen(grid):
    record = grid.record(known=grid.known)

    def seen(days):
        past = record.past(days * DAY_S, 100 * DAY_S, AHEAD_DAYS * DAY_S)
        return standardised(Slots.of(past, AHEAD_DAYS * DAY_S, 100 * DAY_S))

    return seen


@pytest.mark.parametrize("member", MEMBERS)
def test_going_on_is_starting_anew(seen, member):
    slots = seen(40)
    whole, slowly = Refits(member, AHEAD_DAYS), Refits(member, AHEAD_DAYS)
    whole.learn(slots, 38)
    for day in range(20, 39):
        slowly.learn(seen(day + 2), day)
    asked = range(30, 38)
    assert np.array_equal(whole.said(slots, asked), slowly.said(slots, asked), equal_nan=True)


def test_a_fit_knows_nothing_of_the_days_after_it(seen):
    slots = seen(40)
    day = 30
    changed = slots.level.copy()
    changed[day * slots.a_day :] += 1.0
    said = [Refits(MEMBERS[0], AHEAD_DAYS), Refits(MEMBERS[0], AHEAD_DAYS)]
    for refits, level in zip(said, (slots.level, changed), strict=True):
        refits.learn(replace(slots, level=level), 38)
    asked = range(day, day + 1)
    assert np.array_equal(said[0].said(slots, asked), said[1].said(slots, asked), equal_nan=True)


def test_what_is_said_of_the_past_is_near_it(seen):
    slots = seen(60)
    refits = Refits(MEMBERS[0], AHEAD_DAYS)
    refits.learn(slots, 58)
    said = refits.said(slots, range(57, 58))
    assert said.shape == (1, BEFORE_DAYS + 1 + AHEAD_DAYS, slots.a_day)
    before = slots.level[(57 - BEFORE_DAYS) * slots.a_day : 57 * slots.a_day].reshape(BEFORE_DAYS, slots.a_day)
    assert np.abs(said[0, :BEFORE_DAYS] - before).mean() < 0.5 * before.std()


def test_another_record_is_learned_anew(seen):
    learned = Learned()
    first = learned.upto(seen(30), MEMBERS, AHEAD_DAYS)
    assert learned.upto(seen(31), MEMBERS, AHEAD_DAYS) is first
    other = replace(seen(31), level=seen(31).level + 1.0)
    assert learned.upto(other, MEMBERS, AHEAD_DAYS) is not first
