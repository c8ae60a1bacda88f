"""The live sources by name, and what a command line asks of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ce_nas.core.errors import MissingExtraError, SettingsError, one_of
from ce_nas.core.units import DAY_S, as_duration, as_time
from ce_nas.grid.providers.cache import Cache
from ce_nas.grid.providers.fallback import Feed, repeat_days
from ce_nas.grid.providers.fallback_levels import Step
from ce_nas.grid.providers.file import FileSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    import httpx

    from ce_nas.grid.providers.base import LiveSource, Value
    from ce_nas.grid.providers.fallback import Extend
    from ce_nas.grid.providers.fallback_levels import Degradation
    from ce_nas.grid.providers.network import Provider
    from ce_nas.grid.trace import Factors

__all__ = ["KEYS", "SOURCES", "Current", "current", "live_feed", "live_source"]

#: the environment variables with the keys of each source
KEYS: Mapping[str, tuple[str, ...]] = {
    "electricity-maps": ("ELECTRICITYMAPS_TOKEN",),
    "watttime": ("WATTTIME_USERNAME", "WATTTIME_PASSWORD"),
    "uk": (),
    "eia": ("EIA_API_KEY",),
    "entsoe": ("ENTSOE_TOKEN",),
    "file": (),
}
SOURCES = tuple(KEYS)


@dataclass(frozen=True, slots=True)
class Current:
    """The intensity of a zone now, and what the source itself said last."""

    #: of the present step
    value: Value
    #: the newest of the source's own; None if it has none in the past day
    latest: Value | None
    degradations: tuple[Degradation, ...]
    notes: tuple[str, ...]

    def content(self) -> dict[str, object]:
        """All of it as plain JSON."""
        return {
            "now": self.value.content(),
            "latest": self.latest.content() if self.latest else None,
            "degradations": [record.content() for record in self.degradations],
            "notes": list(self.notes),
        }

    def describe(self) -> str:
        """A few lines for people."""
        now = self.value
        head = f"{now.zone}: {now.g_per_kwh:.0f} g CO2eq/kWh from {as_time(now.start)} to {as_time(now.end)}"
        lines = [f"{head} ({now.quality}, {now.signal} signal, {now.factors} factors, from {now.source})"]
        if self.latest and self.latest.start != now.start:
            last = self.latest
            lines.append(
                f"last {last.quality} value: {last.g_per_kwh:.0f} g CO2eq/kWh up to {as_time(last.end)}, "
                f"{as_duration(last.age_s)} ago"
            )
        return "\n".join([*lines, *(record.reason for record in self.degradations), *self.notes])


def live_source(  # noqa: PLR0913 - what a source is given to work with
    name: str,
    *,
    now: Callable[[], datetime],
    factors: Factors | None = None,
    file: str | Path | None = None,
    environ: Mapping[str, str] = os.environ,
    transport: httpx.BaseTransport | None = None,
) -> LiveSource:
    """The source called ``name``; a provider's keys are read from ``environ`` here, and nowhere else.

    :param now: the moment by the calendar.
    :param factors: which emissions to count; without it, life-cycle where the source has both.
    :param file: the file of the source ``file``.
    :param transport: what sends the requests; without it, the network.
    :raises SettingsError: if there is no such source, a key is not set, or it does not have these factors.
    :raises MissingExtraError: if the packages for sources on the network are not installed.
    """
    if name not in SOURCES:
        raise SettingsError(one_of("live source", name, SOURCES))
    if (name == "file") != (file is not None):
        message = f"Live source 'file' needs a file, and the others take none; got source {name!r} with file {file!s}."
        raise SettingsError(message)
    if file is not None:
        return FileSource(file, now=now, factors=factors)
    try:
        from ce_nas.grid.providers.network import Means
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "httpx", "live", f"Live source {name!r}") from error
    return _provider(name)(Means(now, environ, transport), factors)


def live_feed(  # noqa: PLR0913 - a source, and what degradation rests on
    name: str,
    *,
    now: Callable[[], datetime],
    cache: str | Path | None = None,
    factors: Factors | None = None,
    file: str | Path | None = None,
    like: str | None = None,
    worst: Step = Step.TYPICAL,
    extend: Extend = repeat_days,
    environ: Mapping[str, str] = os.environ,
    transport: httpx.BaseTransport | None = None,
) -> Feed:
    """The source called ``name`` with its steps of degradation: see :func:`live_source` and :class:`Feed`.

    :param cache: the folder where answers are kept; a file is not kept.
    :raises SettingsError: as :func:`live_source` and :class:`Feed`.
    """
    source = live_source(name, now=now, factors=factors, file=file, environ=environ, transport=transport)
    kept = Cache(cache) if cache is not None and file is None else None
    return Feed(source, now=now, cache=kept, extend=extend, like=like, worst=worst)


def current(feed: Feed, zone: str) -> Current:
    """The intensity of ``zone`` in the present step.

    :raises ZoneError: if the source does not have the zone.
    :raises SourceError: if there is no value on the worst step that the feed allows.
    """
    now = feed.now()
    supply = feed.past(zone, now, now + timedelta(microseconds=1), context_s=DAY_S)
    value = supply.series.at(now, now)
    assert value is not None, "a feed has a value for every step, or raises"  # noqa: S101
    latest = supply.known.latest(now) if supply.known else None
    return Current(value, latest, supply.degradations, supply.series.notes)


def _provider(name: str) -> type[Provider]:
    """The class behind a name; only its module is loaded."""
    if name == "electricity-maps":
        from ce_nas.grid.providers.electricity_maps import ElectricityMaps

        return ElectricityMaps
    if name == "watttime":
        from ce_nas.grid.providers.watttime import WattTime

        return WattTime
    if name == "uk":
        from ce_nas.grid.providers.uk import CarbonIntensityUk

        return CarbonIntensityUk
    if name == "eia":
        from ce_nas.grid.providers.eia import Eia

        return Eia
    from ce_nas.grid.providers.entsoe import Entsoe

    return Entsoe
