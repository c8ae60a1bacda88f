"""What a training and a score of a live search take, measured on its device before the search: for an estimate.

Interface::

    calibrate_device(inputs, workers=None) -> DeviceCalibration

The engine of the search runs on one device, with a searcher of its own, until it has seen enough:

1. Where the search can score: a batch of one, which bears the start-up of the device, and a second batch of as many as
   fit into :data:`_BATCH_S`. A supernet is trained for one epoch before.
2. A training. That of the built-in networks lasts an epoch; another one of the same network follows, of as many epochs
   as fit into :data:`_TRAINING_S`, all if possible, from which all are extrapolated. A function of the user's own is
   called in full, and once more for another architecture if that is quick. So start-up does not count as training.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from ce_nas.config.schema import BudgetSettings
from ce_nas.config.site_schema import SiteSettings
from ce_nas.core.clock import monotonic_s
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, Allocation, ReadingSource, StopReason
from ce_nas.core.rng import random_stream
from ce_nas.energy.cpu_time import BASELINE_W, BUSY_CORE_W
from ce_nas.energy.rapl import has_rapl
from ce_nas.engine.build import build_engine, build_searcher
from ce_nas.engine.live_inputs import measures_costs
from ce_nas.policies.base import Decision, Policy
from ce_nas.search.random import RandomSearcher
from ce_nas.store.journal import NullJournal

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ce_nas.cluster.workers.base import WorkerPool
    from ce_nas.config.schema import Settings
    from ce_nas.core.records import Architecture, Observation, State
    from ce_nas.engine.engine import Engine
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.space.base import Space

__all__ = ["DeviceCalibration", "calibrate_device", "slowdown_of"]

#: real time of the second batch of scores and of the second training, s
_BATCH_S, _TRAINING_S = 10.0, 25.0
#: real time of the first score, start-up included, above which no second batch follows, s
_LONG_SCORE_S = 25.0
#: real time of the first epoch, start-up included, above which no second training follows, s
_LONG_EPOCH_S = 90.0
#: the least processor time per second that is believed of a training
_MIN_PROCESSOR_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class DeviceCalibration:
    """What a training and a score took on the device; energy is at the plug, before PUE, and times are of the run.

    Where latencies are measured without a supernet, such a measurement is the score.
    """

    #: of a full training
    training_s: float
    training_j: float
    #: of the device's process, on top of its first task
    start_up_s: float = 0.0
    start_up_j: float = 0.0
    #: trainings measured
    trainings: int = 1
    #: whether they were of one network at random, and not of the mean one
    of_random_network: bool = False
    #: of one architecture; 0 where nothing can be scored
    score_s: float = 0.0
    score_j: float = 0.0
    #: of the supernet by which architectures are scored; 0 without one
    supernet_s: float = 0.0
    supernet_j: float = 0.0
    #: architectures scored
    scores: int = 0
    #: processor time per second of the training, where its energy is modelled by it: below 1 it waits for others; None:
    #: it is not known
    processor_share: float | None = None


def slowdown_of(processor_share: float | None) -> float:
    """How many times as long work takes as on an idle processor, by its processor time per second; 1 if unknown."""
    return 1.0 if processor_share is None else 1.0 / min(max(processor_share, _MIN_PROCESSOR_SHARE), 1.0)


def calibrate_device(inputs: RunInputs, workers: WorkerPool | None = None) -> DeviceCalibration:
    """Measure on the first device of a live search, in a folder that is removed.

    :param workers: the caller's pool in place of the one that the settings name.
    :raises SettingsError: if no training finishes within the deadline.
    """
    epochs = _network_epochs(inputs)
    costs_alone = measures_costs(inputs, build_searcher(inputs))
    settings = _reduce(inputs.settings, epochs, costs_alone=costs_alone)
    reduced = replace(inputs, settings=settings, fixed_start=inputs.start)
    searcher = _Probe(reduced.benchmark.space, reduced.settings.seed, epochs)
    with tempfile.TemporaryDirectory() as folder:
        engine = build_engine(
            reduced, NullJournal(), folder=Path(folder), policy=_ScoresFirst(), searcher=searcher, workers=workers
        )
        searcher.attach(engine)
        with threadpool_limits(limits=1):
            try:
                engine.run()
            finally:
                engine.components.cluster.close()
    if not searcher.trainings:
        message = "Expected a training to finish for the estimate, got none within the deadline; raise --hours."
        raise SettingsError(message)
    supernet_epochs = max(round(inputs.settings.live.supernet_epochs * epochs), 1) if epochs else 0
    found = _evaluate(searcher, engine, supernet_epochs)
    if not _is_by_processor_time(inputs, engine):
        return found
    power_w = found.training_j / found.training_s * inputs.settings.live.time_scale
    return replace(found, processor_share=max((power_w - BASELINE_W) / BUSY_CORE_W, _MIN_PROCESSOR_SHARE))


def _is_by_processor_time(inputs: RunInputs, engine: Engine) -> bool:
    """Whether the energy of the device is its processor time at a constant power."""
    sources = set(engine.components.ledger.totals.energy_by_source_j)
    return inputs.settings.live.devices[0] == "cpu" and sources <= {ReadingSource.MODELLED} and not has_rapl()


def _network_epochs(inputs: RunInputs) -> int:
    """Epochs of a training of the built-in networks; 0 for a function of the user's own."""
    if inputs.settings.live.evaluate or inputs.user_benchmark:
        return 0
    from ce_nas.engine.live_inputs import training_recipe

    return training_recipe(inputs.settings).epochs


def _reduce(settings: Settings, epochs: int, *, costs_alone: bool) -> Settings:
    """The settings of a search on one device, without a stop, a site's rules and what follows it.

    :param costs_alone: whether the search samples without scores.
    """
    samples = 1 + settings.schedule.sampling_batch
    live = settings.live.model_copy(
        update={
            "devices": settings.live.devices[:1],
            "few_shot": 0,
            "latency_samples": samples if costs_alone else 0,
        }
    )
    if epochs:
        live = live.model_copy(update={"supernet_epochs": 1.0 / epochs})
    update = {
        "cluster": settings.cluster.model_copy(update={"gpus": live.gpus_per_device}),
        "budget": BudgetSettings().model_copy(update={"hours": settings.budget.hours, "stop": "never"}),
        "schedule": settings.schedule.model_copy(update={"max_samples": samples, "samples_per_training": 0}),
        "live": live,
        "site": SiteSettings(),
        "final": settings.final.model_copy(update={"enabled": False}),
        "problem": settings.problem.model_copy(update={"constraints": ()}),
    }
    return settings.model_copy(update=update)


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a batch or a training."""

    #: architectures scored, or the share of a full training
    amount: float
    #: time of the run, s
    at_s: float
    #: energy of the run so far, at the plug, J
    energy_j: float
    #: real time, s
    real_s: float


class _ScoresFirst(Policy):
    """The device scores what the searcher gives it, then trains."""

    name = "calibration"

    def decide(self, state: State) -> Decision:
        """See :meth:`Policy.decide`."""
        sampling = state.cluster.devices if state.search.can_sample else 0
        allocation = Allocation(sampling, state.cluster.devices - sampling)
        return Decision(allocation, "Measured for an estimate.", train_when_sampled=True)


class _Probe(RandomSearcher):
    """Proposes what is measured, notes when it ends, and ends the search once that is enough.

    :param epochs: of a training of the built-in networks; 0 for a function of the user's own.
    """

    uses_proxy_scores = True  # so that the engine asks for no more scores than for those of such a searcher

    def __init__(self, space: Space, seed: int, epochs: int) -> None:
        super().__init__(space, random_stream(seed, "calibration"))
        self._epochs = epochs
        self._batches_asked = 0
        self._network: Architecture | None = None
        self._fidelity = 1.0 / epochs if epochs else 1.0
        #: the start, and the ends of batches and of trainings
        self.start = _End(0.0, 0.0, 0.0, monotonic_s())
        self.batches: list[_End] = []
        self.trainings: list[_End] = []

    def attach(self, engine: Engine) -> None:
        """Take the engine that is to be read and stopped; its time begins."""
        self._engine = engine
        self.start = replace(self.start, real_s=monotonic_s())

    def ask(self, n: int, exclude: Container[Architecture]) -> list[Architecture]:
        """See :meth:`Searcher.ask`; the engine asks for the batches before anything is trained."""
        problem = self._engine.components.problem
        scores = problem.has_proxy_scores or problem.measures_costs
        if scores and self._batches_asked < 2 and not self.trainings:
            self._batches_asked += 1
            return super().ask(min(n, self._batch_size()), exclude)
        if self._network is not None and self._network not in exclude:
            return [self._network]  # a longer training of the same one
        proposals = super().ask(1, exclude)
        self._network = proposals[0] if proposals else None
        return proposals

    def fidelity_of(self, architecture: Architecture) -> float:  # noqa: ARG002 - the same for all
        """See :meth:`Searcher.fidelity_of`."""
        return self._fidelity

    def tell(self, observations: Sequence[Observation]) -> None:
        """Note an end, and stop the search if it was the last."""
        components = self._engine.components
        components.ledger.record(components.cluster.read_energy())
        energy_j = components.ledger.totals.total_energy_j / components.ledger.pue
        is_batch = observations[0].fidelity == 0.0
        amount = float(len(observations)) if is_batch else observations[0].fidelity
        end = _End(amount, components.clock.now_s, energy_j, monotonic_s())
        if is_batch:
            self.batches.append(end)
            return
        taken_s = end.real_s - (self.trainings or self.batches or [self.start])[-1].real_s
        self.trainings.append(end)
        self._fidelity = self._next_fidelity(taken_s)
        if not self._fidelity:
            self._engine.stop_reason = StopReason.DONE

    def _batch_size(self) -> int:
        """Of the first batch one; of the second as many as have time, none if the first was long."""
        if not self.batches:
            return 1
        taken_s = self.batches[0].real_s - self.start.real_s
        return 0 if taken_s > _LONG_SCORE_S else max(int(_BATCH_S / max(taken_s, 1e-3)), 1)

    def _next_fidelity(self, taken_s: float) -> float:
        """The share of a full training that the second one is; 0 if there is none to come."""
        if len(self.trainings) == 2:
            return 0.0
        if not self._epochs:
            return 1.0 if taken_s <= _TRAINING_S and self._space.size > 1 else 0.0
        if taken_s > _LONG_EPOCH_S:
            return 0.0
        epochs = min(max(int(_TRAINING_S / max(taken_s, 1e-3)), 1), self._epochs)
        return epochs / self._epochs


def _evaluate(probe: _Probe, engine: Engine, supernet_epochs: int) -> DeviceCalibration:
    """The price of a training and of a score from what was measured."""
    ledger = engine.components.ledger
    epoch_s = ledger.totals.device_s.get(Activity.SUPERNET, 0.0) * ledger.time_scale
    epoch_j = ledger.totals.energy_j.get(Activity.SUPERNET, 0.0) / ledger.pue
    begin = _End(0.0, epoch_s, epoch_j, 0.0)  # as if the supernet came before the start
    ends = [begin, *probe.batches, *probe.trainings]
    training_s, training_j = _per_unit(ends[-2], ends[-1])
    score_s = score_j = 0.0
    if probe.batches:
        score_s, score_j = _per_unit(ends[len(probe.batches) - 1], probe.batches[-1])
    unit_s, unit_j = (score_s, score_j) if probe.batches else (training_s, training_j)
    first_s, first_j = _between(begin, ends[1])
    return DeviceCalibration(
        training_s,
        training_j,
        start_up_s=max(first_s - unit_s * ends[1].amount, 0.0),
        start_up_j=max(first_j - unit_j * ends[1].amount, 0.0),
        trainings=len(probe.trainings),
        of_random_network=True,
        score_s=score_s,
        score_j=score_j,
        supernet_s=supernet_epochs * epoch_s,
        supernet_j=supernet_epochs * epoch_j,
        scores=round(sum(end.amount for end in probe.batches)),
    )


def _between(earlier: _End, later: _End) -> tuple[float, float]:
    """Seconds and joules between two ends."""
    return later.at_s - earlier.at_s, later.energy_j - earlier.energy_j


def _per_unit(earlier: _End, later: _End) -> tuple[float, float]:
    """Seconds and joules of one score, or of a full training."""
    elapsed_s, energy_j = _between(earlier, later)
    return elapsed_s / later.amount, energy_j / later.amount
