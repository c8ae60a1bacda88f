"""The contract of clocks, simulated and real; one second here is 20 ms of real time."""

import pytest

from ce_nas.core.clock import VirtualClock, WallClock
from ce_nas.testing.contracts import ClockContract

CLOCKS = {"virtual": VirtualClock, "wall": lambda: WallClock(50.0), "wall, resumed": lambda: WallClock(50.0, 900.0)}


class TestClock(ClockContract):
    @pytest.fixture(params=CLOCKS)
    def clock(self, request):
        return CLOCKS[request.param]()
