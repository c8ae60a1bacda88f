"""Every joule is on the books once, weighed with the intensity of its own moment."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import EnergyError, TraceError
from ce_nas.core.records import Activity, Reading, Source
from ce_nas.energy.ledger import Ledger, Prices
from ce_nas.grid.trace import Series

HOUR_S = 3600.0
START = datetime(2021, 7, 2, 6, tzinfo=UTC)
INTENSITY = Series(START, HOUR_S, np.array([300.0, 100.0, 500.0, 0.0, 250.0, 400.0]))
END_S = 6 * HOUR_S


@st.composite
def readings(draw):
    start_s = draw(st.floats(0, END_S - 1))
    end_s = draw(st.floats(start_s, END_S))
    if end_s - start_s < 1e-3:
        end_s = start_s + 1e-3
    return Reading(
        device=draw(st.integers(0, 7)),
        activity=draw(st.sampled_from(Activity)),
        start_s=start_s,
        end_s=min(end_s, END_S),
        energy_j=draw(st.floats(0, 1e7)),
        source=draw(st.sampled_from(Source)),
        coverage=draw(st.floats(0, 1)),
    )


def reading(start_h=0.0, end_h=1.0, energy_kwh=1.0, activity=Activity.TRAINING, **rest):
    return Reading(0, activity, start_h * HOUR_S, end_h * HOUR_S, energy_kwh * 3.6e6, Source.MODELLED, **rest)


def booked(*some, pue=1.0, prices=None, intensity=INTENSITY):
    ledger = Ledger(intensity, pue, prices or Prices())
    ledger.book(some)
    return ledger.total


@given(st.lists(readings(), max_size=8), st.floats(1, 2))
def test_the_parts_make_the_whole(some, pue):
    books = booked(*some, pue=pue)
    assert books.total_energy_j == pytest.approx(pue * sum(one.energy_j for one in some))
    assert sum(books.energy_by_source_j.values()) == pytest.approx(books.total_energy_j)
    assert sum(books.device_s.values()) == pytest.approx(sum(one.end_s - one.start_s for one in some))
    for activity in Activity:
        own = booked(*(one for one in some if one.activity is activity), pue=pue)
        assert books.energy_j.get(activity, 0.0) == pytest.approx(own.total_energy_j)
        assert books.carbon_g.get(activity, 0.0) == pytest.approx(own.total_carbon_g)
    assert set(books.carbon_g) == {one.activity for one in some}


@given(readings(), st.floats(1, 2))
def test_carbon_is_the_integral_of_power_times_intensity(one, pue):
    middles_s = one.start_s + (np.arange(50_000) + 0.5) / 50_000 * (one.end_s - one.start_s)
    steps = np.minimum(middles_s // HOUR_S, 5).astype(int)
    expected = one.energy_j * pue / 3.6e6 * INTENSITY.values[steps].mean()
    assert booked(one, pue=pue).total_carbon_g == pytest.approx(expected, abs=one.energy_j * pue / 3.6e6 * 0.1)


@given(readings(), st.floats(0.01, 0.99))
def test_a_reading_in_two_parts_weighs_what_it_does_in_one(one, share):
    middle_s = one.start_s + share * (one.end_s - one.start_s)
    first = replace(one, end_s=middle_s, energy_j=share * one.energy_j)
    second = replace(one, start_s=middle_s, energy_j=(1 - share) * one.energy_j)
    prices = Prices(0.3, 2.0)
    whole, parts = booked(one, prices=prices), booked(first, second, prices=prices)
    scale = one.energy_j / 3.6e6 * 500
    assert parts.total_energy_j == pytest.approx(whole.total_energy_j)
    assert parts.paper_carbon_g == pytest.approx(whole.paper_carbon_g, abs=1e-9)
    assert parts.cost == pytest.approx(whole.cost)
    assert parts.coverage == pytest.approx(whole.coverage)
    # Power is taken as even over a reading, so cutting it where its power is even changes nothing.
    assert parts.total_carbon_g == pytest.approx(whole.total_carbon_g, rel=1e-6, abs=1e-9 * scale + 1e-12)


@given(st.lists(readings(), min_size=1, max_size=5), st.floats(1, 3))
def test_pue_scales_the_full_book_and_leaves_the_papers(some, pue):
    plain, scaled = booked(*some), booked(*some, pue=pue)
    assert scaled.total_energy_j == pytest.approx(pue * plain.total_energy_j)
    assert scaled.total_carbon_g == pytest.approx(pue * plain.total_carbon_g)
    assert scaled.paper_carbon_g == plain.paper_carbon_g
    assert scaled.coverage == plain.coverage


def test_one_reading_by_hand():
    books = booked(reading(0.5, 2.0, energy_kwh=3.0), pue=1.5)
    mean = (0.5 * 300 + 1.0 * 100) / 1.5
    assert books.total_energy_j == pytest.approx(4.5 * 3.6e6)
    assert books.total_carbon_g == pytest.approx(4.5 * mean)
    assert books.paper_carbon_g == pytest.approx(1.5 * mean)


@pytest.mark.parametrize("activity", Activity)
def test_the_papers_book_charges_a_kilowatt_for_training_alone(activity):
    books = booked(reading(1.0, 3.0, energy_kwh=0.1, activity=activity), pue=1.56)
    assert books.paper_carbon_g == pytest.approx(600.0 if activity is Activity.TRAINING else 0.0)
    assert books.total_carbon_g > 0


def test_a_device_that_draws_nothing_measured_is_still_a_training_in_the_papers_book():
    books = booked(reading(0.0, 1.0, energy_kwh=0.0))
    assert (books.total_carbon_g, books.paper_carbon_g) == (0.0, 300.0)


@pytest.mark.parametrize("energy_j", [math.nan, math.inf, -math.inf, -1e-9])
def test_a_reading_that_cannot_be_true_is_refused_and_not_booked(energy_j):
    ledger = Ledger(INTENSITY, 1.0, Prices())
    bad = replace(reading(activity=Activity.CHECKPOINT), energy_j=energy_j)
    with pytest.raises(
        EnergyError, match="Expected an energy of zero joules or more for checkpoint on device 0 from 0 s"
    ):
        ledger.book([reading(), bad])
    assert ledger.total.total_energy_j == pytest.approx(3.6e6)
    assert Activity.CHECKPOINT not in ledger.total.device_s


def test_a_reading_outside_the_trace_is_refused_and_not_booked():
    ledger = Ledger(INTENSITY, 1.0, Prices())
    for start_h, end_h in ((5.5, 6.5), (-1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(TraceError):
            ledger.book([reading(start_h, end_h)])
    assert ledger.total.device_s == {}
    assert ledger.total.cost == 0.0


def test_a_gap_in_the_trace_is_no_clean_hour():
    holed = Series(START, HOUR_S, np.array([300.0, np.nan, 500.0]))
    with pytest.raises(TraceError, match="gap"):
        booked(reading(0.5, 1.5), intensity=holed)


def test_electricity_costs_its_price_with_pue_and_devices_their_hours():
    books = booked(reading(0.0, 2.0, energy_kwh=4.0), pue=1.5, prices=Prices(0.25, 3.0))
    assert books.cost == pytest.approx(4.0 * 1.5 * 0.25 + 2 * 3.0)


def test_a_series_of_prices_is_read_at_the_readings_own_time():
    prices = Prices(Series(START, HOUR_S, np.array([0.1, 0.5, -0.2])), 0.0)
    assert booked(reading(0.5, 1.5), prices=prices).cost == pytest.approx(0.3)
    assert booked(reading(2.0, 2.5), prices=prices).cost == pytest.approx(-0.2)
    with pytest.raises(TraceError):
        booked(reading(2.5, 3.5), prices=prices)


def test_an_idle_device_is_paid_for():
    idle = reading(0.0, 0.5, energy_kwh=0.0, activity=Activity.IDLE)
    assert booked(idle, prices=Prices(0.25, 3.0)).cost == pytest.approx(1.5)


def test_coverage_is_the_observed_share_of_the_time():
    assert booked().coverage == 1.0
    some = reading(0.0, 3.0, coverage=1.0), reading(3.0, 4.0, coverage=0.2, activity=Activity.IDLE)
    assert booked(*some).coverage == pytest.approx(0.8)


@given(st.lists(st.lists(readings(), max_size=3), max_size=4))
def test_the_periods_make_the_total(periods):
    ledger = Ledger(INTENSITY, 1.56, Prices(0.2, 1.0))
    closed = []
    for some in periods:
        ledger.book(some)
        closed.append(ledger.close_period())
    assert sum(books.total_carbon_g for books in closed) == pytest.approx(ledger.total.total_carbon_g)
    assert sum(books.paper_carbon_g for books in closed) == pytest.approx(ledger.total.paper_carbon_g)
    assert sum(books.cost for books in closed) == pytest.approx(ledger.total.cost)
    assert sum(books.observed_s for books in closed) == pytest.approx(ledger.total.observed_s)
    assert ledger.period.device_s == {}


def test_a_started_hour_is_paid_in_full_and_a_device_taken_anew_begins_a_new_one():
    ledger = Ledger(INTENSITY, 1.0, Prices(device_hour=3.0, billing_s=3600.0))
    first = [(0.0, 600.0, 3.0), (600.0, 3600.0, 3.0), (3600.0, 3700.0, 6.0)]
    for start_s, end_s, paid in [*first, (5000.0, 5001.0, 9.0), (5001.0, 8600.0, 9.0)]:
        ledger.book([Reading(0, Activity.IDLE, start_s, end_s, 0.0, Source.MODELLED)])
        assert ledger.total.cost == pytest.approx(paid)
    ledger.book([Reading(1, Activity.IDLE, 8000.0, 8600.0, 0.0, Source.MODELLED)])
    assert ledger.total.cost == pytest.approx(12.0)
    assert ledger.total.total_device_s == pytest.approx(3700.0 + 3600.0 + 600.0)


def test_prices_ahead_are_those_of_the_tariff():
    tariff = Series(datetime(2021, 1, 1, tzinfo=UTC), 3600.0, np.array([0.1, 0.1, 0.4, 0.4]))
    assert Prices(tariff).ahead(3600.0, 3600.0, 4 * 3600.0).tolist() == pytest.approx([0.1, 0.4, 0.4])
    assert Prices(0.3).ahead(0.0, 3600.0, 7200.0).tolist() == [0.3]
