import numpy as np
import torch

from ce_nas.training.data.augment import augmented, mixed
from ce_nas.training.recipe import Recipe

NOTHING = {"shift": 0, "flip": False, "cutout": 0}


def batch(n=64, side=8):
    return torch.arange(n * side * side, dtype=torch.float32).reshape(n, 1, side, side) + 1


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def test_nothing_asked_nothing_changed():
    assert torch.equal(augmented(batch(), Recipe(**NOTHING), draws()), batch())


def test_the_same_draws_change_alike():
    recipe = Recipe(shift=2, flip=True, cutout=3)
    first, again, other = (augmented(batch(), recipe, draws(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_flip_mirrors_about_half():
    found = augmented(batch(), Recipe(**{**NOTHING, "flip": True}), draws())
    mirrored = [torch.equal(new, old.flip(2)) for new, old in zip(found, batch(), strict=True)]
    kept = [torch.equal(new, old) for new, old in zip(found, batch(), strict=True)]
    assert all(one or other for one, other in zip(mirrored, kept, strict=True))
    assert 16 < sum(mirrored) < 48


def test_a_shift_moves_the_picture_and_brings_zeros_in():
    found = augmented(batch(), Recipe(**{**NOTHING, "shift": 2}), draws())
    seen = set()
    for new, old in zip(found[:, 0], batch()[:, 0], strict=True):
        padded = torch.nn.functional.pad(old, (2, 2, 2, 2))
        places = [
            (down, right) for down in range(5) for right in range(5)
            if torch.equal(padded[down : down + 8, right : right + 8], new)
        ]  # fmt: skip
        assert len(places) == 1
        seen.add(places[0])
    assert len(seen) > 10


def test_cutout_blanks_one_square_of_at_most_its_side():
    found = augmented(batch(), Recipe(**{**NOTHING, "cutout": 4}), draws())
    for new in found[:, 0]:
        rows, columns = np.nonzero((new == 0).numpy())
        assert 0 < len(rows) <= 25
        assert len(rows) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_mixtures_lie_between_the_images():
    images, others, share = mixed(batch(), 0.4, draws())
    assert 0 <= float(share) <= 1
    torch.testing.assert_close(images, share * batch() + (1 - share) * batch()[others])
    assert sorted(others.tolist()) == list(range(64))


def test_shares_of_mixtures_follow_their_distribution():
    alpha = 0.3
    shares = np.array([float(mixed(batch(2), alpha, draws(seed))[2]) for seed in range(600)])
    variance = 1 / (4 * (2 * alpha + 1))  # of Beta(a, a)
    assert abs(shares.mean() - 0.5) < 0.05
    assert abs(shares.var() - variance) < 0.02
