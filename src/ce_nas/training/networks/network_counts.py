"""Parameters and multiply-accumulates of networks of every space before they are trained, without building them.

A network's cost is a sum over its operations or layers, each of which is built once per shape and counted. The counts
equal those of the built networks exactly.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ce_nas.core.errors import SettingsError
from ce_nas.space.darts import DARTS_CELL_TYPES, DARTS_EDGES, DARTS_NODES, DARTS_OPERATIONS, DartsSpace
from ce_nas.space.darts_counts import STEM_MULTIPLIER, cell_specs
from ce_nas.space.efficientnet import EfficientNetSpace, efficientnet_layout, layout_counts
from ce_nas.space.fbnet import FBNET_BLOCKS, FbNetSpace, layer_shapes
from ce_nas.space.nasbench201_cell import NasBench201Space
from ce_nas.space.nasnet import NASNET_NODES, NASNET_OPERATIONS, NasNetSpace, loose_ends
from ce_nas.training.networks.counts import nb201_flops, nb201_parameters
from ce_nas.training.networks.darts_network import DartsNetwork, build_darts_operation
from ce_nas.training.networks.mbconv import FbNetNetwork, build_fbnet_layer
from ce_nas.training.networks.nasbench201_network import count_flops, count_parameters
from ce_nas.training.networks.nasnet_network import build_nasnet_operation, nasnet_cell_shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = ["MIN_IMAGENET_HEIGHT", "NetworkCounter"]

#: image height from which networks start with ImageNet's downsampling stem
MIN_IMAGENET_HEIGHT = 128

_Size = tuple[int, int]


class NetworkCounter:
    """Counts the networks of a space.

    Example:
        >>> counter = NetworkCounter(EfficientNetSpace(), 0, 0, (3, 224, 224), 1000)
        >>> counter.counts([EfficientNetSpace().b0]).tolist()
        [[5288548.0, 385815752.0]]

    :param space: the space.
    :param channels: channels of the first stage; FBNet's and EfficientNet's spaces have their own.
    :param cells: cells per stage, or of the whole network in the spaces of DARTS and NASNet.
    :param image_shape: channels, height and width of an image.
    :param classes: outputs of the classifier.
    :raises SettingsError: if the space has no networks.
    """

    def __init__(
        self, space: Space, channels: int, cells: int, image_shape: tuple[int, int, int], classes: int
    ) -> None:
        self._space, self._channels, self._cells = space, channels, cells
        self._image_shape, self._classes = image_shape, classes
        self._size: _Size = image_shape[1:]
        self._is_large = image_shape[1] >= MIN_IMAGENET_HEIGHT
        counters: dict[type[Space], Callable[[np.ndarray], np.ndarray]] = {
            NasBench201Space: self._count_nb201,
            DartsSpace: self._count_darts,
            NasNetSpace: self._count_nasnet,
            FbNetSpace: self._count_fbnet,
            EfficientNetSpace: self._count_efficientnet,
        }
        if type(space) not in counters:
            message = f"Expected a space with networks of its own, got {space.name!r}."
            raise SettingsError(message)
        self._count = counters[type(space)]

    def counts(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Parameters and multiply-accumulates of each network, shape ``(n, 2)``.

        Counted as :func:`~ce_nas.training.networks.nasbench201_network.count_flops` does; without an auxiliary head.
        """
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self._space.choices))
        return self._count(rows).astype(float)

    @cached_property
    def bounds(self) -> np.ndarray:
        """No network has fewer than the first row or more than the second, shape ``(2, 2)``."""
        if isinstance(self._space, NasBench201Space):
            counts = self.counts(self._space.members)
            return np.stack([counts.min(axis=0), counts.max(axis=0)])
        if isinstance(self._space, NasNetSpace):
            return self._nasnet_bounds()
        if isinstance(self._space, DartsSpace):
            return self._darts_bounds()
        choices = [len(names) for names in self._space.choices]
        if isinstance(self._space, EfficientNetSpace):
            return self.counts([(0,) * len(choices), tuple(count - 1 for count in choices)])
        fixed, layers = self._fbnet_costs
        return np.stack([fixed + layers.min(axis=1).sum(axis=0), fixed + layers.max(axis=1).sum(axis=0)])

    def _count_nb201(self, rows: np.ndarray) -> np.ndarray:
        measures = {"channels": self._channels, "cells": self._cells, "classes": self._classes}
        parameters = nb201_parameters(rows, in_channels=self._image_shape[0], **measures)
        return np.stack([parameters, nb201_flops(rows, image_shape=self._image_shape, **measures)], axis=1)

    def _count_efficientnet(self, rows: np.ndarray) -> np.ndarray:
        layouts = (efficientnet_layout(tuple(row), self._size, large=self._is_large) for row in rows.tolist())
        counts = [layout_counts(layout, self._image_shape[0], self._classes) for layout in layouts]
        return np.array(counts).reshape(-1, 2)

    def _count_fbnet(self, rows: np.ndarray) -> np.ndarray:
        fixed, layers = self._fbnet_costs
        return np.asarray(fixed + layers[np.arange(len(layers)), rows].sum(axis=1))

    @cached_property
    def _fbnet_costs(self) -> tuple[np.ndarray, np.ndarray]:
        """Costs of the fixed part, shape (2,), and of each block of each layer, shape (22, 9, 2)."""
        dataset = "imagenet" if self._is_large else "cifar100"
        first = (0,) * len(self._space.choices)
        with torch.device("meta"):
            network = FbNetNetwork(first, dataset=dataset, classes=self._classes, in_channels=self._image_shape[0])
        size = _halve(self._size, 2 if self._is_large else 1)
        layers = []
        for shape in layer_shapes(dataset):
            costs = [
                _count_module(lambda b=block, s=shape: build_fbnet_layer(b, s), shape.channels_in, size)  # type: ignore[misc]
                for block in FBNET_BLOCKS.values()
            ]
            layers.append(costs)
            size = _halve(size, shape.stride)
        table = np.array(layers)
        total = np.array([count_parameters(network), count_flops(network, self._image_shape)])
        return total - table[:, 0].sum(axis=0), table

    def _count_darts(self, rows: np.ndarray) -> np.ndarray:
        fixed, edges = self._darts_costs
        return np.asarray(fixed + DartsSpace().encode(rows) @ edges.reshape(-1, 2))

    @cached_property
    def _darts_costs(self) -> tuple[np.ndarray, np.ndarray]:
        """Costs of the fixed part, shape (2,), and of the operations, shape (2, edges, operations, 2)."""
        edges = np.zeros((len(DARTS_CELL_TYPES), len(DARTS_EDGES), len(DARTS_OPERATIONS), 2))
        stem = self._stem_channels
        sizes = [
            [spec.image_size for spec in cell_specs(stem, self._channels, self._cells, side)]
            for side in self._cell_input_size
        ]
        for spec, *size in zip(cell_specs(stem, self._channels, self._cells, 0), *sizes, strict=True):
            for code, name in enumerate(DARTS_OPERATIONS):
                inside = _halve((size[0], size[1]), 2 if spec.is_reduction else 1)
                for edge, (_, source) in enumerate(DARTS_EDGES):
                    stride = 2 if spec.is_reduction and source < 2 else 1
                    size_in = (size[0], size[1]) if source < 2 else inside
                    cost = _count_operation("darts", name, spec.channels, stride, size_in)
                    edges[int(spec.is_reduction), edge, code] += cost
        first = (0,) * len(self._space.choices)
        with torch.device("meta"):
            network = DartsNetwork(
                first,
                channels=self._channels,
                cells=self._cells,
                classes=self._classes,
                in_channels=self._image_shape[0],
                imagenet_stem=self._is_large,
            )
        total = np.array([count_parameters(network), count_flops(network, self._image_shape)], dtype=float)
        return total - (DartsSpace().encode([first]) @ edges.reshape(-1, 2))[0], edges

    def _darts_bounds(self) -> np.ndarray:
        fixed, edges = self._darts_costs
        low, high = fixed.copy(), fixed.copy()
        for node in DARTS_NODES:
            inputs = [edge for edge, (to, _) in enumerate(DARTS_EDGES) if to == node]
            low += np.sort(edges[:, inputs].min(axis=2), axis=1)[:, :2].sum(axis=(0, 1))
            high += np.sort(edges[:, inputs].max(axis=2), axis=1)[:, -2:].sum(axis=(0, 1))
        return np.stack([low, high])

    def _count_nasnet(self, rows: np.ndarray) -> np.ndarray:
        space, counts = NasNetSpace(), []
        for row in rows.tolist():
            cells = tuple(space.cell(row, index) for index in (0, 1))
            ends = (len(loose_ends(cells[0])), len(loose_ends(cells[1])))
            total = self._nasnet_frame(ends)
            for index, nodes in enumerate(cells):
                for node in nodes:
                    total = total + self._nasnet_costs[index, int(node.first_input < 2), node.first_operation]
                    total = total + self._nasnet_costs[index, int(node.second_input < 2), node.second_operation]
            counts.append(total)
        return np.array(counts).reshape(-1, 2)

    def _nasnet_frame(self, ends: _Size) -> np.ndarray:
        """Costs of everything but the operations, for cells that concatenate ``ends`` nodes, shape (2,)."""
        if ends not in self._nasnet_frames:
            stem, colours = self._stem_channels, self._image_shape[0]
            area = self._cell_input_size[0] * self._cell_input_size[1]
            counts = np.array(self._stem_cost(colours, stem), dtype=float)
            last = stem
            for shape in nasnet_cell_shapes(stem, self._channels, self._cells, ends, after_reduction=self._is_large):
                weights = (shape.channels_prev_prev + shape.channels_prev) * shape.channels
                counts += weights + 4 * shape.channels, weights * area
                area //= 4 if shape.is_reduction else 1
                last = ends[shape.is_reduction] * shape.channels
            self._nasnet_frames[ends] = counts + (last * self._classes + self._classes)
        return self._nasnet_frames[ends]

    @cached_property
    def _nasnet_frames(self) -> dict[_Size, np.ndarray]:
        return {}

    @cached_property
    def _nasnet_costs(self) -> np.ndarray:
        """Cost of an operation by cell type, whether its input is one of the cell's, and code, shape (2, 2, ops, 2)."""
        costs = np.zeros((2, 2, len(NASNET_OPERATIONS), 2))
        size = self._cell_input_size
        for shape in nasnet_cell_shapes(self._stem_channels, self._channels, self._cells, (1, 1)):
            inside = _halve(size, 2 if shape.is_reduction else 1)
            for code, name in enumerate(NASNET_OPERATIONS):
                for is_cell_input in (0, 1):
                    stride = 2 if shape.is_reduction and is_cell_input else 1
                    size_in = size if is_cell_input else inside
                    cost = _count_operation("nasnet", name, shape.channels, stride, size_in)
                    costs[int(shape.is_reduction), is_cell_input, code] += cost
            size = inside
        return costs

    def _nasnet_bounds(self) -> np.ndarray:
        costs, nodes = self._nasnet_costs, 2 * len(NASNET_NODES)
        low = self._nasnet_frame((1, 1)) + nodes * costs.min(axis=(1, 2)).sum(axis=0)
        high = self._nasnet_frame((len(NASNET_NODES),) * 2) + nodes * costs.max(axis=(1, 2)).sum(axis=0)
        return np.stack([low, high])

    @property
    def _stem_channels(self) -> int:
        return self._channels if self._is_large else STEM_MULTIPLIER * self._channels

    @property
    def _cell_input_size(self) -> _Size:
        """Height and width of the newer input of the first cell."""
        return _halve(_halve(_halve(self._size, 2), 2), 2) if self._is_large else self._size

    def _stem_cost(self, colours: int, stem: int) -> tuple[int, int]:
        """Parameters and multiply-accumulates of the stem."""
        if not self._is_large:
            weights = 9 * colours * stem
            return weights + 2 * stem, weights * self._size[0] * self._size[1]
        half, size = stem // 2, self._size
        parameters, macs = 0, 0
        for inputs, outputs in ((colours, half), (half, stem), (stem, stem)):
            size = _halve(size, 2)
            parameters += 9 * inputs * outputs + 2 * outputs
            macs += 9 * inputs * outputs * size[0] * size[1]
        return parameters, macs


@lru_cache(maxsize=1024)
def _count_operation(kind: str, name: str, channels: int, stride: int, size: _Size) -> tuple[int, int]:
    """Parameters and multiply-accumulates of a cell's operation."""
    if kind == "darts":
        return _count_module(lambda: build_darts_operation(name, channels, stride, affine=True), channels, size)
    return _count_module(lambda: build_nasnet_operation(name, channels, stride), channels, size)


def _count_module(build: Callable[[], nn.Module], channels: int, size: _Size) -> tuple[int, int]:
    with torch.device("meta"):
        module = build()
    return count_parameters(module), count_flops(module, (channels, *size))


def _halve(size: _Size, stride: int) -> _Size:
    return -(-size[0] // stride), -(-size[1] // stride)
