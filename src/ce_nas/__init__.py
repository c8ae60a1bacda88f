"""Carbon-efficient neural architecture search.

A first search: NAS-Bench-201 trainings on eight simulated GPUs, in a day of a sunny grid::

    import ce_nas

    result = ce_nas.run(grid="solar", gpus=8, hours=24, seed=0)
    summary = result.summary
    print(summary.stop, summary.evaluations, "trainings")
    print(round(summary.carbon_g["full"]), "g CO2eq, full accounting")
    print(result.choose().architecture)

The public names below are imported when they are first used.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

try:
    import lazy_loader
except ModuleNotFoundError:  # a bare machine, on which only ce_nas.gpu_check is to run
    from ce_nas import _bare_lazy_loader as lazy_loader

    sys.modules["lazy_loader"] = lazy_loader

from ce_nas._version import __version__

if TYPE_CHECKING:
    from ce_nas.api import Result, Search, resume, run
    from ce_nas.config.schema import Settings
    from ce_nas.core.errors import CeNasError
    from ce_nas.core.records import Allocation, Forecast, Objective, Observation, State
    from ce_nas.forecast.base import Forecaster
    from ce_nas.integrations.carbon_budget import CarbonBudget, carbon_budget
    from ce_nas.integrations.optimize import optimize
    from ce_nas.integrations.pause_rule import PauseRule
    from ce_nas.integrations.training_loop import TrainingLoop
    from ce_nas.policies.base import Decision, Policy
    from ce_nas.search.base import Searcher
    from ce_nas.space.distributions import Categorical, Float, Integer, Ordinal

__all__ = [
    "Allocation",
    "CarbonBudget",
    "Categorical",
    "CeNasError",
    "Decision",
    "Float",
    "Forecast",
    "Forecaster",
    "Integer",
    "Objective",
    "Observation",
    "Ordinal",
    "PauseRule",
    "Policy",
    "Result",
    "Search",
    "Searcher",
    "Settings",
    "State",
    "TrainingLoop",
    "__version__",
    "carbon_budget",
    "optimize",
    "resume",
    "run",
]

__getattr__, _, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "api": ["Result", "Search", "resume", "run"],
        "config.schema": ["Settings"],
        "core.errors": ["CeNasError"],
        "core.records": ["Allocation", "Forecast", "Objective", "Observation", "State"],
        "forecast.base": ["Forecaster"],
        "integrations.carbon_budget": ["CarbonBudget", "carbon_budget"],
        "integrations.optimize": ["optimize"],
        "integrations.pause_rule": ["PauseRule"],
        "integrations.training_loop": ["TrainingLoop"],
        "policies.base": ["Decision", "Policy"],
        "search.base": ["Searcher"],
        "space.distributions": ["Categorical", "Float", "Integer", "Ordinal"],
    },
)


def __dir__() -> list[str]:
    return sorted(__all__)
