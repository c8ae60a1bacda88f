"""Data-parallel training: several processes of a device each train one network on the same batches.

Every process prepares the whole batch by the same random draws, and passes its part of it forward and backward; the
gradients are averaged by PyTorch's DistributedDataParallel, and batch normalisation uses the statistics of the whole
batch. So the course of a training is that of a single process up to rounding, but for dropped paths and features: each
process draws those of its part.

Sources
    [DDP] Li et al. PyTorch Distributed: Experiences on Accelerating Data Parallel Training. VLDB 2020.
    [SyncBN] Zhang et al. Context Encoding for Semantic Segmentation. CVPR 2018: normalisation across devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BatchPart", "GlobalBatchNorm2d", "distribute", "use_global_batch_norm"]


@dataclass(frozen=True, slots=True)
class BatchPart:
    """Which part of each batch a process trains on.

    Example:
        >>> BatchPart(1, 2).rows(5)
        slice(3, 5, None)
        >>> BatchPart(0, 2).weight(5)  # of three images of five, where the mean is over two processes
        1.2
    """

    #: number of the process, from 0
    rank: int
    processes: int

    def rows(self, count: int) -> slice:
        """The rows of a batch of ``count`` images; the parts differ by one image at most."""
        first, last = (-(-count * number // self.processes) for number in (self.rank, self.rank + 1))
        return slice(first, last)

    def weight(self, count: int) -> float:
        """The weight of this part's mean loss in the mean over the processes, which is that over ``count`` images."""
        rows = self.rows(count)
        images: int = rows.stop - rows.start
        return images * self.processes / count

    def require_images(self, batches: Sequence[int]) -> None:
        """Check that every process has an image of each batch.

        :param batches: sizes of the batches.
        :raises SettingsError: if not.
        """
        if min(batches) < self.processes:
            message = (
                f"Expected batches of {self.processes} images or more for as many processes, got one of "
                f"{min(batches)}; set keep_last = false, or train on fewer devices."
            )
            raise SettingsError(message)


def distribute(network: nn.Module, device: torch.device) -> nn.Module:
    """The network whose gradients are averaged over all processes; its parameters are those of ``network``.

    The process group must be initialised.
    """
    # buckets are never built a second time, so that a resumed training sums in the same order
    return nn.parallel.DistributedDataParallel(
        network,
        device_ids=[device] if device.type == "cuda" else None,
        broadcast_buffers=False,
        find_unused_parameters=True,
    )


def use_global_batch_norm(network: nn.Module, device: torch.device) -> nn.Module:
    """Replace each batch normalisation by one over all processes, with the same parameters and state.

    On GPUs torch's own [SyncBN], which supports no CPU.
    """
    if device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]
        return converted
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = GlobalBatchNorm2d
    return network


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation by the mean and variance of all processes' images [SyncBN]."""

    def forward(self, x: Tensor) -> Tensor:
        """The normalised images, shape unchanged, ``(n, channels, height, width)``."""
        if not self.training:
            return super().forward(x)
        values = x.float()
        count = _sum_over_processes(torch.tensor([float(values[:, 0].numel())]))
        mean = _sum_over_processes(values.sum(dim=(0, 2, 3))) / count
        centred = values - mean[:, None, None]
        variance = _sum_over_processes(centred.square().sum(dim=(0, 2, 3))) / count
        self._update_running(mean.detach(), (variance * count / (count - 1)).detach())
        scale = torch.rsqrt(variance + self.eps)
        if self.affine:
            scale = scale * self.weight
        normalised = centred * scale[:, None, None]
        return (normalised + self.bias[:, None, None] if self.affine else normalised).to(x.dtype)

    def _update_running(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        share = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def _sum_over_processes(values: Tensor) -> Tensor:
    from torch.distributed.nn.functional import all_reduce

    found: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]  # its gradient is the sum of the gradients
    return found
