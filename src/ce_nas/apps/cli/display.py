"""What a download shows of itself while it goes on.

What a run shows of itself while it goes on.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ce_nas.core.units import HOUR_S, as_carbon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.console import RenderableType

    from ce_nas.engine.engine import Observer

__all__ = ["show_download", "show_progress"]


@contextmanager
def show_download(*, quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """Take a file's name, the bytes that are here and those that there will be: a bar in a terminal, else nothing."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda _name, _here, _whole: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bars:
        tasks = {}

        def show(name: str, here: int, whole: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name)
            bars.update(tasks[name], completed=here, total=whole)

        yield show


#: colour and sign of a GPU that does this
ROLES = {
    "evaluating": ("green", "█"),
    "sampling": ("cyan", "▓"),
    "idle": ("bright_black", "░"),
    "released": ("bright_black", "·"),
}
#: how many hours of the division are shown side by side
HOURS_SHOWN = 60
#: without a terminal, a line for the first period, and then for every such share of the time budget
LINE_EVERY = 0.1


@contextmanager
def show_progress(time_budget_s: float, *, quiet: bool) -> Iterator[Observer | None]:
    """An observer for an engine: a live panel in a terminal, now and then a line elsewhere, None if ``quiet``."""
    console = Console(stderr=True)
    if quiet:
        yield None
        return
    course = _Course(time_budget_s)
    if not console.is_terminal:
        yield lambda period: _print_line(console, course.take(period))
        return
    with Live(course.panel(), console=console, refresh_per_second=12, transient=True) as live:
        yield lambda period: live.update(course.take(period).panel())


class _Course:
    """The run so far."""

    def __init__(self, time_budget_s: float) -> None:
        self._budget_h = time_budget_s / HOUR_S
        self._divisions: list[Mapping[str, int]] = []
        self._carbon_g = 0.0
        self._last: Mapping[str, Any] = {}
        self._told_h = 0.0

    def take(self, period: Mapping[str, Any]) -> _Course:
        """Take in a period that has ended."""
        self._last = period
        self._divisions.append(period["allocation"])
        self._carbon_g += sum(period["carbon_g"].values())
        return self

    def due(self) -> bool:
        """Whether so much has happened since this was last answered by True that it is worth a line."""
        hours = self._last["now_s"] / HOUR_S
        if self._told_h and hours - self._told_h < LINE_EVERY * self._budget_h:
            return False
        self._told_h = hours
        return True

    def line(self) -> str:
        """The run so far in one line."""
        last = self._last
        division = ", ".join(f"{count} {role}" for role, count in last["allocation"].items() if count)
        return (
            f"{self._hours()}  {as_carbon(self._carbon_g)} CO2eq  "
            f"hypervolume {last['hypervolume']:,.5g}  {last['evaluations']:,} trainings  GPUs: {division}"
        )

    def panel(self) -> RenderableType:
        """The run so far as a panel for a terminal."""
        if not self._last:
            return Text("Reading the benchmark and the grid ...")
        hours = self._last["now_s"] / HOUR_S
        figures = Table.grid(padding=(0, 2))
        figures.add_row(
            "time",
            ProgressBar(total=self._budget_h, completed=hours, width=40),
            self._hours(),
        )
        figures.add_row("carbon", f"{as_carbon(self._carbon_g)} CO2eq", _intensity(self._last))
        figures.add_row(
            "found",
            f"hypervolume {self._last['hypervolume']:,.6g}",
            f"{self._last['evaluations']:,} trainings, {self._last['samples']:,} scored",
        )
        return Group(figures, self._division())

    def _hours(self) -> str:
        """How much of the time budget has passed; short ones to the minute."""
        hours, digits = self._last["now_s"] / HOUR_S, 0 if self._budget_h >= 10 else 1 if self._budget_h >= 1 else 2
        return f"{hours:.{digits}f} of {self._budget_h:.{digits}f} h"

    def _division(self) -> Text:
        """A column an hour, a row a GPU: who evaluates, samples, rests and is given back."""
        shown = self._divisions[-HOURS_SHOWN:]
        text = Text()
        for row in range(sum(shown[-1].values())):
            for division in shown:
                colour, sign = ROLES[_role_of(row, division)]
                text.append(sign, style=colour)
            text.append("\n")
        for role, (colour, sign) in ROLES.items():
            text.append(f"{sign} {role}  ", style=colour)
        return text


def _role_of(row: int, division: Mapping[str, int]) -> str:
    """What the device drawn in a row is doing, from the top row down: released ones, idle, sampling, evaluating."""
    for role in ("released", "idle", "sampling"):
        if row < division[role]:
            return role
        row -= division[role]
    return "evaluating"


def _intensity(period: Mapping[str, Any]) -> str:
    intensity = period["intensity_g_per_kwh"]
    return "" if intensity is None else f"grid at {intensity:.0f} g/kWh"


def _print_line(console: Console, course: _Course) -> None:
    if course.due():
        console.print(course.line(), highlight=False, soft_wrap=True)
