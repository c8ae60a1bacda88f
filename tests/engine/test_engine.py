"""The engine, and the invariants of every run."""

import itertools
import json
from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ce_nas.api import Search
from ce_nas.components.registry import POLICIES as REGISTERED
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation
from ce_nas.core.rng import random_stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.engine.build import build_engine, build_policy
from ce_nas.engine.inputs import RunInputs
from ce_nas.policies.base import Decision, Policy
from ce_nas.search.constraints import Constraints
from ce_nas.store.journal import NullJournal

POLICIES = ["vanilla", "one-shot", "fixed", "hotcarbon", "suspend-resume", "threshold"]


class RandomPolicy(Policy):
    """Allocates the devices at random, so that tasks are suspended and resumed often."""

    name = "random"

    def __init__(self, seed):
        self.rng = random_stream(seed, "erratic")
        self.states = []

    def decide(self, state):
        self.states.append(state)
        sampling = int(self.rng.integers(state.cluster.devices + 1))
        evaluating = int(self.rng.integers(state.cluster.devices - sampling + 1))
        idle = int(self.rng.integers(state.cluster.devices - sampling - evaluating + 1))
        released = state.cluster.devices - sampling - evaluating - idle
        return Decision(Allocation(sampling, evaluating, idle, released), "at random")


class Finishing(Policy):
    """Another policy, done after some trainings: from then on all devices finish what has started."""

    def __init__(self, inner, trainings):
        self.name, self.inner, self.trainings = inner.name, inner, trainings

    def decide(self, state):
        if state.search.evaluations < self.trainings:
            return self.inner.decide(state)
        return Decision(Allocation(0, state.cluster.devices), "Enough.", done=True)


def contents(result, kind):
    return [entry.content for entry in result.entries if entry.kind == kind]


def held_hours(result):
    """Device-hours in the ledger, and released device-hours by the allocations."""
    allocations = [entry for entry in result.entries if entry.kind in {"allocated", "run_ended"}]
    released_h = sum(
        entry.content["allocation"]["released"] * (after.at_s - entry.at_s) / HOUR_S
        for entry, after in itertools.pairwise(allocations)
    )
    return sum(result.summary.device_hours_by_activity.values()), released_h


@pytest.mark.long
@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_accounts_for_all_device_time(small_search, policy):
    result = small_search(policy=policy).run()
    summary, (held_h, released_h) = result.summary, held_hours(result)
    assert summary.stop in {"deadline", "done"}
    checkpoints_h = summary.device_hours_by_activity.get("checkpoint", 0.0)  # a device is released after its checkpoint
    assert held_h + released_h == pytest.approx(3 * summary.simulated_hours, abs=checkpoints_h + 1e-9)
    assert released_h > 0 or policy != "suspend-resume"
    assert released_h < 3 or policy != "vanilla"  # in the last hour trainings that cannot finish are not started
    assert summary.carbon_g["full"] > 0


@pytest.mark.long
@pytest.mark.parametrize("policy", [name for name in REGISTERED.names() if name != "one-shot"])
def test_nothing_begins_after_a_policy_is_done(policy):
    run_settings = settings_from_flags(
        {"budget": {"stop": "never"}}, policy=policy, searcher="random", gpus=3, hours=40
    )
    result = Search.from_settings(run_settings, policy=Finishing(build_policy(run_settings.policy), 2)).run()
    at = next(
        row
        for row, entry in enumerate(result.entries)
        if entry.kind == "decided" and entry.content["reason"] == "Enough."
    )
    before, after = result.entries[:at], result.entries[at:]
    begun = {entry.content["task"] for entry in before if entry.kind == "task_started"}
    assert {entry.content["task"] for entry in after if entry.kind == "task_started"} <= begun  # at most resumed
    trained = {entry.content["task"] for entry in result.entries if entry.kind == "evaluated"}
    assert trained == {
        entry.content["task"]
        for entry in before
        if entry.kind == "task_started" and entry.content["kind"] == "evaluation"
    }
    assert result.summary.stop == "done"
    last = [entry for entry in after if entry.kind == "evaluated"]
    assert not last or result.entries[-1].at_s == last[-1].at_s  # it ends with the last of them


def test_done_policy_that_evaluates_nothing_ends_the_run_at_once():
    class Leaving(Policy):
        name = "leaving"

        def decide(self, state):
            allocation = Allocation(0, 0, released=2) if state.search.evaluations else Allocation(0, 2)
            return Decision(allocation, "Enough.", done=state.search.evaluations > 0)

    result = Search(policy=Leaving(), searcher="random", gpus=2, hours=10).run()
    assert result.summary.stop == "done"
    assert contents(result, "run_ended")[0]["unfinished_tasks"]


def test_no_more_trainings_begin_than_the_policy_allows():
    class Rationed(Policy):
        name = "rationed"

        def decide(self, state):
            return Decision(Allocation(0, state.cluster.devices), "Two an hour.", max_new_trainings=2)

    result = Search(policy=Rationed(), searcher="random", gpus=4, hours=5).run()
    started = Counter(
        int(entry.at_s // HOUR_S)
        for entry in result.entries
        if entry.kind == "task_started" and entry.content["kind"] == "evaluation"
    )
    assert set(started.values()) == {2}


@pytest.mark.long
@pytest.mark.parametrize(("moves", "trainings"), [(True, 4), (False, 0)])
def test_devices_with_nothing_left_to_sample_train_if_the_policy_says_so(moves, trainings):
    class Scoring(Policy):
        name = "scoring"

        def decide(self, state):
            return Decision(Allocation(state.cluster.devices, 0), "Scores first.", train_when_sampled=moves)

    run_settings = settings_from_flags({"schedule": {"max_samples": 300}}, gpus=4, hours=1, stop="never")
    result = Search.from_settings(run_settings, policy=Scoring()).run()
    started = [entry for entry in result.entries if entry.kind == "task_started"]
    scoring, training = (
        [entry for entry in started if entry.content["kind"] == kind] for kind in ("sampling", "evaluation")
    )
    scored_at_s = max(entry.at_s for entry in result.entries if entry.kind == "sampled" and entry.at_s < 0.1 * HOUR_S)
    assert len([entry for entry in scoring if entry.at_s == 0]) == 2  # for four devices
    assert len({entry.content["device"] for entry in training}) == trainings
    assert all(entry.at_s >= scored_at_s for entry in training)


def test_one_shot_trains_as_many_as_it_says():
    run_settings = settings_from_flags(
        {"policy": {"name": "one-shot", "final_trainings": 7, "final_training_window": "6h"}},
        searcher="random",
        gpus=3,
        hours=10,
    )
    result = Search.from_settings(run_settings).run()
    assert (result.summary.stop, result.summary.evaluations) == ("done", 7)


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@example(seed=13, gpus=1, hours=1, period="20min")  # the run ends when a sampling task is suspended
@given(
    seed=st.integers(0, 1000),
    gpus=st.integers(1, 6),
    hours=st.sampled_from([0.4, 1, 3.7, 9]),
    period=st.sampled_from(["20min", "1h", "150min"]),
)
def test_energy_balance_and_task_completion(seed, gpus, hours, period):
    base = {"schedule": {"period": period}}
    run_settings = settings_from_flags(base, hours=hours, gpus=gpus, searcher="random", seed=seed)
    result = Search.from_settings(run_settings, policy=RandomPolicy(seed)).run()
    summary, (held_h, released_h) = result.summary, held_hours(result)
    checkpoints_h = summary.device_hours_by_activity.get("checkpoint", 0.0)
    assert held_h + released_h == pytest.approx(gpus * summary.simulated_hours, abs=checkpoints_h + 1e-9)
    assert summary.simulated_hours <= hours
    powers_w = {"idle": 60.0}
    expected_j = sum(
        powers_w.get(name, 287.0) * held_h * HOUR_S * 1.56 for name, held_h in summary.device_hours_by_activity.items()
    )
    assert summary.energy_j == pytest.approx(expected_j, rel=1e-3)  # to 0.1 %
    completed = Counter(item["task"] for kind in ("evaluated", "sampled") for item in contents(result, kind))
    started = Counter(item["task"] for item in contents(result, "task_started"))
    unfinished = contents(result, "run_ended")[0]["unfinished_tasks"]
    assert set(completed.values()) <= {1}
    assert set(started) == set(completed) | set(unfinished)
    assert not set(completed) & set(unfinished)
    architectures = [tuple(item["architecture"]) for item in contents(result, "evaluated")]
    assert len(set(architectures)) == len(architectures)


@pytest.mark.long
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_device_runs_one_task_at_a_time(seed):
    run_settings = settings_from_flags({"schedule": {"period": "20min"}}, hours=5, gpus=4, searcher="random", seed=seed)
    running = {}
    for entry in Search.from_settings(run_settings, policy=RandomPolicy(seed)).run().entries:
        content = entry.content
        if entry.kind == "task_started":
            assert content["device"] not in running
            assert content["task"] not in running.values()
            running[content["device"]] = content["task"]
        elif entry.kind in {"evaluated", "sampled", "task_suspended"}:
            assert running.pop(content["device"]) == content["task"]


def test_suspended_training_takes_full_time_and_checkpoints(small_search):
    """The working time of a task over all its runs is the training time of the table."""
    base = {"schedule": {"period": "10min"}, "cluster": {"startup_s": 0, "startup_j": 0}}
    run_settings = settings_from_flags(base, hours=8, gpus=2, searcher="random")
    search = Search.from_settings(run_settings, policy=RandomPolicy(1))
    result = search.run()
    table = search._inputs.table
    worked_s, started_s, overheads_s = Counter(), {}, {}
    starts = Counter()
    for entry in result.entries:
        content = entry.content
        if entry.kind == "task_started" and content["kind"] == "evaluation":
            started_s[content["task"]] = entry.at_s
            starts[content["task"]] += 1
        elif entry.kind in {"task_suspended", "evaluated"} and content["task"] in started_s:
            task = content["task"]
            worked_s[task] += entry.at_s - started_s.pop(task)
            if entry.kind == "evaluated" and starts[task] == 2:
                row = table.space.index[tuple(content["architecture"])]
                overheads_s[task] = worked_s[task] - table.train_s[row]
    assert overheads_s, "no training was suspended just once"
    for overhead_s in overheads_s.values():
        assert overhead_s == pytest.approx(20.0 + 40.0)  # one checkpoint, one restore


def test_decisions_do_not_use_future_intensity():
    """Two grids that are equal up to a time lead to the same decisions up to that time."""
    run_settings = settings_from_flags(hours=30, gpus=2, searcher="random", policy="hotcarbon")
    plain, changed = Search.from_settings(run_settings), Search.from_settings(run_settings)
    inputs = changed._inputs
    trace = inputs.trace
    change_h = 12
    step = round((inputs.start - trace.start).total_seconds() / 3600) + change_h
    values = trace.series.values.copy()
    values[step:] *= 3.0
    from dataclasses import replace

    from ce_nas.grid.trace import Series

    inputs.__dict__["trace"] = replace(trace, series=Series(trace.start, trace.step_s, values))
    first, second = plain.run(), changed.run()
    before = contents(first, "decided")[: change_h + 1]
    assert contents(second, "decided")[: change_h + 1] == before
    assert contents(second, "decided") != contents(first, "decided")  # the change has an effect later


def test_ledger_uses_true_intensity(small_search):
    search = small_search(policy="vanilla", gpus=2, hours=5)
    result = search.run()
    true_g_per_kwh = search._inputs.intensity
    expected_g = 2 * 287.0 * 1.56 / J_PER_KWH * true_g_per_kwh.integral(0.0, 4 * HOUR_S)
    periods = contents(result, "period")[:4]  # in the fifth, trainings that cannot finish are not started
    assert sum(sum(period["carbon_g"].values()) for period in periods) == pytest.approx(expected_g, rel=1e-12)
    paper_g = sum(period["paper_carbon_g"] for period in periods)
    assert paper_g == pytest.approx(expected_g / (287.0 * 1.56) * 1000.0, rel=1e-12)


def test_run_is_determined_by_seed(small_search):
    digests = [small_search(seed=seed).run().summary.journal_sha256 for seed in (5, 5, 6)]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize(
    ("flags", "stop", "spent", "limit"),
    [
        ({"carbon_budget": "700g"}, "carbon", lambda summary: summary.carbon_g["full"], 700.0),
        ({"energy_budget": "3kWh"}, "energy", lambda summary: summary.energy_j, 3 * J_PER_KWH),
        ({"cost_budget": "5", "gpu_hour_price": 0.5}, "cost", lambda summary: summary.cost, 5.0),
    ],
)
def test_metered_budget_ends_run(small_search, flags, stop, spent, limit):
    result = small_search(policy="vanilla", hours=40, **flags).run()
    assert result.summary.stop == stop
    assert result.summary.evaluations > 0
    check_h = 300.0 / HOUR_S
    max_overrun = limit / result.summary.simulated_hours * check_h * 2  # twice the mean rate
    assert 0.8 * limit <= spent(result.summary) <= limit + max_overrun


def test_carbon_budget_by_paper_accounting(small_search):
    base = {"budget": {"accounting": "paper", "carbon": "500g"}}
    summary = small_search(base, policy="vanilla", hours=40).run().summary
    assert summary.stop == "carbon"
    assert 400.0 <= summary.carbon_g["paper"] < 550.0


def test_evaluations_budget_ends_run(small_search):
    summary = small_search(policy="vanilla", evaluations=7).run().summary
    assert (summary.stop, summary.evaluations) == ("evaluations", 7)


def test_exhausted_space_ends_run(tmp_path):
    rows = ["op,accuracy,latency,train_s"] + [
        f"{name},{accuracy},{accuracy / 2},600" for name, accuracy in zip("abcd", (1, 2, 3, 4), strict=True)
    ]
    (tmp_path / "table.csv").write_text("\n".join(rows))
    summary = Search(table=tmp_path / "table.csv", hours=10, gpus=3, searcher="random", policy="vanilla").run().summary
    assert (summary.stop, summary.evaluations) == ("exhausted", 4)


def test_hypervolume_never_decreases(small_search):
    values = [period["hypervolume"] for period in contents(small_search(policy="fixed", hours=10).run(), "period")]
    assert values == sorted(values)
    assert values[-1] > 0


def test_samples_are_queued_and_dropped_with_reasons(small_search):
    slow = {"schedule": {"sampling_batch": 40}, "policy": {"training_share": 0.8}}
    result = small_search(slow, searcher="lamoo", policy="fixed", hours=6, gpus=8).run()
    sampled = contents(result, "sampled")
    assert sampled
    dropped = [reason for item in sampled for reason in item["dropped"]]
    assert dropped
    for _, region, rank, number, dominator in dropped:
        assert (number == 0) == (dominator is None)
        assert rank >= 10
        assert set(region.removeprefix("outside ")) <= {"+", "-"}
    assert len({region for _, region, *_ in dropped}) > 1
    for _, region in contents(result, "run_ended")[0]["queued"]:
        assert set(region.removeprefix("outside ")) <= {"+", "-"}


def test_allocation_with_wrong_device_count_is_refused(small_search):
    class InvalidPolicy(Policy):
        name = "invalid"

        def decide(self, state):
            return Decision(Allocation(state.cluster.devices, state.cluster.devices), "each device twice")

    with pytest.raises(SettingsError, match="allocation of 3 devices"):
        Search.from_settings(small_search().settings, policy=InvalidPolicy()).run()


def test_observer_gets_every_period(small_search):
    observed = []
    watched = small_search().run(observer=observed.append)
    assert [entry["period"] for entry in observed] == list(range(6))
    assert watched.summary == small_search().run().summary


def test_journal_is_json(small_search):
    for entry in small_search().run().entries:
        assert json.loads(entry.body) == entry.content


def test_constraints_on_front_and_proposals(small_search):
    search = small_search(policy="fixed", hours=10, constraints="latency<=0.013,accuracy>=60")
    result = search.run()
    assert result.summary.front
    for member in result.summary.front:
        assert member.objectives["latency"] <= 0.013
        assert member.objectives["accuracy"] >= 60
    trained = [item["values"] for item in contents(result, "evaluated")]
    assert max(latency for _, latency in trained) <= 0.013  # known before training, so that none violates it
    assert any(-accuracy < 60 for accuracy, _ in trained)  # known after training only
    assert result.summary.hypervolume_share <= 1.0


def test_candidates_measured_to_be_infeasible_are_not_trained():
    """A bound on a metric that is known by measurements alone, as the latency of a live search."""
    flags = {"hours": 20, "gpus": 2, "searcher": "random", "zone": "solar", "seed": 3, "policy": "hotcarbon"}
    inputs = RunInputs(settings_from_flags(constraints="latency<=0.013", **flags))
    inputs.__dict__["constraints"] = Constraints(
        inputs.benchmark.space, inputs.objectives, inputs.bounds, requires_training=[True, False]
    )
    engine = build_engine(inputs, NullJournal())
    engine.run()
    progress = engine.progress
    measured = {cell for cell, sample in progress.scored.items() if sample.values[1] > 0.013}
    trained_later = [cell for cell in progress.started if cell in progress.scored]
    assert len(measured) > 10
    assert len(trained_later) > 10
    assert not measured.intersection(trained_later)


def test_invalid_constraint_is_refused(small_search):
    with pytest.raises(SettingsError, match="Did you mean 'latency'"):
        small_search(constraints="latncy<=1").run()
    with pytest.raises(SettingsError, match=r"latency<=0.05"):
        small_search(constraints="latency under 5").run()


def test_successive_halving_counts_full_trainings(shared_data):
    base = {"searcher": {"initial_fidelity": 0.06}}
    table = shared_data / "nasbench201/nb201.parquet"
    flags = {"hours": 8, "gpus": 4, "searcher": "nsga2", "policy": "vanilla", "table": table}
    run_settings = settings_from_flags(base, problem="hwnasbench", **flags)
    result = Search.from_settings(run_settings).run()
    evaluated = contents(result, "evaluated")
    full = [item for item in evaluated if item["fidelity"] == 1.0]
    partial = {tuple(item["architecture"]): item["values"] for item in evaluated if item["fidelity"] == 0.06}
    assert 0 < len(full) == result.summary.evaluations < len(partial)
    assert {tuple(item["architecture"]) for item in full} <= set(partial)  # promoted from a partial training
    texts = {item["architecture_text"] for item in full}
    assert {member.architecture for member in result.summary.front} <= texts
    promoted = full[0]
    assert partial[tuple(promoted["architecture"])][0] != promoted["values"][0]


def test_unknown_initial_fidelity_is_refused(small_search):
    with pytest.raises(SettingsError, match=r"searcher\.initial_fidelity"):
        small_search({"searcher": {"initial_fidelity": 0.5}}).run()


def test_state_has_spent_and_remaining_budgets():
    policy = RandomPolicy(1)
    run_settings = settings_from_flags(hours=5, gpus=2, searcher="random", carbon_budget="5kg", gpu_hour_price=2.0)
    result = Search.from_settings(run_settings, policy=policy).run()
    first, *_, last = policy.states
    assert (first.search.trained_s, first.budget.carbon_spent_g) == (0.0, 0.0)
    assert (first.budget.energy_spent_j, first.budget.cost_spent) == (0.0, 0.0)
    (period,) = [entry for entry in contents(result, "period") if entry["period"] == len(policy.states) - 2]
    assert last.now_s == period["start_s"] + HOUR_S
    completed = contents(result, "period")[: len(policy.states) - 1]
    assert last.budget.carbon_spent_g == pytest.approx(sum(sum(entry["carbon_g"].values()) for entry in completed))
    assert last.budget.energy_spent_j == pytest.approx(sum(sum(entry["energy_j"].values()) for entry in completed))
    assert last.search.trained_s == pytest.approx(sum(entry["device_s"].get("training", 0.0) for entry in completed))
    assert last.budget.cost_spent == pytest.approx(sum(entry["cost"] for entry in completed))
    assert last.budget.carbon_spent_g + last.budget.carbon_left_g == pytest.approx(5000.0)


def test_deduplicated_search_trains_unique_functions(small_search):
    summary = small_search({"searcher": {"deduplicate": True}}, policy="vanilla", gpus=8).run().summary
    assert summary.unique_functions == summary.evaluations > 20
    assert summary.unique_front_functions == len(summary.front)
