"""The Slurm worker pool on a Slurm cluster of this machine, and its job without one."""

import collections
import functools
import queue
import subprocess
import threading
import time

import pytest

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent
from ce_nas.cluster.workers.slurm import SlurmJob, SlurmWorkerPool, _explain_missing_package
from ce_nas.cluster.workers.slurm_job import DeviceFiles, read_report
from ce_nas.components.registry import METERS
from ce_nas.core.records import Task, TaskKind
from ce_nas.energy.base import usage_between
from ce_nas.energy.reported_meter import WorkerMeter
from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload

STEPS = 30
MAKE_EXECUTOR = functools.partial(FakeExecutor, FakeWorkload(STEPS, step_s=0.1))
TASK = Task(3, TaskKind.EVALUATION, ((1, 1),))
OTHER = Task(4, TaskKind.EVALUATION, ((1, 1),))


def count_steps(folder):
    return collections.Counter((folder / "steps").read_text().split("\n")[:-1])


class OpenPool:
    def __init__(self, folder):
        self.messages = queue.Queue()
        self.workers = SlurmWorkerPool(
            MAKE_EXECUTOR, ["cpu"], folder, {"timeout_min": 5, "cpus_per_task": 1}, poll_interval_s=0.1
        )
        self.workers.open(self.messages.put)

    def receive(self):
        return self.messages.get(timeout=100)


def run_command(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_until(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("the condition was not met in 120 s")


@pytest.mark.long
@pytest.mark.slurm
@pytest.mark.parametrize("command", [("scancel", "--signal=USR2"), ("scontrol", "requeue")])
def test_requeued_job_resumes_from_checkpoint(slurm, tmp_path, command):
    pool = OpenPool(tmp_path)
    pool.workers.start(0, TASK)
    assert pool.receive().event is WorkerEvent.WORKING
    wait_until((tmp_path / "steps").exists)
    job = (tmp_path / "job-0").read_text()
    run_command(*command, job)
    wait_until(lambda: "PENDING" in run_command("squeue", "-h", "-o", "%T"))
    done = len(count_steps(tmp_path))
    assert 0 < done < STEPS
    time.sleep(2.0)  # Slurm restarts no job in the second of its requeue ...
    run_command("scontrol", "update", f"jobid={job}", "StartTime=now")  # ... and delays it by two minutes
    message = pool.receive()
    assert (message.event, message.task_id) == (WorkerEvent.FINISHED, 3), message.detail
    assert set(count_steps(tmp_path).values()) == {1}
    assert len(count_steps(tmp_path)) == STEPS
    assert "Restarts=1" in run_command("scontrol", "show", "job", job)
    pool.workers.close()


@pytest.mark.long
@pytest.mark.slurm
def test_jobs_of_killed_run_are_cancelled(slurm, tmp_path):
    killed = OpenPool(tmp_path)
    killed.workers.start(0, TASK)
    assert killed.receive().event is WorkerEvent.WORKING
    first = (tmp_path / "job-0").read_text()
    resumed = OpenPool(tmp_path)
    resumed.workers._queue._min_query_interval_s = 0.1
    assert first not in run_command("squeue", "--me", "-h", "-o", "%i").split()
    resumed.workers.start(0, TASK)
    assert [resumed.receive().event, resumed.receive().event] == [WorkerEvent.WORKING, WorkerEvent.FINISHED]
    assert set(count_steps(tmp_path).values()) == {1}
    for pool in (killed, resumed):
        pool.workers._slurm_devices[0].task = None
        pool.workers.close()


class OneJob:
    """A job of device 1 without Slurm, and the search's end of its files."""

    def __init__(self, folder, executor=None, *, steps=2, **fields):
        files = DeviceFiles(folder, 1, "run")
        make_executor = executor or functools.partial(FakeExecutor, FakeWorkload(steps, step_s=0.05))
        self.job = SlurmJob(make_executor, "cpu", files, 1, idle_s=fields.pop("idle_s", 60.0), **fields)
        self.commands, self.replies = files.commands(), files.replies()
        self.commands.submit(1)

    def serve(self, *tasks):
        """Let the job run tasks and end; returns its replies."""
        thread = threading.Thread(target=self.job)
        thread.start()
        replies = []
        for attempt, task in enumerate(tasks, 1):
            self.commands.start(attempt, task)
            while not any(reply.get("ended") == attempt for reply in replies):
                replies += self.replies.read()
                time.sleep(0.02)
        self.commands.stop(1)
        thread.join(60)
        assert not thread.is_alive()
        return [*replies, *self.replies.read()]


def test_a_job_runs_one_task_after_another_and_ends_when_it_is_released(tmp_path):
    replies = OneJob(tmp_path).serve(TASK, OTHER, TASK)
    assert [next(iter(reply)) for reply in replies] == ["up", *["started", "ended"] * 3, "gone"]
    assert [reply["message"].task_id for reply in replies if "message" in reply] == [3, 4, 3]
    assert {reply["message"].event for reply in replies if "message" in reply} == {WorkerEvent.FINISHED}


def test_a_job_without_a_task_ends_by_itself(tmp_path):
    one = OneJob(tmp_path, idle_s=0.3)
    assert one.job() == "it had nothing to do"
    assert [next(iter(reply)) for reply in one.replies.read()] == ["up", "gone"]


def test_a_job_that_was_replaced_touches_nothing(tmp_path):
    one = OneJob(tmp_path)
    one.commands.submit(2)
    one.commands.start(1, TASK)
    one.job()
    assert [next(iter(reply)) for reply in one.replies.read()] == ["up"]
    assert not (tmp_path / "steps").exists()


def test_an_attempt_that_is_not_wanted_any_more_does_not_begin(tmp_path):
    one = OneJob(tmp_path, idle_s=0.3)
    one.commands.start(1, TASK)
    one.commands.preempt(1)
    one.job()
    (message,) = [reply["message"] for reply in one.replies.read() if "message" in reply]
    assert message.event is WorkerEvent.PREEMPTED
    assert not (tmp_path / "steps").exists()


def test_job_is_preempted_before_requeue(tmp_path):
    pytest.importorskip("submitit", reason="needs the extra slurm")
    one = OneJob(tmp_path, steps=STEPS)
    one.commands.start(1, TASK)
    thread = threading.Thread(target=one.job)
    thread.start()
    wait_until((tmp_path / "steps").exists)
    requeued = one.job.checkpoint()
    thread.join()
    done = len(count_steps(tmp_path))
    assert 0 < done < STEPS
    assert not any("ended" in reply for reply in one.replies.read())  # the search is not told
    one.commands.stop(1)
    requeued.function(*requeued.args)
    (message,) = [reply["message"] for reply in one.replies.read() if "message" in reply]
    assert message.event is WorkerEvent.FINISHED
    assert set(count_steps(tmp_path).values()) == {1}


def test_a_job_without_a_task_is_not_requeued(tmp_path):
    pytest.importorskip("submitit", reason="needs the extra slurm")
    one = OneJob(tmp_path)
    thread = threading.Thread(target=one.job)
    thread.start()
    wait_until(lambda: any("up" in reply for reply in one.replies.read()))
    assert one.job.checkpoint() is None
    thread.join()
    assert [next(iter(reply)) for reply in one.replies.read()] == ["gone"]


def make_meter(device):
    return WorkerMeter(METERS.validate("modelled"), device)


def test_a_job_reads_the_meter_of_its_node(tmp_path):
    (message,) = [
        reply["message"] for reply in OneJob(tmp_path, make_meter=make_meter).serve(TASK) if "message" in reply
    ]
    assert message.event is WorkerEvent.FINISHED
    assert message.report.energy_j > 0
    assert "per busy core" in message.report.origin
    assert read_report(tmp_path / "meter-1.json").process == message.report.process


def test_a_job_without_its_executor_tells_why(tmp_path):
    def fail(device):
        message = "no data on this node"
        raise FileNotFoundError(message)

    (message,) = [reply["message"] for reply in OneJob(tmp_path, fail).serve(TASK) if "message" in reply]
    assert (message.event, message.failure) == (WorkerEvent.FAILED, Failure.ERROR)
    assert message.detail == "FileNotFoundError: no data on this node"


def test_a_node_without_the_package_is_one_sentence():
    stderr = ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'ce_nas'"]
    assert "Expected ce-nas" in _explain_missing_package("UncompletedJobError: Job failed", stderr)
    assert "No module named 'ce_nas'; install them there" in _explain_missing_package("", stderr)
    assert _explain_missing_package("RuntimeError: other", ["warning"]) == "RuntimeError: other"


@pytest.mark.long
def test_a_job_is_booked_while_it_is_held_and_nothing_after_its_release(tmp_path):
    pytest.importorskip("submitit", reason="needs the extra slurm")
    messages = queue.Queue()
    make_executor = functools.partial(FakeExecutor, FakeWorkload(4, step_s=0.2))
    workers = SlurmWorkerPool(
        make_executor, ["cpu"], tmp_path, {"timeout_min": 5}, make_meter=make_meter, cluster="local",
        poll_interval_s=0.05,
    )  # fmt: skip
    workers.open(messages.put)
    meter = workers.reported_meters[0]
    before = meter.snapshot()
    for task in (TASK, OTHER):
        workers.start(0, task)
        while messages.get(timeout=100).event is not WorkerEvent.FINISHED:
            pass
    ended = meter.snapshot()
    assert usage_between(before, ended).energy_j > 0
    assert workers._slurm_devices[0].jobs == 1
    workers.release(0)
    wait_until(lambda: workers._slurm_devices[0].job is None)
    released = meter.snapshot()
    time.sleep(0.3)
    idle = usage_between(released, meter.snapshot())
    assert (idle.energy_j, idle.coverage) == (0.0, pytest.approx(1.0))
    workers.start(0, TASK)  # a job of its own again
    while messages.get(timeout=100).event is not WorkerEvent.FINISHED:
        pass
    assert workers._slurm_devices[0].jobs == 2
    workers.close()


SLURM = {"SLURM_JOB_ID": "77", "SLURMD_NODENAME": "node-3", "SLURM_JOB_ACCOUNT": "lab", "SLURM_JOB_PARTITION": "gpu"}


def test_each_start_of_a_task_says_where_it_runs(tmp_path, monkeypatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    (place,) = [reply["place"] for reply in OneJob(tmp_path).serve(TASK) if "place" in reply]
    assert place == {"job": "77", "node": "node-3", "account": "lab", "partition": "gpu", "restart": "1"}


def test_a_job_that_slurm_says_nothing_of_has_no_place(tmp_path, monkeypatch):
    for name in SLURM:
        monkeypatch.delenv(name, raising=False)
    assert [reply["place"] for reply in OneJob(tmp_path).serve(TASK) if "place" in reply] == [{}]
