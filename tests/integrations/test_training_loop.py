import pytest

from ce_nas.benchmarks.base import TaskError
from ce_nas.core.errors import SettingsError
from ce_nas.integrations.training_loop import OwnLoop
from ce_nas.store.run_dir import read_run

SPACE = {"width": [1, 2, 3, 4], "depth": [1, 2, 3, 4], "kind": ["a", "b"]}
OBJECTIVES = ["quality:max:0", "size:min:20"]


def train(trial):
    size = trial.architecture["width"] * trial.architecture["depth"]
    return {"quality": 10 * size**0.5 - (trial.architecture["kind"] == "b"), "size": size}


def loop_in(folder, **stated):
    defaults = {"hours": 3, "time_scale": 20_000.0, "searcher": "uniform", "policy": "vanilla", "seed": 0}
    return OwnLoop(SPACE, OBJECTIVES, folder / "run", **{**defaults, **stated})


def test_the_loop_ends_with_the_budget_and_the_front_is_there(tmp_path):
    with loop_in(tmp_path, hours=30, time_scale=2000.0, evaluations=6) as loop:
        seen = []
        for trial in loop:
            seen.append(dict(trial.architecture))
            loop.tell(trial, train(trial))
    assert loop.result.summary.evaluations == len(seen) == 6
    assert loop.result.summary.stop == "evaluations"
    assert {"size", "quality"} == set(loop.result.summary.front[0].objectives)
    assert (tmp_path / "run" / "report.md").exists()


def test_a_loop_that_is_left_goes_on_with_what_was_under_way(tmp_path):
    with loop_in(tmp_path, hours=300, time_scale=2000.0, evaluations=5) as loop:
        for trial in loop:
            if trial.number == 2:
                (trial.folder / "half").write_text("done")
                break
            loop.tell(trial, train(trial))
    with pytest.raises(SettingsError, match="has not"):
        _ = loop.result
    before = read_run(tmp_path / "run")
    with loop_in(tmp_path, hours=300, time_scale=2000.0, evaluations=5) as again:
        trials = iter(again)
        first = next(trials)
        assert (first.number, (first.folder / "half").read_text()) == (2, "done")
        again.tell(first, train(first))
        for trial in trials:
            again.tell(trial, train(trial))
    assert again.result.summary.evaluations == 5
    assert again.result.entries[: len(before)] == before


def test_a_trial_is_told_to_leave_when_its_device_is_to_rest(tmp_path):
    with loop_in(tmp_path, policy="suspend-resume", hours=60, time_scale=40_000.0) as loop:
        left = 0
        for trial in loop:
            while not trial.leave() and left == 0:
                pass
            left += trial.leave()
            loop.tell(trial, None if trial.leave() else train(trial))
    assert left > 0
    assert any(entry.kind == "suspended" for entry in loop.result.entries)


def test_metrics_that_lack_an_objective_are_told_at_once(tmp_path):
    with loop_in(tmp_path, evaluations=1) as loop:
        for trial in loop:
            with pytest.raises(TaskError, match="'size'"):
                loop.tell(trial, {"quality": 1.0})
            loop.tell(trial, train(trial))


def test_what_goes_wrong_behind_the_loop_is_raised_in_it(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "something").write_text("else")
    with pytest.raises(Exception, match="holds something"), loop_in(tmp_path) as loop:
        for _ in loop:
            pass
