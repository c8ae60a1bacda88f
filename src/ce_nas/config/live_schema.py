"""Settings of a search on real devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from ce_nas.config.quantities import Duration, File, Section, Share
from ce_nas.training.recipe import Recipe  # noqa: TC001 - pydantic reads the annotations at run time

__all__ = ["LiveSettings", "with_live_defaults"]

#: a search that can be watched from beginning to end: digits, an hour of the grid a minute, devices that change sides
_DEMONSTRATION: dict[str, dict[str, Any]] = {
    "budget": {"time": "4 h"},
    "live": {"time_scale": 60.0, "guess": "10min"},
    "policy": {"name": "heuristic"},
}


class LiveSettings(Section):
    """A search on real devices: trainings in processes of their own, metered, on the clock on the wall."""

    #: whether the search is one; without it the benchmark is looked up and the devices are simulated
    on: bool = False
    #: images to train on: digits (built in), or a file or folder of a known layout
    data: str = "digits"
    #: whose networks: nb201 (NAS-Bench-201's cells), darts (two cells of the DARTS space) or fbnet (22 MBConv layers)
    space: Literal["nb201", "darts", "fbnet"] = "nb201"
    #: a Python file with SPACE, OBJECTIVES and evaluate: searched instead of networks on images
    evaluate: File | None = None
    #: who does the work: local (a process a device), ray or slurm
    crew: Literal["local", "ray", "slurm"] = "local"
    #: devices, such as cuda:0; empty: every GPU of this machine, else CPU processes, as many as cluster.gpus and cores
    devices: tuple[str, ...] = ()
    #: seconds of the run that pass in one real second, so that an hour of the grid can pass in a minute
    time_scale: Annotated[float, Field(gt=0)] = 1.0
    #: auto: the best meter of each device; modelled: processor time or the stated wattages
    meter: Literal["auto", "modelled"] = "auto"
    #: share of the training images that accuracy is measured on
    validation: Annotated[float, Field(gt=0, lt=1)] = 0.25
    #: channels of a network's first stage, and cells a stage; of darts in all
    channels: Annotated[int, Field(ge=1)] = 8
    cells: Annotated[int, Field(ge=1)] = 1
    #: how a network is trained; none: as suits the images
    recipe: Recipe | None = None
    #: whether sampling scores by a supernet
    supernet: bool = True
    #: epochs of the supernet's training for each of a network's
    supernet_epochs: Annotated[float, Field(gt=0)] = 3.0
    #: uniform: a path a step; fair: as many as there are operations, each used once
    paths: Literal["uniform", "fair"] = "uniform"
    #: regions of the partition that get a supernet of their own, at most: begun with the weights of the whole space's
    few_shot: Annotated[int, Field(ge=0)] = 0
    #: one every so many trainings, each trained for this share of the whole space's
    few_shot_every: Annotated[int, Field(ge=1)] = 10
    few_shot_share: Annotated[float, Field(gt=0, le=1)] = 0.25
    #: what a training is taken to last until one has, in the run's time
    guess: Duration = 600.0
    #: how often a failed task is tried again
    retries: Annotated[int, Field(ge=0)] = 2
    #: how long a worker may take to start, to give a sign of life, and to leave, in real time
    start: Duration = 180.0
    silence: Duration = 120.0
    grace: Duration = 60.0
    #: checkpoints of finished tasks are removed above so many GB
    checkpoint_quota_gb: Annotated[float, Field(gt=0)] = 20.0
    #: ray: the cluster's address; none: the cluster that this machine is part of, or one of its own
    ray_address: str | None = None
    #: ray: share of a GPU that a device is (0: devices are CPUs), and how many CPUs go with it
    gpu_share: Share = 1.0
    cpus: Annotated[float, Field(ge=0)] = 1.0
    #: slurm: parameters of a job as submitit names them: slurm_partition, gpus_per_node, timeout_min, ...
    slurm: dict[str, str | int] = Field(default_factory=dict)


def with_live_defaults(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings as written, with what a live search needs otherwise than a simulated one put under them.

    Without images, a function of one's own or a live grid it is a demonstration: four hours of the grid in four
    minutes.
    """
    live, grid = tree.get("live", {}), tree.get("grid", {})
    if not (isinstance(live, Mapping) and live.get("on")):
        return tree
    under: dict[str, dict[str, Any]] = {"searcher": {"batch": 16}, "budget": {}, "live": {}, "policy": {}}
    real = isinstance(grid, Mapping) and grid.get("live")
    if live.get("data", "digits") == "digits" and not (live.get("evaluate") or real):
        under |= {section: {**under[section], **values} for section, values in _DEMONSTRATION.items()}
    return {**tree, **{section: {**values, **tree.get(section, {})} for section, values in under.items() if values}}
