"""What a search loses when machines are lost: three Ray nodes on this machine, one killed every 20 seconds.

    python benchmarks/node_loss.py [--quick] [--json FILE] [--seed N] [--seconds N] [--every N]

A search of two minutes hands rehearsed trainings (steps that only wait, kept in checkpoints) to three actors. A node is
killed every ``--every`` seconds, and another one joins. Then the books and the journal are checked:

- every training is told of once, and each of its steps was taken once, or twice where the kill fell between the step
  and its checkpoint;
- every device's time is on the books once, but for the time in which it was gone.
"""

from __future__ import annotations

import argparse
import collections
import functools
import json
import tempfile
import threading
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from ce_nas.cluster.ray import RayCrew
from ce_nas.engine.materials import Materials
from ce_nas.engine.settings import settings_from_flags
from ce_nas.engine.study import Result, Study
from ce_nas.evaluate.own_space import OwnBenchmark, OwnSpace
from ce_nas.evaluate.rehearsal import Rehearsal, RehearsalExecutor

SPACE = {f"choice{number}": list(range(8)) for number in range(4)}
STEPS, STEP_S, DEVICES = 20, 0.1, 3


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(DEVICES)]
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    over, killed = threading.Event(), []
    thread = threading.Thread(target=_kill, args=(cluster, nodes, over, killed, stated.every))
    thread.start()
    try:
        with tempfile.TemporaryDirectory() as place:
            result = _search(Path(place) / "run", stated)
            over.set()
            thread.join()
            content = {"killed": len(killed), **_checked(result, stated.seconds)}
    finally:
        over.set()
        ray.shutdown()
        cluster.shutdown()
    for name, value in content.items():
        print(f"{name:24} {value}")
    if stated.json:
        stated.json.write_text(json.dumps(content, indent=2) + "\n")


def _search(out: Path, stated: argparse.Namespace) -> Result:
    settings = settings_from_flags(
        {"live": {"devices": ["cpu"] * DEVICES, "retries": 100}, "cluster": {"gpus": DEVICES}},
        live=True, searcher="uniform", policy="vanilla", hours=stated.seconds / 3600, time_scale=1.0, seed=stated.seed,
    )  # fmt: skip
    own = OwnSpace.of(SPACE, ["first:min:10", "second:min:10"], "SPACE")
    make = functools.partial(RehearsalExecutor, Rehearsal(STEPS, STEP_S))
    crew = RayCrew(make, ["cpu"] * DEVICES, out / "work")
    materials = Materials(settings, OwnBenchmark(own, "rehearsal", "steps that only wait"))
    return Study(settings, crew=crew, materials=materials).run(out)


def _kill(cluster: Cluster, nodes: list, over: threading.Event, killed: list, every_s: float) -> None:
    """Take the oldest node away without a word, and let another one join."""
    while not over.wait(every_s):
        node = nodes.pop(0)
        cluster.remove_node(node, allow_graceful=False)
        killed.append(node)
        nodes.append(cluster.add_node(num_cpus=1))


def _checked(result: Result, seconds: float) -> dict[str, object]:
    """What was lost, counted twice, or left off the books."""
    run = result.path
    told = collections.Counter(entry.content["task"] for entry in result.entries if entry.kind == "evaluated")
    lines = (run / "work" / "steps").read_text().splitlines()
    steps = collections.Counter(tuple(map(int, line.split())) for line in lines)
    finished = [task for task in told if len([1 for step in range(STEPS) if (task, step) in steps]) == STEPS]
    failures = collections.Counter(entry.content["failure"] for entry in result.entries if entry.kind == "failed")
    booked_s = sum(result.summary.device_hours_by_activity.values()) * 3600
    gone_s = _gone_s(run / "recording.jsonl", seconds)
    return {
        "trainings": len(told),
        "told of twice": sum(count > 1 for count in told.values()),
        "without all their steps": len(told) - len(finished),
        "failures": dict(failures),
        "steps taken again": sum(count - 1 for count in steps.values()),
        "device-seconds booked": round(booked_s, 3),
        "device-seconds gone": round(gone_s, 3),
        "difference": round(DEVICES * seconds - booked_s - gone_s, 3),
    }


def _gone_s(recording: Path, seconds: float) -> float:
    """Device-seconds between a device's going and its coming back."""
    since: dict[int, float] = {}
    total_s = 0.0
    for kind, at_s, content in map(json.loads, recording.read_text().splitlines()):
        if kind == "report" and content[1] == "gone":
            since[content[0]] = at_s
        if kind == "report" and content[1] == "back":
            total_s += at_s - since.pop(content[0])
    return total_s + sum(seconds - at_s for at_s in since.values())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="40 seconds, a node every 10")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=None)
    parser.add_argument("--every", type=float, default=None)
    stated = parser.parse_args()
    stated.seconds = stated.seconds or (40.0 if stated.quick else 120.0)
    stated.every = stated.every or (10.0 if stated.quick else 20.0)
    return stated


if __name__ == "__main__":
    main()
