"""The exit status and message of a command that is interrupted, or whose input is invalid."""

import signal

from ce_nas.core.errors import SettingsError


def test_an_interrupted_command_names_the_way_to_continue(ce_nas, monkeypatch):
    monkeypatch.setattr("ce_nas.grid.synthetic.builtin_zones", lambda: signal.raise_signal(signal.SIGTERM))
    result = ce_nas("grid", "zones")
    assert result.status == 130
    assert result.stderr.startswith("ce-nas: interrupted; continue a run with: ce-nas resume RUN")


def test_an_error_is_one_sentence_with_status_2(ce_nas, monkeypatch):
    def fail():
        message = "Expected an hour, got a minute."
        raise SettingsError(message)

    monkeypatch.setattr("ce_nas.grid.synthetic.builtin_zones", fail)
    result = ce_nas("grid", "zones")
    assert (result.status, result.stderr) == (2, "ce-nas: Expected an hour, got a minute.\n")


def test_version_and_help(ce_nas):
    assert ce_nas("--version").stdout.startswith("ce-nas ")
    result = ce_nas("--help")
    assert result.status == 0
    assert "search" in result.stdout
