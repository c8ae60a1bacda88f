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
from ce_nas.cluster.workers.slurm import SlurmJob, SlurmWorkerPool, _explain_missing_package, _read_places, _read_report
from ce_nas.config.registry import METERS
from ce_nas.core.records import Task, TaskKind
from ce_nas.energy.base import usage_between
from ce_nas.energy.reported_meter import WorkerMeter
from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload

STEPS = 30
MAKE_EXECUTOR = functools.partial(FakeExecutor, FakeWorkload(STEPS, step_s=0.1))
TASK = Task(3, TaskKind.EVALUATION, ((1, 1),))


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
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("the condition was not met in 30 s")


@pytest.mark.slow
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


@pytest.mark.slow
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
        pool.workers._running.clear()
        pool.workers.close()


def test_job_is_preempted_before_requeue(tmp_path):
    pytest.importorskip("submitit", reason="needs the extra slurm")
    make_executor = functools.partial(FakeExecutor, FakeWorkload(STEPS, step_s=0.01))
    job, messages = SlurmJob(make_executor, 0, "cpu", tmp_path), []
    thread = threading.Thread(target=lambda: messages.append(job(TASK)))
    thread.start()
    wait_until((tmp_path / "steps").exists)
    requeued = job.checkpoint(TASK)
    thread.join()
    done = len(count_steps(tmp_path))
    assert messages[0].event is WorkerEvent.PREEMPTED
    assert 0 < done < STEPS
    assert requeued.function(*requeued.args).event is WorkerEvent.FINISHED
    assert set(count_steps(tmp_path).values()) == {1}


def make_meter(device):
    return WorkerMeter(METERS.validate("modelled"), device)


def test_a_job_reads_the_meter_of_its_node(tmp_path):
    make_executor = functools.partial(FakeExecutor, FakeWorkload(2, step_s=0.01))
    message = SlurmJob(make_executor, 1, "cpu", tmp_path, make_meter)(TASK)
    assert message.event is WorkerEvent.FINISHED
    assert message.report.energy_j > 0
    assert "per busy core" in message.report.origin
    assert _read_report(tmp_path / "meter-1.json").process == message.report.process


def test_a_job_without_its_executor_tells_why(tmp_path):
    def fail(device):
        message = "no data on this node"
        raise FileNotFoundError(message)

    message = SlurmJob(fail, 0, "cpu", tmp_path)(TASK)
    assert (message.event, message.failure) == (WorkerEvent.FAILED, Failure.ERROR)
    assert message.detail == "FileNotFoundError: no data on this node"


def test_a_node_without_the_package_is_one_sentence():
    stderr = ["Traceback (most recent call last):", "ModuleNotFoundError: No module named 'ce_nas'"]
    assert "Expected ce-nas" in _explain_missing_package("UncompletedJobError: Job failed", stderr)
    assert "No module named 'ce_nas'; install them there" in _explain_missing_package("", stderr)
    assert _explain_missing_package("RuntimeError: other", ["warning"]) == "RuntimeError: other"


@pytest.mark.slow
def test_between_jobs_nothing_is_booked(tmp_path):
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
    workers.start(0, TASK)
    while messages.get(timeout=100).event is not WorkerEvent.FINISHED:
        pass
    ended = meter.snapshot()
    assert usage_between(before, ended).energy_j > 0
    time.sleep(0.3)
    idle = usage_between(ended, meter.snapshot())
    assert (idle.energy_j, idle.coverage) == (0.0, 1.0)
    workers.close()


SLURM = {"SLURM_JOB_ID": "77", "SLURMD_NODENAME": "node-3", "SLURM_JOB_ACCOUNT": "lab", "SLURM_JOB_PARTITION": "gpu"}


def test_each_start_of_a_job_says_where_it_runs(tmp_path, monkeypatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    make_executor = functools.partial(FakeExecutor, FakeWorkload(2, step_s=0.01))
    job = SlurmJob(make_executor, 1, "cpu", tmp_path)
    job(TASK)
    monkeypatch.setenv("SLURMD_NODENAME", "node-4")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    job(TASK)
    place = {"job": "77", "node": "node-3", "account": "lab", "partition": "gpu"}
    assert _read_places(job.started_file(TASK.id)) == (place, {**place, "node": "node-4", "restart": "1"})
    assert _read_places(tmp_path / "none") == ()


def test_a_job_that_slurm_says_nothing_of_has_no_place(tmp_path, monkeypatch):
    for name in SLURM:
        monkeypatch.delenv(name, raising=False)
    job = SlurmJob(functools.partial(FakeExecutor, FakeWorkload(2, step_s=0.01)), 1, "cpu", tmp_path)
    job(TASK)
    assert _read_places(job.started_file(TASK.id)) == ()
