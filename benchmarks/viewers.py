"""What 50 viewers of the dashboard cost the search that they look at.

    python benchmarks/viewers.py [--quick] [--json FILE] [--seed N]

The same search runs without anybody looking and with a dashboard that 50 viewers have open, in pairs, one way first
and then the other. Each viewer asks for the run's page as a browser does that keeps it up to date: over one
connection, packed, with the tag of what it has. The search's own time is taken in its process, start-up excluded: wall
time, and time on a processor, which does not see what else the machine is at. Server and viewers share the machine
with the search, unlike browsers of people elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ce_nas.experiment.statistics import bootstrap_median

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEWERS = 50
#: seconds between two questions of a viewer: what the run's page asks for
EVERY_S = 3.0
#: a run that is not there yet is asked for again after so many seconds
RETRY_S = 0.5

SEARCH = """
import json, sys, time
from pathlib import Path
from ce_nas.engine.materials import Materials
from ce_nas.engine.settings import settings_from_flags
from ce_nas.engine.study import Study
hours, seed, folder = float(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
settings = settings_from_flags(hours=hours, seed=seed, policy="heuristic", searcher="lamoo", zone="solar")
materials = Materials(settings)
materials.check()
study = Study(settings, materials=materials)
ended = []
wall_s, processor_s = time.perf_counter(), time.process_time()
def observe(period):
    ended[:] = [time.perf_counter() - wall_s, time.process_time() - processor_s]
result = study.run(folder, observe)
print(json.dumps({"wall_s": ended[0], "processor_s": ended[1], "sha256": result.summary.journal_sha256,
                  "entries": len(result.entries)}))
"""


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], int]:
    """Status, headers and length of an answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(head[0].split()[1]), headers, len(body)


async def view(host: str, port: int, path: str, rng: random.Random, seen: list[tuple[int, float, int]]) -> None:
    """Keep a page up to date, as a browser does, for ever; every answer goes into ``seen``."""
    reader, writer = await asyncio.open_connection(host, port)
    tag = ""
    await asyncio.sleep(rng.random() * EVERY_S)
    while True:
        asked = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept-Encoding: gzip\r\n"
        began_s = time.perf_counter()
        writer.write((asked + (f"If-None-Match: {tag}\r\n" if tag else "") + "\r\n").encode())
        status, headers, size = await _answer(reader)
        seen.append((status, time.perf_counter() - began_s, size))
        tag = headers.get("etag", tag)
        await asyncio.sleep(RETRY_S if status == 404 else EVERY_S * (0.9 + 0.2 * rng.random()))


async def watch(address: str, path: str) -> list[tuple[int, float, int]]:
    """All viewers, until standard input ends."""
    host, port = re.fullmatch(r"http://([\d.]+):(\d+)/", address).groups()  # type: ignore[union-attr] # it is one
    seen: list[tuple[int, float, int]] = []
    rng = random.Random(0)  # noqa: S311 - when a viewer asks
    tasks = [asyncio.create_task(view(host, int(port), path, rng, seen)) for _ in range(VIEWERS)]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return seen


def search(hours: float, seed: int, folder: Path) -> dict[str, object]:
    """One search in a process of its own: its times."""
    command = [sys.executable, "-c", SEARCH, str(hours), str(seed), str(folder)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own script
    found: dict[str, object] = json.loads(ended.stdout)
    return found


def watched(hours: float, seed: int, runs: Path, name: str) -> dict[str, object]:
    """One search with the viewers looking on: its times, and what they were answered."""
    serve = [sys.executable, "-m", "ce_nas", "serve", str(runs), "--port", "0"]
    with ExitStack() as stack:
        server = stack.enter_context(subprocess.Popen(serve, stdout=subprocess.PIPE, text=True))  # noqa: S603 - ours
        stack.callback(server.terminate)
        assert server.stdout is not None  # noqa: S101 - it is piped
        address = next(found[0] for line in server.stdout if (found := re.search(r"http://[\d.]+:\d+/", line)))
        path = f"/run/{runs.name}~{name}"
        looking = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - our own script
                [sys.executable, __file__, "--watch", address, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(looking.kill)
        found = search(hours, seed, runs / name)
        answers = json.loads(looking.communicate("")[0])
        spent_s = _processor_s(server.pid)
    return {**found, "answers": answers, "server_processor_s": spent_s}


def _processor_s(pid: int) -> float:
    """Processor time of a process, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pairs(count: int, hours: float, seed: int, runs: Path) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    """The same search without and with viewers, now in this order and now in the other."""
    for number in range(count):
        ways = [
            lambda name: search(hours, seed, runs / name),
            lambda name: watched(hours, seed, runs, name),
        ]
        order = (0, 1) if number % 2 == 0 else (1, 0)
        found = {way: ways[way](f"{number}-{way}") for way in order}
        if found[0]["sha256"] != found[1]["sha256"]:
            message = f"Expected the same journal with viewers as without, got {found[0]} and {found[1]}."
            raise RuntimeError(message)
        yield found[0], found[1]


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one pair of 80 hours instead of twelve of 400")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--watch", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch:
        os.nice(19)  # viewers are elsewhere: here they only must not be in the way
        print(json.dumps(asyncio.run(watch(*arguments.watch))))
        return
    hours, count = (80.0, 1) if arguments.quick else (400.0, 12)
    with TemporaryDirectory() as folder:
        found = list(pairs(count, hours, arguments.seed, Path(folder)))
    rows = [{"without": without, "with": looked_at} for without, looked_at in found]
    print(f"{hours:.0f} h, {VIEWERS} viewers, {count} pairs, {os.cpu_count()} cores, seed {arguments.seed}")
    ratios = {}
    for what in ("processor_s", "wall_s"):
        one = bootstrap_median([row["with"][what] / row["without"][what] for row in rows])
        ratios[what] = [one.median, one.low, one.high]
        alone = statistics.median(row["without"][what] for row in rows)
        print(f"{what:12} {alone:8.2f} s alone; with viewers x {one.median:.4f} [{one.low:.4f}, {one.high:.4f}]")
    answers = [answer for row in rows for answer in row["with"]["answers"]]
    waits_ms = sorted(1e3 * took_s for _, took_s, _ in answers)
    sizes = {status: sum(one[0] == status for one in answers) for status in sorted({one[0] for one in answers})}
    share = statistics.median(row["with"]["server_processor_s"] / row["with"]["wall_s"] for row in rows)
    print(
        f"{len(answers):,} answers by status {sizes}, median {statistics.median(waits_ms):.0f} ms, "
        f"95 % within {waits_ms[int(0.95 * len(waits_ms))]:.0f} ms; the server took {share:.1%} of a core"
    )
    if arguments.json:
        kept = [
            {way: {key: value for key, value in one.items() if key != "answers"} for way, one in row.items()}
            for row in rows
        ]
        result = {"hours": hours, "viewers": VIEWERS, "ratios": ratios, "answers": sizes, "pairs": kept}
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
