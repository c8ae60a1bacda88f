"""Processes left running end with the process that started them, politely first."""

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def run_script(script):
    """What a process of its own prints: the function changes handlers, and ends all that it finds."""
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


#: starts a rank in a session of its own, as torchrun does; its arguments: what it and the rank do on SIGTERM
AGENT = """
    import signal, subprocess, sys, time
    do, trap = sys.argv[1:]
    wait = "while :; do sleep 0.05; done" if trap else "exec sleep 600"
    script = f"trap '{trap}' TERM; echo $$; {wait}"
    rank = subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE, text=True)
    def end(*_):
        if do == "end-rank":
            time.sleep(2.0)
            rank.terminate()
            time.sleep(0.5)
            sys.exit(rank.wait())
        if do == "exit":
            sys.exit(7)
    signal.signal(signal.SIGTERM, end)
    print(rank.stdout.readline(), flush=True)
    while True:
        time.sleep(0.05)
"""


@pytest.mark.parametrize(
    ("do", "trap", "code"),
    [("end-rank", "exit 5", "5"), ("exit", "exit", "7"), ("exit", "", "7"), ("ignore", "", "-9")],
)
def test_an_agent_may_end_its_ranks_and_they_end_if_it_does_not(do, trap, code):
    assert run_script(f"""
        import os, subprocess, sys, time
        from ce_nas.cluster.workers.started_processes import end_started_processes
        start = [sys.executable, "-c", {textwrap.dedent(AGENT)!r}, {do!r}, {trap!r}]
        agent = subprocess.Popen(start, stdout=subprocess.PIPE, text=True)
        rank = int(agent.stdout.readline())
        start_s = time.monotonic()
        end_started_processes(parent_grace_s={2.0 if do == "ignore" else 30.0}, grace_s=1.0)
        try:
            state = open(f"/proc/{{rank}}/stat").read().rpartition(")")[2].split()[0]
        except OSError:
            state = "ended"
        print(agent.wait(), state in {{"ended", "Z"}}, time.monotonic() - start_s < 20)
    """) == [code, "True", "True"]


def test_a_session_that_this_process_has_started_is_left_alone():
    assert run_script("""
        import os, signal, subprocess
        from ce_nas.cluster.workers.started_processes import end_started_processes
        start = ["sh", "-c", "sleep 600 >/dev/null & echo $!; wait"]
        helper = subprocess.Popen(start, start_new_session=True, stdout=subprocess.PIPE)
        child = int(helper.stdout.readline())
        end_started_processes(grace_s=1.0)
        print(helper.poll(), open(f"/proc/{child}/stat").read().rpartition(")")[2].split()[0] == "Z")
        os.killpg(helper.pid, signal.SIGKILL)
    """) == ["None", "False"]


@pytest.mark.parametrize("module", ["multiprocessing", "joblib.externals.loky.backend"])
def test_resource_trackers_end_by_themselves(module):
    pytest.importorskip(module)
    assert run_script(f"""
        import os, time
        from {module} import resource_tracker
        from ce_nas.cluster.workers.started_processes import end_started_processes
        resource_tracker.ensure_running()
        tracker = resource_tracker._resource_tracker._pid
        while b"resource_tracker" not in open(f"/proc/{{tracker}}/cmdline", "rb").read():
            time.sleep(0.01)
        start_s = time.monotonic()
        end_started_processes(grace_s=30.0)
        os.kill(tracker, 0)
        print(time.monotonic() - start_s < 10)
    """) == ["True"]


def test_nothing_happens_where_processes_cannot_be_read():
    assert run_script("""
        import pathlib, subprocess
        from ce_nas.cluster.workers import started_processes
        from ce_nas.energy import cpu_time
        started_processes.PROC_DIR = pathlib.Path("/nowhere")
        cpu_time.process_tree.__defaults__ = (started_processes.PROC_DIR,)
        child = subprocess.Popen(["sleep", "600"])
        started_processes.end_started_processes()
        print(child.poll())
        child.kill()
    """) == ["None"]


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
