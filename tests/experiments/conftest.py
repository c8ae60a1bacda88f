import pytest

from ce_nas.analysis.trajectory import Track
from ce_nas.experiments.trials import Finding

KWH_J = 3.6e6


@pytest.fixture
def finding():
    """Makes the finding of a run by hand: what it found, and the kWh, g/kWh and trainings it took until then."""

    def make(strategy, seed, marks, top=100.0, **axes):
        track = Track([], [], [], [], [], [])
        for hour, (hypervolume, energy_kwh, intensity, trainings) in enumerate(marks, 1):
            track.hours.append(float(hour))
            track.hypervolume.append(float(hypervolume))
            track.carbon_g.append(float(energy_kwh * intensity))
            track.paper_carbon_g.append(float(2 * energy_kwh * intensity))
            track.energy_j.append(energy_kwh * KWH_J)
            track.evaluations.append(trainings)
        return Finding(
            labels={"strategy": strategy, "seed": seed, **axes},
            track=track,
            stop="deadline",
            hypervolume_max=top,
            samples=0,
            carbon_g_by_activity={"training": track.carbon_g[-1]},
            facts={"Benchmark": "made by hand"},
        )

    return make
