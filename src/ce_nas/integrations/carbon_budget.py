"""A carbon budget around a user's own loop: ``with carbon_budget("5kg", grid="GB") as budget``.

The energy of this process and its children is metered, charged with the grid's carbon intensity hour by hour, and
written to a journal, as for a search: a folder given as ``out`` is read by ``ce-nas report``, and continues when it is
opened again.
"""

from __future__ import annotations

import logging
import math
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ce_nas.core.errors import CeNasError, SettingsError
from ce_nas.core.formatting import format_carbon, format_energy
from ce_nas.core.units import J_PER_KWH
from ce_nas.energy.base import usage_between
from ce_nas.integrations.budget_books import BudgetBooks, RealClock, Usage
from ce_nas.integrations.budget_limits import Limits, build_meter, settings_of_budget
from ce_nas.store.journal import SqliteJournal
from ce_nas.store.run_dir import JOURNAL_FILENAME, RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from types import TracebackType

    from ce_nas.api import Result
    from ce_nas.config.schema import Settings
    from ce_nas.energy.base import EnergyMeter
    from ce_nas.integrations.pause_rule import PauseRule
    from ce_nas.store.journal import JournalEntry

__all__ = ["BudgetExhaustedError", "CarbonBudget", "carbon_budget"]

#: seconds between two readings; bounds what a killed process leaves unbooked
READING_INTERVAL_S = 10.0

_logger = logging.getLogger(__name__)


class BudgetExhaustedError(CeNasError):
    """What is left of a budget is not enough for another step; ends the ``with`` block of its budget quietly."""


class CarbonBudget:
    """A budget of carbon, energy or money around a loop; made by :func:`carbon_budget`.

    Used as a context manager: metering starts with the block and ends with it. All methods are thread-safe.
    """

    def __init__(  # noqa: PLR0913 - a budget, what is metered, and three dependencies for tests
        self,
        limits: Limits,
        settings: Settings,
        *,
        out: str | Path | None = None,
        meter: EnergyMeter | None = None,
        share: float = 1.0,
        description: str = "a loop of the caller's",
        reading_interval_s: float = READING_INTERVAL_S,
        clock: RealClock | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.limits = limits
        self.settings = settings
        self._out = None if out is None else Path(out)
        self._meter = meter
        self._share = share
        self._description = description
        self._interval_s = reading_interval_s
        self._clock = clock
        self._stopping = threading.Event()
        self._wait = wait or self._stopping.wait
        self._lock = threading.RLock()
        self._folder: RunDirectory | None = None
        self._books: BudgetBooks | None = None
        self._parts: list[str] = []
        self._waiting = 0
        #: when each rule first asked to wait, of those that still do, s
        self._dirty_since_s: dict[PauseRule, float] = {}
        self._also: tuple[int, ...] = ()
        self._on_read: Callable[[], object] = lambda: None
        #: called with each period of the books that has ended, as an observer of a search is; None: nothing
        self.observer: Callable[[Mapping[str, Any]], object] | None = None
        self._step_start = Usage()
        self._largest_step = Usage()
        self._outside: Callable[[], Usage] = Usage
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy in another process is a closed budget of the same settings, with a meter of its own."""
        make = partial(
            CarbonBudget,
            out=self._out,
            share=self._share,
            description=self._description,
            reading_interval_s=self._interval_s,
        )
        return make, (self.limits, self.settings)

    # -- the block ----------------------------------------------------------------------------------------------------

    def open(self) -> Self:
        """Start metering; :meth:`close` ends it."""
        if self._out is not None:
            exists = (self._out / JOURNAL_FILENAME).exists()
            self._folder = RunDirectory.open(self._out) if exists else RunDirectory.create(self._out)
        try:
            self._meter = self._meter or build_meter(self.settings.live.meter, self._share, self._also)
            self._books = BudgetBooks(
                self.settings, self._description, self._meter.origin, self._folder, self._clock or RealClock()
            )
            self._books.observer = self.observer
            self._last = self._meter.snapshot()
            self._books.go_live()
        except BaseException:
            self._release()
            raise
        self._step_start = replace(self._books.used)
        self._thread = threading.Thread(target=self._read_at_intervals, name="ce-nas budget", daemon=True)
        self._thread.start()
        return self

    def close(self, stop_reason: str | None = "done") -> None:
        """End metering, and write the report where there is a folder; no reason: the loop may continue later."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        if self._books is None:
            return
        try:
            with self._lock:
                self._read()
                if stop_reason is not None and self._books.stop_reason in (None, "done"):
                    self._books.end(stop_reason)
                self._books.commit()
            if self._out is not None and stop_reason is not None:
                self.result.report(self._out)
        finally:
            self._release()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        is_exhausted = isinstance(error, BudgetExhaustedError)
        reason = self.exceeded or "carbon" if is_exhausted else "done" if kind is None else None
        self.close(reason)
        return is_exhausted

    # -- in the block -------------------------------------------------------------------------------------------------

    def check(self) -> Usage:
        """Return what was used; the time from one call to the next is a step.

        :raises BudgetExhaustedError: if another step as large as the largest so far might exceed the budget. It ends
            the block of the budget without an error.
        :raises EnergyError: if the meter does not answer: a missing reading is never zero.
        """
        if self.end_step():
            return self.used
        message = f"Expected room for another step, but the budget is used: {self.describe()}."
        raise BudgetExhaustedError(message)

    def end_step(self) -> bool:
        """End a step as :meth:`check` does, and return whether another one fits."""
        with self._lock:
            used = self.read()
            self._close_step()
            if self.fits_another():
                return True
            self._exhaust(used)
            return False

    def why_wait(self, rule: PauseRule) -> str | None:
        """Why a rule waits now, a sentence; None to work.

        Its ``max_wait`` counts from the first question to which it was not None; after it, work continues until the
        grid has been clean once.
        """
        with self._lock:
            self._read()
            now_s = self._opened.clock.now_s
            reason = rule.why_wait(self._opened)
            if reason is None:
                self._dirty_since_s.pop(rule, None)
                return None
            since_s = self._dirty_since_s.setdefault(rule, now_s)
            return reason if now_s - since_s < rule.max_wait_s else None

    def fits_another(self, step: Usage | None = None) -> bool:
        """Whether a step fits within what is left, at the larger of its own and the expected intensity.

        :param step: what it is expected to use; None: as much as the largest so far.
        """
        with self._lock:
            if self._opened.stop_reason not in (None, "done"):
                return False
            return self.limits.exceeded_by(self._after(step or self._largest_step)) is None

    def start_step(self) -> None:
        """Begin a step that :meth:`check` ends, after work that belongs to none."""
        with self._lock:
            self._step_start = replace(self.read(own=True))

    def read(self, *, own: bool = False) -> Usage:
        """Read the meter, book it, and return what was used, by this process and by others of the same budget.

        :param own: without what others used.
        """
        with self._lock:
            if self._error is not None:
                error, self._error = self._error, None
                raise error
            self._read()
            used = replace(self._opened.used)
            if not own:
                used.add(self._outside())
            return used

    def start_part(self, name: str) -> None:
        """Book energy to a part from now on, such as a trial; parts at the same time have equal shares."""
        with self._lock:
            self._read()
            self._parts.append(name)

    def end_part(self, name: str) -> Usage:
        """Book nothing more to a part, and return what it used."""
        with self._lock:
            self._read()
            if name in self._parts:
                self._parts.remove(name)
            return replace(self._opened.parts.get(name, Usage()))

    @property
    def open_parts(self) -> tuple[str, ...]:
        """The parts that energy is booked to now."""
        return tuple(self._parts)

    def part(self, name: str) -> Usage:
        """What a part used so far."""
        with self._lock:
            return replace(self._opened.parts.get(name, Usage()))

    def record(self, kind: str, content: Mapping[str, object]) -> None:
        """Write an entry of JSON values to the journal; one of kind ``result`` says whether it is ``complete``."""
        with self._lock:
            self._opened.record(kind, content)

    def exhaust(self) -> None:
        """End the budget: from now on nothing fits."""
        with self._lock:
            self._exhaust(self._opened.used)

    def pause(self, rule: PauseRule, *, on_wait: Callable[[], object] | None = None) -> float:
        """Wait while the grid is dirtier than a rule allows, and return the time waited, s.

        The machine's idle energy is booked meanwhile; a budget that ends while waiting ends the wait.

        :param on_wait: called once before the wait, for a checkpoint.
        """
        started_s = self._opened.clock.read_s()
        is_waiting = False
        while not self._stopping.is_set():
            with self._lock:
                reason = self.why_wait(rule)
                if reason is None or not self.fits_another(Usage()):
                    break
                left_s = self._dirty_since_s[rule] + rule.max_wait_s - self._opened.clock.now_s
                if not is_waiting:
                    is_waiting, self._waiting = True, self._waiting + 1
                    self._opened.record("note", {"text": f"Waiting: {reason}"})
                    _logger.info("waiting for a cleaner hour: %s", reason)
            if on_wait is not None:
                on_wait()
                on_wait = None
            self._wait(min(self._interval_s, left_s))
        with self._lock:
            waited_s = 0.0
            if is_waiting:
                self._read()
                self._waiting -= 1
                waited_s = self._opened.clock.now_s - started_s
                self._opened.record("note", {"text": f"Continued after {waited_s:.0f} s."})
                self._step_start = replace(self._opened.used)
            return waited_s

    # -- what is known ------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The unique name of this account; the same after a resumption."""
        return self._opened.id

    @property
    def used(self) -> Usage:
        """What was booked so far, others included."""
        with self._lock:
            used = replace(self._opened.used)
            used.add(self._outside())
            return used

    @property
    def own_used(self) -> Usage:
        """What was booked so far by this process, without others."""
        with self._lock:
            return replace(self._opened.used)

    @property
    def intensity_g_per_kwh(self) -> float:
        """The grid's carbon intensity expected now, by the latest forecast."""
        return self.expected_intensity()

    def expected_intensity(self, duration_s: float = 1.0) -> float:
        """The mean carbon intensity expected from now on, g CO2eq/kWh, by the latest forecast.

        In the first step of a grid's record, before which nothing is known to forecast from: the mean so far.
        """
        with self._lock:
            return self._opened.expected_intensity(duration_s)

    @property
    def out(self) -> Path | None:
        """The account's folder; None in memory."""
        return self._out

    @property
    def exceeded(self) -> str | None:
        """The budget that ended the loop: ``carbon``, ``energy`` or ``cost``; None while there is room."""
        reason = self._opened.stop_reason
        return reason if reason in ("carbon", "energy", "cost") else None

    @property
    def entries(self) -> Sequence[JournalEntry]:
        """The journal's entries so far."""
        if self._out is None:
            return tuple(self._opened.entries)
        from ce_nas.store.run_dir import read_run_entries

        if self._folder is not None:
            with self._lock:
                self._opened.commit()
        return read_run_entries(self._out)

    @property
    def result(self) -> Result:
        """The account as a result, with its report."""
        from ce_nas.analysis.summary import summarise
        from ce_nas.api import Result

        entries = self.entries
        return Result(summarise(entries), entries, self._out)

    def describe(self) -> str:
        """What was used, and of how much."""
        used, limits = self.used, self.limits
        parts = [f"{format_carbon(used.carbon_g)} CO2eq", format_energy(used.energy_j), f"{used.cost:.2f} money"]
        bounds = (limits.carbon_g, limits.energy_j, limits.cost)
        texts = (format_carbon, format_energy, "{:.2f}".format)
        shown = [
            f"{part} of {text(bound)}" if math.isfinite(bound) else part
            for part, bound, text in zip(parts, bounds, texts, strict=True)
            if math.isfinite(bound) or not part.startswith("0.00 m")
        ]
        return ", ".join(shown)

    def share_with(self, outside: Callable[[], Usage], on_read: Callable[[], object] = lambda: None) -> None:
        """Count what others used of the same budget as well.

        :param on_read: called after each reading at intervals, to let the others know.
        """
        self._outside, self._on_read = outside, on_read

    def meter_also(self, processes: Collection[int]) -> None:
        """Meter further processes of this machine with this one, such as the others of a distributed training.

        Only before the budget is opened, and where the meter counts by process; a process's children count with it.

        :param processes: their ids.
        """
        self._also = tuple(processes)

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _opened(self) -> BudgetBooks:
        if self._books is None:
            message = "Expected an open budget, got one before its block; use it as: with carbon_budget(...) as budget."
            raise SettingsError(message)
        return self._books

    def _read(self) -> None:
        meter = self._meter
        if meter is None or (self._thread is None and self._books is None):
            return
        now = meter.snapshot()
        usage, self._last = usage_between(self._last, now), now
        is_idle = self._waiting > 0 and not self._parts
        self._opened.book(usage.energy_j, usage.coverage, meter.source, self._parts, idle=is_idle)

    def _read_at_intervals(self) -> None:
        while not self._stopping.wait(self._interval_s):
            try:
                with self._lock:
                    self._read()
                self._on_read()
            except (CeNasError, OSError) as error:
                _logger.warning("the budget could not be read: %s", error)
                self._error = error

    def _close_step(self) -> None:
        used = self._opened.used
        step, self._step_start = used.minus(self._step_start), replace(used)
        largest = self._largest_step
        self._largest_step = Usage(
            max(step.carbon_g, largest.carbon_g),
            max(step.energy_j, largest.energy_j),
            max(step.cost, largest.cost),
            max(step.duration_s, largest.duration_s),
        )

    def _after(self, step: Usage) -> Usage:
        """What will have been used after a step, with its energy at the dirtier of its own time and the forecast."""
        books, after = self._opened, self.used
        expected = books.expected_intensity(step.duration_s)
        carbon_g = max(step.carbon_g, step.energy_j / J_PER_KWH * expected) if step.energy_j else 0.0
        after.add(Usage(carbon_g, step.energy_j, step.cost, step.duration_s))
        return after

    def _exhaust(self, used: Usage) -> None:
        books = self._opened
        if books.stop_reason in (None, "done"):
            reason = self.limits.exceeded_by(self._after(self._largest_step)) or "carbon"
            _logger.info("the %s budget is used: %s", reason, format_carbon(used.carbon_g))
            books.end(reason)

    def _release(self) -> None:
        if self._meter is not None:
            self._meter.close()
        if self._folder is not None:
            self._folder.close()
            self._folder = None
        elif self._books is not None and isinstance(self._books.journal, SqliteJournal):
            self._books.journal.close()


def carbon_budget(  # noqa: PLR0913 - keywords
    budget: str,
    grid: str | None = None,
    *,
    energy: str | None = None,
    cost: float | None = None,
    out: str | Path | None = None,
    meter: str | EnergyMeter = "auto",
    share: float = 1.0,
    description: str = "a loop of the caller's",
    reading_interval_s: float = READING_INTERVAL_S,
    observer: Callable[[Mapping[str, Any]], object] | None = None,
    **flags: Any,  # noqa: ANN401 - the settings of a search
) -> CarbonBudget:
    """A budget of carbon, energy or money for a loop of your own.

    Example:
        >>> import ce_nas
        >>> with ce_nas.carbon_budget("5kg", grid="solar") as budget:
        ...     for epoch in range(3):
        ...         total = sum(range(10_000))  # one step of the training
        ...         used = budget.check()
        >>> budget.used.carbon_g < 5000
        True

    The energy of this process and its children counts: GPUs and processors by their counters, else processors by CPU
    time. A budget is kept as long as no step, the work between two calls of ``check()``, takes more than the largest
    before it at the intensity that is known and forecast.

    :param budget: ``5kg`` or ``800g`` of CO2eq, ``12kWh`` of energy, or ``20 money``, in the currency of the prices.
    :param grid: a zone: imported, built in (synthetic), of a ``provider``, or ``GB``, which needs no key; or a file of
        carbon intensity. None: the default zone of a search.
    :param energy: an energy budget besides another one; ``cost`` likewise, with ``electricity_price``.
    :param out: the account's folder, new or to be continued; None keeps the account in memory.
    :param meter: ``auto``, ``modelled``, or a meter of your own.
    :param share: share of the meter that is this process's, where several processes share what it reads.
    :param description: what is metered, for the report.
    :param reading_interval_s: time between readings; a killed process loses what it used since the last.
    :param observer: called with each completed hour of the account; a tracker, for example.
    :param flags: settings as of a search: ``provider``, ``electricity_price``, ``start``, ``forecaster``, ...
    :raises SettingsError: if a keyword is invalid.
    """
    limits = Limits.parse(budget, energy, cost)
    settings = settings_of_budget(limits, grid, meter if isinstance(meter, str) else "auto", flags)
    made = CarbonBudget(
        limits,
        settings,
        out=out,
        meter=None if isinstance(meter, str) else meter,
        share=share,
        description=description,
        reading_interval_s=reading_interval_s,
    )
    made.observer = observer
    return made
