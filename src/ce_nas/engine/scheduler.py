"""The task scheduler: selects the next task of a free device, or a suspended one to resume."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ce_nas.core.records import Task, TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.engine.admission_control import AdmissionControl
    from ce_nas.engine.candidate_queue import CandidateQueue
    from ce_nas.engine.run_config import Components, RunConfig
    from ce_nas.engine.search_progress import SearchProgress

__all__ = ["TaskScheduler"]

#: maximum number of architectures sampled from a region for the training of its supernet
_MAX_REGION_MEMBERS = 4096
#: proposals tried for a training that fits the budgets, after all queued candidates
_FALLBACK_PROPOSALS = 32


class TaskScheduler:
    """Selects the tasks of free devices, and keeps the suspended tasks.

    :param admission_control: decides which trainings can finish within the budgets.
    """

    def __init__(
        self,
        components: Components,
        config: RunConfig,
        progress: SearchProgress,
        queue: CandidateQueue,
        admission_control: AdmissionControl,
    ) -> None:
        self._components = components
        self._config = config
        self._progress = progress
        self._queue = queue
        self._admission_control = admission_control
        #: suspended tasks, in order of their suspension
        self.suspended: list[Task] = []
        #: how many more trainings may begin; None: any number
        self.new_trainings_left: int | None = None
        self._next_task_id = 0
        self._supernet_scheduled = components.problem.supernet_training_s == 0
        self._supernet_ready = self._supernet_scheduled
        self._supernet_failed = False
        self._proposals_exhausted = False
        # number of started region supernets, and number of evaluations at the last one
        self._region_supernets = self._evaluations_at_last_region_supernet = 0
        self._scored_after_training: set[Architecture] = set()

    def suspend(self, task: Task) -> None:
        """Add a suspended task."""
        self.suspended.append(task)

    def mark_supernet_trained(self) -> None:
        """Mark the supernet as trained: sampling may start."""
        self._supernet_ready = True

    def mark_supernet_failed(self, task: Task) -> None:
        """Mark the training of a supernet as failed; without that of the whole space there is no sampling."""
        self._supernet_failed = self._supernet_failed or not task.architectures

    @property
    def can_sample(self) -> bool:
        """Whether there are architectures left to score or measure, or a suspended sampling task."""
        problem = self._components.problem
        samples = problem.has_proxy_scores or problem.measures_costs
        if not samples or self._supernet_failed or self._proposals_exhausted:
            return False
        pending = any(task.kind is not TaskKind.EVALUATION for task in self.suspended)
        return pending or self._remaining_samples() > 0

    @property
    def sampling_demand(self) -> int:
        """The number of devices that sampling can use; at most one new one before the supernet is trained."""
        tasks = [*self._components.cluster.running_tasks(), *self.suspended]
        started = sum(task.kind is not TaskKind.EVALUATION for task in tasks)
        if not self.can_sample:
            return started
        if not self._supernet_ready:
            return max(started, 1)
        return started + math.ceil(self._remaining_samples() / self._config.sampling_batch)

    def next_evaluation(self, device: int) -> Task | None:
        """Select a suspended training, else the best queued candidate, else a proposal of the searcher.

        :param device: the device that it is for; what is paid of it counts.
        """
        self._admission_control.reset_rejections()
        if suspended := self._pop_resumable({TaskKind.EVALUATION}, device):
            return suspended
        started = len(self._progress.started) - self._progress.given_up
        if started >= self._config.budgets.evaluations or self.new_trainings_left == 0:
            return None
        task = next(
            filter(self._fits_alongside_running(device), map(self._training_task, self._training_candidates())), None
        )
        if task:
            self._queue.discard(task.architectures[0])
            self._progress.mark_started(task.architectures[0])
            self._next_task_id += 1
            if self.new_trainings_left is not None:
                self.new_trainings_left -= 1
        return task

    def next_sampling(self, device: int) -> Task | None:
        """Select a suspended sampling task, else a supernet training if it is due, else a new batch to score.

        A task that does not fit the budgets waits among the suspended ones.

        :param device: the device that it is for; what is paid of it counts.
        """
        kinds = {TaskKind.SAMPLING, TaskKind.SUPERNET}
        if suspended := self._pop_resumable(kinds, device):
            return suspended
        if any(task.kind in kinds for task in self.suspended):
            return None
        task = self._create_sampling()
        if task and not self._fits_alongside_running(device)(task):
            self.suspended.append(task)
            return None
        return task

    def _create_sampling(self) -> Task | None:
        """Create a supernet training if it is due, else a batch to score."""
        if not self._supernet_scheduled:
            self._supernet_scheduled = True
            return self._create_task(TaskKind.SUPERNET, ())
        if not (self._supernet_ready and self.can_sample):
            return None
        if region_supernet := self._next_region_supernet():
            return region_supernet
        batch = self._components.searcher.ask(
            min(self._config.sampling_batch, self._remaining_samples()), self._progress.seen
        )
        self._progress.mark_seen(batch)
        self._proposals_exhausted = not batch  # constraints, or the searcher, may exclude the rest of the space
        return self._create_task(TaskKind.SAMPLING, (*batch, *self._trained_without_score())) if batch else None

    def _next_region_supernet(self) -> Task | None:
        """Create the training of a supernet for the currently best region, if it is due."""
        config, evaluations = self._config, self._progress.evaluations
        if (
            self._region_supernets >= config.few_shot
            or evaluations < self._evaluations_at_last_region_supernet + config.few_shot_every
        ):
            return None
        members = self._components.searcher.sample_best_region(_MAX_REGION_MEMBERS)
        if not members:  # the space is not partitioned yet
            return None
        self._region_supernets, self._evaluations_at_last_region_supernet = self._region_supernets + 1, evaluations
        return self._create_task(TaskKind.SUPERNET, members, config.few_shot_share)

    def _trained_without_score(self) -> list[Architecture]:
        """Return the trained architectures that are not scored yet, each once, if proxy scores are to be validated."""
        if not self._components.problem.score_trained_architectures:
            return []
        unscored = sorted(self._progress.started - set(self._progress.scored) - self._scored_after_training)
        self._scored_after_training.update(unscored)
        return unscored

    def _training_candidates(self) -> Iterator[Architecture]:
        """Yield architectures to train; those after the first are used only if it does not fit the budgets."""
        first = self._unranked_proposal() or self._pop_best_queued() or self._next_proposal()
        if first is None:
            return
        yield first
        yield from (candidate.architecture for candidate in self._queue.candidates)
        yield from self._components.searcher.ask(_FALLBACK_PROPOSALS, self._progress.started)

    def _training_task(self, architecture: Architecture) -> Task:
        fidelity = self._components.searcher.fidelity_of(architecture)
        return Task(self._next_task_id, TaskKind.EVALUATION, (architecture,), fidelity)

    def _fits_alongside_running(self, device: int) -> Callable[[Task], bool]:
        """Return a predicate: whether a task can finish within the budgets alongside the running ones."""
        return self._admission_control.fits_alongside(
            self._components.cluster.running_tasks(), self._components.clock.now_s, device
        )

    def _unranked_proposal(self) -> Architecture | None:
        """Return a proposal that is not ranked by proxy scores, at the configured share: scores may be misleading."""
        started = len(self._progress.started)
        share = 1.0 if self._components.searcher.uses_proxy_scores else self._config.unranked_share
        due = int((started + 1) * share) > int(started * share)
        return self._next_proposal() if due and self._progress.scored else None

    def _pop_best_queued(self) -> Architecture | None:
        if not self._queue:
            self._refill_queue()
        return self._queue.pop().architecture if self._queue else None

    def _refill_queue(self) -> None:
        """Queue proposals that were scored before; their scores cost nothing."""
        if self._progress.scored:
            proposals = self._components.searcher.ask(self._config.sampling_batch, self._progress.started)
            scored = [self._progress.scored[proposal] for proposal in proposals if proposal in self._progress.scored]
            self._queue.add(scored, report_dropped=False)

    def _next_proposal(self) -> Architecture | None:
        proposals = self._components.searcher.ask(1, self._progress.started)
        return proposals[0] if proposals else None

    def _pop_resumable(self, kinds: set[TaskKind], device: int) -> Task | None:
        """Remove and return the first suspended task of these kinds that fits the budgets."""
        suspended = [task for task in self.suspended if task.kind in kinds]
        if not suspended:
            return None
        task = next(filter(self._fits_alongside_running(device), suspended), None)
        if task:
            self.suspended.remove(task)
        return task

    def _create_task(self, kind: TaskKind, architectures: Sequence[Architecture], fidelity: float = 1.0) -> Task:
        self._next_task_id += 1
        return Task(self._next_task_id - 1, kind, tuple(architectures), fidelity)

    def _remaining_samples(self) -> int:
        """Return how many are left to score: all, or up to the bound of searchers that use scores."""
        limit = self._components.problem.space.size
        if self._components.searcher.uses_proxy_scores or math.isinf(limit):
            limit = min(
                limit, self._config.max_samples + self._config.samples_per_training * len(self._progress.started)
            )
        return max(limit - len(self._progress.seen), 0)
