"""Types of fields, and values of another kind, which every model of settings refuses."""

from typing import Annotated, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from ce_nas.components.field_types import fields_of, find_other_kind, is_section, unwrap_type
from ce_nas.components.messages import describe_validation_error
from ce_nas.components.quantities import SettingsSection
from ce_nas.components.registry import REGISTRIES
from ce_nas.config.schema import Settings
from ce_nas.core.errors import SettingsError
from ce_nas.training.recipe import Recipe


def list_models(model):
    """A model, and the models and dataclasses in the types of its fields."""
    yield model
    for field in fields_of(model).values():
        kind, _ = unwrap_type(field.annotation, field.metadata)
        for part in (kind, *getattr(kind, "__args__", ())):
            if is_section(part):
                yield from list_models(part)


MODELS = sorted(
    {
        *list_models(Settings),
        *(component.settings for registry in REGISTRIES for component in registry.components()),
    },
    key=lambda model: model.__qualname__,
)
FIELDS = [
    pytest.param(model, name, *unwrap_type(field.annotation, field.metadata), id=f"{model.__name__}.{name}")
    for model in MODELS
    for name, field in fields_of(model).items()
]
FLAGS = [one for one in FIELDS if one.values[2] is bool]
NUMBERS = [one for one in FIELDS if one.values[2] in {int, float}]


def is_refused(model, name, value):
    """Whether the field alone refuses the value, or names itself in the package's own error."""
    if model is Recipe:
        model, name, value = Settings, "live", {"enabled": True, "recipe": {name: value}}
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        return any(one["loc"][0] == name for one in error.errors())
    except SettingsError as error:
        return name in str(error)
    return False


def test_there_are_flags_and_numbers_to_check():
    assert Recipe in MODELS
    assert len(FLAGS) > 10
    assert len(NUMBERS) > 80


@pytest.mark.parametrize(("model", "name", "kind", "marks"), FLAGS)
@settings(max_examples=20)
@given(value=st.integers() | st.floats() | st.text() | st.sampled_from(["yes", "true", "on", "1", 0, 1, 1.0]))
def test_true_or_false_is_no_number_and_no_text(model, name, kind, marks, value):
    assert is_refused(model, name, value)


@pytest.mark.parametrize(("model", "name", "kind", "marks"), NUMBERS)
def test_a_number_is_not_true_or_false(model, name, kind, marks):
    assert is_refused(model, name, value=True)
    assert is_refused(model, name, value=False)


@pytest.mark.parametrize(("model", "name", "kind", "marks"), NUMBERS)
def test_a_number_is_no_text_unless_its_field_reads_texts(model, name, kind, marks):
    if not any(isinstance(mark, BeforeValidator) for mark in marks):
        for text in ("1", "0.5", "1e3", b"1"):
            assert is_refused(model, name, text)


@pytest.mark.parametrize("price", ["electricity_price", "gpu_hour_price"])
def test_a_price_is_not_true_or_false(price):
    with pytest.raises(SettingsError, match=rf"prices\.{price}, got true"):
        Settings(prices={price: True})


@pytest.mark.parametrize(
    ("annotation", "value", "found"),
    [
        (int, True, ((), True)),
        (int, 3, None),
        (float, 3, None),
        (float, "3", ((), "3")),
        (bool, 0, ((), 0)),
        (bool, True, None),
        (bool | None, None, None),
        (int | None, False, ((), False)),
        (bool | int, True, None),
        (str | float, True, ((), True)),
        (str | float, "3", None),
        (str, "3", None),
        (Annotated[Annotated[int, Field(ge=1)] | None, "a mark"], True, ((), True)),
        (Annotated[float, BeforeValidator(float)], "3", None),
        (Annotated[float, BeforeValidator(float)], True, ((), True)),
        (Annotated[bool, BeforeValidator(bool)], "yes", None),
        (Annotated[bool, BeforeValidator(bool)], 1, ((), 1)),
        (tuple[float, ...], [0.5, True], ((1,), True)),
        (tuple[int, str], (1, "7"), None),
        (tuple[int, str], ["1", "7"], ((0,), "1")),
        (tuple[str, int, bool], ("7", 1, 0), ((2,), 0)),
        (tuple[int, str], (1, "7", True), None),  # of another length: refused by pydantic
        (tuple[Annotated[bool, BeforeValidator(bool)], ...], ("yes",), None),
        (list[int], [1, 2, "3"], ((2,), "3")),
        (tuple[float, ...], "0.5", None),
        (Literal["a", "b"], True, None),
        (Recipe, {"milestones": [0.1, "x"]}, (("milestones", 1), "x")),
        (Recipe, {"unheard_of": True}, None),
        (Recipe, Recipe(), None),
    ],
)
def test_a_value_of_another_kind_is_found_where_it_is(annotation, value, found):
    assert find_other_kind(annotation, (), value) == found


class OwnOptions(SettingsSection):
    """Options as a component of one's own may have them."""

    eager: Annotated[bool, BeforeValidator(lambda value: {"yes": True, "no": False}.get(value, value))] = False
    pair: tuple[int, str] = (0, "")
    flags: tuple[bool, ...] = ()
    count: int = 0


def test_a_parser_of_true_or_false_reads_texts():
    assert OwnOptions(eager="yes").eager is True
    with pytest.raises(ValidationError):
        OwnOptions(eager=1)


def test_each_item_of_a_pair_has_its_own_type():
    assert OwnOptions(pair=(1, "7")).pair == (1, "7")
    with pytest.raises(ValidationError) as raised:
        OwnOptions(pair=("1", "7"))
    assert "Expected a whole number for own.pair.0, got '1'" in describe_validation_error(
        raised.value, OwnOptions, "own"
    )
    with pytest.raises(ValidationError) as raised:
        OwnOptions(pair=(1, 7))
    assert describe_validation_error(raised.value, OwnOptions, "own") == "Expected a text for own.pair.1, got 7."
    with pytest.raises(ValidationError):
        OwnOptions(pair=(1, "7", "8"))


@pytest.mark.parametrize("true", [np.True_, np.array(True)])
def test_the_true_of_numpy_is_true(true):
    options = OwnOptions(eager=true, flags=[true, False])
    assert options.eager is True
    assert [type(one) for one in options.flags] == [bool, bool]
    with pytest.raises(ValidationError):
        OwnOptions(count=true)
    with pytest.raises(ValidationError):
        OwnOptions(eager=np.array([True]))


def test_sections_are_models_and_dataclasses():
    class Table(BaseModel):
        width: int = 1

    assert all(map(is_section, (Table, Recipe)))
    assert not any(map(is_section, (dict, Recipe(), int | None)))
    assert list(fields_of(Table)) == ["width"]
    assert fields_of(Recipe)["clip"].annotation == float | None
