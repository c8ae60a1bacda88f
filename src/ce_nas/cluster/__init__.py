"""Clusters: the devices of a run, simulated or real.

- base: `Cluster`, the interface; `DeviceCluster`, its common part
- assignment: assignment of roles to devices
- simulated: devices simulated by an evaluator and a power model
- live_cluster: real devices with workers and meters
- failure_watch: shows failures, and ends a search in which all trainings fail
- replay_clock: the clock of a live run, with replay
- workers: worker pools: local processes, Ray, Slurm
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.cluster.assignment import DeviceRole, assign_roles
    from ce_nas.cluster.base import Cluster, DeviceCluster
    from ce_nas.cluster.live_cluster import LiveCluster
    from ce_nas.cluster.replay_clock import ReplayableClock
    from ce_nas.cluster.simulated import SimulatedCluster

__all__ = [
    "Cluster",
    "DeviceCluster",
    "DeviceRole",
    "LiveCluster",
    "ReplayableClock",
    "SimulatedCluster",
    "assign_roles",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "assignment": ["DeviceRole", "assign_roles"],
        "base": ["Cluster", "DeviceCluster"],
        "live_cluster": ["LiveCluster"],
        "replay_clock": ["ReplayableClock"],
        "simulated": ["SimulatedCluster"],
    },
)
