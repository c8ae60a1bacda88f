"""The loop, and the laws that every run of it obeys."""

import itertools
import json
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ce_nas.api import Study
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.core.rng import stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.policies.base import Allocator, Decision

POLICIES = ["all-evaluation", "all-sampling", "fixed", "heuristic", "suspend-resume", "threshold"]


class Erratic(Allocator):
    """Divides the devices anew at random, so that everything is suspended and resumed all the time."""

    name = "erratic"

    def __init__(self, seed):
        self.rng = stream(seed, "erratic")
        self.views = []

    def decide(self, view):
        self.views.append(view)
        sampling = int(self.rng.integers(view.devices + 1))
        evaluating = int(self.rng.integers(view.devices - sampling + 1))
        idle = int(self.rng.integers(view.devices - sampling - evaluating + 1))
        released = view.devices - sampling - evaluating - idle
        return Decision(Allocation(sampling, evaluating, idle, released), "at random")


def contents(result, kind):
    return [entry.content for entry in result.entries if entry.kind == kind]


def held_hours(result):
    """Device-hours on the books, and those that were given back to others by what was divided when."""
    divided = [entry for entry in result.entries if entry.kind in {"divided", "ended"}]
    released_h = sum(
        entry.content["allocation"]["released"] * (after.at_s - entry.at_s) / HOUR_S
        for entry, after in itertools.pairwise(divided)
    )
    return sum(result.summary.device_hours_by_activity.values()), released_h


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_runs_to_its_end_and_pays_for_every_device_second(small_study, policy):
    result = small_study(policy=policy).run()
    summary, (held_h, released_h) = result.summary, held_hours(result)
    assert summary.stop in {"deadline", "done"}
    checkpoints_h = summary.device_hours_by_activity.get("checkpoint", 0.0)  # a device goes once it has written them
    assert held_h + released_h == pytest.approx(3 * summary.simulated_hours, abs=checkpoints_h + 1e-9)
    assert released_h > 0 or policy != "suspend-resume"
    assert released_h < 3 or policy != "all-evaluation"  # in the last hour what cannot be finished is not begun
    assert summary.carbon_g["full"] > 0


@settings(max_examples=25, deadline=None)
@example(seed=13, gpus=1, hours=1, period="20min")  # the run ends at the moment at which a sampling is taken off
@given(
    seed=st.integers(0, 1000),
    gpus=st.integers(1, 6),
    hours=st.sampled_from([0.4, 1, 3.7, 9]),
    period=st.sampled_from(["20min", "1h", "150min"]),
)
def test_energy_balances_and_no_task_is_lost_or_done_twice(seed, gpus, hours, period):
    base = {"searcher": {"period": period}}
    flags = settings_from_flags(base, hours=hours, gpus=gpus, searcher="uniform", seed=seed)
    result = Study(flags, allocator=Erratic(seed)).run()
    summary, (held_h, released_h) = result.summary, held_hours(result)
    checkpoints_h = summary.device_hours_by_activity.get("checkpoint", 0.0)
    assert held_h + released_h == pytest.approx(gpus * summary.simulated_hours, abs=checkpoints_h + 1e-9)
    assert summary.simulated_hours <= hours
    watts = {"idle": 60.0}
    expected_j = sum(
        watts.get(name, 287.0) * held_h * HOUR_S * 1.56 for name, held_h in summary.device_hours_by_activity.items()
    )
    assert summary.energy_j == pytest.approx(expected_j, rel=1e-3)  # to 0.1 %
    ended = Counter(item["task"] for kind in ("evaluated", "sampled") for item in contents(result, kind))
    begun = Counter(item["task"] for item in contents(result, "started"))
    unfinished = contents(result, "ended")[0]["unfinished"]
    assert set(ended.values()) <= {1}
    assert set(begun) == set(ended) | set(unfinished)
    assert not set(ended) & set(unfinished)
    architectures = [tuple(item["architecture"]) for item in contents(result, "evaluated")]
    assert len(set(architectures)) == len(architectures)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_device_does_two_things_at_once(seed):
    flags = settings_from_flags({"searcher": {"period": "20min"}}, hours=5, gpus=4, searcher="uniform", seed=seed)
    busy = {}
    for entry in Study(flags, allocator=Erratic(seed)).run().entries:
        content = entry.content
        if entry.kind == "started":
            assert content["device"] not in busy
            assert content["task"] not in busy.values()
            busy[content["device"]] = content["task"]
        elif entry.kind in {"evaluated", "sampled", "suspended"}:
            assert busy.pop(content["device"]) == content["task"]


def test_a_suspended_training_costs_its_checkpoints_and_ends_with_its_full_time(small_study):
    """A task's time at work, over all its stretches, is the table's training time, whatever came between."""
    base = {"searcher": {"period": "10min"}, "cluster": {"startup_s": 0, "startup_j": 0}}
    settings = settings_from_flags(base, hours=8, gpus=2, searcher="uniform")
    study = Study(settings, allocator=Erratic(1))
    result = study.run()
    table = study._materials.table
    worked_s, since, last_start = Counter(), {}, {}
    stretches = Counter()
    for entry in result.entries:
        content = entry.content
        if entry.kind == "started" and content["kind"] == "evaluation":
            since[content["task"]] = entry.at_s
            stretches[content["task"]] += 1
        elif entry.kind in {"suspended", "evaluated"} and content["task"] in since:
            task = content["task"]
            worked_s[task] += entry.at_s - since.pop(task)
            if entry.kind == "evaluated" and stretches[task] == 2:
                row = table.space.index[tuple(content["architecture"])]
                last_start[task] = worked_s[task] - table.train_s[row]
    assert last_start, "no training was suspended just once"
    for overhead_s in last_start.values():
        assert overhead_s == pytest.approx(20.0 + 40.0)  # one checkpoint, one restore


def test_the_view_holds_nothing_of_the_future():
    """Two grids that agree up to a moment lead to the same decisions up to that moment."""
    settings = settings_from_flags(hours=30, gpus=2, searcher="uniform", policy="heuristic")
    plain, changed = Study(settings), Study(settings)
    materials = changed._materials
    trace = materials.trace
    turn_h = 12
    step = round((materials.start - trace.start).total_seconds() / 3600) + turn_h
    values = trace.series.values.copy()
    values[step:] *= 3.0
    from dataclasses import replace

    from ce_nas.grid.trace import Series

    materials.__dict__["trace"] = replace(trace, series=Series(trace.start, trace.step_s, values))
    first, second = plain.run(), changed.run()
    before = contents(first, "decided")[: turn_h + 1]
    assert contents(second, "decided")[: turn_h + 1] == before
    assert contents(second, "decided") != contents(first, "decided")  # the change did matter later


def test_the_books_use_the_true_intensity(small_study):
    study = small_study(policy="all-evaluation", gpus=2, hours=5)
    result = study.run()
    true_g_per_kwh = study._materials.intensity
    by_hand = 2 * 287.0 * 1.56 / J_PER_KWH * true_g_per_kwh.integral(0.0, 4 * HOUR_S)
    periods = contents(result, "period")[:4]  # in the fifth what cannot be finished is not begun
    assert sum(sum(period["carbon_g"].values()) for period in periods) == pytest.approx(by_hand, rel=1e-12)
    paper_g = sum(period["paper_carbon_g"] for period in periods)
    assert paper_g == pytest.approx(by_hand / (287.0 * 1.56) * 1000.0, rel=1e-12)


def test_same_seed_same_run_and_another_seed_another(small_study):
    digests = [small_study(seed=seed).run().summary.journal_sha256 for seed in (5, 5, 6)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("flags", "stop", "spent", "limit"),
    [
        ({"carbon_budget": "700g"}, "carbon", lambda summary: summary.carbon_g["full"], 700.0),
        ({"energy_budget": "3kWh"}, "energy", lambda summary: summary.energy_j, 3 * J_PER_KWH),
        ({"cost_budget": "5", "gpu_hour_price": 0.5}, "cost", lambda summary: summary.cost, 5.0),
    ],
)
def test_a_budget_is_used_for_what_can_be_finished_within_it_and_ends_the_run(small_study, flags, stop, spent, limit):
    result = small_study(policy="all-evaluation", hours=40, **flags).run()
    assert result.summary.stop == stop
    assert result.summary.evaluations > 0
    look_h = 300.0 / HOUR_S
    most_a_look = limit / result.summary.simulated_hours * look_h * 2  # twice the mean rate
    assert 0.8 * limit <= spent(result.summary) <= limit + most_a_look


def test_a_paper_book_budget_counts_by_the_papers_rule(small_study):
    base = {"budget": {"book": "paper", "carbon": "500g"}}
    summary = small_study(base, policy="all-evaluation", hours=40).run().summary
    assert summary.stop == "carbon"
    assert 400.0 <= summary.carbon_g["paper"] < 550.0


def test_the_number_of_evaluations_is_a_budget(small_study):
    summary = small_study(policy="all-evaluation", evaluations=7).run().summary
    assert (summary.stop, summary.evaluations) == ("evaluations", 7)


def test_everything_evaluated_ends_the_run(tmp_path):
    rows = ["op,accuracy,latency,train_s"] + [
        f"{name},{acc},{acc / 2},600" for name, acc in zip("abcd", (1, 2, 3, 4), strict=True)
    ]
    (tmp_path / "own.csv").write_text("\n".join(rows))
    summary = Study.of(table=tmp_path / "own.csv", hours=10, gpus=3, searcher="uniform", policy="vanilla").run().summary
    assert (summary.stop, summary.evaluations) == ("exhausted", 4)


def test_the_hypervolume_never_falls(small_study):
    values = [period["hypervolume"] for period in contents(small_study(policy="fixed", hours=10).run(), "period")]
    assert values == sorted(values)
    assert values[-1] > 0


def test_sampling_feeds_the_backlog_and_says_why_candidates_were_dropped(small_study):
    slow = {"searcher": {"batch": 40}, "policy": {"evaluating": 0.8}}
    result = small_study(slow, searcher="lamoo", policy="fixed", hours=6, gpus=8).run()
    sampled = contents(result, "sampled")
    assert sampled
    dropped = [reason for item in sampled for reason in item["dropped"]]
    assert dropped
    for _, region, rank, number, dominator in dropped:
        assert (number == 0) == (dominator is None)
        assert rank >= 10
        assert set(region.removeprefix("outside ")) <= {"+", "-"}
    assert len({region for _, region, *_ in dropped}) > 1
    for _, region in contents(result, "ended")[0]["waiting"]:
        assert set(region.removeprefix("outside ")) <= {"+", "-"}


def test_an_allocation_of_other_devices_is_refused(small_study):
    class Greedy(Allocator):
        name = "greedy"

        def decide(self, view):
            return Decision(Allocation(view.devices, view.devices), "all of them, twice")

    with pytest.raises(SettingsError, match="allocation of 3 devices"):
        Study(small_study().settings, allocator=Greedy()).run()


def test_an_observer_sees_every_period_and_changes_nothing(small_study):
    seen = []
    watched = small_study().run(observe=seen.append)
    assert [item["period"] for item in seen] == list(range(6))
    assert watched.summary == small_study().run().summary


def test_the_journal_is_plain_json(small_study):
    for entry in small_study().run().entries:
        assert json.loads(entry.body) == entry.content


def test_an_answer_keeps_its_bounds_and_searchers_are_kept_from_what_is_known_to_break_them(small_study):
    study = small_study(policy="fixed", hours=10, constraints="latency<=0.013,accuracy>=60")
    result = study.run()
    assert result.summary.front
    for member in result.summary.front:
        assert member.objectives["latency"] <= 0.013
        assert member.objectives["accuracy"] >= 60
    trained = [item["values"] for item in contents(result, "evaluated")]
    assert max(latency for _, latency in trained) <= 0.013  # known before any training, so nothing was spent on it
    assert any(-accuracy < 60 for accuracy, _ in trained)  # known only after
    assert result.summary.hypervolume_share <= 1.0


def test_a_bound_on_nothing_is_refused(small_study):
    with pytest.raises(SettingsError, match="Did you mean 'latency'"):
        small_study(constraints="latncy<=1").run()
    with pytest.raises(SettingsError, match=r"latency<=0.05"):
        small_study(constraints="latency under 5").run()


def test_trainings_may_stop_early_and_only_full_ones_count(shared_data):
    base = {"searcher": {"early": 0.06}}
    table = shared_data / "nasbench201/nb201.parquet"
    flags = {"hours": 8, "gpus": 4, "searcher": "nsga2", "policy": "all-evaluation", "table": table}
    settings = settings_from_flags(base, benchmark="hwnasbench", **flags)
    result = Study(settings).run()
    evaluated = contents(result, "evaluated")
    full = [item for item in evaluated if item["fidelity"] == 1.0]
    early = {tuple(item["architecture"]): item["values"] for item in evaluated if item["fidelity"] == 0.06}
    assert 0 < len(full) == result.summary.evaluations < len(early)
    assert {tuple(item["architecture"]) for item in full} <= set(early)  # promoted, each after its early stop
    texts = {item["text"] for item in full}
    assert {member.architecture for member in result.summary.front} <= texts
    promoted = full[0]
    assert early[tuple(promoted["architecture"])][0] != promoted["values"][0]


def test_a_share_that_the_table_does_not_know_is_refused(small_study):
    with pytest.raises(SettingsError, match=r"searcher\.early"):
        small_study({"searcher": {"early": 0.5}}).run()


def test_the_view_says_what_was_spent_and_what_is_left_of_it():
    erratic = Erratic(1)
    settings = settings_from_flags(hours=5, gpus=2, searcher="uniform", carbon_budget="5kg", gpu_hour_price=2.0)
    result = Study(settings, allocator=erratic).run()
    first, *_, last = erratic.views
    assert (first.trained_s, first.carbon_spent_g, first.energy_spent_j, first.cost_spent) == (0.0, 0.0, 0.0, 0.0)
    (period,) = [entry for entry in contents(result, "period") if entry["period"] == len(erratic.views) - 2]
    assert last.now_s == period["start_s"] + HOUR_S
    done = contents(result, "period")[: len(erratic.views) - 1]
    assert last.carbon_spent_g == pytest.approx(sum(sum(entry["carbon_g"].values()) for entry in done))
    assert last.energy_spent_j == pytest.approx(sum(sum(entry["energy_j"].values()) for entry in done))
    assert last.trained_s == pytest.approx(sum(entry["device_s"].get("training", 0.0) for entry in done))
    assert last.cost_spent == pytest.approx(sum(entry["cost"] for entry in done))
    assert last.carbon_spent_g + last.carbon_left_g == pytest.approx(5000.0)


def test_one_architecture_a_function_is_trained_if_asked_for(small_study):
    found = small_study({"searcher": {"distinct": True}}, policy="vanilla", gpus=8).run().summary
    assert found.functions == found.evaluations > 20
    assert found.front_functions == len(found.front)
