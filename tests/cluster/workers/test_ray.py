"""The Ray worker pool on a Ray cluster of this machine with declared GPUs: cards, meters, limits, releases."""

import functools
import queue
import socket
import time

import pytest

from ce_nas.benchmarks.base import Executor
from ce_nas.benchmarks.user_function import UserFunctionExecutor
from ce_nas.cluster.workers.base import WorkerEvent
from ce_nas.cluster.workers.local import WorkerTimeouts
from ce_nas.components.registry import METERS
from ce_nas.core.errors import ClusterError
from ce_nas.core.records import Outcome, Task, TaskKind
from ce_nas.energy.base import usage_between
from ce_nas.energy.reported_meter import WorkerMeter
from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload

ray = pytest.importorskip("ray", reason="needs the extra ray")
from ce_nas.cluster.workers.ray import RayResources, RayWorkerPool  # noqa: E402

pytestmark = pytest.mark.ray

#: waits until all four are at work, so that each holds its card at the same time
OWN = """
import os, time

SPACE = {"width": [1, 2, 3, 4]}
OBJECTIVES = ["card:max:0", "again:max:0"]


def evaluate(architecture, fidelity, checkpoint):
    print("training", architecture["width"], flush=True)
    here = checkpoint.folder.parent
    (here / f"here-{architecture['width']}").touch()
    while len(list(here.glob("here-*"))) < 4:
        time.sleep(0.01)
    card = int(os.environ["CUDA_VISIBLE_DEVICES"])
    return {"card": card, "again": card}
"""


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=8, num_gpus=4, log_to_driver=False, include_dashboard=False, configure_logging=False)
    yield
    ray.shutdown()


class OpenPool:
    def __init__(self, workers):
        self.messages, self.workers = queue.Queue(), workers
        workers.open(self.messages.put)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.workers.close()

    def receive(self, *events):
        while True:
            message = self.messages.get(timeout=60)
            if message.event in events:
                return message


def evaluation(number):
    return Task(number, TaskKind.EVALUATION, ((number % 4,),))


class Busy(Executor):
    """Computes for half a second of CPU time, and never asks whether to stop."""

    def __init__(self, device):
        pass

    def run(self, task, folder, should_stop):
        start_s = time.process_time()
        while time.process_time() - start_s < 0.5:
            pass
        return Outcome(task.id, ((1.0,),))


class Broken(Executor):
    def __init__(self, device):
        message = "no data here"
        raise FileNotFoundError(message)

    def run(self, task, folder, should_stop):
        raise NotImplementedError


@pytest.mark.slow
def test_each_function_sees_its_own_card_and_prints_into_its_log(cluster, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(OWN)
    workers = RayWorkerPool(
        functools.partial(UserFunctionExecutor, own), ["cuda"] * 4, tmp_path / "work", RayResources(1, 1)
    )
    with OpenPool(workers) as pool:
        for device in range(4):
            pool.workers.start(device, evaluation(device))
        ends = [pool.receive(WorkerEvent.FINISHED, WorkerEvent.FAILED) for _ in range(4)]
    assert [end.detail for end in ends] == [""] * 4
    assert sorted(-end.outcome.values[0][0] for end in ends) == [0, 1, 2, 3]
    assert len({end.places[0]["process"] for end in ends}) == 4
    assert all(end.places[0]["node"] for end in ends)
    assert (tmp_path / "work" / "logs" / "task-2.log").read_text() == "training 3\n"


@pytest.mark.long
def test_devices_share_cards_and_have_the_stated_environment(cluster, tmp_path):
    own = tmp_path / "own.py"
    environment = 'float(os.environ["OF_THE_SETTINGS"])'
    own.write_text(
        OWN.replace("[1, 2, 3, 4]", "list(range(8))")
        .replace("< 4", "< 8")
        .replace('"again": card', f'"again": {environment}')
    )
    workers = RayWorkerPool(
        functools.partial(UserFunctionExecutor, own),
        ["cuda"] * 8,
        tmp_path / "work",
        RayResources(0.5, 0.5),
        runtime_env={"env_vars": {"OF_THE_SETTINGS": "2.5"}},
    )
    with OpenPool(workers) as pool:
        for device in range(8):
            pool.workers.start(device, Task(device, TaskKind.EVALUATION, ((device,),)))
        ends = [pool.receive(WorkerEvent.FINISHED, WorkerEvent.FAILED) for _ in range(8)]
    assert [end.detail for end in ends] == [""] * 8
    assert sorted(-end.outcome.values[0][0] for end in ends) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert {-end.outcome.values[0][1] for end in ends} == {2.5}


@pytest.mark.slow
def test_a_training_is_metered_where_it_runs(cluster, tmp_path):
    make_meter = functools.partial(WorkerMeter, METERS.validate("modelled"))
    with OpenPool(RayWorkerPool(Busy, ["cpu"], tmp_path, make_meter=make_meter)) as pool:
        meter = pool.workers.reported_meters[0]
        before = meter.snapshot()
        assert before.energy_j == 0.0  # no actor: nothing is held
        pool.workers.start(0, evaluation(0))
        pool.receive(WorkerEvent.FINISHED)
        used = usage_between(before, meter.snapshot())
    assert meter.source == "modelled"
    assert used.energy_j > 0.5 * 14.0  # half a second of a core, and what starting its process took
    assert used.coverage == pytest.approx(1.0, abs=0.2)


@pytest.mark.slow
def test_an_executor_that_cannot_be_built_is_a_reason(cluster, tmp_path):
    with OpenPool(RayWorkerPool(Broken, ["cpu"], tmp_path)) as pool:
        pool.workers.start(0, evaluation(0))
        lost = pool.receive(WorkerEvent.DEVICE_LOST)
        assert lost.detail == "FileNotFoundError: no data here"
        assert pool.receive(WorkerEvent.FAILED).task_id == 0


@pytest.mark.slow
def test_an_actor_without_room_is_waited_for(cluster, tmp_path):
    make_executor = functools.partial(FakeExecutor, FakeWorkload(steps=2))
    workers = RayWorkerPool(
        make_executor, ["cpu"], tmp_path, RayResources(cpus=64), WorkerTimeouts(start_s=1.0, shutdown_s=5.0)
    )
    with OpenPool(workers) as pool:
        detail = pool.receive(WorkerEvent.DEVICE_LOST).detail
    assert "asks for 64 CPU and 0 GPU, and the cluster has 8 CPU" in detail


@pytest.mark.long
def test_a_released_device_gives_its_resources_back(cluster, tmp_path):
    make_executor = functools.partial(FakeExecutor, FakeWorkload(steps=2))
    workers = RayWorkerPool(make_executor, ["cuda"] * 4, tmp_path, RayResources(1, 1), WorkerTimeouts(release_s=0.1))
    with OpenPool(workers) as pool:
        pool.workers.start(0, evaluation(0))
        pool.receive(WorkerEvent.FINISHED)
        pool.workers.release(0)
        wait_until(lambda: ray.available_resources().get("GPU", 0) == 1)
        pool.workers.acquire(0)
        pool.workers.start(0, evaluation(1))
        assert pool.receive(WorkerEvent.FINISHED, WorkerEvent.FAILED).outcome.task_id == 1


def test_an_unreachable_address_is_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"  # bound, but nobody listens
        workers = RayWorkerPool(FakeExecutor, ["cpu"], tmp_path, address=address)
        if ray.is_initialized():
            ray.shutdown()
        with pytest.raises(ClusterError, match=rf"Ray cluster at {address}, but .*live\.workers\.address"):
            workers.open(print)


def wait_until(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("the condition was not met in 30 s")
