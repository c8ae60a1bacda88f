"""The components of an engine, and the configuration of its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.records import Activity, Rates
from ce_nas.store.resumption import FORECASTER_GIVEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ce_nas.benchmarks.base import Problem
    from ce_nas.cluster.base import Cluster
    from ce_nas.core.clock import Clock
    from ce_nas.energy.ledger import Ledger, Prices
    from ce_nas.engine.budgets import Budgets
    from ce_nas.engine.power_plan import PowerPlan
    from ce_nas.engine.sites import Sites
    from ce_nas.engine.stopping import StopThreshold
    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.history import ZoneHistory
    from ce_nas.policies.base import Policy
    from ce_nas.search.base import Searcher
    from ce_nas.search.constraints import Constraints
    from ce_nas.store.journal import Journal

__all__ = ["Components", "RunConfig"]


@dataclass(frozen=True, slots=True)
class Components:
    """The components of an engine."""

    clock: Clock
    cluster: Cluster
    problem: Problem
    searcher: Searcher
    policy: Policy
    forecaster: Forecaster
    ledger: Ledger
    journal: Journal
    #: the sites of the search; None for a single site
    sites: Sites | None = None
    #: constraints on the objectives of the front; None for none
    constraints: Constraints | None = None
    #: past carbon intensity for decisions; None: the completed steps of the intensity of the ledger
    zone_history: ZoneHistory | None = None
    #: the power limit of the devices and the site's cap over time; None without
    power_plan: PowerPlan | None = None
    #: reason for the forecaster, as the end of a sentence, and the SHA-256 of its files, if any
    forecaster_reason: str = FORECASTER_GIVEN
    forecaster_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class RunConfig:
    """The configuration of a run."""

    #: date and time of the start of the run, UTC
    start: datetime
    #: name of the grid zone
    zone: str
    budgets: Budgets
    #: when the search begins nothing new by itself
    stop: StopThreshold = "never"
    #: time between two decisions, s
    period_s: float = 3600.0
    #: architectures per sampling task
    sampling_batch: int = 200
    #: capacity of the queue of scored candidates
    queue_capacity: int = 10
    #: share of the trainings of proposals that are not ranked by proxy scores, 0 to 1
    unranked_share: float = 0.5
    #: for a searcher that uses proxy scores: maximum number of scored architectures at first, and per training
    max_samples: int = 1500
    samples_per_training: int = 10
    #: expected power of a device at the plug, W
    training_w: float = 0.0
    sampling_w: float = 0.0
    idle_w: float = 0.0
    #: interval of the budget checks between events, s; bounds the overrun of a budget
    check_interval_s: float = 300.0
    #: few-shot supernets: maximum number of regions with their own supernet, trainings between two of them, and their
    #: training as a share of that of the whole space
    few_shot: int = 0
    few_shot_every: int = 10
    few_shot_share: float = 0.25
    #: seconds of the run per real second
    time_scale: float = 1.0
    #: retries of a failed task, from its last checkpoint
    retries: int = 2
    #: GPUs of one device: of a trial on several
    gpus_per_device: int = 1
    #: whether the power of devices is taken from the ledger once known: on real devices, or with chosen power limits
    uses_metered_power: bool = False

    def rates(
        self, prices: Prices, pue: float, now_s: float, metered_w: Callable[[Activity], float | None] | None = None
    ) -> Rates:
        """Compute the power and prices of devices at a site, as known in advance.

        :param metered_w: the power of an activity at the plug so far, W; None, or a result of None: the expected one.
        """
        electricity_prices = prices.electricity_prices(now_s, self.period_s, self.budgets.time_s)
        expected_w = {
            Activity.TRAINING: self.training_w,
            Activity.SAMPLING: self.sampling_w,
            Activity.IDLE: self.idle_w,
        }
        power_w = {name: (metered_w(name) if metered_w else None) or watts for name, watts in expected_w.items()}
        return Rates(
            power_w[Activity.TRAINING] * pue,
            power_w[Activity.SAMPLING] * pue,
            power_w[Activity.IDLE] * pue,
            prices.price_per_device_hour,
            electricity_prices,
        )
