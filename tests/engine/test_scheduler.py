"""Task selection for free devices: evaluations, samples and supernets."""

from dataclasses import replace

import pytest

from ce_nas.api import Search
from ce_nas.core.records import Outcome, TaskKind
from ce_nas.core.rng import random_stream
from ce_nas.engine.build import build_engine
from ce_nas.engine.engine import Engine
from ce_nas.store.journal import MemoryJournal


def contents(result, kind):
    return [entry.content for entry in result.entries if entry.kind == kind]


@pytest.mark.parametrize("unranked_share", [0.0, 0.25, 1.0])
def test_unranked_share_of_trainings(small_search, unranked_share):
    """A searcher that counts its requests for one architecture tells how many trainings are unranked."""
    from ce_nas.search.random import RandomSearcher

    class CountingSearcher(RandomSearcher):
        single_requests = 0

        def ask(self, n, exclude):
            self.single_requests += n == 1
            return super().ask(n, exclude)

    search = small_search({"schedule": {"unranked_share": unranked_share}}, policy="fixed", hours=10)
    searcher = CountingSearcher(search._inputs.table.space, random_stream(0, "counting"))
    result = Search.from_settings(search.settings, searcher=searcher).run()
    evaluations = [item for item in contents(result, "task_started") if item["kind"] == "evaluation"]
    trainings = len({item["task"] for item in evaluations})
    assert searcher.single_requests == pytest.approx(
        unranked_share * trainings, abs=6
    )  # the first few start before any score


@pytest.mark.long
def test_max_samples_of_surrogate_searcher(small_search):
    few = {"schedule": {"max_samples": 30, "samples_per_training": 2, "sampling_batch": 8}}
    result = small_search(few, searcher="surrogate", policy="fixed", hours=3).run()
    started = {item["task"]: item for item in contents(result, "task_started")}
    scored = {tuple(cell) for item in started.values() if item["kind"] == "sampling" for cell in item["architectures"]}
    trainings = sum(item["kind"] == "evaluation" for item in started.values())
    assert 20 <= len(scored) <= 30 + 2 * trainings
    everything = small_search(few, searcher="random", policy="fixed", hours=3).run()
    assert everything.summary.samples > 1000


def test_devices_without_sampling_demand_are_released(small_search):
    few = {
        "schedule": {"max_samples": 24, "samples_per_training": 0, "sampling_batch": 8},
        "policy": {"training_share": 0.3},
    }
    result = small_search(few, searcher="surrogate", policy="fixed", hours=2).run()
    assert 20 <= result.summary.samples <= 24
    assert result.summary.device_hours_by_activity.get("idle", 0.0) < 0.01
    allocations = [item["allocation"] for item in contents(result, "allocated")]
    assert allocations[0]["sampling"] == 2
    assert {"sampling": 0, "evaluating": 1, "idle": 0, "released": 2} in allocations


def test_supernet_is_trained_before_sampling(shared_data):
    search = Search(
        problem="hwnasbench",
        table=shared_data / "nasbench201/nb201.parquet",
        proxy_scores=f"{shared_data / 'nasbench201/supernet_accuracy_cifar10.npz'}:zhao-one-shot",
        hours=4, gpus=3, searcher="random", policy="fixed",
    )  # fmt: skip
    result = search.run()
    kinds = [entry.kind for entry in result.entries if entry.kind in {"supernet_trained", "sampled"}]
    assert kinds[0] == "supernet_trained"
    assert kinds.count("supernet_trained") == 1
    assert contents(result, "allocated")[0]["allocation"]["sampling"] == 1  # a second device would have no work
    assert contents(result, "allocated")[1]["allocation"]["sampling"] == 2
    assert "sampled" in kinds
    assert result.summary.energy_j_by_activity["supernet"] > 0


def test_no_sampling_without_proxy_scores(small_search):
    summary = small_search(proxy_scores="none", policy="fixed").run().summary
    assert summary.samples == 0
    assert summary.evaluations > 0


@pytest.mark.long
def test_searcher_with_proxy_scores_bypasses_queue(small_search):
    result = small_search(searcher="surrogate", policy="fixed", hours=6).run()
    assert contents(result, "sampled")
    assert all(item["dropped"] == [] for item in contents(result, "sampled"))
    assert contents(result, "run_ended")[0]["queued"] == []
    assert result.summary.evaluations > 5


def test_no_sampling_after_proposals_are_exhausted(small_search):
    """After all 5,260 functions are scored or trained, no device samples architectures that are never proposed."""
    result = small_search({"searcher": {"deduplicate": True}}, gpus=8, hours=8, policy="hotcarbon").run()
    assert 5200 < result.summary.samples <= 5260
    last_sample_s = [entry.at_s for entry in result.entries if entry.kind == "sampled"][-1]
    decisions = [entry for entry in entries(result, "decided") if entry.at_s > last_sample_s + 3600]
    assert len(decisions) > 2
    assert all(entry.content["allocation"]["sampling"] == 0 for entry in decisions)


def entries(result, kind):
    return [entry for entry in result.entries if entry.kind == kind]


class FewShotProblem:
    """A problem with a supernet whose proxy scores are validated by trainings."""

    def __init__(self, problem):
        self._problem = problem
        self.supernet_training_s, self.score_trained_architectures = 60.0, True

    def __getattr__(self, name):
        return getattr(self._problem, name)

    def duration_s(self, task):
        duration_s = {TaskKind.SUPERNET: 60.0, TaskKind.SAMPLING: 600.0}  # slow, so that not everything is scored soon
        return duration_s.get(task.kind) or self._problem.duration_s(task)

    def run(self, task):
        return Outcome(task.id, ()) if task.kind is TaskKind.SUPERNET else self._problem.run(task)


def few_shot(search, **config):
    """The started tasks and the evaluations of a few-shot search with validated proxy scores."""
    journal = MemoryJournal()
    engine = build_engine(search._inputs, journal)
    problem = FewShotProblem(engine.components.problem)
    engine.components.cluster._evaluator = problem
    components = replace(engine.components, problem=problem)
    Engine(components, replace(engine.config, **config)).run()
    return [entry.content for entry in journal.entries if entry.kind in {"task_started", "evaluated"}]


def test_few_shot_supernets_of_regions(small_search):
    search = small_search(searcher="lamoo", policy="fixed", hours=16, gpus=4)
    contents = few_shot(search, few_shot=2, few_shot_every=5, few_shot_share=0.5)
    supernets, trained = [], 0
    for content in contents:
        trained += "values" in content
        if content.get("kind") == "supernet":
            supernets.append((trained, len(content["architectures"]), content["fidelity"]))
    assert supernets[0] == (0, 0, 1.0)
    assert len(supernets) == 3
    for number, (evaluations, members, share) in enumerate(supernets[1:], 1):
        assert evaluations >= 5 * number  # 5 evaluations apart, and after the first partition
        assert 0 < members < 15_625
        assert share == 0.5


def test_trained_architectures_are_scored(small_search):
    contents = few_shot(small_search(searcher="random", policy="fixed", hours=8))
    scored = [tuple(cell) for item in contents if item.get("kind") == "sampling" for cell in item["architectures"]]
    assert len(scored) == len(set(scored))
    started = [tuple(item["architectures"][0]) for item in contents if item.get("kind") == "evaluation"]
    assert sum(cell in set(scored) for cell in started) > 0.7 * len(set(started))


def test_no_region_supernets_without_partition(small_search):
    contents = few_shot(small_search(searcher="random", policy="fixed", hours=6), few_shot=2, few_shot_every=2)
    assert sum(content.get("kind") == "supernet" for content in contents) == 1
