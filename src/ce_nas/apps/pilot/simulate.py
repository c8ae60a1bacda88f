"""A simulated pilot: today's way and CE-NAS on the stand-in benchmark, over seeds and days of all seasons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

from ce_nas import __version__
from ce_nas.analysis.counterfactual import Work, replays
from ce_nas.api import Study
from ce_nas.apps.pilot.costs import NEVER, Outlay, Way
from ce_nas.apps.pilot.grids import Grids, quarter, start_days
from ce_nas.apps.pilot.proxy_benchmark import StandIn, power_settings
from ce_nas.apps.pilot.result import Facts, PilotResult, Place
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError, one_of
from ce_nas.core.records import Stop
from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from ce_nas.apps.pilot.inputs import PilotFigures
    from ce_nas.apps.pilot.proxy_benchmark import Course
    from ce_nas.apps.pilot.result import Axis
    from ce_nas.config.schema import Settings
    from ce_nas.engine.inputs import Materials
    from ce_nas.grid.trace import Series

__all__ = ["EFFORTS", "Effort", "run_pilot"]

Effort = Literal["quick", "usual", "thorough"]
EFFORTS: tuple[Effort, ...] = get_args(Effort)
#: deadlines that a paper looks at, in units of what today's way takes at once
OTHER_LIMITS = (1.0, 1.5, 3.0, 5.0)
#: deadlines as near as this share to one another are the same
_SAME = 0.05


@dataclass(frozen=True, slots=True)
class _Extent:
    """How much is simulated."""

    seeds: int
    starts: int
    #: of these, for what is varied
    few_seeds: int
    few_starts: int
    zones: int
    limits: int


_EXTENTS: Mapping[str, _Extent] = {
    "quick": _Extent(2, 2, 2, 2, 2, 2),
    "usual": _Extent(12, 4, 12, 2, 3, 2),
    "thorough": _Extent(24, 8, 12, 4, 6, 4),
}


@dataclass(frozen=True, slots=True)
class _Cell:
    """One seed on one day under one condition."""

    course: Course
    start: datetime
    zone: str | None
    limit_s: float
    #: whether CE-NAS has cheap scores
    scored: bool = True


@dataclass(frozen=True, slots=True)
class _Spot:
    """One condition: its cells are all pairs of some seeds and days."""

    courses: tuple[Course, ...]
    starts: tuple[datetime, ...]
    zone: str | None
    limit_s: float
    scored: bool = True
    axis: Axis = "zone"
    name: str = ""
    own: bool = False

    def rows(self) -> list[list[_Cell]]:
        """The cells, a row a seed."""
        return [
            [_Cell(course, start, self.zone, self.limit_s, self.scored) for start in self.starts]
            for course in self.courses
        ]


def run_pilot(
    figures: PilotFigures, effort: Effort = "usual", observe: Callable[[int, int], None] | None = None
) -> PilotResult:
    """Simulate a pilot on a team's figures; the same figures give the same result.

    ``quick`` takes some ten seconds of one core, ``usual`` a minute and a half, ``thorough`` some minutes.

    :param observe: called with how many searches are done, and how many there are: first before any is.
    :raises CeNasError: if the zone is not known, or the trace is too short for the deadline.
    """
    if effort not in _EXTENTS:
        raise SettingsError(one_of("effort", effort, EFFORTS))
    extent, grids = _EXTENTS[effort], Grids(figures)
    starts = tuple(start_days(grids.home, figures.limit_s, extent.starts))
    stand_in = StandIn(figures, range(extent.seeds))
    main = _Spot(stand_in.courses, starts, figures.zone, figures.limit_s)
    spots = [main, *_varied(main, extent, grids)]
    cells = list(dict.fromkeys(cell for spot in spots for row in spot.rows() for cell in row))
    found = {}
    for done, cell in enumerate(cells):
        if observe:
            observe(done, len(cells))
        found[cell] = _searched(cell, stand_in, grids)
    if observe:
        observe(len(cells), len(cells))
    ways = _ways(main, found)
    return PilotResult(
        figures=figures,
        facts=_facts(main, stand_in, grids),
        measured=False,
        billed=ways["billed"],
        today=ways["today"],
        good_hours=ways["good-hours"],
        best_hours=ways["best-hours"],
        ce_nas=ways["ce-nas"],
        places=tuple(_place(spot, found) for spot in spots[1:]),
    )


def _varied(main: _Spot, extent: _Extent, grids: Grids) -> Iterator[_Spot]:
    """The team's own condition with one thing changed at a time."""
    few = replace(
        main, courses=main.courses[: extent.few_seeds], starts=main.starts[:: len(main.starts) // extent.few_starts]
    )
    yield replace(few, axis="zone", name=grids.home.zone, own=True)
    for zone in grids.others(few.starts, few.limit_s, extent.zones):
        yield replace(few, axis="zone", name=zone, zone=zone)
    for month in (12, 3, 6, 9):
        if days := tuple(start for start in main.starts if quarter(start) == month):
            yield replace(main, axis="season", name=str(month), starts=days)
    for limit_s in _limits(main.limit_s, grids, few, extent.limits):
        own = limit_s == main.limit_s
        yield replace(few, axis="deadline", name=f"{limit_s / HOUR_S:.0f}", limit_s=limit_s, own=own)
    yield replace(few, axis="scores", name="none", scored=False)


def _limits(own_s: float, grids: Grids, few: _Spot, count: int) -> list[float]:
    """The team's deadline among others for which the trace is long enough, in order."""
    at_once_s = max(course.end_s for course in few.courses)
    others = [at_once_s * times for times in OTHER_LIMITS]
    apart = [limit_s for limit_s in others if abs(limit_s / own_s - 1.0) > _SAME]
    return sorted([own_s, *[limit_s for limit_s in apart if grids.reach(few.zone, few.starts, limit_s)][:count]])


def _searched(cell: _Cell, stand_in: StandIn, grids: Grids) -> dict[str, Outlay]:
    """What every way takes, of one seed on one day."""
    figures, course = stand_in.figures, cell.course
    settings = _settings(figures, cell)
    materials = stand_in.materials(settings, grids.trace(cell.zone, cell.start))
    return {
        "billed": _billed(course, materials.intensity, figures),
        "today": _today(course, materials.intensity, figures),
        **_same_work(course, materials, figures),
        "ce-nas": _ce_nas(settings, materials),
    }


def _today(course: Course, intensity: Series, figures: PilotFigures) -> Outlay:
    """Until the quality was reached; all GPUs train, but in the last hours those that have no more to do."""
    device_s = figures.gpus * course.reached_s
    training_s = min(device_s, course.training_s)
    energy_j = _energy_j(training_s, device_s - training_s, figures)
    carbon_g = energy_j / J_PER_KWH * intensity.mean(0.0, course.reached_s)
    return Outlay(energy_j, carbon_g, device_s, course.reached_s, course.trainings)


def _billed(course: Course, intensity: Series, figures: PilotFigures) -> Outlay:
    """The whole search: the same, and what came after."""
    today, device_s = _today(course, intensity, figures), figures.gpus * course.end_s
    energy_j = _energy_j(course.training_s, device_s - course.training_s, figures)
    late_j = max(energy_j - today.energy_j, 0.0)
    later = intensity.mean(course.reached_s, course.end_s) if course.end_s > course.reached_s else 0.0
    carbon_g = today.carbon_g + late_j / J_PER_KWH * later
    return Outlay(today.energy_j + late_j, carbon_g, device_s, course.end_s, figures.trainings)


def _energy_j(training_s: float, idle_s: float, figures: PilotFigures) -> float:
    """From the grid, for so much time of GPUs in training and without work."""
    return figures.pue * (figures.gpu_power_w * training_s + figures.idle_w * idle_s)


def _same_work(course: Course, materials: Materials, figures: PilotFigures) -> dict[str, Outlay]:
    """Today's own trainings at other hours, up to the deadline: by the forecast, and with the future known."""
    settings = materials.settings
    cluster = settings.cluster
    work = Work(
        device_s=min(figures.gpus * course.reached_s, course.training_s),
        power_w=figures.pue * figures.gpu_power_w,
        devices=figures.gpus,
        period_s=settings.searcher.period,
        deadline_s=settings.budget.time,
        enter_s=cluster.startup_s + cluster.restore_s,
        enter_j=figures.pue * (cluster.startup_j + cluster.restore_j),
        leave_j=figures.pue * cluster.checkpoint_j,
    )
    found = replays(work, materials.history, materials.forecaster().forecaster, 0.0)
    return {
        name: Outlay(one.energy_j, one.carbon_g, one.energy_j / work.power_w, one.end_s, course.trainings)
        for name, one in (("good-hours", found["look-ahead"]), ("best-hours", found["oracle"]))
    }


def _ce_nas(settings: Settings, materials: Materials) -> Outlay:
    summary = Study(settings, materials=materials).run().summary
    if summary.stop != Stop.TARGET.name.lower():
        return NEVER
    device_s = sum(summary.device_hours_by_activity.values()) * HOUR_S
    return Outlay(
        summary.energy_j, summary.carbon_g["full"], device_s, summary.simulated_hours * HOUR_S, summary.evaluations
    )


def _settings(figures: PilotFigures, cell: _Cell) -> Settings:
    """CE-NAS as it comes, told the quality that today's way ends with."""
    return settings_from_flags(
        {"cluster": power_settings(figures)},
        gpus=figures.gpus,
        pue=figures.pue,
        zone=cell.zone,
        start=cell.start.isoformat(),
        hours=cell.limit_s / HOUR_S,
        seed=cell.course.seed,
        target=cell.course.hypervolume,
        cheap_scores=None if cell.scored else "none",
    )


def _ways(spot: _Spot, found: Mapping[_Cell, Mapping[str, Outlay]]) -> dict[str, Way]:
    rows = spot.rows()
    return {
        name: Way(name, tuple(tuple(found[cell][name] for cell in row) for row in rows)) for name in found[rows[0][0]]
    }


def _place(spot: _Spot, found: Mapping[_Cell, Mapping[str, Outlay]]) -> Place:
    ways = _ways(spot, found)
    every = [one for row in ways["today"].outlays for one in row]
    intensity = sum(one.carbon_g for one in every) / sum(one.energy_j for one in every) * J_PER_KWH
    return Place(spot.axis, spot.name, spot.own, intensity, ways["today"], ways["good-hours"], ways["ce-nas"])


def _facts(main: _Spot, stand_in: StandIn, grids: Grids) -> Facts:
    settings = _settings(stand_in.figures, main.rows()[0][0])
    materials = stand_in.materials(settings, grids.home)
    return Facts(
        seeds=tuple(course.seed for course in main.courses),
        starts=tuple(f"{start:%Y-%m-%d %H:%M}" for start in main.starts),
        zone=grids.home.zone,
        grid_origin=grids.home.origin,
        synthetic=grids.home.synthetic,
        benchmark=f"{stand_in.table.name} ({stand_in.table.space.size:,})",
        gpus=stand_in.figures.gpus,
        deadline_s=main.limit_s,
        idle_w=stand_in.figures.idle_w,
        forecaster=materials.forecaster().forecaster.name,
        policy=settings.policy.name,
        searcher=settings.searcher.name,
        factor=stand_in.factor,
        version=__version__,
    )
