"""Sentences about settings: the type that a field expects, and what is wrong with a value."""

from __future__ import annotations

import types
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ce_nas.components.quantities import Quantity
from ce_nas.core.errors import unknown_choice_message

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import ValidationError

__all__ = ["describe_type", "describe_validation_error", "list_choices", "unwrap_type"]

#: bool stands before int, whose subclass it is
_PLAIN_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Path: "a file"}


def describe_type(annotation: Any, metadata: Sequence[Any] = ()) -> str:  # noqa: ANN401 - any annotation
    """A field's type for people, with its bounds: "a whole number of at least 1"."""
    kind, marks = unwrap_type(annotation, metadata)
    for mark in marks:
        if isinstance(mark, Quantity):
            return f"{mark.name} such as {mark.example}" if mark.example else mark.name
    if choices := list_choices(kind):
        return f"one of: {', '.join(choices)}"
    if get_origin(kind) in {tuple, list}:
        return "a list"
    for plain, words in _PLAIN_NAMES.items():
        if isinstance(kind, type) and issubclass(kind, plain):
            return f"{words} {bounds}" if (bounds := _describe_bounds(marks)) else words
    return "a table"


def unwrap_type(annotation: Any, metadata: Sequence[Any] = ()) -> tuple[Any, list[Any]]:  # noqa: ANN401 - any annotation
    """The type without ``None`` and without its marks, and all marks."""
    kind, marks = _unwrap_optional(annotation), _flatten(metadata)
    while get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        kind, marks = _unwrap_optional(inner), [*_flatten(more), *marks]
    return kind, marks


def list_choices(annotation: Any) -> list[str]:  # noqa: ANN401 - any annotation
    """The texts that a literal type or an enumeration allows; empty for another type."""
    annotation = _unwrap_optional(annotation)
    if get_origin(annotation) is Literal:
        return [str(choice) for choice in get_args(annotation)]
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(choice.value) for choice in annotation]
    return []


def _unwrap_optional(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    if get_origin(annotation) in {Union, types.UnionType}:
        known = [argument for argument in get_args(annotation) if argument is not type(None)]
        return known[0] if len(known) == 1 else annotation
    return annotation


def describe_validation_error(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """What is wrong first, as one sentence of what was expected, of which setting, and what was found.

    :param prefix: the section that the model describes; empty: all settings.
    """
    first = error.errors()[0]
    parents, field = _follow(model, first["loc"])
    path = ".".join([*([prefix] if prefix else []), *(str(part) for part, _ in parents)])
    if first["type"] == "extra_forbidden":
        *_, (key, section) = parents
        owner = path.rpartition(".")[0]
        return unknown_choice_message(f"setting in [{owner}]" if owner else "setting", str(key), section.model_fields)
    found = first["input"]
    if first["type"] == "missing":
        return f"Expected {path}, but it is missing: add it."
    if first["type"] == "value_error":
        reason = first["msg"].removeprefix("Value error, ")
        return f"Setting {path}: {reason[:1].lower()}{reason[1:]}" if reason.startswith("Expected") else reason
    expected = describe_type(field.annotation, field.metadata) if field else "a table"
    if field and isinstance(found, str) and (choices := list_choices(field.annotation)):
        return unknown_choice_message(path, found, choices)
    return f"Expected {expected} for {path}, got {_shorten(found)}."


def _follow(
    model: type[BaseModel], location: Sequence[int | str]
) -> tuple[list[tuple[int | str, type[BaseModel]]], FieldInfo | None]:
    """The part of an error's location that a user writes, each with its section, and the field that it ends at.

    Pydantic adds the names of a union's alternatives and of validators; these are left out.
    """
    parents: list[tuple[int | str, type[BaseModel]]] = []
    field: FieldInfo | None = None
    section: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            parents.append((part, model))
        elif section is None:
            break
        else:
            parents.append((part, section))
            field = section.model_fields.get(part)
            section = _find_section(field.annotation) if field else None
    return parents, field


def _find_section(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - any annotation
    """The model in a field's type: itself, or of a list's items."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _flatten(metadata: Iterable[Any]) -> list[Any]:
    return [mark for part in metadata for mark in (part.metadata if isinstance(part, FieldInfo) else (part,))]


def _describe_bounds(metadata: Iterable[Any]) -> str:
    names = ("ge", "gt", "le", "lt")
    bounds = {name: getattr(mark, name) for mark in metadata for name in names if hasattr(mark, name)}
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']:g} to {bounds['le']:g}"
    words = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    return " and ".join(f"{words[name]} {bounds[name]:g}" for name in words if name in bounds)


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
