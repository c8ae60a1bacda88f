"""The network of the transformer forecaster: quantiles of the carbon intensity, in plain PyTorch.

Patches of a few hours are the tokens: of the past with the intensity and the generation mix, of the days ahead with the
covariates, all embedded by one linear map, plus embeddings of the position and of the zone. Every token attends to
every other one (a window holds nothing unknown at the issue). The tokens ahead are mapped to quantiles, as deviations
from a known baseline (:mod:`ce_nas.forecast.dataset`). The first zone embedding is that of unknown zones; it is trained
by zone dropout.

Sources
    [PatchTST] Nie et al. A time series is worth 64 words. ICLR 2023 (patches as tokens).
    [TFT] Lim et al. Temporal fusion transformers. Int. J. Forecasting 2021 (known inputs ahead, quantile outputs).
    [RevIN] Kim et al. Reversible instance normalization. ICLR 2022 (each window in its own mean and spread).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["UNKNOWN_ZONE", "QuantileTransformer", "TransformerConfig", "pinball_loss"]

#: number of the embedding of zones outside the training set
UNKNOWN_ZONE = 0


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """Sizes of a network."""

    #: columns of a slot
    n_features: int
    #: slots of the past and slots ahead; both whole patches
    context: int
    horizon: int
    #: training zones
    n_zones: int
    n_quantiles: int
    #: slots of a token
    patch_size: int = 6
    width: int = 64
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1


class QuantileTransformer(nn.Module):
    """Quantiles of the slots ahead from a window."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        tokens = (config.context + config.horizon) // config.patch_size
        self.patch_embedding = nn.Linear(config.patch_size * config.n_features, config.width)
        self.position_embedding = nn.Parameter(0.02 * torch.randn(tokens, config.width))
        self.zone_embedding = nn.Embedding(config.n_zones + 1, config.width)
        nn.init.normal_(self.zone_embedding.weight, std=0.02)
        self.layers = nn.ModuleList([_EncoderLayer(config) for _ in range(config.layers)])
        self.norm = nn.LayerNorm(config.width)
        self.median_head = nn.Linear(config.width, config.patch_size)
        self.increment_head = nn.Linear(config.width, config.patch_size * (config.n_quantiles - 1))
        nn.init.zeros_(self.median_head.weight)
        nn.init.zeros_(self.median_head.bias)

    def forward(self, features: Tensor, zones: Tensor) -> Tensor:
        """Return ascending quantiles, as deviations from the baseline in spreads, ``(windows, ahead, levels)``.

        :param features: shape ``(windows, context + ahead, columns)``.
        :param zones: number of each window's zone, :data:`UNKNOWN_ZONE` for others.
        """
        config = self.config
        patches = features.reshape(len(features), -1, config.patch_size * config.n_features)
        tokens = self.patch_embedding(patches) + self.position_embedding + self.zone_embedding(zones)[:, None]
        for layer in self.layers:
            tokens = layer(tokens)
        ahead = self.norm(tokens[:, config.context // config.patch_size :])
        median = self.median_head(ahead).reshape(len(features), config.horizon, 1)
        increments = nn.functional.softplus(self.increment_head(ahead) - 2.0).reshape(
            len(features), config.horizon, config.n_quantiles - 1
        )
        half = config.n_quantiles // 2
        below, above = increments[:, :, :half], increments[:, :, half:]
        return torch.cat([median - below.flip(2).cumsum(2).flip(2), median, median + above.cumsum(2)], dim=2)


class _EncoderLayer(nn.Module):
    """Self-attention and a feed-forward network, each with a residual connection."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attention_norm, self.feed_forward_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        windows, count, width = tokens.shape
        qkv = self.qkv(self.attention_norm(tokens)).reshape(windows, count, 3, self.heads, -1)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        attended = nn.functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.dropout(self.projection(attended.transpose(1, 2).reshape(windows, count, width)))
        return tokens + self.dropout(self.feed_forward(self.feed_forward_norm(tokens)))  # type: ignore[no-any-return]


def pinball_loss(quantiles: Tensor, truth: Tensor, levels: Tensor) -> Tensor:
    """Return the mean pinball loss of quantiles ``(windows, ahead, levels)`` of ``truth`` ``(windows, ahead)``."""
    error = truth[:, :, None] - quantiles
    return torch.maximum(levels * error, (levels - 1) * error).mean()
