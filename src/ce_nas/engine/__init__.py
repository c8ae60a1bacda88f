"""The engine: runs a search period by period, and builds it from its settings.

- engine: `Engine`, the main loop
- run_config: the components of an engine, and the configuration of its run
- budgets, admission_control: budgets and stop reasons; what fits into them
- task_times: the remaining time of each task
- scheduler: selection of the next task of a free device
- candidate_queue: queue of scored candidates
- search_progress: scores, evaluations, front and hypervolume
- state_builder: the state that a policy decides on
- power_plan: the power limit of each period; live_power_cap: the cap of the site from moment to moment
- sites: sites of a search, and moves between them
- live_intensity: carbon intensity of a live search
- journal_writer: the journal entries of an engine
- inputs: the data that the settings name, loaded lazily; site_inputs: the grids of the sites
- feasibility_check: whether a search can finish a training, and when the first one begins
- device_calibration: what a training and a score take on a live search's device, for an estimate
- input_changes: inputs that have changed since a run began, refused or accepted
- live_inputs: what a live search reads before it starts
- build, build_live: construction of an engine from settings, simulated or live
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.engine.admission_control import AdmissionControl
    from ce_nas.engine.budgets import BudgetChecker, Budgets, CarbonAccounting
    from ce_nas.engine.build import build_engine, build_policy
    from ce_nas.engine.candidate_queue import CandidateQueue
    from ce_nas.engine.engine import Engine, Observer
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.engine.live_intensity import LiveIntensity, ProviderForecaster
    from ce_nas.engine.run_config import Components, RunConfig
    from ce_nas.engine.scheduler import TaskScheduler
    from ce_nas.engine.search_progress import SearchProgress
    from ce_nas.engine.sites import Site, Sites
    from ce_nas.engine.state_builder import StateBuilder

__all__ = [
    "AdmissionControl",
    "BudgetChecker",
    "Budgets",
    "CandidateQueue",
    "CarbonAccounting",
    "Components",
    "Engine",
    "LiveIntensity",
    "Observer",
    "ProviderForecaster",
    "RunConfig",
    "RunInputs",
    "SearchProgress",
    "Site",
    "Sites",
    "StateBuilder",
    "TaskScheduler",
    "build_engine",
    "build_policy",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "admission_control": ["AdmissionControl"],
        "budgets": ["BudgetChecker", "Budgets", "CarbonAccounting"],
        "build": ["build_engine", "build_policy"],
        "candidate_queue": ["CandidateQueue"],
        "run_config": ["Components", "RunConfig"],
        "engine": ["Engine", "Observer"],
        "inputs": ["RunInputs"],
        "live_intensity": ["LiveIntensity", "ProviderForecaster"],
        "scheduler": ["TaskScheduler"],
        "search_progress": ["SearchProgress"],
        "sites": ["Site", "Sites"],
        "state_builder": ["StateBuilder"],
    },
)
