import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

optuna = pytest.importorskip("optuna", reason="needs the extra optuna")

from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.integrations import optuna as integration  # noqa: E402
from ce_nas.integrations.optuna import LamooSampler  # noqa: E402
from ce_nas.pareto.hypervolume import hypervolume  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
INNERS = ["cma", "nsga2", "random"]


def mixed(trial):
    x = trial.suggest_float("x", -1.0, 1.0)
    rate = trial.suggest_float("rate", 1e-4, 1.0, log=True)
    share = trial.suggest_float("share", 0.1, 0.75, step=0.05)
    layers = trial.suggest_int("layers", 1, 64, log=True)
    width = trial.suggest_int("width", 16, 128, step=16)
    kind = trial.suggest_categorical("kind", ["plain", None, 3, True])
    trial.suggest_int("fixed", 4, 4)
    cost = abs(np.log10(rate) + 2) + (0 if kind == "plain" else 1) + abs(share - 0.4)
    return x**2 + cost + layers / 64, (x - 0.5) ** 2 + cost + 16 / width


def run_study(sampler, trials, objective=mixed, directions=("minimize", "minimize"), **options):
    study = optuna.create_study(directions=directions, sampler=sampler, **options)
    study.optimize(objective, n_trials=trials)
    return study


def params_of(study):
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("inner", INNERS)
def test_a_study_over_every_kind_of_parameter(inner):
    study = run_study(LamooSampler(seed=0, inner=inner), 40)
    assert {trial.state for trial in study.trials} == {optuna.trial.TrialState.COMPLETE}
    last = study.trials[-1].params
    assert {name: type(last[name]) for name in ("x", "rate", "share", "layers", "width", "fixed")} == {
        "x": float, "rate": float, "share": float, "layers": int, "width": int, "fixed": int,
    }  # fmt: skip
    for trial in study.trials:
        for name, distribution in trial.distributions.items():
            assert distribution._contains(distribution.to_internal_repr(trial.params[name]))


@pytest.mark.long
@pytest.mark.parametrize("inner", INNERS)
def test_it_beats_random_sampling(inner):
    def final_hypervolume(sampler):
        return hypervolume([trial.values for trial in run_study(sampler, 80).trials], (5.0, 5.0))

    ours = [final_hypervolume(LamooSampler(seed=seed, inner=inner)) for seed in range(9)]
    random = [final_hypervolume(optuna.samplers.RandomSampler(seed=seed)) for seed in range(9)]
    assert np.median(ours) > np.quantile(random, 0.75)


@pytest.mark.slow
def test_qlognehvi_as_inner_searcher():
    pytest.importorskip("botorch", reason="needs the extra bo")
    sampler = LamooSampler(seed=0, n_startup_trials=5, inner="qlognehvi")
    assert len(run_study(sampler, 7).trials) == 7


def test_equal_seeds_give_equal_trials():
    first, again, other = (params_of(run_study(LamooSampler(seed=seed), 30)) for seed in (1, 1, 2))
    assert first == again != other


def test_maximised_objectives():
    def negated(trial):
        first, second = mixed(trial)
        return -first, second

    minimised = run_study(LamooSampler(seed=0), 40)
    maximised = run_study(LamooSampler(seed=0), 40, negated, ("maximize", "minimize"))
    assert params_of(minimised) == params_of(maximised)


@pytest.mark.parametrize("directions", [["minimize"], ["minimize", "maximize", "minimize"]])
def test_any_number_of_objectives(directions):
    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return (x, y, x + y)[: len(directions)]

    assert len(run_study(LamooSampler(seed=0), 25, objective, directions).best_trials) >= 1


def test_another_sampler_resumes_from_sqlite(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    run_study(LamooSampler(seed=0), 12, storage=storage, study_name="s")
    sampler = LamooSampler(seed=1)
    study = optuna.load_study(study_name="s", storage=storage, sampler=sampler)
    study.optimize(mixed, n_trials=6)
    assert len(study.trials) == 18
    assert sorted(sampler._session._observed) == list(range(17))
    assert len({tuple(trial.params.values()) for trial in study.trials}) == 18


def test_another_process_resumes_from_sqlite(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    script = (
        "import optuna, sys\n"
        "from ce_nas.integrations.optuna import LamooSampler\n"
        "study = optuna.create_study(study_name='s', storage=sys.argv[1], load_if_exists=True,\n"
        "    directions=['minimize', 'minimize'], sampler=LamooSampler(seed=0))\n"
        "def objective(trial):\n"
        "    x = trial.suggest_float('x', 0, 2)\n"
        "    return x**2, (x - 2)**2\n"
        "study.optimize(objective, n_trials=12)\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script, storage], check=True, capture_output=True)
    study = optuna.load_study(study_name="s", storage=storage)
    assert len(study.trials) == 24
    assert len({trial.params["x"] for trial in study.trials[12:]}) == 12


def test_pruned_and_failed_trials_are_ignored():
    def failing(trial):
        values = mixed(trial)
        if trial.number % 3 == 1:
            raise optuna.TrialPruned
        if trial.number % 3 == 2:
            raise ValueError
        return values

    sampler = LamooSampler(seed=0, n_startup_trials=5)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
    study.optimize(failing, n_trials=40, catch=(ValueError,))
    completed = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    assert (
        sorted(sampler._session._observed) == [trial.number for trial in completed][: len(sampler._session._observed)]
    )
    assert len(sampler._session._observed) >= len(completed) - 1


def test_running_trials_are_not_proposed_again():
    def small(trial):
        a, b = trial.suggest_int("a", 0, 3), trial.suggest_categorical("b", ["x", "y", "z"])
        return a, 3 - a + (b == "x")

    sampler = LamooSampler(seed=0, n_startup_trials=3, warn_independent_sampling=False)
    study = run_study(sampler, 3, small)
    seen = {tuple(trial.params.values()) for trial in study.trials}
    while len(seen) < 12:
        trial = study.ask()
        small(trial)
        assert tuple(trial.params.values()) not in seen
        seen.add(tuple(trial.params.values()))
    small(study.ask())  # the space is exhausted: sampled at random


def test_parallel_threads():
    study = optuna.create_study(directions=["minimize"] * 2, sampler=LamooSampler(seed=0))
    study.optimize(mixed, n_trials=40, n_jobs=4)
    assert {trial.state for trial in study.trials} == {optuna.trial.TrialState.COMPLETE}


def test_changing_parameters_are_sampled_independently(caplog):
    def dynamic(trial):
        x = trial.suggest_float("x", 0, 1)
        y = trial.suggest_float("y", 0, 1) if trial.number % 2 else trial.suggest_int("z", 0, 9) / 9
        return x + y, 1 - x + y

    with caplog.at_level("WARNING", logger=integration.__name__):
        run_study(LamooSampler(seed=0), 25, dynamic)
        assert "samples the parameter" in caplog.text
        assert "'x'" not in caplog.text
        caplog.clear()
        run_study(LamooSampler(seed=0, warn_independent_sampling=False), 25, dynamic)
        assert not caplog.text


def test_trials_without_common_parameters():
    study = run_study(LamooSampler(seed=0, warn_independent_sampling=False), 20, lambda trial: (
        trial.suggest_float(f"x{trial.number % 2}", 0, 1), 1.0,
    ))  # fmt: skip
    assert len(study.trials) == 20


def test_a_changing_range_is_sampled_independently():
    def widening(trial):
        x, y = trial.suggest_float("x", 0, 1 + trial.number), trial.suggest_float("y", 0, 1)
        return x, y - x

    assert len(run_study(LamooSampler(seed=0, warn_independent_sampling=False), 20, widening).trials) == 20


def test_enqueued_and_added_trials_are_observed():
    sampler = LamooSampler(seed=0, n_startup_trials=5)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
    study.enqueue_trial({"x": 0.25})
    other = run_study(optuna.samplers.RandomSampler(seed=0), 10)
    study.add_trials(other.trials)
    study.optimize(mixed, n_trials=5)
    assert study.trials[0].params["x"] == 0.25
    assert len(sampler._session._observed) == 14


def constrained(trial):
    x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    trial.set_constraint("sum", 0.8 - x - y)
    return x, y


def feasible_share(study):
    return np.mean([sum(trial.params.values()) >= 0.8 for trial in study.trials[20:]])


@pytest.mark.parametrize("inner", INNERS)
def test_constraints_set_by_trials(inner):
    if not hasattr(optuna.trial.Trial, "set_constraint"):
        pytest.skip("this Optuna has no Trial.set_constraint")
    ours = run_study(LamooSampler(seed=0, inner=inner), 70, constrained)
    unaware = run_study(LamooSampler(seed=0, inner=inner), 70, lambda trial: (
        trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1),
    ))  # fmt: skip
    assert feasible_share(ours) > feasible_share(unaware) + 0.2


def test_constraints_func_is_called_once_per_trial():
    calls = []

    def constraints(trial):
        calls.append(trial.number)
        return (trial.params["x"] - 0.2,)

    sampler = LamooSampler(seed=0, constraints_func=constraints)
    study = optuna.create_study(directions=["minimize"] * 2, sampler=sampler)
    study.optimize(mixed, n_trials=30)
    assert calls == list(range(30))
    assert tuple(study.trials[0].system_attrs["constraints"]) == (study.trials[0].params["x"] - 0.2,)
    assert np.mean([trial.params["x"] <= 0.2 for trial in study.trials[15:]]) > 0.7


def test_a_study_without_a_feasible_trial():
    sampler = LamooSampler(seed=0, constraints_func=lambda trial: (1.0 + trial.params["x"],))
    assert len(run_study(sampler, 25).trials) == 25


def test_infinite_objectives():
    study = run_study(LamooSampler(seed=0), 25, lambda trial: (
        trial.suggest_float("x", 0, 1), float("inf") if trial.number % 2 else trial.suggest_float("y", 0, 1),
    ))  # fmt: skip
    assert len(study.trials) == 25


@pytest.mark.parametrize(("direction", "best"), [("minimize", float("-inf")), ("maximize", float("inf"))])
def test_trials_with_an_infinitely_good_value_are_ignored(direction, best):
    sampler = LamooSampler(seed=0)
    study = run_study(sampler, 25, lambda trial: (
        trial.suggest_float("x", 0, 1), best if trial.number % 5 == 0 else trial.suggest_float("y", 0, 1),
    ), ("minimize", direction))  # fmt: skip
    learned = sampler._session._observed.keys()
    assert len(study.trials) == 25
    assert learned
    assert not any(number % 5 == 0 for number in learned)


def test_one_sampler_in_two_studies():
    sampler = LamooSampler(seed=0)
    first, second = (optuna.create_study(directions=["minimize"] * 2, sampler=sampler) for _ in range(2))
    first.optimize(mixed, n_trials=15)
    second.optimize(mixed, n_trials=15)
    first.optimize(mixed, n_trials=5)
    assert len(sampler._session._observed) == 19


def test_reference_point_is_in_the_directions_of_the_study():
    sampler = LamooSampler(seed=0, reference_point=[-7.0, 6.0])
    run_study(sampler, 15, lambda trial: (-mixed(trial)[0], mixed(trial)[1]), ("maximize", "minimize"))
    assert sampler._session._searcher._reference.tolist() == [7.0, 6.0]


@pytest.mark.parametrize("copy_sampler", [copy.deepcopy, lambda sampler: pickle.loads(pickle.dumps(sampler))])
def test_a_copied_sampler_continues(copy_sampler):
    sampler = LamooSampler(seed=0)
    study = run_study(sampler, 20)
    study.sampler = copy_sampler(sampler)
    study.optimize(mixed, n_trials=5)
    assert len(study.trials) == 25


def test_reseeding_changes_the_trials():
    first, second = LamooSampler(seed=0), LamooSampler(seed=0)
    second.reseed_rng()
    assert params_of(run_study(first, 20)) != params_of(run_study(second, 20))


def test_the_independent_sampler_can_be_given():
    study = run_study(LamooSampler(seed=0, independent_sampler=optuna.samplers.RandomSampler(seed=7)), 12)
    assert params_of(study)[:10] == params_of(run_study(optuna.samplers.RandomSampler(seed=7), 10))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"inner": "cms"}, "Did you mean 'cma'"),
        ({"n_startup_trials": 0}, "startup trial"),
        ({"exploration_share": 2.0}, "share outside"),
    ],
)
def test_invalid_arguments_are_refused(arguments, message):
    with pytest.raises(SettingsError, match=message):
        LamooSampler(**arguments)


def test_the_example_runs():
    import doctest

    assert doctest.testmod(integration).failed == 0


def test_without_optuna_the_error_names_the_extra():
    script = "import sys; sys.modules['optuna'] = None\nimport ce_nas.integrations.optuna"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "pip install 'ce-nas[optuna]'" in result.stderr
