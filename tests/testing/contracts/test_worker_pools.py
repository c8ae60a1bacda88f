"""The contract of worker pools: local, over Ray and over Slurm (in processes of this machine)."""

import pytest

from ce_nas.cluster.workers.local import LocalWorkerPool, WorkerTimeouts
from ce_nas.testing.contracts import WorkerPoolContract
from ce_nas.testing.fake_executor import InjectedFault

#: faults that the pool leaves to the limits of Slurm
UNHANDLED_FAULTS = frozenset({InjectedFault.HANG, InjectedFault.IGNORE_STOP})


@pytest.mark.slow
class TestLocalWorkerPool(WorkerPoolContract):
    @pytest.fixture(scope="class")
    @classmethod
    def make_pool(cls):
        timeouts = WorkerTimeouts(60.0, heartbeat_s=1.6, shutdown_s=1.6)
        return lambda folder: LocalWorkerPool(cls.executor_factory(), ["cpu", "cpu"], folder, timeouts)


@pytest.mark.long
@pytest.mark.ray
class TestRayWorkerPool(WorkerPoolContract):
    loses_devices = True  # an actor is lost with its process

    @pytest.fixture(scope="class")
    @classmethod
    def make_pool(cls):
        ray = pytest.importorskip("ray", reason="needs the extra ray")
        from ce_nas.cluster.workers.ray import RayWorkerPool

        ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, configure_logging=False)
        timeouts = WorkerTimeouts(60.0, heartbeat_s=2.5, shutdown_s=2.5)
        yield lambda folder: RayWorkerPool(cls.executor_factory(), ["cpu", "cpu"], folder, timeouts=timeouts)
        ray.shutdown()


@pytest.mark.long
class TestSlurmWorkerPool(WorkerPoolContract):
    unhandled_faults = UNHANDLED_FAULTS

    @pytest.fixture(scope="class")
    @classmethod
    def make_pool(cls):
        pytest.importorskip("submitit", reason="needs the extra slurm")
        from ce_nas.cluster.workers.slurm import SlurmWorkerPool

        make_executor = cls.executor_factory(step_s=0.15)  # preemption is signalled by a file
        return lambda folder: SlurmWorkerPool(
            make_executor, ["cpu", "cpu"], folder, {"timeout_min": 5}, cluster="local", poll_interval_s=0.05
        )
