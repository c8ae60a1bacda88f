"""Worker pools: run the tasks of a live cluster.

- base: `WorkerPool`, the interface, and the messages of workers
- local: one process per device on this machine
- ray: one Ray actor per device
- ray_actor: the actor
- task_files: where attempts at a task work, and how their files travel without a shared folder
- slurm: one Slurm job per device
- slurm_job: the job
- slurm_messages: what a search and its jobs say to each other, in files
- distributed: a trial on several devices, a process each
- process: the main loop of a worker process
- started_processes: what trainings have started and left running, ended with the worker
- slurm_queue: the queue of Slurm by squeue
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.cluster.workers.base import WorkerEvent, WorkerMessage, WorkerPool
    from ce_nas.cluster.workers.local import LocalWorkerPool, WorkerTimeouts
    from ce_nas.cluster.workers.ray import RayResources, RayWorkerPool
    from ce_nas.cluster.workers.slurm import SlurmJob, SlurmWorkerPool

__all__ = [
    "LocalWorkerPool",
    "RayResources",
    "RayWorkerPool",
    "SlurmJob",
    "SlurmWorkerPool",
    "WorkerEvent",
    "WorkerMessage",
    "WorkerPool",
    "WorkerTimeouts",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["WorkerEvent", "WorkerMessage", "WorkerPool"],
        "local": ["LocalWorkerPool", "WorkerTimeouts"],
        "ray": ["RayResources", "RayWorkerPool"],
        "slurm": ["SlurmJob", "SlurmWorkerPool"],
    },
)
