"""What a search will take, before it runs: carbon, energy, money, hours and trainings, each with an 80 % interval.

Interface::

    estimate_search(settings, searches=6, zones=(), on_progress=None) -> Estimate
    estimate_from_calibration(settings, DeviceCalibration(training_s, training_j)) -> Estimate

Where the benchmark is a table, the settings are simulated over past weeks of the grid, each with a seed of its own, and
the interval is the prediction interval of a log-normal variable from these searches. For a function of one's own or a
live search the quantities follow from a training and a batch of scores on its device (``ce_nas.Search.estimate`` runs
them) and the range of trainings after which searches end by themselves. Nothing after the run's start is read from the
grid's record.

Source
    Hahn, Meeker. Statistical Intervals. 1991 (prediction interval of one further observation, section 4.7).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import threadpool_limits

from ce_nas.analysis.statistics import Interval
from ce_nas.core.errors import SettingsError
from ce_nas.core.formatting import format_energy, format_percentage
from ce_nas.core.rng import random_stream
from ce_nas.core.units import DAY_S, HOUR_S, J_PER_KWH
from ce_nas.energy.cpu_time import BASELINE_W, BUSY_CORE_W
from ce_nas.engine.build import build_engine, build_searcher
from ce_nas.engine.device_calibration import DeviceCalibration, slowdown_of
from ce_nas.engine.inputs import RunInputs
from ce_nas.engine.live_inputs import measures_costs, sampling_limit
from ce_nas.engine.site_inputs import settings_at_site
from ce_nas.forecast.base import FORECAST_HORIZON_S, PAST_WINDOW_S
from ce_nas.forecast.best_start import find_best_start
from ce_nas.policies.baselines import VanillaPolicy
from ce_nas.store.journal import NullJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.config.schema import Settings
    from ce_nas.config.site_schema import OtherSiteSettings

__all__ = [
    "DeviceCalibration",
    "Estimate",
    "EstimateRow",
    "estimate_from_calibration",
    "estimate_search",
    "prediction_interval",
]

#: probability that an interval holds the truth
INTERVAL_PROBABILITY = 0.8
#: added to the seeds of the simulated searches, so that none is the search itself
_SEED_OFFSET = 10_000
#: trainings after which the simulated searches of the embedded tables ended by themselves: median, and the factor of an
#: 80 % interval, for a problem of which nothing is known
_USUAL_TRAININGS, _USUAL_FACTOR = 85.0, 1.8
#: networks, and draws from them, behind the spread of sizes
_SIZE_NETWORKS, _SIZE_DRAWS = 200, 2000
_WEEK_S = 7 * DAY_S
#: the share of a processor that a training got, below which an estimate speaks of it
_BUSY_SHARE = 0.8
#: how many times busier a busy machine may become within an interval, at most
_MOST_BUSIER = 4.0
#: a search that takes as many times its work on all devices waits for clean hours
_WAITING_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class EstimateRow:
    """One way to run the search; each interval holds the truth with a probability of 80 %."""

    #: ``now``: at the stated start; ``best-start``: at the best time within the deadline, without a pause;
    #: ``site``: now, at one of several sites without a move; ``zone``: now, in another zone; ``final``: the training of
    #: the chosen network, on top of the search
    when: str
    zone: str
    #: hours from the stated start to the start
    start_h: float
    carbon_g: Interval
    energy_j: Interval
    #: in the currency of the prices
    cost: Interval
    hours: Interval
    trainings: Interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a search will take."""

    #: the first is for a start as stated
    rows: tuple[EstimateRow, ...]
    #: ``simulated``: searches on the table in past weeks; ``calibrated``: from what was measured on the device
    basis: str
    #: simulated searches, or trainings measured
    count: int
    #: what the estimate assumes, each a sentence
    notes: tuple[str, ...] = ()

    @property
    def now(self) -> EstimateRow:
        """The row of a start as stated."""
        return self.rows[0]

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain containers."""
        return asdict(self)


def estimate_search(
    settings: Settings,
    *,
    searches: int = 6,
    zones: Sequence[str] = (),
    on_progress: Callable[[int, int], None] | None = None,
) -> Estimate:
    """Estimate a simulated search by simulating its settings over past weeks, each with a seed of its own.

    Of a search with several sites the first row is of a search that moves; each site has a row of its own.

    :param searches: simulated searches, 3 or more; of a search with several sites also as many that stay at home.
    :param zones: built-in or imported zones to compare with.
    :param on_progress: called with the numbers of finished and of all searches.
    :raises SettingsError: if the search is live (see :func:`estimate_from_calibration`), or no past is on record.
    """
    if settings.live.enabled:
        message = "Expected a search on a table, got a live one: calibrate it on the device first."
        raise SettingsError(message)
    if searches < 3:
        message = f"Expected 3 simulated searches or more for an interval, got {searches}."
        raise SettingsError(message)
    inputs = RunInputs(settings)
    inputs.validate()
    others, done = settings.site.others, 0
    simulated = searches * (2 if others else 1)

    def report_progress() -> None:
        nonlocal done
        done += 1
        if on_progress:
            on_progress(done, simulated)

    stays = row = _simulate_past(inputs, searches, report_progress)
    if others:
        at_home = settings.site.model_copy(update={"others": ()})
        home = replace(inputs, settings=settings.model_copy(update={"site": at_home}))
        stays = replace(_simulate_past(home, searches, report_progress), when="site")
        rows = [row, stays, *(_row_at_site(inputs, stays, other) for other in others)]
    else:
        rows = [row, *_best_start_rows(inputs, row)]
    rows += [_row_in_zone(inputs, stays, zone) for zone in dict.fromkeys(zones) if zone != inputs.zone]
    return Estimate(tuple(rows), "simulated", searches)


def _simulate_past(inputs: RunInputs, searches: int, report_progress: Callable[[], None]) -> EstimateRow:
    """The row of a start now, from so many searches simulated in the past."""
    outcomes = []
    for number, back_s in enumerate(_past_starts_s(inputs, searches)):
        outcomes.append(_simulate(inputs, inputs.settings.seed + _SEED_OFFSET + number, back_s))
        report_progress()
    intervals = [prediction_interval(column) for column in zip(*outcomes, strict=True)]
    return EstimateRow("now", inputs.zone, 0.0, *intervals)


def estimate_from_calibration(
    settings: Settings,
    calibration: DeviceCalibration,
    final_s: Interval | None = None,
    *,
    final_processor_share: float | None = None,
    zones: Sequence[str] = (),
) -> Estimate:
    """Estimate a search of the user's own networks or code from a training and a batch of scores on its device.

    The number of trainings is that of the budget or of the whole space, else that after which searches usually end by
    themselves. Of scores it is what the settings allow, as far as the devices that a policy leaves to them come while
    the others train.

    On a processor whose energy is modelled by processor time the intervals hold how busy the machine is: from idle to
    as many times busier than it was during the measurement, four times at most.

    :param final_s: duration of the final training on its devices, s, if one follows: it has a row of its own; its low
        end is that of an idle machine.
    :param final_processor_share: processor time per second of its measured steps, where energy is modelled by it.
    :param zones: built-in or imported zones to compare with.
    :raises SettingsError: if the grid is live: its coming hours are not on record.
    """
    inputs = RunInputs(settings)
    if settings.grid.provider is not None:
        message = "Expected a zone or a trace to estimate with, got a live provider; name one with --zone or --trace."
        raise SettingsError(message)
    budget, cluster = settings.budget, settings.cluster
    scoring = _plan_scoring(inputs, calibration)
    affordable = max(cluster.gpus * budget.time_s - scoring.device_s(1.0), 0.0) / calibration.training_s
    most = min(affordable, math.inf if budget.evaluations is None else budget.evaluations, inputs.benchmark.space.size)
    usual = (_USUAL_TRAININGS, _USUAL_TRAININGS / _USUAL_FACTOR, _USUAL_TRAININGS * _USUAL_FACTOR)
    trainings = Interval(*(max(min(count, most), 1.0) for count in usual))
    sizes = _size_factors(inputs, trainings) if calibration.of_random_network else Interval(1.0, 1.0, 1.0)
    networks = _spread(trainings, sizes)
    energy_j = _add(networks.scaled(calibration.training_j), _map(trainings, scoring.energy_j))
    energy_j = _shift(energy_j, cluster.gpus * calibration.start_up_j).scaled(cluster.pue)
    device_s = _add(networks.scaled(calibration.training_s), _map(trainings, scoring.device_s))
    share = calibration.processor_share
    energy_j, device_s = _spread(energy_j, _energy_factors(share)), _spread(device_s, _time_factors(share))
    hours = _shift(device_s.scaled(1.0 / cluster.gpus), calibration.start_up_s).scaled(1.0 / HOUR_S)
    ahead = _forecast_hours(inputs)
    g_per_kwh = float(ahead[: max(round(hours.median), 1)].mean())
    cost = _price(inputs, energy_j, hours.scaled(cluster.gpus))
    row = EstimateRow("now", inputs.zone, 0.0, energy_j.scaled(g_per_kwh / J_PER_KWH), energy_j, cost, hours, trainings)
    note = (
        f"Searches on known tables end by themselves after {_USUAL_TRAININGS:.0f} trainings, 8 in 10 of them within a "
        f"factor of {_USUAL_FACTOR:g}."
    )
    notes = [note, *scoring.notes(trainings.median)]
    rows = [row, *_best_start_rows(inputs, row)]
    rows += [_row_in_zone(inputs, row, zone) for zone in dict.fromkeys(zones) if zone != inputs.zone]
    if share is not None and share < _BUSY_SHARE:
        notes.append(
            f"The machine was busy: a training got {format_percentage(share)} of a processor. The intervals reach from "
            f"an idle machine to one as many times busier, {_MOST_BUSIER:.0f} times at most."
        )
    if final_s is not None:
        rows.append(_final_row(inputs, row, calibration, final_s, final_processor_share))
        notes.append("The final training is timed by a few steps of the space's median network.")
    return Estimate(tuple(rows), "calibrated", calibration.trainings, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Scoring:
    """The scores of a search next to its trainings, at the prices of a calibration."""

    calibration: DeviceCalibration
    #: architectures that are scored at the start, and for each training
    at_start: float
    per_training: float
    #: architectures that there are
    most: float
    #: device time of scores for each second of training; infinite where a single device scores first
    share: float

    def count(self, trainings: float) -> float:
        """Architectures scored during a number of trainings."""
        wanted, price_s = min(self.at_start + self.per_training * trainings, self.most), self.calibration.score_s
        if not price_s:
            return 0.0
        return min(wanted, self.share * trainings * self.calibration.training_s / price_s)

    def device_s(self, trainings: float) -> float:
        """Device time of the scores during a number of trainings, and of the supernet, s."""
        return self.calibration.supernet_s + self.count(trainings) * self.calibration.score_s

    def energy_j(self, trainings: float) -> float:
        """Energy of the same at the plug, J."""
        return self.calibration.supernet_j + self.count(trainings) * self.calibration.score_j

    def notes(self, trainings: float) -> list[str]:
        """What is in the estimate, a sentence; none where nothing is scored."""
        count, measured = self.count(trainings), self.calibration
        if not count:
            return []
        energy = format_energy(count * measured.score_j)
        note = f"About {count:,.0f} scores are in it, {energy} before PUE, at the {measured.score_s:.2g} s of each here"
        if measured.supernet_s:
            supernet = format_energy(measured.supernet_j)
            note += f"; so is the training of the supernet, {supernet}, carried on from its first epoch"
        return [f"{note}."]


def _plan_scoring(inputs: RunInputs, calibration: DeviceCalibration) -> _Scoring:
    """How much the search scores: what its searcher asks for, in half of the devices while the others train."""
    settings = inputs.settings
    if not calibration.score_s or settings.policy.name == VanillaPolicy.name:
        return _Scoring(replace(calibration, score_s=0.0, supernet_s=0.0, supernet_j=0.0), 0.0, 0.0, 0.0, 0.0)
    schedule, size, gpus = settings.schedule, float(inputs.benchmark.space.size), settings.cluster.gpus
    share = math.inf if gpus == 1 else ((gpus + 1) // 2) / (gpus // 2)
    searcher = build_searcher(inputs)
    if searcher.uses_proxy_scores or math.isinf(size):
        at_start = sampling_limit(settings, costs_alone=measures_costs(inputs, searcher))
        return _Scoring(calibration, at_start, schedule.samples_per_training, size, share)
    return _Scoring(calibration, size, 0.0, size, share)


def _size_factors(inputs: RunInputs, trainings: Interval) -> Interval:
    """How much longer or shorter the mean candidate trains than the measured one, an 80 % interval.

    If the duration is between constant and proportional to multiply-accumulates: the factor is that of the mean of as
    many random networks to a random one. Where these are not counted before a training, no interval is known.
    """
    benchmark = inputs.benchmark
    count = round(trainings.median)
    spec = benchmark.metric_specs.get("flops")
    if spec is None or spec.requires_training:
        return Interval(1.0, 1.0, 1.0)
    rng = random_stream(inputs.settings.seed, "estimate-sizes")
    macs = np.asarray(benchmark.training_free_values("flops", benchmark.space.sample(rng, _SIZE_NETWORKS)))
    draws = rng.choice(macs, (_SIZE_DRAWS, count)).mean(axis=1) / rng.choice(macs, _SIZE_DRAWS)
    tail = (1.0 - INTERVAL_PROBABILITY) / 2.0
    low, high = np.quantile(draws, (tail, 1.0 - tail))
    return Interval(1.0, min(float(low), 1.0), max(float(high), 1.0))


def _time_factors(processor_share: float | None) -> Interval:
    """How much longer work takes than measured: from on an idle machine to on one as many times busier, or four times.

    :param processor_share: processor time per second of the work as measured.
    """
    slowdown = slowdown_of(processor_share)
    return Interval(1.0, 1.0 / slowdown, min(slowdown, _MOST_BUSIER))


def _energy_factors(processor_share: float | None) -> Interval:
    """How much more energy that takes: the processor time is the same, and the device is held for longer."""
    times, processor_w = _time_factors(processor_share), BUSY_CORE_W / slowdown_of(processor_share)
    return Interval(
        *(
            (BASELINE_W * time + processor_w) / (BASELINE_W + processor_w)
            for time in (times.median, times.low, times.high)
        )
    )


def _spread(amount: Interval, factor: Interval) -> Interval:
    return Interval(amount.median * factor.median, amount.low * factor.low, amount.high * factor.high)


def _map(amount: Interval, function: Callable[[float], float]) -> Interval:
    return Interval(function(amount.median), function(amount.low), function(amount.high))


def _add(one: Interval, other: Interval) -> Interval:
    return Interval(one.median + other.median, one.low + other.low, one.high + other.high)


def _shift(amount: Interval, by: float) -> Interval:
    return Interval(amount.median + by, amount.low + by, amount.high + by)


def _final_row(
    inputs: RunInputs,
    search: EstimateRow,
    calibration: DeviceCalibration,
    final_s: Interval,
    processor_share: float | None,
) -> EstimateRow:
    """The training of the chosen network after the search, at the power of its steps, else of the measured training."""
    devices = max(len(inputs.settings.final.devices), 1)
    watts = calibration.training_j / calibration.training_s
    if calibration.processor_share is None:  # energy is not modelled by processor time
        processor_share = None
    elif processor_share is not None:
        watts = BASELINE_W + BUSY_CORE_W * processor_share
    # the quickest steps were not disturbed, and got the whole of a processor
    times, energies = _time_factors(processor_share), _energy_factors(processor_share)
    low_w = watts if processor_share is None else BASELINE_W + BUSY_CORE_W * max(processor_share, 1.0)
    energy_j = Interval(final_s.median * watts, final_s.low * low_w, final_s.high * watts * energies.high)
    energy_j = energy_j.scaled(devices * inputs.settings.cluster.pue)
    hours = Interval(final_s.median, final_s.low, final_s.high * times.high).scaled(1.0 / HOUR_S)
    ahead = _forecast_hours(inputs)
    begin = min(math.floor(search.hours.median), len(ahead) - 1)
    g_per_kwh = float(ahead[begin : begin + max(round(hours.median), 1)].mean())
    cost = _price(inputs, energy_j, hours.scaled(devices))
    carbon_g = energy_j.scaled(g_per_kwh / J_PER_KWH)
    return EstimateRow(
        "final", inputs.zone, search.hours.median, carbon_g, energy_j, cost, hours, Interval(1.0, 1.0, 1.0)
    )


def _price(inputs: RunInputs, energy_j: Interval, device_hours: Interval) -> Interval:
    """What energy and hours of devices cost, at the mean price of electricity until the deadline."""
    per_kwh = float(np.mean(inputs.prices.electricity_prices(0.0, HOUR_S, inputs.settings.budget.time_s)))
    per_hour = inputs.prices.price_per_device_hour
    return Interval(
        *(
            getattr(energy_j, part) / J_PER_KWH * per_kwh + getattr(device_hours, part) * per_hour
            for part in ("median", "low", "high")
        )
    )


def _past_starts_s(inputs: RunInputs, count: int) -> list[float]:
    """Starts in the past, seconds before the run's own, whole weeks where the record has them, else whole days.

    :raises SettingsError: if the record has no past that a whole search fits into.
    """
    deadline_s = inputs.settings.budget.time_s
    known_s = (inputs.start - inputs.trace.start).total_seconds()
    series = inputs.trace.relative_to(inputs.start)
    steps = (_WEEK_S, DAY_S, HOUR_S)
    starts: list[float] = []
    for step_s in steps:
        for multiple in range(1, int(known_s // step_s) + 1):
            back_s = multiple * step_s
            if back_s not in starts and back_s >= deadline_s and series.covers(-back_s, -back_s + deadline_s):
                starts.append(back_s)
                if len(starts) == count:
                    return starts
    if not starts:
        message = (
            f"Expected {deadline_s / HOUR_S:g} h of the grid's record before the start, {inputs.start:%Y-%m-%d %H:%M} "
            f"UTC, to simulate the search in, got {known_s / HOUR_S:.0f} h; start later, or shorten --hours."
        )
        raise SettingsError(message)
    return [starts[number % len(starts)] for number in range(count)]


def _simulate(inputs: RunInputs, seed: int, back_s: float) -> tuple[float, float, float, float, float]:
    """Carbon in g, energy in J, cost, hours and trainings of one simulated search in the past."""
    grid = inputs.settings.grid.model_copy(update={"start": inputs.start - timedelta(seconds=back_s)})
    past = replace(inputs, settings=inputs.settings.model_copy(update={"grid": grid, "seed": seed}), fixed_start=None)
    engine = build_engine(past, NullJournal())
    with threadpool_limits(limits=1):
        engine.run()
    totals = engine.components.ledger.totals
    hours = engine.components.clock.now_s / HOUR_S
    return totals.total_carbon_g, totals.total_energy_j, totals.cost, hours, float(engine.progress.evaluations)


def prediction_interval(values: Sequence[float]) -> Interval:
    """The median, and the interval that holds one further value, by a log-normal distribution."""
    from scipy.stats import t

    sample = np.asarray(values, dtype=float)
    middle = float(np.median(sample))
    if (sample <= 0).any():  # without a price, say
        return Interval(middle, float(sample.min()), float(sample.max()))
    logs = np.log(sample)
    width = float(
        t.ppf((1 + INTERVAL_PROBABILITY) / 2, len(logs) - 1) * logs.std(ddof=1) * math.sqrt(1 + 1 / len(logs))
    )
    centre = float(logs.mean())
    return Interval(middle, min(math.exp(centre - width), middle), max(math.exp(centre + width), middle))


def _forecast_hours(inputs: RunInputs) -> np.ndarray:
    """The forecast at the start, hour by hour up to the deadline, g CO2eq/kWh; the zone's mean if nothing is known."""
    forecaster = inputs.choose_forecaster().forecaster
    past = inputs.history.inputs_at(0.0, max(PAST_WINDOW_S, forecaster.lookback_s), FORECAST_HORIZON_S)
    hours = max(math.ceil(inputs.settings.budget.time_s / HOUR_S), 1)
    if past is None:
        return np.full(hours, float(np.nanmean(inputs.trace.g_per_kwh)))
    return forecaster.predict(past, FORECAST_HORIZON_S).resample(0.0, HOUR_S, hours)


def _best_start_rows(inputs: RunInputs, row: EstimateRow) -> list[EstimateRow]:
    """The row of the best start within the deadline by the forecast; empty where that is no better than now."""
    ahead, cluster = _forecast_hours(inputs), inputs.settings.cluster
    busy_h = row.energy_j.median / (cluster.training_w * cluster.pue * cluster.gpus * HOUR_S)
    best = find_best_start(ahead, min(max(round(busy_h), 1), len(ahead)), len(ahead))
    # a policy that waits works in the cheapest hours already
    now_g_per_kwh = best.pausing_g_per_kwh if row.hours.median > _WAITING_RATIO * busy_h else best.now_g_per_kwh
    if best.start_h == 0 or best.start_g_per_kwh >= now_g_per_kwh:
        return []
    carbon_g = row.carbon_g.scaled(best.start_g_per_kwh / now_g_per_kwh)
    return [replace(row, when="best-start", start_h=float(best.start_h), carbon_g=carbon_g)]


def _row_in_zone(inputs: RunInputs, row: EstimateRow, zone: str) -> EstimateRow:
    """The row of the same search in another zone, by the mean of the week before the start there and here."""
    grid = inputs.settings.grid.model_copy(update={"zone": zone, "trace": None, "start": inputs.start})
    there = RunInputs(inputs.settings.model_copy(update={"grid": grid}))
    return replace(row, when="zone", zone=zone, carbon_g=row.carbon_g.scaled(_relative_intensity(inputs, there)))


def _row_at_site(inputs: RunInputs, stays: EstimateRow, other: OtherSiteSettings) -> EstimateRow:
    """The row of a search that stays at another site, from that of one that stays at home; money as at home."""
    there = RunInputs(settings_at_site(inputs.settings, other, inputs.start))
    energy = other.pue / inputs.settings.cluster.pue
    return replace(
        stays,
        zone=there.zone,
        carbon_g=stays.carbon_g.scaled(energy * _relative_intensity(inputs, there)),
        energy_j=stays.energy_j.scaled(energy),
    )


def _relative_intensity(here: RunInputs, there: RunInputs) -> float:
    """The mean intensity there over that here, in the week before the start."""
    means = []
    for place in (here, there):
        series = place.trace.relative_to(here.start)
        if not series.covers(-_WEEK_S, 0.0):
            message = f"Expected a record of zone {place.zone} for the week before {here.start:%Y-%m-%d}, got none."
            raise SettingsError(message)
        means.append(series.mean(-_WEEK_S, 0.0))
    return means[1] / means[0] if means[0] > 0 else 1.0
