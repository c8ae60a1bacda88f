"""The runs as metrics for Prometheus, in its text format.

Names follow its conventions: base units (grams, joules, seconds) at the end of a name, ``_total`` for what only grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ce_nas.analysis.summary import budget_usage
from ce_nas.core.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
    runs = [({"run": status.name}, status, status.summary) for status in statuses]
    yield (
        "ce_nas_run_info", "gauge", "A run, with what it searches by; always 1.",
        [
            _Sample(run | {"policy": one.policy, "searcher": one.searcher, "zone": one.grid["zone"],
                           "version": one.version}, 1.0)
            for run, _, one in runs
        ],
    )  # fmt: skip
    yield (
        "ce_nas_run_active", "gauge", "Whether a process seems to be running it.",
        [_Sample(run, float(status.is_running)) for run, status, _ in runs],
    )  # fmt: skip
    yield (
        "ce_nas_carbon_grams_total", "counter", "Carbon in CO2eq by the full accounting, by activity.",
        [
            _Sample(run | {"activity": name}, grams)
            for run, _, one in runs for name, grams in one.carbon_g_by_activity.items()
        ],
    )  # fmt: skip
    yield (
        "ce_nas_energy_joules_total", "counter", "Energy from the grid, PUE included, by activity.",
        [
            _Sample(run | {"activity": name}, joules)
            for run, _, one in runs for name, joules in one.energy_j_by_activity.items()
        ],
    )  # fmt: skip
    yield (
        "ce_nas_device_seconds_total", "counter", "Time of held devices, by activity.",
        [
            _Sample(run | {"activity": name}, hours * HOUR_S)
            for run, _, one in runs for name, hours in one.device_hours_by_activity.items()
        ],
    )  # fmt: skip
    yield (
        "ce_nas_cost_total", "counter", "Cost in the currency of the run's prices.",
        [_Sample(run, one.cost) for run, _, one in runs],
    )  # fmt: skip
    yield (
        "ce_nas_trainings_total", "counter", "Full trainings that have finished.",
        [_Sample(run, float(one.evaluations)) for run, _, one in runs],
    )  # fmt: skip
    yield (
        "ce_nas_samples_total", "counter", "Architectures scored by proxies.",
        [_Sample(run, float(one.samples)) for run, _, one in runs],
    )  # fmt: skip
    yield (
        "ce_nas_hypervolume", "gauge", "Hypervolume, in the product of the objectives' units.",
        [_Sample(run, one.hypervolume) for run, _, one in runs],
    )  # fmt: skip
    yield (
        "ce_nas_budget_used_ratio", "gauge", "Used share of each budget that is set.",
        [
            _Sample(run | {"budget": name}, used / limit)
            for run, status, one in runs
            for name, (used, limit) in budget_usage(one, status.budget).items()
            if limit
        ],
    )  # fmt: skip


def _render_labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in labels.items()) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
