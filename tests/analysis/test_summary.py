import json

import pytest

from ce_nas.analysis.summary import summarise
from ce_nas.core.errors import StoreError
from ce_nas.pareto.dominance import is_front
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.space.isomorphism import functions


def test_the_parts_add_up_to_the_whole(result):
    summary = result.summary
    assert sum(summary.carbon_g_by_activity.values()) == pytest.approx(summary.carbon_g["full"])
    assert sum(summary.energy_j_by_activity.values()) == pytest.approx(summary.energy_j)
    assert sum(summary.energy_j_by_source.values()) == pytest.approx(summary.energy_j)
    divisions = [(entry.at_s, entry.content["allocation"]) for entry in result.entries if entry.kind == "divided"]
    ends_s = [*(at_s for at_s, _ in divisions[1:]), result.entries[-1].at_s]
    released_s = sum((end_s - at_s) * part["released"] for (at_s, part), end_s in zip(divisions, ends_s, strict=True))
    assert released_s > 0
    # a device that is released writes its checkpoint first
    assert sum(summary.device_hours_by_activity.values()) == pytest.approx(3 * 9 - released_s / 3600, abs=0.1)
    assert summary.energy_coverage == 1.0


def test_the_front_is_of_evaluated_architectures_and_makes_the_hypervolume(result):
    found = [entry.content for entry in result.entries if entry.kind == "evaluated"]
    evaluated = {content["text"]: content["values"] for content in found}
    values = [evaluated[member.architecture] for member in result.summary.front]
    assert is_front(values).all()
    assert hypervolume(values, [0.0, 0.026]) == pytest.approx(result.summary.hypervolume)
    accuracies = [member.objectives["accuracy"] for member in result.summary.front]
    assert accuracies == sorted(accuracies, reverse=True)
    assert 0 < result.summary.hypervolume_share <= 1


def test_architectures_that_compute_the_same_are_counted_as_one(result):
    texts = [entry.content["text"] for entry in result.entries if entry.kind == "evaluated"]
    assert result.summary.functions == functions(texts) <= result.summary.evaluations == len(texts)
    assert 0 < result.summary.front_functions <= len(result.summary.front)


def test_the_json_holds_what_it_promises(result):
    content = json.loads(result.summary.to_json())
    promised = {
        "stop", "seed", "carbon_g", "energy_j", "carbon_g_by_activity", "hypervolume", "hypervolume_share",
        "evaluations", "samples", "simulated_hours", "front",
    }  # fmt: skip
    assert promised <= set(content)
    assert set(content["carbon_g"]) == {"full", "paper"}
    assert set(content["front"][0]) == {"architecture", "objectives"}


def test_a_run_under_way_has_a_summary_too(result):
    half = summarise(result.entries[: len(result.entries) // 2])
    assert half.stop == "unfinished"
    assert 0 < half.carbon_g["full"] < result.summary.carbon_g["full"]
    begun = summarise(result.entries[:1])
    assert (begun.carbon_g["full"], begun.front, begun.evaluations) == (0, [], 0)


def test_a_digest_tells_any_change(result):
    assert summarise(result.entries[:-1]).journal_sha256 != result.summary.journal_sha256


def test_no_beginning_no_summary(result):
    for entries in ([], result.entries[1:]):
        with pytest.raises(StoreError, match="beginning"):
            summarise(entries)
