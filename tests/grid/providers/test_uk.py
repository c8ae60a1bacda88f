"""The UK Carbon Intensity API: regions, and requests of two weeks."""

from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.grid.providers import uk
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.provider_errors import ZoneError

DAY = timedelta(days=1)
#: the case of this provider alone
ONLY = pytest.mark.parametrize("case", ["uk"], indirect=True)


@ONLY
def test_regions_have_forecasts_only(case, connect):
    assert sorted(uk.REGIONS) == list(range(1, 18))
    provider = connect(case)
    series = provider.fetch("GB-17", case.now - DAY, case.now)
    assert set(series.qualities) == {DataQuality.FORECAST}
    for zone in ("GB-0", "GB-18", "UK", "FR", "GB-"):
        with pytest.raises(ZoneError, match="London"):
            provider.check_zone(zone)


@ONLY
def test_requests_are_two_weeks_long(case, server, connect):
    series = connect(case).fetch("GB", case.now - 30 * DAY, case.now)
    assert len(server.requests) == 3
    assert len(series) == 30 * 48 + 1
    assert np.isnan(series.trace.g_per_kwh).sum() == 1  # the current half-hour
