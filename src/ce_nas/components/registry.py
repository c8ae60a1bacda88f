"""Registries of components: the policies, searchers, forecasters, ... that settings can name.

A component registers itself where it is written, with the model of its settings::

    class OfficeHoursSettings(ComponentSettings):
        opens: int = Field(8, ge=0, le=23, description="Hour of the day, UTC, at which the office opens.")

    @POLICIES.register("office-hours", OfficeHoursSettings)
    class OfficeHoursPolicy(Policy):
        "Trains at night."

Built-in components are listed below, one line each, and imported when they are named. Other packages add theirs by an
entry point, for example of the group ``ce_nas.policies``, whose name is the component's and whose value its class.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SerializationInfo, ValidationError, field_serializer
from pydantic_core import core_schema

from ce_nas.components.base import ComponentSettings, ProblemSettings, SearcherSettings, WorkerSettings
from ce_nas.components.messages import describe_validation_error
from ce_nas.core.errors import MissingExtraError, SettingsError, unknown_choice_message

__all__ = [
    "FORECASTERS",
    "METERS",
    "POLICIES",
    "PROBLEMS",
    "PROVIDERS",
    "REGISTRIES",
    "SEARCHERS",
    "WORKERS",
    "Choice",
    "Component",
    "ForecasterRegistry",
    "Registry",
    "UnknownOptionError",
]

Factory = TypeVar("Factory", bound="Callable[..., Any]")
SettingsT = TypeVar("SettingsT", bound=ComponentSettings)


@dataclass(frozen=True, slots=True)
class Component:
    """A class, or a function, that builds one component from its settings."""

    name: str
    #: a class, built by its ``from_settings(settings, *context)``, or a function of the same arguments
    factory: Callable[..., Any]
    settings: type[ComponentSettings]
    #: one line for people
    summary: str
    #: the package that it needs, and the extra that brings it; empty: none
    package: str = ""
    extra: str = ""
    #: name of its random stream, where it has one
    stream: str = ""

    def build(self, settings: ComponentSettings, *context: Any) -> Any:  # noqa: ANN401 - a component of any kind
        """The component with these settings.

        :param context: what components of the kind are built from besides.
        """
        return getattr(self.factory, "from_settings", self.factory)(settings, *context)


class UnknownOptionError(SettingsError):
    """An option that no component of the kind has.

    :param kind: what it was taken for: "setting of the policy vanilla".
    :param known: the names that were expected.
    """

    def __init__(self, kind: str, option: str, known: Collection[str]) -> None:
        super().__init__(unknown_choice_message(kind, option, known))
        self.kind = kind
        self.option = option
        self.known = known


class Registry(Generic[SettingsT]):
    """The components of one kind by name.

    :param kind: what a component is called in messages: "policy".
    :param group: group of the entry points by which other packages add components.
    :param builtin: name of each built-in component to its module.
    :param default: name of the component that is used where none is named.
    :param base: settings of a component without options of its own.
    :param extra: the extra that brings the packages which the modules import.
    """

    def __init__(  # noqa: PLR0913 - what a kind of component is, a value each
        self,
        kind: str,
        group: str,
        builtin: Mapping[str, str],
        *,
        default: str = "",
        base: type[SettingsT],
        extra: str = "",
    ) -> None:
        self.kind = kind
        self.group = group
        self.default = default
        self.base = base
        self._builtin = builtin
        self._extra = extra
        self._components: dict[str, Component] = {}

    def register(  # noqa: PLR0913 - what a component is, a value each
        self,
        name: str,
        settings: type[ComponentSettings] | None = None,
        *,
        summary: str = "",
        package: str = "",
        extra: str = "",
        stream: str = "",
    ) -> Callable[[Factory], Factory]:
        """Register the decorated class or function.

        :param settings: model of its settings; None: it has none of its own.
        :param summary: one line for people; empty: the first sentence of its docstring.
        :param package: the package that it needs, which ``extra`` brings.
        :param stream: name of its random stream, where it is not that of its kind and name.
        """

        def decorate(factory: Factory) -> Factory:
            line = summary or _first_sentence(inspect.getdoc(factory) or "")
            self._components[name] = Component(
                name, factory, settings or self.base, line, package=package, extra=extra, stream=stream
            )
            return factory

        return decorate

    def names(self) -> list[str]:
        """The names of all components, the default first; none is imported."""
        known = dict.fromkeys([*self._builtin, *self._components, *self._entry_points])
        return sorted(known, key=lambda name: (name != self.default, [*known].index(name)))

    def get(self, name: str) -> Component:
        """The component of that name, imported if it was not yet.

        :raises SettingsError: if there is none.
        """
        if name not in self._components:
            self._load(name)
        return self._components[name]

    def components(self) -> Iterator[Component]:
        """All components, imported; those whose extra is not installed are left out."""
        for name in self.names():
            with suppress(MissingExtraError):
                yield self.get(name)

    def require_extra(self, name: str) -> None:
        """Make sure that the package which a component needs is installed.

        :raises MissingExtraError: if it is not.
        """
        component = self.get(name)
        if component.package and find_spec(component.package) is None:
            raise MissingExtraError(component.package, component.extra, purpose=f"The {self.kind} {name}")

    def validate(self, value: object, section: str = "") -> SettingsT:
        """The settings of a component from its name, or from a table of its name and options.

        :param section: where it is in the settings, for messages.
        :raises SettingsError: if there is no such component, or it has no such option.
        """
        if isinstance(value, self.base):
            return value
        where = section or self.kind
        stated = {"name": value} if isinstance(value, str) else value
        if not isinstance(stated, Mapping) or not isinstance(stated.get("name", self.default), str):
            message = f"Expected a {self.kind}'s name, or a table of its name and options, for {where}, got {value!r}."
            raise SettingsError(message)
        name = stated.get("name", self.default)
        model = self.get(name).settings
        for option in stated:
            if option not in model.model_fields:
                raise self._unknown_option(name, str(option), where)
        try:
            return cast("SettingsT", model.model_validate({**stated, "name": name}))
        except ValidationError as error:
            raise SettingsError(describe_validation_error(error, model, where)) from error

    def build(self, settings: ComponentSettings, *context: Any) -> Any:  # noqa: ANN401 - a component of this kind
        """The component that the settings name."""
        return self.get(settings.name).build(settings, *context)

    @cached_property
    def _entry_points(self) -> dict[str, metadata.EntryPoint]:
        points = _read_entry_points().select(group=self.group)
        return {point.name: point for point in points if point.name not in self._builtin}

    def _load(self, name: str) -> None:
        if name in self._builtin:
            try:
                import_module(self._builtin[name])
            except ModuleNotFoundError as error:
                if not self._extra:
                    raise
                raise MissingExtraError(error.name or name, self._extra, f"The {self.kind} {name}") from error
        elif name in self._entry_points:
            factory = self._entry_points[name].load()
            if name not in self._components:
                self.register(name)(factory)
        else:
            raise SettingsError(unknown_choice_message(self.kind, name, self.names()))

    def _unknown_option(self, name: str, option: str, section: str) -> SettingsError:
        """The error for an option that a component does not have, with those that do, or the nearest."""
        owners = [other.name for other in self.components() if option in other.settings.model_fields]
        if owners:
            have = f"{', '.join(owners)} {'has' if len(owners) == 1 else 'have'} it"
            way_out = f"Remove {section}.{option}, or change {section}.name."
            return SettingsError(f"The {self.kind} {name} has no setting {option}; {have}. {way_out}")
        return UnknownOptionError(f"setting of the {self.kind} {name}", option, self.get(name).settings.model_fields)


def _first_sentence(docstring: str) -> str:
    """The first sentence of a docstring, without its markup."""
    paragraph = docstring.split("\n\n", maxsplit=1)[0].replace("\n", " ")
    plain = re.sub(r":\w+:`~?([^`]*)`", r"\1", paragraph).replace("``", "")
    return re.split(r"(?<=[^.\d]\.) ", plain)[0]


class ForecasterRegistry(Registry[ComponentSettings]):
    """Forecasters by name, and those that are chosen otherwise: a fitted model's file, and ``auto``."""

    #: the forecaster without a file that weighs its members online, and with them the model fitted for the zone
    AUTO = "auto"
    #: how the name of a fitted model's file ends
    MODEL_SUFFIX = ".json"

    def get(self, name: str) -> Component:
        """See :meth:`Registry.get`."""
        if name == self.AUTO:
            about = "online-ensemble, with the model fitted for the zone as a member where there is one"
            return Component(name, _build_nothing, self.base, about)
        if name.endswith(self.MODEL_SUFFIX):
            return Component(name, _build_nothing, ModelFileSettings, "a fitted model")
        return super().get(name)

    def names(self) -> list[str]:
        """See :meth:`Registry.names`."""
        return [self.AUTO, *super().names(), f"FILE{self.MODEL_SUFFIX}"]

    def components(self) -> Iterator[Component]:
        """See :meth:`Registry.components`; those that are created by name."""
        return map(self.get, super().names())


class ModelFileSettings(ComponentSettings):
    """The file of a fitted forecaster; absolute in a journal, so that the run can be resumed from any folder."""

    @field_serializer("name")
    def _resolve(self, name: str) -> str:
        return str(Path(name).resolve())


def _build_nothing(settings: ComponentSettings) -> None:
    """The forecaster depends on the zone: see :func:`ce_nas.forecast.forecaster_selection.select_forecaster`."""


@dataclass(frozen=True)
class Choice:
    """Marks a field that holds the settings of a component, validated by the component's own model."""

    registry: Registry[Any]
    #: where the field is in the settings: "policy"
    section: str
    optional: bool = False
    #: whether the field is itself an option of a component of this registry
    nested: bool = False

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_dump, info_arg=True),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        tables = [{"type": "object"}] if self.nested else []
        for component in () if self.nested else self.registry.components():
            table = component.settings.model_json_schema()
            definitions = table.pop("$defs", {})
            assert not definitions, f"{component.settings.__name__} refers to other models"  # noqa: S101
            table["properties"]["name"] = {"const": component.name}
            tables.append({**table, "title": component.name, "description": component.summary})
        nothing = [{"type": "null"}] if self.optional else []
        return {"anyOf": [{"type": "string", "examples": self.registry.names()}, *tables, *nothing]}

    def _validate(self, value: object) -> ComponentSettings | None:
        return None if self.optional and value is None else self.registry.validate(value, self.section)


def _dump(settings: ComponentSettings | None, info: SerializationInfo) -> dict[str, Any] | None:
    return settings.model_dump(mode=info.mode) if settings else None


@cache
def _read_entry_points() -> Any:  # noqa: ANN401 - another class in each version of Python
    """The entry points of all installed packages, read once for all registries."""
    return metadata.entry_points()


POLICIES = Registry(
    "policy",
    "ce_nas.policies",
    {
        "look-ahead": "ce_nas.policies.lookahead",
        "hotcarbon": "ce_nas.policies.baselines",
        "learned": "ce_nas.policies.learned.learned_policy",
        "carbonscaler": "ce_nas.policies.carbon_scaler",
        "threshold": "ce_nas.policies.baselines",
        "suspend-resume": "ce_nas.policies.baselines",
        "fixed": "ce_nas.policies.baselines",
        "vanilla": "ce_nas.policies.baselines",
        "one-shot": "ce_nas.policies.baselines",
    },
    base=ComponentSettings,
    default="look-ahead",
)
SEARCHERS = Registry(
    "searcher",
    "ce_nas.searchers",
    {
        "lamoo": "ce_nas.search.lamoo.lamoo_searcher",
        "surrogate": "ce_nas.search.surrogate.surrogate_searcher",
        "nsga2": "ce_nas.search.nsga2",
        "cma": "ce_nas.search.cma_es",
        "ehvi": "ce_nas.search.bayesopt.ehvi_searcher",
        "qlognehvi": "ce_nas.search.bayesopt.qlognehvi_searcher",
        "random": "ce_nas.search.random",
    },
    default="surrogate",
    base=SearcherSettings,
)
FORECASTERS = ForecasterRegistry(
    "forecaster",
    "ce_nas.forecasters",
    {
        "adaptive": "ce_nas.forecast.adaptive",
        "damped-profile": "ce_nas.forecast.simple_forecasters",
        "mstl": "ce_nas.forecast.simple_forecasters",
        "online-ensemble": "ce_nas.forecast.online_ensemble",
        "pretrained-transformer": "ce_nas.forecast.pretrained",
        "persistence": "ce_nas.forecast.simple_forecasters",
        "seasonal-naive": "ce_nas.forecast.simple_forecasters",
    },
    base=ComponentSettings,
    default="auto",
)
PROVIDERS = Registry(
    "provider",
    "ce_nas.providers",
    {
        "electricity-maps": "ce_nas.grid.providers.electricity_maps",
        "watttime": "ce_nas.grid.providers.watttime",
        "uk": "ce_nas.grid.providers.uk",
        "eia": "ce_nas.grid.providers.eia",
        "entsoe": "ce_nas.grid.providers.entsoe",
        "file": "ce_nas.grid.providers.file",
    },
    base=ComponentSettings,
    extra="live",
)
PROBLEMS = Registry(
    "problem",
    "ce_nas.problems",
    {
        "nb201": "ce_nas.engine.problems",
        "hwnasbench": "ce_nas.engine.problems",
        "nasbench301": "ce_nas.engine.problems",
        "table": "ce_nas.engine.problems",
    },
    default="nb201",
    base=ProblemSettings,
)
WORKERS = Registry(
    "worker pool",
    "ce_nas.workers",
    {
        "local": "ce_nas.cluster.workers.local",
        "ray": "ce_nas.cluster.workers.ray",
        "slurm": "ce_nas.cluster.workers.slurm",
    },
    base=WorkerSettings,
    default="local",
)
METERS = Registry(
    "meter",
    "ce_nas.meters",
    {
        "auto": "ce_nas.energy.meter_selection",
        "modelled": "ce_nas.energy.meter_selection",
    },
    base=ComponentSettings,
    default="auto",
)
REGISTRIES: tuple[Registry[Any], ...] = (POLICIES, SEARCHERS, FORECASTERS, PROVIDERS, PROBLEMS, WORKERS, METERS)
