"""Types of the fields of settings, and values of another kind that pydantic would convert silently."""

from __future__ import annotations

import dataclasses
import itertools
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["fields_of", "find_other_kind", "is_section", "item_types", "unwrap_type", "with_plain_flags"]


def unwrap_type(annotation: Any, metadata: Sequence[Any] = ()) -> tuple[Any, list[Any]]:  # noqa: ANN401 - any annotation
    """The type without ``None`` and without its marks, and all marks."""
    kind, marks = _unwrap_optional(annotation), _flatten(metadata)
    while get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        kind, marks = _unwrap_optional(inner), [*_flatten(more), *marks]
    return kind, marks


def is_section(kind: object) -> bool:
    """Whether a type is written as a table of fields: a model, or a dataclass."""
    return isinstance(kind, type) and (issubclass(kind, BaseModel) or dataclasses.is_dataclass(kind))


def fields_of(section: type[Any]) -> dict[str, FieldInfo]:
    """The fields of a model or of a dataclass by name."""
    if issubclass(section, BaseModel):
        return section.model_fields
    hints = get_type_hints(section, include_extras=True)
    return {field.name: FieldInfo.from_annotation(hints[field.name]) for field in dataclasses.fields(section)}


def item_types(kind: Any) -> Iterable[Any]:  # noqa: ANN401 - any type
    """The types of the items of a list or of a tuple, in their order; endless where the length is open.

    Example:
        >>> list(item_types(tuple[int, str]))
        [<class 'int'>, <class 'str'>]
        >>> next(iter(item_types(tuple[float, ...])))
        <class 'float'>
    """
    arguments = get_args(kind)
    has_open_length = get_origin(kind) is list or (len(arguments) == 2 and arguments[1] is Ellipsis)
    return itertools.repeat(arguments[0]) if has_open_length else arguments


def with_plain_flags(value: Any) -> Any:  # noqa: ANN401 - any value of a setting
    """The value with numpy's true and false, in it or in its lists and tables, as Python's.

    Example:
        >>> import numpy as np
        >>> with_plain_flags([np.bool_(True), 1])
        [True, 1]
    """
    if str(getattr(value, "dtype", "")) == "bool" and getattr(value, "shape", None) == ():
        return bool(value)
    if type(value) in {list, tuple}:
        return type(value)(map(with_plain_flags, value))
    if type(value) is dict:
        return {key: with_plain_flags(part) for key, part in value.items()}
    return value


def find_other_kind(
    annotation: Any,  # noqa: ANN401 - any annotation
    metadata: Sequence[Any],
    value: object,
) -> tuple[tuple[int | str, ...], object] | None:
    """Where a value is of another kind than its field's type, as a location in it, and what is there; None if nowhere.

    Only what pydantic would convert counts: a number for true or false, true or false for a number, and a text for
    either, unless the field has a parser of texts.

    Example:
        >>> find_other_kind(int, (), True)
        ((), True)
        >>> find_other_kind(tuple[float, ...], (), [0.5, "1"])
        ((1,), '1')
        >>> find_other_kind(float, (), 3)
    """
    kind, marks = unwrap_type(annotation, metadata)
    if value is None:
        return None
    if _is_converted(kind, value, has_parser=any(isinstance(mark, BeforeValidator) for mark in marks)):
        return (), value
    for place, field, part in _list_parts(kind, value):
        if found := find_other_kind(field.annotation, field.metadata, part):
            return (place, *found[0]), found[1]
    return None


def _list_parts(kind: Any, value: object) -> Iterator[tuple[int | str, FieldInfo, object]]:  # noqa: ANN401 - any type
    """The items of a list, or the options of a dataclass that is written as a table, each with its place and field."""
    if get_origin(kind) in {tuple, list} and isinstance(value, list | tuple):
        # a list of another length than its type is refused by pydantic
        for place, (item, part) in enumerate(zip(item_types(kind), value, strict=False)):
            yield place, FieldInfo.from_annotation(item), part
    elif dataclasses.is_dataclass(kind) and isinstance(value, Mapping):
        fields = fields_of(kind)  # type: ignore[arg-type] # a class, as the type of a field
        yield from ((key, fields[key], part) for key, part in value.items() if key in fields)


def _is_converted(kind: object, value: object, *, has_parser: bool) -> bool:
    if kind is bool:
        return not isinstance(value, bool) and not (has_parser and isinstance(value, str | bytes))
    if isinstance(value, bool):
        alternatives = [unwrap_type(one)[0] for one in get_args(kind)] if _is_union(kind) else [kind]
        return bool not in alternatives and (int in alternatives or float in alternatives)
    return isinstance(value, str | bytes) and kind in {int, float} and not has_parser


def _is_union(kind: object) -> bool:
    return get_origin(kind) in {Union, types.UnionType}


def _unwrap_optional(annotation: Any) -> Any:  # noqa: ANN401 - any annotation
    if _is_union(annotation):
        known = [argument for argument in get_args(annotation) if argument is not type(None)]
        return known[0] if len(known) == 1 else annotation
    return annotation


def _flatten(metadata: Iterable[Any]) -> list[Any]:
    return [mark for part in metadata for mark in (part.metadata if isinstance(part, FieldInfo) else (part,))]
