"""A carbon budget for a training by PyTorch Lightning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import MissingExtraError
from ce_nas.integrations.training_callbacks import TrainingBudget

try:
    from lightning.pytorch import Callback
except ImportError as error:
    raise MissingExtraError(
        package="lightning", extra="lightning", purpose="ce_nas.integrations.lightning_callback"
    ) from error

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

    from ce_nas.integrations.carbon_budget import CarbonBudget
    from ce_nas.integrations.pause_rule import PauseRule
    from ce_nas.integrations.training_callbacks import WhenDirty

__all__ = ["LightningCarbonCallback"]

CHECKPOINT_NAME = "carbon-pause.ckpt"


class LightningCarbonCallback(Callback):  # type: ignore[misc] # its base has no types here
    """Keeps a training within a budget, pauses it in dirty hours, and logs grams, kWh and intensity.

    Between batches, at most every ``every_s`` seconds, it looks at the budget and the grid. Where the rule says so it
    writes a checkpoint and waits (``when_dirty="wait"``), or ends the training with the checkpoint
    (``when_dirty="stop"``): ``trainer.fit(model, ckpt_path=callback.checkpoint_path)`` continues it. In a
    distributed training the first process of each machine meters all of them and decides, with a budget of its own, and
    all pause and stop together.

    :param budget: see :func:`ce_nas.carbon_budget`, likewise ``grid`` and the other keywords.
    :param pause: when to pause; None: never.
    :param checkpoint: the file of the checkpoint; None: in the trainer's default root folder.
    """

    def __init__(  # noqa: PLR0913 - a budget, a rule, and where the checkpoint is
        self,
        budget: str | CarbonBudget,
        grid: str | None = None,
        *,
        pause: PauseRule | None = None,
        when_dirty: WhenDirty = "wait",
        every_s: float = 1.0,
        checkpoint: str | Path | None = None,
        **keywords: Any,  # noqa: ANN401 - those of `carbon_budget`
    ) -> None:
        keywords_of_own = {} if not isinstance(budget, str) else {"description": "Lightning training", **keywords}
        self.training = TrainingBudget(
            budget, grid, pause=pause, when_dirty=when_dirty, every_s=every_s, **(keywords_of_own or keywords)
        )
        #: the checkpoint of the last pause; None before the first
        self.checkpoint_path: Path | None = None
        self._checkpoint = None if checkpoint is None else Path(checkpoint)

    @property
    def budget(self) -> CarbonBudget:
        """The budget."""
        return self.training.budget

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start metering; a budget that is used ends the training before its first batch."""
        del pl_module
        if self.training.start(leads=trainer.local_rank == 0):
            trainer.should_stop = True

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's own signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Stop at the end of the budget; pause at a checkpoint."""
        del pl_module, outputs, batch, batch_idx
        stop, pause = self.training.look(leads=trainer.local_rank == 0)
        if pause:
            self._save(trainer)
            if self.training.when_dirty == "stop":
                self.training.stop_reason = "The grid is dirtier than the rule allows."
                stop = True
            else:
                self.training.wait(leads=trainer.local_rank == 0)
        if stop:
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log grams, kWh and intensity."""
        if trainer.local_rank == 0:
            pl_module.log_dict(self.training.metrics(), on_epoch=True, on_step=False, rank_zero_only=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """End metering; a training that was stopped for a dirty hour may go on later."""
        del pl_module, trainer
        self.training.close(finished=True)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """End metering; the training may go on later."""
        del trainer, pl_module, exception
        self.training.close(finished=False)

    def _save(self, trainer: Trainer) -> None:
        self.checkpoint_path = self._checkpoint or Path(trainer.default_root_dir) / CHECKPOINT_NAME
        trainer.save_checkpoint(self.checkpoint_path)
