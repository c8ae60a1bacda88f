"""Infer the direction and unit of a metric from the common words in its name.

Only whole words count: ``macc`` is a number of operations, not an accuracy. Where the words say nothing, or contradict
each other, nothing is inferred.
"""

from __future__ import annotations

import re

import numpy as np

__all__ = ["MAX_METRIC", "infer_maximise", "infer_seconds", "infer_unit", "is_missing"]

#: a larger value is no measurement: the hypervolume of values beyond it would not be finite
MAX_METRIC = 1e50

#: words of metrics of which more is better
_UP = {"acc", "accuracy", "top1", "top5", "f1", "auc", "auroc", "auprc", "map", "ap", "miou", "iou", "bleu", "rouge",
       "psnr", "ssim", "precision", "recall", "dice", "r2", "mcc"}  # fmt: skip
#: words that make less better in any metric
_ERRORS = {"err", "error", "loss", "wer", "cer", "perplexity", "ppl", "rmse", "mse", "mae", "mape", "fid", "nll",
           "drop", "gap", "regret"}  # fmt: skip
#: words of costs: less is better, and zero or less is invalid
_COSTS = {"latency", "lat", "energy", "power", "params", "param", "parameters", "flops", "flop", "macs", "mac", "macc",
          "maccs", "madds", "memory", "mem", "size", "bytes", "carbon", "co2", "cost", "time", "runtime", "duration",
          "delay", "gflops", "mflops", "gmacs", "mmacs", "mparams", "kparams"}  # fmt: skip
#: words that turn a metric into another one, of which the name says no direction
_CHANGED = {"neg", "negative", "minus", "inverse", "inv", "inverted", "reciprocal", "gain", "improvement", "saved",
            "saving", "savings", "reduction", "speedup", "std", "stdev", "var", "variance", "rank", "ranking", "ratio",
            "id", "ids", "bits", "delta", "diff", "difference", "change", "weight"}  # fmt: skip
#: what a metric may be per without being another one
_PER_EACH = {"image", "sample", "inference", "token", "batch", "step", "epoch", "request", "query", "example"}
_INVERTED = re.compile(r"\s*(?:1\s*[-/]|-)")
#: words of metrics that are never negative: -1 is written for one that is missing
_NEVER_NEGATIVE = {"acc", "accuracy", "top1", "top5", "f1", "auc", "auroc", "auprc", "map", "ap", "miou", "iou", "bleu",
                   "rouge", "precision", "recall", "dice", "err", "error", "wer", "cer", "perplexity", "ppl", "rmse",
                   "mse", "mae", "mape", "fid"}  # fmt: skip
_UNITS = frozenset(["s", "ms", "us", "j", "mj", "J", "mJ", "M", "G", "K", "MB", "kB", "GB", "W", "g", "kg", "h", "Wh",
                    "kWh", "%"])  # fmt: skip
_UNITS_BY_SMALL = {"mb": "MB", "kb": "kB", "gb": "GB", "w": "W", "wh": "Wh", "kwh": "kWh"}
_BRACKETED = re.compile(r"[(\[]\s*([^)\]]+?)\s*[)\]]\s*$")
#: seconds to the words of their unit
_TIMES = {86400.0: {"day", "days"}, 3600.0: {"h", "hr", "hrs", "hour", "hours"},
          60.0: {"min", "mins", "minute", "minutes"}, 1e-3: {"ms", "millis", "milliseconds"}}  # fmt: skip
_TOP_K = re.compile(r"top[-_ ](\d)", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]+\d*|\d+")


def _words(name: str) -> frozenset[str]:
    """The words of a name in lower case, as written, split at capitals, and without trailing digits."""
    written = _WORDS.findall(_TOP_K.sub(r"top\1", name))
    split = [part for word in written for part in re.findall(r"[A-Z]?[a-z]+\d*|[A-Z]+(?![a-z])\d*", word)]
    words = {word.lower() for word in [*written, *split]}
    return frozenset(words | {word.rstrip("0123456789") for word in words})


def infer_maximise(name: str) -> bool | None:
    """Whether more of a metric is better; None if its name does not say.

    >>> infer_maximise("val_accuracy"), infer_maximise("MACs_M"), infer_maximise("quality")
    (True, False, None)
    """
    words = _words(name)
    if _is_changed(name, words):
        return None
    if words & _ERRORS:
        return False
    up, down = bool(words & _UP), bool(words & _COSTS)
    return up if up != down else None


def _is_changed(name: str, words: frozenset[str]) -> bool:
    """Whether the name is of something made of a metric, such as its reduction, its rank or 1 less it."""
    is_ratio = "per" in words and not words & _PER_EACH
    is_score = "score" in words and words & _COSTS and not words & _UP
    return bool(words & _CHANGED or is_ratio or is_score or (_INVERTED.match(name) and not _TOP_K.match(name)))


def is_missing(name: str, values: np.ndarray) -> np.ndarray:
    """Which values of a metric are none, shape (n,): not finite, or what its name rules out.

    A cost is above zero. A share such as an accuracy, and an error rate, are zero or more; a drop, a gap or a gain may
    be negative.

    >>> is_missing("latency_ms", np.array([-1.0, 0.0, 2.0])).tolist()
    [True, True, False]
    >>> is_missing("accuracy", np.array([-1.0, 0.0, np.nan])).tolist()
    [True, False, True]
    """
    words = _words(name)
    missing = ~(np.abs(values) <= MAX_METRIC)
    if _is_changed(name, words):
        return np.asarray(missing)
    if words & _COSTS and not words & (_UP | _ERRORS):
        missing |= values <= 0
    elif words & _NEVER_NEGATIVE and not words & {"drop", "gap", "regret"}:
        missing |= values < 0
    return np.asarray(missing)


def infer_seconds(name: str) -> float:
    """The seconds of one unit of a time, by the last word of its name; 1 where that is no unit.

    >>> infer_seconds("train_hours"), infer_seconds("train_time_min"), infer_seconds("train_time")
    (3600.0, 60.0, 1.0)
    """
    last = re.findall(r"[a-z]+", name.lower())[-1:]
    return next((seconds for seconds, words in _TIMES.items() if set(last) & words), 1.0)


def infer_unit(name: str) -> str:
    """The unit at the end of a name, as in ``latency_ms`` or ``latency (ms)``; % for an accuracy; empty if none."""
    bracketed = _BRACKETED.search(name)
    unit = bracketed.group(1) if bracketed else name.rpartition("_")[2] if "_" in name else ""
    unit = _UNITS_BY_SMALL.get(unit, unit)
    if unit in _UNITS:
        return unit
    return "%" if _words(name) & {"acc", "accuracy", "top1", "top5"} else ""
