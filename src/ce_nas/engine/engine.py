"""The loop: decide, divide the devices, take what happens, book it, tell the searcher.

The same loop runs over simulated and over real time: only its clock and its cluster know which.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ce_nas.cluster.assignment import Role
from ce_nas.core.records import Activity, Allocation, EventKind, Observation, Stop, TaskKind
from ce_nas.engine.budgets import Guard, Purse
from ce_nas.engine.candidate_queue import Backlog
from ce_nas.engine.scheduler import Agenda
from ce_nas.engine.search_progress import Progress
from ce_nas.engine.state_builder import Outlook, noted
from ce_nas.forecast.history import History

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.core.records import Event, Outcome, View
    from ce_nas.engine.components import Parts, Plan
    from ce_nas.engine.sites import Sites
    from ce_nas.grid.trace import Series
    from ce_nas.policies.base import Decision

__all__ = ["Engine", "Observer"]

#: called with the journal's entry of every period that has ended, for a display; it can change nothing
Observer = Callable[[Mapping[str, Any]], None]


class Engine:
    """One search, made of ``parts``, going as ``plan`` says, watched by ``observe``."""

    def __init__(self, parts: Parts, plan: Plan, observe: Observer | None = None) -> None:
        self.parts = parts
        self.plan = plan
        self.progress = Progress(parts.evaluator.space, parts.evaluator.objectives)
        self.backlog = Backlog(plan.backlog)
        #: why the run is over; None while it goes on
        self.stop: Stop | None = None
        self._observe = observe
        memory = parts.memory or History(plan.zone, cast("Series", parts.ledger.intensity))
        self._outlook = Outlook(memory, parts.forecaster, plan)
        self._periods = 0
        self._failures: dict[int, int] = {}
        self._purse = Purse(
            parts.evaluator, Guard(plan.limits, parts.ledger, parts.cluster.peak_w / parts.cluster.devices)
        )
        self._agenda = Agenda(parts, plan, self.progress, self.backlog, self._purse)
        self._allocation: Allocation | None = None
        self._allocated_s = 0.0

    def run(self) -> Stop:
        """Search until a budget is used up or nothing is left to do."""
        while self.stop is None:
            decision = self.decide()
            if decision.done:
                self.stop = Stop.DONE
            else:
                self.step(decision.allocation, decision.site)
        self.close()
        return self.stop

    def decide(self, view: View | None = None) -> Decision:
        """Ask the allocator for the next period, and put its answer and reason into the journal.

        :param view: what may be known now, if it was asked for already.
        :raises SettingsError: if its allocation is not of the devices there are.
        """
        view = view or self.view()
        decision = self.parts.allocator.decide(view)
        decision.require(view.devices)
        if self.parts.journal.keeps:
            self._note("decided", allocation=decision.allocation.counts(), reason=decision.reason, **noted(view))
        return decision

    def view(self) -> View:
        """All that may be known now."""
        view = self._outlook.view(
            now_s=self.parts.clock.now_s,
            cluster=self.parts.cluster,
            books=self.parts.ledger.total,
            progress=self.progress,
            backlog=self.backlog,
            agenda=self._agenda,
            allocation=self._allocation,
            allocated_s=self._allocated_s,
            rates=self.plan.rates(self.parts.ledger.prices, self.parts.ledger.pue, self.parts.clock.now_s),
        )
        self._purse.guard.forecast = view.forecast
        return replace(view, sites=self.parts.sites.views(view.now_s, self.plan)) if self.parts.sites else view

    def step(self, allocation: Allocation, site: str | None = None) -> None:
        """Live through one period under ``allocation``, or up to the moment at which the run ends.

        Of the devices that are to train, those are released that could finish nothing within the budgets.

        :param site: where to go first; None: the search stays where it is.
        """
        start_s = self.parts.clock.now_s
        if site is not None and self.parts.sites is not None:
            self._move(site, self.parts.sites)
            if self.stop:
                self._close_period(start_s)
                return
        self._divide(self._useful(self._affordable(allocation)))
        self._trim()
        for until_s in self._looks(start_s):
            self._live(until_s)
            self._look()
            if self.stop:
                break
        self._close_period(start_s)

    def feed(self) -> None:
        """Give every free device a task of its role, as far as there is one."""
        for device, role in self.parts.cluster.free():
            task = self._agenda.next_evaluation() if role is Role.EVALUATING else self._agenda.next_sampling()
            if task:
                self.parts.cluster.submit(device, task)
                self._purse.workload.begin(task, self.parts.clock.now_s)
                self._note(
                    "started",
                    task=task.id,
                    kind=task.kind,
                    device=device,
                    architectures=task.architectures,
                    fidelity=task.fidelity,
                )

    def take(self, event: Event) -> None:
        """Book what a device drew, and take in what it found."""
        self.parts.ledger.book(event.readings)
        if event.kind is EventKind.FREED:
            self._purse.workload.pause(event.task, event.at_s)
            self._agenda.suspend(event.task)
            self._note("suspended", task=event.task.id, device=event.device)
        elif event.kind is EventKind.FAILED:
            self._purse.workload.pause(event.task, event.at_s)
            self._take_failure(event)
        elif event.task.kind is TaskKind.SUPERNET:
            self._purse.workload.finish(event.task, event.at_s, event.worked_s)
            self._agenda.take_supernet()
            self._note("supernet", task=event.task.id, device=event.device)
        elif event.outcome is not None:
            self._purse.workload.finish(event.task, event.at_s, event.worked_s)
            self._tell(event, event.outcome)

    def close(self) -> None:
        """Write down how the run ended; work under way is named, not finished."""
        region_of = self.parts.searcher.region_of
        # best first; left out for no other reason than the budget
        waiting = [(item.architecture, region_of(item.architecture)) for item in self.backlog.waiting]
        stop = (self.stop or Stop.DONE).name.lower()
        self._note("ended", stop=stop, unfinished=self._purse.workload.unfinished, waiting=waiting)
        self.parts.journal.commit()

    def _live(self, until_s: float) -> None:
        """Take what happens up to a moment, and give free devices work after each."""
        while not self.stop and (signal := self.parts.clock.next(until_s)) is not None:
            event = self.parts.cluster.receive(signal)
            if event is None:
                continue
            self.take(event)
            self._check_limits()
            if not self.stop:
                self._go_on()

    def _go_on(self) -> None:
        """Give free devices work, and hold none for which there is none."""
        self.feed()
        self._trim()

    def _trim(self) -> None:
        """Hold no device that could finish nothing within the budgets, or has nothing to sample."""
        if self._allocation:
            needed = self._useful(self._affordable(self._allocation))
            if needed != self._allocation:
                self._divide(needed)

    def _move(self, name: str, sites: Sites) -> None:
        """Carry the search to another site: everything is suspended and given back until it is there."""
        parts, began_s = self.parts, self.parts.clock.now_s
        self._divide(Allocation(0, 0, released=parts.cluster.devices))
        self._live(began_s + sites.move_s)
        self._look()
        before = parts.ledger.total.of(Activity.MOVE)
        parts.ledger.book([sites.reading(began_s, parts.clock.now_s)])
        energy_j, carbon_g = (
            now - then for now, then in zip(parts.ledger.total.of(Activity.MOVE), before, strict=True)
        )
        left, there = sites.here.name, sites.go(name)
        parts.ledger.move(there.intensity, there.pue, there.prices)
        self._outlook = Outlook(there.memory, there.forecaster, self.plan)
        took = {"move_s": parts.clock.now_s - began_s, "energy_j": energy_j, "carbon_g": carbon_g}
        self._note("moved", left=left, site=name, **took)

    def _look(self) -> None:
        """Bring the books up to this moment, and hold no device that can finish nothing any more."""
        self.parts.ledger.book(self.parts.cluster.read())
        self._check_limits()
        if not self.stop:
            self._trim()

    def _divide(self, allocation: Allocation) -> None:
        """Give the devices their roles and work."""
        if allocation != self._allocation:
            self._allocation, self._allocated_s = allocation, self.parts.clock.now_s
            self._note("divided", allocation=allocation.counts())
        self.parts.cluster.assign(allocation)
        self.feed()

    def _affordable(self, allocation: Allocation) -> Allocation:
        """What of the allocation can be afforded; if nothing can, now or later, the run is over."""
        begun = [*self.parts.cluster.running(), *self._agenda.suspended]
        afforded, stop = self._purse.affordable(allocation, begun, self.parts.clock.now_s)
        self.stop = self.stop or stop
        return afforded

    def _useful(self, allocation: Allocation) -> Allocation:
        """The allocation less the devices that sampling has no work for: those are released."""
        surplus = allocation.sampling - self._agenda.samplings if allocation.sampling else 0
        if surplus <= 0:
            return allocation
        return replace(allocation, sampling=allocation.sampling - surplus, released=allocation.released + surplus)

    def _check_limits(self) -> None:
        limits = self.plan.limits
        self.stop = self.stop or limits.reached(self.parts.clock.now_s, self.parts.ledger.total, self.progress)
        if not self.stop and self.progress.evaluations >= self.parts.evaluator.space.size:
            self.stop = Stop.EXHAUSTED

    def _looks(self, start_s: float) -> Iterator[float]:
        """The moments of the period at which the books are brought up to date; the last is its end."""
        end_s = min(start_s + self.plan.period_s, self.plan.limits.time_s)
        every_s = self.plan.check_s if self.plan.limits.metered else self.plan.period_s
        looks = 1
        while start_s + looks * every_s < end_s:
            yield start_s + looks * every_s
            looks += 1
        yield end_s

    def _tell(self, event: Event, outcome: Outcome) -> None:
        if event.task.kind is TaskKind.SAMPLING:
            self._take_samples(event, outcome)
        else:
            self._take_evaluation(event, outcome)

    def _take_failure(self, event: Event) -> None:
        """Let a failed task wait to go on from its checkpoint, as often as it may be tried again; else give it up."""
        failures = self._failures[event.task.id] = self._failures.get(event.task.id, 0) + 1
        again = failures <= self.plan.retries
        self._note(
            "failed", task=event.task.id, device=event.device, failure=event.failure, words=event.words, again=again
        )
        if again:
            self._agenda.suspend(event.task)
            return
        self._purse.workload.end(event.task)
        if event.task.kind is TaskKind.SUPERNET:
            self._agenda.lose_supernet(event.task)

    def _take_samples(self, event: Event, outcome: Outcome) -> None:
        architectures = event.task.architectures
        found = [
            Observation(architecture, values, 0.0, scores)
            for architecture, values, scores in zip(architectures, outcome.values, outcome.scores, strict=True)
        ]
        self.progress.score(found)
        self.parts.searcher.tell(found)
        candidates = [item for item in found if item.architecture not in self.progress.started]
        # a searcher that learns from the scores itself chooses better than their vote would
        keeps = self.parts.journal.keeps
        dropped = [] if self.parts.searcher.foresees else self.backlog.add(candidates, explain=keeps)
        region_of = self.parts.searcher.region_of
        reasons = [
            (item.architecture, region_of(item.architecture), item.rank, item.dominance_number, item.dominated_by)
            for item in dropped
        ]
        self._note("sampled", task=event.task.id, device=event.device, values=outcome.values, dropped=reasons)

    def _take_evaluation(self, event: Event, outcome: Outcome) -> None:
        found = Observation(event.task.architectures[0], outcome.values[0], event.task.fidelity)
        feasible = self.parts.constraints is None or not self.parts.constraints.violations([found]).any()
        grew = self.progress.evaluate(found, feasible=feasible)
        if grew:  # so that the grams beside a new hypervolume are those of this very moment
            self.parts.ledger.book(self.parts.cluster.read())
        self.parts.searcher.tell([found])
        if self.parts.journal.keeps:
            self._note_evaluation(event, found, feasible=feasible, grew=grew)

    def _note_evaluation(self, event: Event, found: Observation, *, feasible: bool, grew: bool) -> None:
        books = self.parts.ledger.total
        self._note(
            "evaluated",
            task=event.task.id,
            device=event.device,
            architecture=found.architecture,
            text=self.parts.evaluator.space.text(found.architecture),
            values=found.values,
            fidelity=found.fidelity,
            feasible=feasible,
            hypervolume=self.progress.hypervolume,
            grew=grew,
            carbon_g=books.total_carbon_g,
            paper_carbon_g=books.paper_carbon_g,
            energy_j=books.total_energy_j,
            cost=books.cost,
        )

    def _close_period(self, start_s: float) -> None:
        now_s, books = self.parts.clock.now_s, self.parts.ledger.close_period()
        self.progress.close_period()
        entry = {
            "period": self._periods,
            "start_s": start_s,
            "allocation": self._allocation.counts() if self._allocation else {},
            "intensity_g_per_kwh": self.parts.ledger.intensity.mean(start_s, now_s) if now_s > start_s else None,
            "energy_j": books.energy_j,
            "carbon_g": books.carbon_g,
            "device_s": books.device_s,
            "energy_by_source_j": books.energy_by_source_j,
            "observed_s": books.observed_s,
            "paper_carbon_g": books.paper_carbon_g,
            "cost": books.cost,
            "hypervolume": self.progress.hypervolume,
            "front_size": len(self.progress.front),
            "evaluations": self.progress.evaluations,
            "samples": len(self.progress.scored),
            "backlog": len(self.backlog),
            "notes": self.parts.searcher.notes(),
        }
        self._periods += 1
        self._note("period", **entry)
        self.parts.journal.commit()
        if self._observe:
            self._observe({"now_s": now_s, **entry})

    def _note(self, kind: str, /, **content: object) -> None:
        self.parts.journal.append(kind, self.parts.clock.now_s, content)
