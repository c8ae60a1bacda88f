"""Base classes of the settings of components: what every policy, searcher, problem, ... can be given."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from ce_nas.components.quantities import File, NameList, SettingsSection, flag

__all__ = [
    "ComponentSettings",
    "ProblemSettings",
    "SearcherSettings",
    "SurrogateSettings",
    "TableSettings",
    "WorkerSettings",
]


class ComponentSettings(SettingsSection):
    """The name of a component, and in a subclass its own options."""

    #: fields that belong to every component of the kind
    shared: ClassVar[frozenset[str]] = frozenset({"name"})

    name: str

    def options(self) -> dict[str, Any]:
        """The component's own options by name."""
        return {field: getattr(self, field) for field in type(self).model_fields if field not in self.shared}


class WorkerSettings(ComponentSettings):
    """What every worker pool can be given."""

    #: whether its workers run on this machine, whose devices the search finds itself
    is_local: ClassVar[bool] = True

    def device_names(self, count: int) -> tuple[str, ...]:
        """Name a number of devices of other machines, ``cuda`` or ``cpu``; each worker sees its own alone."""
        return ("cpu",) * count


class SearcherSettings(ComponentSettings):
    """What every searcher can be given."""

    shared: ClassVar[frozenset[str]] = frozenset({"name", "initial_fidelity", "promotion_rate", "deduplicate"})

    initial_fidelity: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="Share of a full training that each new architecture gets at first (successive halving); unset: "
        "every training is full.",
    )
    promotion_rate: float = Field(
        1.0 / 3.0, gt=0, le=1, description="With initial_fidelity: share of the partial trainings that are completed."
    )
    deduplicate: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="Propose one architecture per function, the cheapest (NAS-Bench-201 cells only).",
    )


class SurrogateSettings(SearcherSettings):
    """What a searcher that learns from earlier searches and from short trainings can be given besides."""

    warm_start: NameList = Field(
        (),
        description="Earlier searches of the same space, on other data, devices or recipes: run folders, folders of "
        "runs, or tables (FILE, or FILE:DATASET); their weight depends on how far new trainings confirm them.",
        json_schema_extra=flag(),
    )
    short_trainings: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="With initial_fidelity, in place of successive halving: number of short trainings that come first "
        "and choose the full ones; 64 suits cells.",
    )


class ProblemSettings(ComponentSettings):
    """What every search problem can be given."""

    shared: ClassVar[frozenset[str]] = frozenset(
        {"name", "dataset", "table", "objectives", "constraints", "proxy_scores"}
    )

    dataset: str = Field(
        "cifar10", description="Image set: cifar10, cifar100 or imagenet16-120.", json_schema_extra=flag()
    )
    objectives: NameList = Field(
        (),
        description="Metrics to optimise: NAME, NAME:max or NAME:min:REFERENCE each, with :known if it is known before "
        "a training; empty: accuracy and the problem's first cost.",
        json_schema_extra=flag(),
    )
    constraints: NameList = Field(
        (),
        description="Bounds that an answer must keep: latency<=0.015,accuracy>=90.",
        json_schema_extra=flag(),
    )
    table: File | None = Field(
        None,
        description="CSV or Parquet table of a benchmark, or the surrogate of nasbench301 (ONNX); alone it selects the "
        "problem table.",
        json_schema_extra=flag(),
    )
    proxy_scores: str = Field(
        "",
        description="Proxy scores: FILE[:NAME] of supernet accuracies (npz or Parquet), or for nasbench301 the "
        "supernet whose errors are simulated; empty: the built-in ones, if any; none: no proxy scores.",
        json_schema_extra=flag(),
    )


class TableSettings(ProblemSettings):
    """What a problem that reads a table of the user's own can be given besides."""

    operations: NameList = Field(
        (),
        description="Columns of the table that are operations; empty: its columns of text.",
        json_schema_extra=flag(),
    )
    training_column: str = Field(
        "",
        description="Column of the table with the seconds of a training; empty: one of the usual names.",
        json_schema_extra=flag(),
    )
