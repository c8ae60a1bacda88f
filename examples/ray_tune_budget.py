"""An experiment of Ray Tune within a budget of carbon.

$ pip install 'ce-nas[tune]'
$ python examples/ray_tune_budget.py
"""

from pathlib import Path

import ray
from ray import tune

from ce_nas.integrations.ray_tune import TuneCarbonCallback


def train(config):
    """A made-up loss after each of five epochs."""
    for epoch in range(5):
        work = sum(number % 7 for number in range(200_000))
        tune.report({"loss": abs(config["rate"] - 0.1) + work * 1e-9 + 1 / (epoch + 1)})


if __name__ == "__main__":
    ray.init(address="local", num_cpus=1, include_dashboard=False)
    carbon = TuneCarbonCallback("1g", grid="solar", meter="modelled", forecaster="damped-profile")
    tuner = tune.Tuner(
        train,
        param_space={"rate": tune.grid_search([0.01, 0.1, 1.0])},
        tune_config=tune.TuneConfig(metric="loss", mode="min", scheduler=carbon.scheduler()),
        run_config=tune.RunConfig(callbacks=[carbon], verbose=0, storage_path=str(Path("ray-tune").absolute())),
    )
    for result in tuner.fit():
        metrics, rate = result.metrics, result.metrics["config"]["rate"]
        print(f"rate {rate}: loss {metrics['loss']:.3f}, {1000 * metrics['carbon_g']:.2f} mg of CO2eq")
    ray.shutdown()
