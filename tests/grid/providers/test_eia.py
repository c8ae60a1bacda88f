"""EIA: pages of the answer, and local clocks."""

from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")


DAY = timedelta(days=1)
#: the case of this provider alone
ONLY = pytest.mark.parametrize("case", ["eia"], indirect=True)


@ONLY
def test_pages(case, server, connect, emulators):
    server.page_rows = 7
    series = connect(case).fetch("CISO", case.now - DAY, case.now)
    rows = 3 * 24 * 3  # three fuels; the requested day, and the two before it, which tell the fuels
    assert [int(query["offset"]) for query in server.queries] == list(range(0, rows, 7))
    np.testing.assert_allclose(
        series.trace.g_per_kwh[:-1],
        [emulators.true_intensity(series.step_start(step)) for step in range(len(series) - 1)],
    )


@ONLY
def test_daylight_saving_time(case, server, connect, emulators):
    server.fault = "dst"
    series = connect(case).fetch("CISO", case.now - DAY, case.now)
    assert not np.isnan(series.trace.g_per_kwh[:-1]).any()
