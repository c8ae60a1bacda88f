"""The account of a carbon budget around a user's own loop: meter, ledger, forecast and journal, as in a search.

Everything from outside (readings, answers of a provider, results) is logged before it is booked, so that opening the
folder again replays the log into the same books and the same journal, and continues there.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from ce_nas._version import __version__
from ce_nas.analysis.summary import run_header
from ce_nas.core.clock import monotonic_s, utc_now
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, Allocation, EnergyReading, ReadingSource
from ce_nas.energy.ledger import Ledger
from ce_nas.energy.live_ledger import LiveLedger
from ce_nas.engine.inputs import TYPICAL_START, RunInputs
from ce_nas.engine.live_intensity import LiveIntensity, ProviderForecaster
from ce_nas.engine.state_builder import MAX_JOURNALED_PERIODS, acting_record
from ce_nas.forecast.base import FORECAST_HORIZON_S, PAST_WINDOW_S
from ce_nas.store.event_log import EventLog
from ce_nas.store.journal import FORMAT_VERSION, MemoryJournal, SqliteJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.cluster.replay_clock import ReplayableClock
    from ce_nas.config.schema import Settings
    from ce_nas.core.records import Forecast
    from ce_nas.forecast.base import ForecastInput
    from ce_nas.store.journal import JournalEntry
    from ce_nas.store.run_dir import RunDirectory

__all__ = ["BudgetBooks", "RealClock", "Usage", "journal_started"]

EVENT_LOG_FILENAME = "events.jsonl"
_IDLE, _WORKING = Allocation(0, 0, idle=1), Allocation(0, 1)


@dataclass(slots=True)
class Usage:
    """What was used: of a budget, or by one part of it, such as a trial."""

    #: full accounting, g CO2eq
    carbon_g: float = 0.0
    #: from the grid, PUE included, J
    energy_j: float = 0.0
    #: in the currency of the prices
    cost: float = 0.0
    #: metered time, s
    duration_s: float = 0.0

    def add(self, other: Usage, share: float = 1.0) -> None:
        """Add a share of another usage."""
        self.carbon_g += share * other.carbon_g
        self.energy_j += share * other.energy_j
        self.cost += share * other.cost
        self.duration_s += share * other.duration_s

    def minus(self, other: Usage) -> Usage:
        """The usage since an earlier state of the same account."""
        return Usage(
            self.carbon_g - other.carbon_g,
            self.energy_j - other.energy_j,
            self.cost - other.cost,
            self.duration_s - other.duration_s,
        )

    @property
    def intensity_g_per_kwh(self) -> float | None:
        """Mean carbon intensity of the energy, g CO2eq/kWh; None without energy."""
        return self.carbon_g / self.energy_j * 3.6e6 if self.energy_j > 0 else None


@dataclass
class RealClock:
    """Seconds of the run: real time while a process has the books open; what lies between does not count."""

    #: a monotonic clock, s
    monotonic: Callable[[], float] = monotonic_s
    #: the time of the last booked event, s
    now_s: float = 0.0
    #: last start of real time: seconds of the run, and date and time
    live_since: tuple[float, datetime] | None = None
    _origin: float = field(default=0.0, repr=False)

    def go_live(self, moment: datetime) -> None:
        """Let real time pass from the last booked event on."""
        self.live_since = (self.now_s, moment)
        self._origin = self.monotonic() - self.now_s

    def read_s(self) -> float:
        """Real time now, seconds of the run."""
        return max(self.monotonic() - self._origin, self.now_s)


class BudgetBooks:
    """Books readings of one meter against a grid, hour by hour, and writes the journal that a report reads.

    :param settings: the grid, prices, forecaster and budgets.
    :param description: what is metered, for the report.
    :param power_origin: how it is metered.
    :param folder: a run's folder, new or to be continued; None keeps the account in memory.
    """

    def __init__(
        self,
        settings: Settings,
        description: str,
        power_origin: str,
        folder: RunDirectory | None = None,
        clock: RealClock | None = None,
    ) -> None:
        self.clock = clock or RealClock()
        self.settings = settings
        self.journal = folder.open_journal() if folder else MemoryJournal()
        recorded = self.journal.recorded if isinstance(self.journal, SqliteJournal) else ()
        self._log = EventLog(folder.path / EVENT_LOG_FILENAME if folder else None)
        self._inputs = _open_inputs(settings, recorded)
        self._chosen = self._inputs.choose_forecaster()
        self._live: LiveIntensity | None = None
        self.ledger = self._build_ledger()
        #: usage of each part that readings were booked to
        self.parts: dict[str, Usage] = {}
        #: results that were recorded, in order
        self.results: list[dict[str, Any]] = []
        self.stop_reason: str | None = None
        #: called with each period that has ended; None: nothing
        self.observer: Callable[[Mapping[str, Any]], object] | None = None
        self.forecast: Forecast | None = None
        self.past: ForecastInput | None = None
        self._allocation: Allocation | None = None
        self._period_start_s: float | None = None
        self._periods = 0
        header = self._header(description, power_origin, recorded)
        self.id: str = header["budget"]["id"]
        self.journal.append("run_started", 0.0, header)
        self._replay()

    @property
    def used(self) -> Usage:
        """Everything that was booked."""
        totals = self.ledger.totals
        return Usage(totals.total_carbon_g, totals.total_energy_j, totals.cost, totals.total_device_s)

    @property
    def entries(self) -> Sequence[JournalEntry]:
        """The journal's entries, where it is kept in memory."""
        return self.journal.entries if isinstance(self.journal, MemoryJournal) else ()

    def go_live(self) -> None:
        """Start real time; the first period opens with it."""
        moment = self._inputs.provider.now() if self._inputs.provider else utc_now()
        self._log.append("live_start", self.clock.now_s, moment.isoformat())
        self._apply_live_start(moment)

    def book(
        self, energy_j: float, coverage: float, source: ReadingSource, parts: Sequence[str], *, idle: bool
    ) -> None:
        """Book energy at the plug, before PUE, that was drawn since the last reading until now.

        :param coverage: observed share of the time, 0 to 1.
        :param parts: what drew it, in equal shares; nothing for what has no trial.
        :param idle: whether the loop waits for clean hours.
        """
        content = {"energy_j": energy_j, "coverage": coverage, "source": source, "parts": list(parts), "idle": idle}
        at_s = self.clock.read_s()
        self._log.append("reading", at_s, content)
        self._apply_reading(at_s, content)

    def record(self, kind: str, content: Mapping[str, object]) -> None:
        """Write a result or a remark to the journal, at the time of the last reading."""
        self._log.append(kind, self.clock.now_s, dict(content))
        self._apply_record(kind, dict(content))

    def end(self, stop_reason: str) -> None:
        """Close the period, and write the end of the run."""
        self._log.append("end", self.clock.now_s, stop_reason)
        self._apply_end(stop_reason)

    def expected_intensity(self, duration_s: float = 1.0) -> float:
        """The mean intensity expected from now on, g CO2eq/kWh: by the forecast, which is all that is known of now.

        Before the grid's first step has ended there is none: then the mean of what was booked, NaN if nothing was.
        """
        at_s = self.clock.now_s
        if self.forecast is None:
            known = self.used.intensity_g_per_kwh
            return math.nan if known is None else known
        return self.forecast.mean_between(at_s, at_s + max(duration_s, 1.0))

    def commit(self) -> None:
        """Make the journal durable."""
        self.journal.commit()

    def _replay(self) -> None:
        while (event := self._log.peek) is not None:
            self._log.pop(event.kind)
            if event.kind == "live_start":
                self.clock.now_s = event.at_s
                self._apply_live_start(datetime.fromisoformat(event.content))
            elif event.kind == "reading":
                self._apply_reading(event.at_s, event.content)
            elif event.kind == "end":
                self._apply_end(event.content)
            else:
                self._apply_record(event.kind, event.content)

    def _apply_live_start(self, moment: datetime) -> None:
        self.clock.go_live(moment)
        if self._period_start_s is None:
            self._open_period()

    def _apply_reading(self, at_s: float, content: Mapping[str, Any]) -> None:
        start_s, before = self.clock.now_s, replace(self.used)
        self._set_allocation(_IDLE if content["idle"] else _WORKING)
        self.clock.now_s = at_s
        activity = Activity.IDLE if content["idle"] else Activity.TRAINING
        source, coverage = ReadingSource(content["source"]), content["coverage"]
        self.ledger.record([EnergyReading(0, activity, start_s, at_s, content["energy_j"], source, coverage)])
        used = self.used.minus(before)
        for part in content["parts"]:
            self.parts.setdefault(part, Usage()).add(used, 1.0 / len(content["parts"]))
        opened_s = start_s if self._period_start_s is None else self._period_start_s
        if at_s >= opened_s + self.settings.schedule.period:
            self._close_period()
            self._open_period()

    def _apply_record(self, kind: str, content: dict[str, Any]) -> None:
        self.journal.append(kind, self.clock.now_s, content)
        if kind == "result":
            self.results.append(content)

    def _apply_end(self, stop_reason: str) -> None:
        self._close_period()
        self.journal.append(
            "run_ended", self.clock.now_s, {"stop_reason": stop_reason, "unfinished_tasks": [], "queued": []}
        )
        self.stop_reason = stop_reason
        if self._live is not None:
            self._live.settle(self.clock.now_s, reread=False)
        self.journal.commit()

    def _open_period(self) -> None:
        """Read the grid, predict it, and write both to the journal."""
        now_s, period_s = self.clock.now_s, self.settings.schedule.period
        forecaster = self._forecaster
        history = self._live or self._inputs.history
        self.past = history.inputs_at(now_s, max(PAST_WINDOW_S, forecaster.lookback_s), FORECAST_HORIZON_S)
        self.forecast = forecaster.predict(self.past, FORECAST_HORIZON_S) if self.past else None
        record: dict[str, Any] = {"forecast_g_per_kwh": None, "quantiles_g_per_kwh": {}, "ahead_g_per_kwh": []}
        if self.forecast is not None:
            ahead = self.forecast.resample(now_s, period_s, MAX_JOURNALED_PERIODS)
            record = {
                "forecast_g_per_kwh": self.forecast.mean_between(now_s, now_s + period_s),
                "quantiles_g_per_kwh": {
                    f"{level:g}": round(float(self.forecast.resample(now_s, period_s, 1, level)[0]), 1)
                    for level in sorted(self.forecast.quantiles_g_per_kwh)
                },
                "ahead_g_per_kwh": [round(value, 1) for value in ahead.tolist()],
                **acting_record(self.forecast),
            }
        allocation = (self._allocation or _WORKING).counts()
        self.journal.append(
            "decided", now_s, {"allocation": allocation, "reason": "The loop is the caller's.", **record}
        )
        if self._allocation is None:
            self._set_allocation(_WORKING)
        self._period_start_s = now_s

    def _close_period(self) -> None:
        if self._period_start_s is None:
            return
        start_s, now_s, totals = self._period_start_s, self.clock.now_s, self.ledger.close_period()
        finished = sum(bool(result["complete"]) for result in self.results)
        entry = {
            "period": self._periods,
            "start_s": start_s,
            "allocation": (self._allocation or _WORKING).counts(),
            "intensity_g_per_kwh": self.ledger.intensity.mean(start_s, now_s) if now_s > start_s else None,
            "energy_j": totals.energy_j,
            "carbon_g": totals.carbon_g,
            "device_s": totals.device_s,
            "energy_by_source_j": totals.energy_by_source_j,
            "observed_s": totals.observed_s,
            "paper_carbon_g": totals.paper_carbon_g,
            "cost": totals.cost,
            "hypervolume": 0.0,
            "front_size": 0,
            "evaluations": finished,
            "samples": 0,
            "queue_length": 0,
            "searcher_notes": [],
        }
        self.journal.append("period", now_s, entry)
        self.journal.commit()
        self._periods += 1
        self._period_start_s = None
        if self.observer is not None:
            self.observer({"now_s": now_s, **entry})

    def _set_allocation(self, allocation: Allocation) -> None:
        if allocation != self._allocation:
            self._allocation = allocation
            self.journal.append("allocated", self.clock.now_s, {"allocation": allocation.counts()})

    def _build_ledger(self) -> Ledger:
        pue, prices = self.settings.cluster.pue, self._inputs.prices
        self._forecaster = self._chosen.forecaster
        if self._inputs.provider is None:
            return Ledger(self._inputs.intensity, pue, prices)
        clock = cast("ReplayableClock", self.clock)  # of which it reads the starts of real time alone
        self._live = LiveIntensity(
            self._inputs.provider,
            self._inputs.zone,
            clock,
            self._log,
            self.journal,
            fail_when_unavailable=self.settings.grid.fail_when_unavailable,
        )
        self._forecaster = ProviderForecaster(self._live, self._chosen.forecaster)
        ledger = LiveLedger(self._live, pue, prices)
        self._live.attach_ledger(ledger)
        return ledger

    def _header(self, description: str, power_origin: str, recorded: Sequence[JournalEntry]) -> dict[str, Any]:
        """The first entry; in an existing account all of it but the meter's description must be the same."""
        known = run_header(recorded) if recorded else {}
        if known and "budget" not in known:
            message = "Expected the folder of a carbon budget, got that of a search; choose another out."
            raise SettingsError(message)
        settings = self.settings.model_dump(mode="json")
        if known and (changed := _changed_sections(known["settings"], settings)):
            message = (
                f"Expected the settings with which the budget in this folder began, got others in {', '.join(changed)};"
                " give the same, or choose another out."
            )
            raise SettingsError(message)
        return {
            "format": FORMAT_VERSION,
            "version": known.get("version", __version__),
            "budget": known.get("budget", {"id": uuid.uuid4().hex}),
            "settings": settings,
            "inputs": known.get("inputs", {}),
            "policy": "caller",
            "searcher": "caller",
            "forecaster": self._forecaster.name,
            "forecaster_reason": self._chosen.reason,
            "forecaster_sha256": self._chosen.sha256,
            "start": self._inputs.start.isoformat(),
            "objectives": [],
            "hypervolume_max": None,
            "power_origin": known.get("power_origin", power_origin),
            "benchmark": {
                "name": known.get("benchmark", {}).get("name", description),
                "architectures": 0,
                "origin": "a loop of the caller's",
                "notes": [],
                "sha256": None,
                "proxy_scores": "none: nothing is sampled",
                "proxy_scores_sha256": None,
            },
            "grid": self._inputs.grid_metadata(),
        }


def journal_started(recorded: Sequence[JournalEntry]) -> datetime | None:
    """When the account began, UTC; None for a new one."""
    return datetime.fromisoformat(run_header(recorded)["start"]) if recorded else None


def _changed_sections(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in after if before.get(name) != after[name])


def _open_inputs(settings: Settings, recorded: Sequence[JournalEntry]) -> RunInputs:
    """The inputs, with the start of the run that the journal has, else that of the settings.

    A built-in zone's year begins at the present time of day, so that its nights are nights.
    """
    inputs = RunInputs(settings)
    if recorded:
        return replace(inputs, fixed_start=journal_started(recorded))
    if settings.grid.start is not None:
        return inputs
    now = utc_now().replace(microsecond=0)
    if inputs.provider:
        return replace(inputs, fixed_start=now)
    if inputs.trace.synthetic:
        since_midnight = timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
        return replace(inputs, fixed_start=TYPICAL_START + since_midnight)
    into_trace_s = (now - inputs.trace.start).total_seconds()
    covers_now = inputs.trace.series.covers(into_trace_s, into_trace_s + settings.budget.time_s)
    return replace(inputs, fixed_start=now) if covers_now else inputs
