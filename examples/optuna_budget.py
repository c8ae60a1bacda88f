"""An Optuna study within a budget of carbon, in a storage: interrupt it and start it again, or start it twice at once.

$ pip install 'ce-nas[optuna]'
$ python examples/optuna_budget.py
"""

import optuna

from ce_nas.integrations import CarbonCallback, SurrogateSampler


def objective(trial):
    """A made-up loss that takes longer the wider the network is."""
    width = trial.suggest_int("width", 1, 64, log=True)
    kind = trial.suggest_categorical("kind", ["plain", "gated", "residual"])
    steps = 3000 * width
    return sum((number % 7) / 7 for number in range(steps)) / steps + (kind != "gated") + 1 / width


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage="sqlite:///optuna-budget.db", study_name="widths", load_if_exists=True, sampler=SurrogateSampler()
    )
    light = {"forecaster": "damped-profile"}  # the default one costs more energy than this budget has
    with CarbonCallback(study, budget="0.05g", grid="wind", meter="modelled", **light) as callback:
        study.optimize(objective, n_trials=60, callbacks=[callback])
    for trial in study.trials:
        print(f"trial {trial.number}: {trial.value}, {1000 * trial.user_attrs['carbon_g']:.2f} mg of CO2eq")
    print(callback.budget.describe())
