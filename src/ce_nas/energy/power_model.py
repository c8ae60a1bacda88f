"""Power model of a device: constant power per activity.

Sources
    [EC-NAS] Bakhtiarifard, Igel, Selvan. EC-NAS: Energy Consumption Aware Tabular Benchmarks for NAS. ICASSP 2024:
        CIFAR-10 trainings on a Quadro RTX 6000 draw 172 W on the GPU and 115 W on the CPU.
    [UI] Uptime Institute Global Data Center Survey 2024: the average PUE is 1.56.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, EnergyReading, ReadingSource

__all__ = ["AVERAGE_PUE", "PowerModel"]

#: power usage effectiveness of the average data centre [UI]
AVERAGE_PUE = 1.56
#: power of a Quadro RTX 6000 and its CPU during training [EC-NAS], W
TRAINING_W = 172.0 + 115.0
#: the same when idle: an estimate of 25 W for the GPU and 35 W for its share of the host, W
IDLE_W = 25.0 + 35.0


@dataclass(frozen=True, slots=True)
class PowerModel:
    """Power at the plug of one device with its share of the host.

    Sampling and supernet training draw the power of a training by default.

    Example:
        >>> PowerModel(training_w=300.0).power_w(Activity.TRAINING)
        300.0
    """

    training_w: float = TRAINING_W
    sampling_w: float = TRAINING_W
    idle_w: float = IDLE_W
    #: duration of writing a checkpoint, s
    checkpoint_s: float = 20.0
    #: energy of writing a checkpoint, J
    checkpoint_j: float = 20.0 * TRAINING_W
    #: duration of loading a checkpoint and restarting, s
    restore_s: float = 40.0
    #: energy of loading a checkpoint, J
    restore_j: float = 40.0 * TRAINING_W
    #: duration of reacquiring a released device, s
    startup_s: float = 60.0
    #: energy of reacquiring a released device, J
    startup_j: float = 60.0 * TRAINING_W
    source: ReadingSource = ReadingSource.MODELLED
    #: origin of the values
    origin: str = (
        "Quadro RTX 6000 in training 172 W + CPU 115 W [EC-NAS]; idle 60 W, checkpoints and start-ups estimated"
    )

    def __post_init__(self) -> None:
        for step, duration_s, energy_j in (
            ("checkpoint", self.checkpoint_s, self.checkpoint_j),
            ("restore", self.restore_s, self.restore_j),
            ("startup", self.startup_s, self.startup_j),
        ):
            if duration_s == 0 and energy_j > 0:
                message = f"Expected {step}_j of 0 where {step}_s is 0, got {energy_j:g} J; set {step}_s above 0."
                raise SettingsError(message)

    def power_w(self, activity: Activity) -> float:
        """Return the power at the plug during ``activity``, W."""
        if activity is Activity.TRAINING:
            return self.training_w
        if activity is Activity.IDLE:
            return self.idle_w
        transitions = {
            Activity.CHECKPOINT: (self.checkpoint_j, self.checkpoint_s),
            Activity.RESTORE: (self.restore_j, self.restore_s),
            Activity.STARTUP: (self.startup_j, self.startup_s),
        }
        return _mean_power_w(*transitions[activity]) if activity in transitions else self.sampling_w

    def model_reading(self, device: int, activity: Activity, start_s: float, end_s: float) -> EnergyReading:
        """Build the reading of a device between two times of one activity."""
        return EnergyReading(device, activity, start_s, end_s, self.power_w(activity) * (end_s - start_s), self.source)

    def times(self, devices: int) -> PowerModel:
        """The model of several such devices together."""
        if devices == 1:
            return self
        names = ("training_w", "sampling_w", "idle_w", "checkpoint_j", "restore_j", "startup_j")
        together = {name: getattr(self, name) * devices for name in names}
        return replace(self, **together, origin=f"{devices} times: {self.origin}")

    def limited(self, power_factor: float) -> PowerModel:
        """The model under a power limit: everything but idling draws ``power_factor`` times as much."""
        names = ("training_w", "sampling_w", "checkpoint_j", "restore_j", "startup_j")
        return replace(self, **{name: getattr(self, name) * power_factor for name in names})

    @property
    def peak_w(self) -> float:
        """The maximum power of a device, W."""
        return max(map(self.power_w, Activity))


def _mean_power_w(energy_j: float, duration_s: float) -> float:
    """Return the mean power, W; 0 for a duration of 0."""
    return energy_j / duration_s if duration_s else 0.0
