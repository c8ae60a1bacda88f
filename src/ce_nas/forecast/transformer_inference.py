"""The transformer's network by numpy alone: the quantiles of :mod:`ce_nas.forecast.transformer_network`.

The weights have the names of the network's parameters. Dropout does nothing here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["predict_quantiles"]

#: what the network's layer normalisation adds to a variance, and what it subtracts before its softplus
_NORM_EPSILON, _SOFTPLUS_SHIFT = 1e-5, 2.0


def predict_quantiles(
    weights: Mapping[str, np.ndarray], features: np.ndarray, *, patch_size: int, heads: int, ahead: int
) -> np.ndarray:
    """Return ascending quantiles, as deviations from the baseline in spreads, shape ``(windows, ahead, levels)``.

    :param weights: float32, by the names of the parameters of
        :class:`ce_nas.forecast.transformer_network.QuantileTransformer`.
    :param features: float32, shape ``(windows, context + ahead, columns)``; windows of unknown zones.
    :param patch_size: slots of a token.
    :param ahead: slots that are predicted, whole patches.
    """
    windows, slots, columns = features.shape
    patches = features.reshape(windows, slots // patch_size, patch_size * columns)
    tokens = (
        _linear(weights, "patch_embedding", patches)
        + weights["position_embedding"]
        + weights["zone_embedding.weight"][0]
    )
    for number in range(1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))):
        tokens = _encode(weights, f"layers.{number}", tokens, heads)
    last = _normalise(weights, "norm", tokens[:, -(ahead // patch_size) :])
    median = _linear(weights, "median_head", last).reshape(windows, ahead, 1)
    increments = np.logaddexp(_linear(weights, "increment_head", last) - _SOFTPLUS_SHIFT, 0.0).reshape(
        windows, ahead, -1
    )
    half = increments.shape[2] // 2
    below = increments[:, :, half - 1 :: -1].cumsum(axis=2)[:, :, ::-1]
    above = increments[:, :, half:].cumsum(axis=2)
    quantiles: np.ndarray = np.concatenate([median - below, median, median + above], axis=2)
    return quantiles


def _encode(weights: Mapping[str, np.ndarray], layer: str, tokens: np.ndarray, heads: int) -> np.ndarray:
    """Self-attention and a feed-forward network, each with a residual connection; ``(windows, tokens, width)``."""
    windows, count, width = tokens.shape
    mixed = _linear(weights, f"{layer}.qkv", _normalise(weights, f"{layer}.attention_norm", tokens))
    query, key, value = mixed.reshape(windows, count, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
    scores = query @ key.swapaxes(2, 3) / np.float32(np.sqrt(width // heads))
    scores = np.exp(scores - scores.max(axis=3, keepdims=True))
    attended = (scores / scores.sum(axis=3, keepdims=True)) @ value
    tokens = tokens + _linear(weights, f"{layer}.projection", attended.swapaxes(1, 2).reshape(windows, count, width))
    hidden = _linear(weights, f"{layer}.feed_forward.0", _normalise(weights, f"{layer}.feed_forward_norm", tokens))
    result: np.ndarray = tokens + _linear(weights, f"{layer}.feed_forward.2", _gelu(hidden))
    return result


def _linear(weights: Mapping[str, np.ndarray], name: str, inputs: np.ndarray) -> np.ndarray:
    result: np.ndarray = inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return result


def _normalise(weights: Mapping[str, np.ndarray], name: str, inputs: np.ndarray) -> np.ndarray:
    """Layer normalisation over the last axis."""
    centred = inputs - inputs.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(_NORM_EPSILON))
    result: np.ndarray = centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return result


def _gelu(values: np.ndarray) -> np.ndarray:
    from scipy.special import erf

    result: np.ndarray = values * np.float32(0.5) * (1 + erf(values * np.float32(np.sqrt(0.5))))
    return result
