"""What each task still needs, told from when it was started and suspended."""

from ce_nas.benchmarks.base import Evaluator
from ce_nas.core.records import Outcome, Task, TaskKind
from ce_nas.engine.budgets import Workload


class ByNumber(Evaluator):
    """A task takes a hundred seconds times its first architecture's first choice."""

    objectives = ()
    supernet_training_s = 0.0
    can_score = True

    def duration_s(self, task):
        return 100.0 * task.architectures[0][0]

    def took(self, task, duration_s):
        self.learnt = (task.id, duration_s)

    def run(self, task):
        return Outcome(task.id, ((0.0,),))


def training(number, length):
    return Task(number, TaskKind.EVALUATION, ((length,),))


def test_a_task_needs_less_the_longer_it_was_at_work():
    work, task = Workload(ByNumber()), training(0, 10)
    assert work.left_s(task, 50.0) == 1000.0
    work.begin(task, 100.0)
    assert work.left_s(task, 400.0) == 700.0
    work.pause(task, 500.0)
    assert work.left_s(task, 9000.0) == 600.0
    work.begin(task, 9000.0)
    assert work.left_s(task, 9100.0) == 500.0
    assert work.left_s(task, 99999.0) == 0.0


def test_the_shortest_training_begun_is_remembered():
    work = Workload(ByNumber())
    assert work.shortest_s == 0.0
    work.begin(Task(9, TaskKind.SAMPLING, ((1,),)), 0.0)
    for number, length in enumerate((7, 3, 5)):
        work.begin(training(number, length), 0.0)
    assert work.shortest_s == 300.0


def test_what_was_begun_is_unfinished_until_it_ends():
    work, first, second = Workload(ByNumber()), training(4, 1), training(2, 1)
    for task in (first, second):
        work.begin(task, 0.0)
    work.pause(first, 5.0)
    assert work.unfinished == [2, 4]
    work.end(second)
    assert work.unfinished == [4]


def test_what_a_task_took_is_learnt_once_it_is_done():
    problem = ByNumber()
    work, task = Workload(problem), training(3, 10)
    work.begin(task, 100.0)
    work.pause(task, 500.0)
    work.begin(task, 9000.0)
    work.finish(task, 9100.0)
    assert problem.learnt == (3, 500.0)
    assert work.unfinished == []
    work.begin(training(4, 10), 100.0)
    work.finish(training(4, 10), 900.0, 650.0)  # at work for that long, and loading for the rest
    assert problem.learnt == (4, 650.0)
