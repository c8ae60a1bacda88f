"""The Ray worker pool on a cluster of two nodes with folders of their own: checkpoints that travel, attempts that come
back from the dead.
"""

import contextlib
import functools
import os
import queue
import signal
import time
from pathlib import Path

import pytest

from ce_nas.benchmarks.user_function import UserFunctionCopy
from ce_nas.cluster.workers.base import WorkerEvent
from ce_nas.cluster.workers.local import WorkerTimeouts
from ce_nas.core.records import Task, TaskKind

ray = pytest.importorskip("ray", reason="needs the extra ray")
from ce_nas.cluster.workers.ray import RayResources, RayStorage, RayWorkerPool  # noqa: E402

pytestmark = [pytest.mark.ray, pytest.mark.long]

#: notes in the checkpoint which process took each step, and waits at the step that its architecture names until it is
#: let go by a file beside the cluster
OWN = """
import os, time
from pathlib import Path

SPACE = {"stop_at": [0, 3, 6], "padding": [0, 200_000]}
OBJECTIVES = ["quality:max:0", "size:min:9"]
BESIDE = Path({beside!r})


def evaluate(architecture, fidelity, checkpoint):
    file = checkpoint.folder / "steps"
    steps = file.read_text().split() if file.exists() else []
    print("begins with", len(steps), flush=True)
    while len(steps) < 8:
        if len(steps) == architecture["stop_at"]:
            (BESIDE / "pid").write_text(str(os.getpid()))
            (BESIDE / "folder").write_text(str(checkpoint.folder))
            while not (BESIDE / "go").exists():
                if checkpoint.should_stop():
                    return None
                time.sleep(0.02)
        if checkpoint.should_stop():
            return None
        steps.append(f"{os.getpid()}")
        part = file.with_suffix(".tmp")
        part.write_text(" ".join(steps))
        part.replace(file)
        (checkpoint.folder / "padding").write_bytes(bytes(architecture["padding"]))
        time.sleep(0.02)
    return {"quality": len(steps), "size": len(set(steps))}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two nodes, each with a folder for temporary files of its own, and a head that runs nothing."""
    from ray.cluster_utils import Cluster

    config = {"health_check_period_ms": 1000, "health_check_timeout_ms": 4000, "health_check_failure_threshold": 3}
    head = {"num_cpus": 0, "_system_config": config}
    cluster = tried(lambda: Cluster(initialize_head=True, head_node_args=head))
    cluster.places = []
    cluster.join = functools.partial(_join, cluster, tmp_path_factory)
    cluster.nodes = [cluster.join(), cluster.join()]
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def _join(cluster, tmp_path_factory):
    place = tmp_path_factory.mktemp("node")
    cluster.places.append(place)
    return tried(lambda: cluster.add_node(num_cpus=1, env_vars={"TMPDIR": str(place)}))


def tried(start):
    """Start a part of the cluster, which a busy machine may not do within Ray's 30 s."""
    for _ in range(4):
        with contextlib.suppress(Exception):  # Ray raises no other class
            return start()
    pytest.skip("Ray did not start")


class Nodes:
    """A pool of two devices, one on each node."""

    def __init__(self, cluster, tmp_path, **storage):
        self.cluster, self.work, self.beside = cluster, tmp_path / "work", tmp_path / "beside"
        self.beside.mkdir(exist_ok=True)
        own = tmp_path / "own.py"
        own.write_text(OWN.replace("{beside!r}", repr(str(self.beside))))
        self.executor = UserFunctionCopy.read(own)
        own.unlink()  # as on a node that has no such file
        self.storage, self.pool = storage, None
        self.open()

    def open(self):
        self.messages = queue.Queue()
        self.pool = RayWorkerPool(
            self.executor, ["cpu", "cpu"], self.work, RayResources(1), WorkerTimeouts(shutdown_s=20.0),
            storage=RayStorage(**self.storage),
        )  # fmt: skip
        self.pool.open(self.messages.put)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pool.close()

    def start(self, device, *architecture):
        self.pool.start(device, Task(3, TaskKind.EVALUATION, (architecture,)))

    def receive(self, *events):
        while True:
            message = self.messages.get(timeout=120)
            if message.event in events:
                return message

    def wait_for(self, name):
        wait_until(lambda: (self.beside / name).exists() and (self.beside / name).read_text())
        return (self.beside / name).read_text()

    def steps(self, folder=None):
        file = (folder or self.work) / "task-3" / "steps"
        return file.read_text().split() if file.exists() else []


def wait_until(condition, seconds=60):
    for _ in range(seconds * 10):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail(f"the condition was not met in {seconds} s")


def test_a_suspended_trial_goes_on_on_another_node_without_a_shared_folder(cluster, tmp_path):
    with Nodes(cluster, tmp_path, is_shared=False) as nodes:
        nodes.start(0, 1, 0)
        first_place = Path(nodes.wait_for("folder"))
        assert any(place in first_place.parents for place in cluster.places)
        wait_until(lambda: len(nodes.steps()) == 3)  # kept while the training goes on
        nodes.pool.preempt(0)
        assert nodes.receive(WorkerEvent.PREEMPTED, WorkerEvent.FINISHED).event is WorkerEvent.PREEMPTED
        (nodes.beside / "go").touch()
        nodes.start(1, 1, 0)
        end = nodes.receive(WorkerEvent.FINISHED, WorkerEvent.FAILED)
        assert (end.detail, end.outcome.values) == ("", ((-8.0, 2.0),))  # eight steps by two processes
        assert (nodes.work / "logs" / "task-3.log").read_text() == "begins with 0\nbegins with 3\n"
        assert not first_place.exists()


def test_a_trial_of_a_lost_node_goes_on_from_what_had_travelled(cluster, tmp_path):
    with Nodes(cluster, tmp_path, is_shared=False) as nodes:
        nodes.start(0, 1, 0)
        pid = int(nodes.wait_for("pid"))
        wait_until(lambda: len(nodes.steps()) == 3)
        os.kill(pid, signal.SIGKILL)
        assert nodes.receive(WorkerEvent.FAILED).failure == "lost"
        (nodes.beside / "go").touch()
        nodes.start(1, 1, 0)
        assert nodes.receive(WorkerEvent.FINISHED, WorkerEvent.FAILED).outcome.values == ((-8.0, 2.0),)


def test_another_driver_has_what_the_killed_one_had_received(cluster, tmp_path):
    nodes = Nodes(cluster, tmp_path, is_shared=False)
    nodes.start(0, 1, 0)
    wait_until(lambda: len(nodes.steps()) == 3)
    nodes.pool._stopped.set()  # its listener falls silent, as that of a killed driver
    nodes.pool._thread.join()
    for device in nodes.pool._ray_devices:
        nodes.pool._kill_actor(device)
    (nodes.beside / "go").touch()
    nodes.open()
    with nodes:
        nodes.start(1, 1, 0)
        assert nodes.receive(WorkerEvent.FINISHED, WorkerEvent.FAILED).outcome.values == ((-8.0, 2.0),)


def test_what_is_written_at_the_end_of_the_search_travels_too(cluster, tmp_path):
    nodes = Nodes(cluster, tmp_path, is_shared=False)
    nodes.start(0, 2, 0)
    nodes.wait_for("pid")
    nodes.pool.close()
    assert len(nodes.steps()) == 6


def test_a_checkpoint_above_the_limit_ends_the_trial_and_names_the_shared_folder(cluster, tmp_path):
    with Nodes(cluster, tmp_path, is_shared=False, limit_bytes=100_000) as nodes:
        nodes.start(0, 1, 1)
        failed = nodes.receive(WorkerEvent.FAILED, WorkerEvent.FINISHED)
        assert failed.failure == "error"
        assert failed.detail == (
            "Expected at most 0.0001 GB without a shared folder, got 0.0002 GB for the checkpoint of task 3; raise "
            "live.workers.checkpoint_limit_gb, or use a run folder that all nodes share (live.workers.shared_folder = "
            "true)."
        )
        (nodes.beside / "go").touch()
        nodes.start(0, 0, 1)  # one that ends before it is noticed has its result
        nodes.receive(WorkerEvent.FAILED, WorkerEvent.FINISHED)


def test_nodes_that_reach_the_run_folder_work_in_it(cluster, tmp_path):
    with Nodes(cluster, tmp_path) as nodes:
        nodes.start(0, 1, 0)
        assert nodes.wait_for("folder") == str(nodes.work / "task-3")


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_node_that_comes_back_disturbs_no_newer_attempt(cluster, tmp_path, is_shared):
    """A node stands still until it is taken for lost and its training continues elsewhere; then its process goes on."""
    with Nodes(cluster, tmp_path, is_shared=is_shared) as nodes:
        nodes.start(0, 1, 0)
        stale, stale_folder = int(nodes.wait_for("pid")), Path(nodes.wait_for("folder"))
        wait_until(lambda: len(nodes.steps()) == 3)
        raylet = parent_of(stale)
        for pid in (raylet, stale):
            os.kill(pid, signal.SIGSTOP)
        try:
            assert nodes.receive(WorkerEvent.FAILED).failure == "lost"
            for name in ("pid", "folder"):
                (nodes.beside / name).unlink()
            nodes.start(1, 1, 0)
            newer, newer_folder = int(nodes.wait_for("pid")), Path(nodes.wait_for("folder"))
            assert newer != stale
            assert newer_folder != stale_folder
            (nodes.beside / "go").touch()
            end = nodes.receive(WorkerEvent.FINISHED)
            os.kill(stale, signal.SIGCONT)  # without its raylet, which would end it
            time.sleep(3.0)
            assert end.outcome.values == ((-8.0, 2.0),)
            assert nodes.messages.qsize() == 0 or all(
                nodes.messages.get().event not in {WorkerEvent.FINISHED, WorkerEvent.FAILED}
                for _ in range(nodes.messages.qsize())
            )
            kept = newer_folder if is_shared else nodes.work / "task-3"
            assert (kept / "steps").read_text().split() == [str(stale)] * 3 + [str(newer)] * 5
        finally:
            for pid in (raylet, stale):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    cluster.nodes.append(cluster.join())


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
