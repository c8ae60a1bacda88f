import pytest

from ce_nas.apps.pilot.inputs import PilotFigures
from ce_nas.apps.pilot.simulate import run_pilot


@pytest.fixture(scope="session")
def figures():
    """A small team: short searches on few GPUs, and all prices stated."""
    stated = {"gpus": 4, "gpu_hours": 60, "trainings": 90, "deadline": "40h", "zone": "wind", "electricity_price": 0.3}
    return PilotFigures.of({**stated, "gpu_hour_price": 1.0, "carbon_price": 100, "engineer_price": 80})


@pytest.fixture(scope="session")
def result(figures):
    """A quick simulated pilot of theirs."""
    return run_pilot(figures, "quick")
