"""What a pilot found: each way's outlays over seeds and start days, and how they change with what is not certain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ce_nas.apps.pilot.costs import measure, saved, share_saved
from ce_nas.experiments.base import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ce_nas.analysis.statistics import Interval
    from ce_nas.apps.pilot.costs import Way
    from ce_nas.apps.pilot.inputs import PilotFigures

__all__ = ["Axis", "Facts", "PilotResult", "Place", "Rule"]

#: what a pilot is varied in
Axis = Literal["zone", "season", "deadline", "scores"]


@dataclass(frozen=True, slots=True)
class Place:
    """The ways under one of the conditions that the paper varies."""

    axis: Axis
    #: a zone, a quarter's first month (``12``, ``3``, ``6``, ``9``), a deadline in hours, or ``none``
    name: str
    #: whether it is the team's own
    own: bool
    #: the grid's mean over the searches of today's way, weighed with what they draw, g CO2eq/kWh
    intensity_g_per_kwh: float
    today: Way
    good_hours: Way
    ce_nas: Way

    @property
    def saved(self) -> Interval:
        """Share of today's grams that CE-NAS does not need."""
        return share_saved(self.today, self.ce_nas, lambda one: one.carbon_g)

    @property
    def saved_by_hours(self) -> Interval:
        """Share of today's grams that today's own work does not need in good hours."""
        return share_saved(self.today, self.good_hours, lambda one: one.carbon_g)


@dataclass(frozen=True, slots=True)
class Rule:
    """The work of measured runs under one rule of hours."""

    #: of :data:`~ce_nas.analysis.counterfactual.RULES`, or ``run``
    name: str
    #: share of the grams of ``at-once`` that it does not need, from the runs' own starts: median over the runs
    saved: float
    #: the same on other days: medians over the runs of the middle, the lowest and the highest
    other_days: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the figures rest on."""

    #: of the searches; of measured runs those of their journals
    seeds: tuple[int, ...]
    #: when searches begin, UTC, ISO 8601 to the minute
    starts: tuple[str, ...]
    zone: str
    grid_origin: str
    synthetic: bool
    #: what was searched; of measured runs their folders
    benchmark: str
    gpus: int
    deadline_s: float
    #: what a GPU draws that is held but idle, W
    idle_w: float
    forecaster: str
    policy: str
    searcher: str
    #: by how much trainings were made longer than the benchmark's own; 1 of measured runs
    factor: float
    version: str


@dataclass(frozen=True, slots=True)
class PilotResult:
    """Today's way and CE-NAS on a team's own figures."""

    figures: PilotFigures
    facts: Facts
    #: whether the runs were measured by the team rather than simulated
    measured: bool
    #: today's way from its first training to its last: what is paid today; None where only its work is known
    billed: Way | None
    #: today's way until it had its final quality: what CE-NAS is compared with
    today: Way
    #: the same work in good hours by the forecast: the stronger counterfactual
    good_hours: Way
    #: the same work in the best hours, had the future been known: no rule of hours can do better
    best_hours: Way
    #: CE-NAS until the same quality
    ce_nas: Way
    places: tuple[Place, ...] = ()
    #: of measured runs: whether runs of today's way were measured, too; else it is the same work, started at once
    paired: bool = False
    #: of measured runs: the same work under other rules
    rules: tuple[Rule, ...] = ()
    #: of measured runs: share of the energy that a meter saw
    metered: float = 0.0

    @property
    def ways(self) -> tuple[Way, ...]:
        """All ways, in the order in which they are shown."""
        whole = () if self.billed is None else (self.billed,)
        return (*whole, self.today, self.good_hours, self.best_hours, self.ce_nas)

    def on(self, axis: Axis) -> list[Place]:
        """The places of one axis."""
        return [place for place in self.places if place.axis == axis]

    def saved_per_year(self, name: str, before: Way | None = None) -> Interval:
        """What CE-NAS saves a year, of a measure of :data:`~ce_nas.apps.pilot.costs.MEASURES`.

        :param before: against which way; None: today's.
        """
        amount = measure(name, self.figures)
        return saved(before or self.today, self.ce_nas, amount).scaled(self.figures.searches_per_year)

    @property
    def adoption_cost(self) -> float | None:
        """Money for changing over; None if an engineer's price was not stated."""
        price = self.figures.engineer_price
        return None if price is None else price * self.figures.adoption_hours

    @property
    def payback_searches(self) -> float | None:
        """Searches until the money saved has paid for changing over; infinite: never. None if prices are missing."""
        if self.adoption_cost is None or not self.figures.priced:
            return None
        per_search = self.saved_per_year("money").median / self.figures.searches_per_year
        return self.adoption_cost / per_search if per_search > 0 else float("inf")

    @property
    def even_price(self) -> float | None:
        """Price of an engineer's hour at which a year pays for changing over; None if prices or hours are missing."""
        if not self.figures.priced or not self.figures.adoption_hours:
            return None
        return self.saved_per_year("money").median / self.figures.adoption_hours

    def to_dict(self) -> Mapping[str, Any]:
        """For ``--json``: medians and intervals as plain containers, what is not finite as None."""
        names = ("energy", "carbon", *(("money",) if self.figures.priced else ()), "hours")
        content: dict[str, Any] = plain(
            {
                "measured": self.measured,
                "figures": {
                    **{name: getattr(self.figures, name) for name in type(self.figures).__dataclass_fields__},
                    "stated": sorted(self.figures.stated),
                    "trace": self.figures.trace and str(self.figures.trace),
                },
                "facts": self.facts,
                "units": {"energy": "kWh", "carbon": "kg CO2eq", "money": self.figures.currency, "hours": "h"},
                "per_search": {
                    way.name: {
                        **{name: way.over(measure(name, self.figures)) for name in names},
                        "reached": way.reached,
                    }
                    for way in self.ways
                },
                "saved_per_year": {name: self.saved_per_year(name) for name in names},
                "saved_per_year_against_good_hours": {
                    name: self.saved_per_year(name, self.good_hours) for name in names
                },
                "payback_searches": self.payback_searches,
                "break_even_engineer_price": self.even_price,
                "rules": self.rules,
                "metered_share": self.metered if self.measured else None,
                "places": [
                    {
                        "axis": one.axis,
                        "name": one.name,
                        "own": one.own,
                        "intensity_g_per_kwh": one.intensity_g_per_kwh,
                        "saved": one.saved,
                        "saved_by_hours": one.saved_by_hours,
                        "reached": one.ce_nas.reached,
                    }
                    for one in self.places
                ],
            }
        )
        return content
