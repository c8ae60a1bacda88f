"""Integrations: carbon budgets around other loops, the searchers in other tools, and the engine around other trainings.

- carbon_budget: `ce_nas.carbon_budget` and `CarbonBudget`, around any loop; budget_limits: its limits, settings and
  meter; budget_books: its ledger and journal; pause_rule: `PauseRule`, when it waits for a cleaner hour
- optuna_budget: `CarbonCallback` and `CarbonPruner` for Optuna studies (extra ``optuna``); marginal_gain: when more
  trials are not worth their carbon
- optuna: `LamooSampler`; surrogate_sampler: `SurrogateSampler` (extra ``optuna``)
- training_callbacks: what the callbacks of trainers share; lightning_callback, transformers_callback: for Lightning and
  the Hugging Face Trainer (extras ``lightning``, ``transformers``)
- ray_tune: a scheduler wrapper and callback for Ray Tune (extra ``ray``)
- trackers: readings to MLflow, Weights & Biases and TensorBoard (extras ``mlflow``, ``wandb``, ``tensorboard``)
- training_loop: `TrainingLoop`, a carbon-aware search for a training loop of the user's own; optimize: for a function
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.integrations.carbon_budget import BudgetExhaustedError, CarbonBudget
    from ce_nas.integrations.optuna import LamooSampler
    from ce_nas.integrations.optuna_budget import CarbonCallback, CarbonPruner
    from ce_nas.integrations.pause_rule import PauseRule
    from ce_nas.integrations.surrogate_sampler import SurrogateSampler
    from ce_nas.integrations.training_loop import TrainingLoop, Trial

__all__ = [
    "BudgetExhaustedError",
    "CarbonBudget",
    "CarbonCallback",
    "CarbonPruner",
    "LamooSampler",
    "PauseRule",
    "SurrogateSampler",
    "TrainingLoop",
    "Trial",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "carbon_budget": ["BudgetExhaustedError", "CarbonBudget"],
        "optuna": ["LamooSampler"],
        "optuna_budget": ["CarbonCallback", "CarbonPruner"],
        "pause_rule": ["PauseRule"],
        "surrogate_sampler": ["SurrogateSampler"],
        "training_loop": ["TrainingLoop", "Trial"],
    },
)
