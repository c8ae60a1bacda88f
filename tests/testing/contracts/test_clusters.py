"""The contract of clusters: simulated, and live with fake trainings."""

import functools

import pytest

from ce_nas.benchmarks.base import Evaluator
from ce_nas.cluster.live_cluster import LiveCluster
from ce_nas.cluster.replay_clock import ReplayableClock
from ce_nas.cluster.simulated import SimulatedCluster
from ce_nas.cluster.workers.local import LocalWorkerPool, WorkerTimeouts
from ce_nas.core.clock import VirtualClock
from ce_nas.core.records import Outcome
from ce_nas.energy.power_model import PowerModel
from ce_nas.store.event_log import EventLog
from ce_nas.testing import FakeExecutor, FakeWorkload
from ce_nas.testing.contracts import ClusterContract

POWER = PowerModel(checkpoint_s=20, checkpoint_j=2000, restore_s=40, startup_s=90, startup_j=4500)
MAKE_EXECUTOR = functools.partial(FakeExecutor, FakeWorkload(steps=8, step_s=0.05))


class ConstantEvaluator(Evaluator):
    """Every task takes 1000 s."""

    objectives = ()
    supernet_training_s = 0.0
    has_proxy_scores = True

    def duration_s(self, task):
        return 1000.0

    def run(self, task):
        return Outcome(task.id, ((float(task.id),),))


class TestSimulatedCluster(ClusterContract):
    @pytest.fixture
    def clock(self):
        return VirtualClock()

    @pytest.fixture
    def cluster(self, clock):
        return SimulatedCluster(2, clock, ConstantEvaluator(), POWER)


@pytest.mark.slow
class TestLiveCluster(ClusterContract):
    timeout_s = 6000.0  # a minute of real time

    @pytest.fixture
    def event_log(self):
        return EventLog(None)

    @pytest.fixture
    def clock(self, event_log):
        return ReplayableClock(event_log, 100.0)

    @pytest.fixture
    def cluster(self, clock, event_log, tmp_path):
        timeouts = WorkerTimeouts(60.0, heartbeat_s=10.0, shutdown_s=10.0)
        workers = LocalWorkerPool(MAKE_EXECUTOR, ["cpu", "cpu"], tmp_path, timeouts)
        cluster = LiveCluster(workers, clock, event_log, POWER)
        yield cluster
        cluster.close()

    @pytest.mark.long  # ten seconds of real time
    def test_released_devices_are_not_accounted_for(self, cluster, clock):
        super().test_released_devices_are_not_accounted_for(cluster, clock)
