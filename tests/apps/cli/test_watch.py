"""``ce-nas watch`` in a terminal and in a pipe."""

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from ce_nas.api import Search
from ce_nas.store.run_dir import RunDirectory

WATCH = [sys.executable, "-m", "ce_nas", "watch"]


@pytest.fixture(scope="module")
def entries():
    return Search(hours=6, gpus=2, zone="wind", policy="fixed", searcher="random").run().entries


@pytest.fixture
def half_run(tmp_path, entries):
    """A folder with the first half of a run, and its journal."""
    with RunDirectory.create(tmp_path / "run") as folder:
        journal = folder.open_journal()
        for entry in entries[: len(entries) // 2]:
            journal.append(entry.kind, entry.at_s, entry.content)
        journal.commit()
        yield tmp_path / "run", journal


def enable_ctrl_c():
    """A child of a background process would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A process in a terminal of its own, and what it wrote."""

    def __init__(self, *arguments):
        controller, terminal = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "70", "LINES": "40"}
        self.process = subprocess.Popen(
            [*WATCH, *map(str, arguments)],
            stdout=terminal,
            stderr=terminal,
            env=environment,
            preexec_fn=enable_ctrl_c,  # noqa: PLW1509 - the child is a plain process, started before any other thread
        )
        os.close(terminal)
        self.text = ""
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(controller,), daemon=True)
        self._reader.start()

    def _read(self, controller):
        try:
            while chunk := os.read(controller, 4096):
                with self._changed:
                    self.text += chunk.decode(errors="replace")
                    self._changed.notify_all()
        except OSError:
            pass  # the other end is closed
        os.close(controller)

    def wait_for(self, text):
        with self._changed:
            assert self._changed.wait_for(lambda: text in self.text, timeout=60), self.text

    def end(self):
        status = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return status


def test_a_pipe_gets_one_view(half_run):
    result = subprocess.run(
        [*WATCH, half_run[0], "--lang", "en"], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("seed 0") == 1
    assert "\x1b" not in result.stdout


def test_watch_follows_a_run_to_its_end(half_run, entries):
    path, journal = half_run
    terminal = Terminal(path, "--interval", 0.1, "--lang", "en")
    terminal.wait_for("running")
    for entry in entries[len(entries) // 2 :]:
        journal.append(entry.kind, entry.at_s, entry.content)
    journal.commit()
    assert terminal.end() == 0
    assert "g/kWh at the end" in terminal.text
    names = {file.name for file in path.iterdir()}
    assert names <= {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "lock"}


def test_ctrl_c_ends_only_the_command(half_run):
    terminal = Terminal(half_run[0], "--lang", "en")
    terminal.wait_for("running")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "Traceback" not in terminal.text
    assert "interrupted" not in terminal.text


def test_a_missing_run_is_one_sentence(tmp_path):
    result = subprocess.run([*WATCH, tmp_path / "none"], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("ce-nas: Expected a run's journal")
