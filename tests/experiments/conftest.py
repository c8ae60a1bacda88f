import pytest

from ce_nas.analysis.trajectory import Trajectory
from ce_nas.experiments.trials import TrialResult

KWH_J = 3.6e6


@pytest.fixture
def make_result():
    """Makes a result by hand: hypervolumes, and the kWh, g/kWh and trainings that they took."""

    def make(strategy, seed, points, hypervolume_max=100.0, **axes):
        trajectory = Trajectory([], [], [], [], [], [])
        for hour, (hypervolume, energy_kwh, intensity, trainings) in enumerate(points, 1):
            trajectory.hours.append(float(hour))
            trajectory.hypervolume.append(float(hypervolume))
            trajectory.carbon_g.append(float(energy_kwh * intensity))
            trajectory.paper_carbon_g.append(float(2 * energy_kwh * intensity))
            trajectory.energy_j.append(energy_kwh * KWH_J)
            trajectory.evaluations.append(trainings)
        return TrialResult(
            labels={"strategy": strategy, "seed": seed, **axes},
            trajectory=trajectory,
            stop="deadline",
            hypervolume_max=hypervolume_max,
            samples=0,
            carbon_g_by_activity={"training": trajectory.carbon_g[-1]},
            provenance={"Benchmark": "by hand"},
        )

    return make
