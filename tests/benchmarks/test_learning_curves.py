import json
import textwrap

import pytest

import ce_nas
from ce_nas import Integer
from ce_nas.benchmarks.learning_curves import MIN_TRAININGS, FullTraining, cannot_reach
from ce_nas.benchmarks.user_function import UserFunctionExecutor
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Task, TaskKind
from ce_nas.store.run_dir import read_run_entries

EPOCHS = 8
SPACE = {"width": Integer(1, 200)}
OBJECTIVES = ["quality:max:0", "size:min:1000"]
FAST = {"policy": "vanilla", "searcher": "random", "time_scale": 2000.0, "hours": 2000, "seed": 3, "stop": "never"}


def full(number, end=10.0, cost=1.0):
    """A curve that gains between 20 and 21 from the first epoch on, and nothing from the second."""
    return FullTraining((end, cost), {1: (end + 20 + number / 10, cost), 2: (end, cost)})


def test_a_training_is_hopeless_if_even_the_largest_gain_leaves_it_behind_the_front():
    done = [full(number) for number in range(MIN_TRAININGS)]
    assert cannot_reach(1, (31.0, 1.0), done)  # 31 - 20.9 > 10
    assert not cannot_reach(1, (30.8, 1.0), done)
    assert not cannot_reach(1, (99.0, 0.9), done)  # smaller than all of the front: nothing dominates it
    assert cannot_reach(2, (10.1, 1.0), done)


def test_few_trainings_and_unreported_epochs_end_nothing():
    done = [full(number) for number in range(MIN_TRAININGS)]
    assert not cannot_reach(1, (99.0, 1.0), done[1:])
    assert not cannot_reach(3, (99.0, 1.0), done)


def test_a_curve_that_rises_late_keeps_all_others_alive():
    done = [*(full(number) for number in range(20)), FullTraining((10.0, 1.0), {1: (90.0, 1.0)})]
    assert not cannot_reach(1, (89.0, 1.0), done)


def train(width, report, should_stop, folder):
    """A curve that rises to its end in equal steps; it resumes from its folder."""
    state = folder / "epoch"
    epoch = int(state.read_text()) if state.exists() else 0
    while epoch < EPOCHS:
        if should_stop():
            state.write_text(str(epoch))
            return None
        epoch += 1
        report(epoch, {"quality": (200 - width) * epoch / EPOCHS, "size": width})
    return {"quality": 200.0 - width, "size": width}


def evaluated(folder):
    entries = [entry.content for entry in read_run_entries(folder) if entry.kind == "evaluated"]
    return [entry for entry in entries if "note" in entry], [entry for entry in entries if "note" not in entry]


def test_a_loop_ends_trainings_and_says_so_in_the_journal(tmp_path):
    epochs = []
    with ce_nas.TrainingLoop(SPACE, OBJECTIVES, tmp_path / "run", evaluations=40, early_stopping=True, **FAST) as loop:
        for trial in loop:
            metrics = train(trial.architecture["width"], trial.report, trial.should_stop, trial.folder)
            epochs.append(len((trial.folder / "curve.jsonl").read_text().splitlines()))
            loop.tell(trial, metrics)
    ended, whole = evaluated(tmp_path / "run")
    assert len(ended) + len(whole) == 40
    assert len(ended) >= 5
    assert len(whole) >= MIN_TRAININGS
    assert sum(epochs) < 0.95 * 40 * EPOCHS
    best = max(-entry["values"][0] for entry in whole)
    for entry in ended:
        assert entry["note"].startswith("Ended after epoch ")
        assert any(all(a <= b for a, b in zip(each["values"], entry["values"], strict=True)) for each in whole)
        assert -entry["values"][0] < best
    assert [each.objectives for each in loop.result.summary.front]


def test_without_the_setting_every_training_is_completed(tmp_path):
    with ce_nas.TrainingLoop(SPACE, OBJECTIVES, tmp_path / "run", evaluations=14, **FAST) as loop:
        for trial in loop:
            loop.tell(trial, train(trial.architecture["width"], trial.report, trial.should_stop, trial.folder))
    assert not evaluated(tmp_path / "run")[0]
    assert not list((tmp_path / "run").glob("work/task-*/result.json"))


def test_a_file_is_judged_by_the_trainings_of_its_run(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        textwrap.dedent("""
        SPACE, OBJECTIVES = {"width": [*range(200)]}, ["quality:max:0", "size:min:1000"]
        def evaluate(architecture, fidelity, checkpoint):
            for epoch in range(1, 9):
                if checkpoint.should_stop():
                    return None
                checkpoint.report(epoch, {"quality": (200 - architecture["width"]) * epoch / 8, "size": epoch})
            return {"quality": 200 - architecture["width"]}
        def costs(architecture):
            return {"size": architecture["width"]}
        """)
    )
    executor = UserFunctionExecutor(path, early_stopping=True)
    outcomes = [
        executor.run(Task(number, TaskKind.EVALUATION, ((number,),)), tmp_path, lambda: False) for number in range(12)
    ]
    assert not any(outcome.note for outcome in outcomes[:MIN_TRAININGS])
    last = executor.run(Task(12, TaskKind.EVALUATION, ((190,),)), tmp_path, lambda: False)
    kept = json.loads((tmp_path / "task-3" / "result.json").read_text())
    assert kept["values"] == [-197.0, 3.0]
    assert last.note.startswith("Ended after epoch ")
    assert last.values[0][1] == 190.0  # of its costs, as known
    assert not (tmp_path / "task-12" / "result.json").exists()
    assert executor.run(Task(13, TaskKind.EVALUATION, ((190,),)), tmp_path, lambda: True) is None  # a suspension


def test_the_setting_needs_code_of_ones_own():
    with pytest.raises(SettingsError, match="--evaluate"):
        ce_nas.Search(live=True, early_stopping=True)
