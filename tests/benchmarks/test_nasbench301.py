"""NAS-Bench-301: predictions of its surrogate, and evaluations that take the predicted time."""

import importlib.util
import shutil

import numpy as np
import pytest

from ce_nas.benchmarks.base import parse_objective
from ce_nas.benchmarks.nasbench301 import FULL_EPOCHS, NasBench301, NasBench301Evaluator, NasBench301Surrogate
from ce_nas.benchmarks.supernet_noise import SimulatedSupernetScores, read_noise_model
from ce_nas.core.errors import MissingExtraError, SettingsError, TableError
from ce_nas.core.records import Task, TaskKind
from ce_nas.core.rng import random_stream
from ce_nas.space.darts import DartsSpace
from ce_nas.space.darts_counts import DartsCounts

SPACE = DartsSpace()
SOME = SPACE.sample(random_stream(0, "some"), 60)


@pytest.fixture(scope="module")
def tiny(tiny_nb301):
    return NasBench301(NasBench301Surrogate(tiny_nb301))


@pytest.fixture(scope="module")
def official(shared_data):
    pytest.importorskip("onnx", reason="onnx is not installed")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    return NasBench301(NasBench301Surrogate(shared_data / "nasbench301/nb301_surrogate.onnx"))


def evaluator(benchmark, *objectives, noise=True):
    objectives = [parse_objective(benchmark, text) for text in objectives or ("accuracy", "params")]
    one_shot = read_noise_model()
    scores = (
        SimulatedSupernetScores(one_shot, SPACE, SOME, benchmark.normal_scores, epoch_s=60.0, seed=0) if noise else None
    )
    return NasBench301Evaluator(benchmark, objectives, scores)


def test_rank_correlation_with_the_official_ensemble(official, nb301_predictions):
    from scipy.stats import kendalltau

    architectures, rows = nb301_predictions
    official_accuracy = [float(row["val_accuracy"]) for row in rows]
    accuracy = official._surrogate.predict(architectures)[:, 0]
    assert kendalltau(accuracy, official_accuracy).statistic == pytest.approx(0.738, abs=0.001)


def test_accuracy_and_duration_grow_with_fidelity(official):
    accuracy, duration_s = official.training_result(SOME[0])
    assert 90 < accuracy < 97
    assert 3600 < duration_s < 9000
    parts = [official.training_result(SOME[0], share) for share in (0.1, 0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(parts, axis=0) > 0).all()


def test_predictions_do_not_depend_on_the_batch(tiny):
    surrogate = tiny._surrogate
    together = surrogate.predict(SOME)
    assert together.shape == (60, 2)
    np.testing.assert_array_equal(together, np.vstack([surrogate.predict([each]) for each in SOME]))
    assert surrogate.predict([]).shape == (0, 2)


def test_official_predictions_do_not_depend_on_the_batch(official):
    surrogate = official._surrogate
    np.testing.assert_array_equal(surrogate.predict(SOME), np.vstack([surrogate.predict([each]) for each in SOME]))


def test_every_choice_changes_the_prediction(tiny):
    """The tiny surrogate weighs every column, so that a swapped or omitted one shows."""
    base, near = SOME[0], list(SPACE.neighbours(SOME[0]))
    accuracies = tiny._surrogate.predict([base, *near])[:, 0]
    assert (accuracies[1:] != accuracies[0]).mean() > 0.98


def test_metric_specs_and_references(official):
    assert {
        name: (spec.unit, spec.maximise, spec.requires_training) for name, spec in official.metric_specs.items()
    } == {
        "accuracy": ("%", True, True),
        "params": ("M", False, False),
        "flops": ("M", False, False),
    }
    references = [parse_objective(official, name).reference for name in ("accuracy", "params", "flops")]
    assert references == [90.0, 1.7, 280.0]
    np.testing.assert_array_equal(official.training_free_values("flops", SOME), DartsCounts().flops(SOME) / 1e6)


def test_values_of_the_whole_space_are_unknown(tiny):
    assert tiny.all_values("params") is None
    assert "unknown" in tiny.notes[0]


def test_fidelity_must_be_one_epoch_or_more(tiny):
    tiny.require_fidelity(0.06)
    tiny.require_fidelity(1 / FULL_EPOCHS)
    with pytest.raises(SettingsError, match=r"one of NAS-Bench-301's 98 epochs or more, 0\.0102, got 0\.001"):
        tiny.require_fidelity(0.001)


def test_an_evaluation_returns_the_predicted_accuracy_and_time(tiny):
    worker = evaluator(tiny, "accuracy", "flops")
    for share in (0.25, 1.0):
        task = Task(0, TaskKind.EVALUATION, (SOME[0],), share)
        accuracy, duration_s = tiny.training_result(SOME[0], share)
        assert worker.duration_s(task) == duration_s == pytest.approx(40 * round(98 * share), rel=0.02)
        assert worker.run(task).values == ((-accuracy, tiny.training_free_values("flops", SOME[:1])[0]),)


def test_a_sampling_estimates_the_accuracy_alone(tiny):
    worker = evaluator(tiny)
    task = Task(1, TaskKind.SAMPLING, tuple(SOME))
    outcome = worker.run(task)
    estimates = np.array(outcome.values)
    np.testing.assert_array_equal(estimates[:, 1], tiny.training_free_values("params", SOME))
    assert np.all((estimates[:, 0] < 0) & (estimates[:, 0] > -1))
    assert (np.argsort(estimates[:, 0]) == np.argsort([-score for (score,) in outcome.scores])).all()
    assert worker.duration_s(task) == 60 * 20.0
    assert worker.supernet_training_s == worker.duration_s(Task(2, TaskKind.SUPERNET, ())) == 875 * 60.0
    assert worker.run(Task(2, TaskKind.SUPERNET, ())).values == ()


def test_without_proxy_scores_nothing_can_be_sampled(tiny):
    assert not evaluator(tiny, noise=False).has_proxy_scores
    assert evaluator(tiny, noise=False).supernet_training_s == 0.0


def test_normal_scores_follow_the_rank_in_the_space(tiny):
    scores = tiny.normal_scores(tiny.reference_sample)
    assert scores.mean() == pytest.approx(0.0, abs=0.01)
    assert scores.std() == pytest.approx(1.0, abs=0.01)
    order = np.argsort(tiny._surrogate.predict(tiny.reference_sample)[:, 0], kind="stable")
    assert (np.diff(scores[order]) >= 0).all()


def test_the_fingerprint_changes_with_the_files(tiny, tiny_nb301, tmp_path):
    shutil.copytree(tiny_nb301.parent, tmp_path / "copy")
    assert NasBench301Surrogate(tmp_path / "copy/tiny.onnx").fingerprint == tiny.fingerprint
    with (tmp_path / "copy/encoding.json").open("a") as file:
        file.write(" ")
    assert NasBench301Surrogate(tmp_path / "copy/tiny.onnx").fingerprint != tiny.fingerprint


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("tiny.onnx", None, r"in one folder, but .*tiny\.onnx"),
        ("encoding.json", None, r"in one folder, but .*encoding\.json"),
        ("encoding.json", "[]", "codes of 34 columns such as edge_normal_0"),
        ("encoding.json", "{", "codes of 34 columns such as edge_normal_0"),
        ("tiny.onnx", "no network", r"surrogate in tiny\.onnx, but "),
        ("tiny.onnx", "", r"surrogate in tiny\.onnx, but "),
    ],
)
def test_invalid_files_are_refused(tiny_nb301, tmp_path, name, content, reason):
    shutil.copytree(tiny_nb301.parent, tmp_path / "copy")
    file = tmp_path / "copy" / name
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(TableError, match=reason):
        NasBench301Surrogate(tmp_path / "copy/tiny.onnx")


def test_another_network_is_refused(tiny_nb301, tmp_path):
    onnx = pytest.importorskip("onnx")
    shutil.copytree(tiny_nb301.parent, tmp_path / "copy")
    floats = onnx.TensorProto.FLOAT
    ends = [onnx.helper.make_tensor_value_info(name, floats, [1, 2]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "other", ends[:1], ends[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=7)
    onnx.save(model, tmp_path / "copy/tiny.onnx")
    with pytest.raises(TableError, match=r"from x_cat and x_cont to one output, in tiny\.onnx"):
        NasBench301Surrogate(tmp_path / "copy/tiny.onnx")


def test_a_missing_package_names_its_extra(tiny_nb301, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find_spec(name))
    with pytest.raises(MissingExtraError, match=r"pip install 'ce-nas\[nasbench301\]'"):
        NasBench301Surrogate(tiny_nb301)
