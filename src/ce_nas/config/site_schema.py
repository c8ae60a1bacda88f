"""Settings of the sites of a run: their electricity, its prices, when they may be used, and moves between them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from ce_nas.components.base import ComponentSettings  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.quantities import Duration, File, Price, Quantity, SettingsSection, Share, Timestamp, flag
from ce_nas.components.registry import PROVIDERS, Choice
from ce_nas.energy.power_model import AVERAGE_PUE
from ce_nas.grid.trace import EmissionFactorType, Signal  # noqa: TC001 - pydantic evaluates the annotations at run time

__all__ = ["GridSettings", "OtherSiteSettings", "PriceSettings", "SiteSettings", "grid_as_table"]


def grid_as_table(value: Any) -> Any:  # noqa: ANN401 - what a file or a caller holds
    """The section ``grid`` that was stated by one text, as a table: ``solar`` is the zone, ``file.csv`` the trace."""
    if not isinstance(value, str):
        return value
    return {"trace" if value.endswith((".csv", ".parquet", ".pq")) else "zone": value}


class GridSettings(SettingsSection):
    """The electricity: a trace, a synthetic zone, or a live provider."""

    zone: str | None = Field(
        None,
        description="Zone of the trace or of the provider, or an imported or a built-in zone such as solar or coal.",
        json_schema_extra=flag(),
    )
    trace: File | None = Field(
        None,
        description="CSV or Parquet file of carbon intensity; unset: the zone is imported, or built in (synthetic).",
        json_schema_extra=flag(),
    )
    start: Timestamp | None = Field(
        None,
        description="Start of the run, UTC: 2021-07-02T06:00; unset: a week or two into the trace, as the forecaster "
        "needs, or 3 July of a synthetic year.",
        json_schema_extra=flag(),
    )
    factors: EmissionFactorType | None = Field(
        None,
        description="Emissions that the trace counts, where its file does not say: lifecycle or direct.",
        json_schema_extra=flag(),
    )
    signal: Signal | None = Field(
        None,
        description="Kind of intensity, where the trace's file does not say: average or marginal.",
        json_schema_extra=flag(),
    )
    unit: str | None = Field(
        None,
        description="Unit of the trace's intensity, where its file does not say: g/kWh, kg/MWh, lb/MWh.",
        json_schema_extra=flag(),
    )
    timezone: str | None = Field(
        None,
        description="Time zone of times without an offset in the trace's file: Europe/Berlin; unset: UTC.",
        json_schema_extra=flag(),
    )
    weather: File | None = Field(
        None,
        description="CSV or Parquet file of a weather or production forecast, for forecasters that use it.",
        json_schema_extra=flag(),
    )
    weather_zone: str | None = Field(
        None, description="Name of the zone in the weather file, where it differs.", json_schema_extra=flag()
    )
    weather_offset: Duration | None = Field(
        None,
        description="Offset from a weather value's timestamp to the time it is valid for: 24h.",
        json_schema_extra=flag(),
    )
    weather_timezone: str | None = Field(
        None,
        description="Time zone of times without an offset in the weather file; unset: UTC, or as the file says.",
        json_schema_extra=flag(),
    )
    seed: int = Field(0, ge=0, description="Seed of a built-in zone's synthetic year.")
    time_column: str | None = Field(
        None,
        description="Name of the trace's time column, where it is not found.",
        json_schema_extra=flag(),
    )
    intensity_column: str | None = Field(
        None,
        description="Name of the trace's intensity column, where it is not found.",
        json_schema_extra=flag(),
    )
    provider: Annotated[ComponentSettings | None, Choice(PROVIDERS, "grid.provider", optional=True)] = Field(
        None,
        description="Provider of live carbon intensity instead of a trace, with --live.",
        json_schema_extra=flag(),
    )
    cache: File | None = Field(None, description="Folder in which the provider's answers are cached.")
    reference_zone: str | None = Field(
        None, description="Built-in zone whose typical day is the provider's last fallback."
    )
    max_fallback: Literal["fresh", "forecast", "typical"] = Field(
        "typical", description="Worst fallback that may replace the provider's values."
    )
    fail_when_unavailable: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="End the run when no fallback is left, instead of continuing on the last known value.",
    )

    @model_validator(mode="before")
    @classmethod
    def _read_name(cls, value: object) -> object:
        """See :func:`grid_as_table`."""
        return grid_as_table(value)


class OtherSiteSettings(SettingsSection):
    """Another site to which the search may move."""

    name: str = Field(min_length=1, description="Name of the site.")
    trace: File | None = Field(
        None, description="File of its carbon intensity; unset: the zone is imported, or built in (synthetic)."
    )
    zone: str | None = Field(None, description="Its zone.")
    factors: EmissionFactorType | None = Field(None, description="As grid.factors.")
    signal: Signal | None = Field(None, description="As grid.signal.")
    unit: str | None = Field(None, description="As grid.unit.")
    timezone: str | None = Field(None, description="As grid.timezone.")
    time_column: str | None = Field(None, description="As grid.time_column.")
    intensity_column: str | None = Field(None, description="As grid.intensity_column.")
    pue: float = Field(AVERAGE_PUE, ge=1, le=10, description="Its power usage effectiveness.")
    gpus: Annotated[int, Field(ge=1)] | None = Field(
        None, description="GPUs that the search may hold there; unset: as many as at home."
    )
    electricity_price: Price | None = Field(None, description="Price of a kWh there; unset: as at home.")
    price_unit: str | None = Field(None, description="As prices.price_unit, for a file of prices there.")
    gpu_hour_price: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="Price of a GPU-hour there; unset: as at home."
    )


def _split_zones(value: object) -> object:
    """Other sites that are stated by their zones alone, as a table each."""
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)):
        return value
    return [{"name": one, "zone": one} if isinstance(one, str) else one for one in names]


class SiteSettings(SettingsSection):
    """What the site allows, and the other sites to which the search may move."""

    name: str = Field("home", description="Name of the site that [grid], [cluster] and [prices] describe.")
    closed: tuple[str, ...] = Field(
        (), description="When the cluster may not be used, UTC: mon-fri 09:00-17:00, or 22:00-06:00 for every day."
    )
    min_hold_time: Duration | None = Field(
        None, description="Shortest time between two changes of the allocation; unset: a period."
    )
    power_cap_w: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="Largest power of all GPUs together, PUE included, W."
    )
    others: Annotated[
        tuple[OtherSiteSettings, ...],
        BeforeValidator(_split_zones),
        Quantity("a table each, or zones with commas between", ""),
    ] = Field(
        (),
        description="The other sites to which the search may move. As a flag, the zones of all sites, the first one "
        "home unless a zone or a trace is stated.",
        json_schema_extra=flag("sites"),
    )
    move_time: Duration = Field(600.0, description="Pause of the search while it moves to another site.")
    move_energy_j: float = Field(3.6e6, ge=0, allow_inf_nan=False, description="Energy of a move, before PUE, J.")
    cost_weight: Share = Field(
        0.0, description="Weight of money when sites are compared; the rest is the weight of carbon."
    )


class PriceSettings(SettingsSection):
    """Prices."""

    electricity_price: Price = Field(
        0.0, description="Price of a kWh, or a CSV or Parquet file of prices over time.", json_schema_extra=flag()
    )
    gpu_hour_price: float = Field(
        0.0, ge=0, allow_inf_nan=False, description="Price of holding one GPU for one hour.", json_schema_extra=flag()
    )
    price_column: str | None = Field(
        None,
        description="Name of the price column in the file of prices, where it is not found.",
        json_schema_extra=flag(),
    )
    price_unit: str | None = Field(
        None,
        description="Unit of the file's prices, where its header does not say: EUR/MWh, USD/kWh, ct/kWh.",
        json_schema_extra=flag(),
    )
    time_column: str | None = Field(
        None,
        description="Name of the time column in the file of prices, where it is not found.",
        json_schema_extra=flag("price_time_column"),
    )
    timezone: str | None = Field(
        None,
        description="Time zone of times without an offset in the file of prices; unset: as grid.timezone.",
        json_schema_extra=flag("price_timezone"),
    )
    billing_period: Duration | None = Field(
        None, description="Unit in which GPUs are billed, each started one in full; unset: to the second."
    )
