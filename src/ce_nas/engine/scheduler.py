"""What a search has to do next: which training, which scores, and which of the tasks that were suspended."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ce_nas.core.records import Task, TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.engine.budgets import Purse
    from ce_nas.engine.candidate_queue import Backlog
    from ce_nas.engine.components import Parts, Plan
    from ce_nas.engine.search_progress import Progress

__all__ = ["Agenda"]

#: members of a region that its supernet's paths are drawn from, at most
_MEMBERS = 4096
#: proposals among which a training is looked for that is short enough, once the best and all that waits are too long
_SHORTER = 32


class Agenda:
    """Chooses the tasks of free devices, and keeps those that were suspended.

    :param purse: which trainings can be finished within the budgets.
    """

    def __init__(self, parts: Parts, plan: Plan, progress: Progress, backlog: Backlog, purse: Purse) -> None:
        self._parts = parts
        self._plan = plan
        self._progress = progress
        self._backlog = backlog
        self._purse = purse
        #: tasks that were begun and have no device, the longest waiting first
        self.suspended: list[Task] = []
        self._tasks = 0
        self._supernet_asked = parts.evaluator.supernet_training_s == 0
        self._supernet_ready = self._supernet_asked
        self._supernet_lost = False
        self._scored_out = False
        # supernets of regions begun, and after how many trainings the last one was
        self._regional = self._regional_after = 0
        self._judged: set[Architecture] = set()

    def suspend(self, task: Task) -> None:
        """Let a task wait for a device to go on."""
        self.suspended.append(task)

    def take_supernet(self) -> None:
        """Remember that the supernet is trained: from now on it scores."""
        self._supernet_ready = True

    def lose_supernet(self, task: Task) -> None:
        """Remember that there will be no such supernet; without that of the whole space nothing is scored."""
        self._supernet_lost = self._supernet_lost or not task.architectures

    @property
    def can_sample(self) -> bool:
        """Whether something is left to score, or is being scored."""
        evaluator = self._parts.evaluator
        if not evaluator.can_score or self._supernet_lost or self._scored_out:
            return False
        pending = any(task.kind is not TaskKind.EVALUATION for task in self.suspended)
        return pending or self._unscored() > 0

    @property
    def samplings(self) -> int:
        """How many devices sampling has work for: one while the supernet is trained that the scoring needs."""
        tasks = [*self._parts.cluster.running(), *self.suspended]
        begun = sum(task.kind is not TaskKind.EVALUATION for task in tasks)
        if not self.can_sample:
            return begun
        if not self._supernet_ready:
            return max(begun, 1)
        return begun + math.ceil(self._unscored() / self._plan.batch)

    def next_evaluation(self) -> Task | None:
        """A suspended training, else the best that waits, else whatever the searcher proposes unseen."""
        self._purse.ask_anew()
        if suspended := self._resumable({TaskKind.EVALUATION}):
            return suspended
        if len(self._progress.started) >= self._plan.limits.evaluations:
            return None
        task = next(filter(self._beside(), map(self._training, self._candidates())), None)
        if task:
            self._backlog.discard(task.architectures[0])
            self._progress.start(task.architectures[0])
            self._tasks += 1
        return task

    def next_sampling(self) -> Task | None:
        """A suspended sampling, else the supernet's training if it is due, else a new batch to score."""
        if suspended := self._resumable({TaskKind.SAMPLING, TaskKind.SUPERNET}):
            return suspended
        if not self._supernet_asked:
            self._supernet_asked = True
            return self._task(TaskKind.SUPERNET, ())
        if not (self._supernet_ready and self.can_sample):
            return None
        if regional := self._regional_supernet():
            return regional
        batch = self._parts.searcher.ask(min(self._plan.batch, self._unscored()), self._progress.seen)
        self._progress.see(batch)
        self._scored_out = not batch  # bounds, or a searcher, may leave most of a space out
        return self._task(TaskKind.SAMPLING, (*batch, *self._unjudged())) if batch else None

    def _regional_supernet(self) -> Task | None:
        """The training of a supernet for the region that promises most by now, if one is due."""
        plan, done = self._plan, self._progress.evaluations
        if self._regional >= plan.few_shot or done < self._regional_after + plan.few_shot_every:
            return None
        members = self._parts.searcher.promising(_MEMBERS)
        if not members:  # the space is not divided yet
            return None
        self._regional, self._regional_after = self._regional + 1, done
        return self._task(TaskKind.SUPERNET, members, plan.few_shot_share)

    def _unjudged(self) -> list[Architecture]:
        """What was trained without a score, if the scores are to be judged by the trainings; each once."""
        if not self._parts.evaluator.judges_scores:
            return []
        unscored = sorted(self._progress.started - set(self._progress.scored) - self._judged)
        self._judged.update(unscored)
        return unscored

    def _candidates(self) -> Iterator[Architecture]:
        """Whom to train next; those after the first matter only if it cannot be finished within the budgets."""
        first = self._unranked() or self._best_waiting() or self._proposal()
        if first is None:
            return
        yield first
        yield from (item.architecture for item in self._backlog.waiting)
        yield from self._parts.searcher.ask(_SHORTER, self._progress.started)

    def _training(self, architecture: Architecture) -> Task:
        fidelity = self._parts.searcher.fidelity_of(architecture)
        return Task(self._tasks, TaskKind.EVALUATION, (architecture,), fidelity)

    def _beside(self) -> Callable[[Task], bool]:
        """Tells of a training whether it can be finished within the budgets beside those under way."""
        return self._purse.beside(self._parts.cluster.running(), self._parts.clock.now_s)

    def _unranked(self) -> Architecture | None:
        """Now and then a proposal that no cheap score had a say in: scores may mislead, and must not for good."""
        started = len(self._progress.started)
        share = 1.0 if self._parts.searcher.foresees else self._plan.unranked
        due = int((started + 1) * share) > int(started * share)
        return self._proposal() if due and self._progress.scored else None

    def _best_waiting(self) -> Architecture | None:
        if not self._backlog:
            self._refill()
        return self._backlog.pop().architecture if self._backlog else None

    def _refill(self) -> None:
        """Let what was scored before, and is proposed again now, wait once more: its score costs nothing."""
        if self._progress.scored:
            proposals = self._parts.searcher.ask(self._plan.batch, self._progress.started)
            known = [self._progress.scored[item] for item in proposals if item in self._progress.scored]
            self._backlog.add(known, explain=False)

    def _proposal(self) -> Architecture | None:
        proposals = self._parts.searcher.ask(1, self._progress.started)
        return proposals[0] if proposals else None

    def _resumable(self, kinds: set[TaskKind]) -> Task | None:
        """The longest suspended task of these kinds, taken off the list; of trainings, one that can be finished."""
        suspended = [task for task in self.suspended if task.kind in kinds]
        if not suspended:
            return None
        fits = self._beside()
        task = next((task for task in suspended if task.kind is not TaskKind.EVALUATION or fits(task)), None)
        if task:
            self.suspended.remove(task)
        return task

    def _task(self, kind: TaskKind, architectures: Sequence[Architecture], fidelity: float = 1.0) -> Task:
        self._tasks += 1
        return Task(self._tasks - 1, kind, tuple(architectures), fidelity)

    def _unscored(self) -> int:
        """How many more architectures are to be scored: all, or as many as a searcher that learns from scores needs."""
        most = self._parts.evaluator.space.size
        if self._parts.searcher.foresees:
            most = min(most, self._plan.samples + self._plan.samples_per_training * len(self._progress.started))
        return max(most - len(self._progress.seen), 0)
