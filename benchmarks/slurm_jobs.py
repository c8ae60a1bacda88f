"""What Slurm adds to a training, and whether each ends once: trainings on Debian's Slurm of this machine, as root.

    python benchmarks/slurm_jobs.py [--trainings N] [--disturb N] [--json FILE]

Two devices of one core train a second each, in steps of 0.1 s that only wait. While they do, jobs are requeued by
Slurm, signalled as at their time limit, and pre-empted by an urgent job; the search itself suspends some trainings.
At the end every training must be reported once, and no step may be done twice. The overhead is the time of a device
that is not a step, and the processor time of the jobs' own processes.
"""

from __future__ import annotations

import argparse
import collections
import functools
import importlib.util
import json
import os
import queue
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.cluster.workers.base import WorkerEvent
from ce_nas.cluster.workers.slurm import SlurmWorkerPool
from ce_nas.core.records import Task, TaskKind
from ce_nas.core.rng import random_stream
from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.core.records import Outcome

STEPS, STEP_S = 10, 0.1
KINDS = ("requeue", "time limit", "urgent", "suspended")


class Timed(FakeExecutor):
    """Notes the processor time of its process at the end of each attempt."""

    def run(self, task: Task, folder: Path, should_stop: Callable[[], bool]) -> Outcome | None:
        """See :meth:`Executor.run`."""
        try:
            return super().run(task, folder, should_stop)
        finally:
            times = os.times()
            with (folder / "cpu").open("a") as file:
                file.write(f"{os.getpid()} {times.user + times.system}\n")


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    spec = importlib.util.spec_from_file_location(
        "slurm_conftest", Path(__file__).parents[1] / "tests" / "cluster" / "conftest.py"
    )
    conftest = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conftest)
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "slurm").mkdir()
        with conftest.run_slurm(Path(place) / "slurm"):
            figures = _run(Path(place) / "work", stated)
    for name, value in figures.items():
        print(f"{name:44} {value}")
    if stated.json:
        stated.json.write_text(json.dumps(figures, indent=2) + "\n")


def _run(folder: Path, stated: argparse.Namespace) -> dict[str, object]:
    make_executor = functools.partial(Timed, FakeWorkload(STEPS, STEP_S))
    workers = SlurmWorkerPool(
        make_executor, ["cpu"] * 2, folder, {"timeout_min": 30, "cpus_per_task": 1}, poll_interval_s=0.2
    )
    messages: queue.Queue = queue.Queue()
    workers.open(messages.put)
    waiting, running = list(range(stated.trainings)), {}
    reported, tried, waits, jobs = collections.Counter(), collections.Counter(), [], set()
    disturbed, due = collections.Counter(), _moments(stated)
    started_s, first_s = {}, time.perf_counter()
    busy_s = 0.0
    while sum(reported.values()) < stated.trainings:
        for device in {0, 1} - set(running):
            if waiting:
                running[device] = waiting.pop(0)
                tried[running[device]] += 1
                started_s[device] = time.perf_counter()
                workers.start(device, Task(running[device], TaskKind.EVALUATION, ((running[device] % 5, 1),)))
        message = messages.get(timeout=600)
        jobs |= {file.read_text() for file in folder.glob("job-?")}
        if message.event is WorkerEvent.WORKING:
            waits.append(time.perf_counter() - started_s[message.device])
            if due and sum(reported.values()) >= due[0]:
                due.pop(0)
                kind = KINDS[len(due) % len(KINDS)]
                if _disturb(kind, workers, message.device, folder):
                    disturbed[kind] += 1
        elif message.event in {WorkerEvent.FINISHED, WorkerEvent.PREEMPTED, WorkerEvent.FAILED}:
            busy_s += time.perf_counter() - started_s[message.device]
            task = running.pop(message.device)
            if message.event is WorkerEvent.FINISHED:
                reported[task] += 1
            else:
                print(message.event, task, message.detail[-300:])
                waiting.insert(0, task)
    took_s = time.perf_counter() - first_s
    workers.close()
    steps = collections.Counter((folder / "steps").read_text().splitlines())
    cpu = dict(line.split() for line in (folder / "cpu").read_text().splitlines())
    n = stated.trainings
    return {
        "trainings reported": len(reported),
        "reported twice": sum(count > 1 for count in reported.values()),
        "steps done": len(steps),
        "steps done twice": sum(count > 1 for count in steps.values()),
        "disturbances": dict(disturbed),
        "starts by the search": sum(tried.values()),
        "jobs": len(jobs),
        "processes": len(cpu),
        "from a start to the first step, median s": round(sorted(waits)[len(waits) // 2], 2),
        "device-seconds beside the steps, a training": round(busy_s / n - STEPS * STEP_S, 2),
        "CPU-seconds of the jobs' processes, a training": round(sum(map(float, cpu.values())) / n, 3),
        "seconds": round(took_s, 1),
    }


def _moments(stated: argparse.Namespace) -> list[float]:
    """The numbers of ended trainings after which something is done to one."""
    shares = (
        random_stream(stated.seed, "disturbances").random(stated.disturb) if stated.seed else [0.5] * stated.disturb
    )
    return [(number + share) * stated.trainings / stated.disturb for number, share in enumerate(shares)]


def _disturb(kind: str, workers: SlurmWorkerPool, device: int, folder: Path) -> bool:
    job = (folder / f"job-{device}").read_text()
    if kind == "suspended":
        workers.preempt(device)
        return True
    commands = {
        "requeue": ["scontrol", "requeue", job],
        "time limit": ["scancel", "--signal=USR2", job],
        "urgent": ["sbatch", "--partition=urgent", "--cpus-per-task=2", "--output=/dev/null", "--wrap=sleep 1"],
    }
    return subprocess.run(commands[kind], check=False, capture_output=True).returncode == 0  # noqa: S603


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=60)
    parser.add_argument("--disturb", type=int, default=12, help="how often a job is requeued, pre-empted or suspended")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--seed", type=int, default=0, help="of their moments; 0: in the middle of equal spans")
    parser.add_argument("--quick", action="store_true", help="8 trainings, 2 disturbances")
    stated = parser.parse_args()
    if stated.quick:
        stated.trainings, stated.disturb = 8, 2
    return stated


if __name__ == "__main__":
    main()
