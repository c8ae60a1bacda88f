"""All settings of a run: the one place from which files, flags, keywords, help and documentation are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from ce_nas.components.base import (
    ComponentSettings,
    ProblemSettings,
    SearcherSettings,
    SurrogateSettings,
    TableSettings,
)
from ce_nas.components.messages import describe_validation_error
from ce_nas.components.quantities import (
    Carbon,
    Duration,
    Energy,
    File,
    Hours,
    Money,
    Price,
    Quantity,
    SettingsSection,
    Share,
    StopPrice,
    Timestamp,
    Watts,
    flag,
)
from ce_nas.components.registry import FORECASTERS, POLICIES, PROBLEMS, PROVIDERS, SEARCHERS, Choice
from ce_nas.config.flags import list_flags
from ce_nas.config.live_schema import FinalSettings, LiveSettings, with_live_defaults
from ce_nas.config.toml_reader import read_toml
from ce_nas.config.without_effect import require_effect
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.energy.power_lever import PowerSettings
from ce_nas.energy.power_model import AVERAGE_PUE, IDLE_W, TRAINING_W
from ce_nas.grid.trace import EmissionFactorType, Signal  # noqa: TC001 - pydantic evaluates the annotations at run time

if TYPE_CHECKING:
    from pathlib import Path

    from ce_nas.config.flags import Flag

__all__ = ["Settings", "read_settings_file", "setting_flags", "settings_from_flags"]


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
        """See :func:`_as_table`."""
        return _as_table("grid", value)


class ClusterSettings(SettingsSection):
    """The devices and their power."""

    gpus: int = Field(8, ge=1, le=4096, description="GPUs held by the run.", json_schema_extra=flag())
    pue: float = Field(
        AVERAGE_PUE,
        ge=1,
        le=10,
        description="Power usage effectiveness: energy from the grid per energy at the devices' plugs.",
        json_schema_extra=flag(),
    )
    training_w: Watts = Field(TRAINING_W, description="Power of a GPU that trains, with its share of the host, W.")
    sampling_w: Watts = Field(TRAINING_W, description="Power of a GPU that samples, W.")
    idle_w: Watts = Field(IDLE_W, description="Power of an idle GPU, W.")
    checkpoint_s: float = Field(20.0, ge=0, description="Time to write a checkpoint, s.")
    checkpoint_j: float = Field(20.0 * TRAINING_W, ge=0, description="Energy to write a checkpoint, J.")
    restore_s: float = Field(40.0, ge=0, description="Time to restore a checkpoint, s.")
    restore_j: float = Field(40.0 * TRAINING_W, ge=0, description="Energy to restore a checkpoint, J.")
    startup_s: float = Field(60.0, ge=0, description="Time to take a released GPU back, s.")
    startup_j: float = Field(60.0 * TRAINING_W, ge=0, description="Energy to take a released GPU back, J.")


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


class ScheduleSettings(SettingsSection):
    """When decisions are made, and how sampling and training tasks are queued."""

    period: Duration = Field(3600.0, description="Time between two decisions of the policy.")
    sampling_batch: int = Field(200, ge=1, description="Architectures scored by one sampling task.")
    queue_capacity: int = Field(10, ge=1, description="Scored architectures that may wait for a training.")
    unranked_share: Share = Field(
        0.5, description="Share of the trainings given to proposals that no proxy score ranked."
    )
    max_samples: int = Field(
        1500, ge=0, description="For searchers that use proxy scores: largest number of scores before trainings ..."
    )
    samples_per_training: int = Field(10, ge=0, description="... and additional scores per training.")


class BudgetSettings(SettingsSection):
    """When to stop: whichever budget is exhausted first."""

    hours: Hours = Field(80 * 3600.0, description="Time budget: hours, or 3d, 90min.", json_schema_extra=flag())
    carbon: Carbon | None = Field(
        None, description="Carbon budget: 5kg, 800g, 11lb.", json_schema_extra=flag("carbon_budget")
    )
    energy: Energy | None = Field(
        None, description="Energy budget: 120kWh, 3MJ.", json_schema_extra=flag("energy_budget")
    )
    cost: Money | None = Field(
        None, description="Money, in the currency of the prices.", json_schema_extra=flag("cost_budget")
    )
    evaluations: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Number of full trainings.", json_schema_extra=flag()
    )
    gpu_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="GPU-hours held; a released GPU does not count.", json_schema_extra=flag()
    )
    target: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = Field(
        None, description="Hypervolume at which the run ends.", json_schema_extra=flag()
    )
    stop: StopPrice = Field(
        "auto",
        description="When the search ends by itself: 0.1%/kg, once the next kg of CO2eq is expected to add less of the "
        "hypervolume; auto, once a third more trainings are expected to add less than 0.1 %; never.",
        json_schema_extra=flag(),
    )
    accounting: Literal["full", "paper"] = Field(
        "full", description="Accounting of the carbon budget: full, or as in the CE-NAS paper."
    )
    check_interval: Duration = Field(
        300.0, description="Interval of checks between events; bounds the overrun of carbon, energy and cost."
    )

    @property
    def time_s(self) -> float:
        """The time budget, s."""
        return self.hours


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


class Settings(SettingsSection):
    """All settings of a run.

    Example:
        >>> from ce_nas import Settings
        >>> settings = Settings(policy="threshold", budget={"hours": "3d"})
        >>> settings.policy.name, settings.budget.time_s
        ('threshold', 259200.0)
    """

    problem: Annotated[ProblemSettings, Choice(PROBLEMS, "problem")] = Field(
        default_factory=lambda: PROBLEMS.validate(PROBLEMS.default),
        description="Search problem.",
        json_schema_extra=flag(),
    )
    policy: Annotated[ComponentSettings, Choice(POLICIES, "policy")] = Field(
        default_factory=lambda: POLICIES.validate(POLICIES.default),
        description="Scheduling policy, which allocates the GPUs to sampling and training.",
        json_schema_extra=flag(),
    )
    searcher: Annotated[SearcherSettings, Choice(SEARCHERS, "searcher")] = Field(
        default_factory=lambda: SEARCHERS.validate(SEARCHERS.default),
        description="Search algorithm, which proposes the architectures.",
        json_schema_extra=flag(),
    )
    forecaster: Annotated[ComponentSettings, Choice(FORECASTERS, "forecaster")] = Field(
        default_factory=lambda: FORECASTERS.validate(FORECASTERS.default),
        description="Forecaster of the carbon intensity (auto: several, weighed online by their latest errors).",
        json_schema_extra=flag(),
    )
    grid: GridSettings = Field(default_factory=GridSettings)
    cluster: ClusterSettings = Field(default_factory=ClusterSettings)
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    prices: PriceSettings = Field(default_factory=PriceSettings)
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    site: SiteSettings = Field(default_factory=SiteSettings)
    power: PowerSettings = Field(default_factory=PowerSettings)
    live: LiveSettings = Field(default_factory=LiveSettings)
    final: FinalSettings = Field(default_factory=FinalSettings)
    seed: int = Field(0, ge=0, description="Seed of all random numbers.", json_schema_extra=flag())

    @model_validator(mode="wrap")
    @classmethod
    def _explain_errors(cls, value: Any, handler: ModelWrapValidatorHandler[Settings]) -> Settings:  # noqa: ANN401
        """Raise the package's own error for anything wrong."""
        try:
            return handler(value)
        except ValidationError as error:
            raise SettingsError(describe_validation_error(error, cls)) from error


def setting_flags() -> dict[str, Flag]:
    """The flags of ``ce-nas search``, which are the keywords of :class:`ce_nas.Search`, by name."""
    return list_flags(Settings, {"problem": TableSettings, "searcher": SurrogateSettings})


def settings_from_flags(base: Mapping[str, Any] | None = None, /, **flags: object) -> Settings:
    """The settings of ``base``, as read from a file, updated by the flags that are not None.

    A flag is one of :func:`setting_flags`, or a section by name with a table of its settings.

    :raises SettingsError: if there is no such flag, its value is invalid, or it has no effect in the case at hand.
    """
    tree: dict[str, Any] = {
        key: dict(part) if isinstance(part, Mapping) else part for key, part in (base or {}).items()
    }
    known = setting_flags()
    for name, value in flags.items():
        if value is None:
            continue
        if isinstance(value, Mapping) and name in Settings.model_fields:
            tree[name] = {**_as_table(name, tree.get(name, {})), **value}
        elif name in known:
            _set_at_path(tree, known[name].path, value)
        elif name in Settings.model_fields:
            tree[name] = value
        else:
            raise SettingsError(unknown_choice_message("setting", name, {**known, **Settings.model_fields}))
    settings = Settings.model_validate(with_live_defaults(_find_home(_infer_problem(tree))))
    require_effect(settings, setting_flags)
    return settings


def read_settings_file(path: Path) -> Mapping[str, Any]:
    """The content of a TOML file of settings, not yet validated; paths in it are relative to its folder.

    :raises SettingsError: if it cannot be read.
    """
    tree = read_toml(path, "a configuration file")
    for section, key in (("problem", "table"), ("live", "evaluate"), ("grid", "trace"), ("grid", "weather")):
        if isinstance(tree.get(section), dict) and isinstance(tree[section].get(key), str):
            tree[section][key] = str(path.parent / tree[section][key])
    if isinstance(power := tree.get("power"), dict):
        for key in ("cap", "profile"):
            if isinstance(power.get(key), str) and "." in power[key]:
                power[key] = str(path.parent / power[key])
    searcher = tree.get("searcher")
    if isinstance(searcher, dict) and (stated := searcher.get("warm_start")):
        sources = stated.split(",") if isinstance(stated, str) else stated
        searcher["warm_start"] = [str(path.parent / str(source).strip()) for source in sources]
    site = tree.get("site", {})
    others = site.get("others") if isinstance(site, dict) else None
    for other in others if isinstance(others, list) else []:
        if isinstance(other, dict) and isinstance(other.get("trace"), str):
            other["trace"] = str(path.parent / other["trace"])
    model = tree.get("forecaster")
    if isinstance(model, str) and model.endswith(FORECASTERS.MODEL_SUFFIX):
        tree["forecaster"] = str(path.parent / model)
    return tree


def _infer_problem(tree: dict[str, Any]) -> dict[str, Any]:
    """A table alone is a problem of the user's own."""
    problem = tree.get("problem")
    if isinstance(problem, Mapping) and problem.get("table") and problem.get("name", "nb201") == "nb201":
        tree["problem"] = {**problem, "name": "table"}
    return tree


def _find_home(tree: dict[str, Any]) -> dict[str, Any]:
    """Of sites that are stated by their zones alone, one is home: the search's own zone, else the first."""
    site, grid = tree.get("site"), _as_table("grid", tree.get("grid", {}))
    if not (isinstance(site, Mapping) and isinstance(grid, Mapping) and isinstance(site.get("others"), str)):
        return tree
    zones = [name.strip() for name in site["others"].split(",")]
    home = grid.get("zone") or (None if grid.get("trace") else zones[0])
    others = [zone for zone in zones if zone != home]
    if not others:
        message = f"Expected zones of two sites or more, with commas between, got {site['others']!r}; add one."
        raise SettingsError(message)
    named = {"name": home, **site} if home else dict(site)
    return {
        **tree,
        "grid": {**grid, "zone": home} if home else grid,
        "site": {**named, "others": [{"name": zone, "zone": zone} for zone in others]},
    }


def _as_table(section: str, value: Any) -> Any:  # noqa: ANN401 - what a file or a caller holds
    """A section that was stated by one value, as a table.

    ``policy = "threshold"`` is its name, ``grid = "solar"`` the zone, ``grid = "file.csv"`` the trace, and
    ``live = true`` a live search with the default settings.
    """
    if isinstance(value, bool):
        return {"enabled": value} if section == "live" else value
    if not isinstance(value, str):
        return value
    if section != "grid":
        return {"name": value}
    return {"trace" if value.endswith((".csv", ".parquet", ".pq")) else "zone": value}


def _set_at_path(tree: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    if len(path) == 1:
        tree[path[0]] = value
        return
    section, key = path
    table = _as_table(section, tree.get(section, {}))
    tree[section] = {**table, key: value} if isinstance(table, Mapping) else table
