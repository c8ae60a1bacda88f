"""Electricity Maps: endpoints, estimated hours, and life-cycle and direct factors."""

from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.trace import EmissionFactorType

DAY = timedelta(days=1)
#: the case of this provider alone
ONLY = pytest.mark.parametrize("case", ["electricity-maps"], indirect=True)


@ONLY
def test_endpoints_and_ten_day_requests(case, server, connect, emulators):
    provider = connect(case)
    provider.fetch("DE", case.now - DAY, case.now)
    assert [path.split("?")[0].rpartition("/")[2] for path in server.requests] == ["history"]
    server.requests.clear()
    series = provider.fetch("DE", case.now - 25 * DAY, case.now)
    assert [path.split("?")[0].rpartition("/")[2] for path in server.requests] == ["past-range"] * 3
    np.testing.assert_allclose(
        series.trace.g_per_kwh, [emulators.true_intensity(series.step_start(s)) for s in range(len(series))]
    )


@ONLY
def test_estimated_hour(case, connect):
    series = connect(case).fetch("DE", case.now - DAY, case.now)
    by_hour = {series.step_start(step).hour: quality for step, quality in enumerate(series.qualities) if step}
    assert by_hour[5] is DataQuality.ESTIMATED
    assert {quality for hour, quality in by_hour.items() if hour != 5} == {DataQuality.MEASURED}


@ONLY
def test_direct_factors(case, server, connect):
    series = connect(case, EmissionFactorType.DIRECT).fetch("DE", case.now - DAY, case.now)
    assert series.trace.factors is EmissionFactorType.DIRECT
    assert server.queries[0]["emissionFactorType"] == "direct"


@ONLY
def test_caller_lookup_is_disabled(case, server, connect):
    connect(case).fetch("DE", case.now - DAY, case.now)
    assert server.queries[0]["shouldUseFallbackCallerLookup"] == "false"
