"""Local workers: processes of a training's own, the end of the run's process, releases, limits."""

import functools
import os
import queue
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from ce_nas.benchmarks.user_function import UserFunctionExecutor
from ce_nas.cluster.workers.base import WorkerEvent
from ce_nas.cluster.workers.local import LocalWorkerPool, WorkerTimeouts
from ce_nas.core.records import Task, TaskKind
from ce_nas.energy.cpu_time import process_tree
from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload

TASK = Task(3, TaskKind.EVALUATION, ((1, 1),))


OWN = """
import multiprocessing
import os
import subprocess
import time

SPACE = {"how": ["parent", "busy", "unasking", "terminating", "leaving"]}
OBJECTIVES = ["value:max:0", "size:min:9"]


def evaluate(architecture, fidelity, checkpoint):
    if architecture["how"] == "busy":  # computes without asking whether to stop
        start_s = time.process_time()
        while time.process_time() - start_s < 2.0:
            pass
        return {"value": 1, "size": 1}
    if architecture["how"] == "unasking":
        while not os.path.exists("go"):
            pass
        return {"value": 2, "size": 1}
    if architecture["how"] == "terminating":  # also before they have run at all
        for _ in range(20):
            child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,))
            child.start()
            child.terminate()
            child.join(30)
            if child.exitcode != -15:
                raise RuntimeError(f"exit code {child.exitcode}")
        return {"value": 3, "size": 1}
    if architecture["how"] == "leaving":
        helper = subprocess.Popen(["sleep", "600"])
        separate = subprocess.Popen(["sleep", "600"], start_new_session=True)
        deaf = subprocess.Popen(["sh", "-c", "trap '' TERM; exec sleep 600"])
        waiting = multiprocessing.get_context("fork").Process(target=time.sleep, args=(600,), daemon=False)
        waiting.start()
        fork = ["sh", "-c", "sleep 600 >/dev/null & echo $!"]
        orphan, daemon = (int(subprocess.check_output(fork, start_new_session=own)) for own in (False, True))
        with open("started", "w") as file:
            print(orphan, daemon, separate.pid, helper.pid, deaf.pid, waiting.pid, file=file)
        return {"value": 4, "size": 1}
    print("sees", os.environ["CUDA_VISIBLE_DEVICES"], flush=True)
    with multiprocessing.get_context("fork").Pool(1) as loaders:  # as a loader of data would
        (value,) = loaders.map(abs, [-4])
    return {"value": value, "size": 1}
"""
PARENT, BUSY, UNASKING, TERMINATING, LEAVING = (Task(number, TaskKind.EVALUATION, ((number,),)) for number in range(5))


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    return functools.partial(UserFunctionExecutor, tmp_path / "own.py")


class OpenPool:
    def __init__(self, make_executor, folder, *devices, **timeouts):
        self.messages = queue.Queue()
        self.workers = LocalWorkerPool(make_executor, devices or ("cpu",), folder, WorkerTimeouts(**timeouts))
        self.workers.open(self.messages.put)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.workers.close()

    def receive(self):
        return self.messages.get(timeout=60)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - a line that may vanish
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, timeout_s=30.0):
    for _ in range(round(timeout_s / 0.05)):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"the condition was not met in {timeout_s:g} s")


@pytest.mark.slow
def test_a_training_starts_processes_sees_its_card_and_prints_into_its_log(own, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    with OpenPool(own, tmp_path, "cuda:1") as pool:
        pool.workers.start(0, PARENT)
        assert pool.receive().event is WorkerEvent.WORKING
        message = pool.receive()
    assert message.event is WorkerEvent.FINISHED, message.detail
    assert message.outcome.values == ((-4.0, 1.0),)
    assert (tmp_path / "logs" / "task-0.log").read_text() == "sees GPU-b\n"


@pytest.mark.slow
def test_processes_that_a_training_forks_end_when_it_terminates_them(own, tmp_path):
    with OpenPool(own, tmp_path) as pool:
        pool.workers.start(0, TERMINATING)
        assert pool.receive().event is WorkerEvent.WORKING
        message = pool.receive()
    assert message.event is WorkerEvent.FINISHED, message.detail


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("end", ["close", "release", "terminate"])
def test_what_a_training_left_running_ends_with_its_worker_unless_it_is_separate(own, tmp_path, monkeypatch, end):
    monkeypatch.chdir(tmp_path)
    with OpenPool(own, tmp_path, heartbeat_s=2.5, release_s=0.1) as pool:  # silent when it ends: no reason to kill it
        pool.workers.start(0, LEAVING)
        assert pool.receive().event is WorkerEvent.WORKING
        assert pool.receive().event is WorkerEvent.FINISHED
        orphan, daemon, separate, *left = map(int, (tmp_path / "started").read_text().split())
        assert all(map(is_running, [orphan, daemon, separate, *left]))  # as long as the worker may need them
        tree = process_tree(pool.workers.process_id(0))  # what is metered, gives signs of life, and may be killed
        assert not {orphan, daemon} & tree
        assert {separate, *left} < tree
        if end == "release":
            pool.workers.release(0)
            wait_until(lambda: not any(map(is_running, left)))
        elif end == "terminate":
            os.kill(pool.workers.process_id(0), signal.SIGTERM)
            wait_until(lambda: not any(map(is_running, left)))
    try:
        assert not any(map(is_running, left))
        assert all(map(is_running, [orphan, daemon, separate]))
    finally:
        for process in filter(is_running, [orphan, daemon, separate]):
            os.kill(process, signal.SIGKILL)


@pytest.mark.long
def test_a_training_that_computes_without_asking_is_not_stuck(own, tmp_path):
    with OpenPool(own, tmp_path, heartbeat_s=1.5) as pool:
        pool.workers.start(0, BUSY)
        assert pool.receive().event is WorkerEvent.WORKING
        message = pool.receive()
    assert message.event is WorkerEvent.FINISHED, message.detail


@pytest.mark.slow
def test_the_process_of_a_released_device_ends_and_starts_again(tmp_path):
    make_executor = functools.partial(FakeExecutor, FakeWorkload(steps=2))
    with OpenPool(make_executor, tmp_path, release_s=0.1) as pool:
        pool.workers.start(0, TASK)
        while pool.receive().event is not WorkerEvent.FINISHED:
            pass
        first = pool.workers.process_id(0)
        pool.workers.release(0)
        wait_until(lambda: pool.workers.process_id(0) is None)
        wait_until(lambda: not is_running(first))
        pool.workers.acquire(0)
        assert pool.workers.process_id(0) not in {None, first}
        pool.workers.start(0, Task(4, TaskKind.EVALUATION, ((1, 1),)))
        assert [pool.receive().event, pool.receive().event] == [WorkerEvent.WORKING, WorkerEvent.FINISHED]


@pytest.mark.slow
def test_a_device_that_is_taken_back_in_time_keeps_its_process(tmp_path):
    make_executor = functools.partial(FakeExecutor, FakeWorkload(steps=2))
    with OpenPool(make_executor, tmp_path, release_s=60.0) as pool:
        first = pool.workers.process_id(0)
        pool.workers.release(0)
        pool.workers.acquire(0)
        assert pool.workers._workers[0]._released_until_s is None
        assert pool.workers.process_id(0) == first


@pytest.mark.long
def test_a_training_that_never_asks_is_waited_for_beyond_the_time_for_a_checkpoint(own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # which is also the folder of the training's relative paths
    with OpenPool(own, tmp_path, shutdown_s=2.0) as pool:
        pool.workers.start(0, UNASKING)
        assert pool.receive().event is WorkerEvent.WORKING
        pool.workers.preempt(0)
        with pytest.raises(queue.Empty):
            pool.messages.get(timeout=6.0)
        (tmp_path / "go").touch()
        ended = pool.receive()
        assert (ended.event, ended.outcome.values) == (WorkerEvent.FINISHED, ((-2.0, 1.0),))


SCRIPT = """
import pathlib, sys, threading, time

from ce_nas.cluster.workers.local import LocalWorkerPool, WorkerTimeouts
from ce_nas.core.records import Task, TaskKind
from ce_nas.benchmarks.base import Executor


class Endless(Executor):
    def __init__(self, device):
        pass

    def run(self, task, folder, should_stop):
        while True:
            pass


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    pool = LocalWorkerPool(Endless, ["cpu"], folder, WorkerTimeouts(shutdown_s=0.5))
    pool.open(lambda message: (folder / message.event).touch())
    pool.start(0, Task(0, TaskKind.EVALUATION, ((1,),)))
    (folder / "worker").write_text(str(pool.process_id(0)))
    threading.Event().wait()
"""


@pytest.mark.slow
def test_a_worker_ends_with_its_run_however_busy(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    run = subprocess.Popen([sys.executable, str(script), str(tmp_path)])
    wait_until((tmp_path / "working").exists, 60.0)
    worker = int((tmp_path / "worker").read_text())
    assert is_running(worker)
    run.send_signal(signal.SIGKILL)
    run.wait()
    wait_until(lambda: not is_running(worker))
