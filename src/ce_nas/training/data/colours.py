"""Random colours of a batch of images, floats from 0 to 255.

Sources
    [AlexNet] Krizhevsky, Sutskever, Hinton. ImageNet Classification with Deep Convolutional Neural Networks. NeurIPS
    2012; the grey value is that of ITU-R BT.601.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["adjust_hue", "blend", "grey", "jitter_colours"]

_GREY_WEIGHTS = (0.299, 0.587, 0.114)


def jitter_colours(images: Tensor, strength: float, hue: float, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, saturation and hue of each image changed at random.

    Each factor is uniform from ``1 - strength`` (at least 0) to ``1 + strength``, the hue's shift from ``-hue`` to
    ``hue`` of the circle. The four come in one random order for the batch; grey images have no saturation or hue.

    :param images: shape ``(n, channels, height, width)``.
    """
    draws = torch.rand(4, len(images), generator=generator, device=images.device)[:, :, None, None, None]
    factors = max(1.0 - strength, 0.0) + (1.0 + strength - max(1.0 - strength, 0.0)) * draws[:3]
    for change in torch.randperm(4, generator=generator, device=images.device).tolist():
        if change == 0 and strength:
            images = blend(images, torch.zeros_like(images), factors[0])
        elif change == 1 and strength:
            images = blend(images, grey(images).mean(dim=(2, 3), keepdim=True), factors[1])
        elif change == 2 and strength and images.shape[1] == 3:
            images = blend(images, grey(images), factors[2])
        elif change == 3 and hue and images.shape[1] == 3:
            images = adjust_hue(images, (2.0 * draws[3] - 1.0)[:, :, 0] * hue)
    return images


def blend(images: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """``share`` of the images and the rest of ``other``, within 0 to 255."""
    return (share * images + (1.0 - share) * other).clamp(0.0, 255.0)


def grey(images: Tensor) -> Tensor:
    """The grey value of each pixel, shape ``(n, 1, height, width)``."""
    if images.shape[1] != 3:
        return images
    weights = torch.tensor(_GREY_WEIGHTS, device=images.device)[:, None, None]
    return (images * weights).sum(dim=1, keepdim=True)


def adjust_hue(images: Tensor, shift: Tensor) -> Tensor:
    """The images with their hue shifted, in the HSV model; value and saturation stay.

    :param shift: share of the circle, broadcast to ``(n, height, width)``.
    """
    value, brightest = images.max(dim=1)
    span = value - images.min(dim=1).values
    red, green, blue = images.unbind(dim=1)
    safe = torch.where(span > 0, span, torch.ones_like(span))
    sixths = torch.where(
        brightest == 0,
        (green - blue) / safe,
        torch.where(brightest == 1, 2.0 + (blue - red) / safe, 4.0 + (red - green) / safe),
    )
    sixths = (sixths / 6.0 + shift).remainder(1.0) * 6.0

    def channel(offset: float) -> Tensor:
        position = (sixths + offset).remainder(6.0)
        return value - span * torch.minimum(position, 4.0 - position).clamp(0.0, 1.0)

    return torch.stack([channel(5.0), channel(3.0), channel(1.0)], dim=1)
