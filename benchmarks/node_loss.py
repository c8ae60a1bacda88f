"""What a search loses when machines are lost: three Ray nodes on this machine, one killed every 20 seconds.

    python benchmarks/node_loss.py [--quick] [--json FILE] [--seed N] [--seconds N] [--every N]

A search of two minutes hands rehearsed trainings (steps that only wait, kept in checkpoints) to three actors. A node is
killed every ``--every`` seconds, and another one joins. Then the books and the journal are checked:

- every training that was started is reported once, has failed for good under its name, or is named as unfinished;
- every step of those reported was taken once, or twice where the kill fell between a step's checkpoint and its record;
- every device's time is on the books once, but for the time in which it was gone, and the grams of the books are the
  readings' joules, PUE and the grid's intensity multiplied out again.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import functools
import json
import tempfile
from pathlib import Path

import ray
from ray.cluster_utils import Cluster

from ce_nas.api import Result, Search
from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace
from ce_nas.cluster.workers.ray import RayWorkerPool
from ce_nas.config.schema import settings_from_flags
from ce_nas.engine.inputs import RunInputs
from ce_nas.testing.fake_executor import FakeExecutor, FakeWorkload

SPACE = {f"choice{number}": list(range(8)) for number in range(4)}
STEPS, STEP_S, DEVICES = 20, 0.1, 3


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(DEVICES)]
    ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
    try:
        with tempfile.TemporaryDirectory() as place, concurrent.futures.ThreadPoolExecutor(1) as pool:
            search = pool.submit(_search, Path(place) / "run", stated)
            killed = _kill(cluster, nodes, search, stated.every)
            result = search.result()
            pue = result.entries[0].content["settings"]["cluster"]["pue"]
            content = {"nodes killed and replaced": killed, **_checked(result, stated.seconds, pue)}
    finally:
        ray.shutdown()
        cluster.shutdown()
    for name, value in content.items():
        print(f"{name:34} {value}")
    if stated.json:
        stated.json.write_text(json.dumps(content, indent=2) + "\n")


def _search(out: Path, stated: argparse.Namespace) -> Result:
    settings = settings_from_flags(
        {
            "live": {"devices": ["cpu"] * DEVICES, "retries": 100, "initial_duration": "0.001s"},
            "cluster": {"gpus": DEVICES},
        },
        live=True, searcher="random", policy="vanilla", hours=stated.seconds / 3600, time_scale=1.0, seed=stated.seed,
        stop="never",
    )  # fmt: skip
    own = UserSpace.parse(SPACE, ["first:min:10", "second:min:10"], "SPACE")
    make = functools.partial(FakeExecutor, FakeWorkload(STEPS, STEP_S))
    crew = RayWorkerPool(make, ["cpu"] * DEVICES, out / "work")
    materials = RunInputs(settings, UserBenchmark(own, "rehearsal", "steps that only wait"))
    return Search.from_settings(settings, workers=crew, inputs=materials).run(out)


def _kill(cluster: Cluster, nodes: list, search: concurrent.futures.Future, every_s: float) -> int:
    """Take the oldest node away without a word, and let another one join, until the search is over; how often."""
    killed = 0
    while not concurrent.futures.wait([search], timeout=every_s).done:
        cluster.remove_node(nodes.pop(0), allow_graceful=False)
        nodes.append(cluster.add_node(num_cpus=1))
        killed += 1
    return killed


def _checked(result: Result, seconds: float, pue: float) -> dict[str, object]:
    """What was lost, counted twice, or left off the books."""
    run, kinds = result.path, collections.defaultdict(list)
    for entry in result.entries:
        kinds[entry.kind].append(entry.content)
    reported = collections.Counter(content["task"] for content in kinds["evaluated"])
    started_tasks = {content["task"] for content in kinds["task_started"]}
    given_up = {content["task"] for content in kinds["task_failed"] if not content["will_retry"]}
    unfinished = set(kinds["run_ended"][0]["unfinished_tasks"])
    lines = (run / "work" / "steps").read_text().splitlines()
    steps = collections.Counter(tuple(map(int, line.split())) for line in lines)
    finished = [task for task in reported if all((task, step) in steps for step in range(STEPS))]
    booked_s = sum(result.summary.device_hours_by_activity.values()) * 3600
    recorded = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    away_s = gone_s(recorded, seconds)
    drawn_j = sum(content[0] for kind, _, content in recorded if kind == "energy_reading")
    return {
        "tasks started": len(started_tasks),
        "finished": len(reported),
        "given up": len(given_up),
        "unfinished at the end": len(unfinished),
        "unaccounted for": len(started_tasks - set(reported) - given_up - unfinished),
        "reported twice": sum(count > 1 for count in reported.values()),
        "finished without all their steps": len(reported) - len(finished),
        "failures": dict(collections.Counter(content["failure"] for content in kinds["task_failed"])),
        "steps taken": len(steps),
        "steps taken again": sum(count - 1 for count in steps.values()),
        "device-seconds booked": round(booked_s, 3),
        "device-seconds gone": round(away_s, 3),
        "device-seconds missing": round(DEVICES * seconds - booked_s - away_s, 3),
        "J read, times PUE": round(drawn_j * pue, 3),
        "J booked": round(result.summary.energy_j, 3),
        "g booked": round(result.summary.carbon_g["full"], 6),
    }


def gone_s(recorded: list, seconds: float) -> float:
    """Device-seconds between a device's going and its coming back."""
    since: dict[int, float] = {}
    total_s = 0.0
    for kind, at_s, content in recorded:
        if kind == "worker_message" and content[1] == "device_lost":
            since[content[0]] = at_s
        if kind == "live_start":  # the workers of a resumed run start again, those of lost devices, too
            total_s += sum(at_s - gone_at_s for gone_at_s in since.values())
            since.clear()
        if kind == "worker_message" and content[1] == "device_ready":
            total_s += at_s - since.pop(content[0], at_s)
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
