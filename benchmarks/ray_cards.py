"""Which cards trainings get on a Ray cluster: nodes on this machine with declared GPUs, one of which is killed.

    python benchmarks/ray_cards.py [--quick] [--json FILE] [--nodes N] [--gpus N] [--tasks N]

Every training notes its node, the card that it sees, and when it began and ended. A third of the way one node is
killed, and another one joins. At the end no card may have been used twice at a time, and every training must be
reported once. Then a device is released and taken back five times: how long does it take until its training works?
"""

from __future__ import annotations

import argparse
import collections
import functools
import itertools
import json
import queue
import sys
import tempfile
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import ray
from ray.cluster_utils import Cluster

from ce_nas.benchmarks.user_function import UserFunctionExecutor
from ce_nas.cluster.workers.base import WorkerEvent
from ce_nas.cluster.workers.local import WorkerTimeouts
from ce_nas.cluster.workers.ray import RayResources, RayWorkerPool
from ce_nas.components.registry import METERS
from ce_nas.core.records import Task, TaskKind
from ce_nas.energy.reported_meter import WorkerMeter

if TYPE_CHECKING:
    from collections.abc import Callable

Started = TypeVar("Started")
OWN = """
    import os
    import time

    import ray

    SPACE = {"width": list(range(10_000))}
    OBJECTIVES = ["quality:max:0", "size:min:9"]


    def evaluate(architecture, fidelity, checkpoint):
        node = ray.get_runtime_context().get_node_id()
        started = time.time()
        while time.time() - started < 0.5:
            if checkpoint.should_stop():
                return None
            time.sleep(0.02)
        line = f"{architecture['width']} {node} {os.environ['CUDA_VISIBLE_DEVICES']} {started} {time.time()}\\n"
        with (checkpoint.folder.parent / "cards").open("a") as file:
            file.write(line)
        return {"quality": 1, "size": 1}
"""


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    cluster = _tried(lambda: Cluster(initialize_head=True, head_node_args={"num_cpus": 0}))
    nodes = [_add_node(cluster, stated) for _ in range(stated.nodes)]
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    try:
        with tempfile.TemporaryDirectory() as place:
            figures = _run(cluster, nodes, Path(place), stated)
    finally:
        ray.shutdown()
        cluster.shutdown()
    for name, value in figures.items():
        print(f"{name:40} {value}")
    if stated.json:
        stated.json.write_text(json.dumps(figures, indent=2) + "\n")


def _add_node(cluster: Cluster, stated: argparse.Namespace) -> object:
    return _tried(lambda: cluster.add_node(num_cpus=stated.gpus, num_gpus=stated.gpus))


def _tried(start: Callable[[], Started]) -> Started:
    """Start a part of the cluster, which a busy machine may not do within Ray's 30 s."""
    for _ in range(5):
        try:
            return start()
        except Exception as error:  # noqa: BLE001 - Ray raises no other class
            print(f"not started: {str(error)[:80]}", file=sys.stderr)
    message = "the cluster could not be started"
    raise SystemExit(message)


def _run(cluster: Cluster, nodes: list[object], place: Path, stated: argparse.Namespace) -> dict[str, object]:
    (place / "own.py").write_text(textwrap.dedent(OWN))
    devices = stated.nodes * stated.gpus
    workers = RayWorkerPool(
        functools.partial(UserFunctionExecutor, place / "own.py"),
        ["cuda"] * devices,
        place / "work",
        RayResources(1, 1),
        WorkerTimeouts(),
        make_meter=functools.partial(WorkerMeter, METERS.validate("auto")),
    )
    messages, reported = queue.Queue(), collections.Counter()
    free, waiting, running = set(range(devices)), list(range(stated.tasks)), {}
    lost = failed = 0
    is_killed = False
    workers.open(messages.put)
    begun_s = time.perf_counter()
    while sum(reported.values()) < stated.tasks:
        while waiting and free:
            device = free.pop()
            running[device] = waiting.pop(0)
            workers.start(device, Task(running[device], TaskKind.EVALUATION, ((running[device],),)))
        message = messages.get(timeout=300)
        if message.event is WorkerEvent.DEVICE_LOST:
            lost += 1
            free.discard(message.device)
        elif message.event is WorkerEvent.DEVICE_READY:
            free.add(message.device)
        elif message.event in {WorkerEvent.FAILED, WorkerEvent.PREEMPTED}:
            failed += 1
            waiting.insert(0, running.pop(message.device))
        elif message.event is WorkerEvent.FINISHED:
            reported[message.task_id] += 1
            running.pop(message.device)
            free.add(message.device)
        if not is_killed and sum(reported.values()) >= stated.tasks // 3:
            is_killed = True
            cluster.remove_node(nodes[stated.seed % len(nodes)], allow_graceful=False)
            _add_node(cluster, stated)
    took_s = time.perf_counter() - begun_s
    taken_s = [_take_back(workers, messages, stated.tasks + number) for number in range(5)]
    workers.close()
    uses = collections.defaultdict(list)
    for line in (place / "work" / "cards").read_text().splitlines():
        _, node, card, started, ended = line.split()
        uses[node, card].append((float(started), float(ended)))
    overlaps = sum(
        second[0] < first[1] for spans in uses.values() for first, second in itertools.pairwise(sorted(spans))
    )
    return {
        "nodes, one killed and replaced": stated.nodes,
        "declared GPUs a node": stated.gpus,
        "trainings reported": len(reported),
        "reported twice": sum(count > 1 for count in reported.values()),
        "failed with their node, and tried again": failed,
        "devices lost and replaced": lost,
        "cards used, of all nodes": len(uses),
        "cards used twice at a time": overlaps,
        "seconds": round(took_s, 1),
        "s until a device taken back works": ", ".join(f"{seconds:.1f}" for seconds in sorted(taken_s)),
    }


def _take_back(workers: RayWorkerPool, messages: queue.Queue, number: int) -> float:
    """Release a device until Ray has its GPU again, and take it back; how long until its training works, s."""
    free = ray.available_resources().get("GPU", 0.0)
    workers.release(0)
    while ray.available_resources().get("GPU", 0.0) <= free:
        time.sleep(0.1)
    begun_s = time.perf_counter()
    workers.acquire(0)
    workers.start(0, Task(number, TaskKind.EVALUATION, ((number,),)))
    while messages.get(timeout=300).event is not WorkerEvent.WORKING:
        pass
    took_s = time.perf_counter() - begun_s
    while messages.get(timeout=300).event is not WorkerEvent.FINISHED:
        pass
    return took_s


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two nodes of two GPUs, and 24 trainings")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="which node is killed")
    stated = parser.parse_args()
    if stated.quick:
        stated.nodes, stated.gpus, stated.tasks = 2, 2, 24
    return stated


if __name__ == "__main__":
    main()
