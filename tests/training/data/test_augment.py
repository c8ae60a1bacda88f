import numpy as np
import pytest
import torch

from ce_nas.training.data.augment import augment, centre_crop, cutout, mixup, resized_crop
from ce_nas.training.recipe import Recipe

NO_AUGMENTATION = {"shift": 0, "flip": False, "cutout": 0}


def batch(n=64, side=8):
    return (torch.arange(n * side * side) % 200).to(torch.uint8).reshape(n, 1, side, side) + 1


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_no_augmentation_returns_the_images():
    assert torch.equal(augment(batch(), Recipe(**NO_AUGMENTATION), generator()), batch())


def test_the_same_generator_augments_equally():
    recipe = Recipe(shift=2, flip=True, colour=0.4, randaugment=2)
    first, again, other = (augment(batch(), recipe, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_flips_mirror_about_half():
    augmented = augment(batch(), Recipe(**{**NO_AUGMENTATION, "flip": True}), generator())
    mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(augmented, batch(), strict=True)]
    kept = [torch.equal(new, old) for new, old in zip(augmented, batch(), strict=True)]
    assert all(map(any, zip(mirrored, kept, strict=True)))
    assert 16 < sum(mirrored) < 48


def test_the_flipped_images_can_be_stated():
    mirrored = torch.arange(64) % 2 == 0
    augmented = augment(batch(), Recipe(**{**NO_AUGMENTATION, "flip": True}), generator(), mirrored)
    assert torch.equal(augmented[::2], batch()[::2].flip(3))
    assert torch.equal(augmented[1::2], batch()[1::2])


def test_shifts_pad_the_bytes_with_black():
    augmented = augment(batch(), Recipe(**{**NO_AUGMENTATION, "shift": 2}), generator())
    assert augmented.dtype == torch.uint8  # before the normalisation, after which black is below the mean
    seen = set()
    for new, old in zip(augmented[:, 0], batch()[:, 0], strict=True):
        padded = torch.nn.functional.pad(old, (2, 2, 2, 2))
        offsets = [
            (down, right) for down in range(5) for right in range(5)
            if torch.equal(padded[down : down + 8, right : right + 8], new)
        ]  # fmt: skip
        assert len(offsets) == 1
        seen.add(offsets[0])
    assert len(seen) > 10


@pytest.mark.parametrize(("size", "before", "after"), [(16, 8, 7), (4, 2, 1), (3, 1, 1)])
def test_cutout_covers_its_size_and_no_more(size, before, after):
    """Published: rows from the centre minus half the size up to, without, the centre plus half the size."""
    covered = cutout(torch.ones(400, 1, 32, 32), size, generator())
    areas = []
    for image in covered[:, 0]:
        rows, columns = np.nonzero((image == 0).numpy())
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) == height * width
        areas.append((height, width))
    assert max(areas) == (size, size)
    assert min(height for height, _ in areas) == min(before, after) + (before != after or size % 2)
    whole = sum(area == (size, size) for area in areas) / len(areas)
    assert abs(whole - ((32 - size + 1) / 32) ** 2) < 0.1


def test_mixup_interpolates_images():
    images, others = mixup(batch().float(), 0.25, generator())
    torch.testing.assert_close(images, 0.25 * batch() + 0.75 * batch()[others])
    assert sorted(others.tolist()) == list(range(64))


def test_a_resized_crop_of_the_whole_image_is_the_image():
    """With the smallest area 1, no rectangle but the square of the whole image fits."""
    images = torch.rand(32, 3, 12, 12, generator=generator()) * 255
    found = resized_crop(images, 12, 1.0, generator())
    torch.testing.assert_close(found, images, atol=1e-3, rtol=0)


def test_resized_crops_have_the_published_areas_and_shapes():
    """On an image whose values are its coordinates, a crop's corners tell its sides."""
    side = 64
    line = torch.arange(side).float()
    pixels = torch.stack([line[None, :].expand(side, side), line[:, None].expand(side, side)]).expand(3000, 2, -1, -1)
    found = resized_crop(pixels, 64, 0.08, generator())
    widths = (found[:, 0, 0, -2] - found[:, 0, 0, 1]) * 64 / 61
    heights = (found[:, 1, -2, 0] - found[:, 1, 1, 0]) * 64 / 61
    areas, ratios = widths * heights / side**2, widths / heights
    assert 0.06 < float(areas.min()) < 0.1
    assert 0.4 < float(areas.mean()) < 0.56  # uniform from 0.08 to 1, of which the largest and oblong do not fit
    assert 0.7 < float(ratios.min()) < 0.8
    assert 1.25 < float(ratios.max()) < 1.45
    assert abs(float(ratios.log().mean())) < 0.02


def test_crops_have_their_side_and_the_centre_is_evaluated():
    augmented = augment(batch(4), Recipe(**NO_AUGMENTATION, crop=6), generator())
    assert augmented.shape == (4, 1, 6, 6)
    assert torch.equal(centre_crop(batch(4), 6), batch(4)[:, :, 1:7, 1:7])
    assert torch.equal(centre_crop(batch(4), 0), batch(4))
