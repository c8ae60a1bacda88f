"""What can be set of a worker pool on a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from ce_nas.components.base import WorkerSettings
from ce_nas.components.quantities import Duration, Share, Wait  # noqa: TC001 - pydantic evaluates the annotations at run time

__all__ = ["RayResources", "RayStorage", "RayWorkerSettings"]


@dataclass(frozen=True, slots=True)
class RayResources:
    """The resources of a device."""

    cpus: float = 1.0
    #: a fraction shares one GPU between several devices
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class RayStorage:
    """How checkpoints reach other nodes."""

    #: whether all nodes share the folder of the run; None: each actor finds out
    is_shared: bool | None = None
    #: largest checkpoint that travels through the object store, bytes
    limit_bytes: int = 10**9


class RayWorkerSettings(WorkerSettings):
    """Settings of the worker pool ray."""

    is_local: ClassVar[bool] = False

    address: str | None = Field(
        None, description="Address of the Ray cluster; unset: that of this machine, started if there is none."
    )
    gpu_share: Share = Field(1.0, description="Share of a GPU per device; 0: devices are CPUs.")
    cpus: float = Field(1.0, ge=0, description="CPUs per device.")
    runtime_env: dict[str, Any] = Field(
        default_factory=dict, description="Ray's runtime environment of the actors: pip, env_vars, working_dir, ..."
    )
    shared_folder: bool | None = Field(
        None,
        description="Whether all nodes can read and write the run folder; unset: each node finds out. Where one "
        "cannot, checkpoints travel through Ray's object store, and the search keeps them in the run folder.",
    )
    checkpoint_limit_gb: float = Field(
        1.0, gt=0, description="Largest checkpoint of a training that travels through Ray's object store, GB."
    )
    start_timeout: Duration = Field(
        180.0,
        description="Longest start of an actor, in real time; after it the device counts as lost until it starts.",
    )
    heartbeat_timeout: Duration = Field(
        120.0, description="Longest time in which a training neither asks whether to stop nor computes, in real time."
    )
    shutdown_timeout: Duration = Field(60.0, description="Longest end of a training, in real time.")
    release_timeout: Wait = Field(
        0.0, description="Time from the release of a device to the end of its actor, in real time."
    )

    def device_names(self, count: int) -> tuple[str, ...]:
        """Devices of other machines."""
        return ("cuda" if self.gpu_share else "cpu",) * count
