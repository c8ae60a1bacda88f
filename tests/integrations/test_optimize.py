import signal
import subprocess
import sys
import textwrap
from importlib import import_module

import pytest

import ce_nas
from ce_nas.core.errors import SettingsError, TrainingsFailedError
from ce_nas.integrations.optimize import optimize
from ce_nas.space.distributions import Categorical, Float, Integer

SPACE = {
    "kind": Categorical(["a", "b"]),
    "rate": Float(1e-3, 1.0, log=True, when={"kind": "a"}),
    "width": Integer(8, 64, step=8),
}
OBJECTIVES = ["quality:max:0", "size:min:100"]
FAST = {"policy": "vanilla", "searcher": "random", "time_scale": 2000.0, "hours": 300, "seed": 0}


def quality(architecture):
    return 90 - 100 / architecture["width"] - (architecture.get("rate", 0.5) - 0.1) ** 2


def size(architecture):
    return {"size": architecture["width"]}


def test_a_function_with_conditions_and_known_costs(tmp_path):
    seen = []

    def objective(architecture):
        seen.append(architecture)
        return quality(architecture)

    result = optimize(objective, SPACE, OBJECTIVES, trainings=5, out=tmp_path / "run", costs=size, **FAST)
    assert result.summary.evaluations == len(seen) == 5
    assert all(("rate" in each) == (each["kind"] == "a") for each in seen)
    assert all(each["width"] in range(8, 65, 8) for each in seen)
    assert result.entries[0].content["benchmark"]["architectures"] is None
    known = {each["name"]: each["is_known"] for each in result.entries[0].content["objectives"]}
    assert known == {"quality": False, "size": True}


@pytest.mark.long
def test_the_default_searcher_samples_by_a_score(tmp_path):
    result = optimize(
        quality, {"width": list(range(1, 9))}, OBJECTIVES, trainings=3, out=tmp_path / "run", costs=size, score=quality,
        **{**FAST, "searcher": "surrogate", "policy": "fixed", "gpus": 2},
    )  # fmt: skip
    assert result.summary.evaluations == 3
    assert any(entry.kind == "sampled" for entry in result.entries)
    assert result.entries[0].content["benchmark"]["proxy_scores"] == "the user's own scoring function"


def test_a_function_takes_a_trial_and_several_threads_call_it(tmp_path):
    def objective(architecture, fidelity, trial):
        trial.report(1, {"quality": fidelity})
        return {"quality": quality(architecture), **size(architecture)}

    result = optimize(objective, SPACE, OBJECTIVES, trainings=6, out=tmp_path / "run", gpus=3, **FAST)
    assert result.summary.evaluations == 6
    assert (tmp_path / "run" / "work" / "task-0" / "curve.jsonl").read_text() == '{"epoch": 1, "quality": 1.0}\n'


def test_a_function_that_always_fails_ends_the_search_and_shows_why_once(tmp_path, caplog):
    def objective(architecture):
        raise ValueError(architecture["kind"])

    with pytest.raises(
        TrainingsFailedError, match=r"first 3 architectures all failed.*ValueError: [ab] \(.*line \d+\)"
    ):
        optimize(objective, SPACE, OBJECTIVES, out=tmp_path / "run", **FAST)
    assert caplog.text.count("Traceback") == 1


def test_one_failure_is_tried_again(tmp_path):
    calls = []

    def objective(architecture):
        calls.append(architecture)
        if len(calls) == 2:
            sys.exit(3)
        return {"quality": quality(architecture), **size(architecture)}

    result = optimize(objective, SPACE, OBJECTIVES, trainings=3, out=tmp_path / "run", **FAST)
    assert result.summary.evaluations == 3
    assert calls[1] == calls[2]
    failure = next(entry.content for entry in result.entries if entry.kind == "task_failed")
    assert failure["detail"].startswith("sys.exit: 3")


def test_the_package_of_the_searchers_keeps_its_name():
    assert import_module("ce_nas.search.base").Searcher is ce_nas.Searcher
    assert callable(ce_nas.optimize)


def test_one_objective_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="2 to 5 different objectives"):
        optimize(quality, SPACE, ["quality:max:0"], out=tmp_path / "run", **FAST)


SCRIPTS = {
    "optimize": """
        import ce_nas
        if __name__ == "__main__":
            result = ce_nas.optimize(train, SPACE, OBJECTIVES, out=RUN, **SETTINGS)
            print("evaluations", result.summary.evaluations)
    """,
    "loop": """
        import ce_nas
        if __name__ == "__main__":
            with ce_nas.TrainingLoop(SPACE, OBJECTIVES, RUN, **SETTINGS) as loop:
                for trial in loop:
                    loop.tell(trial, train(trial.architecture))
            print("evaluations", loop.result.summary.evaluations)
    """,
    "file": """
        import ce_nas
        from pathlib import Path
        def evaluate(architecture):
            return train(architecture)
        if __name__ == "__main__":
            if Path(RUN).exists():
                result = ce_nas.resume(RUN)
            else:
                result = ce_nas.run(out=RUN, live=True, evaluate=Path(__file__), **SETTINGS)
            print("evaluations", result.summary.evaluations)
    """,
}
COMMON = """
import os, signal
from ce_nas import Integer
SPACE, OBJECTIVES = {"width": Integer(1, 40), "kind": ["a", "b"]}, ["quality:max:0", "size:min:100"]
RUN = "run"
SETTINGS = dict(policy="vanilla", searcher="random", time_scale=500.0, hours=300, evaluations=6, gpus=1, seed=0)
def train(architecture):
    with open("trained", "a") as file:
        print(architecture["width"], file=file)
    if os.path.exists("kill") and len(open("trained").readlines()) == 4:
        os.remove("kill")
        os.kill(int(os.environ["MAIN"]), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return {"quality": 50.0 + architecture["width"], "size": architecture["width"]}
"""


@pytest.mark.long
@pytest.mark.parametrize("way", sorted(SCRIPTS))
def test_killed_and_resumed_in_each_way(tmp_path, way):
    script = tmp_path / "own.py"
    script.write_text(
        "import os\nos.environ.setdefault('MAIN', str(os.getpid()))\n" + COMMON + textwrap.dedent(SCRIPTS[way])
    )
    (tmp_path / "kill").touch()
    killed = subprocess.run([sys.executable, "own.py"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    resumed = subprocess.run([sys.executable, "own.py"], cwd=tmp_path, check=False, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    assert "evaluations 6" in resumed.stdout
    trained = (tmp_path / "trained").read_text().split()
    assert trained[3] == trained[4]  # the training that was killed is trained again, and no other
    assert len(trained) == 7


def test_what_was_chosen_and_explained_has_the_names_of_the_parameters(tmp_path):
    from ce_nas.analysis.explanation import explain_architecture, space_from_journal
    from ce_nas.analysis.surrogate_explanation import explain_choice_of_surrogate

    settings = {**FAST, "searcher": "surrogate"}
    result = optimize(
        lambda architecture: {"quality": quality(architecture), **size(architecture)},
        SPACE, OBJECTIVES, trainings=11, out=tmp_path / "run", **settings,
    )  # fmt: skip
    chosen = result.choose().architecture
    assert isinstance(chosen, dict)
    assert chosen["width"] in range(8, 65, 8)
    assert ("rate" in chosen) == (chosen["kind"] == "a")
    read = ce_nas.Result.read(tmp_path / "run")  # without the code of the search
    assert read.choose().architecture == chosen
    space = space_from_journal(read.entries)
    trained = set(read.to_frame().architecture)
    never = next(text for width in range(8, 65, 8) if (text := f"kind=b width={width}") not in trained)
    assert explain_architecture(read.entries, space, space.parse(never)).events == []
    model = explain_choice_of_surrogate(read.entries, space, space.parse(never))
    assert model is not None
    assert model.subject.architecture == never
    assert model.chosen.architecture.startswith("kind=")


def test_a_function_that_returns_nothing_fails(tmp_path):
    with pytest.raises(TrainingsFailedError, match=r"got None\. Fix the code and run the program again with out="):
        optimize(lambda _: None, SPACE, OBJECTIVES, out=tmp_path / "run", costs=size, **FAST)


def test_two_largest_numbers_of_trainings_are_refused(tmp_path):
    with pytest.raises(SettingsError, match="trainings=2 and evaluations=5; leave one of them out"):
        optimize(quality, SPACE, OBJECTIVES, trainings=2, evaluations=5, out=tmp_path / "run", costs=size, **FAST)


def test_an_unstated_or_equal_number_of_trainings_beside_trainings_is_accepted(tmp_path):
    for number, stated in enumerate((None, 1, "1")):
        out = tmp_path / f"run-{number}"
        result = optimize(quality, SPACE, OBJECTIVES, trainings=1, evaluations=stated, out=out, costs=size, **FAST)
        assert result.summary.evaluations == 1
