import os

import pytest

from ce_nas.energy.base import between
from ce_nas.energy.cpu_time import ProcessMeter

TICKS = os.sysconf("SC_CLK_TCK")


class Kernel:
    """A /proc of the test's own, with one process's processor time at a time."""

    def __init__(self, root):
        self.root, self.process_id, self.now_s = root, None, 0.0

    def runs(self, process_id, cpu_s):
        folder = self.root / str(process_id)
        folder.mkdir(exist_ok=True)
        before = " ".join(["S", *["0"] * 10])
        (folder / "stat").write_text(f"{process_id} (a (strange) name) {before} {int(cpu_s * TICKS)} 0 0 0 20 0")
        self.process_id = process_id

    def dies(self):
        (self.root / str(self.process_id) / "stat").unlink()
        self.process_id = None


@pytest.fixture
def kernel(tmp_path):
    return Kernel(tmp_path)


@pytest.fixture
def meter(kernel):
    with ProcessMeter(
        lambda: kernel.process_id, 10.0, 2.0, every_s=1000.0, now_s=lambda: kernel.now_s, proc=kernel.root
    ) as meter:
        yield meter


def test_processor_time_is_charged_and_being_held_as_well(kernel, meter):
    kernel.runs(7, 100.0)
    first = meter.mark()
    kernel.runs(7, 103.0)
    kernel.now_s = 5.0
    assert between(first, meter.mark()).energy_j == pytest.approx(3 * 10 + 5 * 2)


def test_a_process_that_takes_anothers_place_begins_at_nothing(kernel, meter):
    kernel.runs(7, 5.0)
    first = meter.mark()
    kernel.dies()
    meter.mark()
    kernel.runs(8, 2.0)
    assert between(first, meter.mark()).energy_j == pytest.approx(20.0)


def test_of_this_very_process():
    with ProcessMeter(os.getpid, every_s=1000.0) as meter:
        first = meter.mark()
        sum(range(3_000_000))
        assert between(first, meter.mark()).energy_j > 0
