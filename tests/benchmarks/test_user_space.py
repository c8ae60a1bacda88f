import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.benchmarks.base import TaskError, parse_objective
from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.core.errors import SettingsError
from ce_nas.space.conditional import ConditionalSpace
from ce_nas.space.distributions import Float, Integer

OBJECTIVES = ["accuracy:max:0", "size:min:100"]
SPACE = {"kind": ["a", "b"], "width": Integer(1, 50), "rate": Float(0.0, 1.0, when={"kind": "a"})}


def size(chosen):
    return {"size": chosen["width"] + chosen.get("rate", 0.0), "other": 1}


@pytest.mark.parametrize(
    ("space", "objectives", "reason"),
    [
        ({}, OBJECTIVES, "to be a dict"),
        ([1, 2], OBJECTIVES, "to be a dict"),
        ({"rate": (0.0, 0.3)}, OBJECTIVES, r"write Float\(0.0, 0.3\)"),
        ({"width": []}, OBJECTIVES, "different choices"),
        (SPACE, ["accuracy:max:0"], "2 to 5 different objectives"),
        (SPACE, ["accuracy:max:0", "accuracy:min:1"], "2 to 5 different objectives"),
        (SPACE, "accuracy:max:0", "2 to 5 different objectives"),
        (SPACE, ["accuracy:max:0", ":min:1"], "objective such as"),
        ({"rate": [0.1, 0.1]}, OBJECTIVES, "different choices"),
    ],
)
def test_what_cannot_be_searched_is_refused_where_it_is_read(space, objectives, reason):
    with pytest.raises(SettingsError, match=reason):
        UserSpace.parse(space, objectives, "SPACE")


def test_known_costs_are_metrics_that_need_no_training():
    calls = []
    user_space = UserSpace.parse(SPACE, OBJECTIVES, "SPACE", costs=lambda chosen: calls.append(chosen) or size(chosen))
    benchmark = UserBenchmark(user_space, "own", "a function")
    assert [spec.requires_training for spec in benchmark.metric_specs.values()] == [True, False]
    assert [parse_objective(benchmark, text).is_known for text in benchmark.default_objectives] == [False, True]
    architectures = user_space.space.sample(np.random.default_rng(1), 5)
    expected = [size(user_space.decode(each))["size"] for each in architectures]
    assert benchmark.training_free_values("size", architectures).tolist() == expected
    before = len(calls)
    benchmark.training_free_values("size", architectures)
    assert len(calls) == before
    assert benchmark.all_values("size") is None  # a real variable cannot be listed
    with pytest.raises(SettingsError, match="requires training"):
        benchmark.training_free_values("accuracy", architectures)
    for stated in ({}, {"size": expected[0]}, {"size": expected[0] * (1 - 9e-7)}, {"other": 1.0}):
        assert user_space.objective_values({"accuracy": 3.0, **stated}, architectures[0]) == (-3.0, expected[0])
    assert user_space.estimated_values(0.5, architectures[0]) == (-0.5, expected[0])


@given(cost=st.floats(-1e9, 1e9), factor=st.floats(0.5, 2.0))
def test_a_training_may_return_a_known_cost_only_as_it_is_known(cost, factor):
    user_space = UserSpace.parse({"width": [1, 2]}, OBJECTIVES, "SPACE", costs=lambda _: {"size": cost})
    trained = {"accuracy": 4.0, "size": cost * factor}
    if abs(cost - cost * factor) <= 0.99e-6 * abs(cost):
        assert user_space.objective_values(trained, (1,)) == (-4.0, cost)
    elif abs(cost - cost * factor) > 1.01e-6 * max(abs(cost), abs(cost * factor)):
        with pytest.raises(TaskError, match=re.escape(f"size as costs does, {cost:.10g}, got {cost * factor:.10g};")):
            user_space.objective_values(trained, (1,))


@pytest.mark.parametrize("stated", [None, "large", float("nan")])
def test_a_known_cost_that_a_training_returns_is_a_number(stated):
    user_space = UserSpace.parse({"width": [1, 2]}, OBJECTIVES, "SPACE", costs=lambda _: {"size": 1.0})
    with pytest.raises(TaskError, match="size"):
        user_space.objective_values({"accuracy": 4.0, "size": stated}, (1,))


def test_costs_of_a_small_space_are_listed():
    user_space = UserSpace.parse(
        {"width": [1, 2, 3]}, OBJECTIVES, "SPACE", costs=lambda chosen: {"size": chosen["width"]}
    )
    assert UserBenchmark(user_space, "own", "").all_values("size").tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("costs", "reason"),
    [
        (lambda _: {"other": 1}, "one of the objectives"),
        (lambda _: {"size": 1, "accuracy": 2}, "takes a training"),
        (lambda _: {"size": float("nan")}, "finite costs"),
        (lambda _: 3, "dict of numbers"),
        (lambda chosen: chosen["nothing"], "KeyError"),
    ],
)
def test_costs_that_say_nothing_are_refused(costs, reason):
    with pytest.raises(SettingsError, match=reason):
        UserSpace.parse(SPACE, OBJECTIVES, "SPACE", costs=costs)


def test_metrics_may_be_the_trained_objectives_in_order():
    user_space = UserSpace.parse({"width": [1, 2]}, OBJECTIVES, "SPACE", costs=lambda chosen: {"size": chosen["width"]})
    assert user_space.objective_values([4.0], (1,)) == user_space.objective_values(4.0, (1,)) == (-4.0, 2.0)
    for wrong in ([1.0, 2.0], "text", None):
        with pytest.raises(TaskError):
            user_space.objective_values(wrong, (1,))


def test_choices_alone_make_a_plain_space_and_numbers_a_mixed_one():
    plain = UserSpace.parse({"kind": ["a", "b"], "other": [None, "x"]}, OBJECTIVES, "SPACE")
    assert plain.space.one_hot
    assert plain.decode((1, 0)) == {"kind": "b", "other": None}
    mixed = UserSpace.parse(SPACE, OBJECTIVES, "SPACE")
    assert isinstance(mixed.space, ConditionalSpace)
    assert mixed.decode((1, 3, 0.5)) == {"kind": "b", "width": 3}
