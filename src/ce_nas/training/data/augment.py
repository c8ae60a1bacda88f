"""Random changes of a batch of images, made where the images lie; each is drawn from a generator handed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from ce_nas.training.recipe import Recipe

__all__ = ["augmented", "mixed"]


def augmented(images: Tensor, recipe: Recipe, draws: torch.Generator) -> Tensor:
    """The images shifted, mirrored and blanked in part, each in a way of its own.

    :param images: shape ``(n, channels, height, width)``, normalised: what is blanked or shifted in is 0.
    """
    if recipe.shift:
        images = _shifted(images, recipe.shift, draws)
    if recipe.flip:
        mirror = torch.rand(len(images), generator=draws, device=images.device) < 0.5
        images = torch.where(mirror[:, None, None, None], images.flip(3), images)
    if recipe.cutout:
        images = _blanked(images, recipe.cutout, draws)
    return images


def mixed(images: Tensor, alpha: float, draws: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Each image mixed with another one [mixup]: the mixtures, the others' rows, and the share of the image itself.

    One share is drawn for the batch, from Beta(``alpha``, ``alpha``); shape of the share ``()``.
    """
    # two gamma variates make a beta variate; torch's own sampler takes no generator, so they are made of uniform ones
    share = _beta(alpha, draws, images.device).to(images.dtype)
    others = torch.randperm(len(images), generator=draws, device=images.device)
    return share * images + (1 - share) * images[others], others, share


def _beta(alpha: float, draws: torch.Generator, device: torch.device) -> Tensor:
    """One draw from Beta(alpha, alpha), by Jöhnk's rejection: the first of 64 pairs that fits, else one half."""
    pairs = torch.rand(2, 64, generator=draws, device=device, dtype=torch.float64) ** (1.0 / alpha)
    sums = pairs.sum(dim=0)
    fits = (sums <= 1.0) & (sums > 0.0)
    first = fits.to(torch.int8).argmax()
    return torch.where(fits.any(), pairs[0, first] / sums[first], torch.full_like(sums[0], 0.5))


def _shifted(images: Tensor, by: int, draws: torch.Generator) -> Tensor:
    """Each image moved by up to ``by`` pixels up, down, left and right; zeros come in."""
    n, _, height, width = images.shape
    padded = functional.pad(images, (by, by, by, by))
    offsets = torch.randint(0, 2 * by + 1, (2, n), generator=draws, device=images.device)
    rows = offsets[0, :, None] + torch.arange(height, device=images.device)
    columns = offsets[1, :, None] + torch.arange(width, device=images.device)
    which = torch.arange(n, device=images.device)[:, None, None]
    # indices apart from one another bring their dimensions to the front: (n, height, width, channels)
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _blanked(images: Tensor, side: int, draws: torch.Generator) -> Tensor:
    """A square of each image set to 0, its middle anywhere in the image [cutout]."""
    n, _, height, width = images.shape
    middle = torch.rand(2, n, generator=draws, device=images.device)
    rows = (torch.arange(height, device=images.device) - (middle[0, :, None] * height).floor()).abs() * 2
    columns = (torch.arange(width, device=images.device) - (middle[1, :, None] * width).floor()).abs() * 2
    inside = (rows <= side)[:, :, None] & (columns <= side)[:, None, :]
    return images.masked_fill(inside[:, None], 0.0)
