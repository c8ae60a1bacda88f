"""Devices whose power is modelled: a wattage an activity.

Sources
    [EC-NAS] Bakhtiarifard, Igel, Selvan. EC-NAS: Energy Consumption Aware Tabular Benchmarks for NAS. ICASSP 2024:
        CIFAR-10 trainings on a Quadro RTX 6000 draw 172 W on the GPU and 115 W on the CPU.
    [UI] Uptime Institute Global Data Center Survey 2024: the average PUE is 1.56.
"""

from __future__ import annotations

from dataclasses import dataclass

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, Reading, Source

__all__ = ["AVERAGE_PUE", "PowerModel"]

#: power usage effectiveness of the average data centre [UI]
AVERAGE_PUE = 1.56
#: a Quadro RTX 6000 and the CPU that feeds it, in training [EC-NAS]
TRAINING_W = 172.0 + 115.0
#: the same, held but idle: an estimate of 25 W for the GPU and 35 W for its share of the host
IDLE_W = 25.0 + 35.0


@dataclass(frozen=True, slots=True)
class PowerModel:
    """What one device, with its share of the host, draws at the plug.

    Sampling and a supernet's training are taken to draw what a training does, as long as nobody measured less.
    """

    training_w: float = TRAINING_W
    sampling_w: float = TRAINING_W
    idle_w: float = IDLE_W
    #: how long writing a checkpoint takes, s
    checkpoint_s: float = 20.0
    #: what writing a checkpoint draws in all, J
    checkpoint_j: float = 20.0 * TRAINING_W
    #: how long loading a checkpoint and starting again takes, s
    restore_s: float = 40.0
    #: what loading a checkpoint draws in all, J
    restore_j: float = 40.0 * TRAINING_W
    #: how long it takes to take a released device back until it can work, s
    startup_s: float = 60.0
    #: what that draws in all, J
    startup_j: float = 60.0 * TRAINING_W
    source: Source = Source.MODELLED
    #: where the wattages come from
    origin: str = (
        "Quadro RTX 6000 in training 172 W + CPU 115 W [EC-NAS]; idle 60 W, checkpoints and start-ups estimated"
    )

    def __post_init__(self) -> None:
        for moves, takes_s, draws_j in (
            ("checkpoint", self.checkpoint_s, self.checkpoint_j),
            ("restore", self.restore_s, self.restore_j),
            ("startup", self.startup_s, self.startup_j),
        ):
            if takes_s == 0 and draws_j > 0:
                message = f"Expected {moves}_j of 0 where {moves}_s is 0, got {draws_j:g} J; give it a duration."
                raise SettingsError(message)

    def power_w(self, activity: Activity) -> float:
        """Watts at the plug during ``activity``."""
        if activity is Activity.TRAINING:
            return self.training_w
        if activity is Activity.IDLE:
            return self.idle_w
        moves = {
            Activity.CHECKPOINT: (self.checkpoint_j, self.checkpoint_s),
            Activity.RESTORE: (self.restore_j, self.restore_s),
            Activity.STARTUP: (self.startup_j, self.startup_s),
        }
        return _mean_w(*moves[activity]) if activity in moves else self.sampling_w

    def reading(self, device: int, activity: Activity, start_s: float, end_s: float) -> Reading:
        """What the device drew between two moments in which it did one thing."""
        return Reading(device, activity, start_s, end_s, self.power_w(activity) * (end_s - start_s), self.source)

    @property
    def peak_w(self) -> float:
        """The most that one device can draw, W."""
        return max(map(self.power_w, Activity))


def _mean_w(energy_j: float, duration_s: float) -> float:
    """Watts over a stretch; one that takes no time draws nothing."""
    return energy_j / duration_s if duration_s else 0.0
