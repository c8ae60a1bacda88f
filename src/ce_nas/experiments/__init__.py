"""Experiments: many runs with statistics over their seeds.

- base: `Experiment`, the interface; `ExperimentConfig`, `ExperimentReport`
- strategies: `Strategy`, a policy with a searcher; CE-NAS and its baselines
- trials: one run of an experiment, and its result
- runner: runs an experiment, resuming from its results_store; parallel: processes
- comparison: final results per strategy, and comparison with a reference
- reevaluation: fronts evaluated by other objectives
- provenance: data sources and assumptions
- waterfall: what each part of CE-NAS adds
- output, figures: files, page and figures of an experiment
- sweep: strategies x zones x seeds of `ce-nas compare`
- studies: the experiments of the method
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.experiments.base import Experiment, ExperimentConfig, ExperimentReport
    from ce_nas.experiments.runner import run_experiment
    from ce_nas.experiments.strategies import CE_NAS, STRATEGIES, Strategy
    from ce_nas.experiments.sweep import run_sweep
    from ce_nas.experiments.trials import ExperimentTrial, TrialResult, build_trial, run_trial

__all__ = [
    "CE_NAS",
    "STRATEGIES",
    "Experiment",
    "ExperimentConfig",
    "ExperimentReport",
    "ExperimentTrial",
    "Strategy",
    "TrialResult",
    "build_trial",
    "run_experiment",
    "run_sweep",
    "run_trial",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Experiment", "ExperimentConfig", "ExperimentReport"],
        "runner": ["run_experiment"],
        "strategies": ["CE_NAS", "STRATEGIES", "Strategy"],
        "sweep": ["run_sweep"],
        "trials": ["ExperimentTrial", "TrialResult", "build_trial", "run_trial"],
    },
)
