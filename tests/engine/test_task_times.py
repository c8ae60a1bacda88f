"""The remaining time of tasks."""

from ce_nas.benchmarks.base import Evaluator
from ce_nas.core.records import Outcome, Task, TaskKind
from ce_nas.engine.task_times import TaskTimes


class HundredSeconds(Evaluator):
    """A task takes 100 s times the first choice of its architecture; keeps the recorded duration."""

    objectives = ()
    supernet_training_s = 0.0
    has_proxy_scores = True

    def duration_s(self, task):
        return 100.0 * task.architectures[0][0]

    def record_duration(self, task, duration_s):
        self.recorded = (task.id, duration_s)

    def run(self, task):
        return Outcome(task.id, ((0.0,),))


def make_training(number, length):
    return Task(number, TaskKind.EVALUATION, ((length,),))


def test_remaining_time_of_task():
    times, task = TaskTimes(HundredSeconds()), make_training(0, 10)
    assert times.remaining_s(task, 50.0) == 1000.0
    times.start(task, 100.0)
    assert times.remaining_s(task, 400.0) == 700.0
    times.pause(task, 500.0)
    assert times.remaining_s(task, 9000.0) == 600.0
    times.start(task, 9000.0)
    assert times.remaining_s(task, 9100.0) == 500.0
    assert times.remaining_s(task, 99999.0) == 0.0


def test_nothing_before_a_failure_is_counted_as_done_but_it_is_recorded():
    problem = HundredSeconds()
    times, task = TaskTimes(problem), make_training(0, 10)
    times.start(task, 0.0)
    times.pause(task, 700.0)
    times.start(task, 5000.0)
    times.fail(task)  # the checkpoint of the first 700 s may be lost, too
    times.start(task, 5200.0)
    assert times.remaining_s(task, 5200.0) == 1000.0
    times.pause(task, 5300.0)
    assert times.remaining_s(task, 6000.0) == 900.0
    times.start(task, 6000.0)
    times.finish(task, 6200.0)
    assert problem.recorded == (0, 1000.0)
    times.start(task, 7000.0)
    assert times.remaining_s(task, 7000.0) == 1000.0


def test_shortest_started_training():
    times = TaskTimes(HundredSeconds())
    assert times.shortest_training_s == 0.0
    times.start(Task(9, TaskKind.SAMPLING, ((1,),)), 0.0)
    for number, length in enumerate((7, 3, 5)):
        times.start(make_training(number, length), 0.0)
    assert times.shortest_training_s == 300.0


def test_unfinished_tasks():
    times, first, second = TaskTimes(HundredSeconds()), make_training(4, 1), make_training(2, 1)
    for task in (first, second):
        times.start(task, 0.0)
    times.pause(first, 5.0)
    assert times.unfinished_task_ids == [2, 4]
    times.discard(second)
    assert times.unfinished_task_ids == [4]


def test_duration_is_recorded_at_end_of_task():
    problem = HundredSeconds()
    times, task = TaskTimes(problem), make_training(3, 10)
    times.start(task, 100.0)
    times.pause(task, 500.0)
    times.start(task, 9000.0)
    times.finish(task, 9100.0)
    assert problem.recorded == (3, 500.0)
    assert times.unfinished_task_ids == []
    times.start(make_training(4, 10), 100.0)
    times.finish(make_training(4, 10), 900.0, 650.0)  # worked for 650 s, loaded for the rest
    assert problem.recorded == (4, 650.0)


def test_time_before_the_work_is_not_work():
    times, task = TaskTimes(HundredSeconds()), make_training(0, 10)
    times.start(task, 100.0, 60.0)
    assert times.longest_training_s == 1060.0
    assert times.remaining_s(task, 100.0) == 1060.0
    assert times.remaining_s(task, 160.0) == 1000.0
    times.pause(task, 130.0)  # during the start-up
    assert times.remaining_s(task, 500.0) == 1000.0
    times.start(Task(1, TaskKind.SAMPLING, ((3,),)), 0.0)
    assert times.last_sampling_s == 300.0
