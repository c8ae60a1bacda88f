"""Live carbon intensity: providers by zone, their cache, and fallbacks for missing values.

- base: `CarbonIntensityProvider`, the interface, and `IntensitySeries`
- electricity_maps, watttime, uk, eia, entsoe: APIs on the network; network_provider: their base class and client
- file: a file that another program keeps up to date
- normalize: from the readings of a response to a regular series; provider_errors: the errors of providers
- credentials: API keys, added below the HTTP client and redacted from errors
- response_cache, caching: fetched values on disk, and a provider that requests only what may still change
- fallback, fallback_levels, climatology: forecasts and typical days in place of missing values
- provider_choice: providers by name
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.grid.providers.base import CarbonIntensityProvider, DataQuality, IntensitySeries, IntensityValue
    from ce_nas.grid.providers.fallback import FallbackProvider
    from ce_nas.grid.providers.fallback_levels import FallbackEvent, FallbackLevel, FilledSeries, FreshnessLimits
    from ce_nas.grid.providers.file import FileProvider
    from ce_nas.grid.providers.network_provider import NetworkProvider, ProviderContext
    from ce_nas.grid.providers.normalize import AlignedWindow, IntensityReading, SeriesMetadata, normalize_readings
    from ce_nas.grid.providers.provider_choice import build_fallback_provider, build_provider, read_current_intensity
    from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
    from ce_nas.grid.providers.response_cache import IntensityCache

__all__ = [
    "AlignedWindow",
    "CarbonIntensityProvider",
    "DataQuality",
    "FallbackEvent",
    "FallbackLevel",
    "FallbackProvider",
    "FileProvider",
    "FilledSeries",
    "FreshnessLimits",
    "IntensityCache",
    "IntensityReading",
    "IntensitySeries",
    "IntensityValue",
    "NetworkProvider",
    "ProviderContext",
    "ProviderError",
    "SeriesMetadata",
    "ZoneError",
    "build_fallback_provider",
    "build_provider",
    "normalize_readings",
    "read_current_intensity",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["CarbonIntensityProvider", "DataQuality", "IntensitySeries", "IntensityValue"],
        "response_cache": ["IntensityCache"],
        "provider_errors": ["ProviderError", "ZoneError"],
        "fallback": ["FallbackProvider"],
        "fallback_levels": ["FallbackEvent", "FallbackLevel", "FilledSeries", "FreshnessLimits"],
        "file": ["FileProvider"],
        "network_provider": ["NetworkProvider", "ProviderContext"],
        "normalize": ["AlignedWindow", "IntensityReading", "SeriesMetadata", "normalize_readings"],
        "provider_choice": ["build_fallback_provider", "build_provider", "read_current_intensity"],
    },
)
