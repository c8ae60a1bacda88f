"""The suite: carbon to fixed shares of the largest hypervolume, over problems, zones, seasons and random hours.

Every figure is of many problems at once, with the share of searches that arrived, an interval over problems, zones and
seeds, and as a share of the limit. Misses have infinite grams.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.benchmarks.tabular import objective_matrix
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.core.formatting import format_interval, format_number, format_percentage
from ce_nas.core.units import G_PER_KG
from ce_nas.engine.inputs import RunInputs
from ce_nas.experiments.base import ENGLISH, Experiment, ExperimentReport
from ce_nas.experiments.clustered_ratio import clustered_median, paired_ratio
from ce_nas.experiments.limits import GreedyFront, cleanest_hours_g
from ce_nas.experiments.protocol import LEVELS, choose_problems, choose_starts, most_valuable_cells
from ce_nas.experiments.provenance import provenance_notes
from ce_nas.experiments.strategies import FACTORS, NEED_PARTIAL_TRAININGS, SUITE_STRATEGIES
from ce_nas.experiments.trials import build_trial
from ce_nas.experiments.waterfall import build_waterfall, draw_waterfall, waterfall_content, waterfall_table
from ce_nas.report.page import ReportTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ce_nas.analysis.trajectory import ResourceUsage
    from ce_nas.experiments.base import ExperimentConfig
    from ce_nas.experiments.clustered_ratio import ClusteredRatio
    from ce_nas.experiments.protocol import Half, SuiteProblem, SuiteStart
    from ce_nas.experiments.strategies import Strategy
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["SuiteExperiment", "SuiteOptions"]

#: the level of the tables by problem and zone, and of the factors
HEADLINE_LEVEL = 0.998
REFERENCE, OWN_SEARCHER = "vanilla-lamoo", "vanilla-surrogate"
#: the strategy whose energy is moved to the cleanest hours, as the most that hours can give
ALL_HOURS, HOURS_AT_BEST = "scored-surrogate", "hours-at-best"
#: a problem and a seed
CaseKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class SuiteOptions:
    """What of a half is run."""

    half: Half
    #: names of costs and of strategies; empty: all
    costs: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    training_time_factor: float = 1.0
    #: per problem, how many of the most valuable members of its front are left out, one at a time
    leave_out: int = 0


@dataclass(frozen=True, slots=True)
class _Case:
    """A problem with a seed, and what its searches are compared by."""

    problem: SuiteProblem
    start: SuiteStart
    hypervolume_max: float
    #: grams of the cheapest possible run to each level
    limits_g: tuple[float, ...]
    flags: Mapping[str, object]
    #: grams of trainings of that many device seconds in the cleanest hours before the deadline, and their power at the
    #: plug, W
    cleanest_g: Callable[[float], float]
    power_w: float

    @property
    def key(self) -> CaseKey:
        return self.problem.name, self.start.seed

    @property
    def clusters(self) -> tuple[str, str, int]:
        return self.problem.name, self.start.zone, self.start.seed


class SuiteExperiment(Experiment):
    """Runs the strategies on every problem of a half, each seed in its zone from its hour, to the highest level.

    :raises SettingsError: if a cost or strategy is unknown, or there is no seed.
    """

    def __init__(self, config: ExperimentConfig, options: SuiteOptions) -> None:
        self.name = f"suite-{options.half.name}"
        self._config = config
        self._options = options
        known = {strategy.name: strategy for strategy in SUITE_STRATEGIES}
        for name in options.strategies:
            if name not in known:
                raise SettingsError(unknown_choice_message("strategy of the suite", name, known))
        has_table = config.flags.get("table") is not None
        default = [name for name in known if has_table or name not in NEED_PARTIAL_TRAININGS]
        self._strategies: list[Strategy] = [known[name] for name in options.strategies or default]
        self._cases: list[_Case] | None = None

    def trials(self) -> list[ExperimentTrial]:
        """See :meth:`Experiment.trials`; those of one problem follow each other."""
        return [
            build_trial(
                strategy,
                case.flags,
                case.start.seed,
                {"problem": case.problem.name, "zone": case.start.zone, "season": case.start.season},
            )
            for case in self._all_cases()
            for strategy in self._strategies
        ]

    def build_report(self, results: Sequence[TrialResult], translate: Translator = ENGLISH) -> ExperimentReport:
        """See :meth:`Experiment.build_report`."""
        cases = {case.key: case for case in self._all_cases()}
        usages = _usages_at_levels(results, cases)
        comparison = _Comparison(cases, usages, [strategy.name for strategy in self._strategies])
        names = {strategy.name: strategy.title for strategy in self._strategies}
        steps = build_waterfall(lambda ours, theirs: comparison.ratio(ours, theirs, HEADLINE_LEVEL))
        return ExperimentReport(
            title=translate("exp.suite", half=self._options.half.name),
            content={
                "experiment": self.name,
                "seeds": list(self._config.seeds),
                "levels": list(LEVELS),
                "overall": comparison.overall(),
                "factors": [{"factor": name, "ratio": asdict(ratio)} for name, ratio in comparison.factors()],
                "hours_by_zone": {
                    zone: {name: _as_dict(ratio) for name, ratio in ratios.items()}
                    for zone, ratios in comparison.hours_by_zone().items()
                },
                "waterfall": waterfall_content(steps),
                "cases": comparison.details(),
            },
            tables=[
                _overall_table(comparison, names, translate),
                _group_table(comparison, names, "problem", translate),
                _group_table(comparison, names, "zone", translate),
                _factor_table(comparison, translate),
                *_hours_tables(comparison, names, translate),
                waterfall_table(steps, HEADLINE_LEVEL, translate),
            ],
            figures={"waterfall": lambda: draw_waterfall(steps, HEADLINE_LEVEL, translate)} if steps else {},
            notes=[
                *provenance_notes(results, self._config.seeds, translate),
                *(translate(f"exp.suite.note.{key}") for key in ("misses", "interval", "limit")),
            ],
        )

    def _all_cases(self) -> list[_Case]:
        if self._cases is None:
            self._cases = list(self._build_cases())
        return self._cases

    def _build_cases(self) -> list[_Case]:
        options, shared = self._options, self._config.flags
        settings = settings_from_flags(**{"stop": "never", **shared})
        zones = options.half.zones if settings.grid.trace else options.half.builtin_zones
        year = options.half.year if settings.grid.trace else RunInputs(settings).start.year
        starts = choose_starts(options.half, self._config.seeds, zones, settings.budget.time_s, year)
        table = settings.problem.table
        problems = choose_problems(
            options.half, table, options.costs, training_time_factor=options.training_time_factor
        )
        cases = []
        for problem in problems:
            for variant in self._with_left_out(problem):
                cases += self._build_cases_of(variant, starts)
        return cases

    def _with_left_out(self, problem: SuiteProblem) -> list[SuiteProblem]:
        """The problem, and without each of its most valuable cells."""
        if not self._options.leave_out:
            return [problem]
        inputs = RunInputs(settings_from_flags(problem=problem.settings))
        values = objective_matrix(inputs.table, inputs.objectives)
        reference = [objective.sign * objective.reference for objective in inputs.objectives]
        space = inputs.table.space
        texts = [space.text(architecture) for architecture in space.all_architectures]
        best = most_valuable_cells(values, reference, texts, self._options.leave_out)
        twins = _twins(values, best, texts) if problem.functions else {text: (text,) for text in best}
        return [problem, *(replace(problem, leave_out=twins[text]) for text in best)]

    def _build_cases_of(self, problem: SuiteProblem, starts: Sequence[SuiteStart]) -> list[_Case]:
        plain = RunInputs(settings_from_flags(problem=problem.settings))
        shared = {key: value for key, value in self._config.flags.items() if key not in {"table", "dataset"}}
        section = problem.with_reference(plain.table)
        inputs = replace(plain, settings=settings_from_flags(problem=section), user_benchmark=plain.table)
        values = objective_matrix(inputs.table, inputs.objectives)
        reference = [objective.sign * objective.reference for objective in inputs.objectives]
        front = GreedyFront(values, reference, inputs.table.train_s)
        target = float(LEVELS[-1] * front.hypervolume_max)
        cases = []
        for start in starts:
            flags: dict[str, object] = {
                **shared,
                "stop": "never",
                "problem": section,
                "zone": start.zone,
                "start": start.start.isoformat(),
                "target": target,
            }
            case_inputs = RunInputs(settings_from_flags(**flags))
            cluster, time_s = case_inputs.settings.cluster, case_inputs.settings.budget.time_s
            power_w = cluster.training_w * cluster.pue
            cleanest_g = partial(
                cleanest_hours_g, case_inputs.intensity, devices=cluster.gpus, deadline_s=time_s, power_w=power_w
            )
            limits_g = tuple(cleanest_g(front.work_s(level)) for level in LEVELS)
            cases.append(_Case(problem, start, front.hypervolume_max, limits_g, flags, cleanest_g, power_w))
        return cases


class _Comparison:
    """The grams of every strategy in every case, and their ratios."""

    def __init__(
        self,
        cases: Mapping[CaseKey, _Case],
        usages: Mapping[str, Mapping[CaseKey, Sequence[ResourceUsage | None]]],
        strategies: Sequence[str],
    ) -> None:
        self._cases = cases
        self._usages = usages
        self._clusters = {key: case.clusters for key, case in cases.items()}
        self.strategies = strategies

    def groups(self, axis: str) -> list[str]:
        """The names of all problems or zones."""
        return list(dict.fromkeys(_group_of(case, axis) for case in self._cases.values()))

    def grams(
        self, strategy: str, level: float, keep: Callable[[_Case], bool] = lambda _: True
    ) -> dict[CaseKey, float]:
        """Grams to a level by case, infinite where it was not reached; empty for a strategy that was not run."""
        column = LEVELS.index(level)
        found = self._usages.get(strategy, {})
        usages = {key: levels[column] for key, levels in found.items() if keep(self._cases[key])}
        return {key: usage.carbon_g if usage else math.inf for key, usage in usages.items()}

    def ratio(
        self, ours: str, theirs: str, level: float, keep: Callable[[_Case], bool] = lambda _: True
    ) -> ClusteredRatio | None:
        """Their grams over ours; None where one of the two was not run."""
        mine, other = self.grams(ours, level, keep), self.grams(theirs, level, keep)
        return paired_ratio(mine, other, self._clusters) if mine and other else None

    def limit_shares(self, strategy: str, level: float) -> list[float]:
        """The limit's grams over those of a strategy, case by case; 0 where it did not arrive."""
        column = LEVELS.index(level)
        grams = self.grams(strategy, level)
        return [
            0.0 if math.isinf(used) else self._cases[key].limits_g[column] / used
            for key, used in grams.items()
            if math.isfinite(self._cases[key].limits_g[column])
        ]

    def trainings(self, strategy: str, level: float) -> list[float]:
        """Trainings to a level, infinite where it was not reached."""
        column = LEVELS.index(level)
        return [
            float(usages[column].evaluations) if usages[column] else math.inf  # type: ignore[union-attr] # asked before
            for usages in self._usages[strategy].values()
        ]

    def summary(self, strategy: str, level: float) -> dict[str, Any]:
        """All figures of a strategy at a level."""
        grams = self.grams(strategy, level)
        clusters = list(zip(*(self._clusters[key] for key in grams), strict=True))
        shares = self.limit_shares(strategy, level)
        return {
            "strategy": strategy,
            "level": level,
            "cases": len(grams),
            "arrival": float(np.isfinite(list(grams.values())).mean()),
            "kg": asdict(clustered_median([used / G_PER_KG for used in grams.values()], clusters)),
            "trainings": asdict(clustered_median(self.trainings(strategy, level), clusters)),
            "ratio_vs_vanilla_lamoo": _as_dict(self.ratio(strategy, REFERENCE, level)),
            "ratio_vs_own_searcher": _as_dict(self.ratio(strategy, OWN_SEARCHER, level)),
            "share_of_limit": float(np.median(shares)) if shares else None,
        }

    def overall(self) -> list[dict[str, Any]]:
        """All strategies at all levels."""
        return [self.summary(strategy, level) for strategy in self.strategies for level in LEVELS]

    def factors(self) -> list[tuple[str, ClusteredRatio]]:
        """What each part is worth: grams without it over grams with it; of the parts whose strategies were run."""
        pairs = [(name, self.ratio(with_it, without, HEADLINE_LEVEL)) for name, with_it, without in FACTORS]
        pairs.append((HOURS_AT_BEST, self.hours_at_best(HEADLINE_LEVEL)))
        return [(name, ratio) for name, ratio in pairs if ratio]

    def hours_at_best(self, level: float, keep: Callable[[_Case], bool] = lambda _: True) -> ClusteredRatio | None:
        """What a choice of hours can give at most without a change of the search.

        The grams of ``scored-surrogate`` over those of the same energy in the cleanest hours before the deadline, on
        all devices at once, by a choice that knows the energy and the trace; over the cases that arrived.
        """
        column = LEVELS.index(level)
        used, best = {}, {}
        for key, levels in self._usages.get(ALL_HOURS, {}).items():
            case, usage = self._cases[key], levels[column]
            if usage and keep(case):
                used[key], best[key] = usage.carbon_g, case.cleanest_g(usage.energy_j / case.power_w)
        return paired_ratio(best, used, self._clusters) if best else None

    def hours_by_zone(self) -> dict[str, dict[str, ClusteredRatio | None]]:
        """By zone what hours could give at most and what each policy's gave, and in how many of the cases."""
        if ALL_HOURS not in self.strategies:
            return {}
        rows = {}
        for zone in self.groups("zone"):
            found = {HOURS_AT_BEST: self.hours_at_best(HEADLINE_LEVEL, lambda case: case.start.zone == zone)}  # noqa: B023 - called at once
            for name in self.hours_strategies():
                found[name] = self.ratio(name, ALL_HOURS, HEADLINE_LEVEL, lambda case: case.start.zone == zone)  # noqa: B023 - called at once
            rows[zone] = found
        return rows

    def hours_strategies(self) -> list[str]:
        """The strategies that differ from :data:`ALL_HOURS` in their hours alone, of those that were run."""
        own = [ours for name, ours, theirs in FACTORS if name.startswith("hours") and theirs == ALL_HOURS]
        return [name for name in own if name in self.strategies]

    def details(self) -> list[dict[str, Any]]:
        """Case by case: where, when, the limit, and the grams of each strategy."""
        return [
            {
                "problem": case.problem.name,
                "seed": case.start.seed,
                "zone": case.start.zone,
                "start": case.start.start.isoformat(),
                "limit_g": list(case.limits_g),
                "grams": {name: [self.grams(name, level).get(key) for level in LEVELS] for name in self.strategies},
            }
            for key, case in self._cases.items()
        ]


def _usages_at_levels(
    results: Sequence[TrialResult], cases: Mapping[CaseKey, _Case]
) -> dict[str, dict[CaseKey, list[ResourceUsage | None]]]:
    """By strategy and case, what had been used when each level was first reached."""
    usages: dict[str, dict[CaseKey, list[ResourceUsage | None]]] = {}
    for result in results:
        key = (result.labels["problem"], result.labels["seed"])
        largest = cases[key].hypervolume_max
        levels = [result.trajectory.usage_at_hypervolume(level * largest * (1.0 - 1e-9)) for level in LEVELS]
        usages.setdefault(result.labels["strategy"], {})[key] = levels
    return usages


def _twins(values: np.ndarray, chosen: Sequence[str], texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each chosen cell, all that have the same values: averaged, those of its function."""
    rows = {text: row for row, text in enumerate(texts)}
    return {
        text: tuple(texts[row] for row in np.flatnonzero((values == values[rows[text]]).all(axis=1)).tolist())
        for text in chosen
    }


def _group_of(case: _Case, axis: str) -> str:
    return case.problem.name if axis == "problem" else case.start.zone


def _as_dict(ratio: ClusteredRatio | None) -> dict[str, Any] | None:
    return asdict(ratio) if ratio else None


def _format_ratio(ratio: ClusteredRatio | None) -> str:
    return format_interval(ratio.ratio) if ratio else ""


def _overall_table(comparison: _Comparison, names: Mapping[str, str], translate: Translator) -> ReportTable:
    columns = ("strategy", "level", "arrival", "trainings", "kg", "vanilla", "own", "limit")
    rows = []
    for strategy in comparison.strategies:
        for level in LEVELS:
            figures = comparison.summary(strategy, level)
            share = figures["share_of_limit"]
            rows.append(
                (
                    names[strategy],
                    f"{level:g}",
                    format_percentage(figures["arrival"]),
                    format_number(figures["trainings"]["median"]),
                    format_number(figures["kg"]["median"]),
                    _format_ratio(comparison.ratio(strategy, REFERENCE, level)),
                    _format_ratio(comparison.ratio(strategy, OWN_SEARCHER, level)),
                    format_percentage(share, 1) if share is not None else "",
                )
            )
    header = tuple(translate(f"exp.suite.{column}") for column in columns)
    return ReportTable(translate("exp.suite.overall"), header, rows, copyable=True)


def _group_table(comparison: _Comparison, names: Mapping[str, str], axis: str, translate: Translator) -> ReportTable:
    """Ratios to vanilla LaMOO, and arrival, by problem or zone."""
    rows = []
    for group in comparison.groups(axis):
        cells = [group]
        for strategy in comparison.strategies:
            ratio = comparison.ratio(strategy, REFERENCE, HEADLINE_LEVEL, lambda case: _group_of(case, axis) == group)  # noqa: B023 - called at once
            cells.append(f"{_format_ratio(ratio)}, {format_percentage(ratio.arrival)}" if ratio else "")
        rows.append(tuple(cells))
    header = (translate(f"exp.suite.{axis}"), *(names[strategy] for strategy in comparison.strategies))
    caption = translate(f"exp.suite.by_{axis}", level=f"{HEADLINE_LEVEL:g}")
    return ReportTable(caption, header, rows, copyable=True)


def _hours_tables(comparison: _Comparison, names: Mapping[str, str], translate: Translator) -> list[ReportTable]:
    """What hours could give and gave, by zone; none where the search at all hours was not run."""
    found, policies = comparison.hours_by_zone(), comparison.hours_strategies()
    if not found or not policies:
        return []
    rows = [(zone, *map(_format_ratio, ratios.values())) for zone, ratios in found.items()]
    header = (translate("exp.suite.zone"), translate("exp.suite.at_best"), *(names[name] for name in policies))
    caption = translate("exp.suite.hours", level=f"{HEADLINE_LEVEL:g}", strategy=names[ALL_HOURS])
    return [ReportTable(caption, header, rows, copyable=True)]


def _factor_table(comparison: _Comparison, translate: Translator) -> ReportTable:
    rows = []
    for name, ratio in comparison.factors():
        shares = (ratio.arrival, ratio.their_arrival) if name != HOURS_AT_BEST else ()  # of the cases that arrived
        arrivals = tuple(map(format_percentage, shares)) or ("", "")
        rows.append((translate(f"exp.suite.factor.{name}"), _format_ratio(ratio), *arrivals))
    header = tuple(
        translate(f"exp.suite.{column}") for column in ("factor", "worth", "arrival_with", "arrival_without")
    )
    return ReportTable(translate("exp.suite.factors", level=f"{HEADLINE_LEVEL:g}"), header, rows, copyable=True)
