"""All settings of a run: the one place from which files, flags, keywords, help and documentation are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator

from ce_nas.components.base import (
    ComponentSettings,
    ProblemSettings,
    SearcherSettings,
    SurrogateSettings,
    TableSettings,
)
from ce_nas.components.messages import describe_validation_error, unknown_key_message
from ce_nas.components.quantities import (
    Carbon,
    Duration,
    Energy,
    Hours,
    Money,
    SettingsSection,
    Share,
    StopPrice,
    Watts,
    flag,
)
from ce_nas.components.registry import FORECASTERS, POLICIES, PROBLEMS, SEARCHERS, Choice, UnknownOptionError
from ce_nas.config.flags import list_flags
from ce_nas.config.live_schema import FinalSettings, LiveSettings, with_live_defaults
from ce_nas.config.site_schema import GridSettings, PriceSettings, SiteSettings, grid_as_table
from ce_nas.config.toml_reader import read_toml
from ce_nas.config.without_effect import require_effect
from ce_nas.core.errors import SettingsError, unknown_choice_message
from ce_nas.energy.power_lever import PowerSettings
from ce_nas.energy.power_model import AVERAGE_PUE, IDLE_W, TRAINING_W

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ce_nas.config.flags import Flag

__all__ = ["Settings", "read_settings_file", "setting_flags", "settings_from_flags"]


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
        except UnknownOptionError as error:
            raise SettingsError(unknown_key_message(error.kind, error.option, error.known, cls)) from error


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
    tree, folder = read_toml(path, "a configuration file"), path.parent
    for section, key in (("problem", "table"), ("live", "evaluate"), ("grid", "trace"), ("grid", "weather")):
        _resolve_path(tree.get(section), key, folder)
    for key in ("cap", "profile"):
        _resolve_path(tree.get("power"), key, folder, is_path=lambda text: "." in text)
    _resolve_path(tree, "forecaster", folder, is_path=lambda text: text.endswith(FORECASTERS.MODEL_SUFFIX))
    searcher, site = tree.get("searcher"), tree.get("site")
    if isinstance(searcher, dict) and (stated := searcher.get("warm_start")):
        sources = stated.split(",") if isinstance(stated, str) else stated
        searcher["warm_start"] = [str(folder / str(source).strip()) for source in sources]
    others = site.get("others") if isinstance(site, dict) else None
    for other in others if isinstance(others, list) else []:
        _resolve_path(other, "trace", folder)
    return tree


def _resolve_path(table: object, key: str, folder: Path, is_path: Callable[[str], bool] = lambda _text: True) -> None:
    """Make a path of a table relative to ``folder``; anything else under the key stays as it is."""
    if isinstance(table, dict) and isinstance(text := table.get(key), str) and is_path(text):
        table[key] = str(folder / text)


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
    if section == "grid":
        return grid_as_table(value)
    return {"name": value} if isinstance(value, str) else value


def _set_at_path(tree: dict[str, Any], path: tuple[str, ...], value: object) -> None:
    if len(path) == 1:
        tree[path[0]] = value
        return
    section, key = path
    table = _as_table(section, tree.get(section, {}))
    tree[section] = {**table, key: value} if isinstance(table, Mapping) else table
