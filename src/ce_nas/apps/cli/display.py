"""Live output of commands in a terminal: the progress of a run, and of a download."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ce_nas.core.formatting import format_carbon, format_count, format_duration
from ce_nas.core.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import RenderableType

    from ce_nas.engine.engine import Observer

__all__ = ["ROLE_STYLES", "show_count", "show_download", "show_progress"]

#: colour and symbol of a GPU in each role
ROLE_STYLES = {
    "evaluating": ("green", "█"),
    "sampling": ("cyan", "▓"),
    "idle": ("bright_black", "░"),
    "released": ("bright_black", "·"),
}
#: hours of the allocation that are shown side by side
MAX_HOURS_SHOWN = 60
#: without a terminal: a line for the first period, and one for each further share of this size of the time budget
LINE_INTERVAL_SHARE = 0.1


@contextmanager
def show_download(*, quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield a callback for a file's name, its bytes so far and its size: a progress bar in a terminal, else nothing."""
    from rich.progress import DownloadColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _name, _done, _total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bars:
        tasks = {}

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=done, total=total)

        yield show


@contextmanager
def show_count(description: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a callback for the numbers of finished and of all parts of a job: a progress bar in a terminal."""
    with Progress(console=Console(stderr=True), disable=quiet, transient=True) as progress:
        bar = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(bar, completed=done, total=total)


@contextmanager
def show_progress(time_budget_s: float, *, quiet: bool, time_scale: float = 1.0) -> Iterator[Observer | None]:
    """Yield an observer for an engine: a live panel in a terminal, lines elsewhere; None if ``quiet``.

    :param time_scale: seconds of the run per real second.
    """
    console = Console(stderr=True)
    if quiet:
        yield None
        return
    progress = _RunProgress(time_budget_s, of_grid=time_scale != 1.0)
    if not console.is_terminal:
        yield lambda period: _print_line(console, progress.add_period(period))
        return
    with Live(progress.render_panel(), console=console, refresh_per_second=12, transient=True) as live:
        yield lambda period: live.update(progress.add_period(period).render_panel())


class _RunProgress:
    """The run so far."""

    def __init__(self, time_budget_s: float, *, of_grid: bool = False) -> None:
        #: whether its time is the grid's, which passes faster than real time
        self._of_grid = of_grid
        self._budget_h = time_budget_s / HOUR_S
        self._allocations: list[Mapping[str, int]] = []
        self._carbon_g = 0.0
        self._last_period: Mapping[str, Any] = {}
        self._last_line_h = 0.0
        #: whether a line has said that the run waits
        self.has_told_wait = False
        # rich estimates the remaining time from the speed so far
        self._bar = Progress(
            BarColumn(24), TextColumn("{task.fields[hours]}"), TimeRemainingColumn(), TextColumn("left")
        )
        self._task = self._bar.add_task("", total=self._budget_h, hours="")

    def add_period(self, period: Mapping[str, Any]) -> _RunProgress:
        """Add a period that has ended."""
        self._last_period = period
        self._allocations.append(period["allocation"])
        self._carbon_g += sum(period["carbon_g"].values())
        self._bar.update(self._task, completed=period["now_s"] / HOUR_S, hours=self._format_hours())
        return self

    def is_line_due(self) -> bool:
        """Whether enough time has passed since this last returned True."""
        hours = self._last_period["now_s"] / HOUR_S
        if self._last_line_h and hours - self._last_line_h < LINE_INTERVAL_SHARE * self._budget_h:
            return False
        self._last_line_h = hours
        return True

    @property
    def wait_note(self) -> str:
        """What a run without an active GPU waits for, and how to begin at once; empty if it works."""
        allocation = self._last_period["allocation"]
        if allocation["evaluating"] or allocation["sampling"]:
            return ""
        grid = _format_intensity(self._last_period)
        return f"waits for cleaner hours{f' ({grid})' if grid else ''}; to work at all hours: --policy vanilla"

    def format_line(self) -> str:
        """The run so far in one line."""
        last = self._last_period
        allocation = ", ".join(f"{count} {role}" for role, count in last["allocation"].items() if count)
        trainings = format_count(last["evaluations"], "training")
        return (
            f"{self._format_hours()}  {format_carbon(self._carbon_g)} CO2eq  "
            f"hypervolume {last['hypervolume']:,.5g}  {trainings}  GPUs: {allocation}"
        )

    def render_panel(self) -> RenderableType:
        """The run so far as a panel for a terminal."""
        if not self._last_period:
            return Text("Reading the benchmark and the grid ...")
        values = Table.grid(padding=(0, 2))
        values.add_row("carbon", f"{format_carbon(self._carbon_g)} CO2eq", _format_intensity(self._last_period))
        values.add_row(
            "results",
            f"hypervolume {self._last_period['hypervolume']:,.6g}",
            f"{format_count(self._last_period['evaluations'], 'training')}, {self._last_period['samples']:,} sampled",
        )
        if note := self.wait_note:
            values.add_row("state", note)
        return Group(self._bar, values, self._render_allocation())

    def _format_hours(self) -> str:
        """The used time budget: below an hour in minutes or seconds, budgets below ten hours with decimals."""
        now_s, digits = self._last_period["now_s"], 0 if self._budget_h >= 10 else 1
        small_budget = self._budget_h < 1
        budget = format_duration(self._budget_h * HOUR_S) if small_budget else f"{self._budget_h:.{digits}f} h"
        used = f"{now_s / HOUR_S:.{digits}f}" if now_s >= HOUR_S else format_duration(now_s)
        return f"{used} of {budget}{' of the grid' if self._of_grid else ''}"

    def _render_allocation(self) -> Text:
        """One column per period and one row per GPU, with its role."""
        shown = self._allocations[-MAX_HOURS_SHOWN:]
        text = Text()
        for row in range(sum(shown[-1].values())):
            for allocation in shown:
                colour, symbol = ROLE_STYLES[_role_in_row(row, allocation)]
                text.append(symbol, style=colour)
            text.append("\n")
        for role, (colour, symbol) in ROLE_STYLES.items():
            text.append(f"{symbol} {role}  ", style=colour)
        return text


def _role_in_row(row: int, allocation: Mapping[str, int]) -> str:
    """The role of the device in a row; from the top: released, idle, sampling, evaluating."""
    for role in ("released", "idle", "sampling"):
        if row < allocation[role]:
            return role
        row -= allocation[role]
    return "evaluating"


def _format_intensity(period: Mapping[str, Any]) -> str:
    intensity = period["intensity_g_per_kwh"]
    return "" if intensity is None else f"grid at {intensity:.0f} g/kWh"


def _print_line(console: Console, progress: _RunProgress) -> None:
    if progress.is_line_due():
        console.print(progress.format_line(), highlight=False, soft_wrap=True)
    if (note := progress.wait_note) and not progress.has_told_wait:
        progress.has_told_wait = True
        console.print(f"The run {note}.", highlight=False, soft_wrap=True)
