"""The grid of a run's own site and of the others to which it may move."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ce_nas.config.site_schema import OtherSiteSettings, SiteSettings
from ce_nas.core.errors import SettingsError, unknown_choice_message

if TYPE_CHECKING:
    from pathlib import Path

    from ce_nas.config.schema import Settings
    from ce_nas.config.site_schema import GridSettings
    from ce_nas.grid.trace import GridTrace

__all__ = ["TYPICAL_START", "TYPICAL_YEAR", "load_trace", "name_keys_of_site", "settings_at_site"]

#: year of the built-in zones, and the default start of a run in it
TYPICAL_YEAR = 2023
TYPICAL_START = datetime(TYPICAL_YEAR, 7, 3, tzinfo=UTC)


def load_trace(settings: Settings) -> GridTrace:
    """The carbon intensity that the settings name: of a file, of an imported zone, or of a built-in one.

    :raises TraceError: if the file cannot be read, or there is no such zone.
    """
    grid = settings.grid
    if grid.trace is None:
        from ce_nas.grid.synthetic import DEFAULT_ZONE, synthetic_trace

        if imported := _load_imported_trace(settings):
            return imported
        return synthetic_trace(grid.zone or DEFAULT_ZONE, seed=grid.seed, year=(grid.start or TYPICAL_START).year)
    return _read_trace_file(grid.trace, grid)


def _load_imported_trace(settings: Settings) -> GridTrace | None:
    """The trace of an imported zone; None if it is built in, or nothing was imported.

    :raises SettingsError: if zones were imported, and it is neither one of them nor built in.
    """
    from ce_nas.datasets import lookup as tables
    from ce_nas.datasets.store import DataStore
    from ce_nas.grid.synthetic import builtin_zones

    zone, built_in, library = settings.grid.zone, [item.name for item in builtin_zones()], DataStore()
    if zone is None or zone in built_in:
        return None
    path = tables.find_trace_file(library, zone)
    if path is None and (imported := tables.list_trace_zones(library)):
        raise SettingsError(unknown_choice_message("zone", zone, [*built_in, *imported]))
    if path is None:
        return None
    in_package_units = {"unit": None, "timezone": None}
    grid = settings.grid.model_copy(update=in_package_units)
    return replace(_read_trace_file(path, grid), origin=tables.describe_origin(library, path))


def _read_trace_file(path: Path, grid: GridSettings) -> GridTrace:
    columns = {"time_column": grid.time_column, "intensity_column": grid.intensity_column}
    meaning = {"factors": grid.factors, "signal": grid.signal, "unit": grid.unit, "timezone": grid.timezone}
    state = path.stat() if path.is_file() else None
    stamp = (state.st_mtime_ns, state.st_size, state.st_ino) if state else None
    return _read_trace_once(path, stamp, tuple({"zone": grid.zone, **columns, **meaning}.items()))


@lru_cache(maxsize=16)
def _read_trace_once(
    path: Path,
    stamp: tuple[int, int, int] | None,  # noqa: ARG001 - a file that has changed is read again
    options: tuple[tuple[str, Any], ...],
) -> GridTrace:
    """Read a trace, for all the runs of an experiment that lie in it."""
    from ce_nas.grid.readers import read_trace

    return read_trace(path, **dict(options))


def settings_at_site(settings: Settings, other: OtherSiteSettings, start: datetime) -> Settings:
    """The settings of a run at another site."""
    grid = settings.grid.model_copy(
        update={
            "trace": other.trace,
            "zone": other.zone,
            "factors": other.factors,
            "signal": other.signal,
            "unit": other.unit,
            "timezone": other.timezone,
            "time_column": other.time_column,
            "intensity_column": other.intensity_column,
            "start": start,
            "weather": None,
        }
    )
    paid = {name: getattr(other, name) for name in ("electricity_price", "gpu_hour_price")}
    layout = {"timezone": settings.prices.timezone or settings.grid.timezone}  # of the prices at home
    if other.electricity_price is not None:
        layout = {"timezone": None, "time_column": None, "price_column": None, "price_unit": other.price_unit}
    update = {**layout, **{name: what for name, what in paid.items() if what is not None}}
    prices = settings.prices.model_copy(update=update)
    return settings.model_copy(update={"grid": grid, "prices": prices, "site": SiteSettings()})


def name_keys_of_site(message: str, site: str) -> str:
    """The message on a file of another site, with the keys of its table in place of the options of the command."""
    keys = OtherSiteSettings.model_fields
    in_table = re.sub(
        r"--([a-z][a-z-]*)",
        lambda option: key if (key := option[1].replace("-", "_")) in keys else option[0],
        message,
    )
    return f"{in_table} This is a key of [[site.others]] {site!r}." if in_table != message else message
