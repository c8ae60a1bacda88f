"""Sentences about settings: the type that a field expects, and what is wrong with a value."""

from __future__ import annotations

import difflib
import itertools
import math
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from ce_nas.components.field_types import fields_of, is_section, item_types, unwrap_type
from ce_nas.components.quantities import OTHER_KIND, Quantity
from ce_nas.core.errors import unknown_choice_message

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from pydantic import BaseModel, ValidationError

__all__ = ["describe_type", "describe_validation_error", "list_choices", "unknown_key_message"]

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


def list_choices(annotation: Any) -> list[str]:  # noqa: ANN401 - any annotation
    """The texts that a literal type or an enumeration allows; empty for another type."""
    kind, _ = unwrap_type(annotation)
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(choice.value) for choice in kind]
    return []


def describe_validation_error(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """What is wrong first, as one sentence of what was expected, of which setting, and what was found.

    :param prefix: the section that the model describes; empty: all settings.
    """
    first = error.errors()[0]
    inside = first.get("ctx", {}) if first["type"] == OTHER_KIND else {}
    parents, field = _follow(model, (*first["loc"], *inside.get("location", ())))
    path = ".".join([*([prefix] if prefix else []), *(str(part) for part, _ in parents)])
    if first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        *_, (key, section) = parents
        owner = path.rpartition(".")[0]
        kind = f"setting in [{owner}]" if owner else "setting"
        return unknown_key_message(kind, str(key), fields_of(section), model)
    found = inside.get("found", first["input"])
    if first["type"] == "missing":
        return f"Expected {path}, but it is missing: add it."
    if first["type"] == "value_error":
        reason = first["msg"].removeprefix("Value error, ")
        return f"Setting {path}: {reason[:1].lower()}{reason[1:]}" if reason.startswith("Expected") else reason
    expected = describe_type(field.annotation, field.metadata) if field else "a table"
    if field and isinstance(found, str) and (choices := list_choices(field.annotation)):
        return unknown_choice_message(path, found, choices)
    way_out = "; write it without quotes" if inside and field and _needs_no_quotes(found, field) else ""
    return f"Expected {expected} for {path}, got {_shorten(found)}{way_out}."


def unknown_key_message(kind: str, key: str, known: Collection[str], settings: type[BaseModel]) -> str:
    """The sentence for an unknown key: the sections that have it, else the nearest of the known ones.

    :param kind: what the key was taken for: "setting in [grid]".
    :param settings: the model in which the key is looked for.
    """
    homes = dict.fromkeys(_list_homes(settings, key))
    if not homes and not difflib.get_close_matches(key, known, n=1):
        homes = dict.fromkeys(_list_component_homes(settings, key))  # imports all components
    if not homes:
        return unknown_choice_message(kind, key, known)
    return f"Unknown {kind} {key!r}; write it {' or '.join(homes)}."


def _list_homes(section: type[Any], key: str, header: str = "") -> Iterator[str]:
    """Where the fields of a section, and of those in it, have the key or a flag of this name, in words."""
    where = f"under {header}" if header else "at the top, above the first section"
    fields = fields_of(section)
    for name, field in fields.items():
        extra = field.json_schema_extra
        if name == key:
            yield where
        elif isinstance(extra, dict) and extra.get("flag") == key:
            yield f"as {name} {where}"
    path = header.strip("[]")
    for name, field in fields.items():
        kind, _ = unwrap_type(field.annotation)
        if (part := _find_section(kind)) and not (_registry_of(field) and key == "name"):
            inner = f"{path}.{name}" if path else name
            yield from _list_homes(part, key, f"[[{inner}]]" if get_origin(kind) in {tuple, list} else f"[{inner}]")


def _list_component_homes(section: type[Any], key: str, path: str = "") -> Iterator[str]:
    """The sections of components of which one has the option, in words."""
    for name, field in fields_of(section).items():
        inner = f"{path}.{name}" if path else name
        if (registry := _registry_of(field)) is not None:
            if any(key in component.settings.model_fields for component in registry.components()):
                yield f"under [{inner}]"
        elif part := _find_section(field.annotation):
            yield from _list_component_homes(part, key, inner)


def _registry_of(field: FieldInfo) -> Any:  # noqa: ANN401 - a registry, whose module imports this one
    """The registry of components that a field chooses from; None if it chooses none."""
    return next((mark.registry for mark in field.metadata if hasattr(mark, "registry")), None)


def _follow(
    model: type[BaseModel], location: Sequence[int | str]
) -> tuple[list[tuple[int | str, type[Any]]], FieldInfo | None]:
    """The part of an error's location that a user writes, each with its section, and the field that it ends at.

    Pydantic adds the names of a union's alternatives and of validators; these are left out.
    """
    parents: list[tuple[int | str, type[Any]]] = []
    field: FieldInfo | None = None
    section: type[Any] | None = model
    for part in location:
        if isinstance(part, int):
            parents.append((part, model))
            field = _item_of(field, part) if section is None else field
        elif section is None:
            break
        else:
            parents.append((part, section))
            field = fields_of(section).get(part)
            section = _find_section(field.annotation) if field else None
    return parents, field


def _find_section(annotation: Any) -> type[Any] | None:  # noqa: ANN401 - any annotation
    """The model or the dataclass in a field's type: itself, or of a list's items."""
    return next((kind for kind in (annotation, *get_args(annotation)) if is_section(kind)), None)


def _item_of(field: FieldInfo | None, place: int) -> FieldInfo | None:
    """An item of a list's field; another field as it is."""
    kind, _ = unwrap_type(field.annotation, field.metadata) if field else (None, [])
    if get_origin(kind) not in {tuple, list}:
        return field
    item = next(itertools.islice(item_types(kind), place, None), None)
    return FieldInfo.from_annotation(item) if item else field


def _describe_bounds(metadata: Iterable[Any]) -> str:
    names = ("ge", "gt", "le", "lt")
    bounds = {name: getattr(mark, name) for mark in metadata for name in names if hasattr(mark, name)}
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']:g} to {bounds['le']:g}"
    words = {"ge": "of at least", "gt": "above", "le": "of at most", "lt": "below"}
    return " and ".join(f"{words[name]} {bounds[name]:g}" for name in words if name in bounds)


def _needs_no_quotes(found: object, field: FieldInfo) -> bool:
    """Whether a text in quotes would be a value of the field without them."""
    kind, _ = unwrap_type(field.annotation, field.metadata)
    if not isinstance(found, str):
        return False
    try:
        return found in {"true", "false"} if kind is bool else kind in {int, float} and math.isfinite(float(found))
    except ValueError:
        return False


def _shorten(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
