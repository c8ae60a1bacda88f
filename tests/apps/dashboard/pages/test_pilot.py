from pathlib import Path

import pytest

from ce_nas.apps.dashboard.pages import pilot as room
from ce_nas.apps.dashboard.pages.pilot import FIELDS, KEPT, OFFERED, WAITING, Asked, Pilots, Progress, pilot_page
from ce_nas.apps.pilot.inputs import PilotFigures
from ce_nas.core.errors import SettingsError
from ce_nas.report.i18n.words import Words


@pytest.fixture
def simulated(monkeypatch, piloted):
    """Pilots that are simulated when the test says so; how often one was is counted."""

    def simulate(figures, effort, observe):
        simulate.count += 1
        observe(3, 24)
        if figures.gpus == 7:
            message = "Expected another zone."
            raise SettingsError(message)
        return piloted

    simulate.count = 0
    monkeypatch.setattr(room, "run_pilot", simulate)
    return simulate


def figures(**stated):
    return PilotFigures.of(stated)


def test_what_is_typed_becomes_figures_and_what_is_not_is_assumed():
    asked = Asked.of({"gpus": " 5 ", "deadline": "90", "pue": "", "go": "1", "zone": "wind", "lang": "ja"})
    found = asked.figures({})
    assert (found.gpus, found.deadline_s, found.zone) == (5, 90 * 3600.0, "wind")
    assert found.stated == {"gpus", "deadline_s", "zone"}
    assert asked.effort == OFFERED[0] == "usual"
    assert asked.address == "/pilot?zone=wind&gpus=5&deadline=90&go=1"
    assert Asked.of({"effort": "quick"}).effort == "quick"


def test_no_file_of_this_machine_can_be_asked_for():
    asked = Asked.of({"trace": "/etc/passwd", "zone": "home", "go": "1"})
    assert asked.figures({}).trace is None
    assert asked.figures({"home": Path("home.csv")}).trace == Path("home.csv")
    with pytest.raises(SettingsError, match="effort"):
        _ = Asked.of({"effort": "thorough"}).effort


def test_a_pilot_is_simulated_once_for_all_who_ask(simulated, piloted):
    waiting = []
    pilots = Pilots(waiting.append)
    for _ in range(3):
        assert pilots.of(figures(gpus=4), "quick") == Progress()
    (work,) = waiting
    work()
    assert pilots.of(figures(gpus=4), "quick") is piloted
    assert simulated.count == 1
    pilots.of(figures(gpus=4), "usual")
    assert len(waiting) == 2


def test_why_there_can_be_none_is_kept_and_said(simulated):
    pilots = Pilots(lambda work: work())
    pilots.of(figures(gpus=7), "quick")
    assert pilots.of(figures(gpus=7), "quick") == "Expected another zone."


def test_only_so_many_wait_and_only_so_many_are_kept(simulated):
    waiting = []
    pilots = Pilots(waiting.append)
    for gpus in range(1, WAITING + 2):
        pilots.of(figures(gpus=gpus), "quick")
    with pytest.raises(SettingsError, match="try again"):
        pilots.of(figures(gpus=99), "quick")
    for work in waiting:
        work()
    pilots = Pilots(lambda work: work())
    for gpus in range(10, 10 + 2 * KEPT):
        pilots.of(figures(gpus=gpus), "quick")
    assert len(pilots._found) <= KEPT
    assert figures(gpus=9 + 2 * KEPT) in {key for key, _ in pilots._found}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_is_a_form_then_its_progress_then_the_paper(piloted, language):
    words, asked = Words(language), Asked.of({"gpus": "4", "go": "1"})
    form = pilot_page(Asked.of({}), None, ["solar", "wind"], words)
    assert all(f'name="{name}"' in form for name in ("zone", "effort", *FIELDS))
    assert "data-every" not in form
    waits = pilot_page(asked, Progress(), ["solar"], words)
    assert words("board.pilot.waits") in waits
    assert 'data-every="2"' in waits
    assert 'value="3"></progress>' in pilot_page(asked, Progress(3, 24), ["solar"], words)
    paper = pilot_page(asked, piloted, ["solar"], words)
    assert words("pilot.section.plan") in paper
    assert 'href="/pilot/decision.html?gpus=4&amp;go=1"' in paper
    assert "data-every" not in paper
    assert 'role="alert">No.' in pilot_page(asked, "No.", ["solar"], words)
