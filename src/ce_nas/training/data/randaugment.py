"""RandAugment on a batch of images, floats from 0 to 255.

Sources
    [AutoAugment] Cubuk et al. AutoAugment: Learning Augmentation Strategies from Data. CVPR 2019: the operations and
        the ranges of their strengths.
    [RandAugment] Cubuk, Zoph, Shlens, Le. RandAugment: Practical Automated Data Augmentation with a Reduced Search
        Space. NeurIPS 2020: 14 operations, each image takes ``count`` of them in turn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from ce_nas.training.data.colours import blend, grey

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["OPERATIONS", "rand_augment"]

#: strength at which the ranges end
_MAX_MAGNITUDE = 10.0
#: colour of what a rotation or a shift uncovers
_FILL = 128.0


def rand_augment(images: Tensor, count: int, magnitude: float, generator: torch.Generator) -> Tensor:
    """Each image after ``count`` operations drawn with replacement, all of strength ``magnitude`` of 10.

    An operation with a direction takes either one at random.

    :param images: shape ``(n, channels, height, width)``.
    """
    level = magnitude / _MAX_MAGNITUDE
    names = list(OPERATIONS)
    for _ in range(count):
        chosen = torch.randint(len(names), (len(images),), generator=generator, device=images.device)
        signs = torch.randint(2, (len(images),), generator=generator, device=images.device).float() * 2.0 - 1.0
        for code, name in enumerate(names):
            rows = (chosen == code).nonzero()[:, 0]
            if len(rows):
                changed = OPERATIONS[name](images[rows], level * signs[rows][:, None, None, None])
                images = images.index_copy(0, rows, changed.clamp(0.0, 255.0))
    return images


def _auto_contrast(images: Tensor, _: Tensor) -> Tensor:
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    return torch.where(high > low, (images - low) * 255.0 / (high - low).clamp(min=1e-6), images)


def _equalise(images: Tensor, _: Tensor) -> Tensor:
    """Every channel with an even histogram; a channel of a single value stays."""
    n, channels, height, width = images.shape
    values = images.round().clamp(0, 255).long().reshape(n * channels, height * width)
    histogram = torch.zeros(n * channels, 256, device=images.device)
    histogram.scatter_add_(1, values, torch.ones_like(values, dtype=torch.float32))
    last = 255 - (histogram.flip(1) > 0).to(torch.int8).argmax(dim=1, keepdim=True)
    step = torch.div(height * width - histogram.gather(1, last), 255, rounding_mode="floor")
    before = histogram.cumsum(dim=1) - histogram
    table = torch.div(before + torch.div(step, 2, rounding_mode="floor"), step.clamp(min=1), rounding_mode="floor")
    even = table.clamp(0, 255).gather(1, values).reshape(images.shape)
    return torch.where(step.reshape(n, channels, 1, 1) > 0, even, images)


def _posterise(images: Tensor, level: Tensor) -> Tensor:
    """4 to 8 of the 8 bits are kept."""
    steps = 2.0 ** (4.0 * level.abs()).floor()
    return (images / steps).floor() * steps


def _solarise(images: Tensor, level: Tensor) -> Tensor:
    return torch.where(images >= 256.0 * (1.0 - level.abs()), 255.0 - images, images)


def _saturation(images: Tensor, level: Tensor) -> Tensor:
    return blend(images, grey(images), 1.0 + 0.9 * level)


def _contrast(images: Tensor, level: Tensor) -> Tensor:
    return blend(images, grey(images).mean(dim=(2, 3), keepdim=True), 1.0 + 0.9 * level)


def _brightness(images: Tensor, level: Tensor) -> Tensor:
    return images * (1.0 + 0.9 * level)


def _sharpness(images: Tensor, level: Tensor) -> Tensor:
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1, 1] = 5.0
    channels = images.shape[1]
    smooth = functional.conv2d(images, (kernel / 13.0).expand(channels, 1, 3, 3), groups=channels)
    blurred = images.clone()
    blurred[:, :, 1:-1, 1:-1] = smooth
    return blend(images, blurred, 1.0 + 0.9 * level)


def _rotate(images: Tensor, level: Tensor) -> Tensor:
    angle = level[:, 0, 0, 0] * math.radians(30.0)
    cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return _transform(images, [cosine, sine, zero, -sine, cosine, zero])


def _shear_x(images: Tensor, level: Tensor) -> Tensor:
    shear = 0.3 * level[:, 0, 0, 0]
    one, zero = torch.ones_like(shear), torch.zeros_like(shear)
    return _transform(images, [one, shear, zero, zero, one, zero])


def _shear_y(images: Tensor, level: Tensor) -> Tensor:
    shear = 0.3 * level[:, 0, 0, 0]
    one, zero = torch.ones_like(shear), torch.zeros_like(shear)
    return _transform(images, [one, zero, zero, shear, one, zero])


def _translate_x(images: Tensor, level: Tensor) -> Tensor:
    shift = 0.9 * level[:, 0, 0, 0]  # 0.45 of the width: the coordinates go from -1 to 1
    one, zero = torch.ones_like(shift), torch.zeros_like(shift)
    return _transform(images, [one, zero, shift, zero, one, zero])


def _translate_y(images: Tensor, level: Tensor) -> Tensor:
    shift = 0.9 * level[:, 0, 0, 0]
    one, zero = torch.ones_like(shift), torch.zeros_like(shift)
    return _transform(images, [one, zero, zero, zero, one, shift])


def _transform(images: Tensor, entries: list[Tensor]) -> Tensor:
    """Each image by an affine map of its coordinates, the nearest pixel; what is uncovered is grey."""
    theta = torch.stack(entries, dim=1).reshape(-1, 2, 3)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images - _FILL, grid, mode="nearest", align_corners=False) + _FILL


#: name to operation on images and the signed strength, shape ``(n, 1, 1, 1)``, from -1 to 1
OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "identity": lambda images, _: images,
    "auto_contrast": _auto_contrast,
    "equalise": _equalise,
    "rotate": _rotate,
    "solarise": _solarise,
    "saturation": _saturation,
    "posterise": _posterise,
    "contrast": _contrast,
    "brightness": _brightness,
    "sharpness": _sharpness,
    "shear_x": _shear_x,
    "shear_y": _shear_y,
    "translate_x": _translate_x,
    "translate_y": _translate_y,
}
