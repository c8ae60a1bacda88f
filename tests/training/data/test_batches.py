import numpy as np
import torch

from ce_nas.training.data.batches import PixelNormaliser, TrainingBatches
from ce_nas.training.data.images import Images, build_image_dataset

CPU = torch.device("cpu")


def images(n=10):
    pixels = np.random.default_rng(0).integers(0, 256, size=(n, 3, 4, 4), dtype=np.uint8)
    return Images(pixels, np.arange(n) % 2)


def test_the_last_batch_is_kept_unless_it_is_one_image():
    kept = TrainingBatches(images(), 4, keep_last=True, seed=0, device=CPU)
    assert [len(kept.rows(step)) for step in range(6)] == [4, 4, 2, 4, 4, 2]
    assert TrainingBatches(images(), 4, keep_last=False, seed=0, device=CPU).per_epoch == 2
    assert TrainingBatches(images(9), 4, keep_last=True, seed=0, device=CPU).per_epoch == 2
    assert TrainingBatches(images(3), 256, keep_last=True, seed=0, device=CPU).per_epoch == 1


def test_an_epoch_has_every_image_once_in_a_new_order():
    batches = TrainingBatches(images(), 4, keep_last=True, seed=3, device=CPU)
    epochs = [torch.cat([batches.rows(3 * epoch + step) for step in range(3)]) for epoch in range(2)]
    assert all(sorted(epoch.tolist()) == list(range(10)) for epoch in epochs)
    assert not torch.equal(*epochs)
    again = TrainingBatches(images(), 4, keep_last=True, seed=3, device=CPU)
    assert torch.equal(again.rows(4), batches.rows(4))  # a function of the step, not of the steps before


def test_each_image_is_flipped_in_every_second_epoch():
    batches = TrainingBatches(images(), 5, keep_last=True, seed=0, device=CPU)
    flips = []
    for epoch in range(4):
        flipped = torch.zeros(10, dtype=torch.bool)
        for step in (2 * epoch, 2 * epoch + 1):
            flipped[batches.rows(step)] = batches.mirrored(step)
        flips.append(flipped)
    assert torch.equal(flips[0], ~flips[1])
    assert torch.equal(flips[0], flips[2])
    assert 0 < int(flips[0].sum()) < 10


def test_pixels_are_normalised_per_channel():
    data = build_image_dataset("synthetic", "a test", images(), images(), 2)
    found = PixelNormaliser(data, CPU)(torch.from_numpy(data.train.pixels))
    torch.testing.assert_close(found.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std(dim=(0, 2, 3), correction=0), torch.ones(3))
