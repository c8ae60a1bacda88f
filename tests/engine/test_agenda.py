"""Which task a free device is given."""

import pytest

from ce_nas.core.rng import stream
from ce_nas.engine.study import Study


def contents(result, kind):
    return [entry.content for entry in result.entries if entry.kind == kind]


@pytest.mark.parametrize("unranked", [0.0, 0.25, 1.0])
def test_the_stated_share_of_trainings_is_chosen_without_the_scores(small_study, unranked):
    """A searcher that proposes one fixed architecture first tells which trainings it chose by itself."""
    from ce_nas.search.uniform import UniformSearcher

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
