"""A carbon budget for a training by the Hugging Face Trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import MissingExtraError
from ce_nas.integrations.training_callbacks import TrainingBudget

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise MissingExtraError(
        package="transformers", extra="transformers", purpose="ce_nas.integrations.transformers_callback"
    ) from error

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from ce_nas.integrations.carbon_budget import CarbonBudget
    from ce_nas.integrations.pause_rule import PauseRule
    from ce_nas.integrations.training_callbacks import WhenDirty

__all__ = ["TransformersCarbonCallback"]


class TransformersCarbonCallback(TrainerCallback):  # type: ignore[misc] # its base has no types
    """Keeps a training within a budget, pauses it in dirty hours, and logs grams, kWh and intensity.

    After a step, at most every ``every_s`` seconds, it looks at the budget and the grid. Where the rule says so the
    Trainer writes a checkpoint, and waits behind it (``when_dirty="wait"``) or ends (``when_dirty="stop"``):
    ``trainer.train(resume_from_checkpoint=True)`` continues it. In a
    distributed training the first process of each machine meters all of them and decides, with a budget of its own, and
    all pause and stop together.

    :param budget: see :func:`ce_nas.carbon_budget`, likewise ``grid`` and the other keywords.
    :param pause: when to pause; None: never.
    """

    def __init__(
        self,
        budget: str | CarbonBudget,
        grid: str | None = None,
        *,
        pause: PauseRule | None = None,
        when_dirty: WhenDirty = "wait",
        every_s: float = 1.0,
        **keywords: Any,  # noqa: ANN401 - those of `carbon_budget`
    ) -> None:
        if isinstance(budget, str):
            keywords.setdefault("description", "Hugging Face training")
        self.training = TrainingBudget(budget, grid, pause=pause, when_dirty=when_dirty, every_s=every_s, **keywords)
        self._waits_after_save = False

    @property
    def budget(self) -> CarbonBudget:
        """The budget."""
        return self.training.budget

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Start metering; a budget that is used ends the training with its first step."""
        del args
        if self.training.start(leads=state.is_local_process_zero):
            control.should_training_stop = True

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Stop at the end of the budget; ask for a checkpoint before a pause."""
        del args
        stop, pause = self.training.look(leads=state.is_local_process_zero)
        if stop:
            control.should_training_stop = control.should_save = True
        elif pause:
            control.should_save = True
            if self.training.when_dirty == "stop":
                self.training.stop_reason = "The grid is dirtier than the rule allows."
                control.should_training_stop = True
            else:
                self._waits_after_save = True

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Wait behind the checkpoint."""
        del args, control
        if self._waits_after_save:
            self._waits_after_save = False
            self.training.wait(leads=state.is_local_process_zero)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Log grams, kWh and intensity with the loss."""
        del args, control
        if state.is_local_process_zero and logs is not None and "loss" in logs:
            metrics = self.training.metrics()
            logs.update(metrics)
            state.log_history[-1].update(metrics)

    def on_train_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: Any,  # noqa: ANN401
    ) -> None:
        """End metering."""
        del args, state, control
        self.training.close(finished=True)
