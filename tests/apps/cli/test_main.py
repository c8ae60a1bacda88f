"""The exit status and message of a command that is interrupted, or whose input is invalid."""

import signal
import subprocess
import sys
import textwrap

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


def run_command(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "ce_nas", *arguments], capture_output=True, text=True, check=False, **options
    )


def test_an_interruption_in_a_callback_is_not_lost():
    code = """
    import signal, sys, time, weakref, os
    from ce_nas.apps.cli import main as module

    class Thing:
        pass

    def command():
        thing = Thing()
        reference = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM))
        del thing
        time.sleep(20)

    module.app = command
    try:
        module.main()
    except KeyboardInterrupt:
        sys.exit(130)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=60, check=False)
    assert done.returncode == 130


def test_files_that_the_system_refuses_are_one_sentence(tmp_path):
    done = run_command("report", "x" * 300)
    assert done.returncode == 2
    assert done.stderr.startswith("ce-nas: Expected files that can be read")
    assert done.stderr.count("\n") == 1


def test_json_into_a_folder_is_refused_before_the_search(tmp_path):
    done = run_command("search", "--json", str(tmp_path), "--out", str(tmp_path / "run"), "--hours", "1")
    assert done.returncode == 2
    assert "it is a folder; name another" in done.stderr
    assert not (tmp_path / "run").exists()
    (tmp_path / "file").write_text("")
    done = run_command("search", "--json", str(tmp_path / "file/x.json"), "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "it cannot be written; name another" in done.stderr
