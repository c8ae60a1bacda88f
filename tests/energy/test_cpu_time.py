import os
import subprocess
import sys

import pytest

from ce_nas.energy.base import usage_between
from ce_nas.energy.cpu_time import CpuTimeMeter

TICKS = os.sysconf("SC_CLK_TCK")


class FakeProc:
    """A /proc directory with the CPU time of one process."""

    def __init__(self, root):
        self.root, self.pid, self.now_s = root, None, 0.0

    def run(self, pid, cpu_s):
        folder = self.root / str(pid)
        folder.mkdir(exist_ok=True)
        before = " ".join(["S", *["0"] * 10])
        (folder / "stat").write_text(f"{pid} (a (strange) name) {before} {int(cpu_s * TICKS)} 0 0 0 20 0")
        self.pid = pid

    def kill(self):
        (self.root / str(self.pid) / "stat").unlink()
        self.pid = None


@pytest.fixture
def proc(tmp_path):
    return FakeProc(tmp_path)


@pytest.fixture
def meter(proc):
    with CpuTimeMeter(
        lambda: proc.pid, 10.0, 2.0, interval_s=1000.0, now_s=lambda: proc.now_s, proc_dir=proc.root
    ) as meter:
        yield meter


def test_cpu_time_and_baseline_are_charged(proc, meter):
    proc.run(7, 100.0)
    first = meter.snapshot()
    proc.run(7, 103.0)
    proc.now_s = 5.0
    assert usage_between(first, meter.snapshot()).energy_j == pytest.approx(3 * 10 + 5 * 2)


def test_cpu_time_of_new_process_counts_from_zero(proc, meter):
    proc.run(7, 5.0)
    first = meter.snapshot()
    proc.kill()
    meter.snapshot()
    proc.run(8, 2.0)
    assert usage_between(first, meter.snapshot()).energy_j == pytest.approx(20.0)


def test_cpu_time_of_this_process():
    with CpuTimeMeter(os.getpid, interval_s=1000.0) as meter:
        first = meter.snapshot()
        sum(range(3_000_000))
        assert usage_between(first, meter.snapshot()).energy_j > 0


def test_cpu_time_of_children_counts_while_they_run(proc, meter):
    proc.run(7, 1.0)
    first = meter.snapshot()
    (proc.root / "7" / "task" / "7").mkdir(parents=True)
    (proc.root / "7" / "task" / "7" / "children").write_text("8 ")
    proc.run(8, 4.0)
    proc.pid = 7
    assert usage_between(first, meter.snapshot()).energy_j == pytest.approx(40.0)


def test_further_processes_count_once_though_they_may_be_children(proc):
    proc.run(9, 1.0)
    proc.run(8, 1.0)
    proc.run(7, 1.0)
    (proc.root / "7" / "task" / "7").mkdir(parents=True)
    (proc.root / "7" / "task" / "7" / "children").write_text("8 ")
    with CpuTimeMeter(
        lambda: 7, 10.0, 0.0, also=(8, 9), interval_s=1000.0, now_s=lambda: 0.0, proc_dir=proc.root
    ) as meter:
        first = meter.snapshot()
        for pid in (7, 8, 9):
            proc.run(pid, 3.0)
        assert usage_between(first, meter.snapshot()).energy_j == pytest.approx(60.0)
        assert "3 processes" in meter.origin


def test_a_busy_child_process_is_metered():
    code = "sum(i * i for i in range(20_000_000))"
    with CpuTimeMeter(os.getpid, 10.0, 0.0, interval_s=1000.0) as meter:
        first = meter.snapshot()
        with subprocess.Popen([sys.executable, "-c", code]) as child:
            child.wait()
            assert usage_between(first, meter.snapshot()).energy_j > 2.0
