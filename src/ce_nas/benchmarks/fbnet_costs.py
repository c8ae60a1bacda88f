"""HW-NAS-Bench's latency and energy in FBNet's space: the sum of an architecture's measured layers.

HW-NAS-Bench measured every layer of the space at every position; a network's latency or energy is the sum over its
stem, its 22 layers and its head [HWNB, section 3.2]. There is no table of accuracies for this space: these costs serve
as objectives and constraints next to the user's own evaluator.

Sources
    [HWNB] Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import TableError, unknown_choice_message
from ce_nas.space.fbnet import FBNET_BLOCKS, FBNET_STAGES, FBNET_STEM_CHANNELS, layer_shapes, macro_architecture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ce_nas.core.records import Architecture
    from ce_nas.space.fbnet import FbNetBlock, LayerShape

__all__ = ["FbNetCosts"]


class FbNetCosts:
    """One device's latency (ms) or energy (mJ) for all architectures of FBNet's space.

    :param frame: a row per layer with its name in the column ``layer``, and a column per metric.
    :param metric: ``edgegpu_latency``, ``fpga_energy`` and the like.
    :param dataset: ``cifar100`` or ``imagenet``, which decides image sizes and strides.
    :raises TableError: if the metric is unknown, or a layer of the space has no cost.
    :raises SettingsError: if the data set is unknown.
    """

    def __init__(self, frame: pd.DataFrame, metric: str, dataset: str) -> None:
        metrics = [str(name) for name in frame.columns if name != "layer"]
        if metric not in metrics:
            raise TableError(unknown_choice_message("metric of FBNet's layers", metric, metrics))
        self.metric = metric
        self.dataset = dataset
        self.unit = "ms" if metric.endswith("latency") else "mJ"
        measured = {
            str(layer): float(cost)
            for layer, cost in zip(frame["layer"], frame[metric], strict=True)
            if np.isfinite(cost)
        }
        self._fixed_cost = sum(self._layer_cost(layer, measured) for layer in fixed_layer_names(dataset))
        self._layer_costs = np.array(
            [
                [self._layer_cost(layer_name(shape, block), measured) for block in FBNET_BLOCKS.values()]
                for shape in layer_shapes(dataset)
            ]
        )

    def predict(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """The cost of each architecture, in :attr:`unit`, shape ``(n,)``."""
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self._layer_costs))
        chosen = self._layer_costs[np.arange(len(self._layer_costs)), rows]
        return np.asarray(self._fixed_cost + chosen.sum(axis=1))

    def _layer_cost(self, layer: str, measured: dict[str, float]) -> float:
        if layer not in measured:
            message = (
                f"Expected a cost of the layer {layer!r} for {self.metric}, found {len(measured):,} other layers; "
                "import HW-NAS-Bench again."
            )
            raise TableError(message)
        return measured[layer]


def layer_name(position: LayerShape, block: FbNetBlock | None) -> str:
    """HW-NAS-Bench's name of a block at a position of the network."""
    size = f"H{position.input_size}_W{position.input_size}_Cin{position.channels_in}_Cout{position.channels_out}"
    if block is None:
        return f"Skip_{size}_stride{position.stride}"
    kind = f"exp{block.expansion}_kernel{block.kernel}_stride{position.stride}_group{block.groups}"
    return f"ConvBlock_{size}_{kind}"


def fixed_layer_names(dataset: str) -> tuple[str, ...]:
    """The names of the layers that every architecture has: stem, last convolution, pooling and classifier.

    :raises SettingsError: if the space has no layout for the data set.
    """
    macro, last = macro_architecture(dataset), list(layer_shapes(dataset))[-1]
    side, head, channels = last.input_size // last.stride, macro.head_channels, FBNET_STAGES[-1][1]
    return (
        f"ConvNorm_H{macro.image_size}_W{macro.image_size}_Cin3_Cout{FBNET_STEM_CHANNELS}_kernel3_stride{macro.stem_stride}_group1",
        f"ConvNorm_H{side}_W{side}_Cin{channels}_Cout{head}_kernel1_stride1_group1",
        f"AvgP_H{side}_W{side}_Cin{head}_Cout{head}_kernel{side}_stride1",
        f"FC_Cin{head}_Cout{macro.classes}",
    )
