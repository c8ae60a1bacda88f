"""Whether everything is booked once when nodes and the driver are lost: a search on Ray nodes with declared GPUs.

    python benchmarks/ray_losses.py [--quick] [--json FILE] [--seed N] [--nodes N] [--gpus N] [--trainings N] [--apart]

``ce-nas search`` runs in a process of its own on a cluster of this machine: four nodes of eight declared GPUs, and
200 trainings of steps that only wait. After a quarter and a half of the trainings a node is killed and another one
joins; in between the driver is killed with SIGKILL, and ``ce-nas resume`` continues. Then the books are checked:
every training is reported once, no card was used twice at a time, every device-second is booked or was away, and
every joule read is booked once.

With ``--apart`` no node reaches the run folder: each has one of its own, and checkpoints travel through Ray.
"""

from __future__ import annotations

import argparse
import collections
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from node_loss import gone_s
from ray.cluster_utils import Cluster

from ce_nas.api import Result
from ce_nas.store.run_dir import read_run_entries

#: memory of a node's object store; checkpoints go through the folder
OBJECT_STORE_BYTES = 100 * 2**20
OWN = """
    import os
    import time

    import ray

    SPACE = {"width": list(range(10_000))}
    OBJECTIVES = ["quality:max:0", "size:min:9"]
    STEPS = 5


    def evaluate(architecture, fidelity, checkpoint):
        file = checkpoint.folder / "done"
        done = int(file.read_text()) if file.exists() else 0
        resumed_at, started = done, time.time()
        while done < STEPS:
            if checkpoint.should_stop():
                break
            time.sleep(0.1)
            done += 1
            part = file.with_suffix(".part")  # a node may be killed at any moment
            part.write_text(str(done))
            os.replace(part, file)
        place = (ray.get_runtime_context().get_node_id(), os.environ["CUDA_VISIBLE_DEVICES"])
        with open(os.environ["NOTES"], "a") as notes:  # not what is searched: what was seen
            notes.write(" ".join(map(str, (checkpoint.folder.name, *place, started, time.time(), resumed_at))) + "\\n")
        return {"quality": 1, "size": 1} if done == STEPS else None
"""
CONFIG = """
    searcher = "random"
    policy = "vanilla"
    seed = {seed}

    [grid]
    zone = "solar"

    [problem]
    proxy_scores = "none"

    [budget]
    hours = 2
    evaluations = {trainings}
    stop = "never"

    [cluster]
    gpus = {devices}

    [live]
    enabled = true
    evaluate = "own.py"
    meter = "modelled"
    time_scale = 1.0
    initial_duration = "1s"
    retries = 100

    [live.workers]
    name = "ray"
    address = "{address}"
    {storage}
    cpus = 0.01
    start_timeout = "10min"
"""


def main() -> None:
    """Run what the command line asks for."""
    stated = _arguments()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        os.environ["NOTES"] = str(Path(place) / "notes")  # of the nodes, too
        cluster = _start_cluster()
        try:
            nodes = [_add_node(cluster, stated) for _ in range(stated.nodes)]
            figures = _run(cluster, nodes, Path(place), stated)
        finally:
            cluster.shutdown()
    for name, value in figures.items():
        print(f"{name:44} {value}")
    if stated.json:
        stated.json.write_text(json.dumps(figures, indent=2) + "\n")


def _start_cluster() -> Cluster:
    for _ in range(5):  # a busy machine may not start it within Ray's 30 s
        with suppress(Exception):
            return Cluster(
                initialize_head=True, head_node_args={"num_cpus": 0, "object_store_memory": OBJECT_STORE_BYTES}
            )
    message = "no head could be started"
    raise SystemExit(message)


def _add_node(cluster: Cluster, stated: argparse.Namespace) -> object:
    for _ in range(5):  # a busy machine may not start it within Ray's 30 s
        try:
            return cluster.add_node(
                num_cpus=1,
                num_gpus=stated.gpus,
                object_store_memory=OBJECT_STORE_BYTES,
                env_vars={"TMPDIR": tempfile.mkdtemp(dir=Path(os.environ["NOTES"]).parent)},
            )
        except Exception as error:  # noqa: BLE001 - Ray raises no other class
            print(f"a node did not start: {str(error)[:80]}", file=sys.stderr)
    message = "no node could be started"
    raise SystemExit(message)


def _run(cluster: Cluster, nodes: list[Any], place: Path, stated: argparse.Namespace) -> dict[str, object]:
    devices, run = stated.nodes * stated.gpus, place / "run"
    (place / "own.py").write_text(textwrap.dedent(OWN))
    (place / "search.toml").write_text(
        textwrap.dedent(CONFIG).format(
            seed=stated.seed,
            trainings=stated.trainings,
            devices=devices,
            address=cluster.address,
            storage="shared_folder = false" if stated.apart else "",
        )
    )
    command = [sys.executable, "-m", "ce_nas"]
    search = _start([*command, "search", str(place / "search.toml"), "--out", str(run), "--no-progress"])
    _wait(search, stated.trainings // 4)
    cluster.remove_node(nodes[0], allow_graceful=False)
    _add_node(cluster, stated)
    _wait(search, stated.trainings * 3 // 8)
    os.kill(search.pid, signal.SIGKILL)
    search.wait()
    search = _start([*command, "resume", str(run), "--no-progress"])
    _wait(search, stated.trainings // 2)
    cluster.remove_node(nodes[1], allow_graceful=False)
    _add_node(cluster, stated)
    if search.wait(900):
        message = f"the resumed search ended with {search.returncode}"
        raise SystemExit(message)
    return _checked(Result.read(run), run, devices, stated)


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, "RAY_DEDUP_LOGS": "0"})  # noqa: S603


def _wait(search: subprocess.Popen[bytes], trainings: int) -> None:
    """Wait until so many trainings have been finished, by what they noted."""
    notes = Path(os.environ["NOTES"])
    while not notes.exists() or len(notes.read_text().splitlines()) < trainings:
        if search.poll() is not None:
            message = f"the search ended with {search.returncode} before {trainings} trainings"
            raise SystemExit(message)
        time.sleep(0.5)


def _checked(result: Result, run: Path, devices: int, stated: argparse.Namespace) -> dict[str, object]:
    kinds = collections.defaultdict(list)
    for entry in read_run_entries(run):
        kinds[entry.kind].append(entry)
    reported = collections.Counter(entry.content["task"] for entry in kinds["evaluated"])
    spans, continued = collections.defaultdict(list), 0
    for line in Path(os.environ["NOTES"]).read_text().splitlines():
        _, node, card, started, ended, resumed_at = line.split()
        spans[node, card].append((float(started), float(ended)))
        continued += int(resumed_at) > 0
    overlaps = sum(
        second[0] < first[1] for uses in spans.values() for first, second in itertools.pairwise(sorted(uses))
    )
    events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    ended_s = kinds["run_ended"][0].at_s
    booked_s = sum(result.summary.device_hours_by_activity.values()) * 3600
    away_s = gone_s(events, ended_s)
    drawn_j = sum(content[0] for kind, _, content in events if kind == "energy_reading")
    pue = result.entries[0].content["settings"]["cluster"]["pue"]
    return {
        "nodes, two killed and replaced": stated.nodes,
        "declared GPUs a node": stated.gpus,
        "driver killed and resumed": 1,
        "trainings reported": len(reported),
        "reported twice": sum(count > 1 for count in reported.values()),
        "failures": dict(collections.Counter(entry.content["failure"] for entry in kinds["task_failed"])),
        "trainings continued from a checkpoint": continued,
        "cards used, of all nodes": len(spans),
        "cards used twice at a time": overlaps,
        "seconds of the run": round(ended_s, 1),
        "device-seconds booked": round(booked_s, 3),
        "device-seconds away": round(away_s, 3),
        "device-seconds missing or booked twice": round(devices * ended_s - booked_s - away_s, 3),
        "J read, times PUE": round(drawn_j * pue, 3),
        "J booked": round(result.summary.energy_j, 3),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three nodes of one GPU, and 24 trainings")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--trainings", type=int, default=200)
    parser.add_argument("--apart", action="store_true", help="no node reaches the run folder")
    stated = parser.parse_args()
    if stated.quick:
        stated.nodes, stated.gpus, stated.trainings = 3, 1, 24
    return stated


if __name__ == "__main__":
    main()
