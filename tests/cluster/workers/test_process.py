import os
import subprocess
import sys

import pytest

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent
from ce_nas.cluster.workers.process import LifeSigns, PreemptionCheck, _lock_device, execute_task, log_output
from ce_nas.core.errors import ClusterError
from ce_nas.core.records import Outcome, Task, TaskKind


class FakeProcess:
    now_s = cpu_s = 0.0

    def signs(self):
        return LifeSigns(lambda: self.now_s, lambda: self.cpu_s)

    def advance(self, seconds, cpu_seconds):
        self.now_s += seconds
        self.cpu_s += cpu_seconds


def test_a_task_is_alive_while_it_asks_or_computes():
    process = FakeProcess()
    alive = process.signs()
    assert alive()
    process.advance(10.0, 0.01)  # only the heartbeat itself
    assert not alive()
    process.advance(10.0, 9.0)
    assert alive()
    process.advance(10.0, 0.01)
    alive.note_question()
    assert alive()
    process.advance(10.0, 0.01)
    assert not alive()


def test_without_cpu_time_only_questions_count():
    process = FakeProcess()
    process.cpu_s = None
    alive = process.signs()
    alive()
    assert not alive()


def test_a_check_notes_that_the_task_asks():
    requested = []
    check = PreemptionCheck(lambda: bool(requested))
    check.life_signs()
    assert not check()
    assert check.life_signs()
    requested.append(True)
    assert check()


def test_what_a_task_and_its_children_print_goes_to_its_log(tmp_path, capfd):
    with log_output(tmp_path / "logs" / "task-1.log"):
        os.write(1, b"from here\n")  # pytest has its own sys.stdout
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
    os.write(1, b"afterwards\n")
    assert (tmp_path / "logs" / "task-1.log").read_text() == "from here\nfrom a child\n"
    assert capfd.readouterr().out == "afterwards\n"


def test_an_empty_log_is_removed(tmp_path):
    with log_output(tmp_path / "task-1.log"):
        pass
    assert not (tmp_path / "task-1.log").exists()


def test_a_device_is_locked_for_one_worker(tmp_path):
    from threading import Event

    path = tmp_path / "device-0.lock"
    with _lock_device(path, 0.0, Event()), pytest.raises(ClusterError, match=f"the process {os.getpid()} still works"):
        _lock_device(path, 0.0, Event())
    with _lock_device(path, 0.0, Event()):
        pass


class Ending:
    """An executor whose task ends in a given way."""

    def __init__(self, end):
        self.end = end

    def run(self, task, folder, should_stop):
        return self.end()


def execute(end):
    task = Task(3, TaskKind.EVALUATION, ((0,),))
    return execute_task(Ending(end), task, 0, None, lambda: False)


def test_an_exit_is_described_by_its_status_and_long_errors_are_cut():
    message = execute(lambda: sys.exit(4))
    assert (message.event, message.detail) == (WorkerEvent.FAILED, "exit status: 4")
    long = execute(lambda: {}["x" * 200_000])
    assert len(long.detail) < 2100
    assert long.detail.endswith("characters left out)")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e308, -1e60])
def test_a_metric_that_is_no_measurement_is_a_failure(value):
    message = execute(lambda: Outcome(3, ((0.5, value),)))
    assert (message.event, message.failure) == (WorkerEvent.FAILED, Failure.DIVERGED)
    assert execute(lambda: Outcome(3, ((0.5, 1e40),))).event is WorkerEvent.FINISHED


@pytest.mark.parametrize(("scores", "event"), [((), WorkerEvent.FINISHED), ((1.0,), WorkerEvent.FAILED)])
def test_a_task_that_measures_a_cost_alone_may_know_nothing_of_the_rest(scores, event):
    outcome = Outcome(3, ((float("nan"), 2.0),), (scores,))
    task = Task(3, TaskKind.SAMPLING, ((0,),))
    assert execute_task(Ending(lambda: outcome), task, 0, None, lambda: False).event is event
