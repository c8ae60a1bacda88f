from datetime import UTC, datetime, timedelta

import pytest

from ce_nas.core.records import Activity, Reading, Source
from ce_nas.energy.ledger import Prices
from ce_nas.energy.live_ledger import LiveLedger, Part

ZERO = datetime(2024, 5, 15, tzinfo=UTC)
KWH = 3.6e6


class Grid:
    """Hours of 100 g, until they are said to be otherwise."""

    def __init__(self):
        self.known = {}

    def at(self, step):
        return self.known.get(step, 100.0)

    def published(self, step):
        return step in self.known

    def parts(self, start_s, end_s):
        middle_s = 3600.0
        shares = [(ZERO, max(middle_s - start_s, 0)), (ZERO + timedelta(hours=1), max(end_s - middle_s, 0))]
        return [Part(step, within_s / (end_s - start_s), self.at(step)) for step, within_s in shares if within_s]

    def mean(self, start_s, end_s):
        return sum(part.share * part.g_per_kwh for part in self.parts(start_s, end_s))


@pytest.fixture
def books():
    return LiveLedger(Grid(), 2.0, Prices(), time_scale=2.0)


def reading(activity=Activity.TRAINING, start_s=1800.0, end_s=5400.0):
    return Reading(0, activity, start_s, end_s, KWH, Source.COUNTER)


def test_each_step_is_revised_by_what_was_drawn_in_it(books):
    books.book([reading(), reading(Activity.IDLE)])
    assert books.total.total_carbon_g == pytest.approx(2 * 2 * 100.0)
    books._grid.known[ZERO] = 160.0
    found = books.revise()
    assert found.steps == [(ZERO.isoformat(), 100.0, 160.0)]
    assert found.carbon_g == {Activity.TRAINING: pytest.approx(60.0), Activity.IDLE: pytest.approx(60.0)}
    assert books.total.total_carbon_g == pytest.approx(520.0)
    # by the paper's rule a device that trains draws 1 kW: a quarter of an hour of real time in that step
    assert found.paper_carbon_g == pytest.approx(0.25 * 60.0)
    assert books.total.paper_carbon_g == pytest.approx(0.25 * 160.0 + 0.25 * 100.0)
    assert books.provisional_g == pytest.approx(200.0)


def test_a_revision_counts_in_the_period_in_which_it_is_made(books):
    books.book([reading()])
    books.close_period()
    books._grid.known[ZERO] = 90.0
    books.revise()
    assert books.period.total_carbon_g == pytest.approx(-10.0)
    assert books.period.total_energy_j == 0


def test_nothing_new_is_no_revision(books):
    books.book([reading()])
    books._grid.known[ZERO] = 100.0
    assert books.revise() is None
    books._grid.known[ZERO] = 110.0
    assert books.revise() is not None
    assert books.revise() is None
