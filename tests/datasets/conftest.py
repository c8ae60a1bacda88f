"""A file server on this machine with faults to be switched on, and made files in the official layouts."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from ce_nas.datasets.store import Library
from ce_nas.space.nasbench201 import NasBench201Space

#: what the server holds
CONTENT = bytes(range(256)) * 512


@dataclass
class Played:
    """What the server does, and what it was asked."""

    url: str = ""
    content: bytes = CONTENT
    #: status of the answers that are to fail before the next ones do not
    failing: list[int] = field(default_factory=list)
    #: bytes of the body after which an answer is cut off, answer by answer
    cuts: list[int] = field(default_factory=list)
    etag: str = '"v1"'
    modified: str = ""
    kind: str = "application/octet-stream"
    ranges: bool = True
    #: seconds of silence in the middle of an answer
    silence_s: float = 0.0
    #: what the range of an answer claims to begin at, where it is to lie
    claims: int | None = None
    lengthless: bool = False
    retry_after: str = ""
    missing: tuple[str, ...] = ()
    #: the Range header of each request, None where there was none
    asked: list[str | None] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        played = self.server.played
        played.asked.append(self.headers.get("Range"))
        if self.path.startswith("/moved/"):
            return self._head(302, {"Location": self.path.removeprefix("/moved"), "Content-Length": "0"})
        status = played.failing.pop(0) if played.failing else 0
        if status or self.path.rpartition("/")[2] in played.missing:
            extra = {"Retry-After": played.retry_after} if played.retry_after else {}
            return self._head(status or 404, {"Content-Length": "0", **extra})
        return self._answer(played)

    def _answer(self, played):
        first = self._first(played)
        if first > len(played.content) - 1:
            return self._head(416, {"Content-Length": "0", "Content-Range": f"bytes */{len(played.content)}"})
        body = played.content[first:]
        headers = {"ETag": played.etag, "Last-Modified": played.modified, "Content-Type": played.kind}
        if first:
            at = first if played.claims is None else played.claims
            headers["Content-Range"] = f"bytes {at}-{len(played.content) - 1}/{len(played.content)}"
        if played.lengthless:
            self.close_connection = True
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(body))
        self._head(206 if first else 200, {name: value for name, value in headers.items() if value})
        cut = played.cuts.pop(0) if played.cuts else len(body)
        self.wfile.write(body[: cut // 2])
        self.wfile.flush()
        if played.silence_s:
            played.over.wait(played.silence_s)
        self.wfile.write(body[cut // 2 : cut])
        if cut < len(body):
            self.close_connection = True
        return None

    def _first(self, played):
        """The byte to begin at: what was asked, if the server knows ranges and still has the file that was begun."""
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        same = condition is None or condition in {played.etag, played.modified}
        return int(asked.removeprefix("bytes=").removesuffix("-")) if asked and played.ranges and same else 0

    def _head(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """A client that hangs up is what some tests are about."""


@pytest.fixture(scope="session")
def _running():
    with Quiet(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield http
        http.shutdown()
        thread.join()


@pytest.fixture
def server(_running):
    played = Played(f"http://127.0.0.1:{_running.server_address[1]}")
    _running.played = played
    yield played
    played.over.set()


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "kept")


@pytest.fixture(scope="session")
def cells():
    """All cells of NAS-Bench-201, in a made order of indices."""
    space = NasBench201Space()
    order = np.random.default_rng(0).permutation(space.size)
    return [space.text(space.listed[row]) for row in order.tolist()]


@pytest.fixture(scope="session")
def fbnet_layers():
    """A made cost of every layer of FBNet's space, by its official name: its place in the list."""
    from ce_nas.benchmarks.fbnet import fixed_layers, layer_name
    from ce_nas.space.fbnet import FBNET_BLOCKS, FBNET_DATASETS, places

    names = {
        name
        for dataset in FBNET_DATASETS
        for name in (
            *fixed_layers(dataset),
            *(layer_name(place, block) for place in places(dataset) for block in FBNET_BLOCKS.values()),
        )
    }
    return {name: float(number) for number, name in enumerate(sorted(names), start=1)}


@pytest.fixture(scope="session")
def hwnas_content(cells, fbnet_layers):
    """A made HW-NAS-Bench: an index is its own latency on every device, twice that its energy, ten times elsewhere."""
    index = np.arange(1.0, len(cells) + 1)
    config = [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": cell, "num_classes": 10} for cell in cells]
    spaces = {
        theirs: {
            "config": config,
            "edgegpu_latency": (index * scale).tolist(),
            "edgegpu_energy": index * scale * 2,
            "raspi4_latency": [*map(np.float64, index * scale)],
            "eyeriss_arithmetic_intensity": index.tolist(),
        }
        for theirs, scale in (("cifar10", 1.0), ("cifar100", 10.0), ("ImageNet16-120", 100.0))
    }
    return {
        "nasbench201": spaces,
        "fbnet": {"edgegpu_latency": fbnet_layers, "fpga_energy": {k: 2 * v for k, v in fbnet_layers.items()}},
    }


@pytest.fixture(scope="session")
def hwnas_file(hwnas_content, tmp_path_factory):
    import pickle

    path = tmp_path_factory.mktemp("official") / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(hwnas_content, 3))
    return path
