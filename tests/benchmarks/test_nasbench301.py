"""NAS-Bench-301 as a benchmark: what its surrogate foretells, and trainings that take the time it says."""

import importlib.util
import shutil

import numpy as np
import pytest

from ce_nas.benchmarks.base import objective
from ce_nas.benchmarks.nasbench301 import EPOCHS, NasBench301, NasBench301Evaluator, Surrogate
from ce_nas.benchmarks.supernet_noise import NoisyScores, read_noise
from ce_nas.core.errors import MissingExtraError, SettingsError, TableError
from ce_nas.core.records import Task, TaskKind
from ce_nas.core.rng import stream
from ce_nas.space.darts import DartsSpace
from ce_nas.space.darts_counts import DartsSizes

SPACE = DartsSpace()
SOME = SPACE.sample(stream(0, "some"), 60)


@pytest.fixture(scope="module")
def tiny(tiny_nb301):
    return NasBench301(Surrogate(tiny_nb301))


@pytest.fixture(scope="module")
def official(shared_data):
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return NasBench301(Surrogate(shared_data / "nasbench301/nb301_surrogate.onnx"))


def evaluator(benchmark, *objectives, noise=True):
    objectives = [objective(benchmark, text) for text in objectives or ("accuracy", "params")]
    one_shot = read_noise()
    scores = NoisyScores(one_shot, SPACE, SOME, benchmark.normal_scores, epoch_s=60.0, seed=0) if noise else None
    return NasBench301Evaluator(benchmark, objectives, scores)


def test_it_orders_architectures_much_as_the_official_surrogate_does(official, nb301_predictions):
    from scipy.stats import kendalltau

    architectures, rows = nb301_predictions
    theirs = [float(row["val_accuracy"]) for row in rows]
    ours = official._surrogate.predict(architectures)[:, 0]
    assert kendalltau(ours, theirs).statistic == pytest.approx(0.738, abs=0.001)


def test_a_training_takes_hours_and_its_accuracy_grows(official):
    accuracy, duration_s = official.training(SOME[0])
    assert 90 < accuracy < 97
    assert 3600 < duration_s < 9000
    parts = [official.training(SOME[0], share) for share in (0.1, 0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(parts, axis=0) > 0).all()


def test_architectures_together_are_foretold_as_each_alone(tiny):
    surrogate = tiny._surrogate
    together = surrogate.predict(SOME)
    assert together.shape == (60, 2)
    np.testing.assert_array_equal(together, np.vstack([surrogate.predict([one]) for one in SOME]))
    assert surrogate.predict([]).shape == (0, 2)


def test_the_official_surrogate_takes_any_number_as_well(official):
    surrogate = official._surrogate
    np.testing.assert_array_equal(surrogate.predict(SOME), np.vstack([surrogate.predict([one]) for one in SOME]))


def test_each_choice_has_a_say(tiny):
    """The tiny surrogate weighs every column, so that none may be mixed up or left out."""
    base, near = SOME[0], list(SPACE.neighbours(SOME[0]))
    accuracies = tiny._surrogate.predict([base, *near])[:, 0]
    assert (accuracies[1:] != accuracies[0]).mean() > 0.98


def test_the_quantities_and_their_references(official):
    assert {name: (one.unit, one.maximise, one.trained) for name, one in official.quantities.items()} == {
        "accuracy": ("%", True, True),
        "params": ("M", False, False),
        "flops": ("M", False, False),
    }
    references = [objective(official, name).reference for name in ("accuracy", "params", "flops")]
    assert references == [90.0, 1.7, 280.0]
    np.testing.assert_array_equal(official.costs("flops", SOME), DartsSizes().flops(SOME) / 1e6)


def test_nothing_is_listed(tiny):
    assert tiny.column("params") is None
    assert "not known" in tiny.notes[0]


def test_a_training_may_stop_at_any_epoch(tiny):
    tiny.require_share(0.06)
    tiny.require_share(1 / EPOCHS)
    with pytest.raises(SettingsError, match=r"one of NAS-Bench-301's 98 epochs or more, 0\.0102, got 0\.001"):
        tiny.require_share(0.001)


def test_trainings_take_their_time_and_find_their_accuracy(tiny):
    worker = evaluator(tiny, "accuracy", "flops")
    for share in (0.25, 1.0):
        task = Task(0, TaskKind.EVALUATION, (SOME[0],), share)
        accuracy, duration_s = tiny.training(SOME[0], share)
        assert worker.duration_s(task) == duration_s == pytest.approx(40 * round(98 * share), rel=0.02)
        assert worker.run(task).values == ((-accuracy, tiny.costs("flops", SOME[:1])[0]),)


def test_samplings_find_scores_and_estimate_the_accuracy_alone(tiny):
    worker = evaluator(tiny)
    task = Task(1, TaskKind.SAMPLING, tuple(SOME))
    outcome = worker.run(task)
    estimates = np.array(outcome.values)
    np.testing.assert_array_equal(estimates[:, 1], tiny.costs("params", SOME))
    assert np.all((estimates[:, 0] < 0) & (estimates[:, 0] > -1))
    assert (np.argsort(estimates[:, 0]) == np.argsort([-score for (score,) in outcome.scores])).all()
    assert worker.duration_s(task) == 60 * 20.0
    assert worker.supernet_training_s == worker.duration_s(Task(2, TaskKind.SUPERNET, ())) == 875 * 60.0
    assert worker.run(Task(2, TaskKind.SUPERNET, ())).values == ()


def test_without_scores_nothing_is_sampled(tiny):
    assert not evaluator(tiny, noise=False).can_score
    assert evaluator(tiny, noise=False).supernet_training_s == 0.0


def test_ranks_are_those_among_the_space(tiny):
    scores = tiny.normal_scores(tiny.sample)
    assert scores.mean() == pytest.approx(0.0, abs=0.01)
    assert scores.std() == pytest.approx(1.0, abs=0.01)
    order = np.argsort(tiny._surrogate.predict(tiny.sample)[:, 0], kind="stable")
    assert (np.diff(scores[order]) >= 0).all()


def test_any_change_of_the_files_shows_in_the_fingerprint(tiny, tiny_nb301, tmp_path):
    shutil.copytree(tiny_nb301.parent, tmp_path / "copy")
    assert Surrogate(tmp_path / "copy/tiny.onnx").fingerprint == tiny.fingerprint
    with (tmp_path / "copy/encoding.json").open("a") as file:
        file.write(" ")
    assert Surrogate(tmp_path / "copy/tiny.onnx").fingerprint != tiny.fingerprint


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("tiny.onnx", None, r"side by side, but .*tiny\.onnx"),
        ("encoding.json", None, r"side by side, but .*encoding\.json"),
        ("encoding.json", "[]", "codes of 34 columns such as edge_normal_0"),
        ("encoding.json", "{", "codes of 34 columns such as edge_normal_0"),
        ("tiny.onnx", "no network", r"surrogate in tiny\.onnx, but "),
        ("tiny.onnx", "", r"surrogate in tiny\.onnx, but "),
    ],
)
def test_files_of_no_use_are_refused(tiny_nb301, tmp_path, name, content, said):
    shutil.copytree(tiny_nb301.parent, tmp_path / "copy")
    file = tmp_path / "copy" / name
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(TableError, match=said):
        Surrogate(tmp_path / "copy/tiny.onnx")


def test_another_network_is_refused(tiny_nb301, tmp_path):
    onnx = pytest.importorskip("onnx")
    shutil.copytree(tiny_nb301.parent, tmp_path / "copy")
    floats = onnx.TensorProto.FLOAT
    ends = [onnx.helper.make_tensor_value_info(name, floats, [1, 2]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "other", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(model, tmp_path / "copy/tiny.onnx")
    with pytest.raises(TableError, match=r"from x_cat and x_cont to one output, in tiny\.onnx"):
        Surrogate(tmp_path / "copy/tiny.onnx")


def test_a_missing_package_is_named_with_its_extra(tiny_nb301, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else found(name))
    with pytest.raises(MissingExtraError, match=r"pip install 'ce-nas\[nasbench301\]'"):
        Surrogate(tiny_nb301)
