from pathlib import Path

import pytest

from ce_nas.apps.dashboard.pages import pilot as module
from ce_nas.apps.dashboard.pages.pilot import (
    FORM_FIELDS,
    MAX_CACHED_RESULTS,
    MAX_WAITING_PILOTS,
    OFFERED_EFFORTS,
    PilotForm,
    PilotProgress,
    PilotQueue,
    pilot_page,
)
from ce_nas.apps.pilot.questionnaire import PilotInputs
from ce_nas.core.errors import SettingsError
from ce_nas.report.i18n.translator import Translator


@pytest.fixture
def simulated(monkeypatch, pilot_result):
    """A fake simulation that counts its calls, and fails for 7 GPUs."""

    def simulate(inputs, effort, on_progress):
        simulate.count += 1
        on_progress(3, 24)
        if inputs.gpus == 7:
            message = "Expected another zone."
            raise SettingsError(message)
        return pilot_result

    simulate.count = 0
    monkeypatch.setattr(module, "run_pilot", simulate)
    return simulate


def inputs(**given):
    return PilotInputs.from_mapping(given)


def test_form_values_become_inputs_and_missing_ones_are_assumed():
    form = PilotForm.from_query({"gpus": " 5 ", "deadline": "90", "pue": "", "go": "1", "zone": "wind", "lang": "ja"})
    parsed = form.to_inputs({})
    assert (parsed.gpus, parsed.deadline_s, parsed.zone) == (5, 90 * 3600.0, "wind")
    assert parsed.given_names == {"gpus", "deadline_s", "zone"}
    assert form.effort == OFFERED_EFFORTS[0] == "usual"
    assert form.address == "/pilot?zone=wind&gpus=5&deadline=90&go=1"
    assert PilotForm.from_query({"effort": "quick"}).effort == "quick"


def test_a_form_cannot_name_a_file():
    form = PilotForm.from_query({"trace": "/etc/passwd", "zone": "home", "go": "1"})
    assert form.to_inputs({}).trace is None
    assert form.to_inputs({"home": Path("home.csv")}).trace == Path("home.csv")
    with pytest.raises(SettingsError, match="effort"):
        _ = PilotForm.from_query({"effort": "thorough"}).effort


def test_equal_requests_share_one_simulation(simulated, pilot_result):
    waiting = []
    pilots = PilotQueue(waiting.append)
    for _ in range(3):
        assert pilots.get_or_start(inputs(gpus=4), "quick") == PilotProgress()
    (work,) = waiting
    work()
    assert pilots.get_or_start(inputs(gpus=4), "quick") is pilot_result
    assert simulated.count == 1
    pilots.get_or_start(inputs(gpus=4), "usual")
    assert len(waiting) == 2


def test_an_error_is_kept(simulated):
    pilots = PilotQueue(lambda work: work())
    pilots.get_or_start(inputs(gpus=7), "quick")
    assert pilots.get_or_start(inputs(gpus=7), "quick") == "Expected another zone."


def test_queue_and_cache_are_bounded(simulated):
    waiting = []
    pilots = PilotQueue(waiting.append)
    for gpus in range(1, MAX_WAITING_PILOTS + 2):
        pilots.get_or_start(inputs(gpus=gpus), "quick")
    with pytest.raises(SettingsError, match="try again"):
        pilots.get_or_start(inputs(gpus=99), "quick")
    for work in waiting:
        work()
    pilots = PilotQueue(lambda work: work())
    for gpus in range(10, 10 + 2 * MAX_CACHED_RESULTS):
        pilots.get_or_start(inputs(gpus=gpus), "quick")
    assert len(pilots._results) <= MAX_CACHED_RESULTS
    assert inputs(gpus=9 + 2 * MAX_CACHED_RESULTS) in {key for key, _ in pilots._results}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_page_shows_the_form_then_progress_then_the_paper(pilot_result, language):
    translate, sent = Translator(language), PilotForm.from_query({"gpus": "4", "go": "1"})
    form_page = pilot_page(PilotForm.from_query({}), None, ["solar", "wind"], translate)
    assert all(f'name="{name}"' in form_page for name in ("zone", "effort", *FORM_FIELDS))
    assert "data-refresh-s" not in form_page
    waiting = pilot_page(sent, PilotProgress(), ["solar"], translate)
    assert translate("board.pilot.waits") in waiting
    assert 'data-refresh-s="2"' in waiting
    assert 'value="3"></progress>' in pilot_page(sent, PilotProgress(3, 24), ["solar"], translate)
    paper = pilot_page(sent, pilot_result, ["solar"], translate)
    assert translate("pilot.section.plan") in paper
    assert 'href="/pilot/decision.html?gpus=4&amp;go=1"' in paper
    assert "data-refresh-s" not in paper
    assert 'role="alert">No.' in pilot_page(sent, "No.", ["solar"], translate)
