"""Which task a free device is given."""

from dataclasses import replace

import pytest

from ce_nas.api import Study
from ce_nas.core.records import Outcome, TaskKind
from ce_nas.core.rng import stream
from ce_nas.engine.build import build
from ce_nas.engine.engine import Engine
from ce_nas.store.journal import MemoryJournal


def contents(result, kind):
    return [entry.content for entry in result.entries if entry.kind == kind]


@pytest.mark.parametrize("unranked", [0.0, 0.25, 1.0])
def test_the_stated_share_of_trainings_is_chosen_without_the_scores(small_study, unranked):
    """A searcher that proposes one fixed architecture first tells which trainings it chose by itself."""
    from ce_nas.search.random import UniformSearcher

    class Counting(UniformSearcher):
        singles = 0

        def ask(self, n, exclude):
            self.singles += n == 1
            return super().ask(n, exclude)

    study = small_study({"searcher": {"unranked": unranked}}, policy="fixed", hours=10)
    searcher = Counting(study._materials.table.space, stream(0, "counting"))
    result = Study(study.settings, searcher=searcher).run()
    evaluations = [item for item in contents(result, "started") if item["kind"] == "evaluation"]
    trainings = len({item["task"] for item in evaluations})
    assert searcher.singles == pytest.approx(unranked * trainings, abs=6)  # the first few start before any score


def test_a_searcher_that_learns_from_scores_gets_as_many_as_it_needs(small_study):
    few = {"searcher": {"samples": 30, "samples_per_training": 2, "batch": 8}}
    result = small_study(few, searcher="surrogate", policy="fixed", hours=3).run()
    begun = {item["task"]: item for item in contents(result, "started")}
    scored = {tuple(cell) for item in begun.values() if item["kind"] == "sampling" for cell in item["architectures"]}
    trainings = sum(item["kind"] == "evaluation" for item in begun.values())
    assert 20 <= len(scored) <= 30 + 2 * trainings
    everything = small_study(few, searcher="uniform", policy="fixed", hours=3).run()
    assert everything.summary.samples > 1000


def test_no_device_is_held_for_which_sampling_has_no_work(small_study):
    few = {"searcher": {"samples": 24, "samples_per_training": 0, "batch": 8}, "policy": {"evaluating": 0.3}}
    result = small_study(few, searcher="surrogate", policy="fixed", hours=2).run()
    assert 20 <= result.summary.samples <= 24
    assert result.summary.device_hours_by_activity.get("idle", 0.0) < 0.01
    divided = [item["allocation"] for item in contents(result, "divided")]
    assert divided[0]["sampling"] == 2
    assert {"sampling": 0, "evaluating": 1, "idle": 0, "released": 2} in divided


def test_a_supernet_is_trained_before_it_scores(shared_data):
    study = Study.of(
        benchmark="hwnasbench",
        table=shared_data / "nasbench201/nb201.parquet",
        cheap_scores=f"{shared_data / 'nasbench201/supernet_accuracy_cifar10.npz'}:zhao-one-shot",
        hours=4, gpus=3, searcher="uniform", policy="fixed",
    )  # fmt: skip
    result = study.run()
    kinds = [entry.kind for entry in result.entries if entry.kind in {"supernet", "sampled"}]
    assert kinds[0] == "supernet"
    assert kinds.count("supernet") == 1
    assert contents(result, "divided")[0]["allocation"]["sampling"] == 1  # the other one would only wait
    assert contents(result, "divided")[1]["allocation"]["sampling"] == 2
    assert "sampled" in kinds
    assert result.summary.energy_j_by_activity["supernet"] > 0


def test_without_cheap_scores_nothing_is_sampled(small_study):
    summary = small_study({"benchmark": {"cheap_scores": "none"}}, policy="fixed").run().summary
    assert summary.samples == 0
    assert summary.evaluations > 0


def test_a_searcher_that_foresees_chooses_every_training_itself(small_study):
    result = small_study(searcher="surrogate", policy="fixed", hours=6).run()
    assert contents(result, "sampled")
    assert all(item["dropped"] == [] for item in contents(result, "sampled"))
    assert contents(result, "ended")[0]["waiting"] == []
    assert result.summary.evaluations > 5


def test_what_a_searcher_leaves_out_is_not_waited_for(small_study):
    """Once all of 5,260 functions are scored or trained, nobody is kept to sample what will never be proposed."""
    result = small_study({"searcher": {"distinct": True}}, gpus=8, hours=8, policy="heuristic").run()
    assert 5200 < result.summary.samples <= 5260
    after = [entry.at_s for entry in result.entries if entry.kind == "sampled"][-1]
    divided = [entry for entry in contents_at(result, "decided") if entry.at_s > after + 3600]
    assert len(divided) > 2
    assert all(entry.content["allocation"]["sampling"] == 0 for entry in divided)


def contents_at(result, kind):
    return [entry for entry in result.entries if entry.kind == kind]


class Fewshot:
    """An evaluator that pretends to have a supernet, and to be judged by its trainings."""

    def __init__(self, evaluator):
        self._evaluator = evaluator
        self.supernet_training_s, self.judges_scores = 60.0, True

    def __getattr__(self, name):
        return getattr(self._evaluator, name)

    def duration_s(self, task):
        took_s = {TaskKind.SUPERNET: 60.0, TaskKind.SAMPLING: 600.0}  # slow enough that scores are not all known soon
        return took_s.get(task.kind) or self._evaluator.duration_s(task)

    def run(self, task):
        return Outcome(task.id, ()) if task.kind is TaskKind.SUPERNET else self._evaluator.run(task)


def few_shot(study, **plan):
    """The tasks begun, when what is trained is judged, and regions get supernets of their own."""
    journal = MemoryJournal()
    engine = build(study._materials, journal)
    evaluator = Fewshot(engine.parts.evaluator)
    engine.parts.cluster._evaluator = evaluator
    parts = replace(engine.parts, evaluator=evaluator)
    Engine(parts, replace(engine.plan, **plan)).run()
    return [entry.content for entry in journal.entries if entry.kind in {"started", "evaluated"}]


def test_regions_get_supernets_of_their_own_one_every_so_many_trainings(small_study):
    study = small_study(searcher="lamoo", policy="fixed", hours=16, gpus=4)
    told = few_shot(study, few_shot=2, few_shot_every=5, few_shot_share=0.5)
    supernets, trained = [], 0
    for content in told:
        trained += "values" in content
        if content.get("kind") == "supernet":
            supernets.append((trained, len(content["architectures"]), content["fidelity"]))
    assert supernets[0] == (0, 0, 1.0)
    assert len(supernets) == 3
    for number, (after, members, share) in enumerate(supernets[1:], 1):
        assert after >= 5 * number  # apart from one another, and not before the space is divided
        assert 0 < members < 15_625
        assert share == 0.5


def test_what_was_trained_without_a_score_is_scored_to_judge_the_scores(small_study):
    told = few_shot(small_study(searcher="uniform", policy="fixed", hours=8))
    scored = [tuple(cell) for item in told if item.get("kind") == "sampling" for cell in item["architectures"]]
    assert len(scored) == len(set(scored))
    started = [tuple(item["architectures"][0]) for item in told if item.get("kind") == "evaluation"]
    assert sum(cell in set(scored) for cell in started) > 0.7 * len(set(started))


def test_a_searcher_that_divides_no_space_gets_no_regional_supernets(small_study):
    told = few_shot(small_study(searcher="uniform", policy="fixed", hours=6), few_shot=2, few_shot_every=2)
    assert sum(content.get("kind") == "supernet" for content in told) == 1
