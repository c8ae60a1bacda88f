import pytest

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.failure_watch import FailureWatch
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.cluster.workers.process import task_log_path
from ce_nas.core.errors import TrainingsFailedError
from ce_nas.core.records import Task, TaskKind


def failed(number, detail):
    message = WorkerMessage(0, WorkerEvent.FAILED, number, failure=Failure.ERROR, detail=detail)
    return message, Task(number, TaskKind.EVALUATION, ((0,),))


def test_the_first_failure_of_a_kind_is_shown_with_its_traceback(tmp_path, caplog):
    log = task_log_path(tmp_path / "work", 0)
    log.parent.mkdir(parents=True)
    log.write_text("epoch 1\nTraceback (most recent call last):\n  File 'own.py', line 3\nValueError: of task 0\n")
    watch = FailureWatch(tmp_path / "work", "continue with: ce-nas resume run")
    watch.note(*failed(0, "ValueError: of task 0 (own.py, line 3)"))
    shown = caplog.text
    caplog.clear()
    assert "Task 0 failed: error: ValueError: of task 0 (own.py, line 3)" in shown
    assert "File 'own.py', line 3" in shown
    assert "epoch 1" not in shown
    assert f"ce-nas logs {tmp_path} 0" in shown
    watch.note(*failed(1, "ValueError: of task 1 (own.py, line 3)"))
    assert not caplog.text


def test_a_search_whose_first_architectures_all_fail_ends_with_status_1(tmp_path):
    watch = FailureWatch(tmp_path / "work", "continue with: ce-nas resume run")
    for number in (0, 0, 0, 1):
        watch.note(*failed(number, "mine"))
    words = r"the last one with: error: mine\. Fix the code and continue with: ce-nas resume run$"
    with pytest.raises(TrainingsFailedError, match=words):
        watch.note(*failed(2, "mine."))
    assert TrainingsFailedError.exit_status == 1


def test_one_training_that_ends_well_is_enough(tmp_path):
    watch = FailureWatch(tmp_path / "work", "continue with: ce-nas resume run")
    watch.note(WorkerMessage(0, WorkerEvent.FINISHED, 0), Task(0, TaskKind.EVALUATION, ((0,),)))
    for number in range(1, 9):
        watch.note(*failed(number, "mine"))
