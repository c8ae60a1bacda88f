"""What an engine is put together from, and how its run goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.records import Rates

if TYPE_CHECKING:
    from datetime import datetime

    from ce_nas.benchmarks.base import Problem
    from ce_nas.cluster.base import Cluster
    from ce_nas.core.clock import Clock
    from ce_nas.energy.ledger import Ledger, Prices
    from ce_nas.engine.budgets import Limits
    from ce_nas.engine.sites import Sites
    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import Memory
    from ce_nas.policies.base import Allocator
    from ce_nas.search.base import Searcher
    from ce_nas.search.constraints import Constraints
    from ce_nas.store.journal import Journal

__all__ = ["Parts", "Plan"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is put together from."""

    clock: Clock
    cluster: Cluster
    evaluator: Problem
    searcher: Searcher
    allocator: Allocator
    forecaster: Forecaster
    ledger: Ledger
    journal: Journal
    #: the places where the search may go on; None where there is but one
    sites: Sites | None = None
    #: bounds that an answer has to keep; None where there are none
    constraints: Constraints | None = None
    #: what decisions may know of the grid; None: the ledger's intensity, as far as it has ended
    memory: Memory | None = None
    #: why this forecaster, as the end of a sentence, and the SHA-256 of the files that it was read from, if any
    forecaster_reason: str = "handed over by the caller"
    forecaster_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run goes."""

    #: the moment by the calendar at which the run begins, UTC
    start: datetime
    #: name of the grid's zone
    zone: str
    limits: Limits
    #: time between two decisions
    period_s: float = 3600.0
    #: architectures that one sampling task scores
    batch: int = 200
    #: scored architectures that may wait for a training
    backlog: int = 10
    #: share of the trainings that go to proposals which no cheap score ranked, 0 to 1
    unranked: float = 0.5
    #: architectures scored at most for a searcher that learns from scores itself: to begin with, and for each training
    samples: int = 1500
    samples_per_training: int = 10
    #: what a device is reckoned to draw at its plug, W
    training_w: float = 0.0
    sampling_w: float = 0.0
    idle_w: float = 0.0
    #: how often a budget that runs down between events is looked at: the most by which it can be overrun
    check_s: float = 300.0
    #: regions of the searcher's partition that get a supernet of their own at most, so many trainings apart, each for
    #: this share of the training of the whole space's
    few_shot: int = 0
    few_shot_every: int = 10
    few_shot_share: float = 0.25
    #: seconds of the run in a real one
    time_scale: float = 1.0
    #: how often a failed task is tried again, from its last checkpoint
    retries: int = 2

    def rates(self, prices: Prices, pue: float, now_s: float) -> Rates:
        """What holding and using devices takes at a place, as far as it is known beforehand."""
        ahead = prices.ahead(now_s, self.period_s, self.limits.time_s)
        return Rates(self.training_w * pue, self.sampling_w * pue, self.idle_w * pue, prices.device_hour, ahead)
