import json

import pytest

from ce_nas.analysis.summary import (
    budget_usage,
    count_unfinished_tasks,
    describe_forecaster,
    run_header,
    summarise,
    summarise_failures,
)
from ce_nas.core.errors import StoreError
from ce_nas.pareto.dominance import is_nondominated
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.space.isomorphism import count_functions
from ce_nas.store.journal import JournalEntry


def test_parts_add_up_to_the_total(finished_run):
    summary = finished_run.summary
    assert sum(summary.carbon_g_by_activity.values()) == pytest.approx(summary.carbon_g["full"])
    assert sum(summary.energy_j_by_activity.values()) == pytest.approx(summary.energy_j)
    assert sum(summary.energy_j_by_source.values()) == pytest.approx(summary.energy_j)
    allocations = [
        (entry.at_s, entry.content["allocation"]) for entry in finished_run.entries if entry.kind == "allocated"
    ]
    ends_s = [*(at_s for at_s, _ in allocations[1:]), finished_run.entries[-1].at_s]
    released_s = sum((end_s - at_s) * part["released"] for (at_s, part), end_s in zip(allocations, ends_s, strict=True))
    assert released_s > 0
    # a device that is released writes its checkpoint first
    assert sum(summary.device_hours_by_activity.values()) == pytest.approx((3 * ends_s[-1] - released_s) / 3600)
    assert summary.energy_coverage == 1.0


def test_forecaster_is_described_by_what_acted():
    def decided(**acting):
        return JournalEntry("decided", 0.0, json.dumps({"forecaster": acting} if acting else {}))

    entries = [
        decided(weights={"adaptive": 0.8, "naive": 0.2}, error_pct=8.0),
        decided(weights={"adaptive": 1.0, "naive": 0.0}, error_pct=9.0),
        decided(fallback="damped-profile: too little is known"),
        decided(),
    ]
    assert describe_forecaster("the default", entries) == (
        "the default; mean weights: adaptive 90 %, naive 10 %; its mean error before the decisions was 8.5 %; "
        "a fallback acted for 1 of 4 decisions, damped-profile: too little is known"
    )
    assert describe_forecaster("chosen by name", [decided()]) == "chosen by name"


def test_front_is_nondominated_and_has_the_hypervolume(finished_run):
    evaluations = [entry.content for entry in finished_run.entries if entry.kind == "evaluated"]
    evaluated = {content["architecture_text"]: content["values"] for content in evaluations}
    values = [evaluated[member.architecture] for member in finished_run.summary.front]
    assert is_nondominated(values).all()
    assert hypervolume(values, [0.0, 0.026]) == pytest.approx(finished_run.summary.hypervolume)
    accuracies = [member.objectives["accuracy"] for member in finished_run.summary.front]
    assert accuracies == sorted(accuracies, reverse=True)
    assert 0 < finished_run.summary.hypervolume_share <= 1


def test_equivalent_architectures_are_counted_once(finished_run):
    texts = [entry.content["architecture_text"] for entry in finished_run.entries if entry.kind == "evaluated"]
    assert (
        finished_run.summary.unique_functions
        == count_functions(texts)
        <= finished_run.summary.evaluations
        == len(texts)
    )
    assert 0 < finished_run.summary.unique_front_functions <= len(finished_run.summary.front)


def test_a_summary_that_a_caller_changes_is_the_callers_own(finished_run):
    changed = summarise(finished_run.entries)
    changed.front.clear()
    changed.carbon_g["full"] = 0.0
    assert summarise(finished_run.entries) == finished_run.summary != changed


def test_json_has_the_documented_keys(finished_run):
    content = json.loads(finished_run.summary.to_json())
    documented = {
        "stop", "seed", "carbon_g", "energy_j", "carbon_g_by_activity", "hypervolume", "hypervolume_share",
        "evaluations", "samples", "measured_samples", "simulated_hours", "time_scale", "front",
    }  # fmt: skip
    assert documented <= set(content)
    assert set(content["carbon_g"]) == {"full", "paper"}
    assert set(content["front"][0]) == {"architecture", "objectives"}


def test_unfinished_run_has_a_summary(finished_run):
    half = summarise(finished_run.entries[: len(finished_run.entries) // 2])
    assert half.stop == "unfinished"
    assert 0 < half.carbon_g["full"] < finished_run.summary.carbon_g["full"]
    empty = summarise(finished_run.entries[:1])
    assert (empty.carbon_g["full"], empty.front, empty.evaluations) == (0, [], 0)


def test_digest_changes_with_the_journal(finished_run):
    assert summarise(finished_run.entries[:-1]).journal_sha256 != finished_run.summary.journal_sha256


def test_journal_without_its_first_entry_is_refused(finished_run):
    for entries in ([], finished_run.entries[1:]):
        with pytest.raises(StoreError, match="run_started"):
            summarise(entries)


def test_budget_usage_and_limits(finished_run):
    summary, budget = finished_run.summary, run_header(finished_run.entries)["settings"]["budget"]
    usage = budget_usage(summary, {**budget, "carbon": "5000.0 g", "evaluations": 7, "accounting": "paper"})
    assert list(usage) == ["time", "carbon", "energy", "cost", "gpu_hours", "evaluations", "target"]
    assert usage["time"] == (summary.simulated_hours * 3600, 9 * 3600.0)
    assert usage["carbon"] == (summary.carbon_g["paper"], 5000.0)
    assert usage["evaluations"] == (summary.evaluations, 7.0)
    assert usage["energy"][1] is None


def test_failures_are_counted(finished_run):
    content = {"task": 3, "device": 0, "failure": "raised", "detail": "", "will_retry": True}
    failures = [content, content, {**content, "detail": "no memory", "will_retry": False}]
    entries = [JournalEntry("task_failed", 60.0, json.dumps(one)) for one in failures]
    summary = summarise_failures(entries)
    assert (summary.count, summary.given_up, summary.last_detail) == (3, 1, "no memory")
    assert summarise_failures(entries[:1]).last_detail == "raised"
    assert summarise_failures(finished_run.entries) is None


def test_unfinished_tasks_are_counted():
    assert count_unfinished_tasks([JournalEntry("run_ended", 60.0, '{"unfinished_tasks": [1, 2]}')]) == 2
    assert count_unfinished_tasks([]) == 0
