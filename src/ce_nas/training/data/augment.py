"""Random augmentation of a batch of images on its device, drawn from a given generator.

Geometry and colours change the images' bytes, as in the published recipes: what a shift uncovers is black. Cutout comes
after the normalisation, and covers with the mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from ce_nas.training.data.colours import jitter_colours
from ce_nas.training.data.randaugment import rand_augment

if TYPE_CHECKING:
    from ce_nas.training.recipe import Recipe

__all__ = ["augment", "centre_crop", "cutout", "mixup", "resized_crop"]

#: range of a crop's width over its height [Inception], and the draws before the centre is taken
_ASPECT_RATIOS = (3.0 / 4.0, 4.0 / 3.0)
_CROP_DRAWS = 10


def augment(pixels: Tensor, recipe: Recipe, generator: torch.Generator, mirrored: Tensor | None = None) -> Tensor:
    """The images with independent random crops, shifts, flips and colours.

    :param pixels: bytes, shape ``(n, channels, height, width)``; black is 0.
    :param mirrored: which images are flipped, shape ``(n,)``; None: a random half.
    :return: bytes, or floats from 0 to 255 if colours or sizes change.
    """
    if recipe.resized_crop:
        pixels = resized_crop(pixels, recipe.crop or pixels.shape[-1], recipe.resized_crop, generator)
    elif recipe.crop:
        pixels = _random_crop(pixels, recipe.crop, generator)
    if recipe.shift:
        pixels = _random_shift(pixels, recipe.shift, generator)
    if recipe.flip:
        if mirrored is None:
            mirrored = torch.rand(len(pixels), generator=generator, device=pixels.device) < 0.5
        pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
    if recipe.colour or recipe.hue:
        pixels = jitter_colours(pixels.float(), recipe.colour, recipe.hue, generator)
    if recipe.randaugment:
        pixels = rand_augment(pixels.float(), recipe.randaugment, recipe.magnitude, generator)
    return pixels


def mixup(images: Tensor, share: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each image mixed with another one [mixup]: the mixtures and the others' rows.

    :param share: the weight of the image itself, one draw of Beta(alpha, alpha) for the batch.
    """
    others = torch.randperm(len(images), generator=generator, device=images.device)
    return share * images + (1.0 - share) * images[others], others


def cutout(images: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """A square of ``size`` pixels of each image set to 0, its centre uniform in the image [cutout].

    An even square reaches from ``size / 2`` pixels before its centre to ``size / 2 - 1`` after it; at the edges it is
    cut off.

    :param images: normalised, shape ``(n, channels, height, width)``.
    """
    n, _, height, width = images.shape
    centre = torch.rand(2, n, generator=generator, device=images.device)
    first_row = (centre[0] * height).floor() - size // 2
    first_column = (centre[1] * width).floor() - size // 2
    rows = torch.arange(height, device=images.device) - first_row[:, None]
    columns = torch.arange(width, device=images.device) - first_column[:, None]
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    return images.masked_fill(inside[:, None], 0.0)


def resized_crop(pixels: Tensor, side: int, min_area: float, generator: torch.Generator) -> Tensor:
    """A rectangle of random area and shape of each image, resized to a square [Inception].

    Area uniform from ``min_area`` to 1 of the image, the logarithm of width over height uniform between those of 3/4
    and 4/3; of ten draws the first that fits, else the whole image's central square. Bilinear, without a filter against
    aliasing.

    :param side: side of the result, pixels.
    :return: floats from 0 to 255, shape ``(n, channels, side, side)``.
    """
    n, _, height, width = pixels.shape
    draws = torch.rand(4, n, _CROP_DRAWS, generator=generator, device=pixels.device)
    area = (min_area + (1.0 - min_area) * draws[0]) * height * width
    low, high = torch.tensor(_ASPECT_RATIOS).log().tolist()
    ratio = (low + (high - low) * draws[1]).exp()
    widths, heights = (area * ratio).sqrt().round(), (area / ratio).sqrt().round()
    fits = (widths <= width) & (heights <= height)
    first = fits.to(torch.int8).argmax(dim=1, keepdim=True)
    has_fit, square = fits.any(dim=1), float(min(height, width))
    crop_w = torch.where(has_fit, widths.gather(1, first)[:, 0], square)
    crop_h = torch.where(has_fit, heights.gather(1, first)[:, 0], square)
    left_share, top_share = (draw.gather(1, first)[:, 0] for draw in (draws[2], draws[3]))
    left = torch.where(has_fit, (left_share * (width - crop_w + 1)).floor(), (width - crop_w) / 2)
    top = torch.where(has_fit, (top_share * (height - crop_h + 1)).floor(), (height - crop_h) / 2)
    position = (torch.arange(side, device=pixels.device) + 0.5) / side
    x = (left[:, None] + position * crop_w[:, None]) * 2 / width - 1
    y = (top[:, None] + position * crop_h[:, None]) * 2 / height - 1
    grid = torch.stack([x[:, None, :].expand(n, side, side), y[:, :, None].expand(n, side, side)], dim=3)
    return functional.grid_sample(pixels.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)


def centre_crop(pixels: Tensor, side: int) -> Tensor:
    """The central square of ``side`` pixels of each image; the images themselves if ``side`` is 0."""
    if not side:
        return pixels
    top, left = ((length - side) // 2 for length in pixels.shape[2:])
    return pixels[:, :, top : top + side, left : left + side]


def _random_crop(pixels: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """A random square of ``side`` pixels of each image."""
    n, _, height, width = pixels.shape
    draws = torch.rand(2, n, generator=generator, device=pixels.device)
    tops, lefts = (draws[0] * (height - side + 1)).long(), (draws[1] * (width - side + 1)).long()
    return _gather_squares(pixels, tops, lefts, side, side)


def _random_shift(pixels: Tensor, max_shift: int, generator: torch.Generator) -> Tensor:
    """Each image shifted by up to ``max_shift`` pixels in both directions, padded with black."""
    n, _, height, width = pixels.shape
    padded = functional.pad(pixels, (max_shift, max_shift, max_shift, max_shift))
    offsets = torch.randint(0, 2 * max_shift + 1, (2, n), generator=generator, device=pixels.device)
    return _gather_squares(padded, offsets[0], offsets[1], height, width)


def _gather_squares(pixels: Tensor, tops: Tensor, lefts: Tensor, height: int, width: int) -> Tensor:
    """The rectangle of each image that starts at its row and column."""
    rows = tops[:, None] + torch.arange(height, device=pixels.device)
    columns = lefts[:, None] + torch.arange(width, device=pixels.device)
    image_index = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    # separated index arrays move their dimensions to the front: (n, height, width, channels)
    return pixels[image_index, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
