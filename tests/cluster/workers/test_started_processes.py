"""Processes left running end with the process that started them, politely first."""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def run_script(script):
    """What a process of its own prints: the functions change handlers and adopt processes."""
    script = textwrap.dedent(script)
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.split()


def test_nothing_started_needs_no_time():
    assert run_script("""
        import time
        from ce_nas.cluster.workers.started_processes import end_started_processes
        start_s = time.monotonic()
        end_started_processes(grace_s=30.0)
        print(time.monotonic() - start_s < 5)
    """) == ["True"]


def test_a_process_is_asked_before_it_is_killed():
    assert run_script("""
        import subprocess
        from ce_nas.cluster.workers.started_processes import end_started_processes
        def start(trap):
            script = f"trap '{trap}' TERM; echo ready; while :; do sleep 0.05; done"
            process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True)
            process.stdout.readline()
            return process
        tidy, deaf = start("echo tidied; exit 3"), start("")
        end_started_processes(grace_s=1.0)
        print(tidy.stdout.read().strip(), tidy.wait(), deaf.wait())
    """) == ["tidied", "3", "-9"]


def test_an_orphan_is_adopted_and_ended_but_a_session_of_its_own_is_not():
    assert run_script("""
        import os, signal, subprocess
        from ce_nas.cluster.workers.started_processes import adopt_orphans, end_started_processes
        adopt_orphans()
        start = ["sh", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"]
        orphan = int(subprocess.check_output(start))
        daemon = int(subprocess.check_output(start, start_new_session=True))
        end_started_processes()
        state = open(f"/proc/{orphan}/stat").read().rpartition(")")[2].split()[0]
        os.kill(daemon, 0)
        os.kill(daemon, signal.SIGKILL)
        print(state)
    """) == ["Z"]


def test_torchs_handler_of_ended_loaders_does_not_fail():
    assert run_script("""
        import signal, subprocess
        from ce_nas.cluster.workers.started_processes import end_started_processes
        def fail(*_):
            raise RuntimeError("a loader was killed")
        child = subprocess.Popen(["sleep", "600"])
        signal.signal(signal.SIGCHLD, fail)
        end_started_processes()
        print(child.wait())
    """) == ["-15"]
