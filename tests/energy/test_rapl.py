import pytest

from ce_nas.core.errors import EnergyError
from ce_nas.core.records import Source
from ce_nas.energy.base import between
from ce_nas.energy.rapl import RaplMeter, has_rapl


def zone(root, name, place, energy_uj=0, range_uj=1_000_000):
    folder = root / f"intel-rapl:{place}"
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    return folder / "energy_uj"


@pytest.fixture
def root(tmp_path):
    zone(tmp_path, "package-0", "0")
    zone(tmp_path, "core", "0:0", 500)
    zone(tmp_path, "dram", "0:1")
    return tmp_path


def test_packages_and_memory_are_added_and_cores_are_not_counted_twice(root):
    with RaplMeter(root) as meter:
        first = meter.mark()
        (root / "intel-rapl:0" / "energy_uj").write_text("300000")
        (root / "intel-rapl:0:0" / "energy_uj").write_text("250000")
        (root / "intel-rapl:0:1" / "energy_uj").write_text("50000")
        assert between(first, meter.mark()).energy_j == pytest.approx(0.35)
        assert meter.source is Source.COUNTER


def test_a_counter_that_begins_anew_counts_on(root):
    counter = root / "intel-rapl:0" / "energy_uj"
    counter.write_text("900000")
    with RaplMeter(root) as meter:
        first = meter.mark()
        counter.write_text("100000")
        assert between(first, meter.mark()).energy_j == pytest.approx(0.2)


def test_without_counters_there_is_no_meter(tmp_path):
    assert not has_rapl(tmp_path)
    with pytest.raises(EnergyError, match="energy counters"):
        RaplMeter(tmp_path)


def test_a_counter_that_vanishes_is_an_error(root):
    with RaplMeter(root) as meter:
        (root / "intel-rapl:0" / "energy_uj").unlink()
        with pytest.raises(EnergyError, match="microjoules"):
            meter.mark()
