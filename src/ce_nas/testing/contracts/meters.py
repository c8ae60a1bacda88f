"""The contract of energy meters."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ce_nas.core.records import ReadingSource
from ce_nas.energy.base import usage_between

if TYPE_CHECKING:
    from ce_nas.energy.base import EnergyMeter

__all__ = ["MeterContract"]


class MeterContract:
    """Time and energy never decrease, no more time is observed than passes, and any thread can read.

    Fixtures to override: ``meter``, an open meter.
    """

    @pytest.fixture
    def meter(self) -> EnergyMeter:
        raise NotImplementedError

    def test_meter_states_source_and_origin(self, meter: EnergyMeter) -> None:
        assert isinstance(meter.source, ReadingSource)
        assert meter.origin

    def test_counts_never_decrease(self, meter: EnergyMeter) -> None:
        snapshots = [meter.snapshot() for _ in range(10)]
        for first, second in itertools.pairwise(snapshots):
            assert second.time_s >= first.time_s
            assert second.energy_j >= first.energy_j
            assert second.observed_s >= first.observed_s

    def test_coverage_is_a_share(self, meter: EnergyMeter) -> None:
        first, last = meter.snapshot(), meter.snapshot()
        usage = usage_between(first, last)
        assert 0.0 <= usage.coverage <= 1.0
        assert usage.duration_s == last.time_s - first.time_s
        assert usage.energy_j == last.energy_j - first.energy_j

    def test_threads_can_read(self, meter: EnergyMeter) -> None:
        before = meter.snapshot()
        with ThreadPoolExecutor(4) as threads:
            snapshots = list(threads.map(lambda _: meter.snapshot(), range(20)))
        assert all(snapshot.energy_j >= before.energy_j for snapshot in snapshots)

    def test_meter_closes_once_and_again(self, meter: EnergyMeter) -> None:
        with meter as entered:
            assert entered is meter
        meter.close()
