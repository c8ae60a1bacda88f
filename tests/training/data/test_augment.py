import numpy as np
import torch

from ce_nas.training.data.augment import augment, mixup
from ce_nas.training.recipe import Recipe

NO_AUGMENTATION = {"shift": 0, "flip": False, "cutout": 0}


def batch(n=64, side=8):
    return torch.arange(n * side * side, dtype=torch.float32).reshape(n, 1, side, side) + 1


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_no_augmentation_returns_the_images():
    assert torch.equal(augment(batch(), Recipe(**NO_AUGMENTATION), generator()), batch())


def test_the_same_generator_augments_equally():
    recipe = Recipe(shift=2, flip=True, cutout=3)
    first, again, other = (augment(batch(), recipe, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_flips_mirror_about_half():
    augmented = augment(batch(), Recipe(**{**NO_AUGMENTATION, "flip": True}), generator())
    mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(augmented, batch(), strict=True)]
    kept = [torch.equal(new, old) for new, old in zip(augmented, batch(), strict=True)]
    assert all(map(any, zip(mirrored, kept, strict=True)))
    assert 16 < sum(mirrored) < 48


def test_shifts_pad_with_zeros():
    augmented = augment(batch(), Recipe(**{**NO_AUGMENTATION, "shift": 2}), generator())
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


def test_cutout_zeroes_one_square():
    augmented = augment(batch(), Recipe(**{**NO_AUGMENTATION, "cutout": 4}), generator())
    for new in augmented[:, 0]:
        rows, columns = np.nonzero((new == 0).numpy())
        assert 0 < len(rows) <= 25
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_mixup_interpolates_images():
    images, others, share = mixup(batch(), 0.4, generator())
    assert 0 <= float(share) <= 1
    torch.testing.assert_close(images, share * batch() + (1 - share) * batch()[others])
    assert sorted(others.tolist()) == list(range(64))


def test_mixup_weights_follow_the_beta_distribution():
    alpha = 0.3
    shares = np.array([float(mixup(batch(2), alpha, generator(seed))[2]) for seed in range(600)])
    variance = 1 / (4 * (2 * alpha + 1))  # of Beta(a, a)
    assert abs(shares.mean() - 0.5) < 0.05
    assert abs(shares.var() - variance) < 0.02
