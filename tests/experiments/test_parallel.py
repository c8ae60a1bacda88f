import multiprocessing
import operator
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ce_nas.experiments.parallel import run_in_parallel


def test_every_job_runs_once_for_any_number_of_processes():
    assert list(run_in_parallel(abs, [-1, -2, 3], 1)) == [1, 2, 3]
    assert sorted(run_in_parallel(abs, [-1, -2, 3], 2)) == [1, 2, 3]
    assert list(run_in_parallel(abs, [], 2)) == []


def test_error_of_a_job_is_raised():
    with pytest.raises(TypeError):
        list(run_in_parallel(operator.neg, [1, "one"], 2))


SLEEPERS = """
import multiprocessing
import signal
import time
from ce_nas.experiments.parallel import run_in_parallel
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
    for _ in run_in_parallel(time.sleep, [0.0, 600.0, 600.0, 600.0], 2):
        print(*(process.pid for process in multiprocessing.active_children()), flush=True)
"""


@pytest.mark.slow
def test_interruptions_end_the_processes_at_once(tmp_path):
    (tmp_path / "sleepers.py").write_text(SLEEPERS)
    script = [sys.executable, tmp_path / "sleepers.py"]
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True) as running:
        workers = list(map(int, running.stdout.readline().split()))
        assert len(workers) == 2
        for _ in range(2):  # a key pressed twice
            running.send_signal(signal.SIGINT)
            time.sleep(0.05)
        try:
            assert running.wait(60.0) != 0
        finally:
            running.kill()
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_a_caller_that_stops_does_not_wait_for_running_jobs():
    results = run_in_parallel(time.sleep, [0.0, 600.0, 600.0], 2)
    next(results)
    results.close()
    assert not multiprocessing.active_children()
