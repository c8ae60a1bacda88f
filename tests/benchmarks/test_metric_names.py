import numpy as np
import pytest

from ce_nas.benchmarks.metric_names import infer_maximise, infer_unit, is_missing

UP = [
    "accuracy",
    "val_acc",
    "top1",
    "test_top5",
    "F1",
    "f1_score",
    "AUC",
    "mAP",
    "mIoU",
    "miou",
    "BLEU",
    "bleu4",
    "valAcc",
]
DOWN = ["error", "val_err", "loss", "WER", "perplexity", "latency_ms", "energy", "params", "FLOPs", "MACs", "macc",
        "MACC_M", "memory_MB", "model_size", "train_time_s", "top1_error"]  # fmt: skip
NEITHER = ["quality", "x", "accumulated", "macabre", "lossless", "timer", "score", "time_to_accuracy", "energetic"]


@pytest.mark.parametrize("name", UP)
def test_infers_that_more_is_better(name):
    assert infer_maximise(name) is True


@pytest.mark.parametrize("name", DOWN)
def test_infers_that_less_is_better(name):
    assert infer_maximise(name) is False


@pytest.mark.parametrize("name", NEITHER)
def test_infers_nothing_from_unclear_names(name):
    assert infer_maximise(name) is None


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("latency_ms", [True, True, False]),
        ("MACC_M", [True, True, False]),
        ("accuracy", [True, False, False]),
        ("test_error", [True, False, False]),
        ("loss", [False, False, False]),
        ("accuracy_drop", [False, False, False]),
        ("score", [False, False, False]),
    ],
)
def test_values_that_a_name_rules_out_are_missing(name, missing):
    assert is_missing(name, np.array([-1.0, 0.0, 2.0])).tolist() == missing
    assert is_missing(name, np.array([np.nan, np.inf])).all()


@pytest.mark.parametrize(
    ("name", "unit"), [("latency_ms", "ms"), ("accuracy", "%"), ("MACC_M", "M"), ("quality", ""), ("flops", "")]
)
def test_infers_the_unit_at_the_end_of_a_name(name, unit):
    assert infer_unit(name) == unit


@pytest.mark.parametrize(
    "name",
    ["1-acc", "1/latency", "one_minus_acc", "neg_accuracy", "neg_loss", "accuracy_gain", "latency_reduction", "acc_std",
     "energy_savings", "top1_acc_rank", "accuracy_per_joule", "flops_per_second", "map_id", "latency_score"],
)  # fmt: skip
def test_what_is_made_of_a_metric_has_no_direction_of_its_own(name):
    assert infer_maximise(name) is None
    assert is_missing(name, np.array([-1.0, 0.0, np.nan])).tolist() == [False, False, True]


@pytest.mark.parametrize("name", ["GFLOPs", "gmacs", "latency_per_image", "time_per_epoch"])
def test_costs_of_one_word(name):
    assert infer_maximise(name) is False


@pytest.mark.parametrize(
    ("name", "unit"),
    [("latency (ms)", "ms"), ("energy [mJ]", "mJ"), ("size_mb", "MB"), ("power_w", "W"), ("top1 (%)", "%")],
)
def test_units_in_brackets_and_in_small_letters(name, unit):
    assert infer_unit(name) == unit
