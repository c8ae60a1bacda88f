import json
from types import SimpleNamespace

import pytest

from ce_nas.analysis.explanation import (
    _ArchitectureHistory,
    explain_architecture,
    explain_hour,
    explain_region,
    explain_run,
    space_from_journal,
)
from ce_nas.core.errors import SettingsError
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.store.journal import JournalEntry

SPACE = NasBench201Space()


def contents(run, kind):
    return [entry.content for entry in run.entries if entry.kind == kind]


def history(run, architecture):
    return explain_architecture(run.entries, SPACE, tuple(architecture)).events


def test_space_from_journal(finished_run):
    assert (
        space_from_journal(finished_run.entries).size == finished_run.entries[0].content["benchmark"]["architectures"]
    )


def test_dropped_candidate_has_region_rank_and_dominators(lamoo_run):
    trained = {tuple(one["architecture"]) for one in contents(lamoo_run, "evaluated")}
    drops = [drop for one in contents(lamoo_run, "sampled") for drop in one["dropped"]]
    architecture, region, rank, number, dominated_by = next(
        drop for drop in drops if drop[4] and tuple(drop[0]) not in trained
    )
    events = history(lamoo_run, architecture)
    dropped = next(event for event in events if event.kind == "dropped")
    assert dropped.details == {"region": region, "rank": rank + 1, "dominance_number": number}
    assert dropped.dominated_by == SPACE.text(tuple(dominated_by))
    assert events[0].kind == "scored"


def test_a_cost_measured_alone_is_no_score():
    cells = [[0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0]]
    started = {"task": 1, "kind": "sampling", "architectures": cells}
    sampled = {"task": 1, "values": [[None, 0.31], [-0.5, 0.3]], "dropped": []}
    entries = [
        JournalEntry("task_started", 0.0, json.dumps(started)),
        JournalEntry("sampled", 5.0, json.dumps(sampled)),
    ]
    (measured,), (scored,) = (list(_ArchitectureHistory(entries, SPACE, tuple(cell)).events()) for cell in cells)
    assert (measured.kind, measured.objective_values) == ("measured", [None, 0.31])
    assert (scored.kind, scored.objective_values) == ("scored", [-0.5, 0.3])


def test_trained_architecture_is_on_the_front_or_dominated(lamoo_run):
    front = {member.architecture for member in lamoo_run.summary.front}
    for one in contents(lamoo_run, "evaluated")[::6]:
        last = history(lamoo_run, one["architecture"])[-1]
        if one["architecture_text"] in front:
            assert last.kind == "on_front"
        else:
            assert last.kind == "dominated"
            assert all(ours <= theirs for ours, theirs in zip(last.objective_values, one["values"], strict=True))


def test_queued_and_never_proposed_architectures(lamoo_run):
    (ended,) = contents(lamoo_run, "run_ended")
    for architecture, _ in ended["queued"]:
        assert history(lamoo_run, architecture)[-1].kind == "queued_at_end"
    young = SimpleNamespace(entries=lamoo_run.entries[:4])
    proposed = {tuple(one) for content in contents(young, "task_started") for one in content["architectures"]}
    never = next(one for one in SPACE.all_architectures if one not in proposed)
    assert history(young, never) == []
    assert explain_architecture(young.entries, SPACE, never).region is None


def test_run_explanation_counts_candidates_and_lists_splits(lamoo_run, finished_run):
    explanation = explain_run(lamoo_run.entries, SPACE)
    counts = explanation.candidates
    assert (counts.scored, counts.trained) == (lamoo_run.summary.samples, lamoo_run.summary.evaluations)
    assert counts.on_front == len(lamoo_run.summary.front)
    assert 0 <= counts.dropped_trained_later <= counts.dropped <= counts.scored
    assert explanation.splits[0].region == ""
    assert explain_run(finished_run.entries, SPACE).splits is None


def test_region_is_explained_by_the_split_that_made_it(lamoo_run):
    assert explain_region(lamoo_run.entries, SPACE, "-").region == ""
    with pytest.raises(SettingsError, match=r"got '\+\+\+\+\+\+'; there are: \+"):
        explain_region(lamoo_run.entries, SPACE, "++++++")


def test_hour_explanation_has_the_carbon_of_alternatives(finished_run):
    explanation = explain_hour(finished_run.entries, 4)
    decision, period = contents(finished_run, "decided")[4], contents(finished_run, "period")[4]
    assert explanation.decided.decision == decision
    everything, _, decided, nothing = explanation.alternatives
    kwh = 3 * 287.0 * 1.56 / 1000
    assert everything.gpus == 3
    assert everything.forecast_g == pytest.approx(kwh * decision["forecast_g_per_kwh"])
    assert everything.actual_g == pytest.approx(kwh * period["intensity_g_per_kwh"])
    assert everything.best_period_g == pytest.approx(kwh * min(decision["ahead_g_per_kwh"]))
    assert decided.gpus == decision["allocation"]["evaluating"] + decision["allocation"]["sampling"]
    assert (nothing.gpus, nothing.forecast_g, nothing.actual_g) == (0, 0.0, 0.0)
    with pytest.raises(SettingsError, match=r"from 0 to below [\d.]+, got 9"):
        explain_hour(finished_run.entries, 9)
