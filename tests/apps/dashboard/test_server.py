import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import uvicorn
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.apps.dashboard.security import LimitedProtocol
from ce_nas.apps.dashboard.server import DashboardConfig, ServerAddress, build_address, serve
from ce_nas.core.errors import MissingExtraError, SettingsError


def test_a_random_token_is_used_off_the_loopback():
    assert build_address("127.0.0.1", 1, [], None).token is None
    first, second = (build_address("0.0.0.0", 1, [], None).token for _ in range(2))
    assert len(first) >= 32
    assert first != second
    assert build_address("0.0.0.0", 1, [], "a-token-of-my-own").token == "a-token-of-my-own"
    assert build_address("localhost", 1, [], "a-token-of-my-own").token == "a-token-of-my-own"


def test_a_short_token_is_refused():
    with pytest.raises(SettingsError, match="16 characters or more"):
        build_address("0.0.0.0", 1, [], "short")


def test_url_of_an_address():
    assert ServerAddress("127.0.0.1", 80, (), None).url == "http://127.0.0.1:80/"
    assert ServerAddress("::1", 80, (), None).url == "http://[::1]:80/"
    assert ServerAddress("0.0.0.0", 80, ("board.lan",), "t").url == "http://board.lan:80/?token=t"
    assert ServerAddress("0.0.0.0", 80, (), "t").url == f"http://{socket.gethostname()}:80/?token=t"


def test_missing_folder_and_used_address_are_errors(tmp_path):
    def never(*_):
        pytest.fail("the server started")

    with pytest.raises(SettingsError, match="folder of runs"):
        serve(DashboardConfig([tmp_path / "nothing"]), ServerAddress("127.0.0.1", 0, (), None), never)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="choose another --port"):
            serve(DashboardConfig([tmp_path]), ServerAddress("127.0.0.1", taken.getsockname()[1], (), None), never)


def test_missing_extra_names_the_install_command(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ce-nas\[dashboard\]'"):
        serve(DashboardConfig([tmp_path]), ServerAddress("127.0.0.1", 0, (), None), lambda *_: None)


def test_serve_runs_at_lowest_priority_and_ends_on_interrupt(run_root):
    command = [sys.executable, "-m", "ce_nas", "serve", str(run_root), "--port", "0", "--lang", "ja"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            head, line = server.stdout.readline(), server.stdout.readline()
            assert "3 runs" in head
            address = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
            with urllib.request.urlopen(address, timeout=120) as response:
                assert b'<html lang="ja">' in response.read()
                assert "server" not in response.headers
            if Path("/proc").is_dir():
                own = os.getpriority(os.PRIO_PROCESS, os.getpid())
                assert os.getpriority(os.PRIO_PROCESS, server.pid) == min(own + 19, 19)
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(120) == 0
        assert server.stderr.read() == ""


async def _serve_in(loop_test):
    """Run ``loop_test(port)`` beside a server with the connection limits."""
    config = uvicorn.Config(_answer, http=LimitedProtocol, log_level="critical", ws="none", lifespan="off", port=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        await asyncio.wait_for(loop_test(server.servers[0].sockets[0].getsockname()[1]), 60)
    finally:
        server.should_exit = True
        await serving


async def _answer(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def _request(reader, writer):
    writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await writer.drain()
    return await reader.readuntil(b"ok")


def test_idle_connections_leave_room_for_a_new_one(monkeypatch):
    monkeypatch.setattr("ce_nas.apps.dashboard.security.MAX_CONNECTIONS_PER_ADDRESS", 4)

    async def test(port):
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        new = await asyncio.open_connection("127.0.0.1", port)
        try:
            assert b"200 OK" in await _request(*new)
            assert await idle[0][0].read() == b""
            assert b"200 OK" in await _request(*idle[-1])
        finally:
            await _close(writer for _, writer in (*idle, new))

    asyncio.run(_serve_in(test))


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nhost: loc"])
def test_a_connection_without_a_whole_request_is_closed(begun, monkeypatch):
    monkeypatch.setattr("ce_nas.apps.dashboard.security.REQUEST_TIMEOUT_S", 0.05)

    async def test(port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(begun)
            assert await reader.read() == b""
        finally:
            await _close([writer])

    asyncio.run(_serve_in(test))


async def _close(writers):
    for writer in writers:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def test_how_files_are_read_needs_a_file():
    with pytest.raises(SettingsError, match="Expected a file to read with --unit, got no --trace"):
        CliRunner().invoke(app, ["serve", "--unit", "lb/MWh"], catch_exceptions=False)
