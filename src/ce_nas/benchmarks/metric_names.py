"""Infer the direction and unit of a metric from the common words in its name.

Only whole words count: ``macc`` is a number of operations, not an accuracy. Where the words say nothing, or contradict
each other, nothing is inferred.
"""

from __future__ import annotations

import re

import numpy as np

__all__ = ["infer_maximise", "infer_seconds", "infer_unit", "is_missing"]

#: words of metrics of which more is better
_UP = {"acc", "accuracy", "top1", "top5", "f1", "auc", "auroc", "auprc", "map", "ap", "miou", "iou", "bleu", "rouge",
       "psnr", "ssim", "precision", "recall", "dice", "r2", "mcc"}  # fmt: skip
#: words that make less better in any metric
_ERRORS = {"err", "error", "loss", "wer", "cer", "perplexity", "ppl", "rmse", "mse", "mae", "mape", "fid", "nll",
           "drop", "gap", "regret"}  # fmt: skip
#: words of costs: less is better, and zero or less is invalid
_COSTS = {"latency", "lat", "energy", "power", "params", "param", "parameters", "flops", "flop", "macs", "mac", "macc",
          "maccs", "madds", "memory", "mem", "size", "bytes", "carbon", "co2", "cost", "time", "runtime", "duration",
          "delay"}  # fmt: skip
#: words of metrics that are never negative: -1 is written for one that is missing
_NEVER_NEGATIVE = {"acc", "accuracy", "top1", "top5", "f1", "auc", "auroc", "auprc", "map", "ap", "miou", "iou", "bleu",
                   "rouge", "precision", "recall", "dice", "err", "error", "wer", "cer", "perplexity", "ppl", "rmse",
                   "mse", "mae", "mape", "fid"}  # fmt: skip
_UNITS = frozenset(["s", "ms", "us", "j", "mj", "J", "mJ", "M", "G", "K", "MB", "kB", "GB", "W", "g", "kg"])
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
    if words & _ERRORS:
        return False
    up, down = bool(words & _UP), bool(words & _COSTS)
    return up if up != down else None


def is_missing(name: str, values: np.ndarray) -> np.ndarray:
    """Which values of a metric are none, shape (n,): not finite, or what its name rules out.

    A cost is above zero. A share such as an accuracy, and an error rate, are zero or more; a drop or a gap may be
    negative.

    >>> is_missing("latency_ms", np.array([-1.0, 0.0, 2.0])).tolist()
    [True, True, False]
    >>> is_missing("accuracy", np.array([-1.0, 0.0, np.nan])).tolist()
    [True, False, True]
    """
    words = _words(name)
    missing = ~np.isfinite(values)
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
    """The unit at the end of a name, as in ``latency_ms``; % for an accuracy; empty if there is none."""
    _, separator, unit = name.rpartition("_")
    if separator and unit in _UNITS:
        return unit
    return "%" if _words(name) & {"acc", "accuracy", "top1", "top5"} else ""
