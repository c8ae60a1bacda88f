"""A crew over a real Slurm, and what its jobs and its look at the queue do without one."""

import collections
import functools
import queue
import subprocess
import threading
import time

import pytest

from ce_nas.cluster.workers.base import Said
from ce_nas.cluster.workers.slurm import SlurmCrew, SlurmJob
from ce_nas.core.records import Task, TaskKind
from ce_nas.testing.fake_executor import Rehearsal, RehearsalExecutor

STEPS = 30
MAKE = functools.partial(RehearsalExecutor, Rehearsal(STEPS, step_s=0.1))
TASK = Task(3, TaskKind.EVALUATION, ((1, 1),))


def steps(folder):
    return collections.Counter((folder / "steps").read_text().split("\n")[:-1])


class Opened:
    def __init__(self, folder):
        self.reports = queue.Queue()
        self.crew = SlurmCrew(MAKE, ["cpu"], folder, {"timeout_min": 5, "cpus_per_task": 1}, look_s=0.1)
        self.crew.open(self.reports.put)

    def hear(self):
        return self.reports.get(timeout=100)


def asked(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def until(condition):
    for _ in range(300):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it did not come about")


@pytest.mark.parametrize("how", [("scancel", "--signal=USR2"), ("scontrol", "requeue")])
def test_a_job_that_is_put_back_into_the_queue_goes_on_from_its_checkpoint(slurm, tmp_path, how):
    opened = Opened(tmp_path)
    opened.crew.start(0, TASK)
    assert opened.hear().said is Said.WORKING
    until((tmp_path / "steps").exists)
    job = (tmp_path / "job-0").read_text()
    asked(*how, job)
    until(lambda: "PENDING" in asked("squeue", "-h", "-o", "%T"))
    done = len(steps(tmp_path))
    assert 0 < done < STEPS
    time.sleep(2.0)  # Slurm starts no job anew in the second in which it was requeued ...
    asked("scontrol", "update", f"jobid={job}", "StartTime=now")  # ... and lets it wait two minutes by itself
    report = opened.hear()
    assert (report.said, report.task_id) == (Said.FINISHED, 3), report.words
    assert set(steps(tmp_path).values()) == {1}
    assert len(steps(tmp_path)) == STEPS
    assert "Restarts=1" in asked("scontrol", "show", "job", job)
    opened.crew.close()


def test_jobs_of_a_run_that_was_killed_are_cancelled_before_their_tasks_begin_again(slurm, tmp_path):
    killed = Opened(tmp_path)
    killed.crew.start(0, TASK)
    assert killed.hear().said is Said.WORKING
    first = (tmp_path / "job-0").read_text()
    again = Opened(tmp_path)
    again.crew._queue._look_s = 0.1
    assert first not in asked("squeue", "--me", "-h", "-o", "%i").split()
    again.crew.start(0, TASK)
    assert [again.hear().said, again.hear().said] == [Said.WORKING, Said.FINISHED]
    assert set(steps(tmp_path).values()) == {1}
    for opened in (killed, again):
        opened.crew._running.clear()
        opened.crew.close()


def test_the_work_is_left_before_its_job_is_put_back(tmp_path):
    pytest.importorskip("submitit", reason="a crew over Slurm needs the extra slurm")
    make = functools.partial(RehearsalExecutor, Rehearsal(STEPS, step_s=0.01))
    job, reports = SlurmJob(make, 0, "cpu", tmp_path), []
    thread = threading.Thread(target=lambda: reports.append(job(TASK)))
    thread.start()
    until((tmp_path / "steps").exists)
    again = job.checkpoint(TASK)
    thread.join()
    done = len(steps(tmp_path))
    assert reports[0].said is Said.LEFT
    assert 0 < done < STEPS
    assert again.function(*again.args).said is Said.FINISHED
    assert set(steps(tmp_path).values()) == {1}
