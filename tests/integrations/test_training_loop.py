import re
import time

import pytest

import ce_nas
from ce_nas.benchmarks.base import TaskError
from ce_nas.core.errors import ReplayError, SettingsError
from ce_nas.integrations.training_loop import TrainingLoop
from ce_nas.store.run_dir import read_run_entries

SPACE = {"width": [1, 2, 3, 4], "depth": [1, 2, 3, 4], "kind": ["a", "b"]}
OBJECTIVES = ["quality:max:0", "size:min:20"]


def train(trial):
    size = trial.architecture["width"] * trial.architecture["depth"]
    return {"quality": 10 * size**0.5 - (trial.architecture["kind"] == "b"), "size": size}


def loop_in(folder, **settings):
    defaults = {"hours": 3, "time_scale": 20_000.0, "searcher": "random", "policy": "vanilla", "seed": 0}
    return TrainingLoop(SPACE, OBJECTIVES, folder / "run", **{**defaults, **settings})


def test_the_loop_ends_with_the_budget(tmp_path):
    with loop_in(tmp_path, hours=30, time_scale=2000.0, evaluations=6) as loop:
        architectures = []
        for trial in loop:
            architectures.append(dict(trial.architecture))
            loop.tell(trial, train(trial))
    assert loop.result.summary.evaluations == len(architectures) == 6
    assert loop.result.summary.stop == "evaluations"
    assert {"size", "quality"} == set(loop.result.summary.front[0].objectives)
    assert (tmp_path / "run" / "report.md").exists()


def test_a_loop_is_metered_with_its_process(tmp_path):
    with loop_in(tmp_path, hours=30, time_scale=2000.0, evaluations=2, gpus=2) as loop:
        for trial in loop:
            start_s = time.process_time()
            while time.process_time() - start_s < 0.2:
                pass
            loop.tell(trial, train(trial))
    origin = loop.result.entries[0].content["power_origin"]
    assert "per busy core of the process" in origin
    assert "divided between the devices held" in origin
    assert loop.result.summary.energy_coverage == pytest.approx(1.0)
    used_s = sum(loop.result.summary.device_hours_by_activity.values()) * 3600
    assert 2 * 0.2 * 14.0 < loop.result.summary.energy_j < 1.56 * (40.0 * used_s + 100.0)  # no GPU's 287 W


def test_an_exited_loop_resumes_its_unfinished_trial(tmp_path):
    with loop_in(tmp_path, hours=300, time_scale=2000.0, evaluations=5) as loop:
        for trial in loop:
            if trial.number == 2:
                (trial.folder / "half").write_text("done")
                break
            loop.tell(trial, train(trial))
    with pytest.raises(SettingsError, match="unfinished"):
        _ = loop.result
    before = read_run_entries(tmp_path / "run")
    with loop_in(tmp_path, hours=300, time_scale=2000.0, evaluations=5) as resumed:
        trials = iter(resumed)
        first = next(trials)
        assert (first.number, (first.folder / "half").read_text()) == (2, "done")
        resumed.tell(first, train(first))
        for trial in trials:
            resumed.tell(trial, train(trial))
    assert resumed.result.summary.evaluations == 5
    assert resumed.result.entries[: len(before)] == before


def test_a_trial_is_stopped_when_its_device_becomes_idle(tmp_path):
    with loop_in(tmp_path, policy="suspend-resume", hours=60, time_scale=40_000.0) as loop:
        stopped = 0
        for trial in loop:
            while not trial.should_stop() and stopped == 0:
                time.sleep(0.001)
            stopped += trial.should_stop()
            loop.tell(trial, None if trial.should_stop() else train(trial))
    assert stopped > 0
    assert any(entry.kind == "task_suspended" for entry in loop.result.entries)


def test_missing_metrics_raise_in_tell(tmp_path):
    with loop_in(tmp_path, evaluations=1) as loop:
        for trial in loop:
            with pytest.raises(TaskError, match="'size'"):
                loop.tell(trial, {"quality": 1.0})
            loop.tell(trial, train(trial))


def test_an_error_of_the_search_is_raised_in_the_loop(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "something").write_text("else")
    with pytest.raises(Exception, match="is not empty"), loop_in(tmp_path) as loop:
        for _ in loop:
            pass


def test_a_trial_cannot_be_told_twice_nor_forgotten(tmp_path):
    with loop_in(tmp_path, hours=300, time_scale=2000.0, evaluations=3) as loop:
        trials = iter(loop)
        first = next(trials)
        with pytest.raises(SettingsError, match="tell or fail for trial 0 before the next one"):
            next(trials)
        loop.tell(first, train(first))
        with pytest.raises(SettingsError, match="which has ended"):
            loop.tell(first, train(first))
        for trial in loop:
            loop.tell(trial, train(trial))


def test_a_failed_trial_is_handed_out_again_and_given_up(tmp_path):
    with loop_in(tmp_path, hours=300, time_scale=2000.0, evaluations=2) as loop:
        numbers = []
        for trial in loop:
            numbers.append(trial.number)
            if trial.number == 0:
                loop.fail(trial, "the data are missing")
            else:
                loop.tell(trial, train(trial))
    assert numbers == [0, 0, 0, 1, 2]  # what is given up takes no place of the two evaluations
    assert loop.result.summary.stop == "evaluations"
    failures = [entry.content for entry in loop.result.entries if entry.kind == "task_failed"]
    assert [each["will_retry"] for each in failures] == [True, True, False]
    assert failures[0]["detail"] == "the data are missing"


@pytest.mark.long
def test_a_wait_is_announced_with_the_time_of_the_next_decision(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("ce_nas.integrations.training_loop._FIRST_ANNOUNCEMENT_S", 0.05)
    monkeypatch.setattr("ce_nas.integrations.training_loop._ANNOUNCEMENT_INTERVAL_S", 0.05)
    with loop_in(tmp_path, policy="suspend-resume", hours=60, time_scale=5000.0) as loop:
        stopped = False
        for trial in loop:
            if stopped:
                break  # after the wait
            while not trial.should_stop():
                time.sleep(0.001)
            stopped = True
            loop.tell(trial, None)
    announced = caplog.text
    assert "No training now: " in announced
    assert re.search(r"decides again at 2023-07-0\d \d\d:00 UTC", announced)


def test_none_without_having_been_asked_to_stop_is_refused_and_the_trial_stays_open(tmp_path):
    with loop_in(tmp_path, hours=30, time_scale=2000.0, evaluations=1) as loop:
        for trial in loop:
            with pytest.raises(TaskError, match=r"unless should_stop\(\) is True, got None"):
                loop.tell(trial, None)
            loop.tell(trial, train(trial))
    assert loop.result.summary.evaluations == 1


def test_a_loop_that_was_not_entered_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="with TrainingLoop"):
        next(iter(loop_in(tmp_path)))


def test_a_failure_that_is_told_keeps_its_kind(tmp_path):
    with loop_in(tmp_path, hours=30, time_scale=2000.0, evaluations=1, seed=1) as loop:
        for number, trial in enumerate(loop):
            if number:
                loop.tell(trial, train(trial))
                continue
            try:
                loop.tell(trial, {"quality": float("nan"), "size": 1.0})
            except TaskError as error:
                loop.fail(trial, error)
    (failure,) = [entry.content for entry in loop.result.entries if entry.kind == "task_failed"]
    assert (failure["failure"], failure["detail"]) == (
        "diverged",
        "Expected a finite quality from a training, got nan.",
    )


def test_the_folder_of_an_earlier_search_is_told(tmp_path, caplog):
    for expected in (None, "holds a search that has ended: it is read"):
        with loop_in(tmp_path, hours=30, time_scale=2000.0, evaluations=1) as loop:
            for trial in loop:
                loop.tell(trial, train(trial))
        assert (expected or "") in caplog.text
        assert ("holds a search" in caplog.text) == (expected is not None)


def test_a_loop_is_not_resumed_without_its_program(tmp_path):
    with loop_in(tmp_path, hours=300, time_scale=2000.0, evaluations=5) as loop:
        for _ in loop:
            break
    with pytest.raises(SettingsError, match="run that program again with out="):
        ce_nas.resume(tmp_path / "run", accept_changes=True)


def test_a_loop_continues_with_a_trace_that_has_grown_once_that_is_accepted(tmp_path):
    trace = tmp_path / "trace.csv"
    hours = [f"2023-07-{1 + hour // 24:02d}T{hour % 24:02d}:00Z,{200 + hour}\n" for hour in range(480)]
    settings = {"trace": str(trace), "hours": 100, "time_scale": 2000.0, "evaluations": 2, "start": "2023-07-10"}

    def run(**accepting):
        with loop_in(tmp_path, **settings, **accepting) as loop:
            for trial in loop:
                if not accepting and trial.number:
                    break
                loop.tell(trial, train(trial))
        return loop

    trace.write_text("datetime,carbon_intensity_gco2eq_per_kwh\n" + "".join(hours[:-24]))
    run()
    trace.write_text("datetime,carbon_intensity_gco2eq_per_kwh\n" + "".join(hours))
    with pytest.raises(ReplayError, match="changed since the run began") as caught:
        run()
    assert f"again with out={str(tmp_path / 'run')!r} and accept_changes=True" in str(caught.value)
    assert run(accept_changes=True).result.summary.evaluations == 2
