"""The way to continue a run is one that exists for its kind."""

from pathlib import Path

import pytest

import ce_nas
from ce_nas.components.registry import POLICIES, SEARCHERS
from ce_nas.core.errors import CeNasError
from ce_nas.policies.baselines import VanillaPolicy
from ce_nas.policies.lookahead import LookAheadPolicy
from ce_nas.store.resumption import describe_resumption, find_resumption
from ce_nas.store.run_dir import read_run_entries

COMMAND = {"settings": {"live": {"devices": ["cpu"]}, "policy": {"name": "vanilla"}}, "policy": "vanilla"}
LOOP = {"settings": {"live": {"devices": ["caller", "caller"]}}}
BUDGET = {"settings": {"live": {"devices": []}, "policy": {"name": "look-ahead"}}, "policy": "caller", "budget": {}}
OBJECTS = {**COMMAND, "policy": "night-shift", "forecaster_reason": "given by the caller"}

LISTED = {**COMMAND, "given_objects": ["policy", "workers"]}

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
        (
            LISTED,
            f"{GIVEN}ce_nas.resume('a run', policy=..., workers=...)",
            f"{GIVEN}ce_nas.resume('a run', policy=..., workers=..., accept_changes=True)",
        ),
        (
            LOOP | {"given_objects": ["workers"]},
            "by running its Python program again with out='a run'",
            "by running its Python program again with out='a run' and accept_changes=True",
        ),
    ],
)
def test_each_kind_of_run_has_its_own_way(header, unchanged, accepting):
    assert describe_resumption(Path("a run"), header) == unchanged
    assert describe_resumption(Path("a run"), header, accept_changes=True) == accepting


@pytest.mark.parametrize("policy", [name for name in POLICIES.names() if name != "learned"])
def test_a_policy_by_name_is_no_object(policy, small_search):
    header = small_search(hours=1, policy=policy).run().entries[0].content
    assert "given_objects" not in header
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


def interrupt_after_second_period(search, run):
    periods = []

    def interrupt(period):
        periods.append(period)
        if len(periods) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search.run(run, interrupt)


def test_a_policy_of_a_known_name_given_as_an_object_is_continued_with_it(tmp_path):
    def make_search():
        policy = LookAheadPolicy(confidence=0.2, scores_first=True)
        return ce_nas.Search(policy=policy, searcher="random", hours=6, gpus=2)

    run = tmp_path / "run"
    interrupt_after_second_period(make_search(), run)
    header = read_run_entries(run)[0].content
    assert header["given_objects"] == ["policy"]
    assert describe_resumption(run, header) == f"{GIVEN}ce_nas.resume({str(run)!r}, policy=...)"
    with pytest.raises(CeNasError, match=r"ce_nas\.resume\(.*, policy=\.\.\.\)"):
        make_search().run(run)
    resumed = ce_nas.resume(run, policy=LookAheadPolicy(confidence=0.2, scores_first=True))
    assert resumed.entries == make_search().run().entries


def test_a_journal_that_lists_no_objects_is_continued_with_them(tmp_path, monkeypatch):
    def make_search():
        return ce_nas.Search(policy=VanillaPolicy(), searcher="random", hours=6, gpus=2)

    with monkeypatch.context() as earlier:
        start_entry = ce_nas.Search._start_entry
        earlier.setattr(
            ce_nas.Search,
            "_start_entry",
            lambda search, engine: {k: v for k, v in start_entry(search, engine).items() if k != "given_objects"},
        )
        interrupt_after_second_period(make_search(), tmp_path / "run")
    resumed = ce_nas.resume(tmp_path / "run", policy=VanillaPolicy()).entries
    assert "given_objects" not in resumed[0].content
    assert resumed[1:] == make_search().run().entries[1:]
