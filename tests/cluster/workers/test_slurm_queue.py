import subprocess

from ce_nas.cluster.workers.slurm_queue import SlurmQueue


class FakeSqueue:
    """``squeue`` with settable output."""

    def __init__(self):
        self.now_s, self.jobs, self.queries = 0.0, "4 R\n5 PD\n", 0

    def __call__(self):
        self.queries += 1
        if self.jobs is None:
            raise subprocess.CalledProcessError(1, "squeue")
        return self.jobs


def make_queue(squeue):
    return SlurmQueue(lambda: squeue.now_s, squeue, min_query_interval_s=10.0)


def test_queue_contains_pending_and_running_jobs():
    queue = make_queue(FakeSqueue())
    assert queue.contains("4", 0.0) is True
    assert queue.contains("45", 0.0) is False


def test_queue_query_interval():
    squeue = FakeSqueue()
    queue = make_queue(squeue)
    for squeue.now_s in (0.0, 3.0, 9.0):
        queue.contains("4", 0.0)
    assert squeue.queries == 1
    squeue.now_s, squeue.jobs = 10.0, ""
    assert queue.contains("4", 0.0) is False
    assert squeue.queries == 2


def test_queue_query_is_repeated_for_newer_job():
    squeue = FakeSqueue()
    queue = make_queue(squeue)
    queue.contains("4", 0.0)
    squeue.now_s, squeue.jobs = 2.0, "4 R\n5 PD\n6 R\n"
    assert queue.contains("6", 1.0) is True


def test_queue_is_unknown_if_controller_fails():
    squeue = FakeSqueue()
    squeue.jobs = None
    assert make_queue(squeue).contains("4", 0.0) is None


def test_queue_pending_jobs():
    queue = make_queue(FakeSqueue())
    assert (queue.is_pending("4", 0.0), queue.is_pending("5", 0.0), queue.is_pending("6", 0.0)) == (False, True, False)
