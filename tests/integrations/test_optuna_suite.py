"""Optuna's own public suite of samplers, and what is ours alone."""

import numpy as np
import pytest

optuna = pytest.importorskip("optuna", reason="needs the extra optuna")
suite = pytest.importorskip("optuna.testing.pytest_samplers", reason="needs Optuna 4.4 or newer")

from ce_nas.integrations import LamooSampler, SurrogateSampler  # noqa: E402

optuna.logging.set_verbosity(optuna.logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.slow
class TestLamooSampler(suite.BasicSamplerTestCase, suite.RelativeSamplerTestCase, suite.MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: LamooSampler(seed=0, n_startup_trials=1, warn_independent_sampling=False)


@pytest.mark.long
class TestSurrogateSampler(
    suite.BasicSamplerTestCase, suite.RelativeSamplerTestCase, suite.MultiObjectiveSamplerTestCase
):
    @pytest.fixture
    def sampler(self):
        return lambda: SurrogateSampler(seed=0, n_startup_trials=1, warn_independent_sampling=False)


def discrete(trial):
    kinds = [trial.suggest_categorical(f"layer {number}", ["plain", "gated", "wide"]) for number in range(6)]
    return kinds.count("gated") + 2 * kinds.count("plain")


def test_the_surrogate_beats_random_sampling_on_a_discrete_space():
    def best(sampler):
        study = optuna.create_study(sampler=sampler)
        study.optimize(discrete, n_trials=25)
        return study.best_value

    ours = [best(SurrogateSampler(seed=seed)) for seed in range(3)]
    random = [best(optuna.samplers.RandomSampler(seed=seed)) for seed in range(3)]
    assert max(ours) <= 1
    assert np.mean(ours) < np.mean(random)


def test_equal_seeds_give_equal_trials():
    def params(seed):
        study = optuna.create_study(sampler=SurrogateSampler(seed=seed), directions=["minimize", "maximize"])
        study.optimize(lambda trial: (discrete(trial), trial.suggest_float("x", 0, 1)), n_trials=14)
        return [trial.params for trial in study.trials]

    assert params(1) == params(1) != params(2)


def test_infeasible_and_failed_values_do_not_stop_the_model():
    def objective(trial):
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_int("y", 0, 9)
        trial.set_user_attr("constraint", y - 7)
        return float("inf") if x > 0.9 else x + y / 10

    sampler = SurrogateSampler(seed=0, constraints_func=lambda trial: (trial.user_attrs["constraint"],))
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=24)
    assert study.best_value < 0.2


@pytest.mark.parametrize("name", ["LamooSampler", "SurrogateSampler"])
def test_the_layout_of_optunahub(name):
    import importlib.util
    import re
    from pathlib import Path

    kind = name.removesuffix("Sampler").lower()
    folder = Path(__file__).parents[2] / "scripts/optunahub/samplers" / f"ce_nas_{kind}"
    assert {path.name for path in folder.iterdir() if path.is_file()} == {
        "LICENSE", "README.md", "__init__.py", "example.py", "requirements.txt",
    }  # fmt: skip
    spec = importlib.util.spec_from_file_location(f"hub_{kind}", folder / "__init__.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    study = optuna.create_study(sampler=getattr(module, name)(seed=0, n_startup_trials=3))
    study.optimize(lambda trial: trial.suggest_int("x", 0, 9), n_trials=6)
    head = (folder / "README.md").read_text().split("---")[1]
    keys = re.findall(r"^(\w+):", head, flags=re.MULTILINE)
    assert keys == ["author", "title", "description", "tags", "optuna_versions", "license"]
