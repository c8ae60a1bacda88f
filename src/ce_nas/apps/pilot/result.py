"""The result of a pilot: each method's costs over seeds and start days, and their sensitivity to the conditions."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from ce_nas.apps.pilot.costs import absolute_saving, get_measure, relative_saving
from ce_nas.experiments.base import to_plain_containers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ce_nas.analysis.statistics import Interval
    from ce_nas.apps.pilot.costs import SearchMethod
    from ce_nas.apps.pilot.questionnaire import PilotInputs

__all__ = ["ConditionAxis", "PilotCondition", "PilotProvenance", "PilotResult", "RuleSaving"]

#: the conditions that a pilot varies
ConditionAxis = Literal["zone", "season", "deadline", "scores"]


@dataclass(frozen=True, slots=True)
class PilotCondition:
    """The methods under one of the varied conditions."""

    axis: ConditionAxis
    #: a zone, a season's first month (``12``, ``3``, ``6``, ``9``), a deadline in hours, or ``none``
    name: str
    #: whether it is the team's own condition
    is_own: bool
    #: mean intensity over the searches of the current method, weighted by their energy, g CO2eq/kWh
    intensity_g_per_kwh: float
    baseline: SearchMethod
    shifted: SearchMethod
    ce_nas: SearchMethod

    @property
    def saving(self) -> Interval:
        """Share of the current method's carbon that CE-NAS saves."""
        return relative_saving(self.baseline, self.ce_nas, lambda cost: cost.carbon_g)

    @property
    def saving_by_shifting(self) -> Interval:
        """Share of the current method's carbon that shifting its work to cleaner hours saves."""
        return relative_saving(self.baseline, self.shifted, lambda cost: cost.carbon_g)


@dataclass(frozen=True, slots=True)
class RuleSaving:
    """The saving of measured runs' work under one policy."""

    #: one of :data:`~ce_nas.analysis.policy_replay.REPLAY_POLICIES`, or ``run``
    name: str
    #: share of the carbon of ``at-once`` that it saves from the runs' own starts: median over the runs
    saving: float
    #: the same on other days: medians over the runs of the median, the lowest and the highest
    saving_on_other_days: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class PilotProvenance:
    """What the result is based on."""

    #: those of the searches, or of the measured runs
    seeds: tuple[int, ...]
    #: start times of the searches, UTC, to the minute
    starts: tuple[str, ...]
    zone: str
    grid_origin: str
    synthetic: bool
    #: the benchmark searched, or the folders of the measured runs
    benchmark: str
    gpus: int
    deadline_s: float
    #: power of an idle GPU, W
    idle_w: float
    forecaster: str
    policy: str
    searcher: str
    #: length of a training in units of the benchmark's own; 1 for measured runs
    stretch_factor: float
    version: str


@dataclass(frozen=True, slots=True)
class PilotResult:
    """The current method and CE-NAS for a team's inputs."""

    inputs: PilotInputs
    provenance: PilotProvenance
    #: whether the runs were measured by the team rather than simulated
    is_measured: bool
    #: the current method to its last training, as it is paid for; None if only its work is known
    full_baseline: SearchMethod | None
    #: the current method until it reached its final quality: the reference for CE-NAS
    baseline: SearchMethod
    #: the same work shifted to cleaner hours by the forecast: the stronger reference
    shifted: SearchMethod
    #: the same work shifted with a perfect forecast: a bound for shifting
    oracle_shifted: SearchMethod
    #: CE-NAS until the same quality
    ce_nas: SearchMethod
    conditions: tuple[PilotCondition, ...] = ()
    #: for measured runs: whether the baseline is runs of the current method, or the same work started immediately
    has_baseline_runs: bool = False
    #: for measured runs: the same work under other policies
    rules: tuple[RuleSaving, ...] = ()
    #: for measured runs: metered share of the energy
    metered_share: float = 0.0

    @property
    def methods(self) -> tuple[SearchMethod, ...]:
        """All methods in the order of the paper."""
        full = () if self.full_baseline is None else (self.full_baseline,)
        return (*full, self.baseline, self.shifted, self.oracle_shifted, self.ce_nas)

    def conditions_on(self, axis: ConditionAxis) -> list[PilotCondition]:
        """The conditions of one axis."""
        return [condition for condition in self.conditions if condition.axis == axis]

    def saving_per_year(self, name: str, before: SearchMethod | None = None) -> Interval:
        """The yearly saving of CE-NAS in a measure of :data:`~ce_nas.apps.pilot.costs.MEASURES`.

        :param before: the method compared with; None: the current one.
        """
        amount = get_measure(name, self.inputs)
        return absolute_saving(before or self.baseline, self.ce_nas, amount).scaled(self.inputs.searches_per_year)

    @property
    def adoption_cost(self) -> float | None:
        """Cost of the adoption; None if no engineer's price was given."""
        price = self.inputs.engineer_price
        return None if price is None else price * self.inputs.adoption_hours

    @property
    def payback_searches(self) -> float | None:
        """Searches until the savings have paid for the adoption; inf: never. None if prices are missing."""
        if self.adoption_cost is None or not self.inputs.has_prices:
            return None
        per_search = self.saving_per_year("money").median / self.inputs.searches_per_year
        return self.adoption_cost / per_search if per_search > 0 else float("inf")

    @property
    def break_even_engineer_price(self) -> float | None:
        """Price of an engineer-hour at which adoption is paid back in a year; None if prices or hours are missing."""
        if not self.inputs.has_prices or not self.inputs.adoption_hours:
            return None
        return self.saving_per_year("money").median / self.inputs.adoption_hours

    def to_dict(self) -> Mapping[str, Any]:
        """Plain containers for ``--json``: medians and intervals, with None for values that are not finite."""
        names = ("energy", "carbon", *(("money",) if self.inputs.has_prices else ()), "hours")
        content: dict[str, Any] = to_plain_containers(
            {
                "is_measured": self.is_measured,
                "inputs": {
                    **{field.name: getattr(self.inputs, field.name) for field in fields(self.inputs)},
                    "given_names": sorted(self.inputs.given_names),
                    "trace": self.inputs.trace and str(self.inputs.trace),
                },
                "provenance": self.provenance,
                "units": {"energy": "kWh", "carbon": "kg CO2eq", "money": self.inputs.currency, "hours": "h"},
                "per_search": {
                    method.name: {
                        **{name: method.median_over(get_measure(name, self.inputs)) for name in names},
                        "reached": method.reached_share,
                    }
                    for method in self.methods
                },
                "saving_per_year": {name: self.saving_per_year(name) for name in names},
                "saving_per_year_vs_shifted": {name: self.saving_per_year(name, self.shifted) for name in names},
                "payback_searches": self.payback_searches,
                "break_even_engineer_price": self.break_even_engineer_price,
                "rules": self.rules,
                "metered_share": self.metered_share if self.is_measured else None,
                "conditions": [
                    {
                        "axis": condition.axis,
                        "name": condition.name,
                        "is_own": condition.is_own,
                        "intensity_g_per_kwh": condition.intensity_g_per_kwh,
                        "saving": condition.saving,
                        "saving_by_shifting": condition.saving_by_shifting,
                        "reached": condition.ce_nas.reached_share,
                    }
                    for condition in self.conditions
                ],
            }
        )
        return content
