"""The journal entries of an engine: their kinds and keys."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ce_nas.engine.state_builder import forecast_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.cluster.base import TakeBack
    from ce_nas.core.clock import Clock
    from ce_nas.core.records import Allocation, Architecture, Observation, Outcome, State, StopReason, Task, TaskEvent
    from ce_nas.energy.ledger import LedgerTotals
    from ce_nas.engine.candidate_queue import DroppedCandidate
    from ce_nas.engine.power_plan import PowerDecision
    from ce_nas.engine.search_progress import SearchProgress
    from ce_nas.engine.sites import SiteMove
    from ce_nas.policies.base import Decision
    from ce_nas.store.journal import Journal

__all__ = ["JournalWriter"]


class JournalWriter:
    """Appends the events of a run to its journal, at the time of the clock.

    :param region_of: describes the region of an architecture, see :meth:`Searcher.region_of`.
    :param gpus_per_device: GPUs of one device of the run; allocations are written in GPUs.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        region_of: Callable[[Architecture], str | None],
        gpus_per_device: int = 1,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._region_of = region_of
        self._gpus_per_device = gpus_per_device

    @property
    def records_entries(self) -> bool:
        """Whether the journal keeps entries; if not, expensive entries are not built."""
        return self._journal.records_entries

    def write_decision(self, decision: Decision, state: State) -> None:
        """Append a decision with its reason and the forecast of its state."""
        if self.records_entries:
            allocation = self._gpus(decision.allocation)
            self._append("decided", allocation=allocation, reason=decision.reason, **forecast_record(state))

    def write_note(self, text: str) -> None:
        """Append a sentence on what was decided and why."""
        self._append("note", text=text)

    def write_allocation(self, allocation: Allocation) -> None:
        """Append a changed allocation."""
        self._append("allocated", allocation=self._gpus(allocation))

    def write_power(self, decision: PowerDecision) -> None:
        """Append a changed power limit, what it does, and the cap of the site; None without a cap."""
        of_types = decision.limit.of_types
        self._append(
            "power_limited",
            limit_w=decision.limit.limit_w,
            time_factor=decision.limit.time_factor,
            power_factor=decision.limit.power_factor,
            **({"limits_w": {each.name: each.limit_w for each in of_types}} if of_types else {}),
            cap_w=decision.cap_w if math.isfinite(decision.cap_w) else None,
            allocation=self._gpus(decision.allocation),
            reason=decision.reason,
        )

    def write_take_back(self, taken: TakeBack) -> None:
        """Append that a released device was taken back, and how long that took until its task worked."""
        self._append("device_taken_back", device=taken.device, task=taken.task_id, took_s=taken.took_s)

    def write_task_start(self, task: Task, device: int) -> None:
        """Append the start or resumption of a task."""
        self._append(
            "task_started",
            task=task.id,
            kind=task.kind,
            device=device,
            architectures=task.architectures,
            fidelity=task.fidelity,
        )

    def write_places(self, event: TaskEvent) -> None:
        """Append where a task ran since it was submitted, such as job, node, account and partition of Slurm."""
        self._append("task_placed", task=event.task.id, device=event.device, places=[dict(at) for at in event.places])

    def write_suspension(self, event: TaskEvent) -> None:
        """Append the suspension of a task."""
        self._append("task_suspended", task=event.task.id, device=event.device)

    def write_failure(self, event: TaskEvent, *, will_retry: bool) -> None:
        """Append the failure of a task."""
        self._append(
            "task_failed",
            task=event.task.id,
            device=event.device,
            failure=event.failure,
            detail=event.detail,
            will_retry=will_retry,
        )

    def write_supernet(self, event: TaskEvent) -> None:
        """Append the end of a supernet training."""
        self._append("supernet_trained", task=event.task.id, device=event.device)

    def write_samples(self, event: TaskEvent, outcome: Outcome, dropped: Sequence[DroppedCandidate]) -> None:
        """Append the estimates of a batch, and why candidates were dropped from the queue."""
        reasons = [
            (
                candidate.architecture,
                self._region_of(candidate.architecture),
                candidate.rank,
                candidate.dominance_number,
                candidate.dominated_by,
            )
            for candidate in dropped
        ]
        values = outcome.values_or_none()
        self._append("sampled", task=event.task.id, device=event.device, values=values, dropped=reasons)

    def write_evaluation(  # noqa: PLR0913 - the keys of the entry
        self,
        event: TaskEvent,
        observation: Observation,
        *,
        text: str,
        feasible: bool,
        improved: bool,
        hypervolume: float,
        totals: LedgerTotals,
    ) -> None:
        """Append the result of a training, with the totals of the ledger.

        :param text: the architecture as text.
        :param improved: whether the hypervolume increased.
        """
        self._append(
            "evaluated",
            task=event.task.id,
            device=event.device,
            architecture=observation.architecture,
            architecture_text=text,
            values=observation.values,
            fidelity=observation.fidelity,
            feasible=feasible,
            hypervolume=hypervolume,
            improved=improved,
            carbon_g=totals.total_carbon_g,
            paper_carbon_g=totals.paper_carbon_g,
            energy_j=totals.total_energy_j,
            cost=totals.cost,
            **({"note": event.detail} if event.detail else {}),
        )

    def write_move(self, move: SiteMove) -> None:
        """Append a move to another site."""
        self._append(
            "moved",
            from_site=move.from_site,
            to_site=move.to_site,
            move_s=move.move_s,
            energy_j=move.energy_j,
            carbon_g=move.carbon_g,
        )

    def write_stop_rule(self, reason: str) -> None:
        """Append that nothing new begins from here on, and why."""
        self._append("stopping", reason=reason)

    def write_period(  # noqa: PLR0913 - the keys of the entry
        self,
        *,
        period: int,
        start_s: float,
        allocation: Allocation | None,
        intensity_g_per_kwh: float | None,
        totals: LedgerTotals,
        progress: SearchProgress,
        queue_length: int,
        searcher_notes: list[str],
    ) -> dict[str, Any]:
        """Append the summary of a period, make the journal durable, and return the entry.

        :param totals: sums of the period.
        """
        entry = {
            "period": period,
            "start_s": start_s,
            "allocation": self._gpus(allocation) if allocation else {},
            "intensity_g_per_kwh": intensity_g_per_kwh,
            "energy_j": totals.energy_j,
            "carbon_g": totals.carbon_g,
            "device_s": totals.device_s,
            "energy_by_source_j": totals.energy_by_source_j,
            "observed_s": totals.observed_s,
            "paper_carbon_g": totals.paper_carbon_g,
            "cost": totals.cost,
            "hypervolume": progress.hypervolume,
            "front_size": len(progress.front),
            "evaluations": progress.evaluations,
            "samples": len(progress.scored),
            "queue_length": queue_length,
            "searcher_notes": searcher_notes,
        }
        self._append("period", **entry)
        self._journal.commit()
        return entry

    def write_end(self, stop_reason: StopReason, unfinished_tasks: list[int], queued: Sequence[Observation]) -> None:
        """Append the end of the run with what remains to be done, and make the journal durable.

        :param queued: the candidates in the queue, best first.
        """
        self._append(
            "run_ended",
            stop_reason=stop_reason.name.lower(),
            unfinished_tasks=unfinished_tasks,
            queued=[(candidate.architecture, self._region_of(candidate.architecture)) for candidate in queued],
        )
        self._journal.commit()

    def _gpus(self, allocation: Allocation) -> dict[str, int]:
        """The GPUs by role."""
        return {role: count * self._gpus_per_device for role, count in allocation.counts().items()}

    def _append(self, kind: str, /, **content: object) -> None:
        self._journal.append(kind, self._clock.now_s, content)
