import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

optuna = pytest.importorskip("optuna", reason="needs the extra optuna")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.integrations.optuna_budget import WORKER_PREFIX, CarbonCallback, CarbonPruner  # noqa: E402
from ce_nas.integrations.pause_rule import PauseRule  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
COMPLETE, PRUNED = optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED


@pytest.fixture
def objective(fake_time):
    def evaluate(trial):
        x = trial.suggest_float("x", -1, 1)
        fake_time.advance(900 + 600 * abs(x))
        return x**2

    return evaluate


def test_a_study_stops_within_its_budget_and_its_trials_have_their_grams(make_budget, objective):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    with CarbonCallback(study, make_budget("3kg")) as callback:
        study.optimize(objective, n_trials=500, callbacks=[callback])
        assert callback.stop_reason == "budget"
        used = callback.budget.used
    grams = [trial.user_attrs["carbon_g"] for trial in study.trials]
    assert sum(grams) == pytest.approx(used.carbon_g)
    assert 2600 < used.carbon_g <= 3000
    assert all(trial.state == COMPLETE for trial in study.trials)
    trial = study.trials[3]
    assert trial.user_attrs["energy_kwh"] == pytest.approx(
        trial.user_attrs["carbon_g"] / trial.user_attrs["intensity_g_per_kwh"]
    )
    assert isinstance(study.sampler, optuna.samplers.RandomSampler)
    results = [entry.content for entry in callback.budget.entries if entry.kind == "result"]
    assert [result["carbon_g"] for result in results] == grams


def test_a_value_that_is_not_finite_is_written_as_none(make_budget, fake_time):
    def diverge(trial):
        fake_time.advance(60)
        return float("inf") if trial.number else 1.0

    study = optuna.create_study()
    with CarbonCallback(study, make_budget("3kg")) as callback:
        study.optimize(diverge, n_trials=2, callbacks=[callback])
    results = [entry.content for entry in callback.budget.entries if entry.kind == "result"]
    assert [result["values"] for result in results] == [[1.0], [None]]


def test_metering_changes_no_proposal(make_budget, objective):
    plain = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    plain.optimize(objective, n_trials=15)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
    with CarbonCallback(study, make_budget("100kg")) as callback:
        study.optimize(objective, n_trials=15, callbacks=[callback])
    assert [trial.params for trial in study.trials] == [trial.params for trial in plain.trials]


def write_grid(path, intensity_of_day):
    hours = [datetime(2023, 7, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(24 * 35)]
    rows = [f"{hour:%Y-%m-%dT%H:%M:%SZ},{intensity_of_day(hour.day)}\n" for hour in hours]
    path.write_text("time,carbon_intensity_g_per_kwh\n" + "".join(rows))
    return str(path)


@pytest.fixture
def constant_grid(tmp_path):
    """A file of 300 g/kWh at all hours: what a trial takes depends on its length alone."""
    return write_grid(tmp_path / "constant.csv", lambda _: 300)


@pytest.mark.parametrize("seed", [7, 42, 51])
def test_a_resumed_study_knows_what_was_used(make_budget, objective, constant_grid, seed):
    storage = optuna.storages.InMemoryStorage()

    def run(n_trials):
        study = optuna.create_study(storage=storage, study_name="s", load_if_exists=True)
        study.sampler = optuna.samplers.TPESampler(seed=seed)
        with CarbonCallback(study, make_budget("3kg", constant_grid)) as callback:
            used = callback.budget.used
            study.optimize(objective, n_trials=n_trials, callbacks=[callback])
        return study, used, callback.budget.used

    _, _, first = run(4)
    study, known, _ = run(500)
    assert known.carbon_g == pytest.approx(first.carbon_g)
    assert 2600 < sum(trial.user_attrs["carbon_g"] for trial in study.trials) <= 3000
    finished = len(study.trials)
    study, _, _ = run(500)
    assert [trial.state for trial in study.trials[finished:]] == [PRUNED]  # it begins, and finds nothing left
    assert study.trials[-1].user_attrs["carbon_g"] == 0.0
    assert len(study.best_trials) == 1


def test_whether_a_trial_fits_depends_on_the_hour_in_which_a_study_is_opened(make_budget, fake_time, tmp_path):
    grid = write_grid(tmp_path / "days.csv", lambda day: 200 if day == 5 else 500)

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        fake_time.advance(900)  # 78 g in a clean hour, 195 g in a dirty one
        return x

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def run(start, n_trials):
        begun = len(study.trials)
        with CarbonCallback(study, make_budget("500g", grid, start=start)) as callback:
            study.optimize(objective, n_trials=n_trials, callbacks=[callback])
        return [trial.state for trial in study.trials[begun:]], callback.budget.used.carbon_g

    clean, dirty = "2023-07-05T12:00", "2023-07-06T12:00"
    assert run(clean, 4) == ([COMPLETE] * 4, pytest.approx(312))
    assert run(dirty, 9) == ([PRUNED], pytest.approx(312))
    states, used_g = run(clean, 9)
    assert set(states) == {COMPLETE}
    assert 312 < used_g <= 500


def test_running_trials_of_others_keep_their_room(make_budget, objective):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    with CarbonCallback(study, make_budget("3kg")) as callback:
        study.optimize(objective, n_trials=3, callbacks=[callback])
        assert not callback.is_exhausted
        worker = study.user_attrs[WORKER_PREFIX + callback.budget.id]
        running = {"phase": "running", "reserved": worker["largest"], "used": dict.fromkeys(worker["largest"], 0.0)}
        trials = {str(number): running for number in range(100, 150)}
        study.set_user_attr(f"{WORKER_PREFIX}other", {**worker, "trials": trials})
        assert callback.is_exhausted
    later = optuna.create_study()
    with CarbonCallback(later, make_budget("3kg")) as callback:
        killed = {**worker, "trials": trials, "at_s": worker["at_s"] - 3600}
        later.set_user_attr(f"{WORKER_PREFIX}killed", killed)
        assert not callback.is_exhausted
        assert callback.budget.used.carbon_g == pytest.approx(worker["usage"]["carbon_g"])


def test_trials_asked_together_by_one_thread_do_not_wait_for_each_other(make_budget, fake_time):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    with CarbonCallback(study, make_budget("2kg")) as callback:
        while not callback.is_exhausted:
            trials = [study.ask() for _ in range(3)]
            xs = [trial.suggest_float("x", -1, 1) for trial in trials if callback.stop_reason is None]
            fake_time.advance(600)
            for trial, x in zip(trials, xs, strict=False):
                study.tell(trial, x**2)
        assert 1000 < callback.budget.used.carbon_g <= 2000


def test_ask_and_tell_are_metered(make_budget, fake_time):
    study = optuna.create_study()
    with CarbonCallback(study, make_budget("1kg")) as callback:
        while not callback.is_exhausted:
            trial = study.ask()
            x = trial.suggest_float("x", -1, 1)
            fake_time.advance(600)
            study.tell(trial, x**2)
    assert 0 < sum(trial.user_attrs["carbon_g"] for trial in study.trials) <= 1000


def test_threads_share_the_energy():
    study = optuna.create_study(directions=["minimize", "minimize"])

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        time.sleep(0.02)
        return x, 1 - x

    with CarbonCallback(study, "1kg", grid="hydro", meter="modelled", forecaster="damped-profile") as callback:
        study.optimize(objective, n_trials=8, n_jobs=4, callbacks=[callback])
        total = callback.budget.read()
    assert len(study.trials) == 8
    assert 0 < sum(trial.user_attrs["energy_kwh"] for trial in study.trials) * 3.6e6 <= total.energy_j


def test_a_study_waits_between_trials(make_budget, objective):
    study = optuna.create_study()
    budget = make_budget("50kg", start="2023-07-03T06:00")
    with CarbonCallback(study, budget, pause=PauseRule(cleanest_share=0.25, max_wait="20h")) as callback:
        study.optimize(objective, n_trials=12, callbacks=[callback])
    clean = [trial.user_attrs["intensity_g_per_kwh"] for trial in study.trials]
    assert max(clean) < 270
    assert callback.budget.result.summary.energy_j_by_activity["idle"] > 0


def test_a_study_stops_when_more_is_not_worth_its_carbon(make_budget, fake_time):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial):
        fake_time.advance(600)
        x = trial.suggest_float("x", 0, 1)
        return x if trial.number < 15 else 1.0

    with CarbonCallback(study, make_budget("500kg"), stop="0.1%/kg") as callback:
        study.optimize(objective, n_trials=200, callbacks=[callback])
    assert len(study.trials) < 40
    assert "is not worth its carbon" in callback.stop_reason
    assert callback.budget.result.summary.stop == "done"


def test_a_pruner_weighs_the_grams_that_a_trial_still_takes(make_budget, fake_time):
    def objective(trial):
        quality = trial.suggest_float("quality", 0, 1)
        for step in range(10):
            fake_time.advance(120)
            trial.report(quality + 0.01 * step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return quality

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    with CarbonCallback(study, make_budget("2kg")) as callback:
        study.pruner = CarbonPruner(callback, n_steps=10)
        study.optimize(objective, n_trials=300, callbacks=[callback])
        assert callback.budget.used.carbon_g <= 2000
    pruned = [trial for trial in study.trials if trial.state == PRUNED]
    kept = [trial for trial in study.trials[10:] if trial.state == COMPLETE]
    assert pruned
    assert min(trial.params["quality"] for trial in kept) < max(trial.params["quality"] for trial in pruned) + 1
    mean = lambda trials: sum(trial.params["quality"] for trial in trials) / len(trials)  # noqa: E731
    assert mean(kept) > mean(pruned)
    with pytest.raises(SettingsError, match="step"):
        CarbonPruner(callback, n_steps=0)


def test_a_budget_that_is_made_takes_no_settings(make_budget):
    with pytest.raises(SettingsError, match="no further settings"):
        CarbonCallback(optuna.create_study(), make_budget(), grid="coal")


WORKER = """
import sys, time, optuna
from ce_nas.integrations import CarbonCallback
optuna.logging.set_verbosity(optuna.logging.ERROR)
study = optuna.create_study(storage=sys.argv[1], study_name="s", load_if_exists=True)

def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    start_s = time.process_time()
    while time.process_time() - start_s < 0.15:
        pass
    print(trial.number, flush=True)
    return x

with CarbonCallback(study, "0.06g", grid="coal", meter="modelled", forecaster="damped-profile") as callback:
    study.optimize(objective, n_trials=1000, callbacks=[callback])
"""


@pytest.mark.slow
def test_two_real_workers_one_killed_and_a_resumption_stay_within_one_budget(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    optuna.create_study(storage=storage, study_name="s")
    command = [sys.executable, "-c", WORKER, storage]
    killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(2):
        killed.stdout.readline()
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [worker.wait(timeout=300) for worker in running] == [0, 0]
    study = optuna.load_study(storage=storage, study_name="s")
    workers = [content for name, content in study.user_attrs.items() if name.startswith(WORKER_PREFIX)]
    assert len(workers) == 3
    used = sum(worker["usage"]["carbon_g"] for worker in workers)
    finished = [trial for trial in study.trials if trial.state == COMPLETE]
    grams = [trial.user_attrs["carbon_g"] for trial in finished]
    outside = used - sum(trial.user_attrs.get("carbon_g", 0.0) for trial in study.trials)
    above = sum(max(one.user_attrs["carbon_g"] - one.user_attrs["carbon_reserved_g"], 0.0) for one in finished)
    assert 0.03 < used <= 0.06 + above + max(outside, 0.0)  # the bound that CarbonCallback states
    assert len(finished) >= 3
    assert sum(grams) <= used
