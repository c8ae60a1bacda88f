"""How many requests a second the dashboard answers, how fast, and in how much memory.

    python benchmarks/dashboard_load.py [--quick] [--seconds N] [--json FILE] [--seed N]

Six searches are made, and ``ce-nas serve`` shows them. Then 200 requests a second are sent for a minute, to pages drawn
at random: the list, comparisons, zones, the pilot's form, the metrics, the style, and each run's page, explanation,
report and summary. There are three such minutes: on connections that stay open, to a server that has answered nothing
before; the same again, so that the memory of both can be compared; and with a new connection for each request.

A request is sent at its time, whether earlier ones have been answered or not, as far as there are connections; its
latency counts from that time. Server and client share the machine; the client is one process, which sends prepared
bytes and reads of an answer only its status and length.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from viewers import served

from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags

#: requests a second, and connections: fewer than the server accepts of one address
RATE, CONNECTIONS = 200, 48
#: s after the last request until those without an answer are given up
PATIENCE_S = 20.0
RUNS = 6
SHARED_PAGES = ("/", "/?sort=carbon", "/compare", "/zones", "/pilot", "/metrics", "/static/style.css")
RUN_PAGES = ("", "", "/explain", "/report.html", "/summary.json")  # the run's page twice as often


@dataclass(frozen=True, slots=True)
class Measured:
    """One minute."""

    name: str
    requests: int
    #: answers with status 200 before the minute was over, a second
    answered_per_s: float
    #: status -> answers
    statuses: dict[int, int]
    #: requests without an answer
    unanswered: int
    p50_ms: float
    p99_ms: float
    slowest_ms: float
    #: processor time over wall time
    server_cores: float
    client_cores: float
    #: the server's resident memory, MB
    before_mb: float
    after_mb: float


class Client:
    """Sends requests at their times over a number of connections.

    :param keep: keep the connections open; otherwise each request has its own.
    """

    def __init__(self, host: str, port: int, *, keep: bool) -> None:
        self._host, self._port, self._keep = host, port, keep
        self._due: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        #: of each answer: status, s since its request was due, and s since the first request
        self.answers: list[tuple[int, float, float]] = []
        self._began_s = 0.0

    async def send(self, paths: list[str]) -> None:
        """Send a request to each of ``paths`` in turn, :data:`RATE` a second, and wait for the answers."""
        headers = f"Host: {self._host}:{self._port}\r\nAccept-Encoding: gzip\r\n"
        headers += "" if self._keep else "Connection: close\r\n"
        requests = {path: f"GET {path} HTTP/1.1\r\n{headers}\r\n".encode() for path in set(paths)}
        workers = [asyncio.create_task(self._work()) for _ in range(CONNECTIONS)]
        self._began_s = time.perf_counter()
        for number, path in enumerate(paths):
            due_s = self._began_s + number / RATE
            if (early_s := due_s - time.perf_counter()) > 0:
                await asyncio.sleep(early_s)
            self._due.put_nowait((due_s, requests[path]))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._due.join(), PATIENCE_S)
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self) -> None:
        """Answer one request after another over one connection, or over one each."""
        while True:
            due_s, request = await self._due.get()
            try:
                reader, writer = await asyncio.open_connection(self._host, self._port)
            except OSError:
                self._due.task_done()
                continue
            try:
                while await self._ask(reader, writer, due_s, request) and self._keep:
                    due_s, request = await self._due.get()
            finally:
                writer.close()

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, due_s: float, request: bytes
    ) -> bool:
        """Send one request; returns whether it was answered."""
        try:
            writer.write(request)
            status = await _read_answer(reader)
        except (OSError, EOFError):
            return False
        finally:
            self._due.task_done()
        now_s = time.perf_counter()
        self.answers.append((status, now_s - due_s, now_s - self._began_s))
        return True


async def _read_answer(reader: asyncio.StreamReader) -> int:
    """Read an answer to its end; returns its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, rest = head.lower().partition(b"\r\ncontent-length: ")
    if rest:
        await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    return int(head[9:12])


def make_runs(folder: Path, hours: float, seed: int) -> list[str]:
    """Make the searches; returns the paths of their pages."""
    for number in range(RUNS):
        policy = ("vanilla", "hotcarbon")[number % 2]
        flags = {"hours": hours, "gpus": 4, "searcher": "random", "policy": policy, "seed": seed + number}
        Search.from_settings(settings_from_flags(**flags, zone="solar", stop="never")).run(folder / f"{number}")
    return [f"/run/{folder.name}~{number}" for number in range(RUNS)]


def draw_pages(run_pages: list[str], count: int, seed: int) -> list[str]:
    """Draw the pages to ask for: one half of a run, the other half not."""
    rng = random.Random(seed)  # noqa: S311 - a load
    runs = [page + part for page in run_pages for part in RUN_PAGES]
    names = [page.rpartition("/")[2] for page in run_pages]
    shared = [*SHARED_PAGES, f"/compare?run={names[0]}&run={names[1]}"]
    return [rng.choice((runs, shared)[number % 2]) for number in range(count)]


def _usage(pid: int) -> tuple[float, float]:
    """Processor time of a process, s, and its resident memory, MB."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    processor_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return processor_s, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def measure(name: str, pid: int, client: Client, paths: list[str]) -> Measured:
    """Send the requests, and sum up their answers."""
    server_s, before_mb = _usage(pid)
    own_s, began_s = time.process_time(), time.perf_counter()
    asyncio.run(client.send(paths))
    wall_s, client_s = time.perf_counter() - began_s, time.process_time() - own_s
    server_end_s, after_mb = _usage(pid)
    answers, length_s = client.answers, len(paths) / RATE
    statuses = {status: sum(one[0] == status for one in answers) for status in sorted({one[0] for one in answers})}
    waits_ms = sorted(1e3 * wait_s for status, wait_s, _ in answers if status == 200) or [float("nan")]
    return Measured(
        name=name,
        requests=len(paths),
        answered_per_s=sum(status == 200 and at_s <= length_s for status, _, at_s in answers) / length_s,
        statuses=statuses,
        unanswered=len(paths) - len(answers),
        p50_ms=waits_ms[len(waits_ms) // 2],
        p99_ms=waits_ms[int(0.99 * len(waits_ms))],
        slowest_ms=waits_ms[-1],
        server_cores=(server_end_s - server_s) / wall_s,
        client_cores=client_s / wall_s,
        before_mb=before_mb,
        after_mb=after_mb,
    )


def main() -> None:
    """Measure, print, and write what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="five seconds instead of a minute, and shorter searches")
    parser.add_argument("--seconds", type=int, default=60, help="the length of each minute, for a shorter measurement")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    hours, seconds = (8.0, 5) if arguments.quick else (80.0, arguments.seconds)
    minutes = (("first, kept", True), ("second, kept", True), ("third, one each", False))
    with TemporaryDirectory() as folder, ExitStack() as stack:
        runs = Path(folder) / "runs"
        pages = make_runs(runs, hours, arguments.seed)
        pid, address = served(runs, stack)
        where = urlsplit(address)
        found = []
        for number, (name, keep) in enumerate(minutes):
            client = Client(str(where.hostname), int(where.port or 0), keep=keep)
            paths = draw_pages(pages, seconds * RATE, arguments.seed + number)
            found.append(measure(name, pid, client, paths))
    print(f"{RUNS} runs of {hours:.0f} h, {RATE} requests a second for {seconds} s each, {CONNECTIONS} connections,")
    print(f"{os.cpu_count()} cores, seed {arguments.seed}; a connection is kept open, or made for one request each;")
    print(f"processes that wanted a core in the last 5 minutes, these included: {os.getloadavg()[1]:.1f}")
    for one in found:
        print(
            f"{one.name:16} {one.answered_per_s:6.1f} answered/s  p50 {one.p50_ms:7.1f} ms  p99 {one.p99_ms:7.1f} ms  "
            f"slowest {one.slowest_ms:7.1f} ms  unanswered {one.unanswered}  statuses {one.statuses}  memory "
            f"{one.before_mb:.1f} -> {one.after_mb:.1f} MB  cores: server {one.server_cores:.2f}, client "
            f"{one.client_cores:.2f}"
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
