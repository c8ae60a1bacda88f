"""What the callbacks of trainers share: when to stop, when to pause at a checkpoint, and what to log."""

from __future__ import annotations

import os
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any, Literal, get_args

from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import EnergyError, SettingsError, unknown_choice_message
from ce_nas.core.units import J_PER_KWH
from ce_nas.integrations.carbon_budget import CarbonBudget, carbon_budget

if TYPE_CHECKING:
    from ce_nas.integrations.pause_rule import PauseRule

__all__ = ["TrainingBudget", "WhenDirty"]

#: in a dirty hour: ``wait`` in the process, or ``stop`` with a checkpoint, to be continued by another start
WhenDirty = Literal["wait", "stop"]

#: time between two signs of life of a process that waits, s; shorter than the timeouts of torch's process groups
_SIGN_OF_LIFE_S = 60.0


def _process_group() -> Any:  # noqa: ANN401 - a module of an optional package
    """``torch.distributed`` where this process is one of a process group; else None."""
    torch = sys.modules.get("torch")
    group = getattr(torch, "distributed", None)
    return group if group is not None and group.is_available() and group.is_initialized() else None


def any_process(*flags: bool) -> tuple[bool, ...]:
    """Whether each flag is True in any process of a distributed training; all of them call it equally often.

    Without a process group of torch the flags are returned as they are.
    """
    group = _process_group()
    if group is None:
        return flags
    torch = sys.modules["torch"]
    device = torch.device("cuda") if group.get_backend() == "nccl" else torch.device("cpu")
    found = torch.tensor(flags, dtype=torch.int32, device=device)
    group.all_reduce(found, op=group.ReduceOp.MAX)
    return tuple(bool(one) for one in found.tolist())


def processes_of_machine() -> list[int]:
    """The ids of the processes of a distributed training on this machine, this one included; all call it together."""
    group, own = _process_group(), (socket.gethostname(), os.getpid())
    if group is None:
        return [own[1]]
    found: list[Any] = [None] * group.get_world_size()
    group.all_gather_object(found, own)
    return [process for machine, process in found if machine == own[0]]


class TrainingBudget:
    """A carbon budget as a trainer's callback uses it.

    :param budget: see :func:`ce_nas.carbon_budget`, likewise ``grid`` and the keywords; or a budget made by it.
    :param pause: when to pause; None: never.
    :param when_dirty: see :data:`WhenDirty`.
    :param every_s: the shortest time between two looks at the budget and the grid; the work between is a step.

    In a distributed training one process of each machine, the one that ``leads``, has the budget open. What all
    processes do together (:meth:`start`, :meth:`look`, :meth:`wait`) all of them call at the same step; an error in the
    leading process is one in each, so that none waits for another without end.
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

    def start(self, *, leads: bool) -> bool:
        """Start metering where this process leads, with all processes of this machine; wait for a clean hour.

        :returns: whether the training must end before its first step, since the budget is used.
        """
        also = [process for process in processes_of_machine() if process != os.getpid()]
        error: Exception | None = None
        if leads and not self._is_open:
            try:
                if also:
                    self.budget.meter_also(also)
                self.budget.open()
                self._is_open = True
                self.stop_reason = None if self.budget.fits_another() else f"The {self.budget.exceeded} budget is used."
            except Exception as raised:  # noqa: BLE001 - raised again below, once the others know
                error = raised
        _raise_together(error, *any_process(error is not None))
        if self.when_dirty == "wait":
            self.wait(leads=leads)
        return any_process(self.stop_reason is not None)[0]

    def look(self, *, leads: bool) -> tuple[bool, bool]:
        """End a step if it is time to look, and return whether to stop for the budget, and whether to pause."""
        stop, pause, error = False, False, None
        if leads and self.is_due():
            try:
                stop = self.must_stop()
                pause = not stop and self.why_pause() is not None
            except Exception as raised:  # noqa: BLE001 - raised again below, once the others know
                error = raised
        stop, pause, has_failed = any_process(stop, pause, error is not None)
        _raise_together(error, has_failed)
        return stop, pause

    def wait(self, *, leads: bool) -> None:
        """Wait for a cleaner hour; processes that do not lead get a sign of life each minute."""
        rule = self.pause
        if rule is None:
            return
        error: Exception | None = None

        def wait() -> None:
            nonlocal error
            try:
                self.budget.pause(rule)
            except Exception as raised:  # noqa: BLE001 - raised again below, once the others know
                error = raised

        thread = threading.Thread(target=wait, name="ce-nas pause", daemon=True) if leads else None
        if thread is not None:
            thread.start()
        is_waiting = has_failed = True
        while is_waiting:
            if thread is not None:
                thread.join(_SIGN_OF_LIFE_S)
            is_waiting = thread is not None and thread.is_alive()
            is_waiting, has_failed = any_process(is_waiting, error is not None)
        _raise_together(error, has_failed)

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

    def metrics(self) -> dict[str, float]:
        """What to log: grams and kWh used so far, and the intensity expected now."""
        used = self.budget.read()
        return {
            "carbon_g": used.carbon_g,
            "energy_kwh": used.energy_j / J_PER_KWH,
            "intensity_g_per_kwh": self.budget.intensity_g_per_kwh,
        }


def _raise_together(error: Exception | None, has_failed: bool) -> None:  # noqa: FBT001 - as any_process returned it
    """Raise the error of this process, else of another: none is left waiting in a collective without end.

    :raises EnergyError: if the process that meters failed, whose own error is another one.
    """
    if error is not None:
        raise error
    if has_failed:
        message = "Expected the process that meters to read its budget, got an error there; see its message."
        raise EnergyError(message)
