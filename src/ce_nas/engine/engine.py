"""The engine of a search: decide, allocate the devices, handle their events, account for them, inform the searcher.

The engine runs unchanged on simulated and on real devices: only its clock and its cluster differ.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ce_nas.cluster.assignment import DeviceRole
from ce_nas.core.records import Allocation, Observation, StopReason, TaskEventKind, TaskKind
from ce_nas.engine.admission_control import AdmissionControl
from ce_nas.engine.budgets import BudgetChecker
from ce_nas.engine.candidate_queue import CandidateQueue
from ce_nas.engine.journal_writer import JournalWriter
from ce_nas.engine.power_plan import later_intensity
from ce_nas.engine.scheduler import TaskScheduler
from ce_nas.engine.search_progress import SearchProgress
from ce_nas.engine.state_builder import StateBuilder
from ce_nas.engine.stopping import StopRule
from ce_nas.forecast.history import RecordedHistory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.core.records import Activity, Outcome, Rates, State, TaskEvent
    from ce_nas.energy.ledger import Prices
    from ce_nas.engine.power_plan import PowerDecision
    from ce_nas.engine.run_config import Components, RunConfig
    from ce_nas.engine.sites import Sites
    from ce_nas.grid.trace import Series
    from ce_nas.policies.base import Decision

__all__ = ["Engine", "Observer"]

#: device time of an activity from which its metered power is used, s
MIN_METERED_S = 60.0

#: called with the journal entry of each completed period, with ``now_s`` added, for a display
Observer = Callable[[Mapping[str, Any]], None]


class Engine:
    """Runs one search with ``components`` as set in ``config``; calls ``observer`` after each period."""

    def __init__(self, components: Components, config: RunConfig, observer: Observer | None = None) -> None:
        self.components = components
        self.config = config
        self.progress = SearchProgress(components.problem.space, components.problem.objectives)
        self.queue = CandidateQueue(config.queue_capacity)
        #: why the run has ended; None before
        self.stop_reason: StopReason | None = None
        self._observer = observer
        self._journal = JournalWriter(
            components.journal, components.clock, components.searcher.region_of, config.gpus_per_device
        )
        history = components.zone_history or RecordedHistory(config.zone, cast("Series", components.ledger.intensity))
        self._state_builder = StateBuilder(history, components.forecaster, config, components.searcher)
        self._period_count = 0
        self._failure_counts: dict[int, int] = {}
        cluster = components.cluster
        self._admission_control = AdmissionControl(
            components.problem,
            BudgetChecker(config.budgets, components.ledger, cluster.peak_w / cluster.devices, cluster.checkpoint_s),
            cluster,
            config.check_interval_s,
        )
        self._task_times = self._admission_control.task_times
        self._power = components.power_plan if components.power_plan and components.power_plan.is_active else None
        #: the last decision on power, and the allocation that was asked for before the cap and the budgets
        self._power_decision: PowerDecision | None = None
        self._requested: Allocation | None = None
        self._scheduler = TaskScheduler(components, config, self.progress, self.queue, self._admission_control)
        self._stop_rule = StopRule(config.stop, components.searcher)
        #: whether nothing new begins, and the run ends once what has started has ended
        self._is_ending = False
        #: whether devices with nothing left to sample train
        self._train_when_sampled = False
        self._allocation: Allocation | None = None
        self._allocated_since_s = 0.0

    def run(self) -> StopReason:
        """Run until a budget is used up or nothing is left to do."""
        if self.components.power_plan and self.components.power_plan.note:
            self._journal.write_note(self.components.power_plan.note)
        while self.stop_reason is None:
            decision = self.decide()
            if decision.done and not (decision.allocation.evaluating and self._started_trainings()):
                self.stop_reason = self._end_reason()
            else:
                self.step(decision.allocation, decision.site)
        self.close()
        return self.stop_reason

    def decide(self, state: State | None = None) -> Decision:
        """Ask the policy for the next period, and write its decision to the journal.

        :param state: the current state, if it was built before.
        :raises SettingsError: if the number of devices in its allocation is wrong.
        """
        state = state or self.build_state()
        decision = self.components.policy.decide(state)
        decision.require_device_count(state.cluster.devices)
        if self._stop_rule.reason:
            decision = replace(decision, reason=f"{self._stop_rule.reason} {decision.reason}", done=True, site=None)
        self._is_ending = decision.done
        self._train_when_sampled = decision.train_when_sampled
        self._scheduler.new_trainings_left = 0 if decision.done else decision.max_new_trainings
        self._journal.write_decision(decision, state)
        return decision

    def build_state(self) -> State:
        """Build the state that a policy decides on; it has no information about the future."""
        now_s, ledger = self.components.clock.now_s, self.components.ledger
        state = self._state_builder.build(
            now_s=now_s,
            cluster=self.components.cluster,
            books=ledger.totals,
            progress=self.progress,
            queue=self.queue,
            scheduler=self._scheduler,
            allocation=self._allocation,
            allocated_since_s=self._allocated_since_s,
            rates=self._rates(ledger.prices, ledger.pue, now_s),
        )
        self._admission_control.checker.forecast = state.grid.forecast
        sites = self.components.sites
        return replace(state, sites=sites.states(now_s, self._rates)) if sites else state

    def step(self, allocation: Allocation, site: str | None = None) -> None:
        """Run one period under ``allocation``, or up to the end of the run.

        Devices whose trainings cannot finish within the budgets are released.

        :param site: the site to move to first; None to stay.
        """
        start_s = self.components.clock.now_s
        if site is not None and self.components.sites is not None:
            self._move_to_site(site, self.components.sites)
            if self.stop_reason:
                self._close_period(start_s)
                return
        self._requested = allocation
        self._plan_power(start_s)
        self._apply_request(allocation)
        self._release_unneeded()
        for until_s in self._check_times_s(start_s):
            self._process_events(until_s)
            self._update_ledger()
            if self.stop_reason:
                break
            if self._power and self._power.cap and self._requested:
                self._apply_request(self._requested)
        self._close_period(start_s)

    def dispatch_tasks(self) -> None:
        """Start a task of its role on each free device, if there is one."""
        for device, role in self.components.cluster.free_devices():
            is_training = role is DeviceRole.EVALUATING
            task = (self._scheduler.next_evaluation if is_training else self._scheduler.next_sampling)(device)
            if task:
                self.components.cluster.submit(device, task)
                overhead_s = self.components.cluster.overhead_s(device)
                self._task_times.start(task, self.components.clock.now_s, overhead_s)
                self._journal.write_task_start(task, device)

    def handle_event(self, event: TaskEvent) -> None:
        """Account for the readings of an event, and process the result of its task."""
        self.components.ledger.record(event.readings)
        if event.places:
            self._journal.write_places(event)
        if event.kind is TaskEventKind.SUSPENDED:
            self._task_times.pause(event.task, event.at_s)
            self._scheduler.suspend(event.task)
            self._journal.write_suspension(event)
        elif event.kind is TaskEventKind.FAILED:
            self._task_times.fail(event.task)
            self._handle_failure(event)
        elif event.task.kind is TaskKind.SUPERNET:
            self._task_times.finish(event.task, event.at_s, event.active_s)
            self._scheduler.mark_supernet_trained()
            self._journal.write_supernet(event)
        elif event.outcome is not None:
            self._task_times.finish(event.task, event.at_s, event.active_s)
            self._handle_outcome(event, event.outcome)

    def close(self) -> None:
        """Write the end of the run to the journal; running tasks are listed, not finished."""
        stop_reason = self.stop_reason or StopReason.DONE
        self._journal.write_end(stop_reason, self._task_times.unfinished_task_ids, self.queue.candidates)

    def _process_events(self, until_s: float) -> None:
        """Handle the events up to a time, and start tasks on free devices after each."""
        while not self.stop_reason and (signal := self.components.clock.next(until_s)) is not None:
            event = self.components.cluster.handle_signal(signal)
            for taken in self.components.cluster.take_backs():
                self._journal.write_take_back(taken)
            if event is None:
                continue
            self.handle_event(event)
            if self.config.budgets.is_metered:  # what is left decides what begins
                self.components.ledger.record(self.components.cluster.read_energy())
            self._check_stop()
            if not self.stop_reason:
                self.dispatch_tasks()
                self._release_unneeded()

    def _release_unneeded(self) -> None:
        """Release the devices that can finish nothing within the budgets, or have nothing to sample."""
        if self._allocation:
            needed = self._limit_to_demand(self._limit_to_budgets(self._move_sampling(self._allocation)))
            if needed != self._allocation:
                self._apply_allocation(needed)

    def _move_to_site(self, name: str, sites: Sites) -> None:
        """Move the search to another site: suspend all tasks and release all devices for the duration of the move."""
        clock, ledger = self.components.clock, self.components.ledger
        start_s = clock.now_s
        self._apply_allocation(Allocation(0, 0, released=self.components.cluster.devices))
        self._process_events(start_s + sites.move_s)
        self._update_ledger()
        move = sites.complete_move(name, ledger, start_s, clock.now_s)
        site, searcher = sites.current, self.components.searcher
        self._state_builder = StateBuilder(site.zone_history, site.forecaster, self.config, searcher)
        self._journal.write_move(move)

    def _update_ledger(self) -> None:
        """Account for all energy up to now, and release the devices that cannot finish a training any more."""
        self.components.ledger.record(self.components.cluster.read_energy())
        self._check_stop()
        if not self.stop_reason:
            self._release_unneeded()

    def _rates(self, prices: Prices, pue: float, now_s: float) -> Rates:
        """The power and prices of devices at a site: power as metered, once it is."""
        return self.config.rates(prices, pue, now_s, self._metered_w if self.config.uses_metered_power else None)

    def _metered_w(self, activity: Activity) -> float | None:
        """The mean power of an activity at the plug so far, W; None before the first minute of it."""
        ledger = self.components.ledger
        device_s = ledger.totals.device_s.get(activity, 0.0) / ledger.gpus_per_device
        return ledger.totals.energy_j[activity] / device_s / ledger.pue if device_s >= MIN_METERED_S else None

    def _plan_power(self, start_s: float) -> None:
        """Choose the power limit of a period by the forecast."""
        if self._power is None:
            return
        forecast, period_s = self._admission_control.checker.forecast, self.config.period_s
        now_g = forecast.mean_between(start_s, start_s + period_s) if forecast else None
        self._power.begin_period(now_g, later_intensity(forecast, start_s, self.config.budgets.time_s))

    def _apply_request(self, requested: Allocation) -> None:
        """Apply an allocation as far as the budgets, the demand and the site's power cap allow."""
        allowed = self._limit_to_demand(self._limit_to_budgets(self._move_sampling(requested)))
        self._apply_allocation(self._limit_power(allowed) if self._power else allowed)

    def _limit_power(self, allocation: Allocation) -> Allocation:
        """Set the power limit of the devices; returns what the site's cap leaves of an allocation."""
        assert self._power is not None  # noqa: S101 - the caller checks it
        cluster, before = self.components.cluster, self._power_decision
        decision = self._power.decide(allocation, len(cluster.running_tasks()), self.components.clock.now_s)
        self._power_decision = decision
        if before is None or decision.limit != before.limit:
            cluster.limit_power(decision.limit)
        if before is None or (decision.limit, decision.cap_w, decision.reason) != (
            before.limit,
            before.cap_w,
            before.reason,
        ):
            self._journal.write_power(decision)
        return decision.allocation

    def _apply_allocation(self, allocation: Allocation) -> None:
        """Assign the roles of the devices, and start tasks on the free ones."""
        if allocation != self._allocation:
            self._allocation, self._allocated_since_s = allocation, self.components.clock.now_s
            self._journal.write_allocation(allocation)
        self.components.cluster.assign(allocation, self._admission_control.kept_first)
        self.dispatch_tasks()

    def _limit_to_budgets(self, allocation: Allocation) -> Allocation:
        """Limit an allocation to what the budgets allow; if they allow nothing, now or later, the run ends."""
        started = [*self.components.cluster.running_tasks(), *self._scheduler.suspended]
        limited, stop = self._admission_control.limit_allocation(allocation, started, self.components.clock.now_s)
        if note := self._admission_control.take_note():
            self._journal.write_note(note)
        self.stop_reason = self.stop_reason or stop
        return limited

    def _move_sampling(self, allocation: Allocation) -> Allocation:
        """Let the devices of an allocation that have nothing left to sample train, if the policy says so."""
        if not (self._train_when_sampled and allocation.sampling) or self._is_ending:
            return allocation
        sampling = self._useful_sampling(allocation)
        moved = allocation.sampling - sampling
        return replace(allocation, sampling=sampling, evaluating=allocation.evaluating + moved)

    def _useful_sampling(self, allocation: Allocation) -> int:
        """The number of devices that may sample; while the first trainings wait for scores, all until the last."""
        demand = self._scheduler.sampling_demand
        waits = self._train_when_sampled and not allocation.evaluating and demand
        return allocation.sampling if waits else min(allocation.sampling, demand)

    def _limit_to_demand(self, allocation: Allocation) -> Allocation:
        """Release the devices of an allocation that have nothing to sample, or no training to begin or to finish."""
        sampling, evaluating = allocation.sampling, allocation.evaluating
        if sampling:
            sampling = 0 if self._is_ending else self._useful_sampling(allocation)
        if (left := self._scheduler.new_trainings_left) is not None:
            evaluating = min(evaluating, self._started_trainings() + left)
        surplus = allocation.sampling + allocation.evaluating - sampling - evaluating
        return replace(allocation, sampling=sampling, evaluating=evaluating, released=allocation.released + surplus)

    def _started_trainings(self) -> int:
        """The number of trainings that are running or suspended."""
        tasks = [*self.components.cluster.running_tasks(), *self._scheduler.suspended]
        return sum(task.kind is TaskKind.EVALUATION for task in tasks)

    def _end_reason(self) -> StopReason:
        """The reason of an end after which nothing new has started."""
        return StopReason.CONVERGED if self._stop_rule.reason else StopReason.DONE

    def _check_stop(self) -> None:
        self.stop_reason = self.stop_reason or self.config.budgets.stop_reason(
            self.components.clock.now_s, self.components.ledger.totals, self.progress
        )
        if (
            not self.stop_reason
            and self.progress.evaluations + self.progress.given_up >= self.components.problem.space.size
        ):
            self.stop_reason = StopReason.EXHAUSTED
        if not self.stop_reason and self._is_ending and not self._started_trainings():
            self.stop_reason = self._end_reason()

    def _check_times_s(self, start_s: float) -> Iterator[float]:
        """Yield the times of the budget checks in a period; the last is its end."""
        end_s = min(start_s + self.config.period_s, self.config.budgets.time_s)
        interval_s = self.config.check_interval_s if self.config.budgets.is_metered else self.config.period_s
        caps = deque(self._power.check_times_s(start_s, end_s) if self._power else ())
        checks = 1
        while start_s + checks * interval_s < end_s:
            while caps and caps[0] < start_s + checks * interval_s:
                yield caps.popleft()
            yield start_s + checks * interval_s
            checks += 1
        yield from caps
        yield end_s

    def _handle_outcome(self, event: TaskEvent, outcome: Outcome) -> None:
        if event.task.kind is TaskKind.SAMPLING:
            self._handle_samples(event, outcome)
        else:
            self._handle_evaluation(event, outcome)

    def _handle_failure(self, event: TaskEvent) -> None:
        """Suspend a failed task, to resume from its checkpoint; discard it once its retries are used up."""
        failures = self._failure_counts[event.task.id] = self._failure_counts.get(event.task.id, 0) + 1
        will_retry = failures <= self.config.retries
        self._journal.write_failure(event, will_retry=will_retry)
        if will_retry:
            self._scheduler.suspend(event.task)
            return
        self._task_times.discard(event.task)
        if event.task.kind is TaskKind.SUPERNET:
            self._scheduler.mark_supernet_failed(event.task)
        elif event.task.kind is TaskKind.EVALUATION:
            self.progress.given_up += 1

    def _handle_samples(self, event: TaskEvent, outcome: Outcome) -> None:
        observations = [
            Observation(architecture, values, 0.0, scores)
            for architecture, values, scores in zip(
                event.task.architectures, outcome.values, outcome.scores, strict=True
            )
        ]
        self.progress.add_scores(observations)
        self.components.searcher.tell(observations)
        constraints = self.components.constraints
        candidates = [
            item
            for item in observations
            if item.architecture not in self.progress.started
            and not (constraints and constraints.is_measured_infeasible(item))
        ]
        # a searcher that uses proxy scores itself selects better than the queue
        dropped = (
            []
            if self.components.searcher.uses_proxy_scores
            else self.queue.add(candidates, report_dropped=self._journal.records_entries)
        )
        self._journal.write_samples(event, outcome, dropped)

    def _handle_evaluation(self, event: TaskEvent, outcome: Outcome) -> None:
        observation = Observation(event.task.architectures[0], outcome.values[0], event.task.fidelity)
        constraints = self.components.constraints
        feasible = constraints is None or not constraints.violations([observation]).any()
        improved = self.progress.add_evaluation(observation, feasible=feasible)
        if improved:  # so that the carbon of the new hypervolume is exact
            self.components.ledger.record(self.components.cluster.read_energy())
        self.components.searcher.tell([observation])
        if self._journal.records_entries:
            self._journal.write_evaluation(
                event,
                observation,
                text=self.components.problem.space.text(observation.architecture),
                feasible=feasible,
                improved=improved,
                hypervolume=self.progress.hypervolume,
                totals=self.components.ledger.totals,
            )
        self._apply_stop_rule()

    def _apply_stop_rule(self) -> None:
        """Begin nothing new from here on if the stop rule says so."""
        if self._stop_rule.reason or not self._stop_rule.update(self.progress, self.components.ledger.totals):
            return
        self._is_ending, self._scheduler.new_trainings_left = True, 0
        self._journal.write_stop_rule(self._stop_rule.reason or "")

    def _close_period(self, start_s: float) -> None:
        now_s, ledger = self.components.clock.now_s, self.components.ledger
        totals = ledger.close_period()
        self.progress.close_period()
        entry = self._journal.write_period(
            period=self._period_count,
            start_s=start_s,
            allocation=self._allocation,
            intensity_g_per_kwh=ledger.intensity.mean(start_s, now_s) if now_s > start_s else None,
            totals=totals,
            progress=self.progress,
            queue_length=len(self.queue),
            searcher_notes=self.components.searcher.notes(),
        )
        self._period_count += 1
        if self._observer:
            self._observer({"now_s": now_s, **entry})
