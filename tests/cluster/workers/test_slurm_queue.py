import subprocess

from ce_nas.cluster.workers.slurm_queue import SlurmQueue


class Squeue:
    """A queue that holds what the test says."""

    def __init__(self):
        self.now_s, self.jobs, self.asked = 0.0, "4 R\n5 PD\n", 0

    def __call__(self):
        self.asked += 1
        if self.jobs is None:
            raise subprocess.CalledProcessError(1, "squeue")
        return self.jobs


def queue_of(squeue):
    return SlurmQueue(lambda: squeue.now_s, squeue, look_s=10.0)


def test_it_says_which_jobs_wait_or_run():
    queue = queue_of(Squeue())
    assert queue.holds("4", 0.0) is True
    assert queue.holds("45", 0.0) is False


def test_it_looks_no_oftener_than_it_may():
    squeue = Squeue()
    queue = queue_of(squeue)
    for squeue.now_s in (0.0, 3.0, 9.0):
        queue.holds("4", 0.0)
    assert squeue.asked == 1
    squeue.now_s, squeue.jobs = 10.0, ""
    assert queue.holds("4", 0.0) is False
    assert squeue.asked == 2


def test_an_older_look_says_nothing_of_a_job():
    squeue = Squeue()
    queue = queue_of(squeue)
    queue.holds("4", 0.0)
    squeue.now_s, squeue.jobs = 2.0, "4 R\n5 PD\n6 R\n"
    assert queue.holds("6", 1.0) is True


def test_a_controller_that_does_not_answer_is_no_empty_queue():
    squeue = Squeue()
    squeue.jobs = None
    assert queue_of(squeue).holds("4", 0.0) is None


def test_it_tells_who_waits():
    queue = queue_of(Squeue())
    assert (queue.waits("4", 0.0), queue.waits("5", 0.0), queue.waits("6", 0.0)) == (False, True, False)
