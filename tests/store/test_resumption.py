"""The way to continue a run is one that exists for its kind."""

from pathlib import Path

import pytest

import ce_nas
from ce_nas.components.registry import POLICIES, SEARCHERS
from ce_nas.policies.baselines import VanillaPolicy
from ce_nas.store.resumption import describe_resumption, find_resumption

COMMAND = {"settings": {"live": {"devices": ["cpu"]}, "policy": {"name": "vanilla"}}, "policy": "vanilla"}
LOOP = {"settings": {"live": {"devices": ["caller", "caller"]}}}
BUDGET = {"settings": {"live": {"devices": []}, "policy": {"name": "look-ahead"}}, "policy": "caller", "budget": {}}
OBJECTS = {**COMMAND, "policy": "night-shift", "forecaster_reason": "given by the caller"}

GIVEN = "in Python, with the objects it was given: "


@pytest.mark.parametrize(
    ("header", "unchanged", "accepting"),
    [
        ({}, "with: ce-nas resume 'a run'", "with: ce-nas resume 'a run' --accept-changes"),
        (COMMAND, "with: ce-nas resume 'a run'", "with: ce-nas resume 'a run' --accept-changes"),
        (
            LOOP,
            "by running its Python program again with out='a run'",
            "by running its Python program again with out='a run' and accept_changes=True",
        ),
        (
            BUDGET,
            "by running its Python program again with out='a run'",
            "by running its Python program again with out='a run' and accept_changes=True",
        ),
        (
            OBJECTS,
            f"{GIVEN}ce_nas.resume('a run', policy=..., forecaster=...)",
            f"{GIVEN}ce_nas.resume('a run', policy=..., forecaster=..., accept_changes=True)",
        ),
    ],
)
def test_each_kind_of_run_has_its_own_way(header, unchanged, accepting):
    assert describe_resumption(Path("a run"), header) == unchanged
    assert describe_resumption(Path("a run"), header, accept_changes=True) == accepting


@pytest.mark.parametrize("policy", [name for name in POLICIES.names() if name != "learned"])
def test_a_policy_by_name_is_no_object(policy, small_search):
    header = small_search(hours=1, policy=policy).run().entries[0].content
    assert find_resumption(Path("run"), header).kind == "command"


@pytest.mark.parametrize("searcher", SEARCHERS.names())
def test_a_searcher_by_name_is_no_object(searcher, small_search):
    header = small_search(hours=1, searcher=searcher).run().entries[0].content
    assert find_resumption(Path("run"), header).kind == "command"


def test_a_search_with_an_object_is_continued_by_the_call(tmp_path):
    class Mine(VanillaPolicy):
        name = "mine"

    entries = ce_nas.Search(policy=Mine(), hours=1, gpus=1).run(tmp_path / "run").entries
    resumption = find_resumption(tmp_path / "run", entries[0].content)
    assert resumption.call == f"ce_nas.resume('{tmp_path}/run', policy=...)"
