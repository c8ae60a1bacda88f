import colorsys

import pytest
import torch

from ce_nas.training.data.colours import adjust_hue, blend, grey, jitter_colours


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_grey_has_the_weights_of_bt_601():
    image = torch.tensor([200.0, 100.0, 50.0])[None, :, None, None]
    assert float(grey(image)) == pytest.approx(0.299 * 200 + 0.587 * 100 + 0.114 * 50)


@pytest.mark.parametrize("shift", [0.1, -0.3, 0.5])
def test_hue_shifts_in_the_hsv_model(shift):
    colours = torch.rand(50, 3, 1, 1, generator=generator()) * 255
    found = adjust_hue(colours, torch.full((50, 1, 1), shift))
    for before, after in zip(colours[:, :, 0, 0].tolist(), found[:, :, 0, 0].tolist(), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(one / 255 for one in before))
        expected = colorsys.hsv_to_rgb((hue + shift) % 1.0, saturation, value)
        assert after == pytest.approx([255 * one for one in expected], abs=1e-2)


def test_blend_stays_within_the_bytes():
    assert blend(torch.tensor([200.0]), torch.tensor([0.0]), torch.tensor(2.0)).item() == 255.0


def test_jitter_keeps_the_range_and_changes_images_independently():
    images = torch.rand(8, 3, 6, 6, generator=generator()) * 255
    found = jitter_colours(images, 0.4, 0.2, generator())
    assert found.min() >= 0
    assert found.max() <= 255
    assert len({round(float(ratio), 3) for ratio in found.mean(dim=(1, 2, 3)) / images.mean(dim=(1, 2, 3))}) == 8


def test_brightness_alone_has_factors_around_one():
    images = torch.full((4000, 1, 2, 2), 100.0)  # even and grey: contrast and saturation change nothing
    factors = jitter_colours(images, 0.4, 0.0, generator())[:, 0, 0, 0] / 100
    assert 0.6 <= float(factors.min()) < 0.61
    assert 1.39 < float(factors.max()) <= 1.4
