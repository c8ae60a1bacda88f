import signal
import sys
from dataclasses import dataclass

import pytest

from ce_nas.apps.cli.main import main


@dataclass
class CommandResult:
    """What a command returned and printed."""

    status: int
    stdout: str
    stderr: str


@pytest.fixture
def ce_nas(tmp_path, monkeypatch, capsys):
    """Runs ``ce-nas`` in this process and in a folder of its own, as the installed script does."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ce-nas", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return CommandResult(ended.value.code or 0, printed.out, printed.err)

    yield run
    signal.signal(signal.SIGTERM, before)
