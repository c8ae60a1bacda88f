"""What 50 viewers of the dashboard cost the search that they look at.

    python benchmarks/viewers.py [--quick] [--json FILE] [--seed N]

The same search runs again and again in this process, in pairs: once with nobody looking and once with 50 viewers who
have its page open in the dashboard, now in this order and now in the other, so that whatever else the machine is at
meets both alike. Each viewer asks as a browser does that keeps the page up to date: over one connection, packed, with
the tag of what it has. The server is what ``ce-nas serve`` starts. Told are the ratios of the search's wall time, and
of its time on a processor. Server and viewers share the machine with the search, unlike browsers of people elsewhere.
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
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ce_nas.analysis.statistics import bootstrap_median
from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.engine.inputs import RunInputs

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEWERS = 50
#: seconds between two questions of a viewer: what the run's page asks for
EVERY_S = 3.0
#: a run that is not there yet is asked for again after so many seconds
RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Took:
    """What one search took."""

    wall_s: float
    processor_s: float
    #: the journal's SHA-256
    sha256: str


class Audience:
    """Viewers in a process of their own, who look at what they are told to."""

    def __init__(self, address: str) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, __file__, "--watch", address],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def look_at(self, path: str) -> None:
        """Look at a page from now on; nothing: at none."""
        assert self._process.stdin is not None  # noqa: S101 - it is piped
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()

    def leave(self) -> list[tuple[int, float, int]]:
        """What they were answered: status, seconds and bytes of each answer."""
        answers: list[tuple[int, float, int]] = json.loads(self._process.communicate()[0])
        return answers


async def _answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], int]:
    """Status, headers and length of an answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return int(head[0].split()[1]), headers, len(body)


class Viewer:
    """One of them."""

    def __init__(self, address: str, number: int) -> None:
        self._host, self._port = re.fullmatch(r"http://([\d.]+):(\d+)/", address).groups()  # type: ignore[union-attr] # it is one
        self._rng = random.Random(number)  # noqa: S311 - when it asks
        self.answers: list[tuple[int, float, int]] = []

    async def look(self, path: str) -> None:
        """Keep a page up to date, as a browser does, until cancelled."""
        reader, writer = await asyncio.open_connection(self._host, int(self._port))
        tag = ""
        try:
            await asyncio.sleep(self._rng.random() * RETRY_S)
            while True:
                status, tag = await self._ask(reader, writer, path, tag)
                await asyncio.sleep(RETRY_S if status == 404 else EVERY_S * (0.9 + 0.2 * self._rng.random()))
        finally:
            writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, tag: str
    ) -> tuple[int, str]:
        asked = f"GET {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\nAccept-Encoding: gzip\r\n"
        began_s = time.perf_counter()
        writer.write((asked + (f"If-None-Match: {tag}\r\n" if tag else "") + "\r\n").encode())
        status, headers, size = await _answer(reader)
        self.answers.append((status, time.perf_counter() - began_s, size))
        return status, headers.get("etag", tag)


async def watch(address: str) -> list[tuple[int, float, int]]:
    """All viewers, at the page that the last line of standard input names, until it ends."""
    viewers = [Viewer(address, number) for number in range(VIEWERS)]
    looking: list[asyncio.Task[None]] = []
    while line := await asyncio.to_thread(sys.stdin.readline):
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        looking = [asyncio.create_task(viewer.look(line.strip())) for viewer in viewers] if line.strip() else []
    return [answer for viewer in viewers for answer in viewer.answers]


def search(materials: RunInputs, folder: Path) -> Took:
    """One search, from its first decision to its last: files read before and the report after it do not count."""
    times: list[tuple[float, float]] = []
    study = Search.from_settings(materials.settings, inputs=materials)
    found = study.run(folder, lambda _: times.append((time.perf_counter(), time.process_time())))
    (wall_s, processor_s), (wall_end_s, processor_end_s) = times[0], times[-1]
    return Took(wall_end_s - wall_s, processor_end_s - processor_s, found.summary.journal_sha256)


def pairs(count: int, materials: RunInputs, runs: Path, audience: Audience) -> Iterator[tuple[Took, Took]]:
    """The same search without and with viewers, now in this order and now in the other."""
    for number in range(count):
        found = {}
        for looked_at in ((False, True), (True, False))[number % 2]:
            name = f"{number}-{'with' if looked_at else 'without'}"
            audience.look_at(f"/run/{runs.name}~{name}" if looked_at else "")
            time.sleep(RETRY_S)
            found[looked_at] = search(materials, runs / name)
        audience.look_at("")
        if found[False].sha256 != found[True].sha256:
            message = f"Expected the same journal with viewers as without, got {found}."
            raise RuntimeError(message)
        yield found[False], found[True]


def served(runs: Path, stack: ExitStack) -> tuple[int, str]:
    """The dashboard: its process and its address."""
    command = [sys.executable, "-m", "ce_nas", "serve", str(runs), "--port", "0"]
    server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))  # noqa: S603 - ours
    stack.callback(server.terminate)
    assert server.stdout is not None  # noqa: S101 - it is piped
    return server.pid, next(found[0] for line in server.stdout if (found := re.search(r"http://[\d.]+:\d+/", line)))


def _processor_s(pid: int) -> float:
    """Processor time of a process, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(hours: float, count: int, seed: int) -> dict[str, object]:
    """All pairs, and what they come to."""
    materials = RunInputs(
        settings_from_flags(hours=hours, seed=seed, policy="hotcarbon", searcher="lamoo", zone="solar", stop="never")
    )
    materials.validate()
    with TemporaryDirectory() as folder, ExitStack() as stack:
        search(materials, Path(folder) / "first")  # caches are filled once
        runs = Path(folder) / "runs"
        runs.mkdir()
        pid, address = served(runs, stack)
        audience = Audience(address)
        found = list(pairs(count, materials, runs, audience))
        spent_s, answers = _processor_s(pid), audience.leave()
    ratios = {}
    for name in ("processor_s", "wall_s"):
        one = bootstrap_median([getattr(two, name) / getattr(alone, name) for alone, two in found])
        summed = sum(getattr(two, name) for _, two in found) / sum(getattr(alone, name) for alone, _ in found)
        ratios[name] = {"median": one.median, "low": one.low, "high": one.high, "of_sums": summed}
    waits_ms = sorted(1e3 * took_s for _, took_s, _ in answers)
    return {
        "hours": hours,
        "viewers": VIEWERS,
        "cores": os.cpu_count(),
        "ratios": ratios,
        "server_share_of_a_core": spent_s / sum(two.wall_s for _, two in found),
        "answers": {
            str(status): sum(one[0] == status for one in answers) for status in sorted({a[0] for a in answers})
        },
        "answer_ms": {"median": statistics.median(waits_ms), "95 %": waits_ms[int(0.95 * len(waits_ms))]},
        "pairs": [{"without": asdict(alone), "with": asdict(two)} for alone, two in found],
    }


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two pairs of 80 hours instead of twenty of 160")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--watch", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.watch:
        os.nice(19)  # viewers are elsewhere: here they only must not be in the way
        with suppress(KeyboardInterrupt):
            print(json.dumps(asyncio.run(watch(arguments.watch))))
        return
    hours, count = (80.0, 2) if arguments.quick else (160.0, 20)
    found = measure(hours, count, arguments.seed)
    print(f"{hours:.0f} h, {VIEWERS} viewers, {count} pairs, {os.cpu_count()} cores, seed {arguments.seed}")
    for name, one in found["ratios"].items():  # type: ignore[attr-defined] # a mapping
        shown = f"x {one['median']:.4f} [{one['low']:.4f}, {one['high']:.4f}], of the sums {one['of_sums']:.4f}"
        print(f"{name:12} with viewers {shown}")
    print(f"answers by status {found['answers']}, ms {found['answer_ms']}")
    print(f"the server took {found['server_share_of_a_core']:.1%} of a core while somebody looked")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
