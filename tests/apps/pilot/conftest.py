import pytest

from ce_nas.apps.pilot.questionnaire import PilotInputs
from ce_nas.apps.pilot.simulate import run_pilot


@pytest.fixture(scope="session")
def inputs():
    """A small team: short searches on few GPUs, and all prices."""
    given = {"gpus": 4, "gpu_hours": 60, "trainings": 90, "deadline": "40h", "zone": "wind", "electricity_price": 0.3}
    return PilotInputs.from_mapping({**given, "gpu_hour_price": 1.0, "carbon_price": 100, "engineer_price": 80})


@pytest.fixture(scope="session")
def result(inputs):
    """A quick simulated pilot with these inputs."""
    return run_pilot(inputs, "quick")
