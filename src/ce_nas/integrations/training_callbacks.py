"""What the callbacks of trainers share: when to stop, when to pause at a checkpoint, and what to log."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Literal, get_args

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.core.units import J_PER_KWH
from ce_nas.integrations.carbon_budget import CarbonBudget, carbon_budget

if TYPE_CHECKING:
    from ce_nas.integrations.pause_rule import PauseRule

__all__ = ["TrainingBudget", "WhenDirty"]

#: in a dirty hour: ``wait`` in the process, or ``stop`` with a checkpoint, to be continued by another start
WhenDirty = Literal["wait", "stop"]


#: time between two signs of life of a process that waits, s; shorter than the timeouts of torch's process groups
_SIGN_OF_LIFE_S = 60.0


def any_process(*flags: bool) -> tuple[bool, ...]:
    """Whether each flag is True in any process of a distributed training; all of them call it equally often.

    Without a process group of torch the flags are returned as they are.
    """
    torch = sys.modules.get("torch")
    group = getattr(torch, "distributed", None)
    if torch is None or group is None or not group.is_available() or not group.is_initialized():
        return flags
    device = torch.device("cuda") if group.get_backend() == "nccl" else torch.device("cpu")
    found = torch.tensor(flags, dtype=torch.int32, device=device)
    group.all_reduce(found, op=group.ReduceOp.MAX)
    return tuple(bool(one) for one in found.tolist())


class TrainingBudget:
    """A carbon budget as a trainer's callback uses it.

    :param budget: see :func:`ce_nas.carbon_budget`, likewise ``grid`` and the keywords; or a budget made by it.
    :param pause: when to pause; None: never.
    :param when_dirty: see :data:`WhenDirty`.
    :param every_s: the shortest time between two looks at the budget and the grid; the work between is a step.
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
        if when_dirty not in get_args(WhenDirty):
            raise SettingsError(unknown_choice_message("when_dirty", when_dirty, get_args(WhenDirty)))
        if when_dirty == "stop" and pause is None:
            message = "Expected a rule with when_dirty='stop', got none; give pause=PauseRule(...)."
            raise SettingsError(message)
        if isinstance(budget, CarbonBudget) and (grid is not None or keywords):
            message = "Expected no further settings with a budget that is made already; give them to carbon_budget."
            raise SettingsError(message)
        self.budget = budget if isinstance(budget, CarbonBudget) else carbon_budget(budget, grid, **keywords)
        self.pause = pause
        self.when_dirty: WhenDirty = when_dirty
        #: why the training ended before its time; None if it did not
        self.stop_reason: str | None = None
        self._every_s = every_s
        self._last_s = -float("inf")
        self._is_open = False

    def open(self) -> None:
        """Start metering, unless the budget is open already."""
        if not self._is_open:
            self.budget.open()
            self._is_open = True
            self.stop_reason = None
            if not self.budget.fits_another():
                self.stop_reason = f"The {self.budget.exceeded} budget is used."

    def close(self, *, finished: bool) -> None:
        """End metering."""
        if self._is_open:
            self._is_open = False
            self.budget.close("done" if finished else None)

    def is_due(self) -> bool:
        """Whether it is time to look again."""
        now_s = monotonic_s()
        if now_s - self._last_s < self._every_s:
            return False
        self._last_s = now_s
        return True

    def must_stop(self) -> bool:
        """End a step; whether the training must end, since another step might not fit."""
        if self.stop_reason is None and not self.budget.end_step():
            self.stop_reason = f"The {self.budget.exceeded} budget is used."
        return self.stop_reason is not None

    def why_pause(self) -> str | None:
        """The reason to pause now, as a sentence; None to continue."""
        return None if self.pause is None else self.budget.why_wait(self.pause)

    def wait(self) -> float:
        """Wait for a cleaner hour, and return the time waited, s."""
        return 0.0 if self.pause is None else self.budget.pause(self.pause)

    def wait_together(self, *, leads: bool) -> None:
        """Wait in the processes that meter, and let the others wait for them; all processes call it.

        :param leads: whether this process meters.
        """
        errors: list[Exception] = []

        def wait() -> None:
            try:
                self.wait()
            except Exception as error:  # noqa: BLE001 - raised again below
                errors.append(error)

        thread = threading.Thread(target=wait, name="ce-nas pause", daemon=True) if leads else None
        if thread is not None:
            thread.start()
        is_waiting = True
        while is_waiting:
            if thread is not None:
                thread.join(_SIGN_OF_LIFE_S)
            (is_waiting,) = any_process(thread is not None and thread.is_alive())
        if errors:
            raise errors[0]

    def metrics(self) -> dict[str, float]:
        """What to log: grams and kWh used so far, and the intensity expected now."""
        used = self.budget.read()
        return {
            "carbon_g": used.carbon_g,
            "energy_kwh": used.energy_j / J_PER_KWH,
            "intensity_g_per_kwh": self.budget.intensity_g_per_kwh,
        }
