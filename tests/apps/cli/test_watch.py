"""``ce-nas watch`` in a terminal and in a pipe."""

import os
import pty
import signal
import subprocess
import sys
import threading

import pytest

from ce_nas.api import Study
from ce_nas.store.run_dir import RunFolder

WATCH = [sys.executable, "-m", "ce_nas", "watch"]


@pytest.fixture(scope="module")
def entries():
    return Study.of(hours=6, gpus=2, zone="wind", policy="fixed", searcher="uniform").run().entries


@pytest.fixture
def begun(tmp_path, entries):
    """A folder with the first half of a run, and its journal."""
    with RunFolder.create(tmp_path / "run") as folder:
        journal = folder.journal()
        for entry in entries[: len(entries) // 2]:
            journal.append(entry.kind, entry.at_s, entry.content)
        journal.commit()
        yield tmp_path / "run", journal


def heeding_ctrl_c():
    """A process whose parents run in the background of a shell would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Terminal:
    """A process in a terminal of its own, and what it wrote."""

    def __init__(self, *arguments):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "70", "LINES": "40"}
        self.process = subprocess.Popen(
            [*WATCH, *map(str, arguments)],
            stdout=theirs,
            stderr=theirs,
            env=environment,
            preexec_fn=heeding_ctrl_c,  # noqa: PLW1509 - the child is a plain process, started before any other thread
        )
        os.close(theirs)
        self.text = ""
        self._wrote = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()

    def _read(self, ours):
        try:
            while chunk := os.read(ours, 4096):
                with self._wrote:
                    self.text += chunk.decode(errors="replace")
                    self._wrote.notify_all()
        except OSError:
            pass  # the other end is closed
        os.close(ours)

    def until(self, words):
        with self._wrote:
            assert self._wrote.wait_for(lambda: words in self.text, timeout=60), self.text

    def end(self):
        status = self.process.wait(timeout=60)
        self._reader.join(timeout=10)
        return status


def test_a_pipe_gets_it_once(begun):
    found = subprocess.run([*WATCH, begun[0], "--lang", "en"], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("seed 0") == 1
    assert "\x1b" not in found.stdout


def test_it_follows_a_run_to_its_end(begun, entries):
    path, journal = begun
    terminal = Terminal(path, "--every", 0.1, "--lang", "en")
    terminal.until("goes on")
    for entry in entries[len(entries) // 2 :]:
        journal.append(entry.kind, entry.at_s, entry.content)
    journal.commit()
    assert terminal.end() == 0
    assert "g/kWh at the end" in terminal.text
    left = {item.name for item in path.iterdir()}
    assert left <= {"journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm", "lock"}


def test_ctrl_c_ends_the_watching_and_nothing_else(begun):
    terminal = Terminal(begun[0], "--lang", "en")
    terminal.until("goes on")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 0
    assert "Traceback" not in terminal.text
    assert "interrupted" not in terminal.text


def test_what_is_no_run_is_said_in_a_sentence(tmp_path):
    found = subprocess.run([*WATCH, tmp_path / "none"], capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 2
    assert found.stderr.startswith("ce-nas: Expected a run's journal")
