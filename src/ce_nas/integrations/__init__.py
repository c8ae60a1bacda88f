"""Integrations: the searcher in other tools, and the engine around other trainings.

- optuna: `LamooSampler`, LaMOO as a sampler for Optuna (extra ``optuna``)
- training_loop: `TrainingLoop`, a carbon-aware search for a training loop of the user's own
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.integrations.optuna import LamooSampler
    from ce_nas.integrations.training_loop import TrainingLoop, Trial

__all__ = ["LamooSampler", "TrainingLoop", "Trial"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"optuna": ["LamooSampler"], "training_loop": ["TrainingLoop", "Trial"]}
)
