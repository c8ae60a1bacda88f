"""Inputs that change between a run's beginning and its resumption are named, and accepted only where it is said."""

import os
import signal

import pytest

from ce_nas.api import Search, resume
from ce_nas.config.recorded_settings import read_recorded_settings
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import ReplayError
from ce_nas.engine.input_changes import _require_same_search, find_changes, input_digests
from ce_nas.engine.inputs import RunInputs
from ce_nas.store.journal import SqliteJournal
from ce_nas.store.run_dir import RunDirectory, read_run_entries

FEW_ENTRIES = 8


def write_trace(path, hours=240, late=0):
    """An hourly trace; its values from hour 200 on are larger by ``late``."""
    rows = [
        f"2022-03-{1 + hour // 24:02d}T{hour % 24:02d}:00,{200 + hour % 24 + (late if hour >= 200 else 0)}"
        for hour in range(hours)
    ]
    path.write_text("\n".join(["time,intensity", *rows]))
    return path


@pytest.fixture
def killed(tmp_path):
    """A run on a trace, a table and prices, that was killed early; its folder."""
    trace = write_trace(tmp_path / "t.csv")
    prices = tmp_path / "p.csv"
    prices.write_text(trace.read_text().replace("intensity", "price (EUR/MWh)"))
    flags = {"trace": trace, "electricity_price": str(prices), "hours": 3, "gpus": 2}
    settings = settings_from_flags(searcher="random", policy="vanilla", **flags)
    child = os.fork()
    if child == 0:
        append = SqliteJournal.append

        def append_or_die(self, kind, at_s, content):
            append(self, kind, at_s, content)
            if self._position == FEW_ENTRIES:
                os.kill(os.getpid(), signal.SIGKILL)

        SqliteJournal.append = append_or_die
        try:
            Search.from_settings(settings).run(tmp_path / "a run", durable=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert len(read_run_entries(tmp_path / "a run")) == FEW_ENTRIES
    return tmp_path / "a run"


def kill_after(entries, folder, **options):
    """Resume in a child that is killed after so many entries."""
    child = os.fork()
    if child == 0:
        insert = SqliteJournal._insert

        def insert_or_die(self, entry):
            insert(self, entry)
            self.commit()
            if self._position == entries:
                os.kill(os.getpid(), signal.SIGKILL)

        SqliteJournal._insert = insert_or_die
        try:
            resume(folder, durable=True, **options)
        finally:
            os._exit(0)
    os.waitpid(child, 0)


@pytest.mark.long
def test_a_changed_trace_is_named_then_accepted_once(killed):
    before = read_run_entries(killed)
    write_trace(killed.parent / "t.csv", hours=480, late=50)  # longer: the default start would move, too
    with pytest.raises(
        ReplayError, match=r"^The trace t.csv has changed since the run began: .*--accept-changes$"
    ) as caught:
        resume(killed)
    assert str(caught.value).endswith(f"ce-nas resume '{killed}' --accept-changes")
    assert read_run_entries(killed) == before
    kill_after(FEW_ENTRIES + 3, killed, accept_changes=True)
    entries = read_run_entries(killed)
    assert entries[:FEW_ENTRIES] == before
    change = entries[FEW_ENTRIES]
    assert (change.kind, change.at_s) == ("input_changed", before[-1].at_s)
    assert [item["input"] for item in change.content["changes"]] == ["the trace t.csv"]
    assert change.content["changes"][0]["before"] == before[0].content["inputs"]["the trace t.csv"]
    result = resume(killed)  # no flag again
    assert result.summary.stop == "deadline"
    assert [entry.kind for entry in result.entries].count("input_changed") == 1
    assert result.entries[: len(entries)] == entries
    assert "t.csv" in (killed / "report.md").read_text()
    assert result.summary.input_changes == ["the trace t.csv"]


def test_a_second_change_is_refused_again(killed):
    write_trace(killed.parent / "t.csv", late=50)
    kill_after(FEW_ENTRIES + 3, killed, accept_changes=True)
    write_trace(killed.parent / "t.csv", late=60)
    with pytest.raises(ReplayError, match=r"The trace t.csv has changed"):
        resume(killed)


def test_a_change_of_hours_that_have_passed_is_refused_with_the_hour(killed):
    path = killed.parent / "t.csv"
    path.write_text(path.read_text().replace("2022-03-08T00:00,200", "2022-03-08T00:00,900"))
    with pytest.raises(ReplayError, match=r"new content of the trace t.csv what happened at \d.* would have been"):
        resume(killed, accept_changes=True)
    assert len(read_run_entries(killed)) == FEW_ENTRIES


def test_all_changed_inputs_are_named(killed):
    prices = killed.parent / "p.csv"
    prices.write_text(prices.read_text().replace("T05:00,205", "T05:00,206"))
    write_trace(killed.parent / "t.csv", late=50)
    with pytest.raises(ReplayError, match=r"^The trace t.csv and the prices p.csv have changed"):
        resume(killed)


def test_other_settings_are_named(killed):
    settings = settings_from_flags(trace=killed.parent / "t.csv", hours=4, gpus=2, searcher="random", policy="vanilla")
    with RunDirectory.open(killed) as folder, pytest.raises(ReplayError, match=r"Expected (budget|prices)\.\w+ = "):
        Search.from_settings(settings).resume(folder)


def test_a_run_begun_before_an_option_was_there_goes_on_as_it_began():
    settings = settings_from_flags(objectives="accuracy,latency", zone="solar", live={"enabled": True})
    recorded = {"version": "1", "settings": settings.model_dump(mode="json")}
    del recorded["settings"]["live"]["latency_samples"]
    resumed = {"version": "1", "settings": read_recorded_settings(recorded).model_dump(mode="json")}
    _require_same_search(recorded, resumed, ())
    resumed["settings"]["live"]["latency_samples"] = 64
    with pytest.raises(ReplayError, match=r"Expected live.latency_samples = 0, with which the run began, got 64"):
        _require_same_search(recorded, resumed, ())


def test_the_same_values_in_another_layout_are_no_change(killed):
    path = killed.parent / "t.csv"
    path.write_text(path.read_text().replace(",", ";"))
    assert resume(killed).summary.stop == "deadline"


def test_what_is_digested(tmp_path, tiny_own):
    names = input_digests(RunInputs(settings_from_flags()), None)
    assert list(names) == [
        *("the benchmark nb201", "the proxy scores of the package", "the carbon intensity of zone solar"),
        "the fitted forecaster of zone solar",
    ]
    trace = write_trace(tmp_path / "t.csv")
    base = {"site": {"others": [{"name": "north", "trace": str(trace)}]}}
    found = input_digests(RunInputs(settings_from_flags(base, trace=trace, weather=None, hours=3)), "abc")
    assert {"the trace t.csv", "the trace t.csv of the site north"} <= set(found)
    assert found["the fitted forecaster of zone t"] == "abc"
    code = input_digests(RunInputs(settings_from_flags(evaluate=tiny_own, live=True, hours=1)), None)
    assert "the code own_code.py" in code
    tiny_own.with_name("own_helper.py").write_text("A = 2\n")
    changes = find_changes(code, input_digests(RunInputs(settings_from_flags(evaluate=tiny_own, live=True)), None))
    assert [change["input"] for change in changes] == ["the code own_code.py"]


@pytest.fixture
def tiny_own(tmp_path):
    (tmp_path / "own_helper.py").write_text("A = 1\n")
    path = tmp_path / "own_code.py"
    path.write_text(
        "import own_helper\nSPACE = {'width': [1, 2]}\nOBJECTIVES = ['good:max:0', 'bad:min:10']\n"
        "def evaluate(architecture, fidelity, checkpoint):\n    return {'good': own_helper.A, 'bad': 1}\n"
    )
    return path
