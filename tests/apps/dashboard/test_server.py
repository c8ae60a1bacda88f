import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

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
                assert os.getpriority(os.PRIO_PROCESS, server.pid) == 19
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(120) == 0
        assert server.stderr.read() == ""
