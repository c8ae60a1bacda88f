"""The contract of providers of carbon intensity."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.provider_errors import ZoneError

if TYPE_CHECKING:
    from ce_nas.grid.providers.base import CarbonIntensityProvider, IntensitySeries

__all__ = ["ProviderContract"]


class ProviderContract:
    """A series has whole steps, valid values, their quality and when they were fetched; unknown zones are refused.

    Fixtures to override: ``provider``, ``zone``, the name of a zone that it has, and ``now``, the time of its request.
    """

    #: a name that is not a zone of the provider
    unknown_zone = "NOT A ZONE"

    @pytest.fixture
    def provider(self) -> CarbonIntensityProvider:
        raise NotImplementedError

    @pytest.fixture
    def zone(self) -> str:
        raise NotImplementedError

    @pytest.fixture
    def now(self) -> datetime:
        raise NotImplementedError

    def test_unknown_zones_are_refused(self, provider: CarbonIntensityProvider, zone: str) -> None:
        provider.check_zone(zone)
        with pytest.raises(ZoneError):
            provider.check_zone(self.unknown_zone)

    def test_series_covers_the_interval_in_whole_steps(
        self, provider: CarbonIntensityProvider, zone: str, now: datetime
    ) -> None:
        start = now - timedelta(hours=12)
        series = provider.fetch(zone, start, now)
        assert series.trace.start <= start
        assert series.step_start(len(series)) >= now
        assert series.trace.start.timestamp() % series.trace.step_s == 0
        assert series.step_start(1) > start
        assert series.step_start(len(series) - 1) < now

    def test_series_is_of_the_zone_and_the_provider(
        self, provider: CarbonIntensityProvider, zone: str, now: datetime
    ) -> None:
        series = provider.fetch(zone, now - timedelta(hours=12), now)
        assert series.provider == provider.name
        assert series.trace.zone == zone
        assert (series.trace.factors, series.trace.signal) == (provider.factors, provider.signal)
        assert series.issued_at is None

    def test_every_value_has_quality_and_fetch_time(
        self, provider: CarbonIntensityProvider, zone: str, now: datetime
    ) -> None:
        series = provider.fetch(zone, now - timedelta(hours=12), now)
        _check_values(series)
        assert np.isfinite(series.trace.g_per_kwh).any()

    def test_forecast_starts_now_if_there_is_one(
        self, provider: CarbonIntensityProvider, zone: str, now: datetime
    ) -> None:
        forecast = provider.fetch_forecast(zone, 6 * 3600.0)
        assert (forecast is not None) == provider.has_forecasts
        if forecast is not None:
            _check_values(forecast)
            assert forecast.issued_at is not None
            assert forecast.trace.start <= now < forecast.step_start(len(forecast))


def _check_values(series: IntensitySeries) -> None:
    values = series.trace.g_per_kwh
    assert len(values) == len(series.qualities) == len(series.fetch_times)
    assert (values[np.isfinite(values)] >= 0).all()
    missing = [quality is DataQuality.MISSING for quality in series.qualities]
    assert np.isnan(values).tolist() == missing
    assert all(isinstance(moment, datetime) and moment.tzinfo is not None for moment in series.fetch_times)
