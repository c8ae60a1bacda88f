"""All that a run is told: one schema for the configuration file, the flags of the command line and the Python API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from ce_nas.config.live_schema import LiveSettings, with_live_defaults
from ce_nas.config.quantities import Carbon, Duration, Energy, File, Model, Money, Section, Share, Time, Watts
from ce_nas.config.toml_reader import read_toml
from ce_nas.core.errors import SettingsError, one_of
from ce_nas.energy.power_model import AVERAGE_PUE, IDLE_W, TRAINING_W
from ce_nas.engine.budgets import Book
from ce_nas.grid.trace import Factors, Signal  # noqa: TC001 - pydantic reads the annotations at run time

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Settings", "load_settings", "settings_from_flags"]


class BenchmarkSettings(Section):
    """What is searched."""

    #: nb201 (embedded), hwnasbench (imported, or a table with its columns), nasbench301 (imported, or its surrogate) or
    #: table (one of the user's own)
    name: Literal["nb201", "hwnasbench", "nasbench301", "table"] = "nb201"
    #: image set: cifar10, cifar100 or imagenet16-120
    dataset: str = "cifar10"
    #: CSV or Parquet table, or the surrogate of nasbench301; needed for table, and for the others unless imported
    table: File | None = None
    #: columns of a table that are operations; empty: its columns of text
    operations: tuple[str, ...] = ()
    #: column of a table with the seconds of a training; empty: one of the usual names
    training_column: str = ""
    #: NAME, NAME:max or NAME:min:REFERENCE each; empty: accuracy and the benchmark's first cost
    objectives: tuple[str, ...] = ()
    #: bounds that an answer has to keep: METRIC<=BOUND or METRIC>=BOUND each
    constraints: tuple[str, ...] = ()
    #: FILE[:NAME] of supernet accuracies, or of nasbench301 the supernet that its scores err like; empty: the built-in
    #: ones where there are any; none: no cheap scores
    cheap_scores: str = ""


class GridSettings(Section):
    """Where the electricity comes from."""

    #: CSV or Parquet file of carbon intensity; without it the zone is a built-in, synthetic one
    trace: File | None = None
    #: a live source instead of a trace: electricity-maps, watttime, uk, eia or entsoe; for searches on real devices
    live: Literal["electricity-maps", "watttime", "uk", "eia", "entsoe"] | None = None
    #: live: folder where its answers are kept
    cache: File | None = None
    #: live: built-in zone whose typical day may stand in, and the worst that may: forecast or typical
    like: str | None = None
    worst: Literal["fresh", "forecast", "typical"] = "typical"
    #: live: whether to stop once nothing may stand in any more, instead of going on with what is known last
    stop_when_lost: bool = False
    #: zone of the trace or of the live source, or the name of a built-in or an imported zone
    zone: str | None = None
    #: CSV or Parquet file of what is known ahead (a weather or production forecast), and its zone if called otherwise
    weather: File | None = None
    weather_zone: str | None = None
    #: how much later than its stamp a value of that file speaks of, where it is stamped with the time of issue
    weather_later: Duration | None = None
    #: when the run begins, UTC; without it, a week after the trace begins or on the third of July of the synthetic year
    start: Time | None = None
    #: seed of a built-in zone's typical year
    seed: Annotated[int, Field(ge=0)] = 0
    #: which emissions the trace counts, where its file does not say
    factors: Factors | None = None
    #: what the trace's intensity answers, where its file does not say
    signal: Signal | None = None
    #: names of the trace's columns, where they are not found
    time_column: str | None = None
    intensity_column: str | None = None


class ClusterSettings(Section):
    """The devices, and what they draw."""

    gpus: Annotated[int, Field(ge=1, le=4096)] = 8
    #: power usage effectiveness: energy from the grid per energy at the devices' plugs
    pue: Annotated[float, Field(ge=1, le=10)] = AVERAGE_PUE
    training_w: Watts = TRAINING_W
    sampling_w: Watts = TRAINING_W
    idle_w: Watts = IDLE_W
    checkpoint_s: Annotated[float, Field(ge=0)] = 20.0
    checkpoint_j: Annotated[float, Field(ge=0)] = 20.0 * TRAINING_W
    restore_s: Annotated[float, Field(ge=0)] = 40.0
    restore_j: Annotated[float, Field(ge=0)] = 40.0 * TRAINING_W
    #: what it takes to take a released device back
    startup_s: Annotated[float, Field(ge=0)] = 60.0
    startup_j: Annotated[float, Field(ge=0)] = 60.0 * TRAINING_W


class PolicySettings(Section):
    """Who divides the devices."""

    name: str = "look-ahead"
    #: learned: file of a policy of one's own; none: the one that comes with the package
    network: File | None = None
    #: fixed: share of the devices that evaluate
    evaluating: Share = 0.5
    #: threshold and suspend-resume: quantile of the past week's intensity up to which an hour is clean
    quantile: Share = 0.5
    #: all-sampling: how many are trained in the end
    trainings: Annotated[int, Field(ge=1)] = 50
    #: all-sampling: how long before the deadline these trainings begin at the latest
    closing: Duration = 4 * 3600.0
    #: look-ahead, and the choice between sites: share of money in what an hour costs; the rest is carbon
    money: Share = 0.0
    #: look-ahead and marginal: without a target, what the last doubling of the trainings must have brought, as a share
    #: of the hypervolume, for the search to be worth more
    gain: Annotated[float, Field(ge=0, lt=1)] = 1e-3
    #: look-ahead: plan with this quantile of the forecast where it has any; none: with what is expected
    caution: Share | None = None
    #: look-ahead: what an hour's work costs that is left for after the deadline, in units of a mean hour before it
    miss: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.5
    #: look-ahead, marginal and suspend-resume: the chance with which the hours planned must be enough to reach a target
    sure: Annotated[float, Field(ge=0, lt=1)] = 0.9
    #: look-ahead, marginal and suspend-resume: half of the GPUs that work score architectures until so many are scored
    scored: Annotated[int, Field(ge=0)] = 20_000


class OtherSiteSettings(Section):
    """Another place where the search may go on."""

    name: Annotated[str, Field(min_length=1)]
    #: file of its carbon intensity; without it the zone is a built-in, synthetic one
    trace: File | None = None
    #: its zone
    zone: str | None = None
    factors: Factors | None = None
    signal: Signal | None = None
    #: energy from the grid per energy at the devices' plugs there
    pue: Annotated[float, Field(ge=1, le=10)] = AVERAGE_PUE
    #: GPUs that the search may hold there; none: as many as at home
    gpus: Annotated[int, Field(ge=1)] | None = None
    #: what is paid there; none: as at home
    electricity_per_kwh: Annotated[float, Field(allow_inf_nan=False)] | File | None = None
    gpu_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class SiteSettings(Section):
    """What the site allows, and where else the search may go on."""

    #: the place where the search begins, which [grid], [cluster] and [prices] describe
    name: str = "home"
    #: the other places
    others: tuple[OtherSiteSettings, ...] = ()
    #: how long the search rests on its way from one to another, and what that draws, J, before PUE
    move: Duration = 600.0
    move_j: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 3.6e6

    #: when the cluster may not be used, UTC: mon-fri 09:00-17:00, or 22:00-06:00 for every day
    closed: tuple[str, ...] = ()
    #: how long a division of the GPUs stays before it may change; none: a period
    minimum_time: Duration | None = None
    #: what all GPUs together may draw, PUE included, W; none: no bound
    power_cap_w: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class SearcherSettings(Section):
    """Who proposes architectures."""

    name: str = "lamoo"
    #: lamoo: who searches its regions
    inner: str = "uniform"
    #: lamoo: share of the proposals that come from outside the chosen region, against over-pruning
    outside: Share = 0.1
    #: time between two decisions
    period: Duration = 3600.0
    #: architectures that one sampling task scores
    batch: Annotated[int, Field(ge=1)] = 200
    #: scored architectures that may wait for a training
    backlog: Annotated[int, Field(ge=1)] = 10
    #: let new architectures train for this share first, and the best of them in full; none: all in full at once
    early: Annotated[float, Field(gt=0, lt=1)] | None = None
    #: with early: the share of the part trainings that are carried to the end
    promote: Annotated[float, Field(gt=0, le=1)] = 1.0 / 3.0
    #: share of the trainings that go to proposals which no cheap score ranked: scores may mislead
    unranked: Share = 0.5
    #: propose one architecture of each function only, the cheapest; of NAS-Bench-201's cells, which tell
    distinct: bool = False
    #: surrogate: architectures scored at most, to begin with and for each training: it needs few, and each draws energy
    samples: Annotated[int, Field(ge=0)] = 1500
    samples_per_training: Annotated[int, Field(ge=0)] = 10


class BudgetSettings(Section):
    """When to stop; whatever is used up first."""

    time: Duration = 80 * 3600.0
    carbon: Carbon | None = None
    energy: Energy | None = None
    cost: Money | None = None
    evaluations: Annotated[int, Field(ge=1)] | None = None
    #: hours of GPUs held, all together
    gpu_hours: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    #: hypervolume that is enough
    target: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    #: the book that the carbon budget is counted in
    book: Book = Book.FULL
    #: how often carbon, energy and cost are looked at between events: the most by which they can be overrun
    check: Duration = 300.0


class PriceSettings(Section):
    """What is paid."""

    #: price of a kWh, or a CSV or Parquet file of prices over time
    electricity_per_kwh: Annotated[float, Field(allow_inf_nan=False)] | File = 0.0
    #: price of holding one GPU for one hour
    gpu_hour: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    #: a GPU is paid in stretches of this length, each in full once it has begun; none: to the second
    billing: Duration | None = None


class Settings(Section):
    """All settings of one run."""

    seed: Annotated[int, Field(ge=0)] = 0
    benchmark: BenchmarkSettings = BenchmarkSettings()
    grid: GridSettings = GridSettings()
    cluster: ClusterSettings = ClusterSettings()
    site: SiteSettings = SiteSettings()
    policy: PolicySettings = PolicySettings()
    searcher: SearcherSettings = SearcherSettings()
    #: name of the forecaster, a fitted model's file, or auto: the model fitted for the zone where there is one
    forecaster: Model = "auto"
    budget: BudgetSettings = BudgetSettings()
    prices: PriceSettings = PriceSettings()
    live: LiveSettings = LiveSettings()


#: flag of the command line (and keyword of the Python API) to its place in the settings
FLAGS = {
    "benchmark": ("benchmark", "name"),
    "dataset": ("benchmark", "dataset"),
    "objectives": ("benchmark", "objectives"),
    "table": ("benchmark", "table"),
    "constraints": ("benchmark", "constraints"),
    "cheap_scores": ("benchmark", "cheap_scores"),
    "trace": ("grid", "trace"),
    "grid": ("grid", "live"),
    "zone": ("grid", "zone"),
    "weather": ("grid", "weather"),
    "weather_zone": ("grid", "weather_zone"),
    "weather_later": ("grid", "weather_later"),
    "start": ("grid", "start"),
    "factors": ("grid", "factors"),
    "signal": ("grid", "signal"),
    "policy": ("policy", "name"),
    "searcher": ("searcher", "name"),
    "forecaster": ("forecaster",),
    "gpus": ("cluster", "gpus"),
    "pue": ("cluster", "pue"),
    "hours": ("budget", "time"),
    "carbon_budget": ("budget", "carbon"),
    "energy_budget": ("budget", "energy"),
    "cost_budget": ("budget", "cost"),
    "evaluations": ("budget", "evaluations"),
    "gpu_hours": ("budget", "gpu_hours"),
    "target": ("budget", "target"),
    "electricity_price": ("prices", "electricity_per_kwh"),
    "gpu_hour_price": ("prices", "gpu_hour"),
    "seed": ("seed",),
    "live": ("live", "on"),
    "data": ("live", "data"),
    "space": ("live", "space"),
    "evaluate": ("live", "evaluate"),
    "crew": ("live", "crew"),
    "time_scale": ("live", "time_scale"),
}


def settings_from_flags(base: Mapping[str, Any] | None = None, /, **flags: object) -> Settings:
    """The settings of ``base`` (as read from a file) with the flags that are not None put over it.

    ``hours`` may be a plain number of hours, and ``objectives`` and ``constraints`` a text with commas.

    :raises SettingsError: if there is no such flag, or a value is of no use.
    """
    tree: dict[str, Any] = {
        key: dict(part) if isinstance(part, Mapping) else part for key, part in (base or {}).items()
    }
    for flag, value in flags.items():
        if flag not in FLAGS:
            raise SettingsError(one_of("setting", flag, FLAGS))
        if value is not None:
            _put(tree, FLAGS[flag], _as_written(flag, value))
    own_table = "table" in tree.get("benchmark", {}) and tree["benchmark"].get("name", "nb201") == "nb201"
    if own_table:
        tree["benchmark"]["name"] = "table"
    return _validated(with_live_defaults(tree))


def load_settings(path: Path) -> Mapping[str, Any]:
    """The content of a TOML file of settings, not yet checked; paths in it are relative to its folder.

    :raises SettingsError: if it cannot be read.
    """
    tree = read_toml(path, "a configuration file")
    for section, key in (("benchmark", "table"), ("live", "evaluate"), ("grid", "trace"), ("grid", "weather")):
        if isinstance(tree.get(section), dict) and isinstance(tree[section].get(key), str):
            tree[section][key] = str(path.parent / tree[section][key])
    for site in tree.get("site", {}).get("others", []):
        if isinstance(site, dict) and isinstance(site.get("trace"), str):
            site["trace"] = str(path.parent / site["trace"])
    model = tree.get("forecaster")
    if isinstance(model, str) and model.endswith(".json"):
        tree["forecaster"] = str(path.parent / model)
    return tree


def _as_written(flag: str, value: object) -> object:
    if flag == "hours" and _is_number(value):
        return f"{value} h"
    if flag in {"objectives", "constraints"} and isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    if flag == "electricity_price" and _is_number(value):
        return float(str(value))
    return value


def _is_number(value: object) -> bool:
    try:
        float(str(value))
    except ValueError:
        return False
    return True


def _put(tree: dict[str, Any], place: tuple[str, ...], value: object) -> None:
    *sections, key = place
    for section in sections:
        tree = tree.setdefault(section, {})
    tree[key] = value


def _validated(tree: Mapping[str, Any]) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from error


def _sentence(error: ValidationError) -> str:
    """The first thing that is wrong, as one sentence."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith(("function-", "is-instance")))
    if first["type"] == "extra_forbidden":
        *sections, key = map(str, first["loc"])
        where = f"setting in [{'.'.join(sections)}]" if sections else "setting"
        return one_of(where, key, _fields(sections))
    if first["type"] == "value_error":
        return f"Setting {place!r}: {first['msg'].removeprefix('Value error, ')}"
    reason = first["msg"]
    return f"Setting {place!r}: {reason}; got {first['input']!r}."


def _fields(sections: list[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for section in sections:
        annotation = model.model_fields[section].annotation
        model = annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else Settings
    return list(model.model_fields)
