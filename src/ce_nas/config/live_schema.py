"""Settings of a search on real devices, and the defaults that differ for one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ce_nas.components.base import ComponentSettings, WorkerSettings  # noqa: TC001 - pydantic evaluates the annotations at run time
from ce_nas.components.quantities import Duration, File, SettingsSection, flag
from ce_nas.components.registry import METERS, WORKERS, Choice
from ce_nas.store.resumption import CALLER_DEVICE
from ce_nas.training.recipe import Recipe  # noqa: TC001 - pydantic evaluates the annotations at run time

__all__ = ["CALLER_DEVICE", "FinalSettings", "LiveSettings", "with_live_defaults"]

#: a demonstration: digits, an hour of the grid per minute, devices that change between sampling and training
_DEMO_DEFAULTS: dict[str, dict[str, Any]] = {
    "budget": {"hours": "4 h"},
    "live": {"time_scale": 60.0, "initial_duration": "10min"},
}
_DEMO_POLICY = "hotcarbon"


class LiveSettings(SettingsSection):
    """A search on real devices: trainings in processes, metered, in real time."""

    enabled: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="Train on real devices: this machine's GPUs, or its CPU; otherwise devices are simulated.",
        json_schema_extra=flag("live"),
    )
    data: str = Field(
        "digits",
        description="Images to train on: digits (built in), or a file or folder of a known layout.",
        json_schema_extra=flag(),
    )
    space: Literal["nb201", "darts", "nasnet", "fbnet", "efficientnet"] = Field(
        "nb201",
        description="Networks to search: nb201 (NAS-Bench-201 cells), darts (two DARTS cells), nasnet (two cells of "
        "five nodes), fbnet (22 MBConv layers) or efficientnet (seven MBConv stages).",
        json_schema_extra=flag(),
    )
    evaluate: File | None = Field(
        None,
        description="Python file with SPACE, OBJECTIVES and a function evaluate, searched instead of networks.",
        json_schema_extra=flag(),
    )
    workers: Annotated[WorkerSettings, Choice(WORKERS, "live.workers")] = Field(
        default_factory=lambda: WORKERS.validate(WORKERS.default),
        description="Worker pool that runs the trainings.",
        json_schema_extra=flag(),
    )
    devices: tuple[str, ...] = Field(
        (),
        description="Devices such as cuda:0; empty: every GPU of this machine, else CPU processes, up to cluster.gpus.",
    )
    devices_per_trial: int = Field(
        1,
        ge=1,
        description="Devices of one trial of evaluate: a process each, in torchrun's environment; together they are "
        "one device of the search.",
    )
    time_scale: float = Field(
        1.0,
        gt=0,
        description="Simulated seconds per real second; 60: one hour of the grid per minute.",
        json_schema_extra=flag(),
    )
    meter: Annotated[ComponentSettings, Choice(METERS, "live.meter")] = Field(
        default_factory=lambda: METERS.validate(METERS.default), description="How the devices' energy is measured."
    )
    validation_share: float = Field(
        0.25, gt=0, lt=1, description="Share of the training images on which accuracy is measured."
    )
    channels: int = Field(8, ge=1, description="Channels of a network's first stage.")
    cells: int = Field(1, ge=1, description="Cells per stage; of darts in total.")
    recipe: Recipe | None = Field(
        None, description="Training recipe: epochs, batch, learning_rate, precision, ...; unset: chosen for the images."
    )
    supernet: bool = Field(
        True,  # noqa: FBT003 - the default of a field
        description="Score architectures by a supernet.",
    )
    supernet_epochs: float = Field(3.0, gt=0, description="Epochs of the supernet's training per epoch of a network's.")
    path_sampling: Literal["uniform", "fair", "sandwich"] = Field(
        "uniform",
        description="Supernet paths per step: one at random (uniform), each operation once (fair), or the largest, the "
        "smallest and two at random (sandwich, efficientnet).",
    )
    latency_runtime: Literal["eager", "compiled", "onnxruntime", "tensorrt"] = Field(
        "eager", description="How the objective latency is measured, on the training's device, a batch of one."
    )
    latency_samples: int = Field(
        64,
        ge=0,
        description="Latencies measured before the trainings without a supernet, for a searcher that learns from them, "
        "schedule.max_samples at most; schedule.samples_per_training more for each training; 0: none.",
    )
    few_shot: int = Field(
        0, ge=0, description="Largest number of regions with a supernet of their own, initialised from the shared one."
    )
    few_shot_every: int = Field(10, ge=1, description="Trainings between two such supernets.")
    few_shot_share: float = Field(
        0.25, gt=0, le=1, description="Length of such a supernet's training, as a share of the shared one's."
    )
    initial_duration: Duration = Field(
        600.0, description="Estimate of a training's duration until one has finished, in simulated time."
    )
    early_stopping: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="End trainings of own code whose reported learning curve cannot reach the front.",
        json_schema_extra=flag(),
    )
    retries: int = Field(2, ge=0, description="Retries of a failed task.")
    checkpoint_quota_gb: float = Field(
        20.0, gt=0, description="Disk space for checkpoints, GB; those of finished tasks are removed beyond it."
    )

    @property
    def gpus_per_device(self) -> int:
        """GPUs of one device of the search: of a trial on several."""
        return self.devices_per_trial if self.enabled else 1

    @model_validator(mode="before")
    @classmethod
    def _read_switch(cls, value: object) -> object:
        """``live = true`` is a live search with the default settings."""
        return {"enabled": value} if isinstance(value, bool) else value


class FinalSettings(SettingsSection):
    """What follows a search of networks: one is chosen, trained on all training images, tested once and exported."""

    enabled: bool = Field(
        False,  # noqa: FBT003 - the default of a field
        description="Train, test and export the chosen network once the search has ended.",
    )
    rule: str = Field("knee", description="How it is chosen from the front, as of ce-nas choose --rule.")
    channels: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Channels of its first stage; unset: as in the search."
    )
    cells: Annotated[int, Field(ge=1)] | None = Field(None, description="Its cells; unset: as in the search.")
    recipe: Recipe | None = Field(None, description="Its training recipe; unset: that of the search.")
    devices: tuple[str, ...] = Field(
        (),
        description="Devices of its training, each batch divided between a process per device; empty: the search's "
        "first.",
    )
    cleanest_share: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None,
        description="Its training waits, without a device and for a day at most, while the present hour is not among "
        "this share of the cleanest of the next 24 by the forecast; unset: it does not wait.",
    )
    formats: tuple[Literal["python", "torch", "onnx"], ...] = Field(
        ("python", "torch"),
        description="Exported files: python (one file that needs torch alone), torch (torch.export), onnx.",
    )


def with_live_defaults(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fill in the defaults that differ for a live search.

    Without images, a user's function or a live grid it is a demonstration: four hours of the grid in four minutes.
    """
    live, grid = tree.get("live", {}), tree.get("grid", {})
    if isinstance(live, bool):
        live = {"enabled": live}
    if not (isinstance(live, Mapping) and live.get("enabled")):
        return tree
    defaults: dict[str, dict[str, Any]] = {"schedule": {"sampling_batch": 16}}
    tree = {**tree, "live": live}
    on_live_grid = isinstance(grid, Mapping) and grid.get("provider")
    if live.get("data", "digits") == "digits" and not (live.get("evaluate") or on_live_grid):
        defaults |= _DEMO_DEFAULTS
        tree = {"policy": _DEMO_POLICY, **tree}
    return {**tree, **{section: {**values, **tree.get(section, {})} for section, values in defaults.items()}}
