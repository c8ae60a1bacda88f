"""What an architecture of FBNet's space costs on a device: the sum of its layers' measured costs.

HW-NAS-Bench measured every layer that the space can hold, once for each place where it can stand; a network's latency
or energy is the sum over its stem, its 22 layers and its head [HWNB, section 3.2]. There is no table of accuracies for
this space: these are costs for objectives and bounds beside an evaluator of one's own.

Sources
    [HWNB] Li et al. HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark. ICLR 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import TableError, one_of
from ce_nas.space.fbnet import FBNET_BLOCKS, STAGES, STEM_CHANNELS, frame_of, places

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from ce_nas.core.records import Architecture
    from ce_nas.space.fbnet import Block, Place

__all__ = ["FbNetCosts"]


class FbNetCosts:
    """One device's latency (ms) or energy (mJ) of all architectures of FBNet's space.

    :param frame: a row a layer with its name in the column ``layer``, and a column a metric.
    :param metric: ``edgegpu_latency``, ``fpga_energy`` and the like.
    :param dataset: ``cifar100`` or ``imagenet``: sizes and strides are theirs.
    :raises TableError: if there is no such metric, or a layer of the space has no cost.
    :raises SettingsError: if there is no such image set.
    """

    def __init__(self, frame: pd.DataFrame, metric: str, dataset: str) -> None:
        metrics = [str(name) for name in frame.columns if name != "layer"]
        if metric not in metrics:
            raise TableError(one_of("metric of FBNet's layers", metric, metrics))
        self.metric = metric
        self.dataset = dataset
        self.unit = "ms" if metric.endswith("latency") else "mJ"
        measured = {
            str(layer): float(cost)
            for layer, cost in zip(frame["layer"], frame[metric], strict=True)
            if np.isfinite(cost)
        }
        self._fixed = sum(self._of(layer, measured) for layer in fixed_layers(dataset))
        self._layers = np.array(
            [
                [self._of(layer_name(place, block), measured) for block in FBNET_BLOCKS.values()]
                for place in places(dataset)
            ]
        )

    def of(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """The cost of each architecture, in :attr:`unit`, shape ``(n,)``."""
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self._layers))
        chosen = self._layers[np.arange(len(self._layers)), rows]
        return np.asarray(self._fixed + chosen.sum(axis=1))

    def _of(self, layer: str, measured: dict[str, float]) -> float:
        if layer not in measured:
            message = (
                f"Expected a cost of the layer {layer!r} for {self.metric}, found {len(measured):,} other layers; "
                "import HW-NAS-Bench anew."
            )
            raise TableError(message)
        return measured[layer]


def layer_name(place: Place, block: Block | None) -> str:
    """The layer as HW-NAS-Bench names it."""
    where = f"H{place.side}_W{place.side}_Cin{place.channels_in}_Cout{place.channels_out}"
    if block is None:
        return f"Skip_{where}_stride{place.stride}"
    kind = f"exp{block.expansion}_kernel{block.kernel}_stride{place.stride}_group{block.groups}"
    return f"ConvBlock_{where}_{kind}"


def fixed_layers(dataset: str) -> tuple[str, ...]:
    """The names of what every architecture has: the stem, the last convolution, the pooling and the classifier.

    :raises SettingsError: if the space is not laid out for the image set.
    """
    frame, last = frame_of(dataset), list(places(dataset))[-1]
    side, head, channels = last.side // last.stride, frame.head_channels, STAGES[-1][1]
    return (
        f"ConvNorm_H{frame.side}_W{frame.side}_Cin3_Cout{STEM_CHANNELS}_kernel3_stride{frame.stem_stride}_group1",
        f"ConvNorm_H{side}_W{side}_Cin{channels}_Cout{head}_kernel1_stride1_group1",
        f"AvgP_H{side}_W{side}_Cin{head}_Cout{head}_kernel{side}_stride1",
        f"FC_Cin{head}_Cout{frame.classes}",
    )
