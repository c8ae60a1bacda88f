"""The page of all settings, ``docs/settings.md``, made from the models of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ce_nas.components.field_types import unwrap_type
from ce_nas.components.messages import describe_type
from ce_nas.components.quantities import Quantity
from ce_nas.components.registry import Choice
from ce_nas.config.schema import Settings, setting_flags
from ce_nas.core.formatting import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

    from ce_nas.components.registry import Component, Registry

__all__ = ["render_settings_page"]

_HEAD = """# Settings

A configuration file is TOML. Every key may be left out; flags of the command line override the file. Paths are relative
to the file. A quantity carries its unit; an unknown key is refused with the section that has it, or the nearest one,
and a value of another type too: a number is not `"3"` or `true`, true or false not `1` or `"yes"`. This page is
generated: `ce-nas config docs`. `ce-nas config schema` prints the JSON Schema for editors.

```toml
seed = 0
forecaster = "auto"

[problem]
name = "nb201"
objectives = ["accuracy", "latency:min:0.026"]

[grid]
zone = "solar"

[policy]                 # or only: policy = "look-ahead"
name = "look-ahead"
cost_weight = 0.2

[budget]
hours = "3d"
carbon = "50kg"
```

The sections `[problem]`, `[policy]` and `[searcher]`, and the keys `forecaster`, `grid.provider`, `live.workers` and
`live.meter`, choose a component by its `name` and hold its own options; an option of another component is refused. The
name alone may stand in place of the table. Other packages can add components by entry points of the groups
`ce_nas.policies`, `ce_nas.searchers`, `ce_nas.forecasters`, `ce_nas.providers`, `ce_nas.problems`, `ce_nas.workers` and
`ce_nas.meters`.
"""


def render_settings_page() -> str:
    """The page in Markdown."""
    return "\n".join([_HEAD, *_sections()]).rstrip() + "\n"


def _sections() -> Iterator[str]:
    yield "## Top level\n"
    yield from _table({"seed": Settings.model_fields["seed"]}, ())
    for name, field in Settings.model_fields.items():
        choice = _choice_of(field)
        if choice:
            yield f"## [{name}]\n\n{field.description} Flag: `--{name} NAME`.\n"
            yield from _component_sections(choice.registry, name, level=3)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _plain_section(name, field.annotation)


def _plain_section(name: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## [{name}]\n\n{(model.__doc__ or '').strip()}\n"
    yield from _table(model.model_fields, (name,))
    for key, field in model.model_fields.items():
        if choice := _choice_of(field):
            yield f"### {name}.{key}\n"
            yield from _component_sections(choice.registry, f"{name}.{key}", level=4)
        elif name == "site" and key == "others":
            item = field.annotation.__args__[0]  # type: ignore[union-attr]
            yield f"### {name}.{key}\n\n{item.__doc__}\n"
            yield from _table(item.model_fields, (name, key))


def _component_sections(registry: Registry[Any], section: str, level: int) -> Iterator[str]:
    """The components by name, the options of all, and those of each."""
    components = list(registry.components())
    yield "| name | |\n| --- | --- |"
    if registry.default and registry.default not in {component.name for component in components}:
        yield _row(f"`{registry.default}` (default)", registry.get(registry.default).summary)
    yield from (_component_row(component, registry) for component in components)
    yield ""
    shared = {key: field for key, field in registry.base.model_fields.items() if key != "name"}
    if shared:
        yield f"Options of every {registry.kind}:\n"
        yield from _table(shared, tuple(section.split(".")))
    for component in components:
        own = {
            key: field
            for key, field in component.settings.model_fields.items()
            if key != "name" and (key not in shared or _differs(field, shared[key]))
        }
        if own:
            yield f"{'#' * level} {section}: {component.name}\n"
            yield from _table(own, tuple(section.split(".")))


def _differs(field: FieldInfo, other: FieldInfo) -> bool:
    return (field.annotation, field.description) != (other.annotation, other.description)


def _component_row(component: Component, registry: Registry[Any]) -> str:
    name = f"`{component.name}`" + (" (default)" if component.name == registry.default else "")
    needs = f" (extra `{component.extra}`)" if component.extra else ""
    return _row(name, component.summary.rstrip(".") + needs)


def _table(fields: dict[str, FieldInfo], path: tuple[str, ...]) -> Iterator[str]:
    flags = {flag.path: f"`--{name.replace('_', '-')}`" for name, flag in setting_flags().items()}
    yield "| key | type | default | flag | |\n| --- | --- | --- | --- | --- |"
    for key, field in fields.items():
        flag = flags.get((*path, key), "")
        yield _row(f"`{key}`", _type_of(field), _default_of(field), flag, field.description or "")
    yield ""


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _choice_of(field: FieldInfo) -> Choice | None:
    return next((mark for mark in field.metadata if isinstance(mark, Choice)), None)


def _type_of(field: FieldInfo) -> str:
    choice = _choice_of(field)
    return f"a {choice.registry.kind}" if choice else describe_type(field.annotation, field.metadata)


def _default_of(field: FieldInfo) -> str:
    if choice := _choice_of(field):
        inner = field.get_default(call_default_factory=True, validated_data={})
        return f"`{inner.name}`" if inner else ("" if choice.optional else f"`{choice.registry.default}`")
    default: Any = field.get_default(call_default_factory=True, validated_data={})
    if default is PydanticUndefined:
        return "required"
    if default in {None, "", ()} if not isinstance(default, dict | BaseModel) else True:
        return ""
    marks = unwrap_type(field.annotation, field.metadata)[1]
    if any(isinstance(mark, Quantity) and ("duration" in mark.name) for mark in marks):
        return f"`{format_duration(default)}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
