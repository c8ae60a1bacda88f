"""What a run shows of itself while it goes on."""

import io

import pytest
from rich.console import Console

from ce_nas.apps.cli import display as download
from ce_nas.apps.cli.display import show_progress


def test_a_terminal_shows_a_bar(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(download, "Console", lambda **_: Console(file=shown, force_terminal=True, width=100))
    with download.show_download(quiet=False) as show:
        show("a.bin", 50, None)
        show("a.bin", 100, 100)
    assert "a.bin" in shown.getvalue()
    assert "100%" in shown.getvalue() or "100/100 bytes" in shown.getvalue()


def test_elsewhere_nothing_is_shown(capsys):
    for quiet in (True, False):
        with download.show_download(quiet=quiet) as show:
            show("a.bin", 1, 2)
    assert capsys.readouterr() == ("", "")


def period(hours, **more):
    allocation = {"evaluating": 1, "sampling": 1, "idle": 0, "released": 0}
    content = {
        "now_s": 3600.0 * hours, "allocation": allocation, "carbon_g": {"training": 2.0}, "hypervolume": 12.5,
        "evaluations": 3, "samples": 40, "intensity_g_per_kwh": 210.0,
    }  # fmt: skip
    return {**content, **more}


@pytest.fixture
def lines(capsys):
    """The lines of a run of so many hours, told of every so many."""

    def run(budget_h, every_h):
        with show_progress(3600.0 * budget_h, quiet=False) as observe:
            for number in range(1, round(budget_h / every_h) + 1):
                observe(period(number * every_h))
        return capsys.readouterr().err.splitlines()

    return run


def test_without_a_terminal_there_is_a_line_for_the_first_period_and_each_tenth_of_the_time(lines):
    long = lines(80, 1)
    assert long[0] == "1 of 80 h  2.00 g CO2eq  hypervolume 12.5  3 trainings  GPUs: 1 evaluating, 1 sampling"
    assert [line.partition(" ")[0] for line in long] == ["1", "9", "17", "25", "33", "41", "49", "57", "65", "73"]


def test_short_runs_are_told_of_to_the_minute(lines):
    assert [line.partition("  ")[0] for line in lines(4, 1)] == [f"{hour}.0 of 4.0 h" for hour in range(1, 5)]
    assert lines(0.1, 0.05)[0].startswith("0.05 of 0.10 h")


def test_a_quiet_run_shows_nothing(capsys):
    with show_progress(3600.0, quiet=True) as observe:
        assert observe is None
    assert capsys.readouterr().err == ""
