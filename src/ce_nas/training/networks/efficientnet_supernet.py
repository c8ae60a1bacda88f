"""The supernet of EfficientNet's space: every block at its largest, of which a path uses a part [OFA].

Sources
    [OFA] Cai, Gan, Wang, Zhang, Han. Once-for-All: Train One Network and Specialize It for Efficient Deployment. ICLR
    2020: smaller kernels are the centre of the largest, fewer channels its first ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from ce_nas.space.efficientnet import EfficientNetSpace, efficientnet_layout, squeezed
from ce_nas.training.networks.efficientnet_network import NORM_EPSILON, NORM_MOMENTUM, initialise_by_fan_out
from ce_nas.training.networks.supernet import Supernet

if TYPE_CHECKING:
    from ce_nas.core.records import Architecture
    from ce_nas.space.efficientnet import MbConvBlock

__all__ = ["EfficientNetSupernet"]


class EfficientNetSupernet(Supernet):
    """The largest network; :attr:`path` selects depth, width, kernel, expansion, and resolution of the next pass.

    :param image_size: height and width of the images.
    :param large: ImageNet's strides.
    :param classes: outputs of the classifier.
    :param in_channels: channels of an image.
    """

    def __init__(self, *, image_size: tuple[int, int], large: bool, classes: int = 1000, in_channels: int = 3) -> None:
        super().__init__()
        space = EfficientNetSpace()
        self.path: Architecture = space.b0
        self._image_size, self._large = image_size, large
        largest = tuple(len(names) - 1 for names in space.choices)
        layout = efficientnet_layout(largest, image_size, large=large)
        self.stem = nn.Conv2d(in_channels, layout.stem_channels, 3, layout.stem_stride, 1, bias=False)
        self.stem_norm = _ElasticNorm(layout.stem_channels, NORM_EPSILON, NORM_MOMENTUM)
        depths = [int(names[-1]) for name, names in zip(space.variables, space.choices, strict=True) if "depth" in name]
        blocks = iter(layout.blocks)
        self.stages = nn.ModuleList(
            [nn.ModuleList([_ElasticMbConv(next(blocks)) for _ in range(depth)]) for depth in depths]
        )
        self.head = nn.Conv2d(layout.blocks[-1].channels_out, layout.head_channels, 1, bias=False)
        self.head_norm = _ElasticNorm(layout.head_channels, NORM_EPSILON, NORM_MOMENTUM)
        self.classifier = nn.Linear(layout.head_channels, classes)
        self._depth_variables = [index for index, name in enumerate(space.variables) if "depth" in name]
        self._depth_choices = [list(map(int, space.choices[index])) for index in self._depth_variables]
        initialise_by_fan_out(self)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the current path, shape ``(n, classes)``, of images of shape ``(n, in_channels, h, w)``."""
        layout = efficientnet_layout(self.path, self._image_size, large=self._large)
        if tuple(images.shape[2:]) != layout.resolution:
            images = functional.interpolate(images, layout.resolution, mode="bilinear", align_corners=False)
        x = functional.silu(self.stem_norm(self.stem(images)))
        blocks = iter(layout.blocks)
        for stage, variable, depths in zip(self.stages, self._depth_variables, self._depth_choices, strict=True):
            for elastic in list(stage.children())[: depths[self.path[variable]]]:
                block = next(blocks)
                residual = elastic(x, block)
                x = x + residual if block.stride == 1 and block.channels_in == block.channels_out else residual
        x = functional.conv2d(x, self.head.weight[:, : x.shape[1]])
        return self.classifier(functional.silu(self.head_norm(x)).mean(dim=(2, 3)))  # type: ignore[no-any-return]


class _ElasticMbConv(nn.Module):
    """An inverted residual of which the first channels and the kernel's centre are used."""

    def __init__(self, block: MbConvBlock) -> None:
        super().__init__()
        inner = block.channels_in * block.expansion
        self.expand = nn.Conv2d(block.channels_in, inner, 1, bias=False)
        self.depthwise = nn.Conv2d(inner, inner, block.kernel, groups=inner, bias=False)
        self.squeeze = nn.Conv2d(inner, squeezed(block.channels_in), 1)
        self.excite = nn.Conv2d(squeezed(block.channels_in), inner, 1)
        self.project = nn.Conv2d(inner, block.channels_out, 1, bias=False)
        self.norms = nn.ModuleList(
            [_ElasticNorm(width, NORM_EPSILON, NORM_MOMENTUM) for width in (inner, inner, block.channels_out)]
        )

    def forward(self, x: Tensor, block: MbConvBlock) -> Tensor:
        """The residual of ``block``, no part of which is larger than this one."""
        inner = block.channels_in * block.expansion
        if block.expansion > 1:
            x = functional.conv2d(x, self.expand.weight[:inner, : block.channels_in])
            x = functional.silu(self.norms[0](x))
        margin = (self.depthwise.kernel_size[0] - block.kernel) // 2
        end = margin + block.kernel
        kernel = self.depthwise.weight[:inner, :, margin:end, margin:end]
        x = functional.conv2d(x, kernel, stride=block.stride, padding=block.kernel // 2, groups=inner)
        x = functional.silu(self.norms[1](x))
        if block.squeeze:
            mean = x.mean(dim=(2, 3), keepdim=True)
            first, bias = self.squeeze.weight[: block.squeeze, :inner], self.squeeze.bias
            assert bias is not None  # noqa: S101 - it has one
            mean = functional.silu(functional.conv2d(mean, first, bias[: block.squeeze]))
            second, bias = self.excite.weight[:inner, : block.squeeze], self.excite.bias
            assert bias is not None  # noqa: S101 - it has one
            x = x * functional.conv2d(mean, second, bias[:inner]).sigmoid()
        x = functional.conv2d(x, self.project.weight[: block.channels_out, :inner])
        return self.norms[2](x)  # type: ignore[no-any-return]


class _ElasticNorm(nn.BatchNorm2d):
    """Batch normalisation of the first channels."""

    def forward(self, x: Tensor) -> Tensor:
        """``x``, shape ``(n, channels, h, w)`` with at most as many channels as this module, normalised."""
        width, share = x.shape[1], 0.0 if self.momentum is None else self.momentum
        mean, variance, batches = self.running_mean, self.running_var, self.num_batches_tracked
        assert mean is not None  # noqa: S101 - statistics are tracked
        assert variance is not None  # noqa: S101
        assert batches is not None  # noqa: S101
        if self.training:
            batches.add_(1)
            share = 1.0 / float(batches) if self.momentum is None else self.momentum
        return functional.batch_norm(
            x, mean[:width], variance[:width], self.weight[:width], self.bias[:width], self.training, share, self.eps
        )
