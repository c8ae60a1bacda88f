"""The lines that a search and its Slurm jobs exchange."""

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage
from ce_nas.cluster.workers.slurm_messages import CommandFile, LineFile, ReplyFile
from ce_nas.core.records import Task, TaskKind

TASKS = [Task(number, TaskKind.EVALUATION, ((number, 2),), 0.5) for number in range(3)]


def test_a_job_that_begins_later_finds_the_last_attempt(tmp_path):
    search, path = CommandFile(LineFile(tmp_path / "orders")), tmp_path / "orders"
    assert CommandFile(LineFile(path)).read().task is None
    search.submit(1)
    search.start(1, TASKS[0])
    search.preempt(1)
    early = CommandFile(LineFile(path))
    assert (early.read().attempt, early.read().preempted) == (1, 1)
    search.start(2, TASKS[1])
    search.stop(1)
    for orders in (early.read(), CommandFile(LineFile(path)).read()):
        assert (orders.attempt, orders.task, orders.preempted, orders.submitted, orders.stopped) == (
            2,
            TASKS[1],
            1,
            1,
            1,
        )


def test_messages_come_back_as_they_were(tmp_path):
    job, search = (ReplyFile(LineFile(tmp_path / "replies")) for _ in range(2))
    assert job.last_ended() == 0
    message = WorkerMessage(0, WorkerEvent.FAILED, 2, failure=Failure.OUT_OF_MEMORY, detail="no\nroom")
    job.up(1)
    job.started(1, {"job": "7"})
    job.ended(1, message)
    assert search.read() == [{"up": 1}, {"started": 1, "place": {"job": "7"}}, {"ended": 1, "message": message}]
    assert search.read() == []
    assert job.last_ended() == 1


def test_a_line_that_its_writer_could_not_end_is_left_out(tmp_path):
    path = tmp_path / "replies"
    job, search = ReplyFile(LineFile(path)), ReplyFile(LineFile(path))
    job.up(1)
    with path.open("a") as file:
        file.write('{"ended": 1, "mess')
    assert search.read() == [{"up": 1}]  # it may be under way
    ReplyFile(LineFile(path)).up(2)  # as after a requeue
    assert search.read() == [{"up": 2}]
