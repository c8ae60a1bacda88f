"""The runs as metrics for Prometheus, in its text format.

Names follow its conventions: base units (grams, joules, seconds) at the end of a name, ``_total`` for what only grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ce_nas.analysis.summary import budget_usage
from ce_nas.core.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.apps.dashboard.run_folders import RunStatus

__all__ = ["CONTENT_TYPE", "render_metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Sample(NamedTuple):
    """One value with its labels."""

    labels: Mapping[str, str]
    value: float


def render_metrics(statuses: Sequence[RunStatus]) -> str:
    """Render the runs, a few metrics each, labelled by the run's name."""
    lines: list[str] = []
    for name, kind, text, samples in _metrics(statuses):
        lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{_render_labels(sample.labels)} {sample.value!r}" for sample in samples]
    return "\n".join(lines) + "\n"


def _metrics(statuses: Sequence[RunStatus]) -> Iterator[tuple[str, str, str, list[_Sample]]]:
    """Yield name, type, help and samples of each metric."""
    runs = [({"run": status.name}, status.summary) for status in statuses]

    def one_each(value: Callable[[RunSummary], float]) -> list[_Sample]:
        return [_Sample(run, value(summary)) for run, summary in runs]

    def by_activity(amounts: Callable[[RunSummary], Mapping[str, float]], factor: float = 1.0) -> list[_Sample]:
        return [
            _Sample(run | {"activity": name}, factor * amount)
            for run, summary in runs
            for name, amount in amounts(summary).items()
        ]

    yield "ce_nas_run_info", "gauge", "A run, with what it searches by; always 1.", _describe_runs(statuses)
    yield (
        "ce_nas_run_active", "gauge", "Whether a process seems to be running it.",
        [_Sample({"run": status.name}, float(status.is_running)) for status in statuses],
    )  # fmt: skip
    yield (
        "ce_nas_carbon_grams_total", "counter", "Carbon in CO2eq by the full accounting, by activity.",
        by_activity(lambda summary: summary.carbon_g_by_activity),
    )  # fmt: skip
    yield (
        "ce_nas_energy_joules_total", "counter", "Energy from the grid, PUE included, by activity.",
        by_activity(lambda summary: summary.energy_j_by_activity),
    )  # fmt: skip
    yield (
        "ce_nas_device_seconds_total", "counter", "Time of held devices, by activity.",
        by_activity(lambda summary: summary.device_hours_by_activity, HOUR_S),
    )  # fmt: skip
    yield (
        "ce_nas_cost_total", "counter", "Cost in the currency of the run's prices.",
        one_each(lambda summary: summary.cost),
    )  # fmt: skip
    yield (
        "ce_nas_trainings_total", "counter", "Full trainings that have finished.",
        one_each(lambda summary: float(summary.evaluations)),
    )  # fmt: skip
    yield (
        "ce_nas_samples_total", "counter", "Architectures scored by proxies.",
        one_each(lambda summary: float(summary.samples)),
    )  # fmt: skip
    yield (
        "ce_nas_hypervolume", "gauge", "Hypervolume, in the product of the objectives' units.",
        one_each(lambda summary: summary.hypervolume),
    )  # fmt: skip
    yield "ce_nas_budget_used_ratio", "gauge", "Used share of each budget that is set.", _budget_shares(statuses)


def _describe_runs(statuses: Sequence[RunStatus]) -> list[_Sample]:
    """A 1 for each run, labelled by its components."""
    return [
        _Sample(
            {
                "run": status.name,
                "policy": status.summary.policy,
                "searcher": status.summary.searcher,
                "zone": status.summary.grid["zone"],
                "version": status.summary.version,
            },
            1.0,
        )
        for status in statuses
    ]


def _budget_shares(statuses: Sequence[RunStatus]) -> list[_Sample]:
    """The used share of each budget that has a limit."""
    return [
        _Sample({"run": status.name, "budget": name}, used / limit)
        for status in statuses
        for name, (used, limit) in budget_usage(status.summary, status.budget).items()
        if limit
    ]


def _render_labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
