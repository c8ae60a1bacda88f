"""Flags and keywords, made from the fields of the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from ce_nas.components.field_types import unwrap_type
from ce_nas.components.quantities import Quantity
from ce_nas.components.registry import Choice

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

__all__ = ["Flag", "list_flags"]

_PLAIN_TYPES = (bool, int, float, Path)


@dataclass(frozen=True, slots=True)
class Flag:
    """A setting that is a flag of the command line and a keyword of the Python API."""

    name: str
    #: the sections and the key of the setting
    path: tuple[str, ...]
    field: FieldInfo

    @property
    def section(self) -> str:
        """The section of the settings that it belongs to."""
        return self.path[0] if len(self.path) > 1 or self.choice else ""

    @property
    def choice(self) -> Choice | None:
        """The registry that it chooses from, where it chooses a component."""
        return next((mark for mark in self.field.metadata if isinstance(mark, Choice)), None)

    @property
    def description(self) -> str:
        """What it is, for people, with the names that it chooses from."""
        text = self.field.description or ""
        if not self.choice:
            return text
        registry = self.choice.registry
        names = [f"{name} (default)" if name == self.default else name for name in registry.names()]
        return f"{text.rstrip('.')}: {', '.join(names)}."

    @property
    def default(self) -> Any:  # noqa: ANN401 - of any type
        """The default value, in the unit of a plain number; of a component its name."""
        if self.choice:
            return (None if self.choice.optional else self.choice.registry.default) or None
        if self.field.default is PydanticUndefined:
            return None
        marks = unwrap_type(self.field.annotation, self.field.metadata)[1]
        scale = next((mark.scale for mark in marks if isinstance(mark, Quantity)), 1.0)
        return self.field.default if scale == 1.0 else self.field.default / scale

    @property
    def plain_type(self) -> type:
        """The type of its text on a command line: bool, int, float or Path, else str."""
        kind, marks = unwrap_type(self.field.annotation, self.field.metadata)
        has_unit = any(isinstance(mark, Quantity) for mark in marks) and kind is not Path
        return kind if kind in _PLAIN_TYPES and not has_unit else str

    @property
    def annotation(self) -> Any:  # noqa: ANN401 - a type
        """The type of its value as a keyword."""
        if self.choice:
            return str | dict[str, Any]
        kind, marks = unwrap_type(self.field.annotation, self.field.metadata)
        if kind is Path:
            return str | Path
        if any(isinstance(mark, Quantity) for mark in marks):
            return str | Sequence[str] if get_origin(kind) is tuple else float | str
        return self.plain_type


def list_flags(model: type[BaseModel], components: Mapping[str, type[BaseModel]]) -> dict[str, Flag]:
    """The flags of a model's fields and of its sections' fields, by name.

    :param components: sections that hold a component, with the settings that all components of the kind have.
    """
    return {item.name: item for item in _walk(model, components, ())}


def _walk(model: type[BaseModel], components: Mapping[str, type[BaseModel]], path: tuple[str, ...]) -> Iterator[Flag]:
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra
        stated = extra.get("flag") if isinstance(extra, dict) else None
        is_component = any(isinstance(mark, Choice) for mark in field.metadata)
        if stated:
            key = (*path, name, "name") if is_component and not path else (*path, name)
            yield Flag(stated if isinstance(stated, str) else name, key, field)
        section = components.get(name) or field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel) and (name in components or not is_component):
            yield from _walk(section, {}, (*path, name))
