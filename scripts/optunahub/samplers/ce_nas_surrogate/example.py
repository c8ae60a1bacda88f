"""A study of two objectives by the sampler."""

import optuna
import optunahub


def objective(trial):  # noqa: ANN001, ANN201 - code as its reader writes it
    """Two objectives that cannot both be best."""
    x = trial.suggest_float("x", 0, 2)
    kind = trial.suggest_categorical("kind", ["plain", "gated"])
    return x**2 + (kind == "plain"), (x - 2) ** 2


if __name__ == "__main__":
    module = optunahub.load_module("samplers/ce_nas_surrogate")
    study = optuna.create_study(sampler=module.SurrogateSampler(seed=0), directions=["minimize", "minimize"])
    study.optimize(objective, n_trials=40)
    print(len(study.best_trials))
