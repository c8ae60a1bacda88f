"""A transformer that foretells quantiles of the carbon intensity: plain PyTorch, one file.

Patches of a few hours are the tokens: of the past with the intensity and the generation mix, of the coming days with
what is known ahead, all embedded by one linear map, with a place and a zone added. Every token sees every other one
(nothing in a window is secret: what is coming holds only what is known). The coming tokens are mapped to quantiles, as
differences from a ground that is known beforehand (:mod:`ce_nas.forecast.sequence_windows`). The first zone embedding means "a
zone never seen" and is trained by dropping zones at random.

Sources
    [PatchTST] Nie et al. A time series is worth 64 words. ICLR 2023 (patches as tokens).
    [TFT] Lim et al. Temporal fusion transformers. Int. J. Forecasting 2021 (known inputs ahead, quantile outputs).
    [RevIN] Kim et al. Reversible instance normalization. ICLR 2022 (each window in its own mean and spread).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

__all__ = ["UNKNOWN_ZONE", "Shape", "Transformer", "pinball"]

#: number of the embedding that stands for any zone that was not trained on
UNKNOWN_ZONE = 0


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a transformer is."""

    #: columns of a slot
    columns: int
    #: slots of the past and of what is coming; both whole patches
    context: int
    ahead: int
    #: zones that were trained on
    zones: int
    #: quantiles issued
    levels: int
    #: slots of a token
    patch: int = 6
    width: int = 64
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1


class Transformer(nn.Module):
    """Quantiles of the coming slots from a window."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        tokens = (shape.context + shape.ahead) // shape.patch
        self.embed = nn.Linear(shape.patch * shape.columns, shape.width)
        self.place = nn.Parameter(0.02 * torch.randn(tokens, shape.width))
        self.zone = nn.Embedding(shape.zones + 1, shape.width)
        nn.init.normal_(self.zone.weight, std=0.02)
        self.layers = nn.ModuleList([_Layer(shape) for _ in range(shape.layers)])
        self.norm = nn.LayerNorm(shape.width)
        self.middle = nn.Linear(shape.width, shape.patch)
        self.steps = nn.Linear(shape.width, shape.patch * (shape.levels - 1))
        nn.init.zeros_(self.middle.weight)
        nn.init.zeros_(self.middle.bias)

    def forward(self, rows: Tensor, zones: Tensor) -> Tensor:
        """Quantiles in ascending order, as differences from the profile in spreads, ``(windows, ahead, levels)``.

        :param rows: shape ``(windows, context + ahead, columns)``.
        :param zones: number of each window's zone, :data:`UNKNOWN_ZONE` for others.
        """
        shape = self.shape
        patches = rows.reshape(len(rows), -1, shape.patch * shape.columns)
        tokens = self.embed(patches) + self.place + self.zone(zones)[:, None]
        for layer in self.layers:
            tokens = layer(tokens)
        coming = self.norm(tokens[:, shape.context // shape.patch :])
        middle = self.middle(coming).reshape(len(rows), shape.ahead, 1)
        steps = nn.functional.softplus(self.steps(coming) - 2.0).reshape(len(rows), shape.ahead, shape.levels - 1)
        half = shape.levels // 2
        below, above = steps[:, :, :half], steps[:, :, half:]
        return torch.cat([middle - below.flip(2).cumsum(2).flip(2), middle, middle + above.cumsum(2)], dim=2)


class _Layer(nn.Module):
    """Attention and a small network, each added to what came in."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.before_attention, self.before_network = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        windows, count, width = tokens.shape
        asked = self.asked(self.before_attention(tokens)).reshape(windows, count, 3, self.heads, -1)
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.dropout(self.out(seen.transpose(1, 2).reshape(windows, count, width)))
        return tokens + self.dropout(self.network(self.before_network(tokens)))  # type: ignore[no-any-return]


def pinball(quantiles: Tensor, truth: Tensor, levels: Tensor) -> Tensor:
    """Mean pinball loss of quantiles ``(windows, ahead, levels)`` of ``truth`` ``(windows, ahead)``."""
    over = truth[:, :, None] - quantiles
    return torch.maximum(levels * over, (levels - 1) * over).mean()
