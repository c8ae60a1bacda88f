"""How a command ends that is interrupted, or whose input is wrong."""

import signal
import sys

import pytest

from ce_nas.apps.cli.main import main
from ce_nas.core.errors import SettingsError


@pytest.fixture
def ended(monkeypatch, capsys):
    """Runs a command in the midst of which something happens: its status, and what it says."""
    before = signal.getsignal(signal.SIGTERM)

    def run(happens):
        monkeypatch.setattr("ce_nas.grid.synthetic.zones", happens)
        monkeypatch.setattr(sys, "argv", ["ce-nas", "grid", "zones"])
        with pytest.raises(SystemExit) as caught:
            main()
        return caught.value.code, capsys.readouterr().err

    yield run
    signal.signal(signal.SIGTERM, before)


def test_one_that_is_told_to_end_says_how_it_goes_on(ended):
    status, said = ended(lambda: signal.raise_signal(signal.SIGTERM))
    assert status == 130
    assert said.startswith("ce-nas: interrupted; a run goes on with: ce-nas resume RUN")


def test_one_whose_input_is_wrong_says_so_in_a_sentence(ended):
    def wrong():
        message = "Expected an hour, got a minute."
        raise SettingsError(message)

    assert ended(wrong) == (2, "ce-nas: Expected an hour, got a minute.\n")
