"""The providers by name, and the current intensity of a zone."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ce_nas.components.registry import PROVIDERS
from ce_nas.core.errors import MissingExtraError
from ce_nas.core.formatting import format_duration, format_time
from ce_nas.core.http import HttpOptions
from ce_nas.core.units import DAY_S
from ce_nas.grid.providers.fallback import FallbackProvider, repeat_last_day
from ce_nas.grid.providers.fallback_levels import FallbackLevel
from ce_nas.grid.providers.file import FileProvider, FileProviderSettings
from ce_nas.grid.providers.response_cache import IntensityCache

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    import httpx

    from ce_nas.components.base import ComponentSettings
    from ce_nas.grid.providers.base import CarbonIntensityProvider, IntensityValue
    from ce_nas.grid.providers.fallback import Extrapolator
    from ce_nas.grid.providers.fallback_levels import FallbackEvent
    from ce_nas.grid.trace import EmissionFactorType

__all__ = [
    "CurrentIntensity",
    "build_fallback_provider",
    "build_provider",
    "read_current_intensity",
]


@dataclass(frozen=True, slots=True)
class CurrentIntensity:
    """The intensity of a zone now, and the last observed one."""

    #: of the current step
    value: IntensityValue
    #: the last observed value; None if there is none in the last day
    latest: IntensityValue | None
    fallbacks: tuple[FallbackEvent, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """Return the values as plain JSON."""
        return {
            "now": self.value.to_dict(),
            "latest": self.latest.to_dict() if self.latest else None,
            "fallbacks": [event.to_dict() for event in self.fallbacks],
            "notes": list(self.notes),
        }

    def describe(self) -> str:
        """Return a few lines for people."""
        now = self.value
        head = f"{now.zone}: {now.g_per_kwh:.0f} g CO2eq/kWh from {format_time(now.start)} to {format_time(now.end)}"
        lines = [f"{head} ({now.quality}, {now.signal} signal, {now.factors} factors, from {now.provider})"]
        if self.latest and self.latest.start != now.start:
            last = self.latest
            lines.append(
                f"last {last.quality} value: {last.g_per_kwh:.0f} g CO2eq/kWh up to {format_time(last.end)}, "
                f"{format_duration(last.age_s)} ago"
            )
        return "\n".join([*lines, *(event.reason for event in self.fallbacks), *self.notes])


def build_provider(  # noqa: PLR0913 - what a provider works with
    name: str | ComponentSettings,
    *,
    now: Callable[[], datetime],
    factors: EmissionFactorType | None = None,
    file: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
    transport: httpx.BaseTransport | None = None,
) -> CarbonIntensityProvider:
    """Build a provider; its keys are read from ``environ``.

    :param now: the calendar time.
    :param factors: the emissions to count; by default life-cycle where the provider has both.
    :param file: the file of the provider ``file``.
    :param transport: sends the requests; without it, the network.
    :raises SettingsError: if there is no such provider, a key is not set, or it does not have these factors.
    :raises MissingExtraError: if the packages for providers on the network are not installed.
    """
    stated = name if file is None else {"name": name, "file": str(file)}
    settings = PROVIDERS.validate(stated, "provider")
    if isinstance(settings, FileProviderSettings):
        return FileProvider(settings.file, now=now, factors=factors)
    try:
        from ce_nas.grid.providers.network_provider import ProviderContext
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "httpx", "live", f"The provider {settings.name}") from error
    provider: CarbonIntensityProvider = PROVIDERS.build(
        settings, ProviderContext(now, environ, HttpOptions(transport=transport)), factors
    )
    return provider


def build_fallback_provider(  # noqa: PLR0913 - a provider and what its fallbacks are based on
    name: str | ComponentSettings,
    *,
    now: Callable[[], datetime],
    cache: str | Path | None = None,
    factors: EmissionFactorType | None = None,
    file: str | Path | None = None,
    reference_zone: str | None = None,
    max_fallback: FallbackLevel = FallbackLevel.TYPICAL,
    extrapolate: Extrapolator = repeat_last_day,
    environ: Mapping[str, str] = os.environ,
    transport: httpx.BaseTransport | None = None,
) -> FallbackProvider:
    """Build a provider with its fallbacks: see :func:`build_provider` and :class:`FallbackProvider`.

    :param cache: folder of the cached responses; a file is not cached.
    :raises SettingsError: as :func:`build_provider` and :class:`FallbackProvider`.
    """
    provider = build_provider(name, now=now, factors=factors, file=file, environ=environ, transport=transport)
    store = IntensityCache(cache) if cache is not None and file is None else None
    return FallbackProvider(
        provider,
        now=now,
        cache=store,
        extrapolate=extrapolate,
        reference_zone=reference_zone,
        max_fallback=max_fallback,
    )


def read_current_intensity(provider: FallbackProvider, zone: str) -> CurrentIntensity:
    """Return the intensity of ``zone`` in the current step.

    :raises ZoneError: if the provider does not have the zone.
    :raises ProviderError: if there is no value at the last level that is allowed.
    """
    now = provider.now()
    filled = provider.fetch(zone, now, now + timedelta(microseconds=1), context_s=DAY_S)
    value = filled.series.value_at(now, now)
    assert value is not None, "a fallback provider has a value for every step, or raises"  # noqa: S101
    latest = filled.provider_series.latest_observed(now) if filled.provider_series else None
    return CurrentIntensity(value, latest, filled.fallbacks, filled.series.notes)
