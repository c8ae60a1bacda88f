"""The progress of runs and downloads in a terminal and elsewhere."""

import io

import pytest
from rich.console import Console

from ce_nas.apps.cli import display
from ce_nas.apps.cli.display import show_download, show_progress


def test_download_shows_a_bar_in_a_terminal(monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr(display, "Console", lambda **_: Console(file=output, force_terminal=True, width=100))
    with show_download(quiet=False) as show:
        show("a.bin", 50, None)
        show("a.bin", 100, 100)
    assert "a.bin" in output.getvalue()
    assert "100%" in output.getvalue() or "100/100 bytes" in output.getvalue()


def test_download_shows_nothing_elsewhere(capsys):
    for quiet in (True, False):
        with show_download(quiet=quiet) as show:
            show("a.bin", 1, 2)
    assert capsys.readouterr() == ("", "")


def make_period(hours, **more):
    allocation = {"evaluating": 1, "sampling": 1, "idle": 0, "released": 0}
    content = {
        "now_s": 3600.0 * hours, "allocation": allocation, "carbon_g": {"training": 2.0}, "hypervolume": 12.5,
        "evaluations": 3, "samples": 40, "intensity_g_per_kwh": 210.0,
    }  # fmt: skip
    return {**content, **more}


@pytest.fixture
def lines(capsys):
    """The lines of a run with a time budget and a period length, both in hours."""

    def run(budget_h, period_h):
        with show_progress(3600.0 * budget_h, quiet=False) as observe:
            for number in range(1, round(budget_h / period_h) + 1):
                observe(make_period(number * period_h))
        return capsys.readouterr().err.splitlines()

    return run


def test_lines_for_the_first_period_and_each_tenth_of_the_time(lines):
    long = lines(80, 1)
    assert long[0] == "1 of 80 h  2.00 g CO2eq  hypervolume 12.5  3 trainings  GPUs: 1 evaluating, 1 sampling"
    assert [line.partition(" ")[0] for line in long] == ["1", "9", "17", "25", "33", "41", "49", "57", "65", "73"]


def test_short_runs_have_decimals(lines):
    assert [line.partition("  ")[0] for line in lines(4, 1)] == [f"{hour}.0 of 4.0 h" for hour in range(1, 5)]
    assert lines(0.1, 0.05)[0].startswith("3.00 min of 6.00 min")


def test_less_than_an_hour_is_in_minutes_or_seconds(lines, capsys):
    assert lines(4, 0.25)[0].startswith("15.0 min of 4.0 h")
    with show_progress(3600.0 * 80, quiet=False) as observe:
        observe(make_period(0.01, evaluations=1))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("36.0 s of 80 h  ")
    assert "  1 training  " in line


def test_hours_of_a_faster_clock_are_those_of_the_grid(capsys):
    with show_progress(3600.0 * 4, quiet=False, time_scale=60.0) as observe:
        observe(make_period(1))
    assert capsys.readouterr().err.startswith("1.0 of 4.0 h of the grid  ")


def test_quiet_progress_shows_nothing(capsys):
    with show_progress(3600.0, quiet=True) as observe:
        assert observe is None
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar_with_the_remaining_time(monkeypatch):
    output = io.StringIO()
    monkeypatch.setattr(display, "Console", lambda **_: Console(file=output, force_terminal=True, width=80))
    with show_progress(3600.0 * 4, quiet=False) as observe:
        for hours in (1, 2, 3):
            observe(make_period(hours))
    shown = output.getvalue()
    assert "3.0 of 4.0 h" in shown
    assert "left" in shown
    assert "3 trainings" in shown


def test_a_run_that_waits_says_so_once_and_how_to_begin(capsys):
    waiting = {"evaluating": 0, "sampling": 0, "idle": 0, "released": 2}
    with show_progress(3600.0 * 4, quiet=False) as observe:
        for hours in (1, 2, 3):
            observe(make_period(hours, allocation=waiting))
    notes = [line for line in capsys.readouterr().err.splitlines() if "--policy vanilla" in line]
    assert notes == ["The run waits for cleaner hours (grid at 210 g/kWh); to work at all hours: --policy vanilla."]
