import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.conditional import ConditionalSpace
from ce_nas.space.distributions import Categorical, Float, Integer, Ordinal

DOMAINS = {
    "optimiser": Categorical(["sgd", "adam"]),
    "momentum": Float(0.0, 0.9, when={"optimiser": "sgd"}),
    "layers": Integer(1, 3),
    "width": Ordinal([16, 32, 64], when={"layers": [2, 3]}),
}
SPACE = ConditionalSpace("own", DOMAINS)
FINITE = ConditionalSpace("finite", {name: DOMAINS[name] for name in ("layers", "width")})


def test_a_variable_that_does_not_count_has_one_value_and_no_text():
    assert FINITE.size == 1 + 2 * 3
    assert [FINITE.text(each) for each in FINITE.all_architectures[:2]] == ["layers=1", "layers=2 width=16"]
    assert FINITE.configuration((1, 1)) == {"layers": 1}
    assert FINITE.contains((1, 1))
    assert not FINITE.contains((1, 0))


@given(seed=st.integers(0, 1000))
def test_everything_drawn_mutated_or_near_is_in_the_space_and_is_parsed_from_its_text(seed):
    rng = np.random.default_rng(seed)
    rows = SPACE.sample_rows(rng, 4)
    mutated = SPACE.mutate(rows, rng.random(rows.shape) < 0.5, rng)
    found = [*SPACE.architectures(rows), *SPACE.architectures(mutated)]
    found += list(SPACE.neighbours(found[0])) + SPACE.decode(rng.random((3, sum(SPACE.widths))))
    for architecture in found:
        assert SPACE.contains(architecture)
        assert SPACE.parse(SPACE.text(architecture)) == architecture


def test_invalid_configurations_are_in_no_list_and_in_no_sample():
    def is_valid(chosen):
        return chosen["layers"] * chosen.get("width", 1) <= 64

    space = ConditionalSpace("own", {name: DOMAINS[name] for name in ("layers", "width")}, is_valid)
    assert [space.text(each) for each in space.all_architectures] == [
        *("layers=1", "layers=2 width=16", "layers=2 width=32", "layers=3 width=16")
    ]
    assert set(space.sample(np.random.default_rng(0), 100)) == set(space.all_architectures)
    assert not space.contains((3, 2))


def test_a_space_without_a_valid_configuration_is_refused():
    with pytest.raises(SettingsError, match="accepts 0 of"):
        ConditionalSpace("own", {"layers": Integer(1, 3)}, lambda chosen: chosen["layers"] > 3)


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ({"later": 1}, "stated before it"),
        ({"optimiser": "rmsprop"}, "on values of 'optimiser'"),
        ({"rate": 0.5}, "the real 'rate'"),
    ],
)
def test_a_condition_that_cannot_hold_is_refused(condition, reason):
    domains = {"optimiser": DOMAINS["optimiser"], "rate": Float(0.0, 1.0), "own": Integer(1, 2, when=condition)}
    with pytest.raises(SettingsError, match=reason):
        ConditionalSpace("own", domains)


def test_a_large_space_is_not_listed_and_a_text_of_another_is_refused():
    space = ConditionalSpace("own", {"a": Integer(1, 100), "b": Integer(1, 100)}, max_listed=1000)
    assert space.size == np.inf
    with pytest.raises(SettingsError, match="too many members"):
        _ = space.members
    with pytest.raises(TableError, match="such as"):
        space.parse("a=0 b=3")
    with pytest.raises(TableError):
        SPACE.parse("optimiser=adam momentum=0.1 layers=1")
