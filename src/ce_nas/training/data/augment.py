"""Random augmentation of a batch of images on its device, drawn from a given generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from ce_nas.training.recipe import Recipe

__all__ = ["augment", "mixup"]


def augment(images: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """The images with independent random shifts, flips and cutouts.

    :param images: shape ``(n, channels, height, width)``, normalised: shifted-in and cut-out pixels are 0.
    """
    if recipe.shift:
        images = _random_shift(images, recipe.shift, generator)
    if recipe.flip:
        mirror = torch.rand(len(images), generator=generator, device=images.device) < 0.5
        images = torch.where(mirror[:, None, None, None], images.flip(3), images)
    if recipe.cutout:
        images = _cutout(images, recipe.cutout, generator)
    return images


def mixup(images: Tensor, alpha: float, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Each image mixed with another one [mixup]: the mixtures, the others' rows, and the weight of the image itself.

    One weight, shape ``()``, is drawn for the batch from Beta(``alpha``, ``alpha``).
    """
    # torch's beta sampler accepts no generator
    share = _sample_beta(alpha, generator, images.device).to(images.dtype)
    others = torch.randperm(len(images), generator=generator, device=images.device)
    return share * images + (1 - share) * images[others], others, share


def _sample_beta(alpha: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """One draw from Beta(alpha, alpha) by Jöhnk's rejection: the first accepted of 64 pairs, else one half."""
    pairs = torch.rand(2, 64, generator=generator, device=device, dtype=torch.float64) ** (1.0 / alpha)
    sums = pairs.sum(dim=0)
    accepted = (sums <= 1.0) & (sums > 0.0)
    first = accepted.to(torch.int8).argmax()
    return torch.where(accepted.any(), pairs[0, first] / sums[first], torch.full_like(sums[0], 0.5))


def _random_shift(images: Tensor, max_shift: int, generator: torch.Generator) -> Tensor:
    """Each image shifted by up to ``max_shift`` pixels in both directions, padded with zeros."""
    n, _, height, width = images.shape
    padded = functional.pad(images, (max_shift, max_shift, max_shift, max_shift))
    offsets = torch.randint(0, 2 * max_shift + 1, (2, n), generator=generator, device=images.device)
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = offsets[1, :, None] + torch.arange(width, device=images.device)
    image_index = torch.arange(n, device=images.device)[:, None, None]
    # separated index arrays move their dimensions to the front: (n, height, width, channels)
    return padded[image_index, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cutout(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """A square of each image set to 0, its centre uniform in the image [cutout]."""
    n, _, height, width = images.shape
    centre = torch.rand(2, n, generator=generator, device=images.device)
    rows = (torch.arange(height, device=images.device) - (centre[0, :, None] * height).floor()).abs() * 2
    columns = (torch.arange(width, device=images.device) - (centre[1, :, None] * width).floor()).abs() * 2
    inside = (rows <= size)[:, :, None] & (columns <= size)[:, None, :]
    return images.masked_fill(inside[:, None], 0.0)
