import pytest
import torch

from ce_nas.training.data.randaugment import OPERATIONS, rand_augment


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def level(value, n=1):
    return torch.full((n, 1, 1, 1), value)


def test_there_are_the_fourteen_published_operations():
    assert len(OPERATIONS) == 14


@pytest.mark.parametrize(
    ("name", "strength", "pixels", "expected"),
    [
        ("identity", 1.0, [10, 100, 200, 250], [10, 100, 200, 250]),
        ("auto_contrast", 1.0, [50, 100, 150, 100], [0, 127.5, 255, 127.5]),
        ("solarise", 0.5, [10, 100, 128, 250], [10, 100, 127, 5]),
        ("posterise", 1.0, [15, 16, 31, 255], [0, 16, 16, 240]),  # four bits
        ("posterise", 0.5, [3, 4, 7, 255], [0, 4, 4, 252]),  # six bits
        ("brightness", -1.0, [10, 100, 200, 250], [1, 10, 20, 25]),
        ("contrast", -1.0, [100, 200, 100, 200], [145, 155, 145, 155]),
        ("equalise", 1.0, [7, 7, 7, 7], [7, 7, 7, 7]),
    ],
)
def test_an_operation_by_hand(name, strength, pixels, expected):
    image = torch.tensor(pixels, dtype=torch.float32).reshape(1, 1, 2, 2)
    assert OPERATIONS[name](image, level(strength)).flatten().tolist() == pytest.approx(expected)


def test_geometry_by_hand():
    image = torch.arange(25, dtype=torch.float32).reshape(1, 1, 5, 5)
    moved = OPERATIONS["translate_x"](image, level(0.4 / 0.9))  # 0.4 of two half widths: one pixel of five
    assert moved[0, 0, :, :4].tolist() == image[0, 0, :, 1:].tolist()
    assert set(moved[0, 0, :, 4].tolist()) == {128.0}
    turned = OPERATIONS["rotate"](image, level(1.0))
    assert turned[0, 0, 2, 2] == image[0, 0, 2, 2]
    assert not torch.equal(turned, image)


def test_equalise_spreads_the_histogram():
    image = (
        torch.arange(256, dtype=torch.float32).div(8, rounding_mode="floor").repeat_interleave(4).reshape(1, 1, 32, 32)
    )
    even = OPERATIONS["equalise"](image, level(1.0))
    assert even.max() - even.min() > 240
    assert (even.flatten().diff() >= 0).all()


def test_images_take_different_operations_and_stay_bytes():
    images = torch.rand(64, 3, 16, 16, generator=generator()) * 255
    found = rand_augment(images, 2, 9.0, generator())
    assert found.min() >= 0
    assert found.max() <= 255
    changed = (found != images).flatten(1).any(dim=1)
    assert int(changed.sum()) > 55
