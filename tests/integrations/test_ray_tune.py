"""Budgets of Ray Tune: the decisions with a stand-in for its controller, and a real experiment."""

from types import SimpleNamespace

import pytest

tune = pytest.importorskip("ray.tune", reason="needs Ray Tune (extra tune)")

from ce_nas.core.errors import ClusterError  # noqa: E402
from ce_nas.integrations import ray_tune  # noqa: E402
from ce_nas.integrations.pause_rule import PauseRule  # noqa: E402
from ce_nas.integrations.ray_tune import TuneCarbonCallback  # noqa: E402

STOP, CONTINUE = "STOP", "CONTINUE"


class Controller:
    """Trials in a row, as Ray's controller runs them with one slot."""

    def __init__(self):
        self.is_stopped = False

    def request_stop_experiment(self):
        self.is_stopped = True


class InARow(tune.schedulers.FIFOScheduler):
    def __init__(self):
        super().__init__()
        self.count = 0

    def choose_trial_to_run(self, _):
        self.count += 1
        return SimpleNamespace(trial_id=f"t{self.count}")


@pytest.fixture(autouse=True)
def one_machine(monkeypatch):
    monkeypatch.setattr(ray_tune.ray, "nodes", lambda: [{"Alive": True}])


def run_trials(carbon, fake_time, results=3, limit=200):
    scheduler, controller, reported = carbon.scheduler(InARow()), Controller(), []
    while not controller.is_stopped and len(reported) < limit:
        trial = scheduler.choose_trial_to_run(controller)
        if trial is None:
            fake_time.advance(60)
            continue
        for number in range(results):
            fake_time.advance(600)
            result = {"loss": 1.0 / (number + 1)}
            decision = scheduler.on_trial_result(controller, trial, result)
            kept = {"loss": result["loss"]}
            carbon.on_trial_result(0, [], trial, kept)
            reported.append(kept)
            if decision == STOP:
                break
        else:
            scheduler.on_trial_complete(controller, trial, result)
    return reported


def test_an_experiment_ends_within_its_budget(make_budget, fake_time):
    carbon = TuneCarbonCallback(make_budget("3kg"))
    reported = run_trials(carbon, fake_time)
    carbon.on_experiment_end([])
    assert 2400 < carbon.budget.used.carbon_g <= 3000
    assert all(result["carbon_g"] > 0 for result in reported)
    assert reported[2]["carbon_g"] > reported[1]["carbon_g"] > reported[0]["carbon_g"]
    results = [entry.content for entry in carbon.budget.entries if entry.kind == "result"]
    assert sum(result["carbon_g"] for result in results) == pytest.approx(carbon.budget.used.carbon_g, rel=0.05)
    assert carbon.budget.result.summary.evaluations == len(results)


def test_trials_start_in_clean_hours_and_after_the_longest_wait(make_budget, fake_time):
    rule = PauseRule(cleanest_share=0.25, max_wait="20h")
    carbon = TuneCarbonCallback(make_budget("90kg", start="2023-07-03T06:00"), pause=rule)
    scheduler, controller = carbon.scheduler(InARow()), Controller()
    minutes = 0
    while scheduler.choose_trial_to_run(controller) is None:
        fake_time.advance(600)
        minutes += 10
    assert 60 * 6 < minutes < 60 * 20
    carbon.close()
    never = PauseRule(max_g_per_kwh=0.0, max_wait="1h")
    carbon = TuneCarbonCallback(make_budget("90kg"), pause=never)
    scheduler = carbon.scheduler(InARow())
    assert scheduler.choose_trial_to_run(controller) is None
    fake_time.advance(3700)
    assert scheduler.choose_trial_to_run(controller) is not None
    carbon.close()


def test_a_cluster_of_several_machines_is_refused(make_budget, monkeypatch):
    monkeypatch.setattr(ray_tune.ray, "nodes", lambda: [{"Alive": True}] * 2)
    with pytest.raises(ClusterError, match="this machine alone"):
        TuneCarbonCallback(make_budget()).may_start()


@pytest.mark.long
@pytest.mark.ray
@pytest.mark.filterwarnings("ignore")
def test_a_real_experiment(tmp_path, monkeypatch):
    import ray

    monkeypatch.undo()

    def train(config):
        total = sum(number * config["x"] for number in range(200_000))
        tune.report({"loss": total})

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        carbon = TuneCarbonCallback("1kg", "hydro", forecaster="damped-profile", out=tmp_path / "books")
        tuner = tune.Tuner(
            train,
            param_space={"x": tune.grid_search([1, 2, 3])},
            tune_config=tune.TuneConfig(metric="loss", mode="min", scheduler=carbon.scheduler()),
            run_config=tune.RunConfig(storage_path=str(tmp_path / "ray"), callbacks=[carbon], verbose=0),
        )
        results = tuner.fit()
    finally:
        ray.shutdown()
    carbon.close()
    assert len(results) == 3
    assert not results.errors
    assert all(result.metrics["carbon_g"] >= 0 for result in results)
    assert sum(result.metrics["energy_kwh"] for result in results) > 0
    assert (tmp_path / "books" / "report.md").exists()
