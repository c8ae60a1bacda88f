"""Every joule is accounted for once, with the carbon intensity of its time."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import EnergyError, TraceError
from ce_nas.core.records import Activity, EnergyReading, ReadingSource
from ce_nas.energy.ledger import Ledger, Prices
from ce_nas.grid.trace import Series

HOUR_S = 3600.0
START = datetime(2021, 7, 2, 6, tzinfo=UTC)
INTENSITY = Series(START, HOUR_S, np.array([300.0, 100.0, 500.0, 0.0, 250.0, 400.0]))
END_S = 6 * HOUR_S


@st.composite
def random_readings(draw):
    start_s = draw(st.floats(0, END_S - 1))
    end_s = draw(st.floats(start_s, END_S))
    if end_s - start_s < 1e-3:
        end_s = start_s + 1e-3
    return EnergyReading(
        device=draw(st.integers(0, 7)),
        activity=draw(st.sampled_from(Activity)),
        start_s=start_s,
        end_s=min(end_s, END_S),
        energy_j=draw(st.floats(0, 1e7)),
        source=draw(st.sampled_from(ReadingSource)),
        coverage=draw(st.floats(0, 1)),
    )


def make_reading(start_h=0.0, end_h=1.0, energy_kwh=1.0, activity=Activity.TRAINING, **rest):
    return EnergyReading(
        0, activity, start_h * HOUR_S, end_h * HOUR_S, energy_kwh * 3.6e6, ReadingSource.MODELLED, **rest
    )


def record(*readings, pue=1.0, prices=None, intensity=INTENSITY):
    ledger = Ledger(intensity, pue, prices or Prices())
    ledger.record(readings)
    return ledger.totals


@given(st.lists(random_readings(), max_size=8), st.floats(1, 2))
def test_activities_add_up_to_totals(readings, pue):
    totals = record(*readings, pue=pue)
    assert totals.total_energy_j == pytest.approx(pue * sum(reading.energy_j for reading in readings))
    assert sum(totals.energy_by_source_j.values()) == pytest.approx(totals.total_energy_j)
    assert sum(totals.device_s.values()) == pytest.approx(sum(reading.end_s - reading.start_s for reading in readings))
    for activity in Activity:
        part = record(*(reading for reading in readings if reading.activity is activity), pue=pue)
        assert totals.energy_j.get(activity, 0.0) == pytest.approx(part.total_energy_j)
        assert totals.carbon_g.get(activity, 0.0) == pytest.approx(part.total_carbon_g)
    assert set(totals.carbon_g) == {reading.activity for reading in readings}


@given(random_readings(), st.floats(1, 2))
def test_carbon_is_integral_of_power_times_intensity(reading, pue):
    middles_s = reading.start_s + (np.arange(50_000) + 0.5) / 50_000 * (reading.end_s - reading.start_s)
    steps = np.minimum(middles_s // HOUR_S, 5).astype(int)
    expected = reading.energy_j * pue / 3.6e6 * INTENSITY.values[steps].mean()
    assert record(reading, pue=pue).total_carbon_g == pytest.approx(expected, abs=reading.energy_j * pue / 3.6e6 * 0.1)


@given(random_readings(), st.floats(0.01, 0.99))
def test_split_reading_has_same_totals(reading, share):
    middle_s = reading.start_s + share * (reading.end_s - reading.start_s)
    first = replace(reading, end_s=middle_s, energy_j=share * reading.energy_j)
    second = replace(reading, start_s=middle_s, energy_j=(1 - share) * reading.energy_j)
    prices = Prices(0.3, 2.0)
    whole, parts = record(reading, prices=prices), record(first, second, prices=prices)
    scale = reading.energy_j / 3.6e6 * 500
    assert parts.total_energy_j == pytest.approx(whole.total_energy_j)
    assert parts.paper_carbon_g == pytest.approx(whole.paper_carbon_g, abs=1e-9)
    assert parts.cost == pytest.approx(whole.cost)
    assert parts.coverage == pytest.approx(whole.coverage)
    # the power of a reading is constant, so that a split does not change its carbon
    assert parts.total_carbon_g == pytest.approx(whole.total_carbon_g, rel=1e-6, abs=1e-9 * scale + 1e-12)


@given(st.lists(random_readings(), min_size=1, max_size=5), st.floats(1, 3))
def test_pue_scales_full_accounting_only(readings, pue):
    plain, scaled = record(*readings), record(*readings, pue=pue)
    assert scaled.total_energy_j == pytest.approx(pue * plain.total_energy_j)
    assert scaled.total_carbon_g == pytest.approx(pue * plain.total_carbon_g)
    assert scaled.paper_carbon_g == plain.paper_carbon_g
    assert scaled.coverage == plain.coverage


def test_totals_of_one_reading():
    totals = record(make_reading(0.5, 2.0, energy_kwh=3.0), pue=1.5)
    mean = (0.5 * 300 + 1.0 * 100) / 1.5
    assert totals.total_energy_j == pytest.approx(4.5 * 3.6e6)
    assert totals.total_carbon_g == pytest.approx(4.5 * mean)
    assert totals.paper_carbon_g == pytest.approx(1.5 * mean)


@pytest.mark.parametrize("activity", Activity)
def test_paper_accounting_charges_training_only(activity):
    totals = record(make_reading(1.0, 3.0, energy_kwh=0.1, activity=activity), pue=1.56)
    assert totals.paper_carbon_g == pytest.approx(600.0 if activity is Activity.TRAINING else 0.0)
    assert totals.total_carbon_g > 0


def test_paper_accounting_ignores_measured_energy():
    totals = record(make_reading(0.0, 1.0, energy_kwh=0.0))
    assert (totals.total_carbon_g, totals.paper_carbon_g) == (0.0, 300.0)


@pytest.mark.parametrize("energy_j", [math.nan, math.inf, -math.inf, -1e-9])
def test_ledger_refuses_invalid_energy(energy_j):
    ledger = Ledger(INTENSITY, 1.0, Prices())
    invalid = replace(make_reading(activity=Activity.CHECKPOINT), energy_j=energy_j)
    with pytest.raises(
        EnergyError, match="Expected an energy of zero joules or more for checkpoint on device 0 from 0 s"
    ):
        ledger.record([make_reading(), invalid])
    assert ledger.totals.total_energy_j == pytest.approx(3.6e6)
    assert Activity.CHECKPOINT not in ledger.totals.device_s


def test_ledger_refuses_reading_outside_trace():
    ledger = Ledger(INTENSITY, 1.0, Prices())
    for start_h, end_h in ((5.5, 6.5), (-1.0, 1.0), (2.0, 1.0)):
        with pytest.raises(TraceError):
            ledger.record([make_reading(start_h, end_h)])
    assert ledger.totals.device_s == {}
    assert ledger.totals.cost == 0.0


def test_ledger_refuses_gap_in_trace():
    trace_with_gap = Series(START, HOUR_S, np.array([300.0, np.nan, 500.0]))
    with pytest.raises(TraceError, match="gap"):
        record(make_reading(0.5, 1.5), intensity=trace_with_gap)


def test_cost_of_electricity_and_device_hours():
    totals = record(make_reading(0.0, 2.0, energy_kwh=4.0), pue=1.5, prices=Prices(0.25, 3.0))
    assert totals.cost == pytest.approx(4.0 * 1.5 * 0.25 + 2 * 3.0)


def test_cost_with_price_series():
    prices = Prices(Series(START, HOUR_S, np.array([0.1, 0.5, -0.2])), 0.0)
    assert record(make_reading(0.5, 1.5), prices=prices).cost == pytest.approx(0.3)
    assert record(make_reading(2.0, 2.5), prices=prices).cost == pytest.approx(-0.2)
    with pytest.raises(TraceError):
        record(make_reading(2.5, 3.5), prices=prices)


def test_cost_of_idle_device():
    idle = make_reading(0.0, 0.5, energy_kwh=0.0, activity=Activity.IDLE)
    assert record(idle, prices=Prices(0.25, 3.0)).cost == pytest.approx(1.5)


def test_coverage_is_observed_share_of_time():
    assert record().coverage == 1.0
    readings = make_reading(0.0, 3.0, coverage=1.0), make_reading(3.0, 4.0, coverage=0.2, activity=Activity.IDLE)
    assert record(*readings).coverage == pytest.approx(0.8)


@given(st.lists(st.lists(random_readings(), max_size=3), max_size=4))
def test_periods_add_up_to_totals(periods):
    ledger = Ledger(INTENSITY, 1.56, Prices(0.2, 1.0))
    closed = []
    for readings in periods:
        ledger.record(readings)
        closed.append(ledger.close_period())
    assert sum(totals.total_carbon_g for totals in closed) == pytest.approx(ledger.totals.total_carbon_g)
    assert sum(totals.paper_carbon_g for totals in closed) == pytest.approx(ledger.totals.paper_carbon_g)
    assert sum(totals.cost for totals in closed) == pytest.approx(ledger.totals.cost)
    assert sum(totals.observed_s for totals in closed) == pytest.approx(ledger.totals.observed_s)
    assert ledger.period_totals.device_s == {}


def test_billing_period_is_charged_in_full_and_restarts():
    ledger = Ledger(INTENSITY, 1.0, Prices(price_per_device_hour=3.0, billing_period_s=3600.0))
    first = [(0.0, 600.0, 3.0), (600.0, 3600.0, 3.0), (3600.0, 3700.0, 6.0)]
    for start_s, end_s, cost in [*first, (5000.0, 5001.0, 9.0), (5001.0, 8600.0, 9.0)]:
        ledger.record([EnergyReading(0, Activity.IDLE, start_s, end_s, 0.0, ReadingSource.MODELLED)])
        assert ledger.totals.cost == pytest.approx(cost)
    ledger.record([EnergyReading(1, Activity.IDLE, 8000.0, 8600.0, 0.0, ReadingSource.MODELLED)])
    assert ledger.totals.cost == pytest.approx(12.0)
    assert ledger.totals.total_device_s == pytest.approx(3700.0 + 3600.0 + 600.0)


def test_electricity_prices_of_coming_periods():
    tariff = Series(datetime(2021, 1, 1, tzinfo=UTC), 3600.0, np.array([0.1, 0.1, 0.4, 0.4]))
    assert Prices(tariff).electricity_prices(3600.0, 3600.0, 4 * 3600.0).tolist() == pytest.approx([0.1, 0.4, 0.4])
    assert Prices(0.3).electricity_prices(0.0, 3600.0, 7200.0).tolist() == [0.3]


def test_paid_time_of_a_held_device():
    ledger = Ledger(INTENSITY, 1.0, Prices(price_per_device_hour=2.0, billing_period_s=HOUR_S), time_scale=2.0)
    assert ledger.paid_s(0, 0.0) == 0.0
    ledger.record([make_reading(0.0, 1.0)])  # half a real hour of a paid one, which ends after two hours of the run
    assert ledger.paid_s(0, HOUR_S) == HOUR_S
    assert ledger.paid_s(0, HOUR_S + 2.0) == HOUR_S - 2.0  # a reading may be a real second old
    assert ledger.paid_s(0, HOUR_S + 2.1) == 0.0  # released since
    assert ledger.paid_s(1, HOUR_S) == 0.0


def test_rounding_starts_no_billing_period():
    prices = Prices(price_per_device_hour=1.0, billing_period_s=HOUR_S)
    assert prices.billed_s(HOUR_S + 1e-7) == HOUR_S
    assert prices.billed_s(HOUR_S + 1e-3) == 2 * HOUR_S


def test_a_device_of_several_gpus_counts_each_of_them():
    prices = Prices(price_per_device_hour=2 * 3.0)
    ledger = Ledger(INTENSITY, 1.0, prices, gpus_per_device=2)
    ledger.record([EnergyReading(0, Activity.TRAINING, 0.0, HOUR_S, 3.6e6, ReadingSource.COUNTER)])
    assert ledger.totals.total_device_s == 2 * HOUR_S
    assert ledger.totals.coverage == 1.0
    assert ledger.totals.cost == pytest.approx(6.0)
    alone = Ledger(INTENSITY, 1.0, prices)
    alone.record([EnergyReading(0, Activity.TRAINING, 0.0, HOUR_S, 3.6e6, ReadingSource.COUNTER)])
    assert ledger.totals.total_carbon_g == alone.totals.total_carbon_g
    assert ledger.totals.paper_carbon_g == 2 * alone.totals.paper_carbon_g


def test_time_and_its_price_are_real_time():
    prices = Prices(price_per_device_hour=2.0, billing_period_s=HOUR_S)
    ledger = Ledger(INTENSITY, 1.0, prices, time_scale=4.0)
    ledger.record([make_reading(0.0, 2.0, coverage=0.5)])  # half a real hour
    assert ledger.totals.total_device_s == HOUR_S / 2
    assert ledger.totals.observed_s == HOUR_S / 4
    assert ledger.totals.cost == 2.0
    assert ledger.totals.paper_carbon_g == pytest.approx(0.5 * 200)
    ledger.record([make_reading(2.0, 4.0)])  # the rest of the hour that is paid
    assert ledger.totals.cost == 2.0
    ledger.record([make_reading(4.0, 4.5)])
    assert ledger.totals.cost == 4.0


def test_an_activity_without_readings_took_nothing():
    totals = record(make_reading(energy_kwh=2.0), pue=1.5)
    assert totals.for_activity(Activity.TRAINING) == (pytest.approx(3.0 * 3.6e6), pytest.approx(900.0))
    assert totals.for_activity(Activity.IDLE) == (0.0, 0.0)


def test_another_site_counts_from_then_on():
    ledger = Ledger(INTENSITY, 1.5, Prices(electricity_per_kwh=0.2))
    ledger.record([make_reading(0.0, 1.0)])
    before = (ledger.totals.total_carbon_g, ledger.totals.cost)
    assert before == (pytest.approx(450.0), pytest.approx(0.3))
    ledger.switch_site(Series(START, HOUR_S, np.full(6, 40.0)), 1.1, Prices(electricity_per_kwh=0.5))
    ledger.record([make_reading(1.0, 2.0)])
    assert ledger.totals.total_carbon_g == pytest.approx(450.0 + 44.0)
    assert ledger.totals.cost == pytest.approx(0.3 + 0.55)
    assert ledger.totals.total_energy_j == pytest.approx((1.5 + 1.1) * 3.6e6)


def test_without_prices_nothing_is_charged():
    assert record(make_reading(), prices=Prices()).cost == 0.0
    assert Prices(price_per_device_hour=1.0).billed_s(10.0) == 10.0  # to the second


def test_the_price_at_the_deadline_is_that_of_its_step():
    tariff = Series(datetime(2021, 1, 1, tzinfo=UTC), 3600.0, np.array([0.1, 0.1, 0.4]))
    assert Prices(tariff).electricity_prices(7200.0, 3600.0, 7200.0).tolist() == [0.4]


def test_paid_time_is_over_once_it_has_passed():
    ledger = Ledger(INTENSITY, 1.0, Prices(price_per_device_hour=2.0, billing_period_s=100.0))
    ledger.record([EnergyReading(0, Activity.IDLE, 0.0, 100.0, 0.0, ReadingSource.MODELLED)])
    assert ledger.paid_s(0, 99.5) == 0.5
    assert ledger.paid_s(0, 100.5) == 0.0
