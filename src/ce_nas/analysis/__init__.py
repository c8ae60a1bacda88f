"""Analysis of runs: everything that a report shows is computed here, from the run's journal.

- summary: `RunSummary`, the outcome of a run; budget usage and task failures
- trajectory: hypervolume, energy and carbon over time
- timeline: decisions with their periods, GPU allocation over time, moves between sites
- live_grid: how a live grid was read, and what was revised later
- savings: `Savings`, the run's grams against what other ways would have taken to the same quality
- policy_replay: a job that can wait, replayed under policies
- counterfactual: carbon of the same work under other policies and on other days
- explanation: what happened to a candidate, and why GPUs were allocated as they were
- surrogate_explanation: what the surrogate expected of an architecture when it chose another
- partition_rules: LaMOO's partition of the space, described by small decision trees
- front_choice: which architecture of a front to take
- proxy_correlation: how well proxy scores rank the trainings
- carbon_ratio: carbon of one run against another at equal hypervolume
- hypervolume_gap: distance of a hypervolume from the largest one
- statistics: bootstrap intervals and paired tests
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.analysis.carbon_ratio import decompose_ratio, pair_runs
    from ce_nas.analysis.counterfactual import Counterfactual, compute_counterfactual, counterfactual_from_journal
    from ce_nas.analysis.front_choice import Recommendation, recommend
    from ce_nas.analysis.statistics import Interval, bootstrap_median, paired_test
    from ce_nas.analysis.summary import RunSummary, summarise
    from ce_nas.analysis.trajectory import Trajectory, build_trajectory

__all__ = [
    "Counterfactual",
    "Interval",
    "Recommendation",
    "RunSummary",
    "Trajectory",
    "bootstrap_median",
    "build_trajectory",
    "compute_counterfactual",
    "counterfactual_from_journal",
    "decompose_ratio",
    "pair_runs",
    "paired_test",
    "recommend",
    "summarise",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "carbon_ratio": ["decompose_ratio", "pair_runs"],
        "counterfactual": ["Counterfactual", "compute_counterfactual", "counterfactual_from_journal"],
        "front_choice": ["Recommendation", "recommend"],
        "statistics": ["Interval", "bootstrap_median", "paired_test"],
        "summary": ["RunSummary", "summarise"],
        "trajectory": ["Trajectory", "build_trajectory"],
    },
)
