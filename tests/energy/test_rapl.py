import time

import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import usage_between
from ce_nas.energy.rapl import RaplMeter, has_rapl, rapl_obstacle


def make_counter(root, name, index, energy_uj=0, range_uj=1_000_000):
    folder = root / f"intel-rapl:{index}"
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    return folder / "energy_uj"


@pytest.fixture
def root(tmp_path):
    make_counter(tmp_path, "package-0", "0")
    make_counter(tmp_path, "core", "0:0", 500)
    make_counter(tmp_path, "dram", "0:1")
    return tmp_path


def test_rapl_adds_packages_and_memory_without_cores(root):
    with RaplMeter(root) as meter:
        first = meter.snapshot()
        (root / "intel-rapl:0" / "energy_uj").write_text("300000")
        (root / "intel-rapl:0:0" / "energy_uj").write_text("250000")
        (root / "intel-rapl:0:1" / "energy_uj").write_text("50000")
        assert usage_between(first, meter.snapshot()).energy_j == pytest.approx(0.35)
        assert meter.source is ReadingSource.COUNTER


def test_rapl_counter_wrap(root):
    counter = root / "intel-rapl:0" / "energy_uj"
    counter.write_text("900000")
    with RaplMeter(root) as meter:
        first = meter.snapshot()
        counter.write_text("100000")
        assert usage_between(first, meter.snapshot()).energy_j == pytest.approx(0.2)


def test_rapl_without_counters_is_refused(tmp_path):
    assert not has_rapl(tmp_path)
    with pytest.raises(EnergyError, match="energy counters"):
        RaplMeter(tmp_path)


def test_rapl_raises_if_counter_disappears(root):
    with RaplMeter(root) as meter:
        (root / "intel-rapl:0" / "energy_uj").unlink()
        with pytest.raises(EnergyError, match="microjoules"):
            meter.snapshot()


def test_rapl_reset_far_below_the_range_is_unknown(root):
    counter = root / "intel-rapl:0" / "energy_uj"
    (root / "intel-rapl:0" / "max_energy_range_uj").write_text("262144000000")
    counter.write_text("5000000000")
    with RaplMeter(root) as meter:
        counter.write_text("2000000")
        with pytest.raises(EnergyError, match="was reset"):
            meter.snapshot()
        first = meter.snapshot()
        counter.write_text("3000000")
        assert usage_between(first, meter.snapshot()).energy_j == pytest.approx(1.0)


def test_rapl_watcher_survives_failed_reads(root, caplog):
    counter = root / "intel-rapl:0" / "energy_uj"
    with RaplMeter(root, interval_s=0.01) as meter:
        first = meter.snapshot()
        counter.unlink()
        wait_until(lambda: "microjoules" in caplog.text)
        counter.write_text("900000")
        wait_until(lambda: meter._domains[0]._last_uj == 900000)
        counter.write_text("100000")
        wait_until(lambda: meter._domains[0]._last_uj == 100000)
        assert usage_between(first, meter.snapshot()).energy_j == pytest.approx(1.1)


def test_rapl_with_unreadable_range_is_not_used(root):
    for path in root.glob("*/max_energy_range_uj"):
        path.unlink()
    assert not has_rapl(root)
    assert "chmod a+r" in rapl_obstacle(root)


def test_a_package_that_cannot_be_read_is_not_left_out_of_the_sum(root):
    make_counter(root, "package-1", "1").unlink()
    assert not has_rapl(root)
    assert "chmod a+r" in rapl_obstacle(root)


def test_no_obstacle_where_counters_work_or_do_not_exist(root, tmp_path_factory):
    assert not rapl_obstacle(root)
    assert not rapl_obstacle(tmp_path_factory.mktemp("none"))


def wait_until(condition):
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError
