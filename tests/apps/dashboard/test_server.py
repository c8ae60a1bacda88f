import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from ce_nas.apps.dashboard.server import Address, Shown, address_of, serve
from ce_nas.core.errors import MissingExtraError, SettingsError


def test_on_the_loopback_no_token_is_needed_elsewhere_one_is_made_up():
    assert address_of("127.0.0.1", 1, [], None).token is None
    first, second = (address_of("0.0.0.0", 1, [], None).token for _ in range(2))
    assert len(first) >= 32
    assert first != second
    assert address_of("0.0.0.0", 1, [], "a-token-of-my-own").token == "a-token-of-my-own"
    assert address_of("localhost", 1, [], "a-token-of-my-own").token == "a-token-of-my-own"


def test_a_token_that_can_be_guessed_is_refused():
    with pytest.raises(SettingsError, match="16 signs or more"):
        address_of("0.0.0.0", 1, [], "short")


def test_an_address_reads_as_a_browser_takes_it():
    assert Address("127.0.0.1", 80, (), None).url == "http://127.0.0.1:80/"
    assert Address("::1", 80, (), None).url == "http://[::1]:80/"
    assert Address("0.0.0.0", 80, ("board.lan",), "t").url == "http://board.lan:80/?token=t"
    assert Address("0.0.0.0", 80, (), "t").url == f"http://{socket.gethostname()}:80/?token=t"


def test_a_place_without_runs_and_an_address_that_is_taken_are_said(tmp_path):
    def never(*_):
        pytest.fail("it must not get so far")

    with pytest.raises(SettingsError, match="folder of runs"):
        serve(Shown([tmp_path / "nothing"]), Address("127.0.0.1", 0, (), None), never)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="choose another --port"):
            serve(Shown([tmp_path]), Address("127.0.0.1", taken.getsockname()[1], (), None), never)


def test_without_the_extra_it_is_said_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ce-nas\[dashboard\]'"):
        serve(Shown([tmp_path]), Address("127.0.0.1", 0, (), None), lambda *_: None)


def test_the_command_serves_at_the_lowest_priority_and_ends_when_interrupted(folder):
    command = [sys.executable, "-m", "ce_nas", "serve", str(folder), "--port", "0", "--lang", "ja"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            head, line = server.stdout.readline(), server.stdout.readline()
            assert "3 runs" in head
            address = re.search(r"http://127\.0\.0\.1:\d+/", line)[0]
            with urllib.request.urlopen(address, timeout=120) as answer:
                assert b'<html lang="ja">' in answer.read()
                assert "server" not in answer.headers
            if Path("/proc").is_dir():
                assert os.getpriority(os.PRIO_PROCESS, server.pid) == 19
        finally:
            server.send_signal(signal.SIGINT)
        assert server.wait(120) == 0
        assert server.stderr.read() == ""
